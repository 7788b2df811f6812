//! `models/<project>/<name>/model.yaml` and the same for the other kinds: what an artifact is for.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::manifest::Manifest;
use crate::model::id::{ArtifactName, EnvironmentName, GroupName, InputName, ProjectName};
use crate::model::snapshot::DataRef;

/// The manifest of a model, pipeline, component or runtime.
pub type Artifact = Manifest<ArtifactName, ArtifactSpec>;

/// What an artifact is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArtifactSpec {
    /// The project that owns it.
    pub project: ProjectName,
    /// The group that answers for it.
    pub owner: GroupName,
    /// What it is meant to be used for.
    #[schemars(length(min = 1, max = 4096))]
    pub purpose: String,
    /// How much harm a mistake of it can do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk_tier: Option<RiskTier>,
    /// What a pipeline reads: its inputs by name, and the dataset, or snapshot of one, that each environment
    /// binds to an input. No data is
    /// promoted with it; a run in an environment reads what is bound there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<InputName, BTreeMap<EnvironmentName, DataRef>>,
    /// How what a pipeline makes reaches an environment; `artifact` when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<PromotionMode>,
}

/// How what a pipeline makes reaches an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PromotionMode {
    /// It is made once, and the same bytes go up.
    Artifact,
    /// The pipeline goes up, and makes it anew in each environment, of the data that is bound there.
    Retrain,
}

/// How much harm a mistake can do.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum RiskTier {
    /// Little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
}
