//! `model-card`: a model has a card.

use crate::gate::GateDef;
use crate::gate::evidence::{CardFacts, Evidence};
use crate::gate::params::{NoParams, check as check_params, schema, validate};
use crate::model::artifact::ArtifactKind;
use crate::model::promotion::Promotion;
use crate::model::verdict::Verdict;

/// The row of the table.
pub static GATE: GateDef = GateDef {
    name: "model-card",
    summary: "a model has a model card",
    docs: "\
## What it does

Asks whether the version's manifest names a model card that is one of the version's files. What is not a model passes.
It takes no parameters.

## Why

Who uses or approves a model needs to read what it is for, how it was measured and where it fails.

## Example

```yaml
gates:
  - gate: model-card
```

## How to satisfy it

Put the card, such as `README.md`, beside the model's files and name it as `card` in the version's manifest.
",
    is_invariant: false,
    is_overridable: true,
    since: 1,
    schema: schema::<NoParams>,
    validate: validate::<NoParams>,
    check: |promotion, evidence, params| check_params(promotion, evidence, params, check),
};

fn check(promotion: &Promotion, evidence: &Evidence, _: &NoParams) -> Verdict {
    match promotion.slot.artifact.kind {
        ArtifactKind::Model => {}
        kind @ (ArtifactKind::Runtime | ArtifactKind::Component | ArtifactKind::Pipeline) => {
            return Verdict::pass(format!("a {kind} is not a model and needs no card"));
        }
    }
    match evidence.version.card {
        CardFacts::Present => Verdict::pass("the version has its model card"),
        CardFacts::Missing => Verdict::deny(
            "the manifest names no model card; register a version with one, named as `card`",
        ),
        CardFacts::Dangling => Verdict::deny(
            "the model card that the manifest names is not a file of the version; register one that has it",
        ),
    }
}

#[cfg(test)]
mod tests {

    use serde_json::json;

    use super::*;
    use crate::gate::testing::TestEvidence;
    use crate::model::verdict::DecisionResult::{Allow, Deny};

    #[test]
    fn a_model_needs_its_card_and_nothing_else_does() {
        let card = |card| TestEvidence::new().with(|_, evidence| evidence.version.card = card);
        let pipeline = card(CardFacts::Missing)
            .with(|promotion, _| promotion.slot.artifact.kind = ArtifactKind::Pipeline);
        for (case, result, fact) in [
            (
                card(CardFacts::Present),
                Allow,
                "the version has its model card",
            ),
            (
                card(CardFacts::Missing),
                Deny,
                "the manifest names no model card; register a version with one, named as `card`",
            ),
            (
                card(CardFacts::Dangling),
                Deny,
                "the model card that the manifest names is not a file of the version; register one that has it",
            ),
            (
                pipeline,
                Allow,
                "a pipeline is not a model and needs no card",
            ),
        ] {
            case.expect(GATE.name, &json!({}), result, &[fact]);
        }
    }
}
