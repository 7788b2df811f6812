//! `promote witness`: cosigning checkpoints for whoever must not be shown another ledger.
//!
//! A witness needs a key of its own and a folder of its own, and may push to the branch `promote-witness`; it has nothing
//! of an engine's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::context::{Context, LOCAL_FOLDER};
use crate::engine::book::Book;
use crate::engine::witness::{MAX_COSIGNED_BYTES, WITNESS_BRANCH, note_path, witness_keys};
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::fs::durable;
use crate::fs::versioned::{Revision, VersionedError, VersionedFiles as _};
use crate::git::branch::Branch;
use crate::git::identity::Identity;
use crate::ledger::cosignature::{Cosigner, WitnessKey};
use crate::ledger::key::Verifier;
use crate::ledger::note::Note;
use crate::ledger::proof::consistency_proof;
use crate::ledger::witness::{Refusal, Submission, Witness, WitnessError};
use crate::model::secret::SecretRef;
use crate::redact::Secret;

/// How often a note is published again because somebody else pushed meanwhile.
const MAX_TRIES: usize = 20;

/// A witness as it is asked for.
#[derive(Debug, Clone)]
pub struct WitnessSettings {
    /// Its key.
    pub key: SecretRef,
    /// Where it keeps what it cosigned last; below the state folder when left out.
    pub memory: Option<PathBuf>,
}

/// What was cosigned.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CosignReport {
    /// The ledger.
    pub ledger: String,
    /// The name of the witness.
    pub witness: String,
    /// The number of entries.
    pub size: u64,
    /// The number of entries that it had cosigned before.
    pub before: u64,
    /// When.
    pub at: Timestamp,
    /// Where the note is now: the branch, or the file.
    pub published: String,
    /// Whether the trust root lists the witness, so that the cosignature counts.
    pub is_listed: bool,
}

/// A new key of a witness.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewWitness {
    /// The public half, for the trust root.
    pub key: String,
    /// Where the private half is.
    pub private: String,
}

/// Makes a key for a witness, in a new file.
///
/// # Errors
///
/// When the name cannot be one, or the file is there or cannot be written.
pub fn new_key(name: &str, out: &Path) -> Result<NewWitness> {
    if durable::exists(out) {
        let message = format!("`{}` is there already", out.display());
        return Err(Failure::new(FailureKind::Usage, message));
    }
    let cosigner = Cosigner::generate(name).or_fail(FailureKind::Usage)?;
    let private = format!("{}\n", cosigner.private_key().expose());
    durable::write_private(out, private.as_bytes()).or_fail(FailureKind::Unavailable)?;
    Ok(NewWitness {
        key: cosigner.key().to_string(),
        private: out.display().to_string(),
    })
}

/// Reads the ledger whole, trusting nobody, and cosigns its checkpoint if it continues what this witness cosigned last.
/// The note goes to the branch of witnesses, or to a file.
///
/// # Errors
///
/// When the ledger does not hold or does not continue that, or something cannot be read or written.
pub fn cosign(
    context: &Context,
    settings: &WitnessSettings,
    out: Option<&Path>,
) -> Result<CosignReport> {
    let witness = open(context, settings)?;
    let mut branch = branch(context)?;
    let published = read_published(&mut branch, witness.cosigner().key())?;
    let mut engine = context.observer()?.verifying_everything();
    let book = engine.open_ledger()?;
    let origin = book.log().verifier().name().to_owned();
    // A witness that lost its folder must not begin anew: what it published binds it.
    if let Some(note) = &published {
        witness.recall(&origin, note).map_err(refused)?;
    }
    let before = witness
        .last(&origin)
        .map_err(refused)?
        .map_or(0, |last| last.size);
    let (submission, log) = submission(book, before)?;
    let note = witness
        .cosign(&submission, &log, context.clock.now())
        .map_err(refused)?;
    let key = witness.cosigner().key();
    let is_listed = book
        .root()
        .is_some_and(|root| witness_keys(root).contains(key));
    let published = match out {
        Some(path) => {
            durable::write_atomic(path, note.to_string().as_bytes())
                .or_fail(FailureKind::Unavailable)?;
            path.display().to_string()
        }
        None => publish(&mut branch, key, &note)?,
    };
    Ok(CosignReport {
        size: book
            .log()
            .checkpoint()
            .map_or(0, |checkpoint| checkpoint.size),
        at: key.verify(&note).or_fail(FailureKind::Internal)?,
        witness: key.name().to_owned(),
        ledger: origin,
        before,
        published,
        is_listed,
    })
}

