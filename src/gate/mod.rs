//! Gates: rules that a promotion must satisfy. Pure functions of recorded facts.
//!
//! One file a gate, one line in [`GATES`]. [`decide()`] is the only place where verdicts become a decision; `plan`,
//! `explain`, `apply` and the tests all call it.

pub mod bars;
pub mod bypass;
pub mod counted;
mod cron;
pub mod decide;
pub mod evidence;
pub mod params;
pub mod pipelines;
pub mod policy;
pub mod quorum;
pub mod uncounted;
pub mod window;

#[cfg(test)]
mod properties;
#[cfg(test)]
pub(crate) mod testing;

use std::fmt;

use serde_json::Value;

use crate::diagnostic::did_you_mean;
pub use crate::gate::decide::decide;
use crate::gate::evidence::Evidence;
pub use crate::gate::params::ParamsError;
pub use crate::gate::policy::{policy_digest, policy_schema, validate_policy};
use crate::model::promotion::{Direction, Promotion};
use crate::model::verdict::Verdict;
use crate::redact::printable;

/// The version of the rules that [`decide()`] implements. Grows with each change of meaning; decisions record it.
pub const RULES_VERSION: u32 = 4;

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
    /// Whether two persons may override it in an emergency.
    pub is_overridable: bool,
    /// The version of the rules that brought it.
    pub since: u32,
    /// The JSON Schema of its parameters.
    pub schema: fn() -> schemars::Schema,
    /// Checks parameters when a policy is loaded.
    pub validate: fn(&Value) -> Result<(), ParamsError>,
    /// Judges. Parameters that do not parse are `unavailable`.
    pub check: fn(&Promotion, &Evidence, &Value) -> Verdict,
}

/// Declares the modules of the gates and the table of them.
macro_rules! gates {
    ($($module:ident,)*) => {
        $(pub mod $module;)*

        /// Every gate, sorted by name.
        pub static GATES: &[&GateDef] = &[$(&$module::GATE),*];
    };
}

gates! {
    approvals,
    attestation,
    bound_inputs,
    commit_signature,
    deny_list,
    dependencies,
    edge,
    freeze_window,
    hold,
    information_flow,
    lineage_complete,
    metric_threshold,
    model_card,
    promoted_from,
    retrained,
    review,
    rollout,
    separation_of_duties,
    soak_time,
    witnessed,
}

/// The gate of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static GateDef> {
    GATES.iter().copied().find(|gate| gate.name == name)
}

/// What to say of a name that no gate has, with the name that may have been meant.
#[must_use]
pub fn unknown_gate(name: &str) -> String {
    let name: String = name.chars().take(100).collect();
    match did_you_mean(&name, GATES.iter().map(|gate| gate.name)) {
        Some(near) => format!("there is no gate `{name}`; did you mean `{near}`?"),
        None => format!("there is no gate `{name}`; `promote explain --gates` lists them"),
    }
}

/// The answer of gates that judge only what is new.
fn pass_rollback(promotion: &Promotion) -> Option<Verdict> {
    match promotion.direction {
        Direction::Forward => None,
        Direction::Rollback => Some(Verdict::pass(
            "a rollback: the slot has held this digest before",
        )),
    }
}

/// Names as `a`, `b` and `c`.
fn and_list(names: &[impl fmt::Display]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => "nobody".to_owned(),
    }
}

/// Names in words: "`a`, `b` or `c`". At most twenty, since a message is read by people.
fn or_list(names: &[impl fmt::Display]) -> String {
    const MAX_NAMES: usize = 20;
    let mut quoted: Vec<String> = names
        .iter()
        .take(MAX_NAMES)
        .map(|name| format!("`{name}`"))
        .collect();
    if names.len() > MAX_NAMES {
        quoted.push(format!("{} others", names.len() - MAX_NAMES));
    }
    match quoted.pop() {
        Some(last) if quoted.is_empty() => last,
        Some(last) => format!("{} or {last}", quoted.join(", ")),
        None => "nobody".to_owned(),
    }
}

/// Words that somebody else wrote, made safe to put into a message.
fn one_line(text: &str) -> String {
    const MAX_CHARACTERS: usize = 1_024;
    let text: String = text.trim().chars().take(MAX_CHARACTERS).collect();
    printable(&text.replace(['\n', '\r'], " "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::testing::specs;

    #[test]
    fn names_are_unique_sorted_and_kebab_case() {
        for pair in GATES.windows(2) {
            assert!(pair[0].name < pair[1].name);
        }
        for gate in GATES {
            assert!(
                gate.name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
            );
            assert!(std::ptr::eq(find(gate.name).unwrap(), *gate));
        }
    }

    #[test]
    fn docs_have_every_part_and_examples_that_are_valid() {
        for gate in GATES {
            let name = gate.name;
            assert!(
                !gate.summary.is_empty()
                    && !gate.summary.ends_with('.')
                    && !gate.summary.contains('\n')
            );
            for heading in [
                "## What it does",
                "## Why",
                "## Example",
                "## How to satisfy it",
            ] {
                assert!(gate.docs.contains(heading), "{name} lacks {heading}");
            }
            let examples: Vec<&str> = gate.docs.split("```yaml\n").skip(1).collect();
            assert!(!examples.is_empty());
            for example in examples {
                let example = example.split("```").next().unwrap();
                let policy: Value = serde_yaml::from_str(example).unwrap();
                let gates = specs(policy["gates"].as_array().unwrap());
                assert!(gates.iter().any(|spec| spec.gate == name), "{name}");
                assert_eq!(validate_policy(&gates), [], "{name}");
            }
        }
    }
}
