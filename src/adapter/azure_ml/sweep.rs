//! Every file of every version as it is now, also of those that others registered and of those that are archived.

use std::collections::VecDeque;

use futures_util::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};

use crate::adapter::azure_ml::held::is_part;
use crate::adapter::azure_ml::report::Call;
use crate::adapter::azure_ml::storage::Place;
use crate::adapter::azure_ml::wire::Asset;
use crate::adapter::azure_ml::{AzureMlAdapter, layout, list, upload};
use crate::adapter::sweep::Found;
use crate::adapter::{AdapterErrorKind, Result};
use crate::model::artifact::VersionId;
use crate::model::digest::TreePath;

/// The most files of one version.
const MAX_FILES: usize = 1_000_000;

/// What is still to be hashed of one version.
struct Folder {
    path: String,
    version: Option<VersionId>,
    place: Place,
    blobs: VecDeque<String>,
}

pub(super) async fn sweep(adapter: &AzureMlAdapter) -> Result<BoxStream<'_, Result<Found>>> {
    let call = adapter.call("sweep");
    let containers = list::containers(adapter, call, &layout::WITH_BYTES, "All").await?;
    let versions = stream::iter(containers).then(move |container| async move {
        let versions = list::versions(adapter, call, &container, "All").await?;
        Ok(stream::iter(versions).map(Ok))
    });
    let files = versions
        .try_flatten()
        .and_then(move |(path, asset)| async move { Ok(files(adapter, call, path, asset).await) });
    Ok(files.try_flatten().boxed())
}

/// The files of one version; where they cannot be read, the version with the reason.
async fn files<'a>(
    adapter: &'a AzureMlAdapter,
    call: Call<'a>,
    path: String,
    asset: Asset,
) -> BoxStream<'a, Result<Found>> {
    let is_theirs = list::ours(adapter, call, &path, &asset).is_none();
    match folder(adapter, call, &path, &asset).await {
        // Every job keeps its code, mostly in containers of their own, which no datastore opens.
        Err(_) if is_theirs && layout::split(&path).0 == layout::CODES => stream::empty().boxed(),
        Ok(folder) => stream::unfold(folder, move |folder| next(call, folder)).boxed(),
        Err(reason) => {
            let found = Found {
                path,
                part_of: None,
                content: Err(reason),
            };
            stream::iter([Ok(found)]).boxed()
        }
    }
}

async fn folder(
    adapter: &AzureMlAdapter,
    call: Call<'_>,
    path: &str,
    asset: &Asset,
) -> std::result::Result<Folder, String> {
    let place = adapter.place_of(call, path, asset).await;
    let place = place.map_err(|error| error.message)?;
    let blobs = place.container.below(call, &place.path, MAX_FILES).await;
    let blobs: VecDeque<String> = blobs.map_err(|error| error.message)?.into();
    if blobs.is_empty() {
        return Err(format!("there is nothing at `{}`", place.path));
    }
    let version = list::ours(adapter, call, path, asset).map(|(version, _)| version);
    Ok(Folder {
        path: path.to_owned(),
        version: shown(adapter, call, asset, version).await?,
        place,
        blobs,
    })
}

/// The version that files are part of. What a write left that was cut is part of none, and neither is what a component or an
/// environment has that says something else than the files.
async fn shown(
    adapter: &AzureMlAdapter,
    call: Call<'_>,
    asset: &Asset,
    version: Option<VersionId>,
) -> std::result::Result<Option<VersionId>, String> {
    let Some(version) = version else {
        return Ok(None);
    };
    if !is_part(asset) {
        return Ok(Some(version));
    }
    match adapter.record(call, &version).await {
        Ok(record) => Ok(record.map(|record| record.version)),
        Err(error) if error.kind == AdapterErrorKind::Corrupt => Ok(None),
        Err(error) => Err(error.message),
    }
}

async fn next(call: Call<'_>, mut folder: Folder) -> Option<(Result<Found>, Folder)> {
    let blob = folder.blobs.pop_front()?;
    let hashed = upload::hash(call, &folder.place, &blob).await;
    let content = match hashed {
        Ok(Some((sha256, _))) => Ok(sha256),
        Ok(None) => Err("it went while it was looked at".to_owned()),
        Err(error) => Err(error.message),
    };
    let inner = blob.strip_prefix(&folder.place.path).unwrap_or(&blob);
    let inner = inner.trim_start_matches('/');
    let file: Option<TreePath> = inner.parse().ok();
    let file = file.filter(|_| !inner.starts_with(layout::RECORD_FOLDER));
    let found = Found {
        path: format!("{}/{inner}", folder.path),
        part_of: folder.version.clone().zip(file),
        content,
    };
    Some((Ok(found), folder))
}
