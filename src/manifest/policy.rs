//! `policies/<environment>.yaml`: the gates of entering an environment.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::manifest::Manifest;
use crate::model::id::{EnvironmentName, GroupName};

/// The manifest of a policy; its name is the environment's.
pub type Policy = Manifest<EnvironmentName, PolicySpec>;

/// The gates of entering an environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicySpec {
    /// The gates, all of which must pass. Those that guard the flow of data always run, listed or not.
    #[schemars(length(max = 64))]
    pub gates: Vec<GateSpec>,
    /// What differs for going back to a version that the slot has held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<RollbackSpec>,
}

/// A gate by name, with its parameters; the gate itself says which it takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GateSpec {
    /// The gate's name; `promote explain --gates` lists them.
    pub gate: String,
    /// Its parameters.
    #[serde(flatten)]
    pub params: BTreeMap<String, serde_json::Value>,
}

/// What differs for going back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RollbackSpec {
    /// How many persons of each group must approve, instead of what the `approvals` gate asks.
    #[schemars(length(min = 1))]
    pub quorum: BTreeMap<GroupName, u32>,
    /// Whether a freeze lets a rollback through.
    #[serde(default)]
    pub during_freeze: bool,
}
