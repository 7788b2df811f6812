//! Entries as the ledger keeps them: an in-toto statement in a DSSE envelope, one line of JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::attest::dsse::{self, DsseError};
use crate::attest::engine_key::{EngineKey, EnginePublicKey};
use crate::model::attestation::{PAYLOAD_TYPE, STATEMENT_TYPE, Statement, Subject};
use crate::model::digest::Sha256;
use crate::model::event::{Entry, Event, Judgement, Source};
use crate::model::id::{EngineName, EnvironmentName};
use crate::model::verdict::DecisionResult;

/// The predicate type of decisions: <https://slsa.dev/spec/v1.1/verification_summary>.
const SUMMARY_TYPE: &str = "https://slsa.dev/verification_summary/v1";

/// Why a line is not an entry.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The envelope is not good, or no trusted engine signed it.
    #[error(transparent)]
    Envelope(#[from] DsseError),
    /// The statement has another shape.
    #[error("it is signed, and is not an entry")]
    Shape(#[source] serde_json::Error),
    /// The statement is of another type.
    #[error("it is signed, and its {0} is another than its event's")]
    Type(&'static str),
    /// It names an engine whose key did not sign it.
    #[error("it names engine `{named}`, and is signed by `{signer}`")]
    Signer {
        /// The engine that it names.
        named: EngineName,
        /// The engine whose key signed.
        signer: EngineName,
    },
    /// The engine may not act for the environment.
    #[error("it is about `{environment}`, and engine `{engine}` may not act for that")]
    Environment {
        /// The engine.
        engine: EngineName,
        /// The environment.
        environment: EnvironmentName,
    },
}

/// An engine as the trust root knows it.
#[derive(Debug, Clone)]
pub struct TrustedEngine {
    /// Its name.
    pub name: EngineName,
    /// Its public key.
    pub key: EnginePublicKey,
    /// The environments it may act for.
    pub environments: std::collections::BTreeSet<EnvironmentName>,
}

/// What an entry's statement says: the entry, and for decisions the fields of a SLSA verification summary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Predicate {
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    summary: Option<Summary>,
    entry: Entry,
}

/// The fields that the verification summary format asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    verifier: Verifier,
    time_verified: Timestamp,
    resource_uri: String,
    policy: Resource,
    input_attestations: Vec<Resource>,
    verification_result: String,
    verified_levels: Vec<String>,
    slsa_version: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Verifier {
    id: String,
    version: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Resource {
    uri: String,
    digest: BTreeMap<String, String>,
}

impl Resource {
    fn new(uri: &str, sha256: Sha256) -> Self {
        Self {
            uri: uri.to_owned(),
            digest: BTreeMap::from([("sha256".to_owned(), sha256.to_string())]),
        }
    }
}

/// Signs an entry and writes it as one line, without the line break.
///
/// # Errors
///
/// When it is too long or cannot be signed.
pub fn seal(entry: &Entry, key: &EngineKey) -> Result<Vec<u8>, RecordError> {
    let body = serde_json::to_vec(&statement(entry)).map_err(RecordError::Shape)?;
    Ok(dsse::seal(PAYLOAD_TYPE, &body, key)?.into_bytes())
}

/// Verifies a line against the engines that are trusted, and reads it.
///
/// # Errors
///
/// When it is not exactly what [`seal`] writes, or was signed by an engine that may not say this.
pub fn open(line: &[u8], engines: &[TrustedEngine]) -> Result<Entry, RecordError> {
    let trusted: Vec<(&TrustedEngine, EnginePublicKey)> =
        engines.iter().map(|engine| (engine, engine.key)).collect();
    let verified = dsse::open(line, &trusted)?;
    if verified.bytes.payload_type() != PAYLOAD_TYPE {
        return Err(RecordError::Type("payload type"));
    }
    let read: Statement<Predicate> =
        serde_json::from_slice(verified.bytes.body()).map_err(RecordError::Shape)?;
    if read.statement_type != STATEMENT_TYPE {
        return Err(RecordError::Type("statement type"));
    }
    // Subject, type and summary follow from the entry, so anything else there is not ours.
    if read != statement(&read.predicate.entry) {
        return Err(RecordError::Type("subject or predicate type"));
    }
    let entry = read.predicate.entry;
    check_signer(&entry, &verified.signers)?;
    Ok(entry)
}

/// The entry of a line whose signature is not looked at: for finding out which trust root to read first, and for lines
/// that [`open`] has read before.
///
/// # Errors
///
/// When it has another shape.
pub fn peek(line: &[u8]) -> Result<Entry, RecordError> {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        payload: Cow<'a, str>,
    }
    /// A [`Predicate`] without the summary, which follows from the entry.
    #[derive(Deserialize)]
    struct Looked {
        entry: Entry,
    }
    use base64::Engine as _;
    let envelope: Envelope<'_> = serde_json::from_slice(line).map_err(RecordError::Shape)?;
    let body = base64::engine::general_purpose::STANDARD
        .decode(envelope.payload.as_bytes())
        .map_err(|_| RecordError::Type("payload"))?;
    let read: Statement<Looked> = serde_json::from_slice(&body).map_err(RecordError::Shape)?;
    Ok(read.predicate.entry)
}

fn check_signer(entry: &Entry, signers: &[&TrustedEngine]) -> Result<(), RecordError> {
    let Some(signer) = signers.iter().find(|signer| signer.name == entry.engine) else {
        let signer = signers
            .first()
            .map_or_else(|| entry.engine.clone(), |signer| signer.name.clone());
        return Err(RecordError::Signer {
            named: entry.engine.clone(),
            signer,
        });
    };
    match entry.event.environment() {
        Some(environment) if !signer.environments.contains(environment) => {
            Err(RecordError::Environment {
                engine: signer.name.clone(),
                environment: environment.clone(),
            })
        }
        Some(_) | None => Ok(()),
    }
}

fn statement(entry: &Entry) -> Statement<Predicate> {
    let summary = match &entry.event {
        Event::Decided(judgement) => Some(summary(entry, judgement)),
        Event::Adopted(_) | Event::Registered(_) | Event::Received(_) | Event::Refused { .. } => {
            None
        }
        Event::Intended(_) | Event::TakenOver { .. } | Event::Ended(_) => None,
    };
    Statement::new(
        subject(&entry.event),
        predicate_type(&entry.event),
        Predicate {
            summary,
            entry: entry.clone(),
        },
    )
}

/// The predicate type of the statement that an event is recorded in.
#[must_use]
pub const fn predicate_type(event: &Event) -> &'static str {
    match event {
        Event::Adopted(_) => "https://promote.dev/policy-adopted/v1",
        Event::Registered(_) => "https://promote.dev/version-registered/v1",
        Event::Received(_) => "https://promote.dev/statement-received/v1",
        Event::Refused { .. } => "https://promote.dev/statement-refused/v1",
        Event::Decided(_) => SUMMARY_TYPE,
        Event::Intended(_) => "https://promote.dev/promotion-intent/v1",
        Event::TakenOver { .. } => "https://promote.dev/promotion-takeover/v1",
        Event::Ended(_) => "https://promote.dev/promotion-result/v1",
    }
}

