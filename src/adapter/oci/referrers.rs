//! What refers to a version: attestations and other small files, kept as manifests with a `subject` (OCI distribution
//! specification 1.1, "Listing Referrers"). Where the registry keeps no list, the tag `sha256-<hex>` is one.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt as _;

use crate::adapter::oci::document::{
    Descriptor, Document, Index, MAX_WRITTEN_BYTES, Manifest, Parsed, encode, shown,
};
use crate::adapter::oci::read::load;
use crate::adapter::oci::store::{Reference, Store};
use crate::adapter::oci::write::keep;
use crate::adapter::oci::{OciAdapter, media};
use crate::adapter::{AdapterErrorKind, Result};
use crate::model::artifact::VersionId;
use crate::model::digest::Sha256;

/// The most that may refer to one version.
const MAX_REFERRERS: usize = 10_000;
/// The largest file that is attached or read, in bytes.
const MAX_ATTACHED_BYTES: usize = 16 << 20;

/// A manifest that refers to a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referrer {
    /// What it is, such as `application/vnd.in-toto+json`.
    pub artifact_type: String,
    /// The hash of the manifest.
    pub manifest: Sha256,
    /// What is said of it.
    pub annotations: BTreeMap<String, String>,
}

impl<S: Store> OciAdapter<S> {
    /// Attaches a small file to a version. The same file again changes nothing.
    ///
    /// # Errors
    ///
    /// `NotFound` when there is no such version; `Unsupported` when the file is too large; what the store says.
    pub async fn attach(
        &self,
        version: &VersionId,
        artifact_type: &str,
        bytes: &Bytes,
        annotations: &BTreeMap<String, String>,
    ) -> Result<Sha256> {
        let store = &self.store;
        let error = |kind, message| store.reporter().error(kind, "attach", message);
        if bytes.len() > MAX_ATTACHED_BYTES {
            let message = format!("what is attached has at most {MAX_ATTACHED_BYTES} bytes");
            return Err(error(AdapterErrorKind::Unsupported, message));
        }
        let Some((subject, _)) = load(self, "attach", version).await? else {
            let message = format!("there is no `{version}` to attach to");
            return Err(error(AdapterErrorKind::NotFound, message));
        };
        let repository = store.repository("attach", &version.artifact)?;
        let config = keep(store, "attach", &repository, &Bytes::from_static(b"{}")).await?;
        let layer = keep(store, "attach", &repository, bytes).await?;
        let manifest = Manifest {
            schema_version: 2,
            media_type: media::MANIFEST.to_owned(),
            artifact_type: Some(artifact_type.to_owned()),
            config: Descriptor::new(media::EMPTY, config),
            layers: vec![Descriptor::new(artifact_type, layer)],
            subject: Some(subject.descriptor()),
            annotations: annotations.clone(),
        };
        let encoded = encode(&manifest);
        let document = Document {
            media_type: media::MANIFEST.to_owned(),
            bytes: encoded.map_err(|reason| error(AdapterErrorKind::Unexpected, reason))?,
        };
        if !store.put_referrer("attach", &repository, &document).await? {
            let descriptor = Descriptor {
                artifact_type: manifest.artifact_type,
                annotations: manifest.annotations,
                ..document.descriptor()
            };
            self.list_under_tag(&repository, subject.sha256(), descriptor)
                .await?;
        }
        Ok(document.sha256())
    }

    /// Adds to the list that the tag `sha256-<hex>` is.
    async fn list_under_tag(
        &self,
        repository: &str,
        subject: Sha256,
        descriptor: Descriptor,
    ) -> Result<()> {
        let store = &self.store;
        let tag = fallback_tag(subject);
        let held = store
            .document("attach", repository, Reference::Tag(&tag))
            .await?;
        let mut manifests = match &held {
            None => Vec::new(),
            Some(document) => self.listed("attach", document)?,
        };
        if manifests
            .iter()
            .any(|known| known.digest == descriptor.digest)
        {
            return Ok(());
        }
        manifests.push(descriptor);
        let index = Index {
            schema_version: 2,
            media_type: media::INDEX.to_owned(),
            artifact_type: None,
            manifests,
            annotations: BTreeMap::new(),
        };
        let reporter = store.reporter();
        let failed =
            |reason: String| reporter.error(AdapterErrorKind::Unexpected, "attach", reason);
        let document = Document {
            media_type: media::INDEX.to_owned(),
            bytes: encode(&index).map_err(failed)?,
        };
        if document.bytes.len() > MAX_WRITTEN_BYTES {
            let message = format!("too much refers to `{repository}@sha256:{subject}`");
            return Err(reporter.error(AdapterErrorKind::Unsupported, "attach", message));
        }
        let expected = held.map(|held| held.sha256());
        if store
            .tag("attach", repository, &tag, &document, expected)
            .await?
        {
            return Ok(());
        }
        let message = format!("`{repository}:{tag}` was changed meanwhile");
        Err(reporter.temporary(AdapterErrorKind::Precondition, "attach", message))
    }

