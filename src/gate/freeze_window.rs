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
        if window.end_at(now)?.is_some() {
            open = Some(window.time_zone());
        }
    }
    let end = merged_end(&parsed, now)?;
    windows.extend(parsed);
    Ok(open.zip(end).map(|(zone, end)| {
        format!(
            "freeze `{name}` to end at {}: {}",
            end.to_zoned(zone),
            one_line(&freeze.reason)
        )
    }))
}
