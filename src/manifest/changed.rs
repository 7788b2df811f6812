//! What a change of some files can have made wrong.

use std::collections::BTreeSet;

use crate::manifest::layout::Place;
use crate::manifest::repository::RegisteredVersion;
use crate::model::artifact::{ArtifactId, VersionId};
use crate::model::shared_map::SharedMap;

/// Whether the file at a place can change without everything being checked again. What governs can not: every other file is
/// judged by it.
#[must_use]
pub const fn can_change(place: &Place) -> bool {
    match place {
        Place::Artifact(_)
        | Place::Version(_)
        | Place::Checksums(_)
        | Place::VersionSignature(_)
        | Place::Attestation(..)
        | Place::Release(_)
        | Place::ReleaseSignature(_) => true,
        Place::Topology
        | Place::Project(_)
        | Place::Workspace(_)
        | Place::Dataset(_)
        | Place::Policy(_)
        | Place::Freeze(_)
        | Place::TrustRoot
        | Place::TrustRootSignature(_)
        | Place::TrustIndex
        | Place::TrustIndexSignature(_)
        | Place::AllowedSigners => false,
    }
}

/// The versions that can be wrong after files at some places have changed: those of the files, those of the artifacts, and
/// everything that comes of them. Other versions say nothing about these files.
pub(super) fn affected(
    versions: &SharedMap<VersionId, RegisteredVersion>,
    changed: &BTreeSet<Place>,
) -> BTreeSet<VersionId> {
    let mut affected = BTreeSet::new();
    let mut artifacts: BTreeSet<&ArtifactId> = BTreeSet::new();
    for place in changed {
        match place {
            Place::Version(id) | Place::Checksums(id) => {
                affected.insert(id.clone());
            }
            Place::Artifact(id) => {
                artifacts.insert(id);
            }
            // No check of a version looks at these.
            Place::VersionSignature(_)
            | Place::Attestation(..)
            | Place::Release(_)
            | Place::ReleaseSignature(_) => {}
            // These cannot change; see `can_change`.
            Place::Topology
            | Place::Project(_)
            | Place::Workspace(_)
            | Place::Dataset(_)
            | Place::Policy(_)
            | Place::Freeze(_)
            | Place::TrustRoot
            | Place::TrustRootSignature(_)
            | Place::TrustIndex
            | Place::TrustIndexSignature(_)
            | Place::AllowedSigners => {}
        }
    }
    if !artifacts.is_empty() {
        let of_artifacts = versions
            .keys()
            .filter(|id| artifacts.contains(&id.artifact));
        affected.extend(of_artifacts.cloned());
    }
    // What is derived mostly sorts after what it is derived from, so that few rounds find all.
    let mut before = 0;
    while affected.len() > before {
        before = affected.len();
        for (id, version) in versions.iter() {
            let lineage = version.document.value.spec.lineage.iter();
            let mut bases = lineage.flat_map(|lineage| &lineage.bases);
            if bases.any(|base| affected.contains(&base.version)) {
                affected.insert(id.clone());
            }
        }
    }
    affected
}
