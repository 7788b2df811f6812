//! Signed notes: text with signature lines that anyone may add to.
//!
//! Format: <https://c2sp.org/signed-note>. Only Ed25519 (type 0x01) is made here; lines of other keys are passed over.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use crate::model::digest::Sha256;
use crate::redact::Secret;

/// The largest note, in bytes.
pub const MAX_NOTE_BYTES: usize = 1 << 20;
/// The most signature lines that are read.
pub const MAX_SIGNATURES: usize = 100;
/// The byte that names Ed25519 in keys.
const ED25519_TYPE: u8 = 1;

/// Why a note or a key is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It does not have the form of a note.
    #[error("this is not a signed note: {0}")]
    Form(&'static str),
    /// The text is not a key.
    #[error("this is not a {0}")]
    Key(&'static str),
    /// A key's hash is not that of its name and bytes.
    #[error("the hash in the key of `{0}` is not that of its name and bytes")]
    KeyHash(String),
    /// The trusted key has not signed.
    #[error("`{0}` has not signed this note")]
    Unsigned(String),
    /// There is a signature of the trusted key, and it is not good.
    #[error("the signature of `{0}` on this note is not good")]
    Bad(String),
    /// No random bytes or no signature could be had.
    #[error("the key of `{0}` cannot be used")]
    Unusable(String),
}

/// A public key with its name: `<name>+<8 hex>+<base64>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    id: [u8; 4],
    public: Vec<u8>,
}

/// A private key with its name: `PRIVATE+KEY+<name>+<8 hex>+<base64>`.
pub struct Signer {
    verifier: Verifier,
    pair: Ed25519KeyPair,
}

impl fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Signer").field("name", &self.verifier.name).finish_non_exhaustive()
    }
}

impl Verifier {
    fn new(name: &str, public: &[u8]) -> Result<Self, NoteError> {
        check_name(name)?;
        let id = key_id(name, public);
        Ok(Self { name: name.to_owned(), id, public: public.to_vec() })
    }

    /// The name, which for a log is its origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn verifies(&self, text: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.public).verify(text, signature).is_ok()
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let typed = [&[ED25519_TYPE], self.public.as_slice()].concat();
        write!(formatter, "{}+{}+{}", self.name, hex::encode(self.id), STANDARD.encode(typed))
    }
}

impl FromStr for Verifier {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let (name, public) = parse_key(text, "verifier key")?;
        Self::new(&name, &public)
    }
}

impl Signer {
    /// Makes a new key; the text holds the private half.
    ///
    /// # Errors
    ///
    /// When the name has white space or a plus sign, or no random bytes can be had.
    pub fn generate(name: &str) -> Result<Secret<String>, NoteError> {
        check_name(name)?;
        let unusable = || NoteError::Unusable(name.to_owned());
        let mut seed = [0; 32];
        SystemRandom::new().fill(&mut seed).map_err(|_| unusable())?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| unusable())?;
        let id = key_id(name, pair.public_key().as_ref());
        let typed = [&[ED25519_TYPE], seed.as_slice()].concat();
        Ok(Secret::new(format!("PRIVATE+KEY+{name}+{}+{}", hex::encode(id), STANDARD.encode(typed))))
    }

    /// Reads a private key.
    ///
    /// # Errors
    ///
    /// When it is not one.
    pub fn parse(text: &Secret<String>) -> Result<Self, NoteError> {
        let rest = text.expose().trim().strip_prefix("PRIVATE+KEY+").ok_or(NoteError::Key("private key of a log"))?;
        let (name, hash, seed) = split_key(rest, "private key of a log")?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| NoteError::Key("private key of a log"))?;
        let verifier = Verifier::new(&name, pair.public_key().as_ref())?;
        if verifier.id != hash {
            return Err(NoteError::KeyHash(name));
        }
        Ok(Self { verifier, pair })
    }

    /// The public half.
    #[must_use]
    pub const fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Signs a text and writes the note.
    ///
    /// # Errors
    ///
    /// When the text does not end in a newline or holds control characters.
    pub fn sign(&self, text: &str) -> Result<String, NoteError> {
        check_text(text)?;
        let signature = [&self.verifier.id, self.pair.sign(text.as_bytes()).as_ref()].concat();
        Ok(format!("{text}\n\u{2014} {} {}\n", self.verifier.name, STANDARD.encode(signature)))
    }
}

/// Checks that the key has signed a note, and returns the text.
///
/// # Errors
///
/// When it is not a note, or the key has not signed it. Signatures of other keys are passed over.
pub fn open<'a>(note: &'a [u8], verifier: &Verifier) -> Result<&'a str, NoteError> {
    if note.len() > MAX_NOTE_BYTES {
        return Err(NoteError::Form("it is too large"));
    }
    let note = std::str::from_utf8(note).map_err(|_| NoteError::Form("it is not UTF-8"))?;
    let (text, signatures) = note.rsplit_once("\n\n").ok_or(NoteError::Form("there is no empty line before signatures"))?;
    let text = note.get(..=text.len()).ok_or(NoteError::Form("it has no text"))?;
    check_text(text)?;
    if signatures.is_empty() || !signatures.ends_with('\n') {
        return Err(NoteError::Form("it does not end in signature lines"));
    }
    if signatures.lines().count() > MAX_SIGNATURES {
        return Err(NoteError::Form("it has too many signatures"));
    }
    let mut is_signed = false;
    for line in signatures.lines() {
        let (name, bytes) = parse_signature(line)?;
        let Some((id, signature)) = bytes.split_first_chunk::<4>() else { return Err(NoteError::Form("a signature is too short")) };
        if name == verifier.name && *id == verifier.id {
            if !verifier.verifies(text.as_bytes(), signature) {
                return Err(NoteError::Bad(name.to_owned()));
            }
            is_signed = true;
        }
    }
    if is_signed { Ok(text) } else { Err(NoteError::Unsigned(verifier.name.clone())) }
}

