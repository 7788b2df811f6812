//! Attestations: files beside a version's manifest, each with a name of its own.

use super::{Place, canonical, stem_of_version};
use crate::model::artifact::{ArtifactId, VersionId};
use crate::model::attestation::AttestationName;

/// How the name of an attestation's file ends, as Sigstore's tools have it.
pub(super) const ATTESTATION_SUFFIX: &str = ".sigstore.json";

/// What a file with that ending is.
pub(super) fn classify(artifact: ArtifactId, file: &str) -> Option<Place> {
    // A version may hold dots, and the name of an attestation may not.
    let (stem, name) = file.strip_suffix(ATTESTATION_SUFFIX)?.rsplit_once('.')?;
    let version = canonical(stem)?;
    Some(Place::Attestation(
        VersionId { artifact, version },
        name.parse().ok()?,
    ))
}

/// The path of an attestation beside a version's manifest.
#[must_use]
pub fn path_of_attestation(version: &VersionId, name: &AttestationName) -> String {
    format!("{}.{name}{ATTESTATION_SUFFIX}", stem_of_version(version))
}

/// The path of what is kept, beside a version's manifest, of the bundle that it came in: who sent it, and what allowed it
/// there. It decides nothing.
#[must_use]
pub fn path_of_bundle(version: &VersionId) -> String {
    format!("{}.bundle.tar", stem_of_version(version))
}
