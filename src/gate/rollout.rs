//! `rollout`: the workspaces of an environment are entered wave by wave.

use std::collections::BTreeSet;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::gate::evidence::Evidence;
use crate::gate::params::{GateParams, ParamsError, check as check_params, schema, validate};
use crate::gate::{GateDef, and_list, pass_rollback};
use crate::model::id::WorkspaceName;
use crate::model::period::Period;
use crate::model::promotion::Promotion;
use crate::model::verdict::Verdict;

/// The row of the table.
pub static GATE: GateDef = GateDef {
    name: "rollout",
    summary: "the workspaces of earlier waves hold the digest, and have done so for the pause",
    docs: "\
## What it does

Lets a workspace in when every workspace of all waves before its own holds the verified digest, and has held it for the
pause. A workspace that is in no wave comes after the last. One that fails keeps all later waves waiting. A rollback
passes: it goes everywhere at once.

## Why

What is wrong shows in one region before it reaches the others.

## Example

```yaml
gates:
  - gate: rollout
    waves:
      - [serving-eu]
      - [serving-us, serving-asia]
    pause: 1h
```

## How to satisfy it

Wait until the earlier waves hold the version and the pause is over; where one of them failed, mend it and `promote retry`.
",
    is_invariant: false,
    is_overridable: true,
    since: 3,
    schema: schema::<Params>,
    validate: validate::<Params>,
    check: |promotion, evidence, params| check_params(promotion, evidence, params, check),
};

/// The parameters of `rollout`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Params {
    /// The workspaces of each wave, the first one first.
    #[schemars(length(min = 1, max = 64))]
    pub waves: Vec<BTreeSet<WorkspaceName>>,
    /// How long all of a wave must have held the digest before the next one begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Period>,
}

impl GateParams for Params {
    fn verify(&self) -> Result<(), ParamsError> {
        if self.waves.is_empty() {
            return Err(ParamsError::at(
                "waves",
                "name the workspaces of at least one wave",
            ));
        }
        let mut seen = BTreeSet::new();
        for (index, wave) in self.waves.iter().enumerate() {
            if wave.is_empty() {
                return Err(ParamsError::at(
                    format!("waves.{index}"),
                    "a wave has at least one workspace",
                ));
            }
            if let Some(twice) = wave.iter().find(|name| !seen.insert(*name)) {
                let message = format!("`{twice}` is in an earlier wave already");
                return Err(ParamsError::at(format!("waves.{index}"), message));
            }
        }
        Ok(())
    }
}

fn check(promotion: &Promotion, evidence: &Evidence, params: &Params) -> Verdict {
    if let Some(pass) = pass_rollback(promotion) {
        return pass;
    }
    let own = &promotion.slot.workspace;
    let wave = params.waves.iter().position(|wave| wave.contains(own));
    let before = wave.unwrap_or(params.waves.len());
    let earlier: BTreeSet<&WorkspaceName> = params.waves.iter().take(before).flatten().collect();
    if earlier.is_empty() {
        return Verdict::pass("it is in the first wave");
    }
    let since = |name: &WorkspaceName| held_since(evidence, &promotion.environment, name);
    let missing: Vec<&&WorkspaceName> = earlier
        .iter()
        .filter(|name| since(name).is_none())
        .collect();
    if !missing.is_empty() {
        return Verdict::pending(format!(
            "the waves before it: {} to hold the digest",
            and_list(&missing)
        ));
    }
    let last = earlier.iter().filter_map(|name| since(name)).max();
    let (Some(last), Some(pause)) = (last, &params.pause) else {
        return Verdict::pass("every workspace of the waves before it holds the digest");
    };
    if evidence.now.duration_since(last) >= pause.duration() {
        return Verdict::pass(format!(
            "the waves before it have held the digest for {pause}, since {last}"
        ));
    }
    match last.checked_add(pause.duration()) {
        Ok(until) => Verdict::pending_until(
            format!("{pause} after the wave before it, which ends at {until}"),
            until,
        ),
        Err(_) => Verdict::unavailable(format!("{pause} after {last} is beyond the calendar")),
    }
}

/// Since when a workspace has held the verified digest.
fn held_since(
    evidence: &Evidence,
    environment: &crate::model::id::EnvironmentName,
    workspace: &WorkspaceName,
) -> Option<Timestamp> {
    let held = evidence.held.get(environment).into_iter().flatten();
    let mut own = held.filter(|held| held.is_verified && held.workspace == *workspace);
    own.find_map(|held| held.since)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::json;

    use super::*;
    use crate::gate::testing::{TestEvidence, held};
    use crate::model::verdict::DecisionResult::{Allow, Wait};

    #[test]
    fn a_wave_waits_for_all_before_it_and_for_the_pause() {
        let (own, environment) = ("prod", TestEvidence::new().promotion.environment);
        let case = |held: Vec<_>| {
            TestEvidence::new().with(|_, evidence| {
                evidence.held.insert(environment.clone(), held);
            })
        };
        let waves = json!({"waves": [["eu"], ["us", "asia"], [own]], "pause": "2h"});
        let until = TestEvidence::now() + SignedDuration::from_hours(1);
        let waits = format!("2h after the wave before it, which ends at {until}");
        for (held, params, result, fact) in [
            (
                vec![],
                json!({"waves": [[own], ["eu"]]}),
                Allow,
                "it is in the first wave",
            ),
            (
                vec![],
                waves.clone(),
                Wait,
                "the waves before it: `asia`, `eu` and `us` to hold the digest",
            ),
            (
                vec![
                    held("eu", Some(9), true),
                    held("us", Some(9), true),
                    held("asia", Some(9), false),
                ],
                waves.clone(),
                Wait,
                "the waves before it: `asia` to hold the digest",
            ),
            (
                vec![
                    held("eu", Some(9), true),
                    held("us", Some(9), true),
                    held("asia", Some(1), true),
                ],
                waves.clone(),
                Wait,
                waits.as_str(),
            ),
            (
                vec![
                    held("eu", Some(9), true),
                    held("us", Some(3), true),
                    held("asia", Some(2), true),
                ],
                waves,
                Allow,
                "the waves before it have held the digest for 2h, since 2026-06-01T10:00:00Z",
            ),
        ] {
            case(held).expect(GATE.name, &params, result, &[fact]);
        }
    }

    #[test]
    fn without_a_pause_the_next_wave_begins_at_once() {
        let case = TestEvidence::new().with(|promotion, evidence| {
            let held = vec![held("eu", Some(0), true)];
            evidence.held.insert(promotion.environment.clone(), held);
        });
        let fact = "every workspace of the waves before it holds the digest";
        case.expect(GATE.name, &json!({"waves": [["eu"]]}), Allow, &[fact]);
    }

    #[test]
    fn a_rollback_goes_everywhere_at_once() {
        let fact = "a rollback: the slot has held this digest before";
        let rollback = TestEvidence::new().rollback(None);
        rollback.expect(GATE.name, &json!({"waves": [["eu"]]}), Allow, &[fact]);
    }

    #[test]
    fn empty_waves_and_doubles_are_refused() {
        for (params, reason) in [
            (
                json!({"waves": []}),
                "name the workspaces of at least one wave",
            ),
            (json!({"waves": [[]]}), "a wave has at least one workspace"),
            (
                json!({"waves": [["a"], ["b", "a"]]}),
                "`a` is in an earlier wave already",
            ),
        ] {
            let error = (GATE.validate)(&params).unwrap_err();
            assert!(error.to_string().contains(reason), "{error}");
        }
    }
}
