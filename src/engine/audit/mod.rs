//! The ledger checked again from its evidence alone, as if the engine that wrote it could not be trusted.
//!
//! [`Book`] has verified lines, signatures of engines, the fold and adoptions when it was opened. This goes on from there:
//! every piece of evidence is there and is what it should be, every signature of a person is good under the trust root that
//! was in force, and every decision comes out the same when it is made again.
//!
//! What it cannot see is what only Git has: on which commit the release file was, who signed that and whose address is on
//! it, whether the inbox was rewritten, and which policy was in force when the release was committed.

mod ahead;
mod attestation;
mod decision;
mod governed;
mod labels;
mod pipelines;
mod sources;
mod statement;
mod witness;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::engine::audit::ahead::Ahead;
use crate::engine::audit::governed::Governed;
use crate::engine::audit::labels::Known;
use crate::engine::book::Book;
use crate::engine::people::People;
use crate::engine::record;
use crate::ledger::merkle::Roots;
use crate::manifest::layout::{Place, TRUST_ROOT_PATH};
use crate::manifest::parsed::parse_manifest;
use crate::manifest::trust_root::{TrustRoot, TrustRootSpec};
use crate::model::digest::Sha256;
use crate::model::event::{Adoption, Entry, Event, SignatureRef};
use crate::model::id::PrincipalName;
use crate::model::promotion::PromotionId;
use crate::model::verdict::DecisionResult;
use crate::plan::state::State;

/// What was checked, and what did not hold.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Audit {
    /// The entries.
    pub entries: u64,
    /// The statements of people, taken or refused.
    pub statements: u64,
    /// The signatures of people that were verified again: of statements, manifests and trust files.
    pub signatures: u64,
    /// The decisions that were made again.
    pub decisions: u64,
    /// The files of evidence that entries name.
    pub evidence: u64,
    /// Each decision as it came out again; empty unless that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replays: Vec<Replay>,
    /// Everything that does not hold, in the order of the ledger.
    pub problems: Vec<Problem>,
}

/// A decision that was made again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replay {
    /// Its entry.
    pub entry: u64,
    /// The promotion.
    pub promotion: PromotionId,
    /// What was recorded.
    pub recorded: DecisionResult,
    /// What came out again; `None` when its facts are not there, or are of other rules.
    pub again: Option<DecisionResult>,
    /// How many files it says it was made from.
    pub sources: usize,
    /// Whether nothing about it is wrong.
    pub holds: bool,
}

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The entry's index; `None` for what concerns the ledger as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
    /// The file of evidence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(entry) = self.entry {
            write!(formatter, "entry {entry}: ")?;
        }
        if let Some(file) = &self.file {
            write!(formatter, "`{file}`: ")?;
        }
        formatter.write_str(&self.reason)
    }
}

/// Checks everything that the evidence can show.
#[must_use]
pub fn audit(book: &Book) -> Audit {
    let mut auditor = Auditor {
        book,
        origin: book.log().verifier().name().to_owned(),
        state: State::default(),
        root: None,
        people: Arc::default(),
        governed: Vec::new(),
        known: Known::default(),
        files: BTreeMap::new(),
        rules: 0,
        roots: Roots::default(),
        ahead: Ahead::default(),
        audit: Audit::default(),
    };
    let mut index = 0;
    // What follows an adoption is read under another trust root, so no run goes on behind one.
    for under_one_root in book
        .entries()
        .split_inclusive(|entry| matches!(entry.event, Event::Adopted(_)))
    {
        let people = Arc::clone(&auditor.people);
        let look = |run: &[Entry]| Ahead::of(run, book.log(), &people);
        let mut runs = under_one_root.chunks(ahead::RUN).peekable();
        let mut looked = look(runs.peek().copied().unwrap_or(&[]));
        while let Some(run) = runs.next() {
            let next = runs.peek().copied().unwrap_or(&[]);
            let check = || {
                for (entry, ahead) in run.iter().zip(looked) {
                    auditor.ahead = ahead;
                    auditor.check(index, entry);
                    index += 1;
                }
            };
            ((), looked) = rayon::join(check, || look(next));
        }
    }
    Audit {
        evidence: u64::try_from(auditor.files.len()).unwrap_or(u64::MAX),
        ..auditor.audit
    }
}

/// The ledger as it was before the entry that is looked at.
struct Auditor<'a> {
    book: &'a Book,
    origin: String,
    state: State,
    root: Option<TrustRootSpec>,
    people: Arc<People>,
    /// The governed files of each adoption, oldest first.
    governed: Vec<Governed>,
    known: Known,
    /// The files of evidence that were asked for, and whether each is what it should be.
    files: BTreeMap<String, bool>,
    /// The newest version of the rules that anything was decided by.
    rules: u32,
    roots: Roots,
    /// What is known of the entry at hand.
    ahead: Ahead,
    audit: Audit,
}

/// A signature that an entry says somebody made.
#[derive(Clone, Copy)]
struct Claim<'a> {
    namespace: &'static str,
    /// What was signed, and its SHA-256.
    message: &'a [u8],
    signed: Sha256,
    /// Where the signature is.
    path: &'a str,
    sha256: Sha256,
    principal: &'a PrincipalName,
    key: &'a crate::model::principal::KeyFingerprint,
}

