//! Writing a version: blobs first, then what lists them, the tag last. Until then nothing shows.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::adapter::admit::admit;
use crate::adapter::layer::precondition;
use crate::adapter::oci::OciAdapter;
use crate::adapter::oci::document::Blob;
use crate::adapter::oci::pack::{Packed, blob_of, pack};
use crate::adapter::oci::read::{load, load_current, place};
use crate::adapter::oci::store::{Reference, Source, Store};
use crate::adapter::oci::unpack::{Held, unpack};
use crate::adapter::{AdapterErrorKind, Content, Record, Result, Written};
use crate::flow::permit::FlowPermit;
use crate::model::artifact::VersionId;
use crate::model::digest::{FileRecord, TreeDigest};

/// How many blobs travel at once. It hides the time that a registry takes to answer, and bounds memory to 16 MiB.
const BLOBS_AT_ONCE: usize = 8;
/// In a repository without a tag, so many blobs in a row that are not there mean that none is, and no more are looked for. A
/// write that was cut began with the first ones, so they are found when it is done again.
const MISSES: usize = 32;

pub(super) async fn write<S: Store>(
    adapter: &OciAdapter<S>,
    permit: &FlowPermit,
    record: &Record,
    content: &dyn Content,
) -> Result<Written> {
    let store = &adapter.store;
    admit(store.reporter().workspace().as_str(), permit, record)?;
    if let Some(written) = existing(adapter, "write", record).await? {
        return Ok(written);
    }
    let (repository, _) = place(adapter, "write", &record.version)?;
    let packed = packed(adapter, "write", record)?;
    let is_new = store.tags("write", &repository).await?.is_empty();
    let misses = AtomicUsize::new(0);
    let mut files: BTreeMap<Blob, &FileRecord> = BTreeMap::new();
    for file in record.files.records() {
        files.entry(blob_of(file)).or_insert(file);
    }
    let files: Vec<(Blob, &FileRecord)> = files.into_iter().collect();
    let (repository, misses, files) = (&repository, &misses, &files);
    let uploads = stream::iter(0..files.len()).map(|index| async move {
        let Some((blob, file)) = files.get(index) else {
            return Ok(());
        };
        let is_sought = !is_new || misses.load(Ordering::Relaxed) < MISSES;
        if is_sought && store.has_blob("write", repository, *blob).await? {
            misses.store(0, Ordering::Relaxed);
            return Ok(());
        }
        misses.fetch_add(1, Ordering::Relaxed);
        let source = Source::File(content, file);
        store.put_blob("write", repository, *blob, source).await
    });
    uploads
        .buffer_unordered(BLOBS_AT_ONCE)
        .try_collect::<()>()
        .await?;
    finish(adapter, "write", record, &packed).await
}

pub(super) fn packed<S: Store>(
    adapter: &OciAdapter<S>,
    operation: &'static str,
    record: &Record,
) -> Result<Packed> {
    pack(record).map_err(|reason| {
        let reporter = adapter.store.reporter();
        reporter.error(AdapterErrorKind::Unexpected, operation, reason)
    })
}

/// Whether the version is there already: the same, another, or not.
pub(super) async fn existing<S: Store>(
    adapter: &OciAdapter<S>,
    operation: &'static str,
    record: &Record,
) -> Result<Option<Written>> {
    let store = &adapter.store;
    let (repository, tag) = place(adapter, operation, &record.version)?;
    let found = store
        .document(operation, &repository, Reference::Tag(&tag))
        .await?;
    let Some(document) = found else {
        return Ok(None);
    };
    let holds = match unpack(store, operation, &repository, &document).await? {
        Held::Files { digest, .. } if digest == record.digest => {
            return Ok(Some(Written::Unchanged));
        }
        Held::Files { digest, .. } => format!("with digest `{digest}`"),
        Held::Other(reason) => format!("from another tool: {reason}"),
    };
    let message = format!("`{}` is there {holds}", record.version);
    let reporter = store.reporter();
    Err(reporter.error(AdapterErrorKind::AlreadyExists, operation, message))
}

/// Keeps what lists the blobs, and lets the version appear.
pub(super) async fn finish<S: Store>(
    adapter: &OciAdapter<S>,
    operation: &'static str,
    record: &Record,
    packed: &Packed,
) -> Result<Written> {
    let store = &adapter.store;
    let (repository, tag) = place(adapter, operation, &record.version)?;
    for config in &packed.configs {
        keep(store, operation, &repository, config).await?;
    }
    for part in &packed.parts {
        store.put_document(operation, &repository, part).await?;
    }
    let is_tagged = store
        .tag(operation, &repository, &tag, &packed.top, None)
        .await?;
    adapter.seen.note(&record.version, &record.files);
    if is_tagged {
        return Ok(Written::Created);
    }
    // Another writer was faster.
    adapter.seen.forget(&record.version);
    match existing(adapter, operation, record).await? {
        Some(written) => Ok(written),
        None => {
            let message = format!("`{}` was removed while it was written", record.version);
            let reporter = store.reporter();
            Err(reporter.temporary(AdapterErrorKind::Unexpected, operation, message))
        }
    }
}

/// Keeps bytes of memory as a blob, if they are not there.
pub(super) async fn keep<S: Store>(
    store: &S,
    operation: &'static str,
    repository: &str,
    bytes: &Bytes,
) -> Result<Blob> {
    let blob = Blob::of(bytes);
    if !store.has_blob(operation, repository, blob).await? {
        let source = Source::Memory(bytes);
        store.put_blob(operation, repository, blob, source).await?;
    }
    Ok(blob)
}

/// Moves the pointer when it holds `expected`.
pub(super) async fn point<S: Store>(
    adapter: &OciAdapter<S>,
    version: &VersionId,
    expected: Option<TreeDigest>,
) -> Result<()> {
    let store = &adapter.store;
    let workspace = store.reporter().workspace().as_str();
    let Some((document, _)) = load(adapter, "point", version).await? else {
        let message = format!("there is no `{version}` to point to");
        let reporter = store.reporter();
        return Err(reporter.error(AdapterErrorKind::NotFound, "point", message));
    };
    let repository = store.repository("point", &version.artifact)?;
    let held = load_current(adapter, "point", &version.artifact).await?;
    let found = held.as_ref().map(|(_, record)| record);
    precondition(workspace, found, version, expected)?;
    let held = held.map(|(document, _)| document.sha256());
    let is_moved = held == Some(document.sha256())
        || store
            .tag("point", &repository, store.pointer(), &document, held)
            .await?;
    if is_moved {
        return Ok(());
    }
    let message = format!("the pointer of `{}` was moved meanwhile", version.artifact);
    let reporter = store.reporter();
    Err(reporter.error(AdapterErrorKind::Precondition, "point", message))
}
