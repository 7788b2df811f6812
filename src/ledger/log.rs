//! A log: a store, the tree over its lines, and the checkpoint that commits to them.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::ledger::checkpoint::{Checkpoint, CheckpointError};
use crate::ledger::key::{Signer, Verifier};
use crate::ledger::merkle::{self, Accumulator};
use crate::ledger::store::{Batch, Head, Store, StoreError};
use crate::model::digest::Sha256;

/// Why a log cannot be read, believed or appended to.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
    /// Somebody else appended first. Nothing was written.
    #[error("the ledger grew meanwhile; nothing was written")]
    Conflict,
    /// The checkpoint is not good.
    #[error("the ledger's checkpoint is not good")]
    Checkpoint(#[source] CheckpointError),
    /// There are fewer entries than the checkpoint commits to.
    #[error(
        "the ledger was cut short: its checkpoint is over {checkpoint} entries, and there are {size}"
    )]
    Truncated {
        /// The number of entries that the checkpoint commits to.
        checkpoint: u64,
        /// The number of entries there are.
        size: u64,
    },
    /// The entries are not those that a checkpoint commits to.
    #[error("the first {size} entries of the ledger are not those that {what} commits to")]
    Different {
        /// The number of entries that it commits to.
        size: u64,
        /// Which checkpoint.
        what: &'static str,
    },
    /// What was read before is no longer there.
    #[error("the ledger was rewritten: it had {seen} entries and now has {size}")]
    Rewritten {
        /// The number of entries that were seen.
        seen: u64,
        /// The number there are now.
        size: u64,
    },
    /// There is no key to sign checkpoints with.
    #[error("the ledger can only be read: there is no log key")]
    ReadOnly,
}

impl From<StoreError> for LogError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => Self::Conflict,
            other => Self::Store(other),
        }
    }
}

/// A log with all its entries.
#[derive(Debug)]
pub struct Log {
    store: Box<dyn Store>,
    verifier: Verifier,
    signer: Option<Signer>,
    head: Head,
    lines: Vec<Vec<u8>>,
    leaves: Vec<Sha256>,
    tree: Accumulator,
    checkpoint: Option<Checkpoint>,
}

impl Log {
    /// Opens a log and reads all entries. Without a signer it can be read alone.
    ///
    /// # Errors
    ///
    /// When the entries and the checkpoint do not agree.
    pub fn open(
        mut store: Box<dyn Store>,
        verifier: Verifier,
        signer: Option<Signer>,
    ) -> Result<Self, LogError> {
        let head = store.head()?;
        let empty = Head {
            size: 0,
            ..head.clone()
        };
        let (lines, leaves, tree) = (Vec::new(), Vec::new(), Accumulator::default());
        let mut log = Self {
            store,
            verifier,
            signer,
            head: empty,
            lines,
            leaves,
            tree,
            checkpoint: None,
        };
        log.take(head)?;
        Ok(log)
    }

    /// Reads what was appended since, by whomever.
    ///
    /// # Errors
    ///
    /// When what was read before is no longer there, or the checkpoint does not agree.
    pub fn refresh(&mut self) -> Result<(), LogError> {
        let head = self.store.head()?;
        if head == self.head {
            Ok(())
        } else {
            self.take(head)
        }
    }

    /// All entry lines.
    #[must_use]
    pub fn entries(&self) -> &[Vec<u8>] {
        &self.lines
    }

    /// The leaf hashes of all entries.
    #[must_use]
    pub fn leaves(&self) -> &[Sha256] {
        &self.leaves
    }

    /// The newest checkpoint; `None` before the first was signed.
    #[must_use]
    pub const fn checkpoint(&self) -> Option<&Checkpoint> {
        self.checkpoint.as_ref()
    }

    /// The newest checkpoint as it is stored.
    #[must_use]
    pub fn signed_checkpoint(&self) -> Option<&[u8]> {
        self.head.checkpoint.as_deref()
    }

    /// The key that verifies checkpoints.
    #[must_use]
    pub const fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// How many entries no checkpoint covers yet: an engine was stopped between appending and signing. The next one signs.
    #[must_use]
    pub fn unsigned_tail(&self) -> u64 {
        self.head.size
            - self
                .checkpoint
                .as_ref()
                .map_or(0, |checkpoint| checkpoint.size)
    }

