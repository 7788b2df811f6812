//! `bound-inputs`: a pipeline reads only what the workspace is cleared for.

use crate::flow::declassification::Lowered;
use crate::flow::permit::check_label;
use crate::gate::evidence::Evidence;
use crate::gate::params::{NoParams, check as check_params, schema, validate};
use crate::gate::pipelines::{BindingFacts, SINCE};
use crate::gate::{GateDef, and_list};
use crate::model::id::InputName;
use crate::model::promotion::Promotion;
use crate::model::verdict::Verdict;

/// The name in policies.
pub(super) const NAME: &str = "bound-inputs";

/// The row of the table.
pub static GATE: GateDef = GateDef {
    name: NAME,
    summary: "the workspace is cleared for all data that its environment binds to the pipeline",
    docs: "\
## What it does

Looks at every input of a pipeline: its manifest binds a dataset to it for the environment, and the workspace is cleared for
all that this dataset carries. It judges every promotion of a pipeline in every direction, listed in the policy or not, and
takes no parameters. Other artifacts have no inputs, and are not asked.

## Why

A pipeline goes up as code, and reads what it finds where it runs. Bound to production data in dev, it would bring there
what no promotion may.

## Example

```yaml
gates:
  - gate: bound-inputs
```

## How to satisfy it

Bind a dataset that the workspace is cleared for, in `spec.inputs` of the pipeline's manifest; or release the pipeline to
other workspaces of the environment (`promote request … --workspace NAME`).
",
    is_invariant: true,
    is_overridable: false,
    since: SINCE,
    schema: schema::<NoParams>,
    validate: validate::<NoParams>,
    check: |promotion, evidence, params| check_params(promotion, evidence, params, check),
};

fn check(promotion: &Promotion, evidence: &Evidence, _: &NoParams) -> Verdict {
    let Some(pipeline) = &evidence.pipeline else {
        return Verdict::unavailable("the manifest of the pipeline cannot be read");
    };
    let inputs = pipeline.inputs.iter();
    let reasons: Vec<String> = inputs
        .filter_map(|(input, binding)| refuse(promotion, evidence, input, binding))
        .collect();
    if !reasons.is_empty() {
        return Verdict::Deny { reasons };
    }
    let names: Vec<&InputName> = pipeline.inputs.keys().collect();
    Verdict::pass(if names.is_empty() {
        "the pipeline has no inputs".to_owned()
    } else {
        format!(
            "workspace `{}` is cleared for what is bound to {}",
            evidence.target.name,
            and_list(&names)
        )
    })
}

/// Why an input may not be read here. It does not name the dataset: who reads this may not be allowed to know of it.
fn refuse(
    promotion: &Promotion,
    evidence: &Evidence,
    input: &InputName,
    binding: &BindingFacts,
) -> Option<String> {
    let environment = &promotion.environment;
    if binding.dataset.is_none() {
        return Some(format!(
            "input `{input}` has no dataset in `{environment}`; bind one in `spec.inputs` of the pipeline"
        ));
    }
    let Some(label) = &binding.label else {
        return Some(format!(
            "input `{input}` is bound in `{environment}` to a dataset that nobody declared"
        ));
    };
    let denial = check_label(label, &Lowered::nothing(), &evidence.target).err()?;
    Some(format!("input `{input}`: {denial}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::gate::pipelines::PipelineFacts;
    use crate::gate::testing::{TestEvidence, names};
    use crate::model::digest::Sha256;
    use crate::model::label::Label;
    use crate::model::verdict::DecisionResult::{Allow, Deny, Unavailable};

    fn bound(inputs: &[(&str, Option<&str>, &[&str])]) -> TestEvidence {
        let inputs = inputs.iter().map(|(input, dataset, label)| {
            let binding = BindingFacts {
                dataset: dataset.map(|name| name.parse().unwrap()),
                label: Label::new(names(label)),
            };
            (input.parse().unwrap(), binding)
        });
        let facts = PipelineFacts {
            declaration: Sha256::of(b"declaration"),
            inputs: inputs.collect(),
        };
        TestEvidence::new().with(|promotion, evidence| {
            promotion.slot.artifact = "retail/pipeline/train".parse().unwrap();
            evidence.pipeline = Some(facts);
        })
    }

    #[test]
    fn every_input_is_bound_to_what_the_workspace_is_cleared_for() {
        let sales = ("sales", Some("sales"), &["internal", "production"][..]);
        let people = ("people", Some("people"), &["internal", "pii"][..]);
        let refused = "input `people`: the data behind it carries `pii`, and workspace `prod` is not cleared for that";
        for (case, result, facts) in [
            (bound(&[]), Allow, &["the pipeline has no inputs"][..]),
            (
                bound(&[sales]),
                Allow,
                &["workspace `prod` is cleared for what is bound to `sales`"],
            ),
            (bound(&[sales, people]), Deny, &[refused]),
            (bound(&[people]).rollback(None), Deny, &[refused]),
            (
                bound(&[("a", None, &[]), ("b", Some("gone"), &[])]),
                Deny,
                &[
                    "input `a` has no dataset in `prod`; bind one in `spec.inputs` of the pipeline",
                    "input `b` is bound in `prod` to a dataset that nobody declared",
                ],
            ),
            (
                TestEvidence::new(),
                Unavailable,
                &["the manifest of the pipeline cannot be read"],
            ),
        ] {
            case.expect(NAME, &json!({}), result, facts);
        }
    }

    #[test]
    fn it_judges_every_pipeline_and_nothing_else() {
        let asked = |case: &TestEvidence, rules| {
            let decision =
                crate::gate::decide::decide_by(rules, &case.promotion, &case.evidence, &[&[]]);
            decision.gates.iter().any(|result| result.gate == NAME)
        };
        assert!(asked(&bound(&[]), 4));
        assert!(
            !asked(&bound(&[]), 3),
            "decisions of earlier rules stay as they were"
        );
        assert!(!asked(&TestEvidence::new(), 4));
    }
}
