//! The files of a new version.

use std::collections::BTreeMap;

use crate::context::Context;
use crate::engine::world::World;
use crate::error::{FailureKind, OrFail as _, Result};
use crate::manifest::artifact::ArtifactSpec;
use crate::manifest::kind::version_kind_name;
use crate::manifest::layout::{
    path_of_artifact, path_of_checksums, path_of_signature, path_of_version,
};
use crate::manifest::version::VersionSpec;
use crate::manifest::{API_VERSION, Manifest, Metadata};
use crate::model::approval::MANIFEST_NAMESPACE;
use crate::model::digest::FileList;
use crate::ops::person::Person;
use crate::ops::register::{NewArtifact, RegisterRequest};

/// The manifest of a new version with its producer's signature, its checksums, and the artifact's manifest when that is
/// new too.
pub(super) fn version_files(
    context: &Context,
    world: &World,
    request: &RegisterRequest,
    spec: &VersionSpec,
    files: &FileList,
    person: &Person,
) -> Result<BTreeMap<String, Option<Vec<u8>>>> {
    let artifact = &request.version.artifact;
    let manifest = Manifest {
        api_version: API_VERSION.to_owned(),
        kind: version_kind_name(artifact.kind).to_owned(),
        metadata: Metadata {
            name: artifact.name.clone(),
            description: request.description.clone(),
        },
        spec: spec.clone(),
    };
    let text = serde_yaml::to_string(&manifest)
        .or_fail(FailureKind::Internal)?
        .into_bytes();
    let path = path_of_version(&request.version);
    let signature = person.sign(context, MANIFEST_NAMESPACE, &text)?;
    let mut new = BTreeMap::from([
        (path_of_signature(&path), Some(signature.into_bytes())),
        (
            path_of_checksums(&request.version),
            Some(files.checksum_lines().into_bytes()),
        ),
        (path, Some(text)),
    ]);
    if let Some(new_artifact) = request
        .artifact
        .as_ref()
        .filter(|_| !world.manifests.artifacts.contains_key(artifact))
    {
        new.insert(
            path_of_artifact(artifact),
            Some(artifact_manifest(request, new_artifact)?),
        );
    }
    Ok(new)
}

fn artifact_manifest(request: &RegisterRequest, new: &NewArtifact) -> Result<Vec<u8>> {
    let artifact = &request.version.artifact;
    let manifest = Manifest {
        api_version: API_VERSION.to_owned(),
        kind: crate::manifest::kind::artifact_kind_name(artifact.kind).to_owned(),
        metadata: Metadata {
            name: artifact.name.clone(),
            description: None,
        },
        spec: ArtifactSpec {
            inputs: BTreeMap::new(),
            mode: None,
            project: artifact.project.clone(),
            owner: new.owner.clone(),
            purpose: new.purpose.clone(),
            risk_tier: new.risk_tier,
        },
    };
    Ok(serde_yaml::to_string(&manifest)
        .or_fail(FailureKind::Internal)?
        .into_bytes())
}
