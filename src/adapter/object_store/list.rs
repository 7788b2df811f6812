//! Listing the versions of a bucket, folder by folder: the files of versions are never listed for it.

use std::collections::BTreeSet;

use futures_util::stream::{self, BoxStream, StreamExt as _};

use crate::adapter::object_store::session::Session;
use crate::adapter::object_store::{ObjectStoreAdapter, layout, pages, record};
use crate::adapter::{AdapterErrorKind, Record, Result, Selector};
use crate::model::artifact::{ArtifactId, VersionId};

/// The most folders that are looked into, and the most versions in all.
const MAX_NAMES: usize = 100_000;
/// How many records are read at once.
const RECORDS_AT_ONCE: usize = 8;

/// All versions, sorted by artifact and version. Records are read as the stream is taken. Folders that are not ours are
/// passed over.
pub(super) async fn list(
    adapter: &ObjectStoreAdapter,
    selector: Selector,
) -> Result<BoxStream<'_, Result<Record>>> {
    let session = adapter.session("list").await?;
    let mut versions = BTreeSet::new();
    if selector.artifacts.is_empty() {
        for folder in artifact_folders(&session).await? {
            let found = versions_in(&session, &folder).await?;
            if let Some(artifact) = artifact_of(&session, &folder, &found).await? {
                add(&session, &mut versions, &artifact, found)?;
            }
        }
    } else {
        for artifact in &selector.artifacts {
            let folder = session.layout().artifact(artifact);
            let folder = folder.map_err(|error| session.unnamed(error))?;
            let found = versions_in(&session, &folder).await?;
            add(&session, &mut versions, artifact, found)?;
        }
    }
    let load = move |version: VersionId| async move {
        let session = adapter.session("list").await?;
        record::load(&session, &version).await
    };
    let records = stream::iter(versions).map(load).buffered(RECORDS_AT_ONCE);
    // A version whose record is not there yet is being written, and does not show.
    Ok(records
        .filter_map(|found| async { found.transpose() })
        .boxed())
}

fn add(
    session: &Session<'_>,
    versions: &mut BTreeSet<VersionId>,
    artifact: &ArtifactId,
    found: Vec<semver::Version>,
) -> Result<()> {
    for version in found {
        versions.insert(VersionId {
            artifact: artifact.clone(),
            version,
        });
    }
    if versions.len() > MAX_NAMES {
        let message = format!("there are more than {MAX_NAMES} versions; name artifacts");
        return Err(session.error(AdapterErrorKind::Unsupported, message));
    }
    Ok(())
}

/// The folders that can be those of artifacts, by their depth.
async fn artifact_folders(session: &Session<'_>) -> Result<Vec<String>> {
    let mut level = vec![session.layout().prefix().to_owned()];
    for _ in 0..session.layout().depth() {
        let mut below = Vec::new();
        for folder in level {
            let free = MAX_NAMES.saturating_sub(below.len());
            below.extend(pages::folders(session, &folder, free).await?);
        }
        level = below;
    }
    Ok(level)
}

async fn versions_in(session: &Session<'_>, folder: &str) -> Result<Vec<semver::Version>> {
    let names = pages::folders(session, folder, MAX_NAMES).await?;
    let parse = |name: &String| {
        let name = name.strip_prefix(folder)?.strip_suffix('/')?;
        name.parse().ok()
    };
    Ok(names.iter().filter_map(parse).collect())
}

/// The artifact that a folder is of. Where the template does not tell, the records in it do, if they are where they
/// belong.
pub(super) async fn artifact_of(
    session: &Session<'_>,
    folder: &str,
    versions: &[semver::Version],
) -> Result<Option<ArtifactId>> {
    if let Some(artifact) = session.layout().artifact_of(folder) {
        return Ok(Some(artifact));
    }
    for version in versions {
        let key = format!("{folder}{version}/{}", layout::RECORD);
        let Some(found) = record::spoken_of(session, &key).await? else {
            continue;
        };
        let is_here = session
            .layout()
            .record(&found)
            .is_ok_and(|here| here == key);
        if is_here {
            return Ok(Some(found.artifact));
        }
    }
    Ok(None)
}
