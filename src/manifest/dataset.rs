//! `datasets/<name>.yaml`: what data is and where it lives; never its bytes.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::manifest::Manifest;
use crate::model::digest::TreeDigest;
use crate::model::id::{DatasetName, GroupName, PrincipalName, RegionName, SnapshotName};
use crate::model::label::Label;
use crate::model::snapshot::DataRef;

/// The manifest of a dataset.
pub type Dataset = Manifest<DatasetName, DatasetSpec>;

/// What data is and where it lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DatasetSpec {
    /// The group that answers for it.
    pub owner: GroupName,
    /// The tags it carries. Everything made from it carries them too.
    pub label: Label,
    /// Where it is.
    pub region: RegionName,
    /// Who may do what with it where it lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<AccessSpec>,
    /// Its address. Nothing is read from it; lineage that names it, or something below it, is of this dataset.
    #[schemars(length(min = 1, max = 2048))]
    pub location: String,
    /// Other addresses of it, as the tools that read it write them: each claims itself and all below it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 2048)))]
    pub addresses: Vec<String>,
    /// The data as it was at some time, and what was made out of it to be fit for elsewhere, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub snapshots: BTreeMap<SnapshotName, SnapshotSpec>,
}

/// Data as it was, by digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SnapshotSpec {
    /// What its bytes are: `promote digest` tells.
    pub digest: TreeDigest,
    /// The datasets, or snapshots of them, that it was made out of. It carries all that these carry, masked or not.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub derived_from: BTreeSet<DataRef>,
    /// How it was made out of them: what was masked, drawn or made up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub transformation: Option<String>,
    /// Who made it. That person does not count among those who let tags of it through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_by: Option<PrincipalName>,
    /// What it carries besides what its dataset does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
}

/// Who may do what with data where it lives. It says what the platform grants; `promote` grants nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessSpec {
    /// The groups that may read it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub read: BTreeSet<GroupName>,
    /// The groups that may change it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub write: BTreeSet<GroupName>,
    /// The systems that change it because that is what they are for, by the object ids that the platform gives to their
    /// identities. No people.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 128)))]
    pub systems: BTreeSet<String>,
}
