//! `review`: what an emergency let through was looked at afterwards.

use std::collections::BTreeSet;

use crate::gate::GateDef;
use crate::gate::evidence::{Evidence, ReviewFacts};
use crate::gate::params::{NoParams, check as check_params, schema, validate};
use crate::gate::pass_rollback;
use crate::model::promotion::Promotion;
use crate::model::verdict::Verdict;

/// The row of the table.
pub static GATE: GateDef = GateDef {
    name: "review",
    summary: "every override of this slot was reviewed by somebody else",
    docs: "\
## What it does

Waits until each promotion of this slot that an override let through was reviewed: by a person of a group that the policy
asks for approvals or for overrides, who did not sign the override and did not make the version. A rollback passes.

It judges every promotion, listed in the policy or not, and takes no parameters. It cannot be overridden.

## Why

An override is for an emergency. Looking at it afterwards is what keeps it from becoming the usual way.

## Example

```yaml
gates:
  - gate: review
```

## How to satisfy it

`promote review PROMOTION --reason TEXT` by somebody who took no part.
",
    is_invariant: true,
    is_overridable: false,
    since: 2,
    schema: schema::<NoParams>,
    validate: validate::<NoParams>,
    check: |promotion, evidence, params| check_params(promotion, evidence, params, check),
};

fn check(promotion: &Promotion, evidence: &Evidence, _: &NoParams) -> Verdict {
    if let Some(pass) = pass_rollback(promotion) {
        return pass;
    }
    let needs: Vec<String> = evidence
        .acts
        .reviews
        .iter()
        .filter(|facts| !is_reviewed(facts, evidence))
        .map(|facts| {
            let id = facts.promotion.short();
            format!("a review of `{id}`, which an override let through (`promote review {id}`)")
        })
        .collect();
    if !needs.is_empty() {
        return Verdict::Pending { needs, until: None };
    }
    Verdict::pass(match evidence.acts.reviews.len() {
        0 => "no override let anything into this slot",
        _ => "every override of this slot was reviewed",
    })
}

fn is_reviewed(facts: &ReviewFacts, evidence: &Evidence) -> bool {
    let nobody = BTreeSet::new();
    facts.heard.iter().any(|heard| {
        let speaks = |group| {
            let members = evidence.groups.get(group).unwrap_or(&nobody);
            heard.speaks_for(group, members)
        };
        heard.is_genuine(&heard.said.signing)
            && !facts.took_part.contains(&heard.signer)
            && evidence.lifters.iter().any(speaks)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::gate::testing::{TestEvidence, names};
    use crate::model::act::OfPromotion;
    use crate::model::verdict::DecisionResult::{Allow, Wait};

    fn case(reviewers: &[&str]) -> TestEvidence {
        TestEvidence::new().with(|promotion, evidence| {
            evidence.lifters = names(&["risk"]);
            let heard = reviewers
                .iter()
                .map(|who| {
                    evidence.heard(who, |signing| OfPromotion {
                        signing,
                        promotion: promotion.id.clone(),
                        digest: promotion.digest,
                    })
                })
                .collect();
            evidence.acts.reviews = vec![ReviewFacts {
                promotion: promotion.id.clone(),
                took_part: names(&["bob", "alice"]),
                heard,
            }];
        })
    }

    #[test]
    fn somebody_who_took_no_part_must_have_looked() {
        let id = case(&[]).promotion.id.short();
        let need =
            format!("a review of `{id}`, which an override let through (`promote review {id}`)");
        // Nobody; who signed the override; who made it; who is in no group that is asked.
        for reviewers in [&[][..], &["bob"], &["alice"], &["frank"]] {
            case(reviewers).expect(GATE.name, &json!({}), Wait, &[&need]);
        }
        let done = "every override of this slot was reviewed";
        case(&["bob", "carol"]).expect(GATE.name, &json!({}), Allow, &[done]);
        case(&[]).rollback(None).expect(
            GATE.name,
            &json!({}),
            Allow,
            &["a rollback: the slot has held this digest before"],
        );
        let lost = case(&["carol"])
            .with(|_, evidence| evidence.acts.reviews[0].heard[0].key_is_trusted = false);
        lost.expect(GATE.name, &json!({}), Wait, &[&need]);
    }
}
