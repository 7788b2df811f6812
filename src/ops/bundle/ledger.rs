//! The entries in a bundle: proved against one checkpoint, signed by engines that the ledger itself trusted then, with what
//! they name by hash.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use crate::engine::book::trusted_engines;
use crate::engine::people::People;
use crate::engine::record::{self, TrustedEngine};
use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::key::Verifier;
use crate::ledger::merkle::leaf_hash;
use crate::ledger::note::Note;
use crate::ledger::proof::verify_inclusion;
use crate::ledger::tlog_proof::TlogProof;
use crate::manifest::layout::{Place, TRUST_ROOT_PATH};
use crate::manifest::parsed::parse_manifest;
use crate::manifest::trust_root::{TrustRoot, TrustRootSpec};
use crate::model::digest::Sha256;
use crate::model::event::{Adoption, Entry, Event};
use crate::ops::bundle::Refused;
use crate::ops::bundle::contents::{Contents, EVIDENCE_TYPE, LEDGER_TYPE};
use crate::ops::bundle::named::Subject;
use crate::redact::printable;

/// The folder of proofs, in what is attached.
const PROOFS: &str = "ledger/";
/// How proofs end.
const PROOF: &str = ".tlog-proof";
/// The folder of the evidence.
const EVIDENCE: &str = "evidence/";

/// The path of a proof.
pub(super) fn proof_path(index: u64) -> String {
    format!("{PROOFS}{index}{PROOF}")
}

/// The path of a file of the evidence.
pub(super) fn evidence_path(path: &str) -> String {
    format!("{EVIDENCE}{path}")
}

/// Whom a trust root trusts.
#[derive(Debug)]
pub(super) struct Trust {
    /// The root.
    pub(super) root: TrustRootSpec,
    /// Its people.
    pub(super) people: People,
    engines: Vec<TrustedEngine>,
}

/// An entry that is in the ledger.
#[derive(Debug)]
pub(super) struct Proved {
    /// Its index.
    pub(super) index: u64,
    /// What it says.
    pub(super) entry: Entry,
    /// Who was trusted when it was recorded.
    pub(super) trust: Arc<Trust>,
}

/// The entries of a bundle, in order.
#[derive(Debug)]
pub(super) struct Entries<'a> {
    /// What all of them are proved against.
    pub(super) checkpoint: Checkpoint,
    /// The entries.
    pub(super) proved: Vec<Proved>,
    /// Who was trusted after the last of them.
    pub(super) newest: Arc<Trust>,
    evidence: BTreeMap<&'a str, &'a Bytes>,
}

impl<'a> Entries<'a> {
    /// Checks every proof, under the log's key when there is one, and every signature of an engine.
    pub(super) fn read(contents: &'a Contents, key: Option<&Verifier>) -> Result<Self, Refused> {
        let evidence: BTreeMap<&str, &Bytes> = contents.files(EVIDENCE_TYPE).collect();
        let mut checkpoint: Option<(Vec<u8>, Checkpoint)> = None;
        let mut proved: Vec<Proved> = Vec::new();
        let mut trust: Option<Arc<Trust>> = None;
        for (path, bytes) in contents.files(LEDGER_TYPE) {
            let name = printable(path);
            let refuse = |reason: String| Refused(format!("`{name}`: {reason}"));
            let proof = TlogProof::parse(bytes).map_err(|error| refuse(error.to_string()))?;
            let found = check_proof(&proof, key).map_err(refuse)?;
            let (line, index) = (proof.extra.unwrap_or_default(), proof.index);
            if proof_path(index) != path {
                return Err(refuse(format!("it proves entry {index}")));
            }
            if proved.last().is_some_and(|last| last.index >= index) {
                return Err(refuse("it is not in the order of the ledger".to_owned()));
            }
            let checked = checkpoint.get_or_insert((proof.checkpoint.clone(), found));
            if checked.0 != proof.checkpoint {
                return Err(refuse(
                    "it has another checkpoint than the others".to_owned(),
                ));
            }
            let before = match &trust {
                Some(trust) => Arc::clone(trust),
                None => Arc::new(beginning(index, &line, &evidence).map_err(refuse)?),
            };
            let opened = record::open(&line, &before.engines);
            let entry = opened.map_err(|error| refuse(format!("entry {index}: {error}")))?;
            let after = match &entry.event {
                Event::Adopted(adoption) => {
                    let adopted = adopted(index, adoption, &evidence);
                    Arc::new(adopted.map_err(refuse)?)
                }
                Event::Registered(_)
                | Event::Received(_)
                | Event::Refused { .. }
                | Event::Decided(_)
                | Event::Intended(_)
                | Event::TakenOver { .. }
                | Event::Ended(_) => Arc::clone(&before),
            };
            trust = Some(after);
            proved.push(Proved {
                index,
                entry,
                trust: before,
            });
        }
        let (Some((_, checkpoint)), Some(newest)) = (checkpoint, trust) else {
            return Err(Refused("it holds no entry of a ledger".to_owned()));
        };
        Ok(Self {
            checkpoint,
            proved,
            newest,
            evidence,
        })
    }

