//! The Merkle tree of RFC 6962, section 2.1 (the same in RFC 9162), with SHA-256.
//!
//! A leaf is `SHA-256(0x00 ‖ entry)`, a node `SHA-256(0x01 ‖ left ‖ right)`; the left subtree of `n` leaves is the
//! largest power of two below `n`. The tree of no leaves has the root `SHA-256("")`.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256 as Hasher};

use crate::model::digest::Sha256;

/// The leaf hash of an entry's bytes.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Sha256 {
    let hasher = Hasher::new().chain_update([0]).chain_update(entry);
    Sha256::from_bytes(hasher.finalize().into())
}

/// The hash of a node over its two subtrees.
#[must_use]
pub fn node_hash(left: &Sha256, right: &Sha256) -> Sha256 {
    let hasher = Hasher::new()
        .chain_update([1])
        .chain_update(left.as_bytes())
        .chain_update(right.as_bytes());
    Sha256::from_bytes(hasher.finalize().into())
}

/// The root of the tree over leaf hashes.
#[must_use]
pub fn root(leaves: &[Sha256]) -> Sha256 {
    let mut accumulator = Accumulator::default();
    accumulator.extend(leaves);
    accumulator.root()
}

/// A tree that only grows, kept as the roots of its full subtrees: at most 64 hashes, however many leaves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accumulator {
    size: u64,
    // INVARIANT: one root for each bit that is set in `size`, of the largest subtree first.
    subtrees: Vec<Sha256>,
}

impl Accumulator {
    /// The number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds one leaf hash at the end.
    pub fn append(&mut self, leaf: Sha256) {
        let mut node = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.subtrees.pop() {
                node = node_hash(&left, &node);
            }
        }
        self.subtrees.push(node);
        self.size += 1;
    }

    /// Adds leaf hashes at the end, in order.
    pub fn extend(&mut self, leaves: &[Sha256]) {
        for leaf in leaves {
            self.append(*leaf);
        }
    }

    /// The root of the tree as it is now.
    #[must_use]
    pub fn root(&self) -> Sha256 {
        let joined = self.subtrees.iter().rev().copied();
        joined
            .reduce(|right, left| node_hash(&left, &right))
            .unwrap_or_else(|| Sha256::of(b""))
    }
}

/// The roots of the first leaves of one list that only grows, by size. Cheap when sizes are asked for in order.
#[derive(Debug, Clone, Default)]
pub struct Roots {
    tree: Accumulator,
    known: BTreeMap<u64, Sha256>,
}

impl Roots {
    /// The root of the first `size` leaves; `None` when there are fewer.
    pub fn at(&mut self, leaves: &[Sha256], size: u64) -> Option<Sha256> {
        let wanted = leaves.get(..usize::try_from(size).ok()?)?;
        if let Some(known) = self.known.get(&size) {
            return Some(*known);
        }
        if size < self.tree.size() {
            self.tree = Accumulator::default();
        }
        let have = usize::try_from(self.tree.size()).ok()?;
        self.tree.extend(wanted.get(have..)?);
        let root = self.tree.root();
        self.known.insert(size, root);
        Some(root)
    }
}

/// A tree that only grows, kept whole: the roots of all its full subtrees, so that the root of any part of it takes a
/// handful of hashes. Takes twice the memory of its leaves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    // INVARIANT: level `k` has the roots of the full subtrees of 2^k leaves, in order. Only the first may be empty.
    levels: Vec<Vec<Sha256>>,
}

impl Tree {
    /// The tree over leaf hashes.
    #[must_use]
    pub fn of(leaves: &[Sha256]) -> Self {
        let mut tree = Self::default();
        leaves.iter().for_each(|leaf| tree.append(*leaf));
        tree
    }

