//! Proofs about the Merkle tree: that an entry is in it, and that a larger tree continues a smaller one.
//!
//! Proofs are made as RFC 9162, sections 2.1.3.1 and 2.1.4.1 define them, and checked with the algorithms of sections
//! 2.1.3.2 and 2.1.4.2.

mod make;

use crate::ledger::merkle::{node_hash, root};
pub use crate::ledger::proof::make::{consistency_proof, inclusion_proof};
use crate::model::digest::Sha256;

/// The most hashes a proof can hold: the depth of a tree of 2^64 leaves, and one for where it starts.
pub const MAX_PROOF_HASHES: usize = 65;

/// Why there is no proof, or why one does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// There is no such entry.
    #[error("there is no entry {index} in a tree of {size}")]
    NoEntry {
        /// The index asked for, from 0.
        index: u64,
        /// The number of entries.
        size: u64,
    },
    /// A tree cannot continue a larger one.
    #[error("a tree of {new} cannot continue a tree of {old}")]
    Shrunk {
        /// The number of entries in the earlier tree.
        old: u64,
        /// The number of entries in the later tree.
        new: u64,
    },
    /// The number of hashes is not the one that these sizes ask for.
    #[error("the proof has {found} hashes, which does not fit a tree of {size}")]
    Length {
        /// The number of hashes.
        found: usize,
        /// The number of entries.
        size: u64,
    },
    /// The proof leads to another root.
    #[error("the proof leads to another root than that of the tree of {size}")]
    Root {
        /// The number of entries in the tree.
        size: u64,
    },
}

/// Checks that `leaf` is at `index` in the tree of `size` entries with this root.
///
/// # Errors
///
/// When the proof does not show that.
pub fn verify_inclusion(
    leaf: &Sha256,
    index: u64,
    size: u64,
    proof: &[Sha256],
    tree_root: &Sha256,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::NoEntry { index, size });
    }
    let length = ProofError::Length {
        found: proof.len(),
        size,
    };
    let (mut at, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return Err(length);
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(sibling, &hash);
            (at, last) = skip_lone_levels(at, last);
        } else {
            hash = node_hash(&hash, sibling);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    if last != 0 {
        return Err(length);
    }
    if hash == *tree_root {
        Ok(())
    } else {
        Err(ProofError::Root { size })
    }
}

