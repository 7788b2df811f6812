//! Copying within one registry: its blobs become blobs of the other repository by name, and none travels.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::adapter::admit::admit;
use crate::adapter::oci::OciAdapter;
use crate::adapter::oci::document::Blob;
use crate::adapter::oci::pack::blob_of;
use crate::adapter::oci::read::place;
use crate::adapter::oci::store::{Reference, Store};
use crate::adapter::oci::unpack::{Held, unpack};
use crate::adapter::oci::write::{existing, finish, packed};
use crate::adapter::{AdapterError, AdapterErrorKind, NativePlace, Record, Result, Written};
use crate::flow::permit::FlowPermit;
use crate::model::artifact::VersionId;

/// How many blobs are asked for at once: the answers are small.
const MOUNTS_AT_ONCE: usize = 16;

/// Where a version is for other repositories of the same registry: `REPOSITORY:TAG`.
pub(super) fn native<S: Store>(
    adapter: &OciAdapter<S>,
    version: &VersionId,
) -> Option<NativePlace> {
    let provider = adapter.store.provider()?;
    let (repository, tag) = place(adapter, "native", version).ok()?;
    Some(NativePlace {
        provider,
        place: format!("{repository}:{tag}"),
    })
}

pub(super) async fn copy<S: Store>(
    adapter: &OciAdapter<S>,
    permit: &FlowPermit,
    record: &Record,
    from: &NativePlace,
) -> Result<Written> {
    let store = &adapter.store;
    admit(store.reporter().workspace().as_str(), permit, record)?;
    let source = from.place.rsplit_once(':');
    let source = source.filter(|_| store.provider().as_ref() == Some(&from.provider));
    let Some((source, tag)) = source else {
        return Err(unsupported(adapter, from, "it is elsewhere"));
    };
    if let Some(written) = existing(adapter, "copy", record).await? {
        return Ok(written);
    }
    holds(adapter, record, from, source, tag).await?;
    let (repository, _) = place(adapter, "copy", &record.version)?;
    let packed = packed(adapter, "copy", record)?;
    if repository != source {
        let blobs: std::collections::BTreeSet<Blob> =
            record.files.records().iter().map(blob_of).collect();
        let repository = &repository;
        let mounts = stream::iter(blobs).map(|blob| async move {
            let is_there = store.mount("copy", repository, blob, source).await?
                || store.has_blob("copy", repository, blob).await?;
            if is_there {
                return Ok(());
            }
            let reason = "the registry does not take over blobs of other repositories";
            Err(unsupported(adapter, from, reason))
        });
        mounts
            .buffer_unordered(MOUNTS_AT_ONCE)
            .try_collect::<()>()
            .await?;
        for config in &packed.configs {
            // The same version has the same configuration. Where it has not, it is short and travels.
            store
                .mount("copy", repository, Blob::of(config), source)
                .await?;
        }
    }
    finish(adapter, "copy", record, &packed).await
}

/// Checks that the source holds the record's files now.
async fn holds<S: Store>(
    adapter: &OciAdapter<S>,
    record: &Record,
    from: &NativePlace,
    source: &str,
    tag: &str,
) -> Result<()> {
    let store = &adapter.store;
    let found = store.document("copy", source, Reference::Tag(tag)).await?;
    let Some(document) = found else {
        let message = format!("there is no `{}`", from.place);
        let reporter = store.reporter();
        return Err(reporter.error(AdapterErrorKind::NotFound, "copy", message));
    };
    match unpack(store, "copy", source, &document).await? {
        Held::Files { files, .. } if files == record.files => Ok(()),
        Held::Files { digest, .. } => {
            let message = format!("`{}` holds `{digest}` now", from.place);
            Err(store.reporter().corrupt("copy", message))
        }
        Held::Other(reason) => Err(unsupported(adapter, from, &reason)),
    }
}

fn unsupported<S: Store>(
    adapter: &OciAdapter<S>,
    from: &NativePlace,
    reason: &str,
) -> AdapterError {
    let message = format!("it cannot copy from `{}`: {reason}", from.place);
    let reporter = adapter.store.reporter();
    reporter.error(AdapterErrorKind::Unsupported, "copy", message)
}
