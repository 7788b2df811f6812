//! The ledger as its users see it: entries that were checked against a signed head, in a store, whichever it is.
//!
//! Entries are stored first, and only a head that is already in the store is signed, so that whoever loses a race never
//! signs a second history. The first checkpoint of a ledger is over no entries, before there are any: entries without a
//! checkpoint are therefore never right.

mod history;
mod keys;

use std::collections::BTreeMap;
use std::ops::Range;

use crate::ledger::checkpoint::{Checkpoint, CheckpointError};
use crate::ledger::key::Verifier;
use crate::ledger::log::history::History;
pub use crate::ledger::log::keys::LogKeys;
use crate::ledger::merkle::Tree;
use crate::ledger::proof::ProofError;
use crate::ledger::signer::Signer;
use crate::ledger::store::{Batch, Head, LINES_PER_FILE, Store, StoreError};
use crate::ledger::tlog_proof::TlogProof;
use crate::model::digest::Sha256;

/// Why a ledger is not to be believed, or could not be read or added to.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The checkpoint is not one, or the ledger's key did not sign it.
    #[error("`ledger/checkpoint` is not to be believed: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// There are entries, and nothing that vouches for them.
    #[error(
        "the ledger has {entries} entries and no `ledger/checkpoint`, which is written before the first entry"
    )]
    NoCheckpoint {
        /// The number of entries.
        entries: u64,
    },
    /// The checkpoint covers more than is there.
    #[error(
        "the ledger was cut short: `ledger/checkpoint` covers {covered} entries, and {entries} are there"
    )]
    CutShort {
        /// The number of entries that the checkpoint covers.
        covered: u64,
        /// The number of entries that are there.
        entries: u64,
    },
    /// The entries are not those that were signed.
    #[error("the first {size} entries are not those that `ledger/checkpoint` was signed for")]
    Root {
        /// The number of entries that the checkpoint covers.
        size: u64,
    },
    /// What was seen before is no longer there.
    #[error("the ledger was rewritten: {reason}")]
    Rewritten {
        /// What is different.
        reason: String,
    },
    /// A checkpoint that is kept elsewhere is not one of this ledger.
    #[error("the ledger does not continue the pinned checkpoint of {size} entries: {reason}")]
    Pinned {
        /// The number of entries that the pinned checkpoint covers.
        size: u64,
        /// What is different.
        reason: String,
    },
    /// There is no private key here.
    #[error("the ledger was opened without its private key, so nothing can be added")]
    ReadOnly,
    /// The private key is that of another ledger, or one that was replaced.
    #[error("the private key belongs to `{found}`, and the ledger's verifier key is `{expected}`")]
    WrongKey {
        /// The verifier key of the private key.
        found: String,
        /// The verifier key that was given.
        expected: String,
    },
}

impl LedgerError {
    /// Whether somebody else was faster: refresh, decide again, and append again.
    #[must_use]
    pub const fn is_conflict(&self) -> bool {
        matches!(self, Self::Store(StoreError::Conflict))
    }
}

/// A ledger that was read and checked, and can be added to with its private key.
#[derive(Debug)]
pub struct Log {
    store: Box<dyn Store>,
    keys: LogKeys,
    signers: Vec<Signer>,
    head: Head,
    history: History,
    /// Whether the key that counts has signed the checkpoint; see [`Log::settle`].
    is_proven: bool,
}

impl Log {
    /// Reads a ledger whole whose key was never replaced, and checks its checkpoint against its entries. Without `signer`
    /// it can only be read.
    ///
    /// # Errors
    ///
    /// When it cannot be read, was changed or cut short, or the keys do not belong together.
    pub fn open(
        store: Box<dyn Store>,
        verifier: Verifier,
        signer: Option<Signer>,
    ) -> Result<Self, LedgerError> {
        let wrong = signer.iter().find(|signer| *signer.verifier() != verifier);
        if let Some(signer) = wrong {
            let (found, expected) = (signer.verifier().to_string(), verifier.to_string());
            return Err(LedgerError::WrongKey { found, expected });
        }
        let mut log = Self::open_for_now(store, verifier)?;
        log.settle()?;
        log.signers.extend(signer);
        Ok(log)
    }

    /// As [`Log::open`], for who then reads the entries, tells of every key that they bring with [`Log::follow_key`], and
    /// ends with [`Log::settle`]. Until that nothing says that the checkpoint is the ledger's own.
    ///
    /// # Errors
    ///
    /// As for [`Log::open`].
    pub fn open_for_now(mut store: Box<dyn Store>, first: Verifier) -> Result<Self, LedgerError> {
        let keys = LogKeys::from(first);
        let head = store.head()?;
        let lines = store.read(&head, 0)?;
        let mut history = History::default();
        let is_proven = history.continue_with(lines, &head, &keys)?;
        Ok(Self {
            store,
            keys,
            signers: Vec::new(),
            head,
            history,
            is_proven,
        })
    }

