//! Detached signatures of SSH keys, as `ssh-keygen -Y sign` and `git commit -S` write them.
//!
//! Format: `PROTOCOL.sshsig` of OpenSSH, version 1. Read more strictly than OpenSSH does: the reserved field is empty,
//! keys and signatures have their one encoding, and nothing follows. Hardware keys follow `PROTOCOL.u2f`.

use ring::digest::{SHA256, SHA512, digest};

use crate::attest::pem;
use crate::attest::ssh::crypto::is_signature_of;
use crate::attest::ssh::key::{SshKeyError, SshPublicKey};
use crate::attest::ssh::wire::{Malformed, Reader, put_string};

/// The longest armored signature read, in bytes; RSA with 8192 bits needs 3,400.
pub const MAX_SIGNATURE_BYTES: usize = 64 * 1024;

/// The first bytes of a signature and of what is signed, so that neither passes for a login.
const MAGIC: &[u8; 6] = b"SSHSIG";
/// The version of the format.
const VERSION: u32 = 1;

/// Why a signature is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SshSignatureError {
    /// It is not an armored SSH signature.
    #[error(
        "not an SSH signature: one starts with `-----BEGIN SSH SIGNATURE-----`, and `ssh-keygen -Y sign` makes it"
    )]
    Armor,
    /// What the armor holds is not a signature in version 1 of the format.
    #[error("the SSH signature is damaged: {what}")]
    Damaged {
        /// The part.
        what: &'static str,
    },
    /// The key that it names may not sign.
    #[error("the SSH signature is made with a key that may not sign: {source}")]
    Key {
        /// Why.
        source: SshKeyError,
    },
    /// It is made for another purpose.
    #[error("the SSH signature is made for `{found}`, not for `{required}`")]
    Namespace {
        /// What it is made for.
        found: String,
        /// What it has to be made for.
        required: String,
    },
    /// It uses an algorithm that is not taken, such as SHA-1, or one of another kind of key.
    #[error("the SSH signature uses `{algorithm}`, which is not accepted with this key")]
    Algorithm {
        /// The algorithm.
        algorithm: String,
    },
    /// The owner of a hardware key did not touch it.
    #[error("the SSH signature of this hardware key was made without a touch")]
    NoTouch,
    /// The signature is not this key's over these bytes.
    #[error("the SSH signature is not one of `{key}` over these bytes")]
    Mismatch {
        /// The key that the signature names, by its fingerprint.
        key: String,
    },
}

/// Verifies an armored signature over bytes and returns the key that signed. Whether that key is trusted, and whose it
/// is, the caller must ask.
///
/// White space around and within the armor says nothing. Signatures of one message are not unique, so never take the
/// bytes of a signature for an identity.
///
/// # Errors
///
/// When it is not exactly such a signature, is made for another namespace, or does not fit the bytes.
pub fn verify(
    armored: &[u8],
    message: &[u8],
    namespace: &str,
) -> Result<SshPublicKey, SshSignatureError> {
    let bytes = pem::decode(armored, "SSH SIGNATURE", MAX_SIGNATURE_BYTES);
    let bytes = bytes.ok_or(SshSignatureError::Armor)?;
    let parts = read(&bytes)?;
    if parts.namespace != namespace {
        return Err(SshSignatureError::Namespace {
            found: shown(parts.namespace),
            required: namespace.to_owned(),
        });
    }
    let key = SshPublicKey::from_encoded(parts.key)
        .map_err(|source| SshSignatureError::Key { source })?;
    let signed = signed_bytes(&parts, message)?;
    if is_signature_of(&key, &signed, parts.signature)? {
        Ok(key)
    } else {
        Err(SshSignatureError::Mismatch {
            key: key.fingerprint().to_string(),
        })
    }
}

/// The fields of the format that vary.
struct Parts<'a> {
    key: &'a [u8],
    namespace: &'a str,
    hash: &'a str,
    signature: &'a [u8],
}

