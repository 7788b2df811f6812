//! Paths of the promotion repository: what a file is by where it stands, and the other way round.

mod attestation;
mod unexpected;

use attestation::ATTESTATION_SUFFIX;
pub use attestation::{path_of_attestation, path_of_bundle};
pub use unexpected::explain_unexpected;

use std::fmt;

use semver::Version;

use crate::model::artifact::{ArtifactId, ArtifactKind, VersionId};
use crate::model::attestation::AttestationName;
use crate::model::id::{
    DatasetName, EnvironmentName, FreezeName, PrincipalName, ProjectName, WorkspaceName,
};

/// The path of the topology.
pub const TOPOLOGY_PATH: &str = "promote.yaml";
/// The path of the trust root.
pub const TRUST_ROOT_PATH: &str = "trust/root.yaml";
/// The path of the trust index.
pub const TRUST_INDEX_PATH: &str = "trust/index.yaml";
/// The path of the keys that may sign commits and tags, as `ssh-keygen` reads them.
pub const ALLOWED_SIGNERS_PATH: &str = "trust/allowed_signers";

/// Where governed files and the trust files are: a file and folders.
pub const GOVERNED_PATHS: [&str; 7] = [
    TOPOLOGY_PATH,
    "projects",
    "workspaces",
    "datasets",
    "policies",
    "freezes",
    "trust",
];

/// What a file of the promotion repository is, by its path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// `promote.yaml`.
    Topology,
    /// `projects/<name>.yaml`.
    Project(ProjectName),
    /// `workspaces/<name>.yaml`.
    Workspace(WorkspaceName),
    /// `datasets/<name>.yaml`.
    Dataset(DatasetName),
    /// `models/<project>/<name>/model.yaml` and the same for the other kinds.
    Artifact(ArtifactId),
    /// `models/<project>/<name>/<version>.yaml`.
    Version(VersionId),
    /// `models/<project>/<name>/<version>.sha256`: the checksum lines of a version.
    Checksums(VersionId),
    /// `models/<project>/<name>/<version>.yaml.sig`: the producer's signature.
    VersionSignature(VersionId),
    /// `models/<project>/<name>/<version>.<attestation>.sigstore.json`: a signed statement about a version.
    Attestation(VersionId, AttestationName),
    /// `releases/<environment>/<project>/<kind>/<name>.yaml`.
    Release(ReleaseId),
    /// The requester's signature, `.sig` added to the release's path.
    ReleaseSignature(ReleaseId),
    /// `policies/<environment>.yaml`.
    Policy(EnvironmentName),
    /// `freezes/<name>.yaml`.
    Freeze(FreezeName),
    /// `trust/root.yaml`.
    TrustRoot,
    /// `trust/root.yaml.<principal>.sig`.
    TrustRootSignature(PrincipalName),
    /// `trust/index.yaml`.
    TrustIndex,
    /// `trust/index.yaml.<principal>.sig`.
    TrustIndexSignature(PrincipalName),
    /// `trust/allowed_signers`.
    AllowedSigners,
}

/// Names a release: one for each artifact and environment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReleaseId {
    /// The environment.
    pub environment: EnvironmentName,
    /// The artifact.
    pub artifact: ArtifactId,
}

impl fmt::Display for ReleaseId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&format!("{} in {}", self.artifact, self.environment))
    }
}

impl Place {
    /// Whether the file decides what may flow, so that it counts only when `trust/index.yaml` pins it.
    #[must_use]
    pub const fn is_governed(&self) -> bool {
        match self {
            Self::Topology
            | Self::Project(_)
            | Self::Workspace(_)
            | Self::Dataset(_)
            | Self::Policy(_)
            | Self::Freeze(_)
            | Self::AllowedSigners => true,
            Self::Artifact(_)
            | Self::Version(_)
            | Self::Checksums(_)
            | Self::VersionSignature(_)
            | Self::Attestation(..)
            | Self::Release(_)
            | Self::ReleaseSignature(_)
            | Self::TrustRoot
            | Self::TrustRootSignature(_)
            | Self::TrustIndex
            | Self::TrustIndexSignature(_) => false,
        }
    }

