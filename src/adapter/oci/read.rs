//! Reading versions: their records from manifests, their files from blobs.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::adapter::oci::OciAdapter;
use crate::adapter::oci::document::{self, Document, Parsed};
use crate::adapter::oci::names;
use crate::adapter::oci::pack::blob_of;
use crate::adapter::oci::store::{Reference, Store};
use crate::adapter::oci::unpack::{self, Held, unpack};
use crate::adapter::{AdapterErrorKind, ByteStream, Description, Locator, Record, Result};
use crate::model::artifact::{ArtifactId, VersionId};
use crate::model::digest::{FileList, TreePath};
use crate::redact::printable;

/// How long the files of a version are remembered, so that reading ten thousand of them asks for the manifest once.
const REMEMBERED_FOR: Duration = Duration::from_secs(60);
/// How many versions are remembered, and how many files in all. Bounds memory.
const REMEMBERED: usize = 8;
const MAX_REMEMBERED_FILES: usize = 200_000;
/// The most annotations that are told of a version, and the longest, in bytes.
const MAX_PROPERTIES: usize = 100;
const MAX_PROPERTY_BYTES: usize = 4096;

/// The files of versions that were read lately.
#[derive(Debug, Default)]
pub(super) struct Seen {
    versions: Mutex<VecDeque<(Instant, VersionId, Arc<FileList>)>>,
}

impl Seen {
    /// Notes what a version's manifest said just now.
    pub(super) fn note(&self, version: &VersionId, files: &FileList) {
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        versions.retain(|(_, known, _)| known != version);
        versions.push_front((Instant::now(), version.clone(), Arc::new(files.clone())));
        let mut kept: usize = 0;
        let mut count = 0;
        versions.retain(|(_, _, files)| {
            count += 1;
            kept = kept.saturating_add(files.records().len());
            // The newest stays in any case: without it, each file would ask for the manifest.
            count == 1 || (count <= REMEMBERED && kept <= MAX_REMEMBERED_FILES)
        });
    }

    pub(super) fn forget(&self, version: &VersionId) {
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        versions.retain(|(_, known, _)| known != version);
    }

    fn get(&self, version: &VersionId) -> Option<Arc<FileList>> {
        let versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        let found = versions.iter().find(|(_, known, _)| known == version);
        let (noted, _, files) = found?;
        (noted.elapsed() < REMEMBERED_FOR).then(|| Arc::clone(files))
    }
}

/// The repository and the tag of a version.
pub(super) fn place<S: Store>(
    adapter: &OciAdapter<S>,
    operation: &'static str,
    version: &VersionId,
) -> Result<(String, String)> {
    let repository = adapter.store.repository(operation, &version.artifact)?;
    match names::tag_of(&version.version) {
        Some(tag) if tag != adapter.store.pointer() => Ok((repository, tag)),
        Some(_) | None => {
            let message = format!("`{}` cannot be a tag", version.version);
            let reporter = adapter.store.reporter();
            Err(reporter.error(AdapterErrorKind::Unsupported, operation, message))
        }
    }
}

/// A version's manifest and record; `None` when it is not there.
pub(super) async fn load<S: Store>(
    adapter: &OciAdapter<S>,
    operation: &'static str,
    version: &VersionId,
) -> Result<Option<(Document, Record)>> {
    let (repository, tag) = place(adapter, operation, version)?;
    let store = &adapter.store;
    let found = store
        .document(operation, &repository, Reference::Tag(&tag))
        .await?;
    let Some(document) = found else {
        adapter.seen.forget(version);
        return Ok(None);
    };
    let place = format!("{repository}:{tag}");
    match unpack(store, operation, &repository, &document).await? {
        Held::Files {
            named,
            files,
            digest,
        } => {
            if let Some(other) = named.filter(|named| named != version) {
                let message = format!("`{place}` says that it is `{other}`");
                return Err(store.reporter().corrupt(operation, message));
            }
            adapter.seen.note(version, &files);
            let version = version.clone();
            let record = Record {
                version,
                digest,
                files,
            };
            Ok(Some((document, record)))
        }
        Held::Other(reason) => Err(unpack::not_a_version(store, operation, &place, &reason)),
    }
}

