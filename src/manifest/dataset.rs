//! `datasets/<name>.yaml`: what data is and where it lives; never its bytes.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::manifest::Manifest;
use crate::model::id::{DatasetName, GroupName, RegionName};
use crate::model::label::Label;

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
}