    /// Whether the file says nothing that can be read by itself: what is signed, and the keys that check it.
    #[must_use]
    pub const fn is_opaque(&self) -> bool {
        match self {
            Self::VersionSignature(_)
            | Self::Attestation(..)
            | Self::ReleaseSignature(_)
            | Self::TrustRootSignature(_)
            | Self::TrustIndexSignature(_)
            | Self::AllowedSigners => true,
            Self::Topology
            | Self::Project(_)
            | Self::Workspace(_)
            | Self::Dataset(_)
            | Self::Artifact(_)
            | Self::Version(_)
            | Self::Checksums(_)
            | Self::Release(_)
            | Self::Policy(_)
            | Self::Freeze(_)
            | Self::TrustRoot
            | Self::TrustIndex => false,
        }
    }
}

/// Whether the file at a path decides what may flow.
#[must_use]
pub fn is_governed(path: &str) -> bool {
    classify(path).is_some_and(|place| place.is_governed())
}

/// What the file at a path is; `None` for files that are not ours.
#[must_use]
pub fn classify(path: &str) -> Option<Place> {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        [TOPOLOGY_PATH] => Some(Place::Topology),
        ["projects", file] => named(file).map(Place::Project),
        ["workspaces", file] => named(file).map(Place::Workspace),
        ["datasets", file] => named(file).map(Place::Dataset),
        ["policies", file] => named(file).map(Place::Policy),
        ["freezes", file] => named(file).map(Place::Freeze),
        ["trust", file] => classify_trust(file),
        ["releases", environment, project, kind, file] => {
            classify_release(environment, project, kind, file)
        }
        [folder, project, name, file] => {
            let kind = ArtifactKind::ALL
                .into_iter()
                .find(|kind| kind.folder() == *folder)?;
            let (project, name) = (project.parse().ok()?, name.parse().ok()?);
            classify_artifact(
                ArtifactId {
                    project,
                    kind,
                    name,
                },
                file,
            )
        }
        _ => None,
    }
}

/// The name in `<name>.yaml`.
fn named<N: std::str::FromStr>(file: &str) -> Option<N> {
    file.strip_suffix(".yaml")?.parse().ok()
}

fn classify_trust(file: &str) -> Option<Place> {
    let signer = |index: &str| file.strip_prefix(index)?.strip_suffix(".sig")?.parse().ok();
    match file {
        "root.yaml" => Some(Place::TrustRoot),
        "index.yaml" => Some(Place::TrustIndex),
        "allowed_signers" => Some(Place::AllowedSigners),
        _ => signer("root.yaml.")
            .map(Place::TrustRootSignature)
            .or_else(|| signer("index.yaml.").map(Place::TrustIndexSignature)),
    }
}

fn classify_release(environment: &str, project: &str, kind: &str, file: &str) -> Option<Place> {
    let (file, signature) = match file.strip_suffix(".sig") {
        Some(file) => (file, true),
        None => (file, false),
    };
    let artifact = ArtifactId {
        project: project.parse().ok()?,
        kind: kind.parse().ok()?,
        name: named(file)?,
    };
    let environment = environment.parse().ok()?;
    let release = ReleaseId {
        environment,
        artifact,
    };
    Some(if signature {
        Place::ReleaseSignature(release)
    } else {
        Place::Release(release)
    })
}

fn classify_artifact(artifact: ArtifactId, file: &str) -> Option<Place> {
    if file.strip_suffix(".yaml") == Some(artifact.kind.as_str()) {
        return Some(Place::Artifact(artifact));
    }
    if file.ends_with(ATTESTATION_SUFFIX) {
        return attestation::classify(artifact, file);
    }
    type MakePlace = fn(VersionId) -> Place;
    let suffixes: [(&str, MakePlace); 3] = [
        (".yaml.sig", Place::VersionSignature),
        (".yaml", Place::Version),
        (".sha256", Place::Checksums),
    ];
    let found = suffixes
        .iter()
        .find_map(|(suffix, place)| Some((file.strip_suffix(suffix)?, place)));
    let (stem, place) = found?;
    let version = canonical(stem)?;
    Some(place(VersionId { artifact, version }))
}

/// Only the canonical spelling, so that a version has one path.
fn canonical(stem: &str) -> Option<Version> {
    let version = Version::parse(stem).ok()?;
    (version.to_string() == stem).then_some(version)
}

/// The path of an artifact's manifest.
#[must_use]
pub fn path_of_artifact(artifact: &ArtifactId) -> String {
    format!(
        "{}/{}/{}/{}.yaml",
        artifact.kind.folder(),
        artifact.project,
        artifact.name,
        artifact.kind
    )
}

/// The path of a version's manifest.
#[must_use]
pub fn path_of_version(version: &VersionId) -> String {
    format!("{}.yaml", stem_of_version(version))
}

