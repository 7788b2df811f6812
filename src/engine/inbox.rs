//! Statements of people: from the branch `promote-inbox` into the ledger.
//!
//! One file for each statement, `statements/<sha256>.json`, and beside it a signature for each key,
//! `statements/<sha256>.json.<fingerprint>.sig`. Statements of unknown keys leave no trace, so that nobody without a key
//! can fill the ledger; those of known people that do not hold are refused, with the reason.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::engine::people::{People, Signer};
use crate::engine::record;
use crate::model::act::Act;
use crate::model::approval::{APPROVAL_NAMESPACE, APPROVAL_TYPE, Approval, MARK_BAD_TYPE, MarkBad};
use crate::model::attestation::{STATEMENT_TYPE, Statement};
use crate::model::digest::{Sha256, TreeDigest};
use crate::model::event::{Event, Receipt, Said};
use crate::model::id::PrincipalName;
use crate::model::principal::KeyFingerprint;
use crate::plan::state::State;

/// The branch that statements come in through.
pub const INBOX_BRANCH: &str = "promote-inbox";
/// The folder of the branch that holds them.
pub const STATEMENTS_FOLDER: &str = "statements";
/// The largest statement or signature, in bytes.
pub const MAX_STATEMENT_BYTES: usize = 64 << 10;
/// The most files that are looked at in one run, of those that are not in the ledger.
pub const MAX_STATEMENT_FILES: usize = 20_000;

/// A statement and one signature of it, as found in the inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The name that the file has: the SHA-256 that its bytes should have.
    pub name: Sha256,
    /// The bytes of the statement.
    pub statement: Vec<u8>,
    /// The bytes of the signature file.
    pub signature: Vec<u8>,
}

/// What becomes of a found statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The entry.
    pub event: Event,
    /// The key that signed. A statement is taken once for each: a second signature by the same key says nothing new,
    /// and its file would take the place of the first in the evidence.
    pub key: KeyFingerprint,
    /// The statement and its signature, by their paths below `evidence/`.
    pub evidence: BTreeMap<String, Vec<u8>>,
}

/// The name of the statement that a file of the inbox is, or is a signature of.
#[must_use]
pub fn name_of(path: &str) -> Option<Sha256> {
    let name = path.rsplit('/').next()?;
    name.split_once(".json")?.0.parse().ok()
}

/// Pairs statement files with their signature files, by name.
#[must_use]
pub fn pair_files(paths: &[String]) -> Vec<(Sha256, String, Vec<String>)> {
    let sorted: BTreeSet<&str> = paths.iter().map(String::as_str).collect();
    let mut pairs = Vec::new();
    for path in paths.iter().filter(|path| path.ends_with(".json")) {
        let name = path
            .rsplit('/')
            .next()
            .and_then(|name| name.strip_suffix(".json"));
        let Some(sha256) = name.and_then(|name| name.parse::<Sha256>().ok()) else {
            continue;
        };
        let prefix = format!("{path}.");
        let beside = sorted
            .range(prefix.as_str()..)
            .take_while(|other| other.starts_with(&prefix));
        let signatures = beside.filter(|other| other.ends_with(".sig"));
        pairs.push((
            sha256,
            path.clone(),
            signatures.map(|other| (*other).to_owned()).collect(),
        ));
    }
    pairs
}

/// Where a statement comes among those that are taken together: by the time that it says it was issued at, a rejection
/// after an approval, and then by name. So a person's later answer is the later one in the ledger.
#[must_use]
pub fn order(found: &Found) -> (Option<Timestamp>, bool, Sha256) {
    let said = serde_json::from_slice::<Dated>(&found.statement).ok();
    let (issued_at, is_rejection) = match said.map(|dated| dated.predicate) {
        Some(DatedPredicate::Answer {
            issued_at,
            decision,
        }) => (Some(issued_at), decision.as_deref() == Some(REJECT)),
        Some(DatedPredicate::Act { signing }) => (Some(signing.issued_at), false),
        None => (None, false),
    };
    (issued_at, is_rejection, found.name)
}

/// Decides what becomes of a statement; `None` when it leaves no trace.
#[must_use]
pub fn take(
    found: &Found,
    people: &People,
    ledger: &str,
    state: &State,
    inbox: &str,
) -> Option<Taken> {
    // INVARIANT: evidence is kept by its hash, so what is named for other bytes must never get there. Nor may it be
    // refused: anyone can copy a statement under another name, and the real one would count as known.
    if Sha256::of(&found.statement) != found.name {
        return None;
    }
    let signature = Sha256::of(&found.signature);
    if state.statements.contains_key(&(found.name, signature)) {
        return None;
    }
    // A bad signature has no owner, and an unknown or revoked key may be anyone's.
    let signer = people
        .verify(
            APPROVAL_NAMESPACE,
            &found.statement,
            &found.signature,
            state.size,
        )
        .ok()?;
    let event = match read(&found.statement, &signer, ledger) {
        Ok(said) => Event::Received(Receipt {
            statement: found.name,
            signature,
            groups: people.groups_of(&signer.principal),
            key: signer.key.clone(),
            signer: signer.principal.clone(),
            said,
            inbox: inbox.to_owned(),
        }),
        Err(reason) => Event::Refused {
            statement: found.name,
            signature,
            signer: signer.principal.clone(),
            reason,
            inbox: inbox.to_owned(),
        },
    };
    let evidence = BTreeMap::from([
        (
            record::evidence_path(found.name, "json"),
            found.statement.clone(),
        ),
        (
            record::signature_path(found.name, "json", &signer.key),
            found.signature.clone(),
        ),
    ]);
    Some(Taken {
        event,
        key: signer.key,
        evidence,
    })
}

