//! SSH public keys.
//!
//! Formats: RFC 4253 (section 6.6), RFC 5656, RFC 8709, and for hardware keys OpenSSH's `PROTOCOL.u2f`.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::attest::ssh::wire::{Malformed, Reader};
use crate::model::principal::KeyFingerprint;

/// The longest line read, in bytes; an RSA key of 8192 bits needs 1,500.
const MAX_LINE_BYTES: usize = 8192;
/// The RSA keys that are taken, in bits: what is trusted beyond 2030 (NIST SP 800-57), up to what is verified in time.
const RSA_BITS: std::ops::RangeInclusive<usize> = 3072..=8192;

/// Why a text is not a public key that may sign here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SshKeyError {
    /// It is not one line of the right form.
    #[error("an SSH public key is one line `<algorithm> <base64>`, as in a `.pub` file")]
    Form,
    /// Keys of this kind may not sign.
    #[error(
        "SSH keys of the kind `{algorithm}` may not sign; use `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa` or a hardware key (`sk-…`)"
    )]
    Algorithm {
        /// The kind.
        algorithm: String,
    },
    /// The base64 does not hold such a key.
    #[error("the text of this `{algorithm}` key is damaged")]
    Damaged {
        /// The kind.
        algorithm: &'static str,
    },
    /// An RSA key is too short or too long.
    #[error(
        "an RSA key that signs has 3072 to 8192 bits, this has {bits}; make another with `ssh-keygen -t ed25519`"
    )]
    RsaBits {
        /// Its length.
        bits: usize,
    },
}

/// What a key is made of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum KeyMaterial {
    Ed25519 { point: Vec<u8> },
    EcdsaP256 { point: Vec<u8> },
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    HardwareEd25519 { point: Vec<u8>, application: String },
    HardwareEcdsaP256 { point: Vec<u8>, application: String },
}

/// A public key of a kind that may sign. Two keys are equal when a signature of one is a signature of the other;
/// comments do not count.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SshPublicKey {
    // INVARIANT: the one encoding of the material.
    encoded: Vec<u8>,
    material: KeyMaterial,
}

impl SshPublicKey {
    /// Reads a key from its binary encoding, which must be exact.
    pub(super) fn from_encoded(encoded: &[u8]) -> Result<Self, SshKeyError> {
        let mut reader = Reader::new(encoded);
        let name = reader.text().map_err(|Malformed| SshKeyError::Form)?;
        let algorithm = known_algorithm(name)?;
        let material = read_material(algorithm, &mut reader)
            .and_then(|material| reader.finish().map(|()| material))
            .map_err(|Malformed| SshKeyError::Damaged { algorithm })?;
        if let KeyMaterial::Rsa { modulus, .. } = &material {
            let bits = bit_length(modulus);
            if !RSA_BITS.contains(&bits) {
                return Err(SshKeyError::RsaBits { bits });
            }
        }
        Ok(Self {
            encoded: encoded.to_vec(),
            material,
        })
    }

    /// The kind of key, such as `ssh-ed25519`.
    #[must_use]
    pub const fn algorithm(&self) -> &'static str {
        match self.material {
            KeyMaterial::Ed25519 { .. } => ED25519,
            KeyMaterial::EcdsaP256 { .. } => ECDSA_P256,
            KeyMaterial::Rsa { .. } => RSA,
            KeyMaterial::HardwareEd25519 { .. } => HARDWARE_ED25519,
            KeyMaterial::HardwareEcdsaP256 { .. } => HARDWARE_ECDSA_P256,
        }
    }

    /// Whether the key lives in hardware, so that its owner must touch it to sign.
    #[must_use]
    pub const fn needs_touch(&self) -> bool {
        matches!(
            self.material,
            KeyMaterial::HardwareEd25519 { .. } | KeyMaterial::HardwareEcdsaP256 { .. }
        )
    }

    /// The fingerprint, as `ssh-keygen -l` prints it.
    #[must_use]
    pub fn fingerprint(&self) -> KeyFingerprint {
        KeyFingerprint::from_sha256(Sha256::digest(&self.encoded).into())
    }

    pub(super) const fn material(&self) -> &KeyMaterial {
        &self.material
    }
}

pub(super) const ED25519: &str = "ssh-ed25519";
pub(super) const ECDSA_P256: &str = "ecdsa-sha2-nistp256";
pub(super) const RSA: &str = "ssh-rsa";
pub(super) const HARDWARE_ED25519: &str = "sk-ssh-ed25519@openssh.com";
pub(super) const HARDWARE_ECDSA_P256: &str = "sk-ecdsa-sha2-nistp256@openssh.com";

fn known_algorithm(name: &str) -> Result<&'static str, SshKeyError> {
    [
        ED25519,
        ECDSA_P256,
        RSA,
        HARDWARE_ED25519,
        HARDWARE_ECDSA_P256,
    ]
    .into_iter()
    .find(|known| *known == name)
    .ok_or_else(|| {
        let start: String = name.chars().take(64).collect();
        SshKeyError::Algorithm {
            algorithm: crate::redact::printable(&start),
        }
    })
}

fn read_material(algorithm: &str, reader: &mut Reader<'_>) -> Result<KeyMaterial, Malformed> {
    Ok(match algorithm {
        ED25519 => KeyMaterial::Ed25519 {
            point: read_ed25519_point(reader)?,
        },
        ECDSA_P256 => KeyMaterial::EcdsaP256 {
            point: read_p256_point(reader)?,
        },
        RSA => {
            let exponent = reader.positive()?.to_vec();
            let modulus = reader.positive()?.to_vec();
            KeyMaterial::Rsa { modulus, exponent }
        }
        HARDWARE_ED25519 => KeyMaterial::HardwareEd25519 {
            point: read_ed25519_point(reader)?,
            application: reader.text()?.to_owned(),
        },
        HARDWARE_ECDSA_P256 => KeyMaterial::HardwareEcdsaP256 {
            point: read_p256_point(reader)?,
            application: reader.text()?.to_owned(),
        },
        _ => return Err(Malformed),
    })
}

