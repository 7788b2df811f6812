//! `deny-list`: nobody said that the digest is bad.

use crate::gate::evidence::Evidence;
use crate::gate::params::{NoParams, check as check_params, schema, validate};
use crate::gate::{GateDef, one_line};
use crate::model::promotion::Promotion;
use crate::model::verdict::Verdict;

/// The row of the table.
pub static GATE: GateDef = GateDef {
    name: "deny-list",
    summary: "the digest is not marked as bad",
    docs: "\
## What it does

Refuses a digest that somebody marked as bad, whatever it is called now, forward and back.

It judges every promotion, listed in the policy or not, and takes no parameters.

## Why

A version that was found to be harmful must not come back under another name or by a rollback.

## Example

```yaml
gates:
  - gate: deny-list
```

## How to satisfy it

Promote another version. The message says who marked this one and why.
",
    is_invariant: true,
    is_overridable: false,
    since: 1,
    schema: schema::<NoParams>,
    validate: validate::<NoParams>,
    check: |promotion, evidence, params| check_params(promotion, evidence, params, check),
};

fn check(_: &Promotion, evidence: &Evidence, _: &NoParams) -> Verdict {
    if evidence.marked_bad.is_empty() {
        return Verdict::pass("nobody marked the digest as bad");
    }
    let marks = evidence.marked_bad.iter();
    let reasons = marks
        .map(|mark| {
            format!(
                "marked as bad by `{}`: {}",
                mark.principal,
                one_line(&mark.reason)
            )
        })
        .collect();
    Verdict::Deny { reasons }
}

#[cfg(test)]
mod tests {

    use serde_json::json;

    use super::*;
    use crate::gate::testing::{TestEvidence, mark_bad};
    use crate::model::verdict::DecisionResult::{Allow, Deny};

    #[test]
    fn a_mark_denies_forward_and_back() {
        let good = TestEvidence::new();
        good.expect(
            GATE.name,
            &json!({}),
            Allow,
            &["nobody marked the digest as bad"],
        );
        let bad = good.with(|_, evidence| {
            evidence.marked_bad = vec![
                mark_bad("bob", "leaks\nnames\u{1b}[2J"),
                mark_bad("carol", "biased"),
            ];
        });
        let facts = [
            "marked as bad by `bob`: leaks names\\u{1b}[2J",
            "marked as bad by `carol`: biased",
        ];
        bad.expect(GATE.name, &json!({}), Deny, &facts);
        bad.rollback(None)
            .expect(GATE.name, &json!({}), Deny, &facts);
    }
}
