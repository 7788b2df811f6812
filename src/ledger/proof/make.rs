//! Proofs, made from a tree.

use crate::ledger::merkle::Tree;
use crate::ledger::proof::ProofError;
use crate::model::digest::Sha256;

impl Tree {
    /// The proof that the leaf at `index` (from 0) is in the tree of the first `size` leaves: siblings, from the leaf's up.
    ///
    /// # Errors
    ///
    /// [`ProofError::NoEntry`] when that tree has no such leaf, or this one fewer than `size`.
    pub fn inclusion_proof(&self, index: u64, size: u64) -> Result<Vec<Sha256>, ProofError> {
        let error = ProofError::NoEntry { index, size };
        if index >= size {
            return Err(error);
        }
        let (mut start, mut count) = (0, size);
        let mut proof = Vec::new();
        while count > 1 {
            let left = left_half(count);
            let is_left = index - start < left;
            let (other, others) = if is_left {
                (start + left, count - left)
            } else {
                (start, left)
            };
            proof.push(
                self.subtree_root(other, others)
                    .ok_or_else(|| error.clone())?,
            );
            (start, count) = if is_left {
                (start, left)
            } else {
                (start + left, count - left)
            };
        }
        proof.reverse();
        Ok(proof)
    }

    /// The proof that the tree of the first `new` leaves continues the tree of the first `old` leaves.
    ///
    /// # Errors
    ///
    /// [`ProofError::Shrunk`] when `old` is the larger one, or there are fewer leaves than `new`.
    pub fn consistency_proof(&self, old: u64, new: u64) -> Result<Vec<Sha256>, ProofError> {
        let error = ProofError::Shrunk { old, new };
        if old > new || new > self.size() {
            return Err(error);
        }
        let mut proof = Vec::new();
        if old == 0 || old == new {
            return Ok(proof);
        }
        let root = |start, count| self.subtree_root(start, count).ok_or_else(|| error.clone());
        let (mut start, mut count, mut remaining) = (0, new, old);
        // Whether the rest of the old tree is the old tree itself; the checker has its root already.
        let mut whole = true;
        while remaining < count {
            let left = left_half(count);
            if remaining <= left {
                proof.push(root(start + left, count - left)?);
                count = left;
            } else {
                proof.push(root(start, left)?);
                (start, count, remaining) = (start + left, count - left, remaining - left);
                whole = false;
            }
        }
        if !whole {
            proof.push(root(start, count)?);
        }
        proof.reverse();
        Ok(proof)
    }
}

/// The proof that the leaf at `index` (from 0) is in the tree over `leaves`. Hashes all of them: who proves more than once
/// keeps a [`Tree`].
///
/// # Errors
///
/// [`ProofError::NoEntry`] when the tree is smaller.
pub fn inclusion_proof(leaves: &[Sha256], index: u64) -> Result<Vec<Sha256>, ProofError> {
    Tree::of(leaves).inclusion_proof(index, leaves.len() as u64)
}

/// The proof that the tree over `leaves` continues the tree of its first `old` leaves. Hashes all of them: who proves more
/// than once keeps a [`Tree`].
///
/// # Errors
///
/// [`ProofError::Shrunk`] when there are fewer leaves than `old`.
pub fn consistency_proof(leaves: &[Sha256], old: u64) -> Result<Vec<Sha256>, ProofError> {
    Tree::of(leaves).consistency_proof(old, leaves.len() as u64)
}

/// How many of at least two leaves are in the left subtree: the largest power of two below their number.
const fn left_half(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}
