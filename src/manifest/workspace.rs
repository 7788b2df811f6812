//! `workspaces/<name>.yaml`: a place that holds artifacts.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::manifest::Manifest;
use crate::model::id::{EnvironmentName, GroupName, ProjectName, RegionName, WorkspaceName};
use crate::model::label::Clearance;
use crate::model::platform::Platform;

/// The manifest of a workspace.
pub type Workspace = Manifest<WorkspaceName, WorkspaceSpec>;

/// A place that holds artifacts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkspaceSpec {
    /// The environment it belongs to.
    pub environment: EnvironmentName,
    /// Who it is for.
    #[serde(default)]
    pub scope: Scope,
    /// What it is for.
    #[serde(default)]
    pub purpose: Purpose,
    /// The group that it belongs to; required for the scope `team`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<GroupName>,
    /// Which projects may use it; all when left out.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub projects: BTreeSet<ProjectName>,
    /// Where it is: its compute, and whatever is not said to be elsewhere.
    pub region: RegionName,
    /// Where its bytes are stored, if elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_region: Option<RegionName>,
    /// Where its names, metrics and logs are kept, if elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata_region: Option<RegionName>,
    /// Where it answers requests, if elsewhere. What is served there is copied there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_region: Option<RegionName>,
    /// The tags of data that it may hold.
    pub clearance: Clearance,
    /// The workspaces it takes artifacts from. What is not named here cannot get in.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub accepts: BTreeSet<WorkspaceName>,
    /// The tags that the platform's resources carry, such as `cost-center`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub resource_tags: BTreeMap<String, String>,
    /// How it is reached.
    pub adapter: Platform,
}

impl WorkspaceSpec {
    /// Every region that bytes of it are in or that it answers from, with the field that names it.
    pub fn regions(&self) -> impl Iterator<Item = (&'static str, &RegionName)> {
        let others = [
            ("storageRegion", &self.storage_region),
            ("metadataRegion", &self.metadata_region),
            ("endpointRegion", &self.endpoint_region),
        ];
        let others = others
            .into_iter()
            .filter_map(|(field, region)| Some((field, region.as_ref()?)));
        std::iter::once(("region", &self.region)).chain(others)
    }
}

/// Who a workspace is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// One team, all of whose members share its data.
    Team,
    /// One project.
    Project,
    /// Everyone, or the projects that it names.
    #[default]
    Shared,
    /// Everyone, for work that belongs to no project yet.
    Exploration,
}

impl Scope {
    /// The scope, as files and people write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Team => "team",
            Self::Project => "project",
            Self::Shared => "shared",
            Self::Exploration => "exploration",
        }
    }
}

/// What a workspace is for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Making artifacts, and keeping them.
    #[default]
    Training,
    /// Serving models that were made elsewhere.
    Serving,
}
