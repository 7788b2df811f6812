//! What the tests of this folder share: keys made by the real `ssh-keygen`, and its own verdict on signatures.
#![expect(
    clippy::disallowed_methods,
    reason = "the tests make files of their own"
)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use sha2::{Digest as _, Sha256, Sha512};

use crate::attest::pem;
use crate::attest::random::random_bytes;
use crate::attest::ssh::allowed_signers::{self, AllowedSigner};
use crate::attest::ssh::key::{HARDWARE_ECDSA_P256, HARDWARE_ED25519, SshPublicKey};
use crate::attest::ssh::sign::{read_public_key, sign};
use crate::attest::ssh::wire::put_string;
use crate::config::Environment;

/// The namespace of the tests.
pub(super) const NAMESPACE: &str = "approval@promote.dev";

/// A kind of key that `ssh-keygen` makes without hardware.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Ed25519,
    Ecdsa,
    Rsa,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Ed25519, Self::Ecdsa, Self::Rsa];

    const fn arguments(self) -> [&'static str; 4] {
        match self {
            Self::Ed25519 => ["-t", "ed25519", "-b", "256"],
            Self::Ecdsa => ["-t", "ecdsa", "-b", "256"],
            Self::Rsa => ["-t", "rsa", "-b", "3072"],
        }
    }
}

/// A folder with keys, which goes away with the test.
pub(super) struct Home(tempfile::TempDir);

impl Home {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The private key file of a kind, made when it is first asked for.
    pub(super) fn key(&self, kind: Kind) -> PathBuf {
        let path = self.path().join(format!("{kind:?}"));
        if !path.exists() {
            make_key(&path, &kind.arguments(), "");
        }
        path
    }

    pub(super) fn public_key(&self, kind: Kind) -> SshPublicKey {
        read_public_key(&self.key(kind)).unwrap()
    }

    pub(super) fn sign(&self, kind: Kind, message: &[u8]) -> String {
        let environment = Environment::from_process();
        sign(&environment, &self.key(kind), NAMESPACE, message).unwrap()
    }

    /// Whether `ssh-keygen -Y verify` accepts a signature of Ada's with one of these keys.
    pub(super) fn is_accepted_by_ssh_keygen(
        &self,
        keys: &[SshPublicKey],
        namespace: &'static str,
        armored: &str,
        message: &[u8],
    ) -> bool {
        let signer = AllowedSigner {
            keys: keys.iter().cloned().collect(),
            namespaces: [namespace].into(),
        };
        let signers = [("ada".parse().unwrap(), signer)].into();
        let [allowed, signature, file] =
            ["allowed", "signature", "message"].map(|name| self.path().join(name));
        fs::write(&allowed, allowed_signers::render(&signers)).unwrap();
        fs::write(&signature, armored).unwrap();
        fs::write(&file, message).unwrap();
        let mut command = Command::new("ssh-keygen");
        command.args(["-Y", "verify", "-I", "ada", "-n", namespace, "-f"]);
        command.arg(allowed).arg("-s").arg(signature);
        command.stdin(File::open(file).unwrap());
        command.output().unwrap().status.success()
    }
}

/// Makes a key with `ssh-keygen`.
pub(super) fn make_key(path: &Path, arguments: &[&str], passphrase: &str) {
    let mut command = Command::new("ssh-keygen");
    command.args(arguments).args(["-q", "-N", passphrase, "-f"]);
    let status = command.arg(path).stdin(Stdio::null()).status();
    assert!(status.unwrap().success());
}

/// A hardware key in software: what a token does when it signs.
pub(super) enum Token {
    Ed25519(Ed25519KeyPair),
    Ecdsa(EcdsaKeyPair),
}

impl Token {
    pub(super) fn ed25519() -> Self {
        let seed = random_bytes::<32>().unwrap();
        Self::Ed25519(Ed25519KeyPair::from_seed_unchecked(&seed).unwrap())
    }

    pub(super) fn ecdsa() -> Self {
        let (kind, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let document = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        Self::Ecdsa(EcdsaKeyPair::from_pkcs8(kind, document.as_ref(), &random).unwrap())
    }

    fn encoded_key(&self) -> Vec<u8> {
        let fields: &[&[u8]] = match self {
            Self::Ed25519(key) => &[HARDWARE_ED25519.as_bytes(), key.public_key().as_ref()],
            Self::Ecdsa(key) => {
                let name = HARDWARE_ECDSA_P256.as_bytes();
                &[name, b"nistp256", key.public_key().as_ref()]
            }
        };
        strings(&[fields, &[b"ssh:"]].concat())
    }

    pub(super) fn public_key(&self) -> SshPublicKey {
        SshPublicKey::from_encoded(&self.encoded_key()).unwrap()
    }

    /// Signs with these flags; bit 0 says that the owner touched the token.
    pub(super) fn sign(&self, message: &[u8], flags: u8) -> String {
        let hash = Sha512::digest(message);
        let fields = strings(&[NAMESPACE.as_bytes(), b"", b"sha512", &hash]);
        let touch = [flags, 0, 0, 0, 7];
        let mut token_input = Sha256::digest(b"ssh:").to_vec();
        token_input.extend(touch);
        token_input.extend(Sha256::digest([b"SSHSIG".as_slice(), &fields].concat()));
        let mut signature = match self {
            Self::Ed25519(key) => {
                let signature = key.sign(&token_input);
                strings(&[HARDWARE_ED25519.as_bytes(), signature.as_ref()])
            }
            Self::Ecdsa(key) => {
                let signature = key.sign(&SystemRandom::new(), &token_input).unwrap();
                let (r, s) = signature.as_ref().split_at(32);
                let numbers = strings(&[&number(r), &number(s)]);
                strings(&[HARDWARE_ECDSA_P256.as_bytes(), &numbers])
            }
        };
        signature.extend(touch);
        armor(&self.encoded_key(), NAMESPACE, b"", "sha512", &signature)
    }
}

fn strings(fields: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for field in fields {
        put_string(&mut bytes, field);
    }
    bytes
}

/// A number as SSH writes it: without leading zeros but the one that keeps the sign.
fn number(padded: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = padded
        .iter()
        .copied()
        .skip_while(|byte| *byte == 0)
        .collect();
    if bytes[0] >= 0x80 {
        bytes.insert(0, 0);
    }
    bytes
}

/// Writes an armored signature of any fields, good or bad.
pub(super) fn armor(
    key: &[u8],
    namespace: &str,
    reserved: &[u8],
    hash: &str,
    signature: &[u8],
) -> String {
    let mut bytes = b"SSHSIG\0\0\0\x01".to_vec();
    for field in [
        key,
        namespace.as_bytes(),
        reserved,
        hash.as_bytes(),
        signature,
    ] {
        put_string(&mut bytes, field);
    }
    pem::encode(&bytes, "SSH SIGNATURE")
}