pub(super) fn damaged(what: &'static str) -> impl FnOnce(Malformed) -> SshSignatureError {
    move |Malformed| SshSignatureError::Damaged { what }
}

fn read(bytes: &[u8]) -> Result<Parts<'_>, SshSignatureError> {
    let mut reader = Reader::new(bytes);
    let refused = |what| Err(SshSignatureError::Damaged { what });
    if reader.take(MAGIC.len()).map_err(damaged("its start"))? != MAGIC {
        return refused("its start");
    }
    if reader.u32().map_err(damaged("its version"))? != VERSION {
        return refused("its version");
    }
    let key = reader.string().map_err(damaged("its key"))?;
    let namespace = reader.text().map_err(damaged("its namespace"))?;
    let reserved = reader.string().map_err(damaged("its reserved field"))?;
    let hash = reader.text().map_err(damaged("its hash algorithm"))?;
    let signature = reader.string().map_err(damaged("its signature"))?;
    reader.finish().map_err(damaged("its end"))?;
    // OpenSSH passes over this field and signs an empty one, so that anybody could change it.
    if !reserved.is_empty() {
        return refused("its reserved field");
    }
    if namespace.is_empty() {
        return refused("its namespace");
    }
    Ok(Parts {
        key,
        namespace,
        hash,
        signature,
    })
}

/// The bytes that the key signs: the purpose, and the hash of the message.
fn signed_bytes(parts: &Parts<'_>, message: &[u8]) -> Result<Vec<u8>, SshSignatureError> {
    let hash = match parts.hash {
        "sha256" => digest(&SHA256, message),
        "sha512" => digest(&SHA512, message),
        other => return Err(refused_algorithm(other)),
    };
    let mut signed = MAGIC.to_vec();
    put_string(&mut signed, parts.namespace.as_bytes());
    put_string(&mut signed, b"");
    put_string(&mut signed, parts.hash.as_bytes());
    put_string(&mut signed, hash.as_ref());
    Ok(signed)
}

pub(super) fn refused_algorithm(algorithm: &str) -> SshSignatureError {
    SshSignatureError::Algorithm {
        algorithm: shown(algorithm),
    }
}

