//! Listing versions: the tags of repositories that are versions, and whose manifests hold files.

use futures_util::stream::{self, BoxStream, StreamExt as _};
use semver::Version;

use crate::adapter::oci::OciAdapter;
use crate::adapter::oci::names;
use crate::adapter::oci::read;
use crate::adapter::oci::store::{Reference, Store};
use crate::adapter::oci::unpack::{Held, unpack};
use crate::adapter::{AdapterErrorKind, Record, Result, Selector};
use crate::model::artifact::{ArtifactId, VersionId};

/// How many manifests are asked for at once.
const MANIFESTS_AT_ONCE: usize = 4;
/// The most versions of one listing.
const MAX_VERSIONS: usize = 100_000;
/// In how many manifests of a repository its artifact is looked for, when its name does not say it.
const LOOKED_AT: usize = 8;

/// All versions, sorted by artifact and version. What other tools put beside them is passed over; `sweep` shows it.
pub(super) async fn list<S: Store>(
    adapter: &OciAdapter<S>,
    selector: Selector,
) -> Result<BoxStream<'_, Result<Record>>> {
    let store = &adapter.store;
    let mut artifacts: Vec<(ArtifactId, String)> = Vec::new();
    if selector.artifacts.is_empty() {
        for repository in store.repositories("list").await? {
            let artifact = artifact_of(adapter, "list", &repository).await?;
            artifacts.extend(artifact.map(|artifact| (artifact, repository)));
        }
    } else {
        for artifact in selector.artifacts {
            let repository = store.repository("list", &artifact)?;
            artifacts.push((artifact, repository));
        }
    }
    artifacts.sort();
    let mut versions = Vec::new();
    for (artifact, repository) in artifacts {
        for version in versions_of(store, "list", &repository).await? {
            let artifact = artifact.clone();
            versions.push(VersionId { artifact, version });
        }
        if versions.len() > MAX_VERSIONS {
            let message = format!("there are more than {MAX_VERSIONS} versions; name artifacts");
            let reporter = store.reporter();
            return Err(reporter.error(AdapterErrorKind::Unsupported, "list", message));
        }
    }
    let records = stream::iter(versions).map(move |version| async move {
        match read::load(adapter, "list", &version).await {
            Ok(found) => found.map(|(_, record)| Ok(record)),
            // A tag of another tool is no version.
            Err(error) if error.kind == AdapterErrorKind::Unsupported => None,
            Err(error) => Some(Err(error)),
        }
    });
    let records = records.buffered(MANIFESTS_AT_ONCE);
    Ok(records.filter_map(std::future::ready).boxed())
}

/// The versions that tags of a repository name, in their order.
pub(super) async fn versions_of<S: Store>(
    store: &S,
    operation: &'static str,
    repository: &str,
) -> Result<Vec<Version>> {
    let tags = store.tags(operation, repository).await?;
    let tags = tags.iter().filter(|tag| *tag != store.pointer());
    let mut versions: Vec<Version> = tags.filter_map(|tag| names::version_of(tag)).collect();
    versions.sort();
    Ok(versions)
}

/// The artifact that a repository is of: its name says so, or else the versions in it.
pub(super) async fn artifact_of<S: Store>(
    adapter: &OciAdapter<S>,
    operation: &'static str,
    repository: &str,
) -> Result<Option<ArtifactId>> {
    let store = &adapter.store;
    if let Some(artifact) = store.artifact_of(repository) {
        return Ok(Some(artifact));
    }
    for version in versions_of(store, operation, repository)
        .await?
        .iter()
        .take(LOOKED_AT)
    {
        let tag = names::tag_of(version).unwrap_or_default();
        let found = store
            .document(operation, repository, Reference::Tag(&tag))
            .await?;
        let Some(document) = found else {
            continue;
        };
        let held = unpack(store, operation, repository, &document).await;
        if let Ok(Held::Files {
            named: Some(named), ..
        }) = held
        {
            // Only where that artifact would be written: others copied it here.
            let is_here = store
                .repository(operation, &named.artifact)
                .is_ok_and(|place| place == repository);
            return Ok(is_here.then_some(named.artifact));
        }
    }
    Ok(None)
}
