//! `promote ledger check`: needs no ledger, no repository and no network.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::context::Context;
use crate::engine::record;
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::fs::durable;
use crate::ledger::key::Verifier;
use crate::ledger::store::MAX_LINE_BYTES;
use crate::ledger::tlog_proof::{MAX_TLOG_PROOF_BYTES, TlogProof, TlogProofError};
use crate::model::digest::Sha256;
use crate::model::event::Entry;

/// The longest file that holds a verifier key, in bytes.
const MAX_KEY_BYTES: usize = 4096;

/// What is to be checked.
#[derive(Debug, Clone, Default)]
pub struct CheckRequest {
    /// The file with the proof.
    pub proof: PathBuf,
    /// A file with the entry's line; the one in the proof when left out.
    pub entry: Option<PathBuf>,
    /// The log's verifier key, or a file that holds it; the one that the promotion repository trusts when left out.
    pub key: Option<String>,
}

/// A proof that holds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckedProof {
    /// The name of the ledger.
    pub ledger: String,
    /// The key that signed its checkpoint.
    pub key: String,
    /// The entry's index.
    pub index: u64,
    /// The number of entries that the checkpoint covers.
    pub size: u64,
    /// The root of the tree over those.
    pub root: Sha256,
    /// The names of all keys that signed the checkpoint. Only the log's was verified.
    pub signed_by: Vec<String>,
    /// What the entry says. The log vouches that it recorded it; whether its engine was trusted, `promote verify` tells.
    pub entry: Option<Entry>,
}

/// Checks a proof.
///
/// # Errors
///
/// When a file cannot be read, the key is not one, or the proof does not hold.
pub fn check(context: &Context, request: &CheckRequest) -> Result<CheckedProof> {
    let verifier = verifier(context, request.key.as_deref())?;
    let bytes = read(&request.proof, MAX_TLOG_PROOF_BYTES)?;
    let line = match &request.entry {
        Some(path) => Some(strip_newline(read(path, MAX_LINE_BYTES + 1)?)),
        None => None,
    };
    let refuse = |error: TlogProofError| {
        let is_bare = error == TlogProofError::NoEntry;
        let name = request.proof.display();
        let failure =
            Failure::of(FailureKind::Invalid, &error).during(format!("`{name}` does not hold"));
        if is_bare {
            return failure.hint("name the entry's line with `--entry FILE`; `promote ledger show INDEX --raw` prints it");
        }
        failure.hint("do not rely on it; ask for a new proof, and compare the log's key with somebody who signed the trust root")
    };
    let proof = TlogProof::parse(&bytes).map_err(refuse)?;
    let checkpoint = proof.check(line.as_deref(), &verifier).map_err(refuse)?;
    let note = crate::ledger::note::Note::parse(&proof.checkpoint).or_fail(FailureKind::Invalid)?;
    let line = line.or(proof.extra);
    Ok(CheckedProof {
        ledger: checkpoint.origin,
        key: verifier.to_string(),
        index: proof.index,
        size: checkpoint.size,
        root: checkpoint.root,
        signed_by: note
            .signatures()
            .iter()
            .map(|line| line.name.clone())
            .collect(),
        entry: line.and_then(|line| record::peek(&line).ok()),
    })
}

/// The key as it was given, from a file, or from the trust root that the repository's ledger has in force.
fn verifier(context: &Context, key: Option<&str>) -> Result<Verifier> {
    let Some(key) = key else {
        let mut engine = context.offline().observer().map_err(|failure| {
            failure.hint("or name the log's verifier key with `--key`; it is `spec.ledger.key` in `trust/root.yaml`")
        })?;
        return Ok(engine.open_ledger()?.log().verifier().clone());
    };
    read_verifier(key)
}

/// A verifier key as it was given, or from a file.
///
/// # Errors
///
/// When it is not one.
pub(crate) fn read_verifier(key: &str) -> Result<Verifier> {
    let path = Path::new(key);
    let text = if durable::exists(path) {
        String::from_utf8(read(path, MAX_KEY_BYTES)?).or_fail(FailureKind::Invalid)?
    } else {
        key.to_owned()
    };
    text.trim().parse().map_err(|error| {
        let failure =
            Failure::of(FailureKind::Usage, &error).during("the log's verifier key is not one");
        failure.hint("it is `spec.ledger.key` in `trust/root.yaml`")
    })
}

fn read(path: &Path, limit: usize) -> Result<Vec<u8>> {
    durable::read_bounded(path, limit).map_err(|error| {
        Failure::of(FailureKind::Invalid, &error)
            .during(format!("`{}` cannot be read", path.display()))
    })
}

/// A line as the ledger hashes it: editors and shells end files with a newline.
fn strip_newline(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    bytes
}
