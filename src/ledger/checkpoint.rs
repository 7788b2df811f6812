//! Checkpoints: the signed head of a ledger, as <https://c2sp.org/tlog-checkpoint> defines it.
//!
//! The text is the origin, the number of entries in decimal, and the root hash in base64, each on a line. More lines
//! may follow in what is read; none are written.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::ledger::key::Verifier;
use crate::ledger::note::{Note, NoteError};
use crate::ledger::signer::Signer;
use crate::model::digest::Sha256;

/// Why bytes are not a checkpoint, or not one of this ledger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// It is not a note, or the key did not sign it.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The text does not have the form.
    #[error("it is not a checkpoint: {0}")]
    Text(&'static str),
    /// It is of another ledger than the key.
    #[error("it is the checkpoint of `{origin}`, not of `{expected}`")]
    Origin {
        /// The origin that it names.
        origin: String,
        /// The name of the key.
        expected: String,
    },
}

/// How large a ledger is and what its entries hash to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Names the ledger; the name of its key.
    pub origin: String,
    /// The number of entries covered.
    pub size: u64,
    /// The root of the Merkle tree over those entries.
    pub root: Sha256,
}

impl Checkpoint {
    /// Reads the text of a note. Checks no signature: use [`Checkpoint::open`] for what is to be believed.
    ///
    /// # Errors
    ///
    /// When it is not the text of a checkpoint.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        use CheckpointError::Text;
        let body = text
            .strip_suffix('\n')
            .ok_or(Text("it does not end in a newline"))?;
        let mut lines = body.split('\n');
        let mut next = || lines.next().ok_or(Text("it has fewer than three lines"));
        let (origin, size, root) = (next()?, next()?, next()?);
        if origin.is_empty() || lines.any(str::is_empty) {
            return Err(Text("it has an empty line"));
        }
        let size = parse_size(size).ok_or(Text("its second line is not a size"))?;
        let root = STANDARD
            .decode(root)
            .ok()
            .and_then(|bytes| bytes.try_into().ok());
        let root = root.ok_or(Text("its third line is not a root hash"))?;
        Ok(Self {
            origin: origin.to_owned(),
            size,
            root: Sha256::from_bytes(root),
        })
    }

    /// Reads a checkpoint and checks that the key signed it for the ledger of that name.
    ///
    /// # Errors
    ///
    /// When it is not a checkpoint, is not signed by the key, or names another ledger.
    pub fn open(bytes: &[u8], verifier: &Verifier) -> Result<Self, CheckpointError> {
        let note = Note::parse(bytes)?;
        let checkpoint = Self::parse(note.verify(verifier)?)?;
        checkpoint.check_origin(verifier.name())?;
        Ok(checkpoint)
    }

    /// Signs it, and returns the bytes of the note.
    ///
    /// # Errors
    ///
    /// When the signer's key is that of another ledger.
    pub fn sign(&self, signer: &Signer) -> Result<Vec<u8>, CheckpointError> {
        self.check_origin(signer.verifier().name())?;
        Ok(signer.sign(&self.to_string())?.to_string().into_bytes())
    }

    fn check_origin(&self, expected: &str) -> Result<(), CheckpointError> {
        if self.origin == expected {
            return Ok(());
        }
        Err(CheckpointError::Origin {
            origin: self.origin.clone(),
            expected: expected.to_owned(),
        })
    }
}

/// Writes the text that is signed.
impl fmt::Display for Checkpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = STANDARD.encode(self.root.as_bytes());
        write!(formatter, "{}\n{}\n{root}\n", self.origin, self.size)
    }
}

fn parse_size(text: &str) -> Option<u64> {
    let is_decimal = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let has_leading_zero = text.len() > 1 && text.starts_with('0');
    if !is_decimal || has_leading_zero {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::key::tests::signer;

    const ROOT: &str = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";

    #[test]
    fn the_example_of_the_specification_is_read() {
        let text = format!("example.com/behind-the-sofa\n20852163\n{ROOT}\n");
        let checkpoint = Checkpoint::parse(&text).unwrap();
        assert_eq!(
            (checkpoint.size, checkpoint.origin.as_str()),
            (20_852_163, "example.com/behind-the-sofa")
        );
        assert_eq!(checkpoint.to_string(), text);
        let extended = Checkpoint::parse(&format!("{text}an extension\n")).unwrap();
        assert_eq!(extended, checkpoint);
    }

    #[test]
    fn what_is_not_a_checkpoint_is_refused() {
        let long = format!("o\n1\n{ROOT}AAAA\n");
        let bad = [
            String::new(),
            "\n".into(),
            "o\n1\n".into(),
            long,
            format!("\n1\n{ROOT}\n"),
            format!("o\n1\n{ROOT}"),
            format!("o\n1\n{ROOT}\n\n"),
            format!("o\n01\n{ROOT}\n"),
            format!("o\n+1\n{ROOT}\n"),
            format!("o\n-1\n{ROOT}\n"),
            format!("o\n\n{ROOT}\n"),
            format!("o\n18446744073709551616\n{ROOT}\n"),
            format!("o\n1\n{}\n", ROOT.trim_end_matches('=')),
            format!("o\n1\n{}\n", ROOT.replace("q2I=", "q2J=")),
            format!("o\n1 \n{ROOT}\n"),
        ];
        for text in bad {
            assert!(Checkpoint::parse(&text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_checkpoint_of_another_ledger_is_refused() {
        let signer = signer();
        let checkpoint = |origin: &str| Checkpoint {
            origin: origin.into(),
            size: 0,
            root: Sha256::of(b""),
        };
        let bytes = checkpoint("PeterNeumann").sign(&signer).unwrap();
        assert_eq!(
            Checkpoint::open(&bytes, signer.verifier()).unwrap(),
            checkpoint("PeterNeumann")
        );
        let other = checkpoint("example.com/other");
        assert!(matches!(
            other.sign(&signer),
            Err(CheckpointError::Origin { .. })
        ));
        let bytes = signer.sign(&other.to_string()).unwrap().to_string();
        assert!(matches!(
            Checkpoint::open(bytes.as_bytes(), signer.verifier()),
            Err(CheckpointError::Origin { .. })
        ));
        let text = signer.sign("PeterNeumann\n1\n").unwrap().to_string();
        assert!(matches!(
            Checkpoint::open(text.as_bytes(), signer.verifier()),
            Err(CheckpointError::Text(_))
        ));
    }

    proptest! {
        #[test]
        fn checkpoints_survive_being_written(origin in "[^\\s\\x00-\\x1f]{1,30}", size: u64, root: [u8; 32]) {
            let checkpoint = Checkpoint { origin, size, root: Sha256::from_bytes(root) };
            prop_assert_eq!(Checkpoint::parse(&checkpoint.to_string()).unwrap(), checkpoint);
        }
    }
}
