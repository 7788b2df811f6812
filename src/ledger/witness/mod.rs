//! What a witness does before it cosigns a checkpoint, as <https://c2sp.org/tlog-witness> says: the ledger's key signed it,
//! and it continues the last one that was cosigned. The last one is kept, durably, before the cosignature is given away.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use crate::fs::durable::{self, LockFile};
use crate::ledger::checkpoint::{Checkpoint, CheckpointError};
use crate::ledger::cosignature::Cosigner;
use crate::ledger::key::Verifier;
use crate::ledger::note::{MAX_NOTE_BYTES, Note, NoteError};
use crate::ledger::proof::{ProofError, verify_consistency};
use crate::model::digest::Sha256;

/// The most hashes that a proof of consistency has.
pub const MAX_PROOF_LINES: usize = 63;
/// How long a witness waits for another one of the same state.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is asked of a witness: the body of `add-checkpoint`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// The size that the witness is thought to have cosigned last; 0 for none.
    pub old: u64,
    /// The proof of consistency from that size.
    pub proof: Vec<Sha256>,
    /// The bytes of the checkpoint.
    pub checkpoint: Vec<u8>,
}

/// Why a witness does not cosign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request has another form.
    #[error("it is not a request: {0}")]
    Malformed(&'static str),
    /// The ledger's key did not sign it, or it is another ledger's.
    #[error("the checkpoint is not to be believed: {0}")]
    NotSigned(#[from] CheckpointError),
    /// It covers less than what was cosigned.
    #[error(
        "the ledger was cut short: {last} entries were cosigned, and the checkpoint covers {size}"
    )]
    CutShort {
        /// The entries that were cosigned.
        last: u64,
        /// The entries that the checkpoint covers.
        size: u64,
    },
    /// The proof is from another size than that which was cosigned last.
    #[error("the proof is from {old} entries, and {last} were cosigned last")]
    OldSize {
        /// Where the proof begins.
        old: u64,
        /// The entries that were cosigned.
        last: u64,
    },
    /// The ledger is another than that which was cosigned.
    #[error(
        "the ledger was forked: its first {last} entries are not those that were cosigned: {reason}"
    )]
    Forked {
        /// The entries that were cosigned.
        last: u64,
        /// The entries that the checkpoint covers.
        size: u64,
        /// What the proof lacks.
        reason: ProofError,
    },
}

impl Refusal {
    /// The status of HTTP that the protocol has for it.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::NotSigned(CheckpointError::Origin { .. }) => 404,
            Self::NotSigned(_) => 403,
            Self::CutShort { .. } | Self::OldSize { .. } => 409,
            Self::Forked { last, size, .. } if *last == *size => 409,
            Self::Forked { .. } => 422,
        }
    }
}

