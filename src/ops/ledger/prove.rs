//! `promote ledger prove`.

use std::path::PathBuf;

use serde::Serialize;

use crate::context::Context;
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::fs::durable;
use crate::ledger::proof::ProofError;
use crate::model::digest::Sha256;
use crate::ops::ledger::find::find;

/// What is to be proved.
#[derive(Debug, Clone, Default)]
pub struct ProveRequest {
    /// The entry, as people name it.
    pub entry: String,
    /// Where to write the proof; nowhere when left out.
    pub to: Option<PathBuf>,
    /// Whether the proof shall not hold the entry itself.
    pub is_bare: bool,
}

/// A proof that was made.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WrittenProof {
    /// The name of the ledger.
    pub ledger: String,
    /// The log's verifier key, which a proof is checked with.
    pub key: String,
    /// The entry.
    pub index: u64,
    /// The number of entries that the checkpoint in it covers.
    pub size: u64,
    /// The root of the tree over those.
    pub root: Sha256,
    /// The file it was written to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// The proof.
    pub proof: String,
}

/// Proves that an entry is in the ledger, to somebody who has only the log's verifier key.
///
/// # Errors
///
/// When the ledger cannot be read or believed, has no such entry or has not signed it yet, or the file cannot be written.
pub fn prove(context: &Context, request: &ProveRequest) -> Result<WrittenProof> {
    let mut engine = context.observer()?;
    let log = engine.open_ledger()?;
    let index = find(log, &request.entry)?;
    let log = log.log();
    let unsigned = |error: ProofError| {
        let failure = Failure::new(
            FailureKind::Waiting,
            format!("no checkpoint covers entry {index} yet"),
        );
        failure.hint(format!("the next `promote apply` signs it ({error})"))
    };
    let mut proof = log.prove(index).map_err(unsigned)?;
    if !request.is_bare {
        let at = usize::try_from(index).or_fail(FailureKind::Internal)?;
        proof.extra = log.entries().get(at).cloned();
    }
    let checkpoint = log.checkpoint().cloned();
    let checkpoint =
        checkpoint.ok_or_else(|| Failure::new(FailureKind::Internal, "there is no checkpoint"))?;
    let bytes = proof.to_bytes();
    if let Some(path) = &request.to {
        let failed = |error| {
            Failure::of(FailureKind::Invalid, &error)
                .during(format!("`{}` cannot be written", path.display()))
        };
        durable::write_atomic(path, &bytes).map_err(failed)?;
    }
    Ok(WrittenProof {
        ledger: log.verifier().name().to_owned(),
        key: log.verifier().to_string(),
        index,
        size: checkpoint.size,
        root: checkpoint.root,
        file: request.to.clone(),
        proof: String::from_utf8_lossy(&bytes).into_owned(),
    })
}
