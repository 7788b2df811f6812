//! `dependencies`: what a pipeline or component needs is there before it.

use crate::gate::evidence::Evidence;
use crate::gate::params::{NoParams, check as check_params, schema, validate};
use crate::gate::pipelines::{NeedFacts, SINCE};
use crate::gate::{GateDef, pass_rollback};
use crate::model::promotion::Promotion;
use crate::model::verdict::Verdict;

/// The name in policies.
pub(super) const NAME: &str = "dependencies";

/// The row of the table.
pub static GATE: GateDef = GateDef {
    name: NAME,
    summary: "the environment holds the components and runtimes that the version needs",
    docs: "\
## What it does

A component needs the runtimes that its lineage names, and a pipeline the runtimes and components. Waits until each was
promoted into a workspace of the environment, by the digest that the lineage names, and was not rolled back from there.
Refuses when one of them is marked as bad. A rollback passes, since the slot has held the version before.

It judges every version that needs something, listed in the policy or not, and takes no parameters. Models need nothing
where they are served; what a retrained model needs is judged by `retrained`.

## Why

A pipeline without its components fails where it is least wanted, and a component that nobody approved would go up inside one
that somebody did.

## Example

```yaml
gates:
  - gate: dependencies
```

## How to satisfy it

Release what is missing to the same environment (`promote request NAME@VERSION --to ENVIRONMENT`). One `promote apply` then
promotes runtimes first, then components, then pipelines.
",
    is_invariant: true,
    is_overridable: true,
    since: SINCE,
    schema: schema::<NoParams>,
    validate: validate::<NoParams>,
    check: |promotion, evidence, params| check_params(promotion, evidence, params, check),
};

fn check(promotion: &Promotion, evidence: &Evidence, _: &NoParams) -> Verdict {
    if let Some(pass) = pass_rollback(promotion) {
        return pass;
    }
    let environment = &promotion.environment;
    let bad = evidence.needs.iter().filter(|need| need.is_marked_bad);
    let reasons: Vec<String> = bad
        .map(|need| format!("it needs `{}`, which is marked as bad", need.version))
        .collect();
    if !reasons.is_empty() {
        return Verdict::Deny { reasons };
    }
    let missing = evidence.needs.iter().filter(|need| need.held.is_empty());
    let needs: Vec<String> = missing
        .map(|need| {
            format!(
                "`{}` to be promoted into `{environment}` first",
                need.version
            )
        })
        .collect();
    if needs.is_empty() {
        let held = |need: &NeedFacts| format!("`{environment}` holds `{}`", need.version);
        return Verdict::Pass {
            observed: match evidence.needs.as_slice() {
                [] => vec!["it needs nothing".to_owned()],
                needs => needs.iter().map(held).collect(),
            },
        };
    }
    Verdict::Pending { needs, until: None }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::gate::testing::{TestEvidence, digest, names};
    use crate::model::verdict::DecisionResult::{Allow, Deny, Wait};

    fn needing(needs: &[(&str, &[&str], bool)]) -> TestEvidence {
        let needs = needs
            .iter()
            .map(|(version, held, is_marked_bad)| NeedFacts {
                version: version.parse().unwrap(),
                digest: digest('c'),
                held: names(held),
                is_marked_bad: *is_marked_bad,
            });
        TestEvidence::new().with(|_, evidence| evidence.needs = needs.collect())
    }

    #[test]
    fn what_is_needed_is_there_first_and_is_not_bad() {
        let (runtime, component) = (
            "retail/runtime/python@3.12.0",
            "retail/component/prepare@1.0.0",
        );
        for (case, result, facts) in [
            (needing(&[]), Allow, &["it needs nothing"][..]),
            (
                needing(&[(runtime, &["prod"], false), (component, &["prod-2"], false)]),
                Allow,
                &[
                    "`prod` holds `retail/runtime/python@3.12.0`",
                    "`prod` holds `retail/component/prepare@1.0.0`",
                ],
            ),
            (
                needing(&[(runtime, &["prod"], false), (component, &[], false)]),
                Wait,
                &["`retail/component/prepare@1.0.0` to be promoted into `prod` first"],
            ),
            (
                needing(&[(runtime, &["prod"], true), (component, &[], false)]),
                Deny,
                &["it needs `retail/runtime/python@3.12.0`, which is marked as bad"],
            ),
            (
                needing(&[(component, &[], true)]).rollback(None),
                Allow,
                &["a rollback: the slot has held this digest before"],
            ),
        ] {
            case.expect(NAME, &json!({}), result, facts);
        }
    }

    #[test]
    fn it_is_asked_of_what_needs_something_since_the_fourth_rules() {
        let asked = |case: &TestEvidence, rules| {
            let (promotion, evidence) = (&case.promotion, &case.evidence);
            let decision = crate::gate::decide::decide_by(rules, promotion, evidence, &[&[]]);
            decision.gates.iter().any(|result| result.gate == NAME)
        };
        let case = needing(&[("retail/runtime/python@3.12.0", &[], false)]);
        assert!(asked(&case, 4));
        assert!(!asked(&case, 3));
        assert!(!asked(&needing(&[]), 4));
    }
}
