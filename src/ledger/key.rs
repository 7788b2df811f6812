//! The keys of signed notes: Ed25519 (signature type 0x01), written as <https://c2sp.org/signed-note> and Go's
//! `sumdb/note` write them.
//!
//! A verifier key is `<name>+<key id>+<base64(0x01 ‖ public key)>`, a private key
//! `PRIVATE+KEY+<name>+<key id>+<base64(0x01 ‖ seed)>`. The key id is the first four bytes of
//! `SHA-256(name ‖ "\n" ‖ 0x01 ‖ public key)`, in hex.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use crate::ledger::note::{Note, NoteError, NoteSignature};
use crate::model::digest::Sha256;
use crate::redact::{Secret, printable};

/// The signature type of Ed25519.
const ED25519_TYPE: u8 = 0x01;
/// What a private key begins with.
const PRIVATE_PREFIX: &str = "PRIVATE+KEY+";
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

/// Why a text is not a key. Never holds any of the text, which may be a private key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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
    fn new(name: &str, public: [u8; 32]) -> Result<Self, KeyError> {
        check_name(name)?;
        let named = [name.as_bytes(), b"\n", &[ED25519_TYPE], &public].concat();
        let [a, b, c, d, ..] = *Sha256::of(&named).as_bytes();
        Ok(Self {
            name: name.to_owned(),
            id: KeyId([a, b, c, d]),
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
        let key = encode_key(&self.public);
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
        let (name, id, public) = split_key(text).map_err(KeyError::Verifier)?;
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

/// A private key by name: what makes signatures. Shows nothing of it when printed.
#[derive(Debug)]
pub struct Signer {
    verifier: Verifier,
    seed: Secret<[u8; 32]>,
    pair: Secret<Ed25519KeyPair>,
}

impl Signer {
    /// Makes a new key from the system's random bytes.
    ///
    /// # Errors
    ///
    /// When the name cannot be one, or there are no random bytes.
    pub fn generate(name: &str) -> Result<Self, KeyError> {
        let mut seed = [0; 32];
        SystemRandom::new()
            .fill(&mut seed)
            .map_err(|_| KeyError::Random)?;
        Self::new(name, seed)
    }

    /// Reads a private key.
    ///
    /// # Errors
    ///
    /// When it is not one. The error holds nothing of it.
    pub fn parse(text: &Secret<String>) -> Result<Self, KeyError> {
        let key = text
            .expose()
            .trim_end_matches('\n')
            .strip_prefix(PRIVATE_PREFIX);
        let key = key.ok_or(KeyError::Private("it does not begin with `PRIVATE+KEY+`"))?;
        let (name, id, seed) = split_key(key).map_err(KeyError::Private)?;
        let signer = Self::new(name, seed)?;
        if signer.verifier.id == id {
            Ok(signer)
        } else {
            Err(KeyError::Private(
                "its key id is not that of its name and key",
            ))
        }
    }

    fn new(name: &str, seed: [u8; 32]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed)
            .map_err(|_| KeyError::Private("its seed is not one of Ed25519"))?;
        let public = <[u8; 32]>::try_from(pair.public_key().as_ref())
            .map_err(|_| KeyError::Private("its seed is not one of Ed25519"))?;
        let verifier = Verifier::new(name, public)?;
        Ok(Self {
            verifier,
            seed: Secret::new(seed),
            pair: Secret::new(pair),
        })
    }

    /// The key that checks its signatures.
    #[must_use]
    pub const fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The private key as text, to be stored.
    #[must_use]
    pub fn private_key(&self) -> Secret<String> {
        let Verifier { name, id, .. } = &self.verifier;
        let key = encode_key(self.seed.expose());
        Secret::new(format!("{PRIVATE_PREFIX}{name}+{id}+{key}"))
    }

    /// Signs a text, which becomes a note with this one signature.
    ///
    /// # Errors
    ///
    /// When the text cannot be that of a note.
    pub fn sign(&self, text: &str) -> Result<Note, NoteError> {
        let signature = self.pair.expose().sign(text.as_bytes());
        let signature = NoteSignature {
            name: self.verifier.name.clone(),
            id: self.verifier.id,
            signature: signature.as_ref().to_vec(),
        };
        Note::new(text.to_owned(), vec![signature])
    }
}

fn encode_key(key: &[u8; 32]) -> String {
    STANDARD.encode([&[ED25519_TYPE], key.as_slice()].concat())
}

/// Splits `<name>+<8 hex>+<base64(0x01 ‖ key)>`. Base64 may hold `+`, so only the first two count.
fn split_key(text: &str) -> Result<(&str, KeyId, [u8; 32]), &'static str> {
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
    if *kind != ED25519_TYPE {
        return Err("it is not an Ed25519 key (type 0x01)");
    }
    let key = <[u8; 32]>::try_from(key).map_err(|_| "its key does not have 32 bytes")?;
    Ok((name, KeyId(id_bytes), key))
}

#[cfg(test)]
pub(super) mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

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
    fn generated_keys_differ_and_survive_being_stored() {
        let one = Signer::generate("example.com/log").unwrap();
        let two = Signer::generate("example.com/log").unwrap();
        assert_ne!(one.verifier(), two.verifier());
        assert_eq!(
            Signer::parse(&one.private_key()).unwrap().verifier(),
            one.verifier()
        );
    }

    #[test]
    fn a_signer_shows_nothing_of_its_seed() {
        assert_eq!(
            format!("{:?}", signer()),
            format!("Signer {{ verifier: {PUBLIC}, seed: Secret(…), pair: Secret(…) }}")
        );
        let error = Signer::parse(&Secret::new(PRIVATE.replace("AYEK", "AYEL"))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "this is not a private key: its key id is not that of its name and key; \
             write `PRIVATE+KEY+<name>+<8 hex digits>+<base64>`"
        );
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

    #[test]
    fn openssl_agrees_on_signatures() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let signer = signer();
        let text = "example.com/log\n7\nroot\n";
        // RFC 8410: the fixed beginnings of an Ed25519 public key and of a private key in DER.
        let public = [
            &hex::decode("302a300506032b6570032100").unwrap(),
            signer.verifier().public_key().as_slice(),
        ];
        let private = [
            &hex::decode("302e020100300506032b657004220420").unwrap(),
            signer.seed.expose().as_slice(),
        ];
        let signature = signer.sign(text).unwrap().signatures()[0].signature.clone();
        let files = [
            ("public", public.concat()),
            ("private", private.concat()),
            ("text", text.into()),
            ("signature", signature.clone()),
        ];
        for (name, bytes) in files {
            std::fs::write(path(name), bytes).unwrap();
        }
        let openssl = |arguments: &[&str]| {
            let common = ["pkeyutl", "-rawin", "-keyform", "DER", "-in"];
            Command::new("openssl")
                .args(common)
                .args(arguments)
                .output()
                .unwrap()
        };
        let verify = |text: &str| {
            let arguments = [
                text,
                "-verify",
                "-pubin",
                "-inkey",
                &path("public"),
                "-sigfile",
                &path("signature"),
            ];
            openssl(&arguments).status.success()
        };
        assert!(verify(&path("text")));
        std::fs::write(path("other"), "example.com/log\n8\nroot\n").unwrap();
        assert!(!verify(&path("other")));
        let signed = openssl(&[&path("text"), "-sign", "-inkey", &path("private")]);
        assert_eq!(signed.stdout, signature);
        assert!(signer.verifier().accepts(text, &signed.stdout));
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
