//! Sigstore bundles: a signed statement and what is known of its key, as one file of JSON.
//!
//! Only bundles that a key has signed are read, not those with certificates. What stands beside the envelope is not
//! signed, so it decides nothing; a hint that names another key than the one that signed is refused, as
//! `model_signing` does. Format: <https://github.com/sigstore/protobuf-specs>, `sigstore_bundle.proto`, version 0.3.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;

use crate::attest::dsse::{self, DsseError, Envelope, Verified};
use crate::attest::engine_key::{EngineKey, EnginePublicKey};
use crate::attest::object::Object;
use crate::model::attestation::PAYLOAD_TYPE;
use crate::model::digest::Sha256;
use crate::redact::printable;

/// The largest bundle that is written or read, in bytes: a list of about 60,000 files.
pub const MAX_BUNDLE_BYTES: usize = 16 * 1024 * 1024;
/// The one form that is read.
const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// Why a bundle cannot be written or is not to be believed.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// It is too long.
    #[error("a bundle has at most {MAX_BUNDLE_BYTES} bytes, this has {length}")]
    TooLong {
        /// The length.
        length: usize,
    },
    /// It is not a bundle.
    #[error("not a Sigstore bundle: {source}")]
    Json {
        /// Why.
        source: serde_json::Error,
    },
    /// It is a bundle of another version.
    #[error("the bundle is a `{found}`, and only `{MEDIA_TYPE}` is read")]
    MediaType {
        /// What it says it is.
        found: String,
    },
    /// A certificate or nothing tells the key.
    #[error("the bundle was not signed with a key: it has no `verificationMaterial.publicKey`")]
    NoKey,
    /// It has no signature, or several.
    #[error("a bundle has one signature, this has {count}")]
    Signatures {
        /// How many it has.
        count: usize,
    },
    /// The hint is that of another key.
    #[error("the bundle's hint names another key than the one that signed it")]
    OtherHint,
    /// The signed bytes are something else than a statement.
    #[error("the bundle holds a `{found}`, and only `{PAYLOAD_TYPE}` is read")]
    PayloadType {
        /// What it says it is.
        found: String,
    },
    /// The envelope is not good.
    #[error(transparent)]
    Envelope(#[from] DsseError),
}

/// Signs a statement and writes the bundle.
///
/// # Errors
///
/// When it would be too long, or when the key cannot sign.
pub fn seal(statement: &[u8], key: &EngineKey) -> Result<Vec<u8>, BundleError> {
    let envelope = dsse::sign(PAYLOAD_TYPE, statement, key)?;
    let bundle = json!({
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {
            "publicKey": { "hint": hint_of(key.public_key()) },
            "tlogEntries": [],
        },
        "dsseEnvelope": envelope,
    });
    let bytes = serde_json::to_vec(&bundle).map_err(|source| BundleError::Json { source })?;
    match bytes.len() {
        length if length > MAX_BUNDLE_BYTES => Err(BundleError::TooLong { length }),
        _ => Ok(bytes),
    }
}

/// Verifies a bundle with trusted keys, each with a handle of the caller's. Exactly one of them has signed.
///
/// # Errors
///
/// When the bytes are not a bundle, or when no trusted key signed it.
pub fn open<K: Clone>(
    bytes: &[u8],
    trusted: &[(K, EnginePublicKey)],
) -> Result<Verified<K>, BundleError> {
    let (envelope, hint) = parse(bytes)?;
    let keyed: Vec<_> = trusted
        .iter()
        .map(|(handle, key)| ((handle.clone(), *key), *key))
        .collect();
    let verified = dsse::verify(envelope, &keyed)?;
    let is_named = |(_, key): &(K, EnginePublicKey)| names(&hint, key);
    if !verified.signers.iter().all(is_named) {
        return Err(BundleError::OtherHint);
    }
    if verified.bytes.payload_type() != PAYLOAD_TYPE {
        let found = printable(verified.bytes.payload_type());
        return Err(BundleError::PayloadType { found });
    }
    let signers = verified.signers.into_iter().map(|(handle, _)| handle);
    Ok(Verified {
        bytes: verified.bytes,
        signers: signers.collect(),
    })
}

/// The envelope, and what is said of its key.
fn parse(bytes: &[u8]) -> Result<(Envelope, String), BundleError> {
    if bytes.len() > MAX_BUNDLE_BYTES {
        let length = bytes.len();
        return Err(BundleError::TooLong { length });
    }
    let Object(bundle): Object<Bundle> =
        serde_json::from_slice(bytes).map_err(|source| BundleError::Json { source })?;
    if bundle.media_type != MEDIA_TYPE {
        let found = printable(&bundle.media_type.chars().take(100).collect::<String>());
        return Err(BundleError::MediaType { found });
    }
    let Object(envelope) = bundle.dsse_envelope;
    match envelope.signature_count() {
        1 => {}
        count => return Err(BundleError::Signatures { count }),
    }
    let Object(material) = bundle.verification_material;
    let Object(key) = material.public_key.ok_or(BundleError::NoKey)?;
    Ok((envelope, key.hint.unwrap_or_default()))
}

/// What `model_signing` writes to tell the key: the SHA-256 of its PEM text.
fn hint_of(key: &EnginePublicKey) -> String {
    Sha256::of(key.to_pem().as_bytes()).to_string()
}

/// Whether a hint is one that tools write for a key: none, that of `model_signing`, or that of `cosign`, the SHA-256 of the
/// key in DER as base64.
fn names(hint: &str, key: &EnginePublicKey) -> bool {
    let of_der = hex::decode(key.fingerprint()).unwrap_or_default();
    hint.is_empty() || hint == hint_of(key) || hint == STANDARD.encode(of_der)
}

