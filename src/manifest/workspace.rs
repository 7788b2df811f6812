//! `workspaces/<name>.yaml`: a place that holds artifacts.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::manifest::Manifest;
use crate::model::id::{EnvironmentName, ProjectName, RegionName, WorkspaceName};
use crate::model::label::Clearance;

/// The manifest of a workspace.
pub type Workspace = Manifest<WorkspaceName, WorkspaceSpec>;

/// A place that holds artifacts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkspaceSpec {
    /// The environment it belongs to.
    pub environment: EnvironmentName,
    /// Which projects may use it; all when left out.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub projects: BTreeSet<ProjectName>,
    /// Where it is.
    pub region: RegionName,
    /// The tags of data that it may hold.
    pub clearance: Clearance,
    /// The workspaces it takes artifacts from. What is not named here cannot get in.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub accepts: BTreeSet<WorkspaceName>,
    /// How it is reached.
    pub adapter: AdapterSpec,
}

/// How a workspace is reached: one field, named like the kind of adapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum AdapterSpec {
    /// A directory.
    Directory(DirectorySpec),
}

/// A directory as a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DirectorySpec {
    /// The path; when relative, to the folder that holds the promotion repository's work tree or bare repository.
    #[schemars(length(min = 1, max = 4096))]
    pub path: String,
}
