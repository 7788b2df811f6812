//! An ordered map whose copies share what they have in common, so that a copy costs little however large the map is.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// How many entries a chunk has at most. A change of a shared map copies one chunk, and the list of chunks.
const MAX_ENTRIES: usize = 128;
/// How many entries a chunk has that was filled in order: some may be added before it is split.
const FILLED_ENTRIES: usize = 96;

/// An ordered map, in chunks that copies share until one of them changes.
pub struct SharedMap<K, V> {
    /// In order; none is empty.
    chunks: Arc<Vec<Chunk<K, V>>>,
    len: usize,
}

/// Some neighbours, in order.
type Chunk<K, V> = Arc<Vec<(K, V)>>;

/// Where a key is, or would be: its chunk, and its place in there.
type Spot = (usize, Result<usize, usize>);

impl<K: Ord, V> SharedMap<K, V> {
    /// The number of entries.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no entry.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.get_key_value(key).map(|(_, value)| value)
    }

    /// A key as it is kept here, with its value.
    pub fn get_key_value<Q: Ord + ?Sized>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        let (chunk, Ok(place)) = self.find(key) else {
            return None;
        };
        let entry = self.chunks.get(chunk)?.get(place);
        entry.map(|(key, value)| (key, value))
    }

    /// Whether a key has a value.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(key).is_some()
    }

    /// All entries, in the order of the keys.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> + Clone {
        let entries = self.chunks.iter().flat_map(|chunk| chunk.iter());
        entries.map(|(key, value)| (key, value))
    }

    /// The entries from a key on, in order.
    pub fn iter_from<Q: Ord + ?Sized>(&self, key: &Q) -> impl Iterator<Item = (&K, &V)>
    where
        K: Borrow<Q>,
    {
        let (chunk, spot) = self.find(key);
        let (Ok(place) | Err(place)) = spot;
        let chunks = self.chunks.iter().skip(chunk);
        let entries = chunks.flat_map(|chunk| chunk.iter()).skip(place);
        entries.map(|(key, value)| (key, value))
    }

    /// All keys, in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> + Clone {
        self.iter().map(|(key, _)| key)
    }

    /// All values, in the order of the keys.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> + Clone {
        self.iter().map(|(_, value)| value)
    }

    /// All entries in order, in parts of which several threads can take one each.
    #[must_use]
    pub fn parts(&self) -> Vec<&[(K, V)]> {
        self.chunks.iter().map(|chunk| chunk.as_slice()).collect()
    }

    /// Whether nothing was done to either since one was copied from the other. Equal maps may say no.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.chunks, &other.chunks)
    }

    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Spot
    where
        K: Borrow<Q>,
    {
        let begins_later = |chunk: &Chunk<K, V>| {
            let first = chunk.first();
            first.is_some_and(|(first, _)| first.borrow() > key)
        };
        let chunk = self.chunks.partition_point(|chunk| !begins_later(chunk));
        let chunk = chunk.saturating_sub(1);
        let place = self.chunks.get(chunk).map_or(Err(0), |chunk| {
            chunk.binary_search_by(|(known, _)| known.borrow().cmp(key))
        });
        (chunk, place)
    }
}

impl<K: Ord + Clone, V: Clone> SharedMap<K, V> {
    /// Gives a key a value. Returns the one that it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(&key) {
            (chunk, Ok(place)) => {
                let (_, known) = self.at(chunk, place)?;
                Some(std::mem::replace(known, value))
            }
            (chunk, Err(place)) => {
                self.add(chunk, place, (key, value));
                None
            }
        }
    }

    /// Takes a key out. Returns its value.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let (chunk, Ok(place)) = self.find(key) else {
            return None;
        };
        let chunks = Arc::make_mut(&mut self.chunks);
        let entries = Arc::make_mut(chunks.get_mut(chunk)?);
        let (_, value) = entries.remove(place);
        if entries.is_empty() {
            chunks.remove(chunk);
        }
        self.len = self.len.saturating_sub(1);
        Some(value)
    }

    /// The value of a key, to be changed.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let (chunk, Ok(place)) = self.find(key) else {
            return None;
        };
        self.at(chunk, place).map(|(_, value)| value)
    }

    fn at(&mut self, chunk: usize, place: usize) -> Option<&mut (K, V)> {
        let chunks = Arc::make_mut(&mut self.chunks);
        Arc::make_mut(chunks.get_mut(chunk)?).get_mut(place)
    }

    fn add(&mut self, chunk: usize, place: usize, entry: (K, V)) {
        let chunks = Arc::make_mut(&mut self.chunks);
        match chunks.get_mut(chunk) {
            None => chunks.push(Arc::new(vec![entry])),
            Some(entries) => {
                let entries = Arc::make_mut(entries);
                entries.insert(place, entry);
                if entries.len() > MAX_ENTRIES {
                    // Who fills a map in order leaves full chunks behind.
                    let is_last = place + 1 == entries.len();
                    let kept = if is_last {
                        FILLED_ENTRIES
                    } else {
                        MAX_ENTRIES / 2
                    };
                    let rest = entries.split_off(kept);
                    chunks.insert(chunk + 1, Arc::new(rest));
                }
            }
        }
        self.len = self.len.saturating_add(1);
    }
}