fn read_ed25519_point(reader: &mut Reader<'_>) -> Result<Vec<u8>, Malformed> {
    let point = reader.string()?;
    if point.len() == 32 {
        Ok(point.to_vec())
    } else {
        Err(Malformed)
    }
}

/// A point on P-256 written in full; the compressed form would give one key two fingerprints.
fn read_p256_point(reader: &mut Reader<'_>) -> Result<Vec<u8>, Malformed> {
    let curve = reader.text()?;
    let point = reader.string()?;
    if curve == "nistp256" && point.len() == 65 && point.first() == Some(&4) {
        Ok(point.to_vec())
    } else {
        Err(Malformed)
    }
}

/// The length in bits of a number without leading zero bytes.
fn bit_length(number: &[u8]) -> usize {
    let unused = number.first().map_or(0, |first| first.leading_zeros());
    let unused = usize::try_from(unused).unwrap_or(0);
    (number.len() * 8).saturating_sub(unused)
}

impl fmt::Display for SshPublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = STANDARD.encode(&self.encoded);
        write!(formatter, "{} {encoded}", self.algorithm())
    }
}

impl fmt::Debug for SshPublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SshPublicKey({})", self.fingerprint())
    }
}

/// Reads a line of a `.pub` file; a comment at its end is passed over.
impl FromStr for SshPublicKey {
    type Err = SshKeyError;

    fn from_str(line: &str) -> Result<Self, SshKeyError> {
        let line = line.trim();
        if line.len() > MAX_LINE_BYTES || line.chars().any(|c| matches!(c, '\n' | '\r')) {
            return Err(SshKeyError::Form);
        }
        let mut words = line.split_ascii_whitespace();
        let (Some(algorithm), Some(encoded)) = (words.next(), words.next()) else {
            return Err(SshKeyError::Form);
        };
        let algorithm = known_algorithm(algorithm)?;
        let encoded = STANDARD
            .decode(encoded)
            .map_err(|_| SshKeyError::Damaged { algorithm })?;
        let key = Self::from_encoded(&encoded)?;
        if key.algorithm() == algorithm {
            Ok(key)
        } else {
            Err(SshKeyError::Damaged { algorithm })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;
    use crate::attest::ssh::oracle::{Home, Kind, Token, make_key};
    use crate::attest::ssh::sign::read_public_key;

    #[test]
    fn keys_of_ssh_keygen_are_read_with_its_fingerprint() {
        let home = Home::new();
        for kind in Kind::ALL {
            let key = home.public_key(kind);
            let mut command = Command::new("ssh-keygen");
            let printed = command.arg("-lf").arg(home.key(kind)).output().unwrap();
            let printed = String::from_utf8(printed.stdout).unwrap();
            assert_eq!(printed.split(' ').nth(1), Some(key.fingerprint().as_str()));
            let other = ssh_key::PublicKey::from_openssh(&key.to_string()).unwrap();
            assert_eq!(other.algorithm().as_str(), key.algorithm());
            assert_eq!(format!("{key} Ada's laptop\n").parse(), Ok(key));
        }
    }

    #[test]
    fn hardware_keys_are_known_to_need_a_touch() {
        for token in [Token::ed25519(), Token::ecdsa()] {
            let key = token.public_key();
            assert!(key.needs_touch());
            assert_eq!(key.to_string().parse(), Ok(key));
        }
    }

    #[test]
    fn keys_that_may_not_sign_are_refused_with_the_reason() {
        let home = Home::new();
        for (arguments, reason) in [
            (
                ["-t", "rsa", "-b", "2048"],
                "an RSA key that signs has 3072 to 8192 bits, this has 2048; make another with `ssh-keygen -t ed25519`",
            ),
            (
                ["-t", "ecdsa", "-b", "384"],
                "SSH keys of the kind `ecdsa-sha2-nistp384` may not sign; use `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa` or a hardware key (`sk-…`)",
            ),
        ] {
            let path = home.path().join(arguments[3]);
            make_key(&path, &arguments, "");
            assert_eq!(
                read_public_key(&path).unwrap_err().to_string(),
                format!("`{}.pub`: {reason}", path.display())
            );
        }
    }

    #[test]
    fn a_key_has_one_text() {
        let line = Home::new().public_key(Kind::Ed25519).to_string();
        let encoded = line.strip_prefix("ssh-ed25519 ").unwrap();
        let mut longer = STANDARD.decode(encoded).unwrap();
        longer.push(0);
        for changed in [
            format!("ecdsa-sha2-nistp256 {encoded}"),
            format!("ssh-ed25519 {}", STANDARD.encode(longer)),
            format!("no-touch-required {line}"),
            line.replace("AAAAC3", "AAAAC4"),
            format!("{line}\n{line}"),
            encoded.to_owned(),
            String::new(),
        ] {
            assert!(changed.parse::<SshPublicKey>().is_err(), "{changed}");
        }
    }

    proptest! {
        #[test]
        fn reading_keys_never_panics(bytes: Vec<u8>, text: String) {
            prop_assert!(SshPublicKey::from_encoded(&bytes).is_err());
            prop_assert!(text.parse::<SshPublicKey>().is_err());
            let mut named = Vec::new();
            crate::attest::ssh::wire::put_string(&mut named, RSA.as_bytes());
            named.extend(bytes);
            prop_assert!(SshPublicKey::from_encoded(&named).is_err());
        }
    }
}
