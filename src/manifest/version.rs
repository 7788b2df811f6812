//! `models/<project>/<name>/<version>.yaml`: one version; written by `promote register`.
//!
//! Beside it are `<version>.sha256`, the checksum lines whose own SHA-256 is the digest, and `<version>.yaml.sig`, the
//! producer's signature.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::manifest::Manifest;
use crate::model::digest::{TreeDigest, TreePath};
use crate::model::id::{ArtifactName, MetricName, ProjectName, WorkspaceName};
use crate::model::lineage::Lineage;

/// The manifest of one version.
pub type ArtifactVersion = Manifest<ArtifactName, VersionSpec>;

/// One version of an artifact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VersionSpec {
    /// The project that owns the artifact.
    pub project: ProjectName,
    /// The version.
    #[schemars(with = "String")]
    pub version: Version,
    /// What its bytes are.
    pub digest: TreeDigest,
    /// All its bytes, counted.
    pub size: u64,
    /// The workspace that it was made in and is read from.
    pub workspace: WorkspaceName,
    /// What it was made from. Left out means unknown: then it carries everything its workspace may hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lineage: Option<Lineage>,
    /// Measured quality, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<MetricName, f64>,
    /// The file of the version that is its model card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<TreePath>,
    /// Words of other tools about it, for finding it. Nothing is decided by them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}
