//! Keys of engines and attesters: ECDSA over P-256 with SHA-256, in the formats that `openssl` reads and writes.

use std::fmt;

use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _,
    UnparsedPublicKey,
};

use crate::attest::pem;
use crate::redact::Secret;

/// The largest PEM read, in bytes; a key needs about 250.
const MAX_PEM_BYTES: usize = 4096;
/// The start of every public key of this kind in DER: `SubjectPublicKeyInfo` with id-ecPublicKey, prime256v1 and a bit
/// string of 65 bytes (RFC 5480, section 2).
const SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// The first byte of a point that is written in full (SEC 1, section 2.3.3).
const UNCOMPRESSED: u8 = 0x04;

/// Why an engine key cannot be read or used. Never holds any of a private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EngineKeyError {
    /// The text is not a private key in PKCS#8.
    #[error(
        "a private key of an engine or attester is a PEM text that starts with `-----BEGIN PRIVATE KEY-----`; convert others with `openssl pkcs8 -topk8 -nocrypt`"
    )]
    PrivateForm,
    /// The private key is of another kind.
    #[error(
        "a key of an engine or attester is an ECDSA key on the curve P-256 with its public part; make one with `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`"
    )]
    PrivateKind,
    /// The text is not a public key of this kind.
    #[error(
        "a public key of an engine or attester is an ECDSA key on the curve P-256 in a PEM text that starts with `-----BEGIN PUBLIC KEY-----`"
    )]
    Public,
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes for the engine key")]
    Random,
}

/// The private key of an engine or attester.
pub struct EngineKey {
    key_pair: EcdsaKeyPair,
    public: EnginePublicKey,
    random: SystemRandom,
}

impl EngineKey {
    /// Makes a new private key, as PKCS#8 in PEM.
    ///
    /// # Errors
    ///
    /// When the operating system has no random bytes.
    pub fn generate() -> Result<Secret<Vec<u8>>, EngineKeyError> {
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new())
                .map_err(|_| EngineKeyError::Random)?;
        let text = pem::encode(document.as_ref(), "PRIVATE KEY");
        Ok(Secret::new(text.into_bytes()))
    }

    /// Reads a private key: PKCS#8 in PEM, not encrypted.
    ///
    /// # Errors
    ///
    /// When it is written otherwise, or is a key of another kind.
    pub fn from_pem(text: &Secret<Vec<u8>>) -> Result<Self, EngineKeyError> {
        let der = pem::decode(text.expose(), "PRIVATE KEY", MAX_PEM_BYTES)
            .ok_or(EngineKeyError::PrivateForm)?;
        let random = SystemRandom::new();
        let key_pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &der, &random)
            .map_err(|_| EngineKeyError::PrivateKind)?;
        let public = EnginePublicKey::from_point(key_pair.public_key().as_ref())
            .ok_or(EngineKeyError::PrivateKind)?;
        Ok(Self {
            key_pair,
            public,
            random,
        })
    }

    /// The public part.
    #[must_use]
    pub const fn public_key(&self) -> &EnginePublicKey {
        &self.public
    }

    /// Signs bytes; the signature is in DER, as `openssl dgst -sha256 -sign` writes it.
    ///
    /// # Errors
    ///
    /// When the operating system has no random bytes.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, EngineKeyError> {
        let signature = self.key_pair.sign(&self.random, message);
        let signature = signature.map_err(|_| EngineKeyError::Random)?;
        Ok(signature.as_ref().to_vec())
    }
}

impl fmt::Debug for EngineKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "EngineKey({})", self.public.fingerprint())
    }
}

/// The public key of an engine or attester: a point on P-256, written in full.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EnginePublicKey([u8; 65]);

impl EnginePublicKey {
    /// Reads a public key: `SubjectPublicKeyInfo` in PEM.
    ///
    /// # Errors
    ///
    /// When it is written otherwise, or is a key of another kind.
    pub fn from_pem(text: &str) -> Result<Self, EngineKeyError> {
        let der = pem::decode(text.as_bytes(), "PUBLIC KEY", MAX_PEM_BYTES);
        let der = der.ok_or(EngineKeyError::Public)?;
        let point = der.strip_prefix(&SPKI_PREFIX);
        point
            .and_then(Self::from_point)
            .ok_or(EngineKeyError::Public)
    }

    fn from_point(point: &[u8]) -> Option<Self> {
        let point: [u8; 65] = point.try_into().ok()?;
        (point.first() == Some(&UNCOMPRESSED)).then_some(Self(point))
    }

