//! Verifies encoded SSH signatures, one way for each kind of key.

use ring::digest::{SHA256, digest};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512,
    RsaPublicKeyComponents, UnparsedPublicKey,
};

use crate::attest::ssh::key::{KeyMaterial, SshPublicKey};
use crate::attest::ssh::signature::{SshSignatureError, damaged, refused_algorithm};
use crate::attest::ssh::wire::{Malformed, Reader};

/// The flag that says that the owner touched the key (`SSH_SK_USER_PRESENCE_REQD`).
const USER_PRESENT: u8 = 0x01;

/// A signature without its encoding.
struct RawSignature<'a> {
    algorithm: &'a str,
    bytes: &'a [u8],
    /// Flags and counter of a hardware key.
    touch: Option<(u8, u32)>,
}

/// Whether an encoded signature is this key's over these bytes.
pub(super) fn is_signature_of(
    key: &SshPublicKey,
    signed: &[u8],
    encoded: &[u8],
) -> Result<bool, SshSignatureError> {
    let signature = &read_signature(encoded, key)?;
    let bytes = signature.bytes;
    match key.material() {
        KeyMaterial::Ed25519 { point } => Ok(verifies_ed25519(point, signed, bytes)),
        KeyMaterial::EcdsaP256 { point } => verifies_p256(point, signed, bytes),
        KeyMaterial::Rsa { modulus, exponent } => {
            Ok(verifies_rsa(modulus, exponent, signed, signature))
        }
        KeyMaterial::HardwareEd25519 { point, application } => {
            let signed = hardware_signed_bytes(application, signed, signature)?;
            Ok(verifies_ed25519(point, &signed, bytes))
        }
        KeyMaterial::HardwareEcdsaP256 { point, application } => {
            let signed = hardware_signed_bytes(application, signed, signature)?;
            verifies_p256(point, &signed, bytes)
        }
    }
}

fn read_signature<'a>(
    bytes: &'a [u8],
    key: &SshPublicKey,
) -> Result<RawSignature<'a>, SshSignatureError> {
    let mut reader = Reader::new(bytes);
    let mut parse = || {
        let algorithm = reader.text()?;
        let bytes = reader.string()?;
        let touch = match key.needs_touch() {
            true => Some((reader.byte()?, reader.u32()?)),
            false => None,
        };
        Ok(RawSignature {
            algorithm,
            bytes,
            touch,
        })
    };
    let signature = parse().map_err(damaged("its signature"))?;
    let is_fitting = match key.material() {
        KeyMaterial::Rsa { .. } => ["rsa-sha2-256", "rsa-sha2-512"].contains(&signature.algorithm),
        _ => signature.algorithm == key.algorithm(),
    };
    if !is_fitting {
        return Err(refused_algorithm(signature.algorithm));
    }
    reader.finish().map_err(damaged("its signature"))?;
    Ok(signature)
}

fn verifies_ed25519(point: &[u8], signed: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, point)
        .verify(signed, signature)
        .is_ok()
}

/// SSH writes the two numbers of the signature as they are; ring wants each in 32 bytes.
fn verifies_p256(point: &[u8], signed: &[u8], signature: &[u8]) -> Result<bool, SshSignatureError> {
    let mut reader = Reader::new(signature);
    let mut parse = || {
        Ok((
            padded(reader.positive()?, 32)?,
            padded(reader.positive()?, 32)?,
        ))
    };
    let (r, s) = parse().map_err(damaged("its signature"))?;
    reader.finish().map_err(damaged("its signature"))?;
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
    Ok(key.verify(signed, &[r, s].concat()).is_ok())
}

fn verifies_rsa(
    modulus: &[u8],
    exponent: &[u8],
    signed: &[u8],
    signature: &RawSignature<'_>,
) -> bool {
    let parameters = match signature.algorithm {
        "rsa-sha2-256" => &RSA_PKCS1_2048_8192_SHA256,
        _ => &RSA_PKCS1_2048_8192_SHA512,
    };
    let key = RsaPublicKeyComponents {
        n: modulus,
        e: exponent,
    };
    // Some agents leave out leading zeros; OpenSSH takes that too.
    padded(signature.bytes, modulus.len())
        .is_ok_and(|bytes| key.verify(parameters, signed, &bytes).is_ok())
}

/// What a hardware key signs: what it is for, whether it was touched, how often it signed, and the hash of the bytes.
fn hardware_signed_bytes(
    application: &str,
    signed: &[u8],
    signature: &RawSignature<'_>,
) -> Result<Vec<u8>, SshSignatureError> {
    let (flags, counter) = signature.touch.ok_or(SshSignatureError::NoTouch)?;
    if flags & USER_PRESENT == 0 {
        return Err(SshSignatureError::NoTouch);
    }
    let mut bytes = digest(&SHA256, application.as_bytes()).as_ref().to_vec();
    bytes.push(flags);
    bytes.extend(counter.to_be_bytes());
    bytes.extend(digest(&SHA256, signed).as_ref());
    Ok(bytes)
}

fn padded(number: &[u8], length: usize) -> Result<Vec<u8>, Malformed> {
    let missing = length.checked_sub(number.len()).ok_or(Malformed)?;
    let mut bytes = vec![0; missing];
    bytes.extend(number);
    Ok(bytes)
}