impl<K: Ord + Clone, V: Clone + Default> SharedMap<K, V> {
    /// The value of a key, to be changed; the default one if it had none.
    pub fn or_default(&mut self, key: &K) -> &mut V {
        if !self.contains_key(key) {
            self.insert(key.clone(), V::default());
        }
        #[expect(clippy::expect_used, reason = "it was inserted in the line before")]
        self.get_mut(key).expect("it was inserted")
    }
}

impl<K, V> Default for SharedMap<K, V> {
    fn default() -> Self {
        Self {
            chunks: Arc::default(),
            len: 0,
        }
    }
}

impl<K, V> Clone for SharedMap<K, V> {
    fn clone(&self) -> Self {
        Self {
            chunks: Arc::clone(&self.chunks),
            len: self.len,
        }
    }
}

impl<K: Ord + fmt::Debug, V: fmt::Debug> fmt::Debug for SharedMap<K, V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.iter()).finish()
    }
}

impl<K: Ord, V: PartialEq> PartialEq for SharedMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other) || self.len == other.len && self.iter().eq(other.iter())
    }
}

impl<K: Ord, V: Eq> Eq for SharedMap<K, V> {}

impl<K: Ord + Clone, V: Clone> Extend<(K, V)> for SharedMap<K, V> {
    fn extend<T: IntoIterator<Item = (K, V)>>(&mut self, entries: T) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<K: Ord + Clone, V: Clone> FromIterator<(K, V)> for SharedMap<K, V> {
    fn from_iter<T: IntoIterator<Item = (K, V)>>(entries: T) -> Self {
        let mut map = Self::default();
        map.extend(entries);
        map
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// One thing to do to a map.
    #[derive(Debug, Clone)]
    enum Edit {
        Insert(u16, u8),
        Remove(u16),
        Change(u16, u8),
        Copy,
    }

    fn edits() -> impl Strategy<Value = Vec<Edit>> {
        // Keys are few enough to meet, and enough for several chunks.
        let key = 0..600_u16;
        let edit = prop_oneof![
            6 => (key.clone(), any::<u8>()).prop_map(|(key, value)| Edit::Insert(key, value)),
            2 => key.clone().prop_map(Edit::Remove),
            2 => (key, any::<u8>()).prop_map(|(key, value)| Edit::Change(key, value)),
            1 => Just(Edit::Copy),
        ];
        vec(edit, 0..1_500)
    }

    fn assert_same(shared: &SharedMap<u16, u8>, plain: &BTreeMap<u16, u8>) {
        assert!(shared.iter().eq(plain.iter()));
        assert_eq!(shared.len(), plain.len());
        assert!(shared.chunks.iter().all(|chunk| !chunk.is_empty()));
        assert!(shared.chunks.iter().all(|chunk| chunk.len() <= MAX_ENTRIES));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn it_is_an_ordered_map_and_its_copies_stay_as_they_were(edits in edits(), from in 0..600_u16) {
            let (mut shared, mut plain) = (SharedMap::default(), BTreeMap::new());
            let mut copies = Vec::new();
            for edit in edits {
                match edit {
                    Edit::Insert(key, value) => {
                        assert_eq!(shared.insert(key, value), plain.insert(key, value));
                    }
                    Edit::Remove(key) => assert_eq!(shared.remove(&key), plain.remove(&key)),
                    Edit::Change(key, value) => {
                        *shared.or_default(&key) ^= value;
                        *plain.entry(key).or_default() ^= value;
                    }
                    Edit::Copy => copies.push((shared.clone(), plain.clone())),
                }
            }
            assert_same(&shared, &plain);
            assert!(shared.iter_from(&from).eq(plain.range(from..)));
            let parts = shared.parts().concat();
            assert!(parts.iter().map(|(key, value)| (key, value)).eq(plain.iter()));
            for (shared, plain) in copies {
                assert_same(&shared, &plain);
            }
        }
    }

    #[test]
    fn a_change_copies_one_chunk() {
        let before: SharedMap<u32, u32> = (0..10_000).map(|number| (number, 0)).collect();
        let mut after = before.clone();
        assert!(after.is_same(&before));
        after.insert(5_000, 1);
        assert!(!after.is_same(&before));
        let pairs = before.chunks.iter().zip(after.chunks.iter());
        let copied = pairs.filter(|(before, after)| !Arc::ptr_eq(before, after));
        assert_eq!(copied.count(), 1);
        let full = before
            .chunks
            .iter()
            .filter(|chunk| chunk.len() == FILLED_ENTRIES);
        assert_eq!(full.count(), before.chunks.len() - 1, "filled in order");
    }
}