    /// Lets another key sign: `from` is the smallest checkpoint that it signs.
    pub fn follow_key(&mut self, from: u64, key: Verifier) {
        if *self.keys.newest() != key {
            self.keys.rotate(from, key);
            self.is_proven = false;
        }
    }

    /// Checks that the key that counts for its size has signed the checkpoint, now that the keys are known.
    ///
    /// # Errors
    ///
    /// When it has not: the ledger is then not to be believed, whatever else holds.
    pub fn settle(&mut self) -> Result<(), LedgerError> {
        if let Some(bytes) = self.head.checkpoint.as_ref().filter(|_| !self.is_proven) {
            self.keys.open(bytes)?;
        }
        self.is_proven = true;
        Ok(())
    }

    /// Lets the ledger be added to. Of several keys the one that counts signs.
    pub fn sign_with(&mut self, signer: Signer) {
        self.signers.push(signer);
    }

    /// Names what was read or written last; empty before the first entry of some stores.
    #[must_use]
    pub fn revision(&self) -> &str {
        &self.head.revision
    }

    /// Names what is in the store now, without reading entries. Other than [`Log::revision`] when somebody appended.
    ///
    /// # Errors
    ///
    /// When it cannot be told.
    pub fn newest_revision(&mut self) -> Result<String, LedgerError> {
        Ok(self.store.head()?.revision)
    }

