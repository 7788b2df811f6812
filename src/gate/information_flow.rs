//! `information-flow`: the workspace is cleared for all data behind the version.

use crate::flow::permit::check_label;
use crate::gate::evidence::Evidence;
use crate::gate::params::{NoParams, check as check_params, schema, validate};
use crate::gate::{GateDef, and_list};
use crate::model::id::PrincipalName;
use crate::model::planted::planted;
use crate::model::promotion::{Direction, Promotion};
use crate::model::verdict::Verdict;

/// The row of the table.
pub static GATE: GateDef = GateDef {
    name: "information-flow",
    summary: "the workspace is cleared for all data behind the version",
    docs: "\
## What it does

Compares the version's label, which is the union of the tags of everything it was made from, with the clearance of the
workspace. Every tag must be cleared, in every direction: also for a rollback.

It judges every promotion, listed in the policy or not, and takes no parameters.

## Why

Production data never returns to dev, under whatever name, and resident data stays where the law wants it.

## Example

```yaml
gates:
  - gate: information-flow
```

## How to satisfy it

Promote to a workspace that is cleared for the tags; make the version from other data; or have the owners of the tags
declassify this digest for this workspace (`promote declassify`). When the label cannot be computed, complete the
version's lineage.
",
    is_invariant: true,
    is_overridable: false,
    since: 1,
    schema: schema::<NoParams>,
    validate: validate::<NoParams>,
    check: |promotion, evidence, params| check_params(promotion, evidence, params, check),
};

fn check(promotion: &Promotion, evidence: &Evidence, _: &NoParams) -> Verdict {
    let Some(label) = &evidence.version.label else {
        return Verdict::unavailable(
            "the label of the version could not be computed; complete its lineage",
        );
    };
    if planted!(RollbackUnchecked) && promotion.direction == Direction::Rollback {
        return Verdict::pass("not looked at");
    }
    let lowered = evidence.lowered(promotion.digest);
    let let_through = lowered.tags().iter().map(|(tag, who)| {
        let who: Vec<&PrincipalName> = who.iter().collect();
        format!(
            "`{tag}` is declassified for this digest here by {}",
            and_list(&who)
        )
    });
    match check_label(label, &lowered, &evidence.target) {
        Ok(()) if lowered.tags().is_empty() => Verdict::pass(format!(
            "workspace `{}` is cleared for everything behind it: {label}",
            evidence.target.name
        )),
        Ok(()) => Verdict::Pass {
            observed: let_through.collect(),
        },
        Err(denial) => Verdict::deny(denial.to_string()),
    }
}

#[cfg(test)]
mod tests {

    use serde_json::json;

    use super::*;
    use crate::gate::testing::{TestEvidence, names};
    use crate::model::label::Label;
    use crate::model::verdict::DecisionResult::{Allow, Deny, Unavailable};

    #[test]
    fn every_tag_must_be_cleared_in_every_direction() {
        let label = |tags: &[&str]| {
            TestEvidence::new().with(|_, evidence| evidence.version.label = Label::new(names(tags)))
        };
        let denied = "the data behind it carries `pii`, `resident:eu`, and workspace `prod` is not cleared for that";
        for (case, result, fact) in [
            (
                label(&["internal", "production"]),
                Allow,
                "workspace `prod` is cleared for everything behind it: internal, production",
            ),
            (label(&["internal", "pii", "resident:eu"]), Deny, denied),
            (
                label(&["internal", "pii", "resident:eu"]).rollback(None),
                Deny,
                denied,
            ),
            (
                label(&[]),
                Unavailable,
                "the label of the version could not be computed; complete its lineage",
            ),
        ] {
            case.expect(GATE.name, &json!({}), result, &[fact]);
        }
    }
}
