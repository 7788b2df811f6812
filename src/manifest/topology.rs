//! `promote.yaml`: the layout of the whole organisation.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::manifest::Manifest;
use crate::model::digest::Sha256;
use crate::model::id::{EnvironmentName, GroupName, JurisdictionName, RegionName, TopologyName};
use crate::model::label::Tag;

/// The manifest in `promote.yaml`.
pub type Topology = Manifest<TopologyName, TopologySpec>;

/// The layout of the whole organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TopologySpec {
    /// The pattern that `promote check` holds the repository against.
    pub pattern: PatternName,
    /// The environments, from the least to the most trusted.
    #[schemars(length(min = 1, max = 64))]
    pub environments: Vec<EnvironmentName>,
    /// The tags that data may carry, each with the group that owns it. `production` and `resident:…` are built in, and
    /// are declared here too, so that somebody owns them.
    #[schemars(length(min = 1, max = 256))]
    pub tags: BTreeMap<Tag, TagSpec>,
    /// Jurisdictions and their regions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub jurisdictions: BTreeMap<JurisdictionName, Vec<RegionName>>,
    /// The regions that anything may be in; any when left out.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub regions: BTreeSet<RegionName>,
    /// How workspaces and artifacts are named and tagged; without rules when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub naming: Option<NamingSpec>,
    /// Where the ledger is.
    #[serde(default)]
    pub ledger: LedgerSpec,
    /// SHA-256 of files that many artifacts carry, such as a licence: having one of them proves nothing about origin.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub common_files: Vec<Sha256>,
}

/// A way to organise workspaces, with rules of its own.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum PatternName {
    /// One workspace for a team.
    Team,
    /// A workspace for each project.
    Project,
    /// A workspace for everyone, and exploration.
    Shared,
    /// One place to do research, and services released through environments.
    SingleEnvironment,
    /// Ordered environments, production data outside dev only, approvals that get stricter.
    MultiEnvironment,
    /// Two environments: one with limited data access, one with production data.
    RestrictedData,
    /// A workspace in each region where data is.
    RegionalTraining,
    /// Trained in one region, served in several.
    RegionalServing,
    /// A base model of one region, made fit for another on its data.
    RegionalFineTuning,
    /// Projects in dev, QA and prod, exploration for everyone, one region.
    Contoso,
}

impl PatternName {
    /// The name, as files and people write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Team => "team",
            Self::Project => "project",
            Self::Shared => "shared",
            Self::SingleEnvironment => "single-environment",
            Self::MultiEnvironment => "multi-environment",
            Self::RestrictedData => "restricted-data",
            Self::RegionalTraining => "regional-training",
            Self::RegionalServing => "regional-serving",
            Self::RegionalFineTuning => "regional-fine-tuning",
            Self::Contoso => "contoso",
        }
    }
}

impl fmt::Display for PatternName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// How things are named and tagged. In a form, `{environment}`, `{project}`, `{region}`, `{owner}` and `{scope}` stand for
/// what the thing says of itself, and `*` for anything.
///
/// The forms that count when they are left out follow the conventions of the Cloud Adoption Framework for Azure: `mlw` is
/// its abbreviation for a machine learning workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NamingSpec {
    /// The form of names of workspaces.
    #[serde(default = "azure_workspaces")]
    #[schemars(length(min = 1, max = 256))]
    pub workspaces: String,
    /// The form of names of artifacts.
    #[serde(default = "anything")]
    #[schemars(length(min = 1, max = 256))]
    pub artifacts: String,
    /// The tags that the resources of every workspace carry.
    #[serde(default = "azure_tags")]
    pub resource_tags: BTreeSet<String>,
}

fn azure_workspaces() -> String {
    "mlw-*-{environment}".to_owned()
}

fn anything() -> String {
    "*".to_owned()
}

fn azure_tags() -> BTreeSet<String> {
    ["cost-center", "owner"].map(str::to_owned).into()
}

/// What is known of a tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TagSpec {
    /// The group that may declassify it.
    pub owner: GroupName,
    /// How many of the group must sign a declassification.
    #[serde(default = "two")]
    #[schemars(range(min = 1))]
    pub quorum: u32,
    /// What it means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

const fn two() -> u32 {
    2
}

/// Where the ledger is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LedgerSpec {
    /// The kind of store.
    #[serde(default)]
    pub store: LedgerStoreKind,
    /// The directory, for `store: directory`; relative to the promotion repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// A kind of ledger store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LedgerStoreKind {
    /// The branch `promote-ledger` of the promotion repository.
    #[default]
    Branch,
    /// A directory.
    Directory,
}
