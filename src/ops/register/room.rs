//! Whether there is room for a version: in a workspace of its project, and within the quota of that.

use crate::engine::world::World;
use crate::error::{Failure, FailureKind, Result};
use crate::model::artifact::VersionId;
use crate::model::digest::FileList;
use crate::model::id::WorkspaceName;

/// Checks that a version that is not registered yet may be.
///
/// # Errors
///
/// When the workspace is another project's, or the project's quota is used up.
pub(super) fn check_room(
    world: &World,
    version: &VersionId,
    workspace: &WorkspaceName,
    files: &FileList,
) -> Result<()> {
    let project = &version.artifact.project;
    let target = world.targets.get(workspace);
    if target.is_some_and(|target| !target.is_open_to(project)) {
        let message = format!("the workspace `{workspace}` is not for the project `{project}`");
        let failure = Failure::new(FailureKind::Invalid, message);
        return Err(failure.hint("name a workspace of the project"));
    }
    let manifests = &world.manifests;
    let quota = manifests
        .projects
        .get(project)
        .and_then(|project| project.value.spec.quota.as_ref());
    let Some(quota) = quota.filter(|_| !manifests.versions.contains_key(version)) else {
        return Ok(());
    };
    let of_project = || {
        manifests
            .versions
            .iter()
            .filter(|(id, _)| id.artifact.project == *project)
    };
    let versions = u64::try_from(of_project().count())
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    let sizes = of_project().map(|(_, version)| version.document.value.spec.size);
    let bytes = sizes.fold(files.total_size(), u64::saturating_add);
    for (what, limit, would_be) in [
        ("versions", quota.versions, versions),
        ("bytes", quota.bytes, bytes),
    ] {
        if let Some(limit) = limit.filter(|limit| would_be > *limit) {
            let message =
                format!("`{project}` would have {would_be} {what}, and its quota is {limit}");
            let failure = Failure::new(FailureKind::Denied, message);
            return Err(failure.hint(format!("ask for a larger quota in projects/{project}.yaml")));
        }
    }
    Ok(())
}
