//! Listing versions.

use std::collections::BTreeMap;

use futures_util::stream::{self, BoxStream, StreamExt as _};

use crate::adapter::azure_ml::held::{Standing, is_part, standing};
use crate::adapter::azure_ml::report::Call;
use crate::adapter::azure_ml::wire::Asset;
use crate::adapter::azure_ml::{AzureMlAdapter, layout};
use crate::adapter::{Record, Result, Selector};
use crate::model::artifact::VersionId;
use crate::model::digest::TreeDigest;
use crate::model::platform::AzureMlPlace;

/// The most versions in all.
const MAX_VERSIONS: usize = 100_000;

/// A version of ours in a listing: where it is, what it is, and its digest.
type Listed = (String, Asset, TreeDigest);

/// All versions of our making that are not archived, sorted by artifact and version. Records are read as the stream is
/// taken.
pub(super) async fn list(
    adapter: &AzureMlAdapter,
    selector: Selector,
) -> Result<BoxStream<'_, Result<Record>>> {
    let call = adapter.call("list");
    let mut found: BTreeMap<VersionId, Listed> = BTreeMap::new();
    for container in selected(adapter, call, &selector).await? {
        let versions = versions(adapter, call, &container, "ActiveOnly").await?;
        for (path, asset) in versions {
            let Some((version, digest)) = ours(adapter, call, &path, &asset) else {
                continue;
            };
            let is_wanted =
                selector.artifacts.is_empty() || selector.artifacts.contains(&version.artifact);
            if is_wanted && !is_part(&asset) && asset.properties.is_archived != Some(true) {
                found.insert(version, (path, asset, digest));
            }
            if found.len() > MAX_VERSIONS {
                let message =
                    format!("there are more than {MAX_VERSIONS} versions; name artifacts");
                return Err(call.unexpected(message));
            }
        }
    }
    let records = stream::iter(found).then(move |(version, (path, asset, digest))| async move {
        let record = adapter.record_of(call, &version, &path, &asset, digest);
        record.await
    });
    Ok(records.boxed())
}

/// The paths of the containers that may hold what is selected.
async fn selected(
    adapter: &AzureMlAdapter,
    call: Call<'_>,
    selector: &Selector,
) -> Result<Vec<String>> {
    if selector.artifacts.is_empty() {
        return containers(adapter, call, &layout::COLLECTIONS, "ActiveOnly").await;
    }
    let mut paths = Vec::new();
    for artifact in &selector.artifacts {
        for collection in layout::collections(artifact.kind) {
            let path = layout::container(call, &adapter.names, collection, artifact)?;
            paths.push(path);
        }
    }
    Ok(paths)
}

/// The paths of all containers in collections.
pub(super) async fn containers(
    adapter: &AzureMlAdapter,
    call: Call<'_>,
    collections: &[&str],
    view: &str,
) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    for collection in collections {
        let query = query(adapter, collection, view);
        let containers = adapter.arm.pages(call, collection, &query).await?;
        let names = containers
            .into_iter()
            .filter_map(|container| container.name);
        let names = names.filter(|name| !name.is_empty());
        paths.extend(names.map(|name| format!("{collection}/{}", layout::escaped(&name))));
    }
    Ok(paths)
}

/// Which of the archived and the others are listed. Code and, in registries, components are listed without being asked.
fn query<'q>(
    adapter: &AzureMlAdapter,
    collection: &str,
    view: &'q str,
) -> Vec<(&'static str, &'q str)> {
    let is_registry = adapter.spec.place == AzureMlPlace::Registry;
    match collection {
        layout::CODES => Vec::new(),
        layout::COMPONENTS if is_registry => Vec::new(),
        _ => vec![("listViewType", view)],
    }
}

/// The versions in a container, each with its path.
pub(super) async fn versions(
    adapter: &AzureMlAdapter,
    call: Call<'_>,
    container: &str,
    view: &str,
) -> Result<Vec<(String, Asset)>> {
    let path = format!("{container}/versions");
    let (collection, _) = layout::split(container);
    let query = query(adapter, collection, view);
    let assets = adapter.arm.pages(call, &path, &query).await?;
    let named = assets.into_iter().filter_map(|asset| {
        let name = asset.name.as_deref().filter(|name| !name.is_empty())?;
        Some((format!("{path}/{}", layout::escaped(name)), asset))
    });
    Ok(named.collect())
}

/// The version of ours that an asset is, or has the bytes of: what its properties say, when that is what is called so.
pub(super) fn ours(
    adapter: &AzureMlAdapter,
    call: Call<'_>,
    path: &str,
    asset: &Asset,
) -> Option<(VersionId, TreeDigest)> {
    let version = asset.properties.property(layout::VERSION)?;
    let version: VersionId = version.parse().ok()?;
    let (collection, _) = layout::split(path);
    let may_be_there = layout::collections(version.artifact.kind)
        .iter()
        .any(|shown| *shown == collection || layout::home(shown) == collection);
    let own = layout::version(call, &adapter.names, collection, &version);
    let is_called_so = may_be_there && own.is_ok_and(|own| own == path);
    match standing(asset, &version) {
        Standing::Ours(digest) if is_called_so => Some((version, digest)),
        Standing::Ours(_) | Standing::Foreign | Standing::UnderWay | Standing::Failed => None,
    }
}
