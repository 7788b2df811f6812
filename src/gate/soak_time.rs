//! `soak-time`: the digest has been held upstream for long enough.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::gate::evidence::Evidence;
use crate::gate::params::{GateParams, ParamsError, check as check_params, schema, validate};
use crate::gate::{GateDef, pass_rollback};
use crate::model::id::EnvironmentName;
use crate::model::period::Period;
use crate::model::promotion::Promotion;
use crate::model::verdict::Verdict;

/// The row of the table.
pub static GATE: GateDef = GateDef {
    name: "soak-time",
    summary: "the digest has been held upstream without a break for long enough",
    docs: "\
## What it does

Asks whether some workspace of an environment has held the verified digest without a break for a time. Taking it out and
putting it back starts the time anew. A rollback passes, since the slot has held the digest before.

## Why

Some faults show only after days of use.

## Example

```yaml
gates:
  - gate: soak-time
    environment: qa
    duration: 48h
```

## How to satisfy it

Wait until the moment that the message names.
",
    is_invariant: false,
    is_overridable: true,
    since: 1,
    schema: schema::<Params>,
    validate: validate::<Params>,
    check: |promotion, evidence, params| check_params(promotion, evidence, params, check),
};

/// The parameters of `soak-time`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Params {
    /// The environment that must hold the digest.
    pub environment: EnvironmentName,
    /// For how long.
    pub duration: Period,
}

impl GateParams for Params {
    fn verify(&self) -> Result<(), ParamsError> {
        if self.duration.seconds() == 0 {
            let message = "`0s` asks for nothing; write how long, such as `48h`";
            Err(ParamsError::at("duration", message))
        } else {
            Ok(())
        }
    }
}

fn check(promotion: &Promotion, evidence: &Evidence, params: &Params) -> Verdict {
    if let Some(pass) = pass_rollback(promotion) {
        return pass;
    }
    let Params {
        environment,
        duration,
    } = params;
    let Some(since) = held_since(evidence, environment) else {
        return Verdict::pending(format!(
            "the digest to be held in `{environment}`, and then for {duration} without a break"
        ));
    };
    let held = evidence.now.duration_since(since);
    if held >= duration.duration() {
        let held = Period::from_seconds(u64::try_from(held.as_secs()).unwrap_or(0));
        return Verdict::pass(format!(
            "held in `{environment}` for {held} of {duration}, since {since}"
        ));
    }
    match since.checked_add(duration.duration()) {
        Ok(until) => Verdict::pending_until(
            format!("{duration} without a break in `{environment}`, which ends at {until}"),
            until,
        ),
        Err(_) => Verdict::unavailable(format!("{duration} after {since} is beyond the calendar")),
    }
}

/// Since when the workspace that has held the verified digest longest has held it.
fn held_since(evidence: &Evidence, environment: &EnvironmentName) -> Option<Timestamp> {
    let held = evidence.held.get(environment).into_iter().flatten();
    held.filter(|held| held.is_verified)
        .filter_map(|held| held.since)
        .min()
}

#[cfg(test)]
mod tests {

    use jiff::SignedDuration;
    use serde_json::json;

    use super::*;
    use crate::gate::testing::{TestEvidence, held};
    use crate::model::verdict::DecisionResult::{Allow, Wait};

    #[test]
    fn the_longest_unbroken_verified_holding_counts() {
        let params = json!({"environment": "qa", "duration": "48h"});
        let qa = |held: Vec<_>| {
            TestEvidence::new().with(|_, evidence| {
                evidence.held.insert("qa".parse().unwrap(), held);
            })
        };
        let nothing = "the digest to be held in `qa`, and then for 2d without a break";
        let half = "2d without a break in `qa`, which ends at 2026-06-02T12:00:00Z";
        for (case, result, fact) in [
            (
                qa(vec![
                    held("qa-1", Some(1), true),
                    held("qa-2", Some(50), true),
                ]),
                Allow,
                "held in `qa` for 2d2h of 2d, since 2026-05-30T10:00:00Z",
            ),
            (
                qa(vec![held("qa", Some(48), true)]),
                Allow,
                "held in `qa` for 2d of 2d, since 2026-05-30T12:00:00Z",
            ),
            (
                qa(vec![
                    held("qa-1", Some(24), true),
                    held("qa-2", Some(50), false),
                ]),
                Wait,
                half,
            ),
            (qa(vec![held("qa", None, true)]), Wait, nothing),
            (qa(vec![]), Wait, nothing),
            (
                qa(vec![]).rollback(None),
                Allow,
                "a rollback: the slot has held this digest before",
            ),
        ] {
            case.expect(GATE.name, &params, result, &[fact]);
        }
        let until = TestEvidence::now() + SignedDuration::from_hours(24);
        let verdict = qa(vec![held("qa", Some(24), true)]).check(GATE.name, &params);
        assert_eq!(verdict, Verdict::pending_until(half, until));
    }
}
