//! `releases/<environment>/<project>/<kind>/<name>.yaml`: the version that an environment should hold.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::manifest::Manifest;
use crate::model::artifact::ArtifactId;
use crate::model::digest::TreeDigest;
use crate::model::id::{ArtifactName, EnvironmentName, WorkspaceName};

/// The manifest of a release.
pub type Release = Manifest<ArtifactName, ReleaseSpec>;

/// The version that an environment should hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReleaseSpec {
    /// The environment.
    pub environment: EnvironmentName,
    /// The artifact.
    pub artifact: ArtifactId,
    /// The version.
    #[schemars(with = "String")]
    pub version: Version,
    /// The digest of that version, so that the request names bytes and not only a name.
    pub digest: TreeDigest,
    /// The workspaces of the environment that shall hold it; all that may when left out.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub workspaces: BTreeSet<WorkspaceName>,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub reason: Option<String>,
}
