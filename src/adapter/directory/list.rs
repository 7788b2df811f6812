//! Listing the versions of a directory.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use futures_util::stream::{self, BoxStream, StreamExt as _};

use crate::adapter::directory::{DirectoryAdapter, layout, record};
use crate::adapter::sweep::Found;
use crate::adapter::{Permission, Probe, Record, Result, Selector};
use crate::fs::sweep;
use crate::fs::{durable, scratch::ScratchArea};
use crate::model::artifact::{ArtifactId, ArtifactKind, VersionId};

/// The most names in one folder, and the most versions in all.
const MAX_NAMES: usize = 100_000;

/// All versions, sorted by artifact and version. Records are read as the stream is taken. Names that are not ours,
/// such as files that a person put beside them, are passed over.
pub(super) async fn list(
    adapter: &DirectoryAdapter,
    selector: Selector,
) -> Result<BoxStream<'_, Result<Record>>> {
    let find = move |adapter: &DirectoryAdapter| {
        find(&adapter.root, selector.artifacts)
            .map_err(|error| adapter.failed("list", &adapter.root, error))
    };
    let versions = adapter.blocking("list", find).await?;
    let load = |version: VersionId| {
        adapter.blocking("list", move |adapter| {
            record::load(adapter, "list", &version)
        })
    };
    let records = stream::iter(versions).then(load);
    // A version that was removed since it was found is not there, which is no error.
    Ok(records
        .filter_map(|found| async { found.transpose() })
        .boxed())
}

/// Every file below the directory, but for work in progress.
pub(super) async fn sweep(adapter: &DirectoryAdapter) -> Result<BoxStream<'_, Result<Found>>> {
    let swept = adapter.blocking("sweep", |adapter| {
        let mut files = Vec::new();
        let visited = sweep::sweep(&adapter.root, &mut |swept| {
            files.push(Found {
                part_of: layout::part_of(&swept.path),
                path: swept.path,
                content: swept.content.map_err(|error| error.to_string()),
            });
        });
        visited.map_err(|error| adapter.failed("sweep", &adapter.root, error))?;
        Ok(files)
    });
    Ok(stream::iter(swept.await?).map(Ok).boxed())
}

/// Whether the directory can be read, and written to when it is there: nothing is made where nothing is.
pub(super) fn probe(adapter: &DirectoryAdapter) -> Result<Probe> {
    let is_there = adapter.root.is_dir();
    let read = names(&adapter.root);
    read.map_err(|error| adapter.failed("probe", &adapter.root, error))?;
    let mut probe = Probe::default();
    probe
        .permissions
        .insert("read".to_owned(), Permission::Granted);
    let work = adapter.root.join(layout::WORK).join("tmp");
    let write = if is_there {
        let made = ScratchArea::open(&work).and_then(|area| area.create("probe."));
        made.map_or(Permission::Refused, |_| Permission::Granted)
    } else {
        Permission::Unknown
    };
    probe.permissions.insert("write".to_owned(), write);
    probe.limits.push(
        "whoever owns the directory can change files: every version is read back after it is written, and `promote scan` finds what changed later".to_owned(),
    );
    Ok(probe)
}

fn find(root: &Path, artifacts: BTreeSet<ArtifactId>) -> io::Result<BTreeSet<VersionId>> {
    let artifacts = if artifacts.is_empty() {
        find_artifacts(root)?
    } else {
        artifacts
    };
    let mut versions = BTreeSet::new();
    for artifact in artifacts {
        for name in names(&root.join(layout::artifact(&artifact)))? {
            let Ok(version) = name.parse() else {
                continue;
            };
            versions.insert(VersionId {
                artifact: artifact.clone(),
                version,
            });
            if versions.len() > MAX_NAMES {
                let message = format!("there are more than {MAX_NAMES} versions; name artifacts");
                return Err(io::Error::other(message));
            }
        }
    }
    Ok(versions)
}

fn find_artifacts(root: &Path) -> io::Result<BTreeSet<ArtifactId>> {
    let mut artifacts = BTreeSet::new();
    for project in parsed(root)? {
        let project: crate::model::id::ProjectName = project;
        for kind in ArtifactKind::ALL {
            let folder = root.join(project.as_str()).join(kind.as_str());
            for name in parsed(&folder)? {
                artifacts.insert(ArtifactId {
                    project: project.clone(),
                    kind,
                    name,
                });
                if artifacts.len() > MAX_NAMES {
                    let message = format!("there are more than {MAX_NAMES} artifacts");
                    return Err(io::Error::other(message));
                }
            }
        }
    }
    Ok(artifacts)
}

fn parsed<T: std::str::FromStr>(folder: &Path) -> io::Result<Vec<T>> {
    let names = names(folder)?;
    Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
}

/// The names in a folder; none when it is not there or not a folder.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    match durable::read_dir_names(folder, MAX_NAMES) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(Vec::new())
        }
        other => other,
    }
}