/// The manifest and record that the pointer holds; `None` when there is no pointer.
pub(super) async fn load_current<S: Store>(
    adapter: &OciAdapter<S>,
    operation: &'static str,
    artifact: &ArtifactId,
) -> Result<Option<(Document, Record)>> {
    let store = &adapter.store;
    let repository = store.repository(operation, artifact)?;
    let pointer = Reference::Tag(store.pointer());
    let Some(document) = store.document(operation, &repository, pointer).await? else {
        return Ok(None);
    };
    let place = format!("{repository}:{}", store.pointer());
    match unpack(store, operation, &repository, &document).await? {
        Held::Files {
            named: Some(version),
            files,
            digest,
        } => {
            if version.artifact != *artifact {
                let message = format!("`{place}` says that it is `{version}`");
                return Err(store.reporter().corrupt(operation, message));
            }
            let record = Record {
                version,
                digest,
                files,
            };
            Ok(Some((document, record)))
        }
        Held::Files { named: None, .. } => {
            let reason = "it does not say which version it is";
            Err(unpack::not_a_version(store, operation, &place, reason))
        }
        Held::Other(reason) => Err(unpack::not_a_version(store, operation, &place, &reason)),
    }
}

pub(super) async fn stat<S: Store>(
    adapter: &OciAdapter<S>,
    operation: &'static str,
    locator: Locator<'_>,
) -> Result<Option<Record>> {
    let found = match locator {
        Locator::Version(version) => load(adapter, operation, version).await?,
        Locator::Current(artifact) => load_current(adapter, operation, artifact).await?,
    };
    Ok(found.map(|(_, record)| record))
}

pub(super) async fn read<S: Store>(
    adapter: &OciAdapter<S>,
    version: &VersionId,
    path: &TreePath,
) -> Result<ByteStream> {
    let files = match adapter.seen.get(version) {
        Some(files) => Some(files),
        None => {
            let loaded = load(adapter, "read", version).await?;
            loaded.map(|(_, record)| Arc::new(record.files))
        }
    };
    let file = files.as_ref().and_then(|files| files.get(path));
    let Some(file) = file else {
        let message = format!("there is no `{path}` of `{version}`");
        let reporter = adapter.store.reporter();
        return Err(reporter.error(AdapterErrorKind::NotFound, "read", message));
    };
    let (repository, _) = place(adapter, "read", version)?;
    adapter.store.blob("read", &repository, blob_of(file)).await
}

pub(super) async fn describe<S: Store>(
    adapter: &OciAdapter<S>,
    version: &VersionId,
) -> Result<Description> {
    let (repository, tag) = place(adapter, "describe", version)?;
    let store = &adapter.store;
    let found = store
        .document("describe", &repository, Reference::Tag(&tag))
        .await?;
    let Some(document) = found else {
        let message = format!("there is no `{version}`");
        let error = store.reporter();
        return Err(error.error(AdapterErrorKind::NotFound, "describe", message));
    };
    let mut description = Description::default();
    let properties = &mut description.properties;
    if let Ok(parsed) = Parsed::parse(&document.bytes) {
        let annotations = parsed.annotations().iter();
        let fitting = annotations.filter(|(key, value)| {
            key.len() + value.len() <= MAX_PROPERTY_BYTES && !key.starts_with("dev.promote.")
        });
        for (key, value) in fitting.take(MAX_PROPERTIES) {
            properties.insert(printable(key), printable(value));
        }
        properties.insert("artifactType".to_owned(), parsed.says());
        let media_type = parsed.media_type().to_owned();
        properties.insert("mediaType".to_owned(), media_type);
    }
    let digest = document::digest(document.sha256());
    properties.insert("manifest".to_owned(), digest);
    properties.insert("reference".to_owned(), format!("{repository}:{tag}"));
    Ok(description)
}
