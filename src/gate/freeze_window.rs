//! `freeze-window`: no freeze closes the environment now.

use jiff::Timestamp;

use crate::gate::evidence::Evidence;
use crate::gate::params::{NoParams, check as check_params, schema, validate};
use crate::gate::window::{Window, WindowError, merged_end};
use crate::gate::{GateDef, one_line};
use crate::manifest::freeze::FreezeSpec;
use crate::model::id::FreezeName;
use crate::model::promotion::{Direction, Promotion};
use crate::model::verdict::Verdict;

/// The row of the table.
pub static GATE: GateDef = GateDef {
    name: "freeze-window",
    summary: "no freeze closes the environment now",
    docs: "\
## What it does

Waits while any window of any freeze that names the environment is open. Windows that overlap or follow each other
without a break are one. A rollback goes through when the policy's `rollback` says `duringFreeze: true`.

It judges every promotion, listed in the policy or not, and takes no parameters; freezes are in `freezes/<name>.yaml`.

## Why

Nothing changes on a weekend, at month's end or on the day of the sale, when few are there to repair it.

## Example

```yaml
gates:
  - gate: freeze-window
```

## How to satisfy it

Wait until the end that the message names. A window that cannot be understood stops everything until it is corrected.
",
    is_invariant: true,
    is_overridable: true,
    since: 1,
    schema: schema::<NoParams>,
    validate: validate::<NoParams>,
    check: |promotion, evidence, params| check_params(promotion, evidence, params, check),
};

fn check(promotion: &Promotion, evidence: &Evidence, _: &NoParams) -> Verdict {
    let is_exempt = evidence
        .rollback
        .as_ref()
        .is_some_and(|rollback| rollback.during_freeze);
    if promotion.direction == Direction::Rollback && is_exempt {
        return Verdict::pass("the policy lets a rollback through a freeze");
    }
    let mut windows = Vec::new();
    let mut needs = Vec::new();
    let mut what = Vec::new();
    for (name, freeze) in &evidence.freezes {
        match check_freeze(name, freeze, evidence.now, &mut windows) {
            Ok(need) => needs.extend(need),
            Err(error) => what.push(format!("freeze `{name}`: {error}")),
        }
    }
    if !what.is_empty() {
        return Verdict::Unavailable { what };
    }
    match merged_end(&windows, evidence.now) {
        Ok(None) => Verdict::pass("no freeze is on"),
        Ok(until) => Verdict::Pending { needs, until },
        Err(error) => Verdict::unavailable(error.to_string()),
    }
}

/// Adds the windows of a freeze to all windows, and says what there is to wait for if one is open.
fn check_freeze(
    name: &FreezeName,
    freeze: &FreezeSpec,
    now: Timestamp,
    windows: &mut Vec<Window>,
) -> Result<Option<String>, WindowError> {
    let parsed: Result<Vec<Window>, WindowError> =
        freeze.windows.iter().map(Window::parse).collect();
    let parsed = parsed?;
    let mut open = None;
    for window in &parsed {
        let end = window.end_at(now)?;
        // The time zone that is shown is that of the window which lasts longest.
        if end > open.as_ref().and_then(|(end, _)| *end) {
            open = Some((end, window.time_zone()));
        }
    }
    let end = merged_end(&parsed, now)?;
    windows.extend(parsed);
    Ok(open.zip(end).map(|((_, zone), end)| {
        format!(
            "freeze `{name}` to end at {}: {}",
            end.to_zoned(zone),
            one_line(&freeze.reason)
        )
    }))
}

#[cfg(test)]
mod tests {

    use jiff::SignedDuration;
    use serde_json::json;

    use super::*;
    use crate::gate::testing::{TestEvidence, open_for};
    use crate::manifest::freeze::{RecurringSpec, WindowSpec};
    use crate::model::verdict::DecisionResult::{Allow, Unavailable, Wait};

    fn recurring(cron: &str, time_zone: &str) -> WindowSpec {
        WindowSpec::Recurring(RecurringSpec {
            cron: cron.to_owned(),
            duration: "12h".to_owned(),
            time_zone: time_zone.to_owned(),
        })
    }

    #[test]
    fn an_open_window_waits_until_all_that_touch_it_end() {
        let case = TestEvidence::new();
        case.expect(GATE.name, &json!({}), Allow, &["no freeze is on"]);
        let case = case.freeze("sale", vec![open_for(2)]);
        let sale = "freeze `sale` to end at 2026-06-01T14:00:00+00:00[UTC]: few are there";
        case.expect(GATE.name, &json!({}), Wait, &[sale]);
        let case = case.freeze(
            "nightly",
            vec![
                recurring("0 9 * * *", "Europe/Berlin"),
                recurring("0 3 * * *", "UTC"),
            ],
        );
        let nightly =
            "freeze `nightly` to end at 2026-06-01T21:00:00+02:00[Europe/Berlin]: few are there";
        case.expect(GATE.name, &json!({}), Wait, &[nightly, sale]);
        let until = TestEvidence::now() + SignedDuration::from_hours(7);
        assert!(
            matches!(case.check(GATE.name, &json!({})), Verdict::Pending { until: Some(found), .. } if found == until)
        );
    }

    #[test]
    fn only_a_rollback_that_the_policy_exempts_goes_through() {
        let case = TestEvidence::new().freeze("sale", vec![open_for(2)]);
        let sale = "freeze `sale` to end at 2026-06-01T14:00:00+00:00[UTC]: few are there";
        let exempt = "the policy lets a rollback through a freeze";
        for (case, result, fact) in [
            (case.clone().rollback(None), Wait, sale),
            (case.clone().rollback(Some(("risk", 1, false))), Wait, sale),
            (
                case.clone().rollback(Some(("risk", 1, true))),
                Allow,
                exempt,
            ),
            (
                case.rollback(Some(("risk", 1, true)))
                    .with(|promotion, _| promotion.direction = Direction::Forward),
                Wait,
                sale,
            ),
        ] {
            case.expect(GATE.name, &json!({}), result, &[fact]);
        }
    }

    #[test]
    fn a_window_that_cannot_be_understood_never_passes() {
        let case = TestEvidence::new().freeze(
            "sale",
            vec![open_for(2), recurring("0 0 * * *", "Europe/Berln")],
        );
        let fact = "freeze `sale`: `Europe/Berln` is not a time zone; write its IANA name, such as `Europe/Berlin`";
        case.expect(GATE.name, &json!({}), Unavailable, &[fact]);
    }
}
