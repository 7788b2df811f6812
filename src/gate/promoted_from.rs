//! `promoted-from`: the digest is held and verified upstream.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::gate::evidence::Evidence;
use crate::gate::params::{GateParams, ParamsError, check as check_params, schema, validate};
use crate::gate::{GateDef, or_list, pass_rollback};
use crate::model::id::EnvironmentName;
use crate::model::promotion::Promotion;
use crate::model::verdict::Verdict;

/// The row of the table.
pub static GATE: GateDef = GateDef {
    name: "promoted-from",
    summary: "the digest is held and verified in the environments before",
    docs: "\
## What it does

Asks whether the same bytes are held, and were verified by reading them back, in all of some environments (`allOf`) or
in at least one of them (`oneOf`). A rollback passes, since the slot has held the digest before.

## Why

What enters prod has been in qa, byte for byte.

## Example

```yaml
gates:
  - gate: promoted-from
    allOf: [dev, qa]
```

or

```yaml
gates:
  - gate: promoted-from
    oneOf: [qa-eu, qa-us]
```

## How to satisfy it

Release the version to the environment that the message names (`promote request NAME@VERSION --to ENV`), and let it be
promoted there first.
",
    is_invariant: false,
    is_overridable: true,
    since: 1,
    schema: schema::<Params>,
    validate: validate::<Params>,
    check: |promotion, evidence, params| check_params(promotion, evidence, params, check),
};

/// The parameters of `promoted-from`: exactly one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["allOf"] }, { "required": ["oneOf"] }]))]
pub struct Params {
    /// Environments that must all hold the digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "BTreeSet<EnvironmentName>", length(min = 1))]
    pub all_of: Option<BTreeSet<EnvironmentName>>,
    /// Environments of which one must hold the digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "BTreeSet<EnvironmentName>", length(min = 1))]
    pub one_of: Option<BTreeSet<EnvironmentName>>,
}

impl GateParams for Params {
    fn verify(&self) -> Result<(), ParamsError> {
        let nobody = "name at least one environment; of none, everything would be true";
        match (&self.all_of, &self.one_of) {
            (Some(names), None) if names.is_empty() => Err(ParamsError::at("allOf", nobody)),
            (None, Some(names)) if names.is_empty() => Err(ParamsError::at("oneOf", nobody)),
            (Some(_), None) | (None, Some(_)) => Ok(()),
            (Some(_), Some(_)) => Err(ParamsError::at(
                "oneOf",
                "write `allOf` or `oneOf`, not both",
            )),
            (None, None) => Err(ParamsError::at("", "write `allOf` or `oneOf`")),
        }
    }
}

fn check(promotion: &Promotion, evidence: &Evidence, params: &Params) -> Verdict {
    if let Some(pass) = pass_rollback(promotion) {
        return pass;
    }
    match (&params.all_of, &params.one_of) {
        (Some(environments), None) => check_all(evidence, environments),
        (None, Some(environments)) => check_one(evidence, environments),
        (Some(_), Some(_)) | (None, None) => {
            Verdict::unavailable("the parameters have not exactly one of `allOf` and `oneOf`")
        }
    }
}

fn check_all(evidence: &Evidence, environments: &BTreeSet<EnvironmentName>) -> Verdict {
    let needs: Vec<String> = environments
        .iter()
        .filter_map(|name| missing(evidence, name))
        .collect();
    if needs.is_empty() {
        let names: Vec<String> = environments
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        Verdict::pass(format!("held and verified in {}", names.join(", ")))
    } else {
        Verdict::Pending { needs, until: None }
    }
}

fn check_one(evidence: &Evidence, environments: &BTreeSet<EnvironmentName>) -> Verdict {
    let holder = environments
        .iter()
        .find(|name| missing(evidence, name).is_none());
    let names: Vec<&EnvironmentName> = environments.iter().collect();
    match holder {
        Some(name) => Verdict::pass(format!("held and verified in `{name}`")),
        None => Verdict::pending(format!(
            "the digest to be held and verified in {}",
            or_list(&names)
        )),
    }
}

/// What is missing in an environment.
fn missing(evidence: &Evidence, environment: &EnvironmentName) -> Option<String> {
    let held = evidence.held.get(environment).into_iter().flatten();
    let held: Vec<bool> = held
        .filter(|held| held.since.is_some())
        .map(|held| held.is_verified)
        .collect();
    if held.contains(&true) {
        None
    } else if held.is_empty() {
        Some(format!("the digest to be held in `{environment}`"))
    } else {
        Some(format!(
            "the digest, which is held in `{environment}`, to be verified there"
        ))
    }
}

#[cfg(test)]
mod tests {

    use serde_json::json;

    use super::*;
    use crate::gate::testing::{TestEvidence, held};
    use crate::model::verdict::DecisionResult::{Allow, Wait};

    #[test]
    fn the_digest_must_be_held_and_verified_where_the_policy_says() {
        let all = json!({"allOf": ["dev", "qa"]});
        let one = json!({"oneOf": ["dev", "qa"]});
        let qa = TestEvidence::new();
        let both = qa.clone().with(|_, evidence| {
            let dev = vec![
                held("dev-1", None, true),
                held("dev-2", Some(1), false),
                held("dev-3", Some(1), true),
            ];
            evidence.held.insert("dev".parse().unwrap(), dev);
        });
        let unverified = qa.clone().with(|_, evidence| {
            evidence.held = [
                ("qa".parse().unwrap(), vec![held("qa", Some(1), false)]),
                ("dev".parse().unwrap(), vec![held("dev", None, true)]),
            ]
            .into();
        });
        let rollback = unverified.clone().rollback(None);
        for (case, params, result, facts) in [
            (&both, &all, Allow, vec!["held and verified in `dev`, `qa`"]),
            (&both, &one, Allow, vec!["held and verified in `dev`"]),
            (&qa, &all, Wait, vec!["the digest to be held in `dev`"]),
            (&qa, &one, Allow, vec!["held and verified in `qa`"]),
            (
                &unverified,
                &all,
                Wait,
                vec![
                    "the digest to be held in `dev`",
                    "the digest, which is held in `qa`, to be verified there",
                ],
            ),
            (
                &unverified,
                &one,
                Wait,
                vec!["the digest to be held and verified in `dev` or `qa`"],
            ),
            (
                &rollback,
                &all,
                Allow,
                vec!["a rollback: the slot has held this digest before"],
            ),
        ] {
            case.expect(GATE.name, params, result, &facts);
        }
    }
}