    /// The key that signs checkpoints from now on; all keys of a ledger have its name.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        self.keys.newest()
    }

    /// The keys that sign checkpoints, by size.
    #[must_use]
    pub const fn keys(&self) -> &LogKeys {
        &self.keys
    }

    /// All entries, in order.
    #[must_use]
    pub fn entries(&self) -> &[Vec<u8>] {
        self.history.entries()
    }

    /// The leaf hashes of all entries.
    #[must_use]
    pub fn leaves(&self) -> &[Sha256] {
        self.history.tree().leaves()
    }

    /// The tree over all entries, for proofs. The checkpoint may cover fewer.
    #[must_use]
    pub const fn tree(&self) -> &Tree {
        self.history.tree()
    }

    /// The proof that an entry is in the tree of the newest checkpoint, with that checkpoint, for somebody who has neither.
    ///
    /// # Errors
    ///
    /// When no checkpoint covers the entry yet.
    pub fn prove(&self, index: u64) -> Result<TlogProof, ProofError> {
        let size = self.history.covered();
        let hashes = self.history.tree().inclusion_proof(index, size)?;
        let checkpoint = self.head.checkpoint.clone().unwrap_or_default();
        Ok(TlogProof {
            extra: None,
            index,
            hashes,
            checkpoint,
        })
    }

    /// The newest checkpoint that is in the store; `None` for a ledger that was never written to.
    #[must_use]
    pub const fn checkpoint(&self) -> Option<&Checkpoint> {
        self.history.checkpoint()
    }

    /// The bytes of the newest checkpoint with all its signatures, to be kept elsewhere.
    #[must_use]
    pub fn checkpoint_bytes(&self) -> Option<&[u8]> {
        self.head.checkpoint.as_deref()
    }

    /// The number of entries after those that the checkpoint covers: of an append that was cut before it was signed.
    /// Nothing vouches for their order or number yet.
    #[must_use]
    pub fn unsigned_tail(&self) -> u64 {
        self.history.unsigned()
    }

    /// One evidence file by path below `evidence/`; `None` when it is not there. Its digest is the caller's to check.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or the path is not one.
    pub fn evidence(&self, path: &str) -> Result<Option<Vec<u8>>, LedgerError> {
        Ok(self.store.evidence(&self.head, path)?)
    }

    /// Reads what is new since the last time, and returns it with its indices.
    ///
    /// The file that the last known entry is in is read again and compared; older files are compared when a ledger is
    /// opened, by the root of its checkpoint. After an error the log is as it was before.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Rewritten`] when what was seen before is no longer there; others as for [`Log::open`].
    pub fn refresh(&mut self) -> Result<Vec<(u64, Vec<u8>)>, LedgerError> {
        let new = self.refresh_for_now()?;
        self.settle()?;
        Ok(new)
    }

    /// As [`Log::refresh`], for who then does as after [`Log::open_for_now`].
    ///
    /// # Errors
    ///
    /// As for [`Log::refresh`].
    pub fn refresh_for_now(&mut self) -> Result<Vec<(u64, Vec<u8>)>, LedgerError> {
        let head = self.store.head()?;
        if head.revision == self.head.revision {
            return Ok(Vec::new());
        }
        let known = self.history.size();
        if head.size < known {
            let reason = format!("it has {} entries, and had {known}", head.size);
            return Err(LedgerError::Rewritten { reason });
        }
        let from = known.saturating_sub(1) / LINES_PER_FILE * LINES_PER_FILE;
        let mut lines = self.store.read(&head, from)?.into_iter();
        for (index, (seen, line)) in (from..).zip(self.history.from(from).zip(lines.by_ref())) {
            if *seen != line {
                let reason = format!("entry {index} is not what it was");
                return Err(LedgerError::Rewritten { reason });
            }
        }
        let new: Vec<_> = lines.collect();
        self.is_proven = self.history.continue_with(new.clone(), &head, &self.keys)?;
        self.head = head;
        Ok((known..).zip(new).collect())
    }

    /// Adds entries and evidence after what was read last, then signs the new head. Returns the indices of the entries.
    ///
    /// All or nothing is added. Entries are added once this returns `Ok`, even if the head could not be signed:
    /// [`Log::unsigned_tail`] tells, and the next append or [`Log::sign`] signs it. After an error other than a
    /// conflict it may be unknown whether they were; [`Log::refresh`] tells.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] when somebody else appended meanwhile; others when nothing could be written.
    pub fn append(
        &mut self,
        lines: Vec<Vec<u8>>,
        evidence: BTreeMap<String, Vec<u8>>,
    ) -> Result<Range<u64>, LedgerError> {
        if self.history.checkpoint().is_none() {
            self.sign()?;
        }
        // Before anything is stored: entries that only a key that is not here may sign are somebody else's to add.
        self.signer_for(self.history.size() + lines.len() as u64)?;
        let first = self.history.size();
        let batch = Batch {
            lines,
            evidence,
            checkpoint: None,
        };
        self.head = self.store.append(&self.head, &batch)?;
        self.history.add_unsigned(batch.lines);
        let added = first..self.history.size();
        match self.sign() {
            // The entries are in the store. In a conflict, whoever was faster signs them with theirs.
            Ok(()) | Err(LedgerError::Store(_)) => Ok(added),
            Err(other) => Err(other),
        }
    }

    /// Signs the head that was read last, if it is not, and puts the checkpoint in the store.
    ///
    /// The checkpoint continues the last one by construction: its root is computed from that one's tree.
    ///
    /// # Errors
    ///
    /// When there is no private key, or the store fails or has another head by now.
    pub fn sign(&mut self) -> Result<(), LedgerError> {
        let signer = self.signer_for(self.history.size())?;
        if self.history.checkpoint().is_some() && self.history.unsigned() == 0 {
            return Ok(());
        }
        let checkpoint = self.history.next_checkpoint(signer.verifier().name());
        let batch = Batch {
            checkpoint: Some(checkpoint.sign(signer)?),
            ..Batch::default()
        };
        self.head = self.store.append(&self.head, &batch)?;
        self.history.set_checkpoint(checkpoint);
        Ok(())
    }

    /// The private key that signs a checkpoint of that many entries.
    fn signer_for(&self, size: u64) -> Result<&Signer, LedgerError> {
        let key = self.keys.at(size);
        let mut signers = self.signers.iter();
        match (
            signers.find(|signer| signer.verifier() == key),
            self.signers.last(),
        ) {
            (Some(signer), _) => Ok(signer),
            (None, Some(other)) => Err(LedgerError::WrongKey {
                found: other.verifier().to_string(),
                expected: key.to_string(),
            }),
            (None, None) => Err(LedgerError::ReadOnly),
        }
    }

    /// Checks that this ledger continues a checkpoint that was kept elsewhere: what tells a ledger that was cut short,
    /// or an older one that was put back with its own valid checkpoint.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Pinned`] when it does not.
    pub fn check_pinned(&self, pinned: &Checkpoint) -> Result<(), LedgerError> {
        let refuse = |reason| {
            Err(LedgerError::Pinned {
                size: pinned.size,
                reason,
            })
        };
        let name = self.keys.newest().name();
        if pinned.origin != name {
            return refuse(format!(
                "that is of `{}`, this of `{}`",
                pinned.origin, name
            ));
        }
        let covered = self.history.covered();
        if covered < pinned.size {
            return refuse(format!("its checkpoint covers {covered} entries"));
        }
        if self.history.tree().root_at(pinned.size) != Some(pinned.root) {
            return refuse("its first entries are others".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tampering;
#[cfg(test)]
mod tests;