    fn listed(&self, operation: &'static str, document: &Document) -> Result<Vec<Descriptor>> {
        let corrupt = |reason: String| {
            let message = format!("the list of what refers to a version: {reason}");
            self.store.reporter().corrupt(operation, message)
        };
        match Parsed::parse(&document.bytes).map_err(corrupt)? {
            Parsed::Index(index) if index.manifests.len() <= MAX_REFERRERS => Ok(index.manifests),
            Parsed::Index(_) => Err(corrupt(format!("it has more than {MAX_REFERRERS} entries"))),
            Parsed::Manifest(_) => Err(corrupt("it is a manifest".to_owned())),
        }
    }

    /// What refers to a version, of all types or of one; nothing when there is no such version.
    ///
    /// # Errors
    ///
    /// What the store says; `Corrupt` when the list is none.
    pub async fn referrers(
        &self,
        version: &VersionId,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Referrer>> {
        let store = &self.store;
        let Some((subject, _)) = load(self, "referrers", version).await? else {
            return Ok(Vec::new());
        };
        let repository = store.repository("referrers", &version.artifact)?;
        let subject = subject.sha256();
        let kept = store.referrers("referrers", &repository, subject).await?;
        let list = match kept {
            Some(list) => Some(list),
            None => {
                let tag = fallback_tag(subject);
                let reference = Reference::Tag(&tag);
                store.document("referrers", &repository, reference).await?
            }
        };
        let Some(list) = list else {
            return Ok(Vec::new());
        };
        let mut referrers = Vec::new();
        for descriptor in self.listed("referrers", &list)? {
            let Ok(blob) = descriptor.blob() else {
                continue;
            };
            let is_known = |known: &Referrer| known.manifest == blob.sha256;
            let kind = descriptor.artifact_type.unwrap_or_default();
            // Some registries list a manifest as often as it was written.
            let is_wanted = artifact_type.is_none_or(|wanted| wanted == kind);
            if is_wanted && !referrers.iter().any(is_known) {
                referrers.push(Referrer {
                    artifact_type: kind,
                    manifest: blob.sha256,
                    annotations: descriptor.annotations,
                });
            }
        }
        Ok(referrers)
    }

    /// The file that was attached, compared with its hash.
    ///
    /// # Errors
    ///
    /// `NotFound` when it is not there; `Corrupt` when it does not refer to the version or has other bytes; what the store says.
    pub async fn attached(&self, version: &VersionId, referrer: &Referrer) -> Result<Bytes> {
        let store = &self.store;
        let repository = store.repository("attached", &version.artifact)?;
        let corrupt = |reason: &str| {
            let message = format!(
                "`{repository}@sha256:{}`: {}",
                referrer.manifest,
                shown(reason)
            );
            store.reporter().corrupt("attached", message)
        };
        let missing = || {
            let message = format!("there is no `{repository}@sha256:{}`", referrer.manifest);
            let reporter = store.reporter();
            reporter.error(AdapterErrorKind::NotFound, "attached", message)
        };
        let subject = load(self, "attached", version)
            .await?
            .ok_or_else(missing)?
            .0;
        let reference = Reference::Digest(referrer.manifest);
        let found = store.document("attached", &repository, reference).await?;
        let document = found.ok_or_else(missing)?;
        let parsed = Parsed::parse(&document.bytes).map_err(|reason| corrupt(&reason))?;
        let Parsed::Manifest(manifest) = parsed else {
            return Err(corrupt("it is a list of manifests"));
        };
        let refers_to = manifest.subject.map(|descriptor| descriptor.digest);
        if refers_to != Some(subject.descriptor().digest) {
            return Err(corrupt("it refers to another version"));
        }
        let [layer] = manifest.layers.as_slice() else {
            return Err(corrupt("it does not have one layer"));
        };
        let blob = layer.blob().map_err(|reason| corrupt(&reason))?;
        if usize::try_from(blob.size).map_or(true, |size| size > MAX_ATTACHED_BYTES) {
            return Err(corrupt("it is too large"));
        }
        let mut stream = store.blob("attached", &repository, blob).await?;
        let mut bytes = BytesMut::new();
        while let Some(piece) = stream
            .try_next()
            .await
            .map_err(|error| corrupt(&error.to_string()))?
        {
            bytes.extend_from_slice(&piece);
            if bytes.len() > MAX_ATTACHED_BYTES {
                break;
            }
        }
        if Sha256::of(&bytes) == blob.sha256 {
            Ok(bytes.freeze())
        } else {
            Err(corrupt("its file does not have the bytes of its hash"))
        }
    }
}

/// The tag that lists what refers to a manifest, where nothing else does (distribution specification 1.1, "Referrers Tag
/// Schema").
fn fallback_tag(subject: Sha256) -> String {
    format!("sha256-{subject}")
}
