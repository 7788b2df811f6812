//! Which key signs a checkpoint: each from a size of the ledger on.
//!
//! What brings a new key is an entry of the ledger itself, so a checkpoint can only be judged by who has read the entries
//! that it covers. Until then one that another key of the ledger's name has signed is unproven.

use crate::ledger::checkpoint::{Checkpoint, CheckpointError};
use crate::ledger::key::Verifier;
use crate::ledger::note::{Note, NoteError};

/// The keys of one ledger, in the order in which they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogKeys {
    first: Verifier,
    /// INVARIANT: by size, the smallest first.
    later: Vec<(u64, Verifier)>,
}

/// A checkpoint that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Opened {
    /// The key that counts for its size has signed it.
    Proven(Checkpoint),
    /// A key of the ledger's name has, and not the one that counts as far as is known.
    Unproven(Checkpoint),
}

impl From<Verifier> for LogKeys {
    fn from(first: Verifier) -> Self {
        Self {
            first,
            later: Vec::new(),
        }
    }
}

impl LogKeys {
    /// The key that signs checkpoints of that many entries.
    #[must_use]
    pub fn at(&self, size: u64) -> &Verifier {
        let later = self.later.iter().rev().find(|(from, _)| size >= *from);
        later.map_or(&self.first, |(_, key)| key)
    }

    /// The key that signs from now on.
    #[must_use]
    pub fn newest(&self) -> &Verifier {
        self.later.last().map_or(&self.first, |(_, key)| key)
    }

    /// Lets another key sign, from checkpoints of that many entries on.
    pub(super) fn rotate(&mut self, from: u64, key: Verifier) {
        if *self.newest() != key {
            self.later.push((from, key));
        }
    }

    /// Reads a checkpoint that the key for its size has signed.
    ///
    /// # Errors
    ///
    /// When it is not a checkpoint, is not signed by that key, or names another ledger.
    pub fn open(&self, bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
        let size = size_of(&Note::parse(bytes)?);
        Checkpoint::open(bytes, self.at(size))
    }

    /// As [`LogKeys::open`], but lets pass for now what may turn out to be signed by a key that is not known yet.
    pub(super) fn open_for_now(&self, bytes: &[u8]) -> Result<Opened, CheckpointError> {
        let unsigned = match self.open(bytes) {
            Ok(checkpoint) => return Ok(Opened::Proven(checkpoint)),
            Err(CheckpointError::Note(NoteError::Unsigned { name, id })) => {
                CheckpointError::Note(NoteError::Unsigned { name, id })
            }
            Err(other) => return Err(other),
        };
        let note = Note::parse(bytes)?;
        let name = self.first.name();
        let has_name = note.signatures().iter().any(|line| line.name == name);
        let checkpoint = Checkpoint::parse(note.text()).ok();
        match checkpoint.filter(|checkpoint| has_name && checkpoint.origin == name) {
            Some(checkpoint) => Ok(Opened::Unproven(checkpoint)),
            None => Err(unsigned),
        }
    }
}

/// The size that a note names; without one the newest key is the one to ask.
fn size_of(note: &Note) -> u64 {
    Checkpoint::parse(note.text()).map_or(u64::MAX, |checkpoint| checkpoint.size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::signer::Signer;
    use crate::model::digest::Sha256;

    fn checkpoint(size: u64) -> Checkpoint {
        Checkpoint {
            origin: "o".to_owned(),
            size,
            root: Sha256::of(b"root"),
        }
    }

    #[test]
    fn a_key_signs_from_its_size_on_and_no_other_does() {
        let [old, new] = [0; 2].map(|_| Signer::generate("o").unwrap());
        let mut keys = LogKeys::from(old.verifier().clone());
        keys.rotate(8, new.verifier().clone());
        keys.rotate(9, new.verifier().clone());
        assert_eq!(keys.newest(), new.verifier());
        for (size, right, wrong) in [
            (0, &old, &new),
            (7, &old, &new),
            (8, &new, &old),
            (90, &new, &old),
        ] {
            let good = checkpoint(size).sign(right).unwrap();
            assert_eq!(keys.open(&good), Ok(checkpoint(size)));
            assert_eq!(
                keys.open_for_now(&good),
                Ok(Opened::Proven(checkpoint(size)))
            );
            let bad = checkpoint(size).sign(wrong).unwrap();
            let id = right.verifier().id();
            let expected = format!("it is not signed by `o` with the key {id}");
            assert_eq!(keys.open(&bad).unwrap_err().to_string(), expected);
            assert_eq!(
                keys.open_for_now(&bad),
                Ok(Opened::Unproven(checkpoint(size)))
            );
        }
        let stranger = Signer::generate("p").unwrap();
        let note = stranger
            .sign(&checkpoint(1).to_string())
            .unwrap()
            .to_string();
        assert!(keys.open_for_now(note.as_bytes()).is_err());
    }
}
