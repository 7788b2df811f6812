//! Remembers the hashes of files that have not changed since.
//!
//! The file is binary: a version line, the number of entries, the entries sorted by device and inode with all numbers
//! little-endian, and the SHA-256 of everything before. Whatever is wrong with it, the cache is empty then: it may cost
//! time, never a wrong digest.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;
use crate::fs::beneath::Stamp;
use crate::fs::durable;
use crate::model::digest::Sha256;

const FILE_NAME: &str = "digests.v1";
const HEADER: &[u8] = b"promote digest cache 1\n";
/// Bytes of one entry: six numbers of eight bytes and a hash.
const ENTRY_BYTES: usize = 6 * 8 + 32;
/// Beyond this many entries the oldest are dropped. It bounds memory to about 100 MB.
const MAX_ENTRIES: usize = 1_000_000;
/// A file written so shortly before it was hashed may be written again within the same tick of the file system's
/// clock, and then look unchanged. Git calls this "racily clean". In nanoseconds.
const UNSETTLED: i64 = 2_000_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    stamp: Stamp,
    hashed_at: i64,
    sha256: Sha256,
}

#[derive(Debug, Default)]
struct Entries {
    by_inode: BTreeMap<(u64, u64), Entry>,
    is_changed: bool,
}

/// Hashes of files by device, inode, size, and times of change.
#[derive(Debug)]
pub struct DigestCache {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    entries: Mutex<Entries>,
}

impl DigestCache {
    /// Loads the cache of a directory. A file that is missing, damaged, or that others can write is an empty cache.
    #[must_use]
    pub fn load(directory: &Path, clock: Arc<dyn Clock>) -> Self {
        let path = directory.join(FILE_NAME);
        let limit = HEADER.len() + 8 + MAX_ENTRIES * ENTRY_BYTES + 32;
        let bytes = match durable::is_private(&path) {
            Ok(true) => durable::read_bounded(&path, limit).unwrap_or_default(),
            Ok(false) | Err(_) => Vec::new(),
        };
        let by_inode = decode(&bytes).unwrap_or_default();
        Self {
            path,
            clock,
            entries: Mutex::new(Entries {
                by_inode,
                is_changed: false,
            }),
        }
    }

    /// The time, in nanoseconds since 1970: to be taken before a file is hashed.
    #[must_use]
    pub fn now(&self) -> i64 {
        i64::try_from(self.clock.now().as_nanosecond()).unwrap_or(i64::MIN)
    }

    /// The hash of a file in this state, when it is known and the file has settled.
    #[must_use]
    pub fn get(&self, stamp: &Stamp) -> Option<Sha256> {
        let entries = self.lock();
        let entry = entries.by_inode.get(&(stamp.device, stamp.inode))?;
        let is_trusted = entry.stamp == *stamp && has_settled(stamp, entry.hashed_at);
        is_trusted.then_some(entry.sha256)
    }

    /// Remembers a hash, unless the file changed within the two seconds before `hashed_at`, which is from
    /// [`Self::now`] before it was read.
    pub fn insert(&self, stamp: &Stamp, sha256: Sha256, hashed_at: i64) {
        if !has_settled(stamp, hashed_at) {
            return;
        }
        let entry = Entry {
            stamp: *stamp,
            hashed_at,
            sha256,
        };
        let mut entries = self.lock();
        entries.by_inode.insert((stamp.device, stamp.inode), entry);
        entries.is_changed = true;
    }

