//! Snapshots as the engine sees them: what is declared of them, and what their owners let through into a workspace.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::engine::acts;
use crate::engine::people::People;
use crate::engine::world::World;
use crate::flow::closure::Reason;
use crate::flow::declassification::{Claim, Lowered, lowered};
use crate::flow::snapshots::{Declared, Snapshots, lower};
use crate::manifest::dataset::{DatasetSpec, SnapshotSpec};
use crate::manifest::repository::Repository;
use crate::manifest::topology::TopologySpec;
use crate::manifest::version::VersionSpec;
use crate::model::id::DatasetName;
use crate::model::label::Label;
use crate::model::snapshot::{DataRef, ReadSnapshot, SnapshotId};
use crate::model::workspace::WorkspaceFacts;
use crate::plan::state::State;

/// What was said, by whom, and what time it is.
#[derive(Debug, Clone, Copy)]
pub struct Leave<'a> {
    /// What the ledger has heard.
    pub state: &'a State,
    /// The principals of the trust root.
    pub people: &'a People,
    /// The tags and their owners.
    pub topology: &'a TopologySpec,
    /// The ledger's time.
    pub now: Timestamp,
}

impl<'a> Leave<'a> {
    /// As of a world.
    #[must_use]
    pub fn of(world: &'a World) -> Self {
        Self {
            state: world.state(),
            people: &world.people,
            topology: &world.manifests.topology.value.spec,
            now: world.pending.now(),
        }
    }

    /// The label of data as it counts in a workspace: of a dataset all that it carries, of a snapshot what its owners did
    /// not let through. `None` when nobody declared it.
    #[must_use]
    pub fn label(
        &self,
        snapshots: &Snapshots,
        data: &DataRef,
        target: &WorkspaceFacts,
    ) -> Option<Label> {
        match data {
            DataRef::Dataset(_) => snapshots.is_declared(data).then(|| snapshots.label(data)),
            DataRef::Snapshot(id) => {
                let read = ReadSnapshot {
                    snapshot: id.clone(),
                    digest: snapshots.digest(id)?,
                };
                self.label_read(snapshots, &read, target)
            }
        }
    }

    /// The same of a snapshot that something was made from; `None` also when it has another digest.
    #[must_use]
    pub fn label_read(
        &self,
        snapshots: &Snapshots,
        read: &ReadSnapshot,
        target: &WorkspaceFacts,
    ) -> Option<Label> {
        let traced = snapshots.trace(read)?;
        let lowered = self.lowered(snapshots, read, target);
        Some(lower(&traced.label, &lowered))
    }

    /// The labels of the snapshots that a version was made from, or that its bytes are, as they count in its workspace, each
    /// with the reason; `top` for what nobody declared, and without a workspace. Only a snapshot as a whole is known by its
    /// digest, not a part of one.
    pub(crate) fn labels_of(
        &self,
        target: Option<&WorkspaceFacts>,
        (snapshots, top): (&Snapshots, &Label),
        spec: &VersionSpec,
    ) -> Vec<(Label, Reason)> {
        let label = |read: &ReadSnapshot| self.label_read(snapshots, read, target?);
        let same = snapshots.of_digest(spec.digest).map(|id| ReadSnapshot {
            snapshot: id.clone(),
            digest: spec.digest,
        });
        let lineage = spec.lineage.iter();
        let read = lineage.flat_map(|lineage| lineage.snapshots.iter().cloned());
        read.chain(same)
            .map(|read| match label(&read) {
                Some(label) => (label, Reason::Snapshot(read.snapshot)),
                None => (top.clone(), Reason::UnknownSnapshot(read.snapshot)),
            })
            .collect()
    }

    /// The tags of a snapshot that their owners let through into a workspace. Who made it does not count.
    #[must_use]
    pub fn lowered(
        &self,
        snapshots: &Snapshots,
        read: &ReadSnapshot,
        target: &WorkspaceFacts,
    ) -> Lowered {
        let Some(traced) = snapshots.trace(read) else {
            return Lowered::nothing();
        };
        let label = Some(&traced.label);
        lowered(&Claim {
            digest: read.digest,
            workspace: &target.name,
            basis: Some(traced.basis),
            now: self.now,
            producers: &traced.makers,
            has_unknown_producer: traced.has_unknown_maker,
            owners: &acts::owners(self.people, self.topology, label, target),
            heard: &acts::declassifications(self.state, self.people, read.digest, &target.name),
        })
    }
}

/// The snapshots of a repository; `None` when it declares no tag at all.
#[must_use]
pub fn of_repository(manifests: &Repository) -> Option<Snapshots> {
    let datasets = manifests.datasets.iter();
    let datasets = datasets.map(|(name, document)| (name, &document.value.spec));
    of_datasets(datasets, &manifests.topology.value.spec)
}

/// The snapshots of some datasets.
pub(crate) fn of_datasets<'a>(
    datasets: impl Iterator<Item = (&'a DatasetName, &'a DatasetSpec)>,
    topology: &TopologySpec,
) -> Option<Snapshots> {
    let top = Label::new(topology.tags.keys().cloned())?;
    let (mut labels, mut all) = (BTreeMap::new(), BTreeMap::new());
    for (name, spec) in datasets {
        labels.insert(name.clone(), spec.label.clone());
        for (snapshot, declared) in &spec.snapshots {
            let id = SnapshotId {
                dataset: name.clone(),
                snapshot: snapshot.clone(),
            };
            all.insert(id, declared_of(declared));
        }
    }
    Some(Snapshots::new(labels, all, top))
}

fn declared_of(spec: &SnapshotSpec) -> Declared {
    Declared {
        digest: spec.digest,
        label: spec.label.clone(),
        derived_from: spec.derived_from.clone(),
        transformation: spec.transformation.clone(),
        made_by: spec.made_by.clone(),
    }
}