fn subject(event: &Event) -> Subject {
    let promoted = |promotion: &crate::model::promotion::Promotion| {
        Subject::artifact(
            format!("{}@{}", promotion.slot.artifact, promotion.version),
            promotion.digest,
        )
    };
    match event {
        Event::Adopted(adoption) => Subject::file("trust/index.yaml".to_owned(), adoption.index),
        Event::Registered(registration) => {
            Subject::artifact(registration.version.to_string(), registration.digest)
        }
        Event::Received(receipt) => Subject::file("statement".to_owned(), receipt.statement),
        Event::Refused { statement, .. } => Subject::file("statement".to_owned(), *statement),
        Event::Decided(judgement) => promoted(&judgement.promotion),
        Event::Intended(intent) => promoted(&intent.promotion),
        Event::TakenOver { promotion, .. } => Subject::file(promotion.short(), promotion.hash()),
        Event::Ended(outcome) => promoted(&outcome.promotion),
    }
}

fn summary(entry: &Entry, judgement: &Judgement) -> Summary {
    let promotion = &judgement.promotion;
    let is_allowed = judgement.decision.result == DecisionResult::Allow;
    Summary {
        verifier: Verifier {
            id: format!("https://promote.dev/engine/{}", entry.engine),
            version: BTreeMap::from([("promote".to_owned(), entry.engine_version.clone())]),
        },
        time_verified: entry.recorded_at,
        resource_uri: format!(
            "promote:{}/{}",
            promotion.slot.workspace, promotion.slot.artifact
        ),
        policy: Resource::new(
            &format!("policies/{}.yaml", promotion.environment),
            judgement.policy,
        ),
        input_attestations: judgement.sources.iter().map(attestation).collect(),
        verification_result: if is_allowed { "PASSED" } else { "FAILED" }.to_owned(),
        verified_levels: Vec::new(),
        slsa_version: "1.1".to_owned(),
    }
}

/// A source of a decision, by where its bytes are.
fn attestation(source: &Source) -> Resource {
    let path = evidence_path(source.sha256, source.what.extension());
    Resource::new(&path, source.sha256)
}

/// Where evidence with these bytes is kept, below `evidence/`.
#[must_use]
pub fn evidence_path(sha256: Sha256, extension: &str) -> String {
    let hex = sha256.to_string();
    let folder: String = hex.chars().take(2).collect();
    format!("sha256/{folder}/{hex}.{extension}")
}

/// Where a signature of evidence is kept: beside it, named by its key.
#[must_use]
pub fn signature_path(
    sha256: Sha256,
    extension: &str,
    key: &crate::model::principal::KeyFingerprint,
) -> String {
    format!(
        "{}.{}.sig",
        evidence_path(sha256, extension),
        key.file_name()
    )
}
