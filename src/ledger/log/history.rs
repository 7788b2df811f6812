//! Entries that were checked, and the checkpoint that covers them. Knows no store.

use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::log::LedgerError;
use crate::ledger::log::keys::{LogKeys, Opened};
use crate::ledger::merkle::{Accumulator, leaf_hash};
use crate::ledger::store::Head;
use crate::model::digest::Sha256;

/// What was read and checked so far.
#[derive(Debug, Default)]
pub(super) struct History {
    entries: Vec<Vec<u8>>,
    // INVARIANT: the leaf hashes of `entries`.
    leaves: Vec<Sha256>,
    // INVARIANT: the tree that `checkpoint` covers; empty when there is none.
    tree: Accumulator,
    checkpoint: Option<Checkpoint>,
}

impl History {
    pub(super) fn entries(&self) -> &[Vec<u8>] {
        &self.entries
    }

    pub(super) fn leaves(&self) -> &[Sha256] {
        &self.leaves
    }

    pub(super) const fn checkpoint(&self) -> Option<&Checkpoint> {
        self.checkpoint.as_ref()
    }

    pub(super) const fn size(&self) -> u64 {
        self.leaves.len() as u64
    }

    /// The number of entries that the checkpoint does not cover.
    pub(super) const fn unsigned(&self) -> u64 {
        self.size() - self.tree.size()
    }

    /// The entries from an index on.
    pub(super) fn from(&self, index: u64) -> impl Iterator<Item = &Vec<u8>> {
        self.entries.iter().skip(count(index))
    }

    /// The root of the tree of the first entries.
    pub(super) fn root_at(&self, size: u64) -> Sha256 {
        if size == self.tree.size() {
            return self.tree.root();
        }
        let mut tree = Accumulator::default();
        self.leaves
            .iter()
            .take(count(size))
            .for_each(|leaf| tree.append(*leaf));
        tree.root()
    }

    /// Takes the entries that follow, if the head's checkpoint agrees with all that is then known. Says whether a known
    /// key has signed that.
    pub(super) fn continue_with(
        &mut self,
        lines: Vec<Vec<u8>>,
        head: &Head,
        keys: &LogKeys,
    ) -> Result<bool, LedgerError> {
        let leaves: Vec<_> = lines.iter().map(|line| leaf_hash(line)).collect();
        let checked = self.check(&leaves, head, keys)?;
        self.entries.extend(lines);
        self.leaves.extend(leaves);
        let Some((tree, opened)) = checked else {
            return Ok(true);
        };
        let (checkpoint, is_proven) = match opened {
            Opened::Proven(checkpoint) => (checkpoint, true),
            Opened::Unproven(checkpoint) => (checkpoint, false),
        };
        self.set_checkpoint(tree, checkpoint);
        Ok(is_proven)
    }

    fn check(
        &self,
        new: &[Sha256],
        head: &Head,
        keys: &LogKeys,
    ) -> Result<Option<(Accumulator, Opened)>, LedgerError> {
        let entries = self.size() + new.len() as u64;
        let Some(bytes) = &head.checkpoint else {
            return match (&self.checkpoint, entries) {
                (Some(_), _) => Err(rewritten("its checkpoint is gone".to_owned())),
                (None, 0) => Ok(None),
                (None, entries) => Err(LedgerError::NoCheckpoint { entries }),
            };
        };
        let opened = keys.open_for_now(bytes)?;
        let (Opened::Proven(checkpoint) | Opened::Unproven(checkpoint)) = &opened;
        let covered = checkpoint.size;
        if covered > entries {
            return Err(LedgerError::CutShort { covered, entries });
        }
        let before = self.tree.size();
        let Some(grown) = covered.checked_sub(before) else {
            let reason = format!("its checkpoint covers {covered} entries, and covered {before}");
            return Err(rewritten(reason));
        };
        let mut tree = self.tree.clone();
        let leaves = self.leaves.iter().chain(new).skip(count(before));
        leaves
            .take(count(grown))
            .for_each(|leaf| tree.append(*leaf));
        if tree.root() == checkpoint.root {
            Ok(Some((tree, opened)))
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
        self.leaves.extend(lines.iter().map(|line| leaf_hash(line)));
        self.entries.extend(lines);
    }

    /// The checkpoint over all entries, and its tree, which is the last checkpoint's tree with the rest added.
    pub(super) fn next_checkpoint(&self, origin: &str) -> (Accumulator, Checkpoint) {
        let mut tree = self.tree.clone();
        let rest = self.leaves.iter().skip(count(tree.size()));
        rest.for_each(|leaf| tree.append(*leaf));
        let (size, root) = (tree.size(), tree.root());
        (
            tree,
            Checkpoint {
                origin: origin.to_owned(),
                size,
                root,
            },
        )
    }

    /// Takes a checkpoint that is in the store, with its tree.
    pub(super) fn set_checkpoint(&mut self, tree: Accumulator, checkpoint: Checkpoint) {
        self.tree = tree;
        self.checkpoint = Some(checkpoint);
    }
}

fn rewritten(reason: String) -> LedgerError {
    LedgerError::Rewritten { reason }
}

/// A number of entries as a length in memory; more than fit are more than there are.
fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
