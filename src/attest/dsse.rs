//! Signed envelopes of machines: DSSE over bytes that are parsed only once they are verified.
//!
//! Format: <https://github.com/secure-systems-lab/dsse/blob/v1.0.2/envelope.md>.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::attest::engine_key::{EngineKey, EngineKeyError, EnginePublicKey};
use crate::attest::object::Object;

/// The longest line that is written or read, in bytes: the longest entry of a ledger.
pub const MAX_LINE_BYTES: usize = 65_535;
/// The most signatures that are looked at.
pub const MAX_SIGNATURES: usize = 8;

/// Why an envelope cannot be written or is not to be believed.
#[derive(Debug, thiserror::Error)]
pub enum DsseError {
    /// It is too long.
    #[error("an envelope has at most {MAX_LINE_BYTES} bytes, this has {length}")]
    TooLong {
        /// The length.
        length: usize,
    },
    /// It is not one line.
    #[error("an envelope is one line of JSON, this has a line break")]
    LineBreak,
    /// It is not an envelope.
    #[error("not a signed envelope: {source}")]
    Json {
        /// Why.
        source: serde_json::Error,
    },
    /// A field is not standard base64.
    #[error("the `{field}` of an envelope is not standard base64")]
    Base64 {
        /// The field.
        field: &'static str,
    },
    /// It has too many signatures to look at.
    #[error("an envelope has at most {MAX_SIGNATURES} signatures, this has {count}")]
    TooManySignatures {
        /// How many it has.
        count: usize,
    },
    /// No trusted key signed it.
    #[error("no trusted key signed this envelope")]
    Untrusted,
    /// It could not be signed.
    #[error("the envelope could not be signed: {source}")]
    Sign {
        /// Why.
        source: EngineKeyError,
    },
}

/// Bytes that a trusted key signed. Only [`open`] makes them; parse exactly these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedBytes {
    payload_type: String,
    body: Vec<u8>,
}

impl VerifiedBytes {
    /// What the bytes are, such as `application/vnd.in-toto+json`. Signed together with them; match it exactly.
    #[must_use]
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// The bytes.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

/// An envelope that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<K> {
    /// What was signed.
    pub bytes: VerifiedBytes,
    /// The handles of the trusted keys that signed, each key once, in the order of the trusted keys. Never empty.
    pub signers: Vec<K>,
}

/// The bytes that are signed: the type and the body, each with its length, so that neither can pass as the other.
///
/// An auditor builds them with `printf 'DSSEv1 %d %s %d ' …` and `cat`.
#[must_use]
pub fn pae(payload_type: &str, body: &[u8]) -> Vec<u8> {
    let header = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        body.len()
    );
    [header.as_bytes(), body].concat()
}

/// Signs a body and writes the envelope as one line of JSON without its line break.
///
/// # Errors
///
/// When the line would be too long, or when the key cannot sign.
pub fn seal(payload_type: &str, body: &[u8], key: &EngineKey) -> Result<String, DsseError> {
    let envelope = sign(payload_type, body, key)?;
    let line = serde_json::to_string(&envelope).map_err(|source| DsseError::Json { source })?;
    match line.len() {
        length if length > MAX_LINE_BYTES => Err(DsseError::TooLong { length }),
        _ => Ok(line),
    }
}

/// Signs a body; whoever writes the envelope bounds it.
pub(super) fn sign(
    payload_type: &str,
    body: &[u8],
    key: &EngineKey,
) -> Result<Envelope, DsseError> {
    let signature = key
        .sign(&pae(payload_type, body))
        .map_err(|source| DsseError::Sign { source })?;
    Ok(Envelope {
        payload_type: payload_type.to_owned(),
        payload: STANDARD.encode(body),
        signatures: vec![Object(Signature {
            keyid: key.public_key().fingerprint(),
            sig: STANDARD.encode(signature),
        })],
    })
}

/// Verifies an envelope with trusted keys, each with a handle of the caller's.
///
/// At least one of them must have signed. Signatures of other keys are passed over, as the format asks, and `keyid` is
/// not looked at: it is the one part of an envelope that no signature covers.
///
/// # Errors
///
/// When the line is not exactly an envelope, or when no trusted key signed it.
pub fn open<K: Clone>(
    line: &[u8],
    trusted: &[(K, EnginePublicKey)],
) -> Result<Verified<K>, DsseError> {
    verify(parse(line)?, trusted)
}

