//! The pointer of an artifact: a link named `current` beside the versions.

use std::io;
use std::os::fd::AsFd as _;

use semver::Version;

use crate::adapter::directory::{DirectoryAdapter, LOCK_PATIENCE, layout, record};
use crate::adapter::{AdapterErrorKind, Record, Result};
use crate::fs::beneath;
use crate::fs::durable::{self, LockFile};
use crate::fs::scratch::ScratchArea;
use crate::model::artifact::{ArtifactId, VersionId};
use crate::model::digest::TreeDigest;

/// The record that the pointer holds; `None` when there is no pointer.
pub(super) fn load(
    adapter: &DirectoryAdapter,
    operation: &'static str,
    artifact: &ArtifactId,
) -> Result<Option<Record>> {
    let Some(version) = target(adapter, operation, artifact)? else {
        return Ok(None);
    };
    let version = VersionId {
        artifact: artifact.clone(),
        version,
    };
    match record::load(adapter, operation, &version)? {
        Some(record) => Ok(Some(record)),
        None => Err(adapter.error(
            AdapterErrorKind::Corrupt,
            operation,
            format!("the pointer of `{artifact}` leads to `{version}`, which is not there"),
        )),
    }
}

/// The version that the link names.
fn target(
    adapter: &DirectoryAdapter,
    operation: &'static str,
    artifact: &ArtifactId,
) -> Result<Option<Version>> {
    let folder = layout::artifact(artifact);
    let path = adapter.root.join(&folder).join(layout::CURRENT);
    let read = beneath::open_directory(&adapter.root)
        .and_then(|root| beneath::open_directory_beneath(root.as_fd(), &folder))
        .and_then(|folder| {
            Ok(rustix::fs::readlinkat(
                &folder,
                layout::CURRENT,
                Vec::new(),
            )?)
        });
    let target = match read {
        Ok(target) => target,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(adapter.failed(operation, &path, error)),
    };
    let version = target.to_str().ok().and_then(|text| text.parse().ok());
    version.map(Some).ok_or_else(|| {
        let message = format!("`{}` is not a link to a version beside it", path.display());
        adapter.error(AdapterErrorKind::Corrupt, operation, message)
    })
}

/// Moves the pointer when it holds `expected`.
pub(super) fn point(
    adapter: &DirectoryAdapter,
    version: &VersionId,
    expected: Option<TreeDigest>,
) -> Result<()> {
    // Looked at before anything is made: pointing to nothing leaves no trace.
    if record::load(adapter, "point", version)?.is_none() {
        let message = format!("there is no `{version}` to point to");
        return Err(adapter.error(AdapterErrorKind::NotFound, "point", message));
    }
    let work = adapter.root.join(layout::WORK);
    let failed = |error| adapter.failed("point", &work, error);
    let scratch = ScratchArea::open(&work.join("tmp")).map_err(failed)?;
    let lock = LockFile::acquire(&work.join("lock"), LOCK_PATIENCE).map_err(failed)?;
    let held = load(adapter, "point", &version.artifact)?;
    let folder = adapter.root.join(layout::artifact(&version.artifact));
    if held.as_ref().is_some_and(|held| held.version == *version) {
        // Whoever moved it may have died before it was durable.
        return durable::sync_dir(&folder).map_err(|error| adapter.failed("point", &folder, error));
    }
    let found = held.map(|held| held.digest);
    if found != expected {
        let show = |digest: Option<TreeDigest>| {
            digest.map_or_else(|| "nothing".to_owned(), |digest| format!("`{digest}`"))
        };
        let message = format!(
            "the pointer of `{}` holds {}, not {}",
            version.artifact,
            show(found),
            show(expected)
        );
        return Err(adapter.error(AdapterErrorKind::Precondition, "point", message));
    }
    let scratch = scratch.create("pointer.").map_err(failed)?;
    let link = scratch.path().join(layout::CURRENT);
    let moved = rustix::fs::symlink(version.version.to_string(), &link)
        .map_err(io::Error::from)
        .and_then(|()| durable::rename(&link, &folder.join(layout::CURRENT)))
        .and_then(|()| durable::sync_dir(&folder));
    drop(lock);
    moved.map_err(|error| adapter.failed("point", &folder, error))
}