    /// Writes the cache back, whole or not at all, when something was added. Of two programs that do so at once, one
    /// wins; the other's files are hashed once more.
    ///
    /// # Errors
    ///
    /// When it cannot be written. Nothing is lost but time.
    pub fn save(&self) -> io::Result<()> {
        let mut entries = self.lock();
        if !entries.is_changed {
            return Ok(());
        }
        drop_oldest(&mut entries.by_inode, MAX_ENTRIES);
        if let Some(directory) = self.path.parent() {
            durable::create_dir_all(directory)?;
        }
        durable::write_private(&self.path, &encode(&entries.by_inode))?;
        entries.is_changed = false;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn has_settled(stamp: &Stamp, hashed_at: i64) -> bool {
    let limit = hashed_at.saturating_sub(UNSETTLED);
    stamp.modified < limit && stamp.changed < limit
}

fn drop_oldest(entries: &mut BTreeMap<(u64, u64), Entry>, limit: usize) {
    let Some(excess) = entries
        .len()
        .checked_sub(limit)
        .filter(|excess| *excess > 0)
    else {
        return;
    };
    let mut ages: Vec<_> = entries
        .iter()
        .map(|(key, entry)| (entry.hashed_at, *key))
        .collect();
    ages.sort_unstable();
    for (_, key) in ages.into_iter().take(excess) {
        entries.remove(&key);
    }
}

fn encode(entries: &BTreeMap<(u64, u64), Entry>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER.len() + 40 + entries.len() * ENTRY_BYTES);
    bytes.extend_from_slice(HEADER);
    bytes.extend(u64::try_from(entries.len()).unwrap_or(0).to_le_bytes());
    for entry in entries.values() {
        let stamp = &entry.stamp;
        for number in [stamp.device, stamp.inode, stamp.size] {
            bytes.extend(number.to_le_bytes());
        }
        for time in [stamp.modified, stamp.changed, entry.hashed_at] {
            bytes.extend(time.to_le_bytes());
        }
        bytes.extend_from_slice(entry.sha256.as_bytes());
    }
    let checksum = Sha256::of(&bytes);
    bytes.extend_from_slice(checksum.as_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<BTreeMap<(u64, u64), Entry>> {
    let (body, checksum) = bytes.split_last_chunk::<32>()?;
    if Sha256::of(body).as_bytes() != checksum {
        return None;
    }
    let (count, rest) = body.strip_prefix(HEADER)?.split_first_chunk::<8>()?;
    let count = usize::try_from(u64::from_le_bytes(*count)).ok()?;
    let is_whole = count <= MAX_ENTRIES && rest.len() == count * ENTRY_BYTES;
    let entries = rest.chunks_exact(ENTRY_BYTES).map(|chunk| {
        let entry = decode_entry(chunk)?;
        Some(((entry.stamp.device, entry.stamp.inode), entry))
    });
    if is_whole { entries.collect() } else { None }
}

fn decode_entry(chunk: &[u8]) -> Option<Entry> {
    let (numbers, hash) = chunk.split_at_checked(48)?;
    let (numbers, _) = numbers.as_chunks::<8>();
    let [device, inode, size, modified, changed, hashed_at] = numbers else {
        return None;
    };
    Some(Entry {
        stamp: Stamp {
            device: u64::from_le_bytes(*device),
            inode: u64::from_le_bytes(*inode),
            size: u64::from_le_bytes(*size),
            modified: i64::from_le_bytes(*modified),
            changed: i64::from_le_bytes(*changed),
        },
        hashed_at: i64::from_le_bytes(*hashed_at),
        sha256: Sha256::from_bytes(hash.try_into().ok()?),
    })
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests arrange files")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::ManualClock;

    fn stamp(inode: u64, modified: i64) -> Stamp {
        Stamp {
            device: 1,
            inode,
            size: 3,
            modified,
            changed: modified,
        }
    }

    fn cache(directory: &Path) -> DigestCache {
        let now = jiff::Timestamp::from_second(1_000).unwrap();
        DigestCache::load(directory, Arc::new(ManualClock::new(now)))
    }

    #[test]
    fn a_file_that_changed_within_two_seconds_is_not_remembered() {
        let directory = tempfile::tempdir().unwrap();
        let cache = cache(directory.path());
        let now = cache.now();
        let second = 1_000_000_000;
        for (inode, age, is_known) in [
            (1, 0, false),
            (2, 2 * second, false),
            (3, 2 * second + 1, true),
            (4, -second, false),
        ] {
            cache.insert(&stamp(inode, now - age), Sha256::of(b"x"), now);
            assert_eq!(
                cache.get(&stamp(inode, now - age)).is_some(),
                is_known,
                "{age}"
            );
        }
        let young_ctime = Stamp {
            changed: now,
            ..stamp(5, 0)
        };
        cache.insert(&young_ctime, Sha256::of(b"x"), now);
        assert_eq!(cache.get(&young_ctime), None);
    }

    #[test]
    fn any_other_state_of_the_file_is_unknown() {
        let directory = tempfile::tempdir().unwrap();
        let cache = cache(directory.path());
        let known = stamp(7, 5);
        cache.insert(&known, Sha256::of(b"x"), cache.now());
        assert_eq!(cache.get(&known), Some(Sha256::of(b"x")));
        for other in [
            Stamp { device: 2, ..known },
            Stamp { inode: 8, ..known },
            Stamp { size: 4, ..known },
            Stamp {
                modified: 6,
                ..known
            },
            Stamp {
                changed: 6,
                ..known
            },
        ] {
            assert_eq!(cache.get(&other), None);
        }
    }

    #[test]
    fn a_saved_cache_is_loaded_and_a_damaged_one_is_empty() {
        let directory = tempfile::tempdir().unwrap();
        let first = cache(directory.path());
        first.insert(&stamp(1, 5), Sha256::of(b"x"), first.now());
        first.save().unwrap();
        let path = directory.path().join(FILE_NAME);
        assert_eq!(
            cache(directory.path()).get(&stamp(1, 5)),
            Some(Sha256::of(b"x"))
        );
        let whole = std::fs::read(&path).unwrap();
        for position in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[position] ^= 1;
            assert_eq!(decode(&damaged), None, "{position}");
            assert_eq!(decode(&whole[..position]), None, "{position}");
        }
        std::fs::write(&path, b"rubbish").unwrap();
        assert_eq!(cache(directory.path()).get(&stamp(1, 5)), None);
    }

    #[test]
    fn a_cache_that_others_can_write_is_empty() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let first = cache(directory.path());
        first.insert(&stamp(1, 5), Sha256::of(b"x"), first.now());
        first.save().unwrap();
        let path = directory.path().join(FILE_NAME);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(cache(directory.path()).get(&stamp(1, 5)), None);
    }

    #[test]
    fn the_oldest_entries_go_first() {
        let mut entries = BTreeMap::new();
        for inode in 0..5_u64 {
            let hashed_at = 100 - i64::try_from(inode).unwrap();
            let entry = Entry {
                stamp: stamp(inode, 0),
                hashed_at,
                sha256: Sha256::of(b""),
            };
            entries.insert((1, inode), entry);
        }
        drop_oldest(&mut entries, 2);
        assert_eq!(
            entries.keys().copied().collect::<Vec<_>>(),
            [(1, 0), (1, 1)]
        );
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(inodes in prop::collection::btree_set(any::<u64>(), 0..20), time in any::<i64>()) {
            let entries: BTreeMap<_, _> = inodes.into_iter().map(|inode| {
                let entry = Entry { stamp: stamp(inode, time), hashed_at: time, sha256: Sha256::of(&inode.to_le_bytes()) };
                ((1, inode), entry)
            }).collect();
            prop_assert_eq!(decode(&encode(&entries)), Some(entries));
        }
    }
}