/// Verifies an envelope that was read, and bounded, by the caller.
pub(super) fn verify<K: Clone>(
    envelope: Envelope,
    trusted: &[(K, EnginePublicKey)],
) -> Result<Verified<K>, DsseError> {
    let body = decode("payload", &envelope.payload)?;
    let decoded = envelope.signatures.iter();
    let signatures = decoded
        .map(|Object(signature)| decode("sig", &signature.sig))
        .collect::<Result<Vec<_>, _>>()?;
    let message = pae(&envelope.payload_type, &body);
    let mut counted = BTreeSet::new();
    let mut signers = Vec::new();
    for (handle, key) in trusted {
        let is_new = counted.insert(key);
        if is_new
            && signatures
                .iter()
                .any(|signature| key.verifies(&message, signature))
        {
            signers.push(handle.clone());
        }
    }
    if signers.is_empty() {
        return Err(DsseError::Untrusted);
    }
    let bytes = VerifiedBytes {
        payload_type: envelope.payload_type,
        body,
    };
    Ok(Verified { bytes, signers })
}

fn parse(line: &[u8]) -> Result<Envelope, DsseError> {
    if line.len() > MAX_LINE_BYTES {
        return Err(DsseError::TooLong { length: line.len() });
    }
    if line.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        return Err(DsseError::LineBreak);
    }
    let Object(envelope): Object<Envelope> =
        serde_json::from_slice(line).map_err(|source| DsseError::Json { source })?;
    match envelope.signatures.len() {
        count if count > MAX_SIGNATURES => Err(DsseError::TooManySignatures { count }),
        _ => Ok(envelope),
    }
}

fn decode(field: &'static str, text: &str) -> Result<Vec<u8>, DsseError> {
    STANDARD
        .decode(text)
        .map_err(|_| DsseError::Base64 { field })
}

/// The envelope as it is written. Duplicate fields are errors: serde refuses them in structs.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Envelope {
    payload_type: String,
    payload: String,
    signatures: Vec<Object<Signature>>,
}