fn parse_signature(line: &str) -> Result<(&str, Vec<u8>), NoteError> {
    let rest = line.strip_prefix("\u{2014} ").ok_or(NoteError::Form("a signature line does not begin with a dash"))?;
    let (name, base64) = rest.split_once(' ').ok_or(NoteError::Form("a signature line has no name"))?;
    let bytes = STANDARD.decode(base64).map_err(|_| NoteError::Form("a signature is not base64"))?;
    Ok((name, bytes))
}

fn check_text(text: &str) -> Result<(), NoteError> {
    let is_good = text.ends_with('\n') && text.len() > 1 && !text.chars().any(|c| c.is_control() && c != '\n');
    if is_good { Ok(()) } else { Err(NoteError::Form("its text is empty or holds control characters")) }
}

fn check_name(name: &str) -> Result<(), NoteError> {
    let is_good = !name.is_empty() && name.len() <= 255 && !name.contains('+') && !name.chars().any(|c| c.is_whitespace() || c.is_control());
    if is_good { Ok(()) } else { Err(NoteError::Key("key name: it is empty, too long, or holds white space or `+`")) }
}

fn parse_key(text: &str, what: &'static str) -> Result<(String, Vec<u8>), NoteError> {
    let (name, hash, public) = split_key(text, what)?;
    if key_id(&name, &public) == hash { Ok((name, public)) } else { Err(NoteError::KeyHash(name)) }
}

fn split_key(text: &str, what: &'static str) -> Result<(String, [u8; 4], Vec<u8>), NoteError> {
    let refuse = || NoteError::Key(what);
    let (name, rest) = text.split_once('+').ok_or_else(refuse)?;
    let (hash, base64) = rest.split_once('+').ok_or_else(refuse)?;
    let mut id = [0; 4];
    hex::decode_to_slice(hash, &mut id).map_err(|_| refuse())?;
    let typed = STANDARD.decode(base64).map_err(|_| refuse())?;
    match typed.split_first() {
        Some((&ED25519_TYPE, key)) if key.len() == 32 => Ok((name.to_owned(), id, key.to_vec())),
        Some(_) | None => Err(refuse()),
    }
}

fn key_id(name: &str, public: &[u8]) -> [u8; 4] {
    let hash = Sha256::of(&[name.as_bytes(), b"\n", &[ED25519_TYPE], public].concat());
    hash.as_bytes().first_chunk::<4>().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";

    /// The key of the reference implementation's tests (golang.org/x/mod/sumdb/note).
    fn signer() -> Signer {
        Signer::parse(&Secret::new("PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz".to_owned())).unwrap()
    }

    #[test]
    fn the_reference_key_makes_the_reference_signature() {
        assert_eq!(signer().verifier().to_string(), "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
        let expected = format!("{TEXT}\n\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n");
        assert_eq!(signer().sign(TEXT).unwrap(), expected);
    }

    #[test]
    fn notes_open_with_their_key_alone() {
        let note = signer().sign(TEXT).unwrap();
        assert_eq!(open(note.as_bytes(), signer().verifier()).unwrap(), TEXT);
        let other = Signer::parse(&Signer::generate("PeterNeumann").unwrap()).unwrap();
        assert_eq!(open(note.as_bytes(), other.verifier()), Err(NoteError::Unsigned("PeterNeumann".to_owned())));
        let with_unknown = format!("{note}\u{2014} witness AAAAAAAA\n");
        assert!(open(with_unknown.as_bytes(), signer().verifier()).is_ok());
    }

    #[test]
    fn keys_print_as_they_parse_and_hide_when_debugged() {
        let text = signer().verifier().to_string();
        assert_eq!(text.parse::<Verifier>().unwrap().to_string(), text);
        assert!(text.replace("c74f", "c74e").parse::<Verifier>().is_err());
        assert_eq!(format!("{:?}", signer()), "Signer { name: \"PeterNeumann\", .. }");
    }

    proptest! {
        #[test]
        fn decoders_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(open(&bytes, signer().verifier()).is_err());
            let _parsed = String::from_utf8_lossy(&bytes).parse::<Verifier>();
        }

        #[test]
        fn a_flipped_bit_is_noticed(position in 0_usize..250, bit in 0_u8..8) {
            let mut note = signer().sign(TEXT).unwrap().into_bytes();
            let position = position % note.len();
            note[position] ^= 1 << bit;
            prop_assert!(open(&note, signer().verifier()).is_err());
        }
    }
}
