//! The head of the log, signed: origin, size and root.
//!
//! Format: <https://c2sp.org/tlog-checkpoint>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::ledger::note::{self, NoteError, Signer, Verifier};
use crate::model::digest::Sha256;

/// What a log commits to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// The number of entries.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Sha256,
}

/// Why bytes are not a checkpoint of a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The note is not good.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The text of the note is not a checkpoint.
    #[error("the note is signed, and is not a checkpoint: {0}")]
    Form(&'static str),
    /// It is the checkpoint of another log.
    #[error("it is a checkpoint of `{found}`, not of `{expected}`")]
    Origin {
        /// The log that is named.
        found: String,
        /// The log that was expected.
        expected: String,
    },
}

impl Checkpoint {
    /// Signs it. The origin must be the signer's name.
    ///
    /// # Errors
    ///
    /// When it is not.
    pub fn sign(&self, signer: &Signer) -> Result<Vec<u8>, CheckpointError> {
        if self.origin != signer.verifier().name() {
            return Err(CheckpointError::Origin { found: self.origin.clone(), expected: signer.verifier().name().to_owned() });
        }
        let text = format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root.as_bytes()));
        Ok(signer.sign(&text)?.into_bytes())
    }

    /// Reads a checkpoint that the log has signed. Extension lines are passed over.
    ///
    /// # Errors
    ///
    /// When it is not one of this log.
    pub fn open(bytes: &[u8], verifier: &Verifier) -> Result<Self, CheckpointError> {
        let text = note::open(bytes, verifier)?;
        let mut lines = text.lines();
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(CheckpointError::Form("it has fewer than three lines"));
        };
        if origin != verifier.name() {
            return Err(CheckpointError::Origin { found: origin.to_owned(), expected: verifier.name().to_owned() });
        }
        let number: u64 = size.parse().map_err(|_| CheckpointError::Form("its size is not a number"))?;
        if number.to_string() != size {
            return Err(CheckpointError::Form("its size is not written the one way"));
        }
        let root = STANDARD.decode(root).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let root = root.map(Sha256::from_bytes).ok_or(CheckpointError::Form("its root is not a hash"))?;
        Ok(Self { origin: origin.to_owned(), size: number, root })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(name: &str) -> Signer {
        Signer::parse(&Signer::generate(name).unwrap()).unwrap()
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint { origin: "example.org/log".to_owned(), size: 20, root: Sha256::of(b"root") }
    }

    #[test]
    fn what_is_signed_is_read() {
        let signer = signer("example.org/log");
        let bytes = checkpoint().sign(&signer).unwrap();
        assert_eq!(Checkpoint::open(&bytes, signer.verifier()).unwrap(), checkpoint());
    }

    #[test]
    fn another_log_or_form_is_refused() {
        assert!(checkpoint().sign(&signer("example.org/other")).is_err());
        let signer = signer("example.org/log");
        for text in ["example.org/log\n20\n", "example.org/log\n020\nAAAA\n", "example.org/log\n-1\nAAAA\n", "example.org/x\n1\nAAAA\n"] {
            let note = signer.sign(text).unwrap();
            assert!(Checkpoint::open(note.as_bytes(), signer.verifier()).is_err(), "{text}");
        }
    }
}
