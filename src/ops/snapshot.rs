//! Snapshots by the name that a person typed.

use crate::engine::snapshots::of_repository;
use crate::engine::world::World;
use crate::error::{Failure, FailureKind, Result};
use crate::flow::snapshots::Traced;
use crate::model::digest::TreeDigest;
use crate::model::id::{DatasetName, SnapshotName};
use crate::model::snapshot::{ReadSnapshot, SnapshotId};
use crate::ops::plan::unknown;

/// The digest of a snapshot, and all that is behind it.
///
/// # Errors
///
/// When nobody declared it.
pub(crate) fn find_snapshot(world: &World, id: &SnapshotId) -> Result<(TreeDigest, Traced)> {
    let datasets = &world.manifests.datasets;
    let Some(dataset) = datasets.get(&id.dataset) else {
        let names: Vec<&str> = datasets.keys().map(DatasetName::as_str).collect();
        return Err(unknown("dataset", id.dataset.as_str(), &names));
    };
    let snapshots = &dataset.value.spec.snapshots;
    let Some(snapshot) = snapshots.get(&id.snapshot) else {
        let names: Vec<&str> = snapshots.keys().map(SnapshotName::as_str).collect();
        return Err(unknown("snapshot", id.snapshot.as_str(), &names));
    };
    let read = ReadSnapshot {
        snapshot: id.clone(),
        digest: snapshot.digest,
    };
    let traced = of_repository(&world.manifests).and_then(|all| all.trace(&read));
    let traced = traced.ok_or_else(|| {
        Failure::new(
            FailureKind::Denied,
            format!("the label of `{id}` is not known"),
        )
    })?;
    Ok((snapshot.digest, traced))
}