    /// One piece of evidence.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn evidence(&self, path: &str) -> Result<Option<Vec<u8>>, LogError> {
        Ok(self.store.evidence(&self.head, path)?)
    }

    /// Appends entries and their evidence, then signs what is in the store. A loser appends nothing and signs nothing.
    ///
    /// # Errors
    ///
    /// [`LogError::Conflict`] when somebody else was faster; others when nothing was written.
    pub fn append(
        &mut self,
        lines: Vec<Vec<u8>>,
        evidence: BTreeMap<String, Vec<u8>>,
    ) -> Result<Range<u64>, LogError> {
        if self.signer.is_none() {
            return Err(LogError::ReadOnly);
        }
        let first = self.head.size;
        let batch = Batch {
            lines,
            evidence,
            checkpoint: None,
        };
        let head = self.store.append(&self.head, &batch)?;
        self.extend(head, batch.lines);
        self.sign()?;
        Ok(first..self.head.size)
    }

    /// Checks that this log continues the one that a checkpoint was seen of.
    ///
    /// # Errors
    ///
    /// When entries that it commits to are gone or others.
    pub fn check_pinned(&self, pinned: &Checkpoint) -> Result<(), LogError> {
        self.check(pinned, "the pinned checkpoint")
    }

    /// Signs the entries that are in the store. Somebody else may be faster: then they have signed.
    fn sign(&mut self) -> Result<(), LogError> {
        let Some(signer) = &self.signer else {
            return Err(LogError::ReadOnly);
        };
        // INVARIANT: a log never signs two histories. What is signed continues what was signed last, because `take` has
        // checked the last checkpoint against the very entries that this root is over.
        let checkpoint = Checkpoint {
            origin: self.verifier.name().to_owned(),
            size: self.head.size,
            root: self.tree.root(),
        };
        let signed = checkpoint.sign(signer).map_err(LogError::Checkpoint)?;
        let batch = Batch {
            checkpoint: Some(signed),
            ..Batch::default()
        };
        match self.store.append(&self.head, &batch) {
            Ok(head) => {
                self.head = head;
                self.checkpoint = Some(checkpoint);
                Ok(())
            }
            // The entries are in; whoever was faster signs them, or the next append does.
            Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn take(&mut self, head: Head) -> Result<(), LogError> {
        if head.size < self.head.size {
            return Err(LogError::Rewritten {
                seen: self.head.size,
                size: head.size,
            });
        }
        let lines = self.store.read(&head, self.head.size)?;
        let old = self.checkpoint.clone();
        self.extend(head, lines);
        let signed = self
            .head
            .checkpoint
            .as_deref()
            .map(|bytes| Checkpoint::open(bytes, &self.verifier));
        let checkpoint = signed.transpose().map_err(LogError::Checkpoint)?;
        if let Some(checkpoint) = &checkpoint {
            self.check(checkpoint, "its checkpoint")?;
        }
        let (old, new) = (
            old.map_or(0, |old| old.size),
            checkpoint.as_ref().map_or(0, |new| new.size),
        );
        if new < old {
            return Err(LogError::Rewritten {
                seen: old,
                size: new,
            });
        }
        self.checkpoint = checkpoint;
        Ok(())
    }

    fn extend(&mut self, head: Head, lines: Vec<Vec<u8>>) {
        for line in lines {
            let leaf = merkle::leaf_hash(&line);
            self.tree.append(leaf);
            self.leaves.push(leaf);
            self.lines.push(line);
        }
        self.head = head;
    }

    fn check(&self, checkpoint: &Checkpoint, what: &'static str) -> Result<(), LogError> {
        let size = checkpoint.size;
        let leaves = usize::try_from(size)
            .ok()
            .and_then(|size| self.leaves.get(..size));
        let leaves = leaves.ok_or(LogError::Truncated {
            checkpoint: size,
            size: self.head.size,
        })?;
        let is_whole = size == self.tree.size();
        let root = if is_whole {
            self.tree.root()
        } else {
            merkle::root(leaves)
        };
        if root == checkpoint.root {
            Ok(())
        } else {
            Err(LogError::Different { size, what })
        }
    }
}
