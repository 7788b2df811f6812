//! `promote.yaml`: the layout of the whole organisation.

use std::collections::BTreeMap;

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
    /// Ordered environments, production data outside dev only, approvals that get stricter.
    MultiEnvironment,
    /// Two environments: one with limited data access, one with production data.
    RestrictedData,
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
