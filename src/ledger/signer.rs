//! The private keys of signed notes: Ed25519 (signature type 0x01), as Go's `sumdb/note` writes them:
//! `PRIVATE+KEY+<name>+<key id>+<base64(0x01 ‖ seed)>`, with the key id of the public key.

use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use crate::ledger::key::{ED25519_TYPE, KeyError, Verifier, encode_key, split_key};
use crate::ledger::note::{Note, NoteError, NoteSignature};
use crate::redact::Secret;

/// What a private key begins with.
pub(super) const PRIVATE_PREFIX: &str = "PRIVATE+KEY+";

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
        let (name, id, seed) = split_key(key, ED25519_TYPE).map_err(KeyError::Private)?;
        let signer = Self::new(name, seed)?;
        if signer.verifier.id() == id {
            Ok(signer)
        } else {
            Err(KeyError::Private(
                "its key id is not that of its name and key",
            ))
        }
    }

    /// Reads private keys, one a line: two while a ledger's key is replaced.
    ///
    /// # Errors
    ///
    /// When a line is not one, or there are none or more than eight. The error holds nothing of them.
    pub fn parse_all(text: &Secret<String>) -> Result<Vec<Self>, KeyError> {
        const MAX_KEYS: usize = 8;
        let lines = text.expose().lines().filter(|line| !line.trim().is_empty());
        let keys: Vec<Self> = lines
            .take(MAX_KEYS + 1)
            .map(|line| Self::parse(&Secret::new(line.to_owned())))
            .collect::<Result<_, _>>()?;
        match keys.len() {
            0 => Err(KeyError::Private("it is empty")),
            1..=MAX_KEYS => Ok(keys),
            _ => Err(KeyError::Private("there are more than eight")),
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
        let (name, id) = (self.verifier.name(), self.verifier.id());
        let key = encode_key(ED25519_TYPE, self.seed.expose());
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
            name: self.verifier.name().to_owned(),
            id: self.verifier.id(),
            signature: signature.as_ref().to_vec(),
        };
        Note::new(text.to_owned(), vec![signature])
    }
}

#[cfg(test)]
mod tests {
    #![expect(
        clippy::disallowed_methods,
        reason = "the tests hand files to another program"
    )]

    use std::process::Command;

    use super::*;
    use crate::ledger::key::tests::{PRIVATE, PUBLIC, signer};

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
}
