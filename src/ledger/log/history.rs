//! Entries that were checked, and the checkpoint that covers them. Knows no store.

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::log::LedgerError;
use crate::ledger::log::keys::{LogKeys, Opened};
use crate::ledger::merkle::{Tree, leaf_hash};
use crate::ledger::store::Head;
use crate::model::digest::Sha256;

/// What was read and checked so far.
#[derive(Debug, Default)]
pub(super) struct History {
    entries: Vec<Vec<u8>>,
    // INVARIANT: the tree over `entries`.
    tree: Tree,
    checkpoint: Option<Checkpoint>,
}

impl History {
    pub(super) fn entries(&self) -> &[Vec<u8>] {
        &self.entries
    }

    pub(super) const fn tree(&self) -> &Tree {
        &self.tree
    }

    pub(super) const fn checkpoint(&self) -> Option<&Checkpoint> {
        self.checkpoint.as_ref()
    }

    pub(super) fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The number of entries that the checkpoint covers.
    pub(super) fn covered(&self) -> u64 {
        self.checkpoint
            .as_ref()
            .map_or(0, |checkpoint| checkpoint.size)
    }

    /// The number of entries that the checkpoint does not cover.
    pub(super) fn unsigned(&self) -> u64 {
        self.size() - self.covered()
    }

    /// The entries from an index on.
    pub(super) fn from(&self, index: u64) -> impl Iterator<Item = &Vec<u8>> {
        self.entries.iter().skip(count(index))
    }

    /// Takes the entries that follow, if the head's checkpoint agrees with all that is then known. Says whether a known
    /// key has signed that.
    pub(super) fn continue_with(
        &mut self,
        lines: Vec<Vec<u8>>,
        head: &Head,
        keys: &LogKeys,
    ) -> Result<bool, LedgerError> {
        let known = self.size();
        leaf_hashes(&lines)
            .iter()
            .for_each(|leaf| self.tree.append(*leaf));
        match self.check(head, keys) {
            Ok(opened) => {
                self.entries.extend(lines);
                let (checkpoint, is_proven) = match opened {
                    Some(Opened::Proven(checkpoint)) => (Some(checkpoint), true),
                    Some(Opened::Unproven(checkpoint)) => (Some(checkpoint), false),
                    None => (None, true),
                };
                self.checkpoint = checkpoint;
                Ok(is_proven)
            }
            Err(error) => {
                self.tree.truncate(known);
                Err(error)
            }
        }
    }

    /// The head's checkpoint, if it is over the first of the entries in the tree and covers none fewer than before.
    fn check(&self, head: &Head, keys: &LogKeys) -> Result<Option<Opened>, LedgerError> {
        let entries = self.size();
        let Some(bytes) = &head.checkpoint else {
            return match (&self.checkpoint, entries) {
                (Some(_), _) => Err(rewritten("its checkpoint is gone".to_owned())),
                (None, 0) => Ok(None),
                (None, entries) => Err(LedgerError::NoCheckpoint { entries }),
            };
        };
        let opened = keys.open_for_now(bytes)?;
        let (Opened::Proven(checkpoint) | Opened::Unproven(checkpoint)) = &opened;
        let (covered, before) = (checkpoint.size, self.covered());
        if covered > entries {
            return Err(LedgerError::CutShort { covered, entries });
        }
        if covered < before {
            let reason = format!("its checkpoint covers {covered} entries, and covered {before}");
            return Err(rewritten(reason));
        }
        if self.tree.root_at(covered) == Some(checkpoint.root) {
            Ok(Some(opened))
        } else if self.checkpoint.is_none() {
            Err(LedgerError::Root { size: covered })
        } else {
            Err(rewritten(format!(
                "its checkpoint is not over the first {covered} entries that were seen"
            )))
        }
    }

    /// Takes entries that this process added.
    pub(super) fn add_unsigned(&mut self, lines: Vec<Vec<u8>>) {
        lines
            .iter()
            .for_each(|line| self.tree.append(leaf_hash(line)));
        self.entries.extend(lines);
    }

    /// The checkpoint over all entries.
    pub(super) fn next_checkpoint(&self, origin: &str) -> Checkpoint {
        let size = self.size();
        Checkpoint {
            origin: origin.to_owned(),
            size,
            // The tree has so many leaves, so it has that root.
            root: self.tree.root_at(size).unwrap_or_else(|| Sha256::of(b"")),
        }
    }

    /// Takes a checkpoint that is in the store.
    pub(super) fn set_checkpoint(&mut self, checkpoint: Checkpoint) {
        self.checkpoint = Some(checkpoint);
    }
}

/// The leaf hashes of lines; of many on all processors. A few are hashed sooner than a thread wakes up.
fn leaf_hashes(lines: &[Vec<u8>]) -> Vec<Sha256> {
    if lines.len() < 1024 {
        return lines.iter().map(|line| leaf_hash(line)).collect();
    }
    lines.par_iter().map(|line| leaf_hash(line)).collect()
}

fn rewritten(reason: String) -> LedgerError {
    LedgerError::Rewritten { reason }
}

/// A number of entries as a length in memory; more than fit are more than there are.
fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