impl Envelope {
    /// How many signatures it has.
    pub(super) const fn signature_count(&self) -> usize {
        self.signatures.len()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    #[serde(default)]
    keyid: String,
    sig: String,
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;

    const TYPE: &str = "application/vnd.in-toto+json";

    static KEYS: LazyLock<[EngineKey; 2]> = LazyLock::new(|| {
        [(); 2].map(|()| EngineKey::from_pem(&EngineKey::generate().unwrap()).unwrap())
    });

    fn trusted() -> Vec<(&'static str, EnginePublicKey)> {
        let [dev, prod] = &*KEYS;
        vec![("dev", *dev.public_key()), ("prod", *prod.public_key())]
    }

    fn sealed(body: &[u8]) -> String {
        seal(TYPE, body, &KEYS[1]).unwrap()
    }

    #[test]
    fn the_signed_bytes_are_those_of_the_specification() {
        assert_eq!(
            pae("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn an_envelope_is_one_line_and_tells_who_signed() {
        let line = sealed(b"{}");
        assert!(line.starts_with(
            r#"{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[{"keyid":""#
        ));
        let verified = open(line.as_bytes(), &trusted()).unwrap();
        assert_eq!(verified.signers, ["prod"]);
        assert_eq!(verified.bytes.payload_type(), TYPE);
        assert_eq!(verified.bytes.body(), b"{}");
    }

    #[test]
    fn a_key_counts_once_and_unknown_signatures_are_passed_over() {
        let line = sealed(b"{}");
        let (head, signature) = line.split_once('[').unwrap();
        let signature = signature.strip_suffix("]}").unwrap();
        let other = r#"{"sig":"AAAA"}"#;
        let line = format!("{head}[{other},{signature},{signature}]}}");
        let mut keys = trusted();
        keys.push(("prod again", *KEYS[1].public_key()));
        assert_eq!(open(line.as_bytes(), &keys).unwrap().signers, ["prod"]);
    }

    #[test]
    fn the_key_id_decides_nothing() {
        let line = sealed(b"{}");
        let [dev, prod] = [0, 1].map(|index: usize| KEYS[index].public_key().fingerprint());
        let line = line.replace(&prod, &dev);
        assert_eq!(open(line.as_bytes(), &trusted()).unwrap().signers, ["prod"]);
        let only_dev = &trusted()[..1];
        assert!(matches!(
            open(line.as_bytes(), only_dev),
            Err(DsseError::Untrusted)
        ));
    }

    #[test]
    fn anything_but_exactly_an_envelope_is_refused() {
        let line = sealed(b"{}");
        let payload = r#""payload":"e30=""#;
        let (_, signatures) = line.split_once(r#""signatures":"#).unwrap();
        let signatures = signatures.strip_suffix('}').unwrap();
        let signature: serde_json::Value = serde_json::from_str(signatures).unwrap();
        let sig = signature[0]["sig"].as_str().unwrap().to_owned();
        for (name, changed) in [
            (
                "duplicate field",
                line.replace(payload, &format!("{payload},{payload}")),
            ),
            (
                "unknown field",
                line.replace(payload, &format!("{payload},\"x\":1")),
            ),
            ("array", format!(r#"["{TYPE}","e30=",{signatures}]"#)),
            (
                "array as signature",
                line.replace(signatures, &format!(r#"[["","{sig}"]]"#)),
            ),
            ("padding", line.replace("e30=", "e30")),
            ("url-safe", line.replace("e30=", "e3-_")),
            ("trailing bits", line.replace("e30=", "e31=")),
            ("other type", line.replace("in-toto", "in-tot0")),
            ("line break", line.replace(payload, &format!("\n{payload}"))),
            ("two values", format!("{line}{line}")),
            ("no signature", line.replace(signatures, "[]")),
            (
                "nine signatures",
                line.replace(
                    signatures,
                    &format!("[{}]", [signatures.trim_matches(['[', ']']); 9].join(",")),
                ),
            ),
            ("nothing", String::new()),
        ] {
            assert_ne!(changed, line, "{name}");
            assert!(open(changed.as_bytes(), &trusted()).is_err(), "{name}");
        }
    }

    #[test]
    fn the_longest_line_is_written_and_read_and_no_longer_one() {
        let body = [b'x'; 48_000];
        let shortest = seal("", &body, &KEYS[1]).unwrap().len();
        let type_of = |line: usize| "t".repeat(line - shortest);
        let line = seal(&type_of(MAX_LINE_BYTES - 8), &body, &KEYS[1]).unwrap();
        assert!(open(line.as_bytes(), &trusted()).is_ok());
        // Some bytes to either side, since signatures differ in length, and so from the one that was measured.
        let longer = seal(&type_of(MAX_LINE_BYTES + 9), &body, &KEYS[1]);
        assert!(matches!(longer, Err(DsseError::TooLong { .. })));
        let line = sealed(b"{}");
        let padded = line.replacen('{', &format!("{{{}", " ".repeat(MAX_LINE_BYTES)), 1);
        assert!(matches!(
            open(padded.as_bytes(), &trusted()),
            Err(DsseError::TooLong { .. })
        ));
    }

    proptest! {
        #[test]
        fn any_changed_byte_outside_the_key_id_is_refused(body: Vec<u8>, at: prop::sample::Index, mask in 1_u8..) {
            let line = sealed(&body);
            let hint = line.find(r#""keyid":""#).unwrap() + r#""keyid":""#.len();
            let mut bytes = line.into_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= mask;
            if !(hint..hint + 64).contains(&at) {
                prop_assert!(open(&bytes, &trusted()).is_err());
            } else if let Ok(verified) = open(&bytes, &trusted()) {
                prop_assert_eq!(verified.bytes.body(), body);
            }
        }

        #[test]
        fn opening_never_panics(bytes: Vec<u8>, text in r#"[\[{]("(payload|payloadType|signatures)":["\[{A=\]}]{0,6},?){0,4}[\]}]"#) {
            prop_assert!(open(&bytes, &trusted()).is_err());
            prop_assert!(open(text.as_bytes(), &trusted()).is_err());
        }
    }
}
