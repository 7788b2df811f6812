//! Every file of every version as it is now, also of those that others registered and of those that are archived.

use std::collections::VecDeque;

use futures_util::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};

use crate::adapter::azure_ml::report::Call;
use crate::adapter::azure_ml::storage::Place;
use crate::adapter::azure_ml::wire::Asset;
use crate::adapter::azure_ml::{AzureMlAdapter, layout, list, upload};
use crate::adapter::sweep::Found;
use crate::adapter::{Result, Selector};
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
    let containers = list::containers(adapter, call, &Selector::default(), "All").await?;
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
    match folder(adapter, call, &path, &asset).await {
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
    let uri = asset.properties.uri();
    let uri = uri.ok_or_else(|| "it does not say where its bytes are".to_owned())?;
    let place = adapter.locate(call, path, uri).await;
    let place = place.map_err(|error| error.message)?;
    let blobs = place.container.below(call, &place.path, MAX_FILES).await;
    let blobs: VecDeque<String> = blobs.map_err(|error| error.message)?.into();
    if blobs.is_empty() {
        return Err(format!("there is nothing at `{}`", place.path));
    }
    Ok(Folder {
        path: path.to_owned(),
        version: list::ours(adapter, call, path, asset).map(|(version, _)| version),
        place,
        blobs,
    })
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