impl Auditor<'_> {
    fn check(&mut self, index: u64, entry: &Entry) {
        self.audit.entries += 1;
        match &entry.event {
            Event::Adopted(adoption) => self.check_adoption(index, adoption),
            Event::Registered(registration) => self.check_registration(index, entry, registration),
            Event::Received(receipt) => self.check_receipt(index, receipt),
            Event::Refused {
                statement,
                signature,
                signer,
                ..
            } => self.check_refusal(index, *statement, *signature, signer),
            Event::Decided(judgement) => self.check_decision(index, entry, judgement),
            // All that these say follows from other entries, and the fold has held them against those.
            Event::Intended(_) | Event::TakenOver { .. } | Event::Ended(_) => {}
        }
        if let Err(error) = self.state.apply(entry) {
            self.problem(index, None, error.to_string());
        }
    }

    fn problem(&mut self, index: u64, file: Option<&str>, reason: impl Into<String>) {
        self.audit.problems.push(Problem {
            entry: Some(index),
            file: file.map(|file| format!("evidence/{file}")),
            reason: reason.into(),
        });
    }

    /// A piece of evidence; `None`, and a problem, when it is not there or is something else.
    fn evidence(&mut self, index: u64, sha256: Sha256, path: &str) -> Option<Vec<u8>> {
        if let Some(bytes) = self.ahead.file(path) {
            let bytes = bytes.clone();
            self.files.insert(path.to_owned(), true);
            return Some(bytes);
        }
        let is_new = !self.files.contains_key(path);
        if is_new {
            self.files.insert(path.to_owned(), false);
        }
        match self.book.log().evidence(path) {
            Ok(Some(bytes)) if Sha256::of(&bytes) == sha256 => {
                self.files.insert(path.to_owned(), true);
                return Some(bytes);
            }
            // Told once; whatever else needs it only adds that it could not be looked at.
            _ if !is_new => {}
            Ok(Some(_)) => self.problem(
                index,
                Some(path),
                format!("it was changed: its SHA-256 is not {sha256}"),
            ),
            Ok(None) => self.problem(index, Some(path), "it is not there"),
            Err(error) => self.problem(index, Some(path), error.to_string()),
        }
        None
    }

    /// Whether a piece of evidence is what it should be; a problem, when it is not. Each is read once for this.
    fn is_whole(&mut self, index: u64, sha256: Sha256, path: &str) -> bool {
        self.files.get(path) == Some(&true) || self.evidence(index, sha256, path).is_some()
    }

    /// Verifies a signature under the trust root in force.
    fn check_signature(&mut self, index: u64, claim: Claim<'_>) {
        let Some(armored) = self.evidence(index, claim.sha256, claim.path) else {
            return;
        };
        self.audit.signatures += 1;
        let known = self
            .ahead
            .signer(claim.signed, claim.sha256, claim.namespace);
        let verified = match known {
            // Whether the key counts at this entry, looking ahead does not tell.
            Some(signer) if !self.people.is_revoked(&signer.key, index) => Ok(signer.clone()),
            Some(_) | None => self
                .people
                .verify(claim.namespace, claim.message, &armored, index),
        };
        let reason = match verified {
            Ok(signer) if signer.principal != *claim.principal => {
                format!(
                    "the entry says `{}` signed, and `{}` did",
                    claim.principal, signer.principal
                )
            }
            Ok(signer) if signer.key != *claim.key => {
                format!(
                    "the entry says key {} signed, and {} did",
                    claim.key, signer.key
                )
            }
            Ok(_) => return,
            Err(error) => error.to_string(),
        };
        self.problem(index, Some(claim.path), reason);
    }

    /// The signatures were judged when the ledger was opened; here all files are looked at, and kept for what follows.
    fn check_adoption(&mut self, index: u64, adoption: &Adoption) {
        let path = record::evidence_path(adoption.root, "yaml");
        if let Some(root) = self.evidence(index, adoption.root, &path) {
            match parse_manifest::<TrustRoot>(&Place::TrustRoot, TRUST_ROOT_PATH, &root) {
                Ok(document) => {
                    self.people = Arc::new(People::of(&document.value.spec));
                    self.root = Some(document.value.spec);
                }
                Err(_) => self.problem(index, Some(&path), "it is not a trust root"),
            }
        }
        self.evidence(
            index,
            adoption.index,
            &record::evidence_path(adoption.index, "yaml"),
        );
        for (file, SignatureRef { sha256, key }) in &adoption.signatures {
            let signed = if file.as_str().starts_with(TRUST_ROOT_PATH) {
                adoption.root
            } else {
                adoption.index
            };
            let path = record::signature_path(signed, "yaml", key);
            if self.evidence(index, *sha256, &path).is_some() {
                self.audit.signatures += 1;
            }
        }
        let mut governed = Governed::default();
        for (file, sha256) in &adoption.files {
            let path = record::evidence_path(*sha256, "yaml");
            if let Some(bytes) = self.evidence(index, *sha256, &path)
                && !governed.take(file.as_str(), &bytes)
            {
                self.problem(
                    index,
                    Some(&path),
                    format!("it was adopted as `{file}`, and is not valid as that"),
                );
            }
        }
        self.governed.push(governed);
        self.known.forget_data();
    }
}

#[cfg(test)]
mod changed;
#[cfg(test)]
mod tests;
