//! Signed notes: text and signature lines, as <https://c2sp.org/signed-note> defines them.
//!
//! A note is text that ends in a newline, a blank line, and lines `— <name> <base64(key id ‖ signature)>`. Go's module
//! checksum database, witnesses and transparency logs use the same.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::ledger::key::{KeyId, Verifier, check_name};

/// The largest note that is read, in bytes.
pub const MAX_NOTE_BYTES: usize = 1024 * 1024;
/// The most signatures that a note has.
pub const MAX_SIGNATURES: usize = 100;

/// Why bytes are not a note, or not one that a key signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// They do not have the form of a note.
    #[error("it is not a signed note: {0}")]
    Malformed(&'static str),
    /// One of the signature lines does not have the form of one.
    #[error("it is not a signed note: line {line} is not `— <name> <base64>`")]
    Line {
        /// The line, from 1.
        line: usize,
    },
    /// The key did not sign it.
    #[error("it is not signed by `{name}` with the key {id}")]
    Unsigned {
        /// The name of the key.
        name: String,
        /// Its id.
        id: KeyId,
    },
    /// The signature that should be the key's is not.
    #[error("the signature of `{name}` with the key {id} is not genuine")]
    BadSignature {
        /// The name of the key.
        name: String,
        /// Its id.
        id: KeyId,
    },
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    /// The name of the key that is said to have made it.
    pub name: String,
    /// The id of that key.
    pub id: KeyId,
    /// The bytes of the signature, 64 for Ed25519.
    pub signature: Vec<u8>,
}

/// A note that has the right form. Its text means nothing until [`Note::verify`] has accepted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// Puts a note together.
    ///
    /// # Errors
    ///
    /// When the text or the signatures cannot be those of a note.
    pub fn new(text: String, signatures: Vec<NoteSignature>) -> Result<Self, NoteError> {
        check_text(&text)?;
        let is_line = |signature: &NoteSignature| {
            check_name(&signature.name).is_ok() && !signature.signature.is_empty()
        };
        if signatures.is_empty()
            || signatures.len() > MAX_SIGNATURES
            || !signatures.iter().all(is_line)
        {
            return Err(NoteError::Malformed(
                "it needs 1 to 100 signatures by named keys",
            ));
        }
        Ok(Self { text, signatures })
    }

    /// Reads a note. Checks its form alone, no signature.
    ///
    /// # Errors
    ///
    /// When the bytes are not a note: too large, not UTF-8, with control characters, or without signatures.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > MAX_NOTE_BYTES {
            return Err(NoteError::Malformed("it is larger than 1 MiB"));
        }
        let note =
            std::str::from_utf8(bytes).map_err(|_| NoteError::Malformed("it is not UTF-8"))?;
        let (text, lines) = note.rsplit_once("\n\n").ok_or(NoteError::Malformed(
            "it has no blank line before its signatures",
        ))?;
        let lines = lines
            .strip_suffix('\n')
            .ok_or(NoteError::Malformed("it does not end in a newline"))?;
        let text = format!("{text}\n");
        check_text(&text)?;
        let first = text.lines().count() + 2;
        if lines.split('\n').count() > MAX_SIGNATURES {
            return Err(NoteError::Malformed("it has more than 100 signatures"));
        }
        let signatures = lines.split('\n').enumerate().map(|(index, line)| {
            signature_line(line).ok_or(NoteError::Line {
                line: first + index,
            })
        });
        let signatures = signatures.collect::<Result<_, _>>()?;
        Self::new(text, signatures)
    }

    /// The text, with its last newline.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All signatures, of known keys and others.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Accepts the note if this key signed it, and returns the text. Lines of other keys are ignored.
    ///
    /// # Errors
    ///
    /// When no line has this key's name and id, or one that has them is not its signature.
    pub fn verify(&self, verifier: &Verifier) -> Result<&str, NoteError> {
        let (name, id) = (verifier.name().to_owned(), verifier.id());
        let is_ours = |line: &&NoteSignature| line.id == id && line.name == name;
        let mut ours = self.signatures.iter().filter(is_ours).peekable();
        if ours.peek().is_none() {
            return Err(NoteError::Unsigned { name, id });
        }
        if ours.all(|line| verifier.accepts(&self.text, &line.signature)) {
            Ok(&self.text)
        } else {
            Err(NoteError::BadSignature { name, id })
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.text)?;
        for NoteSignature {
            name,
            id,
            signature,
        } in &self.signatures
        {
            let encoded = STANDARD.encode([id.0.as_slice(), signature].concat());
            writeln!(formatter, "— {name} {encoded}")?;
        }
        Ok(())
    }
}

fn check_text(text: &str) -> Result<(), NoteError> {
    if !text.ends_with('\n') {
        return Err(NoteError::Malformed("its text does not end in a newline"));
    }
    if text.len() > MAX_NOTE_BYTES {
        return Err(NoteError::Malformed("it is larger than 1 MiB"));
    }
    if text.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
        return Err(NoteError::Malformed("it holds a control character"));
    }
    Ok(())
}

