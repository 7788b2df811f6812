//! Where things are in the directory.

use crate::model::artifact::{ArtifactId, VersionId};
use crate::model::digest::TreePath;

/// The folder for the lock and for work in progress. No project can have this name.
pub(super) const WORK: &str = ".promote";
/// The folder of a version that holds its files.
pub(super) const CONTENT: &str = "content";
/// The file of a version that says what it is.
pub(super) const RECORD: &str = "record.json";
/// The link that is an artifact's pointer. No version can have this name.
pub(super) const CURRENT: &str = "current";

/// The folder of an artifact.
pub(super) fn artifact(id: &ArtifactId) -> String {
    format!("{}/{}/{}", id.project, id.kind, id.name)
}

/// The folder of a version.
pub(super) fn version(id: &VersionId) -> String {
    format!("{}/{}", artifact(&id.artifact), id.version)
}

/// The version and the file of it that a path below the directory is.
pub(super) fn part_of(path: &str) -> Option<(VersionId, TreePath)> {
    let mut parts = path.splitn(6, '/');
    let (project, kind, name) = (parts.next()?, parts.next()?, parts.next()?);
    let version = parts.next()?;
    if parts.next()? != CONTENT {
        return None;
    }
    let version = VersionId {
        artifact: format!("{project}/{kind}/{name}").parse().ok()?,
        version: version.parse().ok()?,
    };
    Some((version, parts.next()?.parse().ok()?))
}