    /// Checks that all entries belong to the version, and that the evidence is what they name: nothing less, nothing more.
    pub(super) fn check_evidence(&self, subject: &Subject) -> Result<(), Refused> {
        let mut named = BTreeSet::new();
        for Proved { index, entry, .. } in &self.proved {
            if !subject.has(&entry.event) {
                let message = format!("entry {index} has nothing to do with the version");
                return Err(Refused(message));
            }
            for file in subject.named(&entry.event) {
                let path = evidence_path(&file.path);
                let Some(bytes) = self.evidence.get(path.as_str()) else {
                    let message = format!("entry {index} names `{path}`, which is missing");
                    return Err(Refused(message));
                };
                if Sha256::of(bytes) != file.sha256 {
                    let message = format!("`{path}` is not what entry {index} names");
                    return Err(Refused(message));
                }
                named.insert(path);
            }
        }
        match self.evidence.keys().find(|path| !named.contains(**path)) {
            Some(path) => {
                let path = printable(path);
                Err(Refused(format!("no entry names `{path}`")))
            }
            None => Ok(()),
        }
    }

    /// A file of the evidence, once all of it was checked.
    pub(super) fn evidence(&self, path: &str) -> Result<&'a Bytes, Refused> {
        let path = evidence_path(path);
        let found = self.evidence.get(path.as_str()).copied();
        found.ok_or_else(|| Refused(format!("`{path}` is missing")))
    }
}

/// Checks a proof. Without a key it holds for the checkpoint in it, for which nobody vouches.
fn check_proof(proof: &TlogProof, key: Option<&Verifier>) -> Result<Checkpoint, String> {
    let line = proof.extra.as_deref();
    let line = line.ok_or("it does not hold the entry that it is about")?;
    if let Some(key) = key {
        return proof
            .check(Some(line), key)
            .map_err(|error| error.to_string());
    }
    let note = Note::parse(&proof.checkpoint).map_err(|error| error.to_string())?;
    let checkpoint = Checkpoint::parse(note.text()).map_err(|error| error.to_string())?;
    let (size, root) = (checkpoint.size, &checkpoint.root);
    verify_inclusion(&leaf_hash(line), proof.index, size, &proof.hashes, root)
        .map_err(|error| format!("the entry is not what it proves: {error}"))?;
    Ok(checkpoint)
}

/// Whom the first entry trusts: a ledger begins with the adoption of a trust root, by an engine of that root.
fn beginning(index: u64, line: &[u8], evidence: &BTreeMap<&str, &Bytes>) -> Result<Trust, String> {
    let entry = record::peek(line).map_err(|error| error.to_string())?;
    let Event::Adopted(adoption) = &entry.event else {
        return Err("a ledger begins with the adoption of a trust root".to_owned());
    };
    if index > 0 {
        return Err("entry 0, with which a ledger begins, is missing".to_owned());
    }
    adopted(index, adoption, evidence)
}

/// Whom an adoption trusts.
fn adopted(
    index: u64,
    adoption: &Adoption,
    evidence: &BTreeMap<&str, &Bytes>,
) -> Result<Trust, String> {
    let path = evidence_path(&record::evidence_path(adoption.root, "yaml"));
    let bytes = evidence.get(path.as_str());
    let bytes = bytes.ok_or_else(|| format!("entry {index} names `{path}`, which is missing"))?;
    if Sha256::of(bytes) != adoption.root {
        return Err(format!("`{path}` is not what entry {index} names"));
    }
    let read = parse_manifest::<TrustRoot>(&Place::TrustRoot, TRUST_ROOT_PATH, bytes);
    let root = read.map_err(|_| format!("`{path}` is no trust root"))?;
    let root = root.value.spec;
    Ok(Trust {
        people: People::of(&root),
        engines: trusted_engines(&root),
        root,
    })
}
