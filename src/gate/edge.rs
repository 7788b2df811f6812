//! `edge`: the workspace takes artifacts from where this one comes from.

use crate::flow::permit::check_edge;
use crate::gate::evidence::Evidence;
use crate::gate::params::{NoParams, check as check_params, schema, validate};
use crate::gate::{GateDef, or_list};
use crate::model::id::WorkspaceName;
use crate::model::promotion::{Direction, Promotion};
use crate::model::verdict::Verdict;

/// The row of the table.
pub static GATE: GateDef = GateDef {
    name: "edge",
    summary: "the workspace accepts artifacts from where this one comes from",
    docs: "\
## What it does

Asks whether the receiving workspace names the origin in `accepts`. A rollback may use the workspace's own copy. So may a
model that a pipeline made in the workspace itself: the gate `retrained` judges that.

It judges every promotion, listed in the policy or not, and takes no parameters.

## Why

The receiving side decides whom it takes from. It is a second defence beside the labels: dev takes nothing from prod
even if a label were wrong.

## Example

```yaml
gates:
  - gate: edge
```

## How to satisfy it

Promote the version into a workspace that the receiving one accepts, and then on from there. To open a new edge, add the
origin to `accepts` in `workspaces/<name>.yaml` and have it signed (`promote trust sign`).
",
    is_invariant: true,
    is_overridable: false,
    since: 1,
    schema: schema::<NoParams>,
    validate: validate::<NoParams>,
    check: |promotion, evidence, params| check_params(promotion, evidence, params, check),
};

fn check(promotion: &Promotion, evidence: &Evidence, _: &NoParams) -> Verdict {
    let target = &evidence.target;
    let Some(origin) = &promotion.from else {
        return Verdict::deny(no_source(evidence));
    };
    if promotion.direction == Direction::Rollback && *origin == target.name {
        return Verdict::pass(format!("workspace `{origin}` uses its own copy"));
    }
    if *origin == target.name && evidence.retrain.is_some() {
        return Verdict::pass(format!(
            "it was made in workspace `{origin}` and crosses no edge; `retrained` judges how"
        ));
    }
    match check_edge(origin, target) {
        Ok(()) => Verdict::pass(format!(
            "workspace `{}` accepts from `{origin}`",
            target.name
        )),
        Err(denial) => Verdict::deny(format!("{denial}; what it accepts is in its `accepts`")),
    }
}

fn no_source(evidence: &Evidence) -> String {
    let target = &evidence.target;
    let accepts: Vec<&WorkspaceName> = target.accepts.iter().collect();
    if accepts.is_empty() {
        format!(
            "workspace `{}` accepts nothing from anywhere; name the origin in its `accepts`",
            target.name
        )
    } else {
        format!(
            "no workspace that `{}` accepts holds the digest; promote it to {} first",
            target.name,
            or_list(&accepts)
        )
    }
}

#[cfg(test)]
mod tests {

    use serde_json::json;

    use super::*;
    use crate::gate::testing::{TestEvidence, names};
    use crate::model::verdict::DecisionResult::{Allow, Deny};

    #[test]
    fn only_accepted_origins_and_the_own_copy_of_a_rollback_pass() {
        let from = |from: Option<&str>| {
            TestEvidence::new()
                .with(|promotion, _| promotion.from = from.map(|name| name.parse().unwrap()))
        };
        let refused = "workspace `prod` does not accept anything from `prod`; what it accepts is in its `accepts`";
        let none = "no workspace that `prod` accepts holds the digest; promote it to `qa` first";
        for (case, result, fact) in [
            (
                from(Some("qa")),
                Allow,
                "workspace `prod` accepts from `qa`",
            ),
            (from(Some("prod")), Deny, refused),
            (
                from(Some("prod")).rollback(None),
                Allow,
                "workspace `prod` uses its own copy",
            ),
            (
                from(Some("dev")).rollback(None),
                Deny,
                "workspace `prod` does not accept anything from `dev`; what it accepts is in its `accepts`",
            ),
            (from(None), Deny, none),
            (from(None).rollback(None), Deny, none),
            (
                from(None).with(|_, evidence| evidence.target.accepts = names(&[])),
                Deny,
                "workspace `prod` accepts nothing from anywhere; name the origin in its `accepts`",
            ),
        ] {
            case.expect(GATE.name, &json!({}), result, &[fact]);
        }
    }
}
