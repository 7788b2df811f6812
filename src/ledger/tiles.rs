//! A ledger as static files that mirrors, monitors and witnesses read, as <https://c2sp.org/tlog-tiles> defines them.
//!
//! `tile/<level>/<index>` has 256 hashes of 32 bytes: at level 0 leaf hashes, above the root of each full tile below.
//! `tile/entries/<index>` has the entries themselves, each after its length in two bytes, big end first. The last of a level
//! may be partial: `….p/<width>`. Only what the checkpoint covers is written.

use crate::ledger::merkle::Tree;

/// The number of hashes or entries in a full tile.
const WIDTH: usize = 256;
/// How many levels of the tree are in a tile.
const HEIGHT: usize = 8;

/// The files of a ledger's first `size` entries, with their paths, lowest level first. The checkpoint is not among them.
///
/// # Errors
///
/// When an entry is longer than two bytes can say, or there are fewer entries or leaves than `size`.
pub fn tiles<'a>(
    entries: &'a [Vec<u8>],
    tree: &'a Tree,
    size: u64,
) -> Result<impl Iterator<Item = (String, Vec<u8>)> + 'a, TileError> {
    let covered = usize::try_from(size).map_err(|_| TileError::Missing { size })?;
    let entries = entries
        .get(..covered)
        .filter(|_| tree.size() >= size)
        .ok_or(TileError::Missing { size })?;
    for (index, entry) in (0..).zip(entries) {
        if u16::try_from(entry.len()).is_err() {
            return Err(TileError::Long { index });
        }
    }
    let bundles = (0..)
        .zip(entries.chunks(WIDTH))
        .map(|(index, chunk)| (path("entries", index, chunk.len()), bundle(chunk)));
    Ok(bundles.chain(hash_tiles(tree, size)))
}

/// Why there are no tiles.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// There are fewer entries.
    #[error("there are fewer than {size} entries")]
    Missing {
        /// How many were asked for.
        size: u64,
    },
    /// An entry does not fit.
    #[error("entry {index} is longer than 65535 bytes")]
    Long {
        /// Its index.
        index: u64,
    },
}

fn hash_tiles(tree: &Tree, size: u64) -> impl Iterator<Item = (String, Vec<u8>)> + '_ {
    let widths = std::iter::successors(Some(size), |below| Some(below / WIDTH as u64));
    let levels = (0_usize..).zip(widths.take_while(|width| *width > 0));
    levels.flat_map(move |(level, width)| {
        let nodes = tree.full_subtrees(level * HEIGHT);
        let width = usize::try_from(width).unwrap_or(usize::MAX);
        let chunks = nodes.get(..width).unwrap_or(nodes).chunks(WIDTH);
        (0..).zip(chunks).map(move |(index, hashes)| {
            let bytes = hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
            (path(&level.to_string(), index, hashes.len()), bytes)
        })
    })
}

fn bundle(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        // Checked before: none is longer.
        let length = u16::try_from(entry.len()).unwrap_or(u16::MAX);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    bytes
}

/// Where a tile is: the index in groups of three digits, all but the last after an `x`, and the width of a partial one.
fn path(level: &str, index: u64, width: usize) -> String {
    let mut groups = vec![format!("{:03}", index % 1000)];
    let mut rest = index / 1000;
    while rest > 0 {
        groups.push(format!("x{:03}", rest % 1000));
        rest /= 1000;
    }
    groups.reverse();
    let full = format!("tile/{level}/{}", groups.join("/"));
    if width == WIDTH {
        full
    } else {
        format!("{full}.p/{width}")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::ledger::merkle::{leaf_hash, root};
    use crate::model::digest::Sha256;

    fn of(size: u32) -> (Vec<Vec<u8>>, Tree) {
        let entries: Vec<Vec<u8>> = (0..size).map(|index| index.to_string().into()).collect();
        let leaves: Vec<Sha256> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        (entries, Tree::of(&leaves))
    }

    fn files(size: u32) -> BTreeMap<String, Vec<u8>> {
        let (entries, tree) = of(size);
        tiles(&entries, &tree, size.into()).unwrap().collect()
    }

    /// The root, from the tiles alone: what a reader of the specification would do.
    fn root_of(files: &BTreeMap<String, Vec<u8>>, level: u32, size: u64) -> Sha256 {
        let width = size / 256_u64.pow(level);
        let hashes = (0..width.div_ceil(256)).flat_map(|index| {
            let count = usize::try_from((width - index * 256).min(256)).unwrap();
            let bytes = &files[&path(&level.to_string(), index, count)];
            assert_eq!(bytes.len(), count * 32);
            bytes
                .chunks(32)
                .map(|hash| Sha256::from_bytes(hash.try_into().unwrap()))
                .collect::<Vec<_>>()
        });
        root(&hashes.collect::<Vec<_>>())
    }

    #[test]
    fn the_counts_are_those_of_the_specification() {
        let large = files(70_000);
        let count = |start: &str, is_partial: bool| {
            let is_it =
                |path: &&String| path.starts_with(start) && path.contains(".p/") == is_partial;
            large.keys().filter(is_it).count()
        };
        assert_eq!((count("tile/0/", false), count("tile/0/", true)), (273, 1));
        assert_eq!((count("tile/1/", false), count("tile/1/", true)), (1, 1));
        assert_eq!((count("tile/2/", false), count("tile/2/", true)), (0, 1));
        assert_eq!(
            (count("tile/entries/", false), count("tile/entries/", true)),
            (273, 1)
        );
        for path in [
            "tile/0/273.p/112",
            "tile/1/001.p/17",
            "tile/2/000.p/1",
            "tile/entries/273.p/112",
        ] {
            assert!(large.contains_key(path), "{path}");
        }
        let paths: Vec<String> = files(256).into_keys().collect();
        assert_eq!(paths, ["tile/0/000", "tile/1/000.p/1", "tile/entries/000"]);
        assert_eq!(path("0", 1_234_067, 256), "tile/0/x001/x234/067");
    }

    #[test]
    fn what_is_not_there_is_not_written() {
        let (entries, tree) = of(3);
        assert_eq!(
            tiles(&entries, &tree, 4).err(),
            Some(TileError::Missing { size: 4 })
        );
        assert_eq!(tiles(&entries, &tree, 0).unwrap().count(), 0);
        let long = vec![vec![0; 65_536]];
        let tree = Tree::of(&[leaf_hash(&long[0])]);
        assert_eq!(
            tiles(&long, &tree, 1).err(),
            Some(TileError::Long { index: 0 })
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn the_tiles_hold_the_entries_and_lead_to_the_root(size in 1_u32..1200) {
            let (entries, tree) = of(size);
            let files = files(size);
            prop_assert_eq!(Some(root_of(&files, 0, size.into())), tree.root_at(size.into()));
            if size.is_multiple_of(256) {
                prop_assert_eq!(Some(root_of(&files, 1, size.into())), tree.root_at(size.into()));
            }
            let mut bytes = Vec::new();
            for (path, bundle) in &files {
                if path.starts_with("tile/entries/") {
                    bytes.extend_from_slice(bundle);
                }
            }
            let mut read = Vec::new();
            let mut rest = bytes.as_slice();
            while let [high, low, after @ ..] = rest {
                let (entry, after) = after.split_at(usize::from(u16::from_be_bytes([*high, *low])));
                read.push(entry.to_vec());
                rest = after;
            }
            prop_assert_eq!(read, entries);
        }
    }
}