/// A text of the signature, short and safe to print.
fn shown(text: &str) -> String {
    let start: String = text.chars().take(64).collect();
    crate::redact::printable(&start).replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::attest::ssh::oracle::{Home, Kind, NAMESPACE, Token, armor};

    #[test]
    fn what_ssh_keygen_signs_and_refuses_we_accept_and_refuse() {
        let home = Home::new();
        for kind in Kind::ALL {
            let key = home.public_key(kind);
            let signature = home.sign(kind, b"promote");
            let keys = [key.clone()];
            assert_eq!(
                verify(signature.as_bytes(), b"promote", NAMESPACE),
                Ok(key.clone())
            );
            assert!(home.is_accepted_by_ssh_keygen(&keys, NAMESPACE, &signature, b"promote"));

            let mismatch = verify(signature.as_bytes(), b"promotf", NAMESPACE).unwrap_err();
            assert!(matches!(mismatch, SshSignatureError::Mismatch { .. }));
            assert!(!home.is_accepted_by_ssh_keygen(&keys, NAMESPACE, &signature, b"promotf"));

            let namespace = verify(signature.as_bytes(), b"promote", "git").unwrap_err();
            assert_eq!(
                namespace.to_string(),
                "the SSH signature is made for `approval@promote.dev`, not for `git`"
            );
            assert!(!home.is_accepted_by_ssh_keygen(&keys, "git", &signature, b"promote"));

            let other = [Token::ed25519().public_key()];
            assert!(!home.is_accepted_by_ssh_keygen(&other, NAMESPACE, &signature, b"promote"));
            assert_ne!(other[0], key);
        }
    }

    #[test]
    fn a_signature_cannot_be_moved_to_another_key() {
        let home = Home::new();
        let signature = home.sign(Kind::Ed25519, b"promote");
        let bytes = pem::decode(signature.as_bytes(), "SSH SIGNATURE", 10_000).unwrap();
        let parts = read(&bytes).unwrap();
        let mut other = parts.key.to_vec();
        *other.last_mut().unwrap() ^= 1;
        let moved = armor(&other, NAMESPACE, b"", parts.hash, parts.signature);
        assert!(verify(moved.as_bytes(), b"promote", NAMESPACE).is_err());
        let keys = [SshPublicKey::from_encoded(&other).unwrap()];
        assert!(!home.is_accepted_by_ssh_keygen(&keys, NAMESPACE, &moved, b"promote"));
    }

    #[test]
    fn hardware_keys_must_have_been_touched() {
        let home = Home::new();
        for token in [Token::ed25519(), Token::ecdsa()] {
            let key = token.public_key();
            for (flags, is_accepted) in [(0x01, true), (0x05, true), (0x00, false), (0x04, false)] {
                let signature = token.sign(b"promote", flags);
                let outcome = verify(signature.as_bytes(), b"promote", NAMESPACE);
                if is_accepted {
                    assert_eq!(outcome, Ok(key.clone()));
                    let keys = [key.clone()];
                    let verdict =
                        home.is_accepted_by_ssh_keygen(&keys, NAMESPACE, &signature, b"promote");
                    assert!(verdict);
                } else {
                    assert_eq!(outcome, Err(SshSignatureError::NoTouch));
                }
            }
        }
    }

    #[test]
    fn numbers_of_fewer_than_32_bytes_are_padded() {
        // One in 128 signatures has such a number.
        let token = Token::ecdsa();
        for message in 0..1000_u32 {
            let message = message.to_be_bytes();
            let signature = token.sign(&message, 0x01);
            assert_eq!(
                verify(signature.as_bytes(), &message, NAMESPACE),
                Ok(token.public_key())
            );
        }
    }

    /// Changes one field of a good signature and returns what `verify` says.
    fn changed(key: Option<&[u8]>, reserved: &[u8], hash: &str, tail: &[u8]) -> SshSignatureError {
        let bytes = pem::decode(SIGNATURE.as_bytes(), "SSH SIGNATURE", 10_000).unwrap();
        let parts = read(&bytes).unwrap();
        let signature = [parts.signature, tail].concat();
        let key = key.unwrap_or(parts.key);
        let armored = armor(key, parts.namespace, reserved, hash, &signature);
        verify(armored.as_bytes(), b"promote", NAMESPACE).unwrap_err()
    }

    #[test]
    fn what_openssh_would_pass_over_is_refused() {
        let damaged = |what| SshSignatureError::Damaged { what };
        let algorithm = |algorithm: &str| SshSignatureError::Algorithm {
            algorithm: algorithm.to_owned(),
        };
        let hash = "sha512";
        assert_eq!(
            changed(None, b"x", hash, b""),
            damaged("its reserved field")
        );
        assert_eq!(changed(None, b"", hash, b"x"), damaged("its signature"));
        assert_eq!(changed(None, b"", "sha1", b""), algorithm("sha1"));
        assert_eq!(
            changed(None, b"", "md5\u{1b}[2J", b""),
            algorithm("md5\\u{1b}[2J")
        );
        let ecdsa = Home::new().public_key(Kind::Ecdsa);
        let ecdsa = ecdsa.to_string();
        let encoded = ecdsa.split(' ').nth(1).unwrap();
        let encoded = pem::decode(
            format!("-----BEGIN X-----{encoded}-----END X-----").as_bytes(),
            "X",
            10_000,
        );
        assert_eq!(
            changed(encoded.as_deref(), b"", hash, b""),
            algorithm("ssh-ed25519")
        );
    }

    #[test]
    fn the_format_is_read_as_the_ssh_key_crate_reads_it() {
        let home = Home::new();
        for kind in Kind::ALL {
            let armored = home.sign(kind, b"promote");
            let theirs = ssh_key::SshSig::from_pem(&armored).unwrap();
            let bytes = pem::decode(armored.as_bytes(), "SSH SIGNATURE", 10_000).unwrap();
            let ours = read(&bytes).unwrap();
            assert_eq!(theirs.namespace(), ours.namespace);
            assert_eq!(theirs.hash_alg().as_str(), ours.hash);
            let key = SshPublicKey::from_encoded(ours.key).unwrap();
            let fingerprint = theirs.public_key().fingerprint(ssh_key::HashAlg::Sha256);
            assert_eq!(fingerprint.to_string(), key.fingerprint().to_string());
        }
    }

    /// A good signature over `promote`, made by `ssh-keygen`.
    static SIGNATURE: LazyLock<String> =
        LazyLock::new(|| Home::new().sign(Kind::Ed25519, b"promote"));
    static SIGNATURES: LazyLock<Vec<String>> = LazyLock::new(|| {
        let home = Home::new();
        let made = Kind::ALL.map(|kind| home.sign(kind, b"promote"));
        let tokens = [Token::ed25519(), Token::ecdsa()];
        let touched = tokens.map(|token| token.sign(b"promote", 0x01));
        made.into_iter().chain(touched).collect()
    });

    fn without_white_space(text: &[u8]) -> Vec<u8> {
        let mut bytes = text.to_vec();
        bytes.retain(|byte| !byte.is_ascii_whitespace());
        bytes
    }

    #[test]
    fn white_space_around_the_armor_says_nothing() {
        let signature = SIGNATURE.replace('\n', " \r\n\t");
        assert!(
            verify(
                format!("\n \n{signature}\n\n").as_bytes(),
                b"promote",
                NAMESPACE
            )
            .is_ok()
        );
        for extra in ["x", "-", "\0", "\u{a0}"] {
            for text in [format!("{signature}{extra}"), format!("{extra}{signature}")] {
                let outcome = verify(text.as_bytes(), b"promote", NAMESPACE);
                assert_eq!(outcome, Err(SshSignatureError::Armor));
            }
        }
    }

    #[test]
    fn any_changed_bit_of_the_binary_form_is_refused() {
        for good in SIGNATURES.iter() {
            let good = pem::decode(good.as_bytes(), "SSH SIGNATURE", 10_000).unwrap();
            for bit in 0..good.len() * 8 {
                let mut bytes = good.clone();
                bytes[bit / 8] ^= 1 << (bit % 8);
                let armored = pem::encode(&bytes, "SSH SIGNATURE");
                let outcome = verify(armored.as_bytes(), b"promote", NAMESPACE);
                assert!(outcome.is_err(), "bit {bit} of {good:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_changed_byte_is_refused(which: prop::sample::Index, at: prop::sample::Index, mask in 1_u8..) {
            let good = which.get(&SIGNATURES).as_bytes();
            let mut bytes = good.to_vec();
            bytes[at.index(good.len())] ^= mask;
            // White space is the one part that says nothing.
            prop_assume!(without_white_space(&bytes) != without_white_space(good));
            prop_assert!(verify(&bytes, b"promote", NAMESPACE).is_err());
        }

        #[test]
        fn verifying_never_panics(bytes: Vec<u8>, fields in prop::array::uniform3(any::<Vec<u8>>())) {
            prop_assert!(verify(&bytes, b"", NAMESPACE).is_err());
            let armored = pem::encode(&bytes, "SSH SIGNATURE");
            prop_assert!(verify(armored.as_bytes(), b"", NAMESPACE).is_err());
            let [key, reserved, signature] = fields;
            let armored = armor(&key, NAMESPACE, &reserved, "sha256", &signature);
            prop_assert!(verify(armored.as_bytes(), b"", NAMESPACE).is_err());
        }
    }
}