/// The path of a version's checksum lines.
#[must_use]
pub fn path_of_checksums(version: &VersionId) -> String {
    format!("{}.sha256", stem_of_version(version))
}

fn stem_of_version(version: &VersionId) -> String {
    let artifact = &version.artifact;
    format!(
        "{}/{}/{}/{}",
        artifact.kind.folder(),
        artifact.project,
        artifact.name,
        version.version
    )
}

/// The path of a release.
#[must_use]
pub fn path_of_release(environment: &EnvironmentName, artifact: &ArtifactId) -> String {
    format!(
        "releases/{environment}/{}/{}/{}.yaml",
        artifact.project, artifact.kind, artifact.name
    )
}

/// The path of the one signature beside a version's manifest or a release.
#[must_use]
pub fn path_of_signature(path: &str) -> String {
    format!("{path}.sig")
}

/// The path of a principal's signature beside `trust/root.yaml` or `trust/index.yaml`.
#[must_use]
pub fn path_of_principal_signature(path: &str, principal: &PrincipalName) -> String {
    format!("{path}.{principal}.sig")
}

/// The path of a place: the inverse of [`classify`].
#[must_use]
pub fn path_of(place: &Place) -> String {
    match place {
        Place::Topology => TOPOLOGY_PATH.to_owned(),
        Place::Project(name) => format!("projects/{name}.yaml"),
        Place::Workspace(name) => format!("workspaces/{name}.yaml"),
        Place::Dataset(name) => format!("datasets/{name}.yaml"),
        Place::Artifact(artifact) => path_of_artifact(artifact),
        Place::Version(version) => path_of_version(version),
        Place::Checksums(version) => path_of_checksums(version),
        Place::VersionSignature(version) => path_of_signature(&path_of_version(version)),
        Place::Attestation(version, name) => path_of_attestation(version, name),
        Place::Release(release) => path_of_release(&release.environment, &release.artifact),
        Place::ReleaseSignature(release) => {
            path_of_signature(&path_of_release(&release.environment, &release.artifact))
        }
        Place::Policy(name) => format!("policies/{name}.yaml"),
        Place::Freeze(name) => format!("freezes/{name}.yaml"),
        Place::TrustRoot => TRUST_ROOT_PATH.to_owned(),
        Place::TrustRootSignature(principal) => {
            path_of_principal_signature(TRUST_ROOT_PATH, principal)
        }
        Place::TrustIndex => TRUST_INDEX_PATH.to_owned(),
        Place::TrustIndexSignature(principal) => {
            path_of_principal_signature(TRUST_INDEX_PATH, principal)
        }
        Place::AllowedSigners => ALLOWED_SIGNERS_PATH.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_places_are_inverse() {
        for path in [
            "promote.yaml",
            "workspaces/prod-westeurope.yaml",
            "datasets/sales.yaml",
            "models/retail/churn/model.yaml",
            "runtimes/retail/python/runtime.yaml",
            "models/retail/churn/1.2.0-rc.1+b.2.yaml",
            "models/retail/churn/1.2.0.yaml.sig",
            "models/retail/churn/1.2.0.sha256",
            "models/retail/churn/1.2.0.model-signing.sigstore.json",
            "models/retail/churn/1.2.0-rc.1+b.2.slsa.sigstore.json",
            "releases/prod/retail/model/churn.yaml",
            "releases/prod/retail/model/churn.yaml.sig",
            "policies/prod.yaml",
            "freezes/year-end.yaml",
            "trust/root.yaml",
            "trust/root.yaml.ada.sig",
            "trust/index.yaml",
            "trust/index.yaml.ada.l.sig",
            "trust/allowed_signers",
        ] {
            assert_eq!(
                classify(path).map(|place| path_of(&place)).as_deref(),
                Some(path)
            );
        }
    }

    #[test]
    fn what_decides_the_flow_is_governed() {
        assert!(
            [
                "promote.yaml",
                "workspaces/a.yaml",
                "datasets/a.yaml",
                "policies/a.yaml",
                "freezes/a.yaml",
                "trust/allowed_signers"
            ]
            .into_iter()
            .all(is_governed)
        );
        assert!(
            ![
                "trust/root.yaml",
                "trust/index.yaml",
                "models/a/b/1.0.0.yaml",
                "releases/a/b/model/c.yaml",
                "x"
            ]
            .into_iter()
            .any(is_governed)
        );
    }
}
