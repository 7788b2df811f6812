//! Gates: rules that a promotion must satisfy. Pure functions of recorded facts.
//!
//! One file a gate, one line in [`GATES`]. [`decide`] is the only place where verdicts become a decision; `plan`,
//! `explain`, `apply` and the tests all call it.

pub mod evidence;

use serde_json::Value;

use crate::gate::evidence::Evidence;
use crate::manifest::policy::GateSpec;
use crate::model::promotion::Promotion;
use crate::model::verdict::{Decision, GateResult, Verdict};

/// The version of the rules that [`decide`] implements. Grows with each change of meaning; decisions record it.
pub const RULES_VERSION: u32 = 1;

/// A row of [`GATES`].
#[derive(Debug)]
pub struct GateDef {
    /// The name in policies: kebab-case.
    pub name: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// What it does, why, an example, and how to satisfy it, in Markdown.
    pub docs: &'static str,
    /// Whether it judges every promotion, listed in the policy or not.
    pub is_invariant: bool,
    /// The JSON Schema of its parameters.
    pub schema: fn() -> schemars::Schema,
    /// Checks parameters when a policy is loaded.
    pub validate: fn(&Value) -> Result<(), ParamsError>,
    /// Judges. Parameters that do not parse are `unavailable`.
    pub check: fn(&Promotion, &Evidence, &Value) -> Verdict,
}

/// Why a gate's parameters are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParamsError {
    /// What is wrong.
    pub message: String,
}
