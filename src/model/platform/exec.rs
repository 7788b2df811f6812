//! Programs that speak for a platform.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::secret::SecretRef;

/// A program that speaks for a platform, as `docs/adapters/exec.md` describes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExecSpec {
    /// The program and its arguments. It is looked for in `PATH` and run without a shell.
    #[schemars(length(min = 1, max = 64))]
    pub command: Vec<String>,
    /// Variables that it gets besides `PATH`, `HOME` and the locale, each from where a secret is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, SecretRef>,
    /// Values that it gets when it starts; nothing secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
    /// Whether its `write` never overwrites a version, even when two race. What is not promised is checked before and after.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub create_only: bool,
    /// Whether its `point` moves only what holds what was expected, even when two race.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub compare_and_set: bool,
}