/// Answers one request of the witness protocol: the body of `add-checkpoint`, for a log whose key is given. Returns the
/// line with the cosignature.
///
/// # Errors
///
/// When it is refused; the failure says with which status of HTTP.
pub fn answer(
    context: &Context,
    settings: &WitnessSettings,
    log: &str,
    request: &[u8],
) -> Result<String> {
    let witness = open(context, settings)?;
    let log: Verifier = log.parse().or_fail(FailureKind::Usage)?;
    let submission = Submission::parse(request).map_err(|refusal| refused(refusal.into()))?;
    let note = witness
        .cosign(&submission, &log, context.clock.now())
        .map_err(refused)?;
    let text = note.to_string();
    let line = text.trim_end().lines().next_back().unwrap_or_default();
    Ok(format!("{line}\n"))
}

fn open(context: &Context, settings: &WitnessSettings) -> Result<Witness> {
    let key = settings
        .key
        .load(&context.environment)
        .or_fail(FailureKind::Invalid)?;
    let key = String::from_utf8(key.expose().clone())
        .map_err(|_| Failure::new(FailureKind::Invalid, "the key of the witness is not text"))?;
    let cosigner = Cosigner::parse(&Secret::new(key)).or_fail(FailureKind::Invalid)?;
    let folder = match &settings.memory {
        Some(folder) => folder.clone(),
        None => match &context.settings.state {
            Some(state) => state.join("witness"),
            None => context
                .repository()?
                .git_directory()
                .join(LOCAL_FOLDER)
                .join("witness"),
        },
    };
    Ok(Witness::new(cosigner, folder))
}

/// What the ledger would send to a witness.
fn submission(book: &Book, old: u64) -> Result<(Submission, Verifier)> {
    let log = book.log();
    let (Some(checkpoint), Some(bytes)) = (log.checkpoint(), log.checkpoint_bytes()) else {
        return Err(Failure::new(
            FailureKind::Invalid,
            "the ledger has no checkpoint yet",
        ));
    };
    let covered = usize::try_from(checkpoint.size).or_fail(FailureKind::Internal)?;
    let leaves = log.leaves().get(..covered).unwrap_or(&[]);
    let submission = Submission {
        old,
        // A ledger that shrank has no proof; the witness says so.
        proof: consistency_proof(leaves, old).unwrap_or_default(),
        checkpoint: bytes.to_vec(),
    };
    Ok((submission, log.keys().at(checkpoint.size).clone()))
}

fn branch(context: &Context) -> Result<Branch> {
    let author = Identity::new("promote witness", "witness@promote.dev")?;
    let clock = Arc::clone(&context.clock);
    Ok(Branch::new(
        context.repository()?,
        WITNESS_BRANCH,
        author,
        clock,
    ))
}

fn read_published(branch: &mut Branch, key: &WitnessKey) -> Result<Option<Vec<u8>>> {
    let Some(head) = branch.head().map_err(|error| unpublished(&error))? else {
        return Ok(None);
    };
    let note = branch.read(&head, &note_path(key), MAX_COSIGNED_BYTES);
    note.map_err(|error| unpublished(&error))
}

/// Puts the note on the branch of witnesses, beside those of others.
fn publish(branch: &mut Branch, key: &WitnessKey, note: &Note) -> Result<String> {
    let files = BTreeMap::from([(note_path(key), note.to_string().into_bytes())]);
    let message = format!("witness: {}", key.name());
    for _ in 0..MAX_TRIES {
        let head: Option<Revision> = branch.head().map_err(|error| unpublished(&error))?;
        match branch.commit(head.as_ref(), &files, &message) {
            Ok(_) => return Ok(WITNESS_BRANCH.to_owned()),
            Err(VersionedError::Conflict { .. }) => {}
            Err(error) => return Err(unpublished(&error)),
        }
    }
    let message = format!("`{WITNESS_BRANCH}` changes faster than it can be pushed to");
    Err(Failure::new(FailureKind::Conflict, message))
}

fn unpublished(error: &VersionedError) -> Failure {
    Failure::of(FailureKind::Unavailable, error)
}

fn refused(error: WitnessError) -> Failure {
    match error {
        WitnessError::Refused(refusal) => {
            let failure = Failure::new(FailureKind::Denied, refusal.to_string());
            match refusal {
                Refusal::Forked { .. } | Refusal::CutShort { .. } => failure.hint(
                    "keep this copy of the ledger: together with the last cosigned checkpoint it proves what was done",
                ),
                other => failure.hint(format!("the witness protocol answers with status {}", other.status())),
            }
        }
        error @ WitnessError::State { .. } => Failure::of(FailureKind::Unavailable, &error),
        error @ (WitnessError::NotOurs { .. } | WitnessError::Note(_)) => {
            Failure::of(FailureKind::Invalid, &error)
        }
    }
}