/// The bundle as it is written. Duplicate fields are errors: serde refuses them in structs.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Bundle {
    media_type: String,
    verification_material: Object<Material>,
    dsse_envelope: Object<Envelope>,
}

/// Fields that are not ours, such as entries of transparency logs, are passed over.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Material {
    public_key: Option<Object<KeyHint>>,
}

#[derive(Deserialize)]
struct KeyHint {
    hint: Option<String>,
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;

    static KEYS: LazyLock<[EngineKey; 2]> = LazyLock::new(|| {
        [(); 2].map(|()| EngineKey::from_pem(&EngineKey::generate().unwrap()).unwrap())
    });

    fn trusted() -> Vec<(&'static str, EnginePublicKey)> {
        vec![
            ("other", *KEYS[0].public_key()),
            ("trainer", *KEYS[1].public_key()),
        ]
    }

    fn sealed() -> String {
        String::from_utf8(seal(b"{}", &KEYS[1]).unwrap()).unwrap()
    }

    #[test]
    fn what_is_sealed_is_opened_and_tells_who_signed() {
        let verified = open(sealed().as_bytes(), &trusted()).unwrap();
        assert_eq!(verified.signers, ["trainer"]);
        assert_eq!(verified.bytes.body(), b"{}");
    }

    #[test]
    fn a_hint_may_be_missing_or_that_of_cosign_and_no_other_key() {
        let line = sealed();
        let [other, own] = [0, 1].map(|index: usize| hint_of(KEYS[index].public_key()));
        let of_der = hex::decode(KEYS[1].public_key().fingerprint()).unwrap();
        for good in [String::new(), STANDARD.encode(of_der)] {
            assert!(open(line.replace(&own, &good).as_bytes(), &trusted()).is_ok());
        }
        let without = line.replace(&format!(r#""hint":"{own}""#), "");
        assert!(open(without.as_bytes(), &trusted()).is_ok());
        for bad in [other.as_str(), "x"] {
            let changed = line.replace(&own, bad);
            let refused = open(changed.as_bytes(), &trusted());
            assert!(matches!(refused, Err(BundleError::OtherHint)), "{bad}");
        }
    }

    #[test]
    fn anything_but_a_bundle_that_a_key_signed_is_refused_with_the_reason() {
        let line = sealed();
        let material = format!(
            r#""publicKey":{{"hint":"{}"}}"#,
            hint_of(KEYS[1].public_key())
        );
        let signature_at = line.find(r#"[{"keyid""#).unwrap();
        let signature_end = line.find("}]").unwrap() + 2;
        let signature = line.get(signature_at + 1..signature_end - 1).unwrap();
        for (changed, reason) in [
            (
                line.replace("v0.3", "v0.2"),
                "the bundle is a `application/vnd.dev.sigstore.bundle.v0.2+json`, and only `application/vnd.dev.sigstore.bundle.v0.3+json` is read",
            ),
            (
                line.replace(&material, r#""certificate":{"rawBytes":""}"#),
                "the bundle was not signed with a key: it has no `verificationMaterial.publicKey`",
            ),
            (
                line.replace(signature, ""),
                "a bundle has one signature, this has 0",
            ),
            (
                line.replace(signature, &format!("{signature},{signature}")),
                "a bundle has one signature, this has 2",
            ),
            (
                line.replace("in-toto+json", "in-toto+yaml"),
                "no trusted key signed this envelope",
            ),
            (
                line.replace("e30=", "e31="),
                "the `payload` of an envelope is not standard base64",
            ),
            (
                line.replace("e30=", "e30g"),
                "no trusted key signed this envelope",
            ),
        ] {
            assert_ne!(changed, line, "{reason}");
            let error = open(changed.as_bytes(), &trusted()).unwrap_err();
            assert_eq!(error.to_string(), reason);
        }
        for changed in [
            line.replacen('{', r#"{"mediaType":"x","#, 1),
            line.replacen('{', r#"{"x":1,"#, 1),
            format!("[{line}]"),
            format!("{line}{line}"),
            String::new(),
        ] {
            let error = open(changed.as_bytes(), &trusted()).unwrap_err();
            assert!(matches!(error, BundleError::Json { .. }), "{error}");
        }
    }

    #[test]
    fn a_statement_of_another_type_is_refused_however_well_it_is_signed() {
        let envelope = dsse::sign("text/plain", b"{}", &KEYS[1]).unwrap();
        let envelope = serde_json::to_string(&envelope).unwrap();
        let line = sealed();
        let at = line.find(r#""dsseEnvelope":"#).unwrap();
        let end = line.find(r#","mediaType""#).unwrap();
        let own = line.get(at..end).unwrap();
        let changed = line.replace(own, &format!(r#""dsseEnvelope":{envelope}"#));
        assert_eq!(
            open(changed.as_bytes(), &trusted())
                .unwrap_err()
                .to_string(),
            "the bundle holds a `text/plain`, and only `application/vnd.in-toto+json` is read"
        );
    }

    #[test]
    fn only_trusted_keys_count() {
        let refused = open(sealed().as_bytes(), &trusted()[..1]);
        assert!(matches!(
            refused,
            Err(BundleError::Envelope(DsseError::Untrusted))
        ));
        let long = vec![b' '; MAX_BUNDLE_BYTES + 1];
        assert!(matches!(
            open(&long, &trusted()),
            Err(BundleError::TooLong { .. })
        ));
    }

    proptest! {
        #[test]
        fn opening_never_panics(bytes: Vec<u8>) {
            prop_assert!(open(&bytes, &trusted()).is_err());
        }
    }
}