    /// The key as PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::encode(&self.to_der(), "PUBLIC KEY")
    }

    /// The SHA-256 of the key in DER, in hex: `openssl pkey -pubin -outform DER | sha256sum`.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        hex::encode(digest(&SHA256, &self.to_der()))
    }

    /// Whether a signature in DER is this key's over these bytes.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, self.0)
            .verify(message, signature)
            .is_ok()
    }

    fn to_der(self) -> Vec<u8> {
        [SPKI_PREFIX.as_slice(), &self.0].concat()
    }
}

impl fmt::Debug for EnginePublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "EnginePublicKey({})", self.fingerprint())
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "the tests make files of their own"
)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    /// Runs a shell line in a folder and returns whether it succeeded.
    fn shell(folder: &Path, script: &str) -> bool {
        let mut command = Command::new("sh");
        command.args(["-ec", script]).current_dir(folder);
        command.output().unwrap().status.success()
    }

    #[test]
    fn openssl_accepts_our_signature_and_refuses_a_changed_byte() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let private = EngineKey::generate().unwrap();
        let key = EngineKey::from_pem(&private).unwrap();
        fs::write(folder.join("key.pem"), private.expose()).unwrap();
        fs::write(folder.join("pub.pem"), key.public_key().to_pem()).unwrap();
        fs::write(folder.join("message"), "promote").unwrap();
        fs::write(folder.join("sig"), key.sign(b"promote").unwrap()).unwrap();
        let verify = "openssl dgst -sha256 -verify pub.pem -signature sig message";
        assert!(shell(folder, verify));
        assert!(shell(
            folder,
            "openssl pkey -in key.pem -pubout | cmp - pub.pem"
        ));
        let fingerprint = key.public_key().fingerprint();
        assert!(shell(
            folder,
            &format!(
                "openssl pkey -pubin -in pub.pem -outform DER | sha256sum | grep -q ^{fingerprint}"
            )
        ));
        fs::write(folder.join("message"), "promotf").unwrap();
        assert!(!shell(folder, verify));
    }

    #[test]
    fn keys_and_signatures_of_openssl_are_accepted() {
        for make in [
            "openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt > key.pem",
            "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 > key.pem",
        ] {
            let folder = tempfile::tempdir().unwrap();
            let folder = folder.path();
            let sign = "printf promote | openssl dgst -sha256 -sign key.pem > sig; openssl pkey -in key.pem -pubout > pub.pem";
            assert!(shell(folder, &format!("{make}; {sign}")));
            let private = Secret::new(fs::read(folder.join("key.pem")).unwrap());
            let key = EngineKey::from_pem(&private).unwrap();
            let public = fs::read_to_string(folder.join("pub.pem")).unwrap();
            assert_eq!(
                EnginePublicKey::from_pem(&public).unwrap(),
                *key.public_key()
            );
            assert_eq!(key.public_key().to_pem(), public);
            let signature = fs::read(folder.join("sig")).unwrap();
            assert!(key.public_key().verifies(b"promote", &signature));
            assert!(!key.public_key().verifies(b"promotf", &signature));
        }
    }

    #[test]
    fn keys_of_other_kinds_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        for (make, error) in [
            (
                "openssl genpkey -algorithm ed25519",
                EngineKeyError::PrivateKind,
            ),
            (
                "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384",
                EngineKeyError::PrivateKind,
            ),
            (
                "openssl ecparam -name prime256v1 -genkey -noout",
                EngineKeyError::PrivateForm,
            ),
        ] {
            assert!(shell(
                folder.path(),
                &format!("{make} > key; openssl pkey -in key -pubout > pub")
            ));
            let private = Secret::new(fs::read(folder.path().join("key")).unwrap());
            assert_eq!(EngineKey::from_pem(&private).unwrap_err(), error);
            let public = fs::read_to_string(folder.path().join("pub")).unwrap();
            let is_p256 = error == EngineKeyError::PrivateForm;
            assert_eq!(EnginePublicKey::from_pem(&public).is_ok(), is_p256);
        }
    }

    #[test]
    fn debug_shows_no_private_key() {
        let key = EngineKey::from_pem(&EngineKey::generate().unwrap()).unwrap();
        let fingerprint = key.public_key().fingerprint();
        assert_eq!(format!("{key:?}"), format!("EngineKey({fingerprint})"));
    }

    proptest! {
        #[test]
        fn reading_keys_never_panics(bytes: Vec<u8>) {
            let armored = pem::encode(&bytes, "PRIVATE KEY").into_bytes();
            prop_assert!(EngineKey::from_pem(&Secret::new(armored)).is_err());
            prop_assert!(EnginePublicKey::from_pem(&pem::encode(&bytes, "PUBLIC KEY")).is_err());
        }
    }
}