fn signature_line(line: &str) -> Option<NoteSignature> {
    let (name, encoded) = line.strip_prefix("— ")?.split_once(' ')?;
    check_name(name).ok()?;
    let bytes = STANDARD.decode(encoded).ok()?;
    let (id, signature) = bytes.split_first_chunk::<4>()?;
    if signature.is_empty() {
        return None;
    }
    Some(NoteSignature {
        name: name.to_owned(),
        id: KeyId(*id),
        signature: signature.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::key::tests::{PUBLIC, signer};
    use crate::ledger::signer::Signer;

    /// The text and the note of the tests of Go's `sumdb/note`.
    const TEXT: &str = "If you think cryptography is the answer to your problem,\n\
                        then you don't know what your problem is.\n";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn verifier() -> Verifier {
        PUBLIC.parse().unwrap()
    }

    fn verify(note: &str) -> Result<String, NoteError> {
        Note::parse(note.as_bytes())?
            .verify(&verifier())
            .map(ToOwned::to_owned)
    }

    #[test]
    fn a_note_of_go_is_accepted_and_made_the_same() {
        assert_eq!(verify(NOTE).unwrap(), TEXT);
        assert_eq!(signer().sign(TEXT).unwrap().to_string(), NOTE);
    }

    #[test]
    fn only_the_last_blank_line_ends_the_text() {
        for text in ["\n", "a\n\n", "a\n\n— b AAAAAAA=\n"] {
            let note = signer().sign(text).unwrap().to_string();
            assert_eq!(verify(&note).unwrap(), text);
        }
    }

    #[test]
    fn lines_of_other_keys_are_ignored() {
        let other = Signer::generate("witness.example")
            .unwrap()
            .sign(TEXT)
            .unwrap();
        let line = other.to_string().replace(&format!("{TEXT}\n"), "");
        assert_eq!(verify(&format!("{NOTE}{line}")).unwrap(), TEXT);
        assert!(matches!(
            verify(&other.to_string()),
            Err(NoteError::Unsigned { .. })
        ));
    }

    #[test]
    fn a_known_key_with_a_bad_signature_is_an_error() {
        let changed = NOTE.replace("your problem is", "your answer is");
        assert!(matches!(
            verify(&changed),
            Err(NoteError::BadSignature { .. })
        ));
        let line = NOTE
            .lines()
            .last()
            .unwrap()
            .replace("Zjku", "Zjkv")
            .replace("ZJku", "ZJkv");
        let second = format!("{NOTE}{line}\n");
        assert!(matches!(
            verify(&second),
            Err(NoteError::BadSignature { .. })
        ));
        let short = format!("{TEXT}\n— PeterNeumann x08gow==\n");
        assert_eq!(verify(&short), Err(NoteError::Line { line: 4 }));
    }

    #[test]
    fn what_is_not_a_note_is_refused() {
        let (text, line) = NOTE.split_once("\n\n").unwrap();
        let bad = [
            String::new(),
            "\n\n".to_owned(),
            TEXT.to_owned(),
            format!("{text}\n{line}"),
            NOTE.trim_end().to_owned(),
            NOTE.replace('—', "-"),
            NOTE.replace("If", "I\tf"),
            NOTE.replace("— PeterNeumann ", "— Peter+Neumann "),
            NOTE.replace("JnAM=", "JnAN="),
            format!("{NOTE}\n"),
            format!("{NOTE}trailing\n"),
            format!("{text}\n\n{}", line.repeat(101)),
            format!("{}\n\n{line}", "a".repeat(MAX_NOTE_BYTES)),
        ];
        for note in bad {
            assert!(verify(&note).is_err(), "{note:.200}");
        }
        assert!(Note::parse(b"\xff\n\n\xe2\x80\x94 a AAAAAAA=\n").is_err());
        assert!(signer().sign("no newline").is_err());
        assert!(verify(&format!("{text}\n\n{}", line.repeat(100))).is_ok());
    }

    proptest! {
        #[test]
        fn texts_without_control_characters_can_be_signed(text in "([^\\x00-\\x1f]{1,20}\n){1,4}") {
            let note = signer().sign(&text).unwrap().to_string();
            prop_assert_eq!(verify(&note).unwrap(), text);
        }

        #[test]
        fn a_note_with_any_byte_changed_is_refused(index in 0..NOTE.len(), bit in 0..8u8) {
            let mut bytes = NOTE.as_bytes().to_vec();
            bytes[index] ^= 1 << bit;
            let result = Note::parse(&bytes).and_then(|note| note.verify(&verifier()).map(|_| ()));
            prop_assert!(result.is_err());
        }

        #[test]
        fn any_bytes_are_refused_or_written_back_the_same(
            note in "([a-z]{0,2}\n){0,3}\n?(— [a-z]{1,2} [A-Za-z0-9+/]{7}=\n){0,2}|\\PC*"
        ) {
            if let Ok(parsed) = Note::parse(note.as_bytes()) {
                prop_assert_eq!(parsed.to_string(), note);
            }
        }
    }
}