/// Why a witness could not answer, or would not.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// It would not.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// What it knows cannot be read or kept.
    #[error("`{path}`: {source}")]
    State {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What it knows is not what it wrote.
    #[error("`{path}` is not what this witness cosigned last: {reason}")]
    NotOurs {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// The note cannot be cosigned.
    #[error(transparent)]
    Note(#[from] NoteError),
}

impl Submission {
    /// Reads the body of `add-checkpoint`.
    ///
    /// # Errors
    ///
    /// When it has another form, or more than 63 hashes.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        use Refusal::Malformed;
        if bytes.len() > MAX_NOTE_BYTES {
            return Err(Malformed("it is larger than 1 MiB"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| Malformed("it is not UTF-8"))?;
        let (head, checkpoint) = text
            .split_once("\n\n")
            .ok_or(Malformed("it has no empty line before the checkpoint"))?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old = old.filter(|old| *old == "0" || !old.starts_with(['0', '+']));
        let old = old.and_then(|old| old.parse().ok());
        let hashes = lines.map(|line| {
            let hash = STANDARD.decode(line).ok();
            let hash = hash.and_then(|hash| <[u8; 32]>::try_from(hash).ok());
            hash.map(Sha256::from_bytes)
                .ok_or(Malformed("a line of its proof is not a hash in base64"))
        });
        let proof: Vec<Sha256> = hashes.take(MAX_PROOF_LINES + 1).collect::<Result<_, _>>()?;
        if proof.len() > MAX_PROOF_LINES {
            return Err(Malformed("its proof has more than 63 lines"));
        }
        Ok(Self {
            old: old.ok_or(Malformed("its first line is not `old` and a size"))?,
            proof,
            checkpoint: checkpoint.as_bytes().to_vec(),
        })
    }

    /// Checks what is asked for against what was cosigned last.
    fn check(
        &self,
        last: Option<&Checkpoint>,
        log: &Verifier,
    ) -> Result<(Note, Checkpoint), Refusal> {
        let checkpoint = Checkpoint::open(&self.checkpoint, log)?;
        let note = Note::parse(&self.checkpoint).map_err(CheckpointError::Note)?;
        let size = checkpoint.size;
        let nothing = Checkpoint {
            origin: checkpoint.origin.clone(),
            size: 0,
            root: Sha256::of(b""),
        };
        let last = last.unwrap_or(&nothing);
        if size < last.size {
            return Err(Refusal::CutShort {
                last: last.size,
                size,
            });
        }
        if self.old != last.size {
            return Err(Refusal::OldSize {
                old: self.old,
                last: last.size,
            });
        }
        verify_consistency(last.size, size, &self.proof, &last.root, &checkpoint.root).map_err(
            |reason| Refusal::Forked {
                last: last.size,
                size,
                reason,
            },
        )?;
        Ok((note, checkpoint))
    }
}

/// Writes the body of `add-checkpoint`.
impl fmt::Display for Submission {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "old {}", self.old)?;
        for hash in &self.proof {
            writeln!(formatter, "{}", STANDARD.encode(hash.as_bytes()))?;
        }
        let checkpoint = String::from_utf8_lossy(&self.checkpoint);
        write!(formatter, "\n{checkpoint}")
    }
}

/// A witness: its key, and the folder where it keeps what it cosigned last of each ledger.
#[derive(Debug)]
pub struct Witness {
    cosigner: Cosigner,
    folder: PathBuf,
}

impl Witness {
    /// A witness with its key and a folder of its own, which must outlive it.
    #[must_use]
    pub const fn new(cosigner: Cosigner, folder: PathBuf) -> Self {
        Self { cosigner, folder }
    }

    /// Its private key.
    #[must_use]
    pub const fn cosigner(&self) -> &Cosigner {
        &self.cosigner
    }

    /// What it cosigned last of a ledger.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or is not what this witness wrote.
    pub fn last(&self, origin: &str) -> Result<Option<Checkpoint>, WitnessError> {
        Ok(self.read(origin)?.map(|(checkpoint, _)| checkpoint))
    }

    /// Takes over what this witness is known to have cosigned, if it is more than is kept here: after its folder was lost.
    /// A note without its own cosignature changes nothing.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read or written.
    pub fn recall(&self, origin: &str, note: &[u8]) -> Result<(), WitnessError> {
        let _lock = self.lock(origin)?;
        let Some((checkpoint, _)) = self.own(origin, note).ok() else {
            return Ok(());
        };
        let known = self.read(origin)?.map_or(0, |(known, _)| known.size);
        if checkpoint.size > known {
            self.keep(origin, note)?;
        }
        Ok(())
    }

    /// Cosigns a checkpoint that continues the last one, and keeps it. Returns the note with the cosignature. The same
    /// checkpoint again gets a new time, which never goes back.
    ///
    /// # Errors
    ///
    /// When the checkpoint does not continue it; or what is known cannot be read or kept: then nothing was given away.
    pub fn cosign(
        &self,
        submission: &Submission,
        log: &Verifier,
        now: Timestamp,
    ) -> Result<Note, WitnessError> {
        let origin = log.name();
        // INVARIANT: reading and keeping happen under one lock, so that no older checkpoint takes the place of a newer one.
        let _lock = self.lock(origin)?;
        let last = self.read(origin)?;
        let (note, _) = submission.check(last.as_ref().map(|(last, _)| last), log)?;
        let time = last.map_or(now, |(_, time)| time.max(now));
        let cosigned = self.cosigner.cosign(&note, time)?;
        self.keep(origin, cosigned.to_string().as_bytes())?;
        Ok(cosigned)
    }

    fn read(&self, origin: &str) -> Result<Option<(Checkpoint, Timestamp)>, WitnessError> {
        let path = self.path(origin, "note");
        let bytes = match durable::read_bounded(&path, MAX_NOTE_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(state(&path, source)),
        };
        let own = self.own(origin, &bytes);
        own.map(Some).map_err(|reason| WitnessError::NotOurs {
            path: path.display().to_string(),
            reason,
        })
    }

    /// A checkpoint of the ledger that this witness cosigned.
    fn own(&self, origin: &str, bytes: &[u8]) -> Result<(Checkpoint, Timestamp), String> {
        let note = Note::parse(bytes).map_err(|error| error.to_string())?;
        let time = self.cosigner.key().verify(&note);
        let time = time.map_err(|error| error.to_string())?;
        let checkpoint = Checkpoint::parse(note.text()).map_err(|error| error.to_string())?;
        if checkpoint.origin == origin {
            Ok((checkpoint, time))
        } else {
            Err(format!("it is of `{}`", checkpoint.origin))
        }
    }

    fn keep(&self, origin: &str, bytes: &[u8]) -> Result<(), WitnessError> {
        let path = self.path(origin, "note");
        durable::write_atomic(&path, bytes).map_err(|source| state(&path, source))
    }

    fn lock(&self, origin: &str) -> Result<LockFile, WitnessError> {
        let folder = &self.folder;
        durable::create_dir_all(folder).map_err(|source| state(folder, source))?;
        let path = self.path(origin, "lock");
        LockFile::acquire(&path, PATIENCE).map_err(|source| state(&path, source))
    }

    /// One file for each ledger and key; a ledger's name may be no file name.
    fn path(&self, origin: &str, extension: &str) -> PathBuf {
        let named = format!("{}\n{origin}", self.cosigner.key());
        let name = Sha256::of(named.as_bytes());
        self.folder.join(format!("{name}.{extension}"))
    }
}

fn state(path: &Path, source: io::Error) -> WitnessError {
    WitnessError::State {
        path: path.display().to_string(),
        source,
    }
}

#[cfg(test)]
mod tests;
