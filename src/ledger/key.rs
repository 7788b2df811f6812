//! The keys of signed notes: Ed25519 (signature type 0x01), written as <https://c2sp.org/signed-note> and Go's
//! `sumdb/note` write them.
//!
//! A verifier key is `<name>+<key id>+<base64(0x01 ‖ public key)>`. The key id is the first four bytes of
//! `SHA-256(name ‖ "\n" ‖ 0x01 ‖ public key)`, in hex.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, UnparsedPublicKey};

use crate::model::digest::Sha256;
use crate::redact::printable;

/// The signature type of Ed25519.
pub(super) const ED25519_TYPE: u8 = 0x01;
/// The longest name of a key, in bytes. Names are URLs without a scheme; no real one is longer.
pub const MAX_NAME_BYTES: usize = 255;

/// Names the public key that made a signature. Not unique by itself: it only says which key to try.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 4]);

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Why a text is not a key. Holds nothing of a key's secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum KeyError {
    /// The name cannot be one.
    #[error("`{name}` cannot name a key: {reason}")]
    Name {
        /// The name, with control characters escaped.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Not a verifier key.
    #[error("this is not a verifier key: {0}; write `<name>+<8 hex digits>+<base64>`")]
    Verifier(&'static str),
    /// Not a private key.
    #[error("this is not a private key: {0}; write `PRIVATE+KEY+<name>+<8 hex digits>+<base64>`")]
    Private(&'static str),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Random,
}

/// Checks the name of a key: UTF-8, not empty, no spaces, no `+`.
///
/// # Errors
///
/// [`KeyError::Name`] when it cannot be one.
pub fn check_name(name: &str) -> Result<(), KeyError> {
    let refuse = |reason| {
        let name = printable(&name.chars().take(80).collect::<String>());
        Err(KeyError::Name { name, reason })
    };
    if name.is_empty() {
        return refuse("it is empty");
    }
    if name.len() > MAX_NAME_BYTES {
        return refuse("it is longer than 255 bytes");
    }
    if name
        .chars()
        .any(|c| c.is_whitespace() || c.is_control() || c == '+')
    {
        return refuse("it holds a space, a control character or `+`");
    }
    Ok(())
}

/// A public key by name: what checks signatures.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    id: KeyId,
    public: [u8; 32],
}

impl Verifier {
    pub(super) fn new(name: &str, public: [u8; 32]) -> Result<Self, KeyError> {
        check_name(name)?;
        Ok(Self {
            name: name.to_owned(),
            id: key_id(name, ED25519_TYPE, &public),
            public,
        })
    }

    /// The name that its signatures carry.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id that its signatures carry.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The 32 bytes of the Ed25519 public key.
    #[must_use]
    pub const fn public_key(&self) -> &[u8; 32] {
        &self.public
    }

    /// Whether these bytes are this key's signature of that text.
    #[must_use]
    pub fn accepts(&self, text: &str, signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, &self.public);
        key.verify(text.as_bytes(), signature).is_ok()
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = encode_key(ED25519_TYPE, &self.public);
        formatter.pad(&format!("{}+{}+{key}", self.name, self.id))
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Verifier {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (name, id, public) = split_key(text, ED25519_TYPE).map_err(KeyError::Verifier)?;
        let verifier = Self::new(name, public)?;
        if verifier.id == id {
            Ok(verifier)
        } else {
            Err(KeyError::Verifier(
                "its key id is not that of its name and key",
            ))
        }
    }
}

/// The id of a key of a type: the first bytes of the SHA-256 over name, type and public key.
pub(super) fn key_id(name: &str, kind: u8, public: &[u8; 32]) -> KeyId {
    let named = [name.as_bytes(), b"\n", &[kind], public].concat();
    let [a, b, c, d, ..] = *Sha256::of(&named).as_bytes();
    KeyId([a, b, c, d])
}

/// Writes a key with its type before it, in base64.
pub(super) fn encode_key(kind: u8, key: &[u8; 32]) -> String {
    STANDARD.encode([&[kind], key.as_slice()].concat())
}

/// Splits `<name>+<8 hex>+<base64(type ‖ key)>`. Base64 may hold `+`, so only the first two count.
pub(super) fn split_key(text: &str, expected: u8) -> Result<(&str, KeyId, [u8; 32]), &'static str> {
    let (name, rest) = text.split_once('+').ok_or("it has no `+`")?;
    let (id, key) = rest.split_once('+').ok_or("it has only one `+`")?;
    let is_lowercase_hex = id
        .bytes()
        .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let mut id_bytes = [0; 4];
    if !is_lowercase_hex || hex::decode_to_slice(id, &mut id_bytes).is_err() {
        return Err("its key id is not 8 lowercase hex digits");
    }
    let bytes = STANDARD.decode(key).map_err(|_| "its key is not base64")?;
    let (kind, key) = bytes.split_first().ok_or("its key is empty")?;
    if *kind != expected {
        return Err(match expected {
            ED25519_TYPE => "it is not an Ed25519 key (type 0x01)",
            _ => "it is not the key of a witness (type 0x04)",
        });
    }
    let key = <[u8; 32]>::try_from(key).map_err(|_| "its key does not have 32 bytes")?;
    Ok((name, KeyId(id_bytes), key))
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::signer::Signer;
    use crate::redact::Secret;

    /// The key of the tests of Go's `sumdb/note`.
    pub(crate) const PUBLIC: &str =
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    pub(crate) const PRIVATE: &str =
        "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";

    pub(crate) fn signer() -> Signer {
        Signer::parse(&Secret::new(PRIVATE.to_owned())).unwrap()
    }

    #[test]
    fn keys_of_go_are_read_and_written_back() {
        assert_eq!(PUBLIC.parse::<Verifier>().unwrap().to_string(), PUBLIC);
        assert_eq!(signer().verifier().to_string(), PUBLIC);
        assert_eq!(signer().private_key().expose(), PRIVATE);
    }

    #[test]
    fn what_is_not_a_key_is_refused() {
        let bad = [
            "",
            "PeterNeumann",
            "PeterNeumann+c74f20a3",
            "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "PeterNeumann+c74f20a3+AhpC2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy1w==",
            "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        ];
        for text in bad {
            assert!(text.parse::<Verifier>().is_err(), "{text}");
        }
        for name in ["", "a b", "a+b", "a\u{a0}b", "a\nb", &"a".repeat(256)] {
            assert!(Signer::generate(name).is_err(), "{name}");
        }
    }

    proptest! {

    #[test]
        fn any_text_is_refused_or_read_back_the_same(text in "[a-z]{0,3}\\+?[0-9a-f]{7,9}\\+?[A-Za-z0-9+/=]{40,50}|\\PC*") {
            if let Ok(verifier) = text.parse::<Verifier>() {
                prop_assert_eq!(verifier.to_string(), text);
            }
        }
    }
}
