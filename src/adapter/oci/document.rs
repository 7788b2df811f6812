//! Manifests and lists of manifests as they are on the wire (OCI image specification 1.1).

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::adapter::oci::media;
use crate::model::digest::Sha256;

/// The largest manifest that is written, in bytes. The distribution specification asks registries to take four megabytes;
/// docker-registry and others take no more than 4 MiB.
pub(super) const MAX_WRITTEN_BYTES: usize = 4_000_000;
/// The largest manifest that is read, in bytes.
pub(super) const MAX_READ_BYTES: usize = 8 << 20;

/// Bytes that a registry keeps, by their hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Blob {
    /// The SHA-256 of the bytes.
    pub sha256: Sha256,
    /// How many there are.
    pub size: u64,
}

impl Blob {
    /// That of bytes in memory.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            sha256: Sha256::of(bytes),
            size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        }
    }

    /// The hash as manifests write it.
    #[must_use]
    pub fn digest(&self) -> String {
        digest(self.sha256)
    }
}

/// A hash as manifests write it.
pub(super) fn digest(sha256: Sha256) -> String {
    format!("sha256:{sha256}")
}

/// A manifest or a list of manifests, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Bytes,
}

impl Document {
    /// The hash of its bytes.
    #[must_use]
    pub fn sha256(&self) -> Sha256 {
        Sha256::of(&self.bytes)
    }

    /// Where it is listed, so.
    pub(super) fn descriptor(&self) -> Descriptor {
        Descriptor::new(&self.media_type, Blob::of(&self.bytes))
    }
}

/// What a manifest says of one blob, or a list of one manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    pub(super) media_type: String,
    pub(super) digest: String,
    pub(super) size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) artifact_type: Option<String>,
    /// Where else the bytes are. Never followed: whoever wrote the manifest would choose what we fetch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) urls: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) annotations: BTreeMap<String, String>,
}

impl Descriptor {
    pub(super) fn new(media_type: &str, blob: Blob) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: blob.digest(),
            size: blob.size,
            artifact_type: None,
            urls: Vec::new(),
            annotations: BTreeMap::new(),
        }
    }

    /// The bytes that are meant.
    ///
    /// # Errors
    ///
    /// Why they cannot be had: another hash than SHA-256, or bytes that are elsewhere.
    pub(super) fn blob(&self) -> Result<Blob, String> {
        if !self.urls.is_empty() {
            return Err(format!(
                "`{}` is kept at another address, which is not followed",
                shown(&self.digest)
            ));
        }
        let hash = self.digest.strip_prefix("sha256:");
        let sha256 = hash.and_then(|hash| hash.parse().ok());
        let sha256 = sha256.ok_or_else(|| format!("`{}` is no SHA-256", shown(&self.digest)))?;
        Ok(Blob {
            sha256,
            size: self.size,
        })
    }
}

/// Text of a manifest, for people.
pub(super) fn shown(text: &str) -> String {
    crate::net::http::shown(text.as_bytes())
}

/// A manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    pub(super) schema_version: u32,
    #[serde(default)]
    pub(super) media_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) artifact_type: Option<String>,
    pub(super) config: Descriptor,
    pub(super) layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) subject: Option<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) annotations: BTreeMap<String, String>,
}

/// A list of manifests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Index {
    pub(super) schema_version: u32,
    #[serde(default)]
    pub(super) media_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) artifact_type: Option<String>,
    pub(super) manifests: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) annotations: BTreeMap<String, String>,
}

/// One of the two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Parsed {
    Manifest(Box<Manifest>),
    Index(Index),
}

impl Parsed {
    /// Reads a document. What could be read as both is neither (CVE-2021-41190).
    ///
    /// # Errors
    ///
    /// What it is instead.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Shape {
            layers: Option<serde::de::IgnoredAny>,
            manifests: Option<serde::de::IgnoredAny>,
        }
        let failed = |error: serde_json::Error| format!("it is no manifest: {error}");
        let shape: Shape = serde_json::from_slice(bytes).map_err(failed)?;
        match (shape.layers, shape.manifests) {
            (Some(_), None) => {
                let manifest = serde_json::from_slice(bytes).map_err(failed)?;
                Ok(Self::Manifest(Box::new(manifest)))
            }
            (None, Some(_)) => {
                let index = serde_json::from_slice(bytes).map_err(failed)?;
                Ok(Self::Index(index))
            }
            (Some(_), Some(_)) => {
                Err("it is a manifest and a list of manifests at once".to_owned())
            }
            (None, None) => Err("it is neither a manifest nor a list of manifests".to_owned()),
        }
    }

    pub(super) const fn annotations(&self) -> &BTreeMap<String, String> {
        match self {
            Self::Manifest(manifest) => &manifest.annotations,
            Self::Index(index) => &index.annotations,
        }
    }

    /// What it says it is, for people.
    pub(super) fn says(&self) -> String {
        let (artifact_type, other) = match self {
            Self::Manifest(manifest) => (&manifest.artifact_type, &manifest.config.media_type),
            Self::Index(index) => (&index.artifact_type, &index.media_type),
        };
        shown(artifact_type.as_ref().unwrap_or(other))
    }

    /// The media type that goes with it.
    pub(super) fn media_type(&self) -> &str {
        match self {
            Self::Manifest(manifest) if manifest.media_type.is_empty() => media::MANIFEST,
            Self::Index(index) if index.media_type.is_empty() => media::INDEX,
            Self::Manifest(manifest) => &manifest.media_type,
            Self::Index(index) => &index.media_type,
        }
    }
}

/// Bytes as JSON, as we write it: without white space, fields in the order of the types above.
pub(super) fn encode(value: &impl Serialize) -> Result<Bytes, String> {
    let bytes = serde_json::to_vec(value);
    bytes.map(Bytes::from).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_read_as_two_things_is_neither() {
        let both = br#"{"schemaVersion":2,"config":{},"layers":[],"manifests":[]}"#;
        let error = Parsed::parse(both).unwrap_err();
        assert_eq!(error, "it is a manifest and a list of manifests at once");
        for bytes in [&b"{}"[..], b"[]", b"{\"layers\":1}", b"\xff", b""] {
            assert!(Parsed::parse(bytes).is_err());
        }
    }

    #[test]
    fn bytes_elsewhere_and_other_hashes_are_refused() {
        let blob = Blob::of(b"x");
        let mut descriptor = Descriptor::new("a", blob);
        assert_eq!(descriptor.blob(), Ok(blob));
        descriptor
            .urls
            .push("https://elsewhere.example/x".to_owned());
        assert_eq!(
            descriptor.blob().unwrap_err(),
            format!(
                "`{}` is kept at another address, which is not followed",
                blob.digest()
            )
        );
        descriptor.urls.clear();
        descriptor.digest = format!("sha512:{}", "0".repeat(128));
        assert!(descriptor.blob().unwrap_err().ends_with("is no SHA-256"));
    }
}