/// Reads a statement and checks what does not depend on the promotion; the gates check the rest.
///
/// # Errors
///
/// The reason, in words, when the statement is not one that its signer can have meant for this ledger.
pub fn read(statement: &[u8], signer: &Signer, ledger: &str) -> Result<Said, String> {
    let header: Header = serde_json::from_slice(statement)
        .map_err(|error| format!("it is not an in-toto statement: {error}"))?;
    if header.statement_type != STATEMENT_TYPE {
        return Err("it is not an in-toto statement of version 1".to_owned());
    }
    match header.predicate_type.as_str() {
        APPROVAL_TYPE => {
            let said: Statement<Approval> = parse(statement)?;
            let approval = said.predicate.clone();
            check(
                &said,
                approval.binding.digest,
                &approval.principal,
                &approval.binding.ledger,
                signer,
                ledger,
            )?;
            Ok(Said::Approval(Box::new(approval)))
        }
        MARK_BAD_TYPE => {
            let said: Statement<MarkBad> = parse(statement)?;
            let mark = said.predicate.clone();
            check(
                &said,
                mark.digest,
                &mark.principal,
                &mark.ledger,
                signer,
                ledger,
            )?;
            Ok(Said::MarkBad(mark))
        }
        other => match Act::TYPES.iter().find(|(_, known)| *known == other) {
            Some((word, _)) => read_act(word, statement, signer, ledger),
            None => Err(format!("nothing is known of statements of type `{other}`")),
        },
    }
}

/// Reads an act: the word for it says what the predicate has to be.
fn read_act(word: &str, statement: &[u8], signer: &Signer, ledger: &str) -> Result<Said, String> {
    let said: Statement<Value> = parse(statement)?;
    let act = serde_json::json!({ "act": word, "of": said.predicate });
    let act: Act = serde_json::from_value(act)
        .map_err(|error| format!("it is not what its type says: {error}"))?;
    let is_about =
        matches!(said.subject.as_slice(), [subject] if subject.digest == act.subject().digest);
    if !is_about {
        return Err("its subject is another digest than its predicate names".to_owned());
    }
    let signing = act.signing();
    check_origin(&signing.principal, &signing.ledger, signer, ledger)?;
    if signing.reason.trim().is_empty() {
        return Err("it gives no reason".to_owned());
    }
    Ok(Said::Act(Box::new(act)))
}

/// The word for a rejection in a statement.
const REJECT: &str = "reject";

#[derive(Deserialize)]
struct Dated {
    predicate: DatedPredicate,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum DatedPredicate {
    Answer {
        #[serde(rename = "issuedAt")]
        issued_at: Timestamp,
        #[serde(default)]
        decision: Option<String>,
    },
    Act {
        signing: DatedSigning,
    },
}

#[derive(Deserialize)]
struct DatedSigning {
    #[serde(rename = "issuedAt")]
    issued_at: Timestamp,
}

#[derive(Deserialize)]
struct Header {
    #[serde(rename = "_type")]
    statement_type: String,
    #[serde(rename = "predicateType")]
    predicate_type: String,
}

fn parse<P: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<Statement<P>, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("it is not what its type says: {error}"))
}

fn check<P>(
    statement: &Statement<P>,
    digest: TreeDigest,
    principal: &PrincipalName,
    origin: &str,
    signer: &Signer,
    ledger: &str,
) -> Result<(), String> {
    let is_about = matches!(statement.subject.as_slice(), [subject] if subject.tree_digest() == Some(digest) && subject.digest.len() == 1);
    if !is_about {
        return Err("its subject is another digest than its predicate names".to_owned());
    }
    check_origin(principal, origin, signer, ledger)
}

fn check_origin(
    principal: &PrincipalName,
    origin: &str,
    signer: &Signer,
    ledger: &str,
) -> Result<(), String> {
    if *principal != signer.principal {
        return Err(format!(
            "it says it is by `{principal}`, and is signed by `{}`",
            signer.principal
        ));
    }
    if origin != ledger {
        return Err("it was made for another ledger".to_owned());
    }
    Ok(())
}
