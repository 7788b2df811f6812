//! `projects/<name>.yaml`: who answers for a project and who pays for it, before it has workspaces or after.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::manifest::Manifest;
use crate::model::id::{GroupName, ProjectName};

/// The manifest of a project.
pub type Project = Manifest<ProjectName, ProjectSpec>;

/// Who answers for a project and who pays for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProjectSpec {
    /// The group that answers for it.
    pub owner: GroupName,
    /// Who pays, as the organisation's accounts name it.
    #[schemars(length(min = 1, max = 128))]
    pub cost_center: String,
    /// What it may cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetSpec>,
    /// The resource group that its workspaces are in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 90))]
    pub resource_group: Option<String>,
    /// How much it may register; without limit when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<QuotaSpec>,
    /// Groups of people from outside, who see this project and nothing else.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub collaborators: BTreeSet<GroupName>,
    /// Other projects whose workspaces those of this one may take artifacts from.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub accepts: BTreeSet<ProjectName>,
}

/// What a project may cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BudgetSpec {
    /// How much, in whole units of the currency.
    pub amount: u64,
    /// The currency, by its code in ISO 4217.
    #[schemars(length(equal = 3))]
    pub currency: String,
    /// For how long that is.
    pub per: BudgetPeriod,
}

/// How long a budget is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BudgetPeriod {
    /// A month.
    Month,
    /// A quarter of a year.
    Quarter,
    /// A year.
    Year,
}

/// How much a project may register, over all its artifacts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QuotaSpec {
    /// The number of versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versions: Option<u64>,
    /// All bytes of all versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}