/// Checks that the tree of `new` entries continues the tree of `old` entries. Every tree continues the empty one.
///
/// # Errors
///
/// When the proof does not show that.
pub fn verify_consistency(
    old: u64,
    new: u64,
    proof: &[Sha256],
    old_root: &Sha256,
    new_root: &Sha256,
) -> Result<(), ProofError> {
    if old > new {
        return Err(ProofError::Shrunk { old, new });
    }
    let length = ProofError::Length {
        found: proof.len(),
        size: new,
    };
    if old == 0 || old == new {
        let expected = if old == 0 { root(&[]) } else { *new_root };
        if !proof.is_empty() {
            return Err(length);
        }
        return if *old_root == expected {
            Ok(())
        } else {
            Err(ProofError::Root { size: old })
        };
    }
    let (start, hashes) = if old.is_power_of_two() {
        (*old_root, proof)
    } else {
        let (first, rest) = proof.split_first().ok_or_else(|| length.clone())?;
        (*first, rest)
    };
    let complete_levels = (old - 1).trailing_ones();
    let (mut at, mut last) = ((old - 1) >> complete_levels, (new - 1) >> complete_levels);
    let (mut old_hash, mut new_hash) = (start, start);
    for sibling in hashes {
        if last == 0 {
            return Err(length);
        }
        if at & 1 == 1 || at == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            (at, last) = skip_lone_levels(at, last);
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    if last != 0 {
        return Err(length);
    }
    match (old_hash == *old_root, new_hash == *new_root) {
        (true, true) => Ok(()),
        (false, _) => Err(ProofError::Root { size: old }),
        (true, false) => Err(ProofError::Root { size: new }),
    }
}

/// Climbs the levels at which the node is the last one and has no sibling.
const fn skip_lone_levels(mut at: u64, mut last: u64) -> (u64, u64) {
    while at & 1 == 0 && at != 0 {
        at >>= 1;
        last >>= 1;
    }
    (at, last)
}

#[cfg(test)]
mod tests {
    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::merkle::leaf_hash;
    use crate::ledger::merkle::tests::{REFERENCE, reference_leaves};

    type Oracle = MemoryBackedTree<sha2::Sha256, Vec<u8>>;

    fn leaves(count: usize) -> (Vec<Sha256>, Oracle) {
        let mut oracle = Oracle::new();
        let entries = (0..count).map(|index| format!("entry {index}").into_bytes());
        let leaf = |entry: Vec<u8>| {
            let leaf = leaf_hash(&entry);
            oracle.push(entry);
            leaf
        };
        (entries.map(leaf).collect(), oracle)
    }

    fn bytes(proof: &[Sha256]) -> Vec<u8> {
        proof.iter().flat_map(|hash| *hash.as_bytes()).collect()
    }

    fn flipped(hash: &Sha256, bit: usize) -> Sha256 {
        let mut bytes = *hash.as_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        Sha256::from_bytes(bytes)
    }

    /// All the ways in which one proof can be wrong by one step.
    fn mutations(proof: &[Sha256], bit: usize) -> Vec<Vec<Sha256>> {
        let mut mutated = vec![
            [proof, &[leaf_hash(b"x")]].concat(),
            [&[leaf_hash(b"x")], proof].concat(),
        ];
        for index in 0..proof.len() {
            let mut changed = proof.to_vec();
            changed[index] = flipped(&changed[index], bit);
            mutated.push(changed);
            let mut shorter = proof.to_vec();
            shorter.remove(index);
            mutated.push(shorter);
            if index + 1 < proof.len() {
                let mut swapped = proof.to_vec();
                swapped.swap(index, index + 1);
                mutated.push(swapped);
            }
        }
        mutated
    }

    #[test]
    fn proofs_are_those_of_the_reference_tests() {
        let leaves = reference_leaves();
        let hexes = |proof: Vec<Sha256>| proof.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            hexes(inclusion_proof(&leaves, 0).unwrap()),
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ]
        );
        assert_eq!(
            hexes(consistency_proof(&leaves, 6).unwrap()),
            [
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                REFERENCE[3].1,
            ]
        );
    }

    #[test]
    fn every_pair_of_sizes_up_to_forty_has_a_proof_that_holds() {
        let (leaves, oracle) = leaves(40);
        for new in 0..=leaves.len() {
            let (new_leaves, new_root) = (&leaves[..new], root(&leaves[..new]));
            for old in 0..=new {
                let proof = consistency_proof(new_leaves, old as u64).unwrap();
                let old_root = root(&leaves[..old]);
                assert_eq!(
                    verify_consistency(old as u64, new as u64, &proof, &old_root, &new_root),
                    Ok(())
                );
                if new == 40 && old > 0 {
                    assert_eq!(
                        oracle.prove_consistency(new - old).as_bytes(),
                        bytes(&proof),
                        "{old}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_proved_is_an_error() {
        let (leaves, _) = leaves(3);
        assert!(matches!(
            inclusion_proof(&leaves, 3),
            Err(ProofError::NoEntry { index: 3, size: 3 })
        ));
        assert!(matches!(
            consistency_proof(&leaves, 4),
            Err(ProofError::Shrunk { old: 4, new: 3 })
        ));
        let (first, tree_root) = (leaves[0], root(&leaves));
        assert!(verify_inclusion(&first, 3, 3, &[], &tree_root).is_err());
        assert!(
            verify_inclusion(&first, u64::MAX - 1, u64::MAX, &[first; 70], &tree_root).is_err()
        );
        assert!(verify_consistency(4, 3, &[], &first, &tree_root).is_err());
        assert!(verify_consistency(0, 3, &[], &first, &tree_root).is_err());
        assert!(verify_consistency(3, 3, &[], &first, &tree_root).is_err());
        assert!(verify_consistency(3, u64::MAX, &[first; 70], &tree_root, &first).is_err());
    }

    proptest! {
        #[test]
        fn inclusion_holds_for_the_leaf_and_for_nothing_else(
            (size, index) in (1usize..130).prop_flat_map(|size| (Just(size), 0..size)), bit in 0usize..256
        ) {
            let (leaves, oracle) = leaves(size);
            let (leaf, tree_root) = (leaves[index], root(&leaves));
            let (size, at) = (size as u64, index as u64);
            let proof = inclusion_proof(&leaves, at).unwrap();
            prop_assert_eq!(oracle.prove_inclusion(index).as_bytes().to_vec(), bytes(&proof));
            prop_assert!(proof.len() <= MAX_PROOF_HASHES);
            prop_assert_eq!(verify_inclusion(&leaf, at, size, &proof, &tree_root), Ok(()));
            prop_assert!(verify_inclusion(&flipped(&leaf, bit), at, size, &proof, &tree_root).is_err());
            prop_assert!(verify_inclusion(&leaf, at, size, &proof, &flipped(&tree_root, bit)).is_err());
            for other in (0..size).filter(|other| *other != at) {
                prop_assert!(verify_inclusion(&leaf, other, size, &proof, &tree_root).is_err());
            }
            for mutated in mutations(&proof, bit) {
                prop_assert!(verify_inclusion(&leaf, at, size, &mutated, &tree_root).is_err());
            }
        }

        #[test]
        fn consistency_holds_for_the_prefix_and_for_nothing_else(
            (new, old) in (2usize..130).prop_flat_map(|new| (Just(new), 1..new)), bit in 0usize..256
        ) {
            let (leaves, oracle) = leaves(new);
            let (old_root, new_root) = (root(&leaves[..old]), root(&leaves));
            let proof = consistency_proof(&leaves, old as u64).unwrap();
            prop_assert_eq!(oracle.prove_consistency(new - old).as_bytes().to_vec(), bytes(&proof));
            let check = |old_root: &Sha256, new_root: &Sha256, proof: &[Sha256]| {
                verify_consistency(old as u64, new as u64, proof, old_root, new_root)
            };
            prop_assert_eq!(check(&old_root, &new_root, &proof), Ok(()));
            prop_assert!(check(&flipped(&old_root, bit), &new_root, &proof).is_err());
            prop_assert!(check(&old_root, &flipped(&new_root, bit), &proof).is_err());
            prop_assert!(check(&new_root, &old_root, &proof).is_err());
            for mutated in mutations(&proof, bit) {
                prop_assert!(check(&old_root, &new_root, &mutated).is_err());
            }
        }
    }
}