    /// The number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.leaves().len() as u64
    }

    /// The leaf hashes, in order.
    #[must_use]
    pub fn leaves(&self) -> &[Sha256] {
        self.full_subtrees(0)
    }

    /// The roots of the full subtrees of 2^`level` leaves, in order.
    #[must_use]
    pub fn full_subtrees(&self, level: usize) -> &[Sha256] {
        self.levels.get(level).map_or(&[], Vec::as_slice)
    }

    /// Adds one leaf hash at the end.
    pub fn append(&mut self, leaf: Sha256) {
        let mut node = leaf;
        for level in 0.. {
            if self.levels.len() <= level {
                self.levels.push(Vec::new());
            }
            let Some(nodes) = self.levels.get_mut(level) else {
                return;
            };
            nodes.push(node);
            match nodes.as_slice() {
                [.., left, right] if nodes.len().is_multiple_of(2) => {
                    node = node_hash(left, right);
                }
                _ => return,
            }
        }
    }

    /// Takes leaves away from the end, down to `size`.
    pub fn truncate(&mut self, size: u64) {
        for (level, nodes) in (0_u32..).zip(&mut self.levels) {
            let kept = size.checked_shr(level).unwrap_or(0);
            nodes.truncate(usize::try_from(kept).unwrap_or(usize::MAX));
        }
        self.levels.retain(|nodes| !nodes.is_empty());
    }

    /// The root of the tree of the first `size` leaves; `None` when there are fewer.
    #[must_use]
    pub fn root_at(&self, size: u64) -> Option<Sha256> {
        if size == 0 {
            return Some(Sha256::of(b""));
        }
        self.subtree_root(0, size)
    }

    /// The root of the tree over `count` leaves from `start` on, which must be where such a subtree can begin: a multiple of
    /// the power of two that is not below `count`. `None` when there are not so many leaves, or none are asked for.
    pub(super) fn subtree_root(&self, start: u64, count: u64) -> Option<Sha256> {
        let mut at = start;
        let mut parts = Vec::new();
        for level in (0..u64::BITS).rev().filter(|level| count >> level & 1 == 1) {
            let nodes = self.full_subtrees(usize::try_from(level).ok()?);
            parts.push(*nodes.get(usize::try_from(at >> level).ok()?)?);
            at += 1 << level;
        }
        let joined = parts.into_iter().rev();
        joined.reduce(|right, left| node_hash(&left, &right))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The eight leaves of the reference tests of Certificate Transparency, and the root after each.
    pub(crate) const REFERENCE: [(&str, &str); 8] = [
        (
            "",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        ),
        (
            "00",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        ),
        (
            "10",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        ),
        (
            "2021",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ),
        (
            "3031",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        ),
        (
            "40414243",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        ),
        (
            "5051525354555657",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        ),
        (
            "606162636465666768696a6b6c6d6e6f",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ),
    ];

    pub(crate) fn reference_leaves() -> Vec<Sha256> {
        let leaf = |(entry, _): &(&str, &str)| leaf_hash(&hex::decode(entry).unwrap());
        REFERENCE.iter().map(leaf).collect()
    }

    /// The definition, as RFC 6962 writes it.
    fn defined_root(leaves: &[Sha256]) -> Sha256 {
        match leaves {
            [] => Sha256::of(b""),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                node_hash(&defined_root(left), &defined_root(right))
            }
        }
    }

    #[test]
    fn roots_are_those_of_the_reference_tests() {
        let leaves = reference_leaves();
        for (index, (_, expected)) in REFERENCE.iter().enumerate() {
            assert_eq!(root(&leaves[..=index]).to_string(), *expected);
        }
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(root(&[]).to_string(), empty);
    }

    #[test]
    fn an_accumulator_keeps_few_hashes() {
        let mut accumulator = Accumulator::default();
        for index in 0..1023_u32 {
            accumulator.append(leaf_hash(&index.to_be_bytes()));
        }
        assert_eq!((accumulator.size(), accumulator.subtrees.len()), (1023, 10));
    }

    #[test]
    fn roots_are_those_of_the_first_leaves_in_any_order() {
        let leaves: Vec<Sha256> = (0..9_u8).map(|index| leaf_hash(&[index])).collect();
        let mut roots = Roots::default();
        for size in [3, 9, 0, 5, 3, 9] {
            assert_eq!(roots.at(&leaves, size as u64), Some(root(&leaves[..size])));
        }
        assert_eq!(roots.at(&leaves, 10), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_whole_tree_knows_every_earlier_root(size in 0_usize..150, cut in 0_usize..150) {
            let leaves: Vec<_> = (0..size).map(|index| leaf_hash(&index.to_be_bytes())).collect();
            let mut tree = Tree::of(&leaves);
            prop_assert_eq!(tree.leaves(), &leaves[..]);
            for count in 0..=size {
                prop_assert_eq!(tree.root_at(count as u64), Some(defined_root(&leaves[..count])));
            }
            prop_assert_eq!(tree.root_at(size as u64 + 1), None);
            tree.truncate(cut as u64);
            prop_assert_eq!(&tree, &Tree::of(&leaves[..cut.min(size)]));
        }

    }

    proptest! {
        #[test]
        fn roots_agree_with_the_definition_and_another_implementation(
            entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..80)
        ) {
            let leaves: Vec<_> = entries.iter().map(|entry| leaf_hash(entry)).collect();
            prop_assert_eq!(root(&leaves), defined_root(&leaves));
            let mut oracle = ct_merkle::mem_backed_tree::MemoryBackedTree::<Hasher, Vec<u8>>::new();
            for entry in entries {
                oracle.push(entry);
            }
            let oracle_root = oracle.root();
            prop_assert_eq!(oracle_root.as_bytes().to_vec(), root(&leaves).as_bytes().to_vec());
        }
    }
}
