//! `retrained`: what was made in its own environment comes of a pipeline that was approved for it.

use std::collections::BTreeSet;

use crate::gate::evidence::Evidence;
use crate::gate::params::{NoParams, check as check_params, schema, validate};
use crate::gate::pipelines::{MadeByFacts, RetrainFacts, SINCE};
use crate::gate::{GateDef, or_list};
use crate::model::promotion::Promotion;
use crate::model::snapshot::DataRef;
use crate::model::verdict::Verdict;

/// The name in policies.
pub(super) const NAME: &str = "retrained";

/// The row of the table.
pub static GATE: GateDef = GateDef {
    name: NAME,
    summary: "a model that was made in its own environment comes of a pipeline that is held there",
    docs: "\
## What it does

Judges a model that was registered in the workspace that it is to be released in, and whose lineage names a pipeline. All of
this must hold:

- the policy of the environment has `spec.retrain`, whose gates then judge instead of `spec.gates`;
- the lineage names one pipeline version, by its digest, and the manifest of that pipeline says `mode: retrain`;
- a workspace of the environment holds that version now, by a promotion;
- the lineage names exactly the datasets that the environment binds to the inputs of the pipeline, and leaves none unknown;
- whoever registered the model is known.

It judges every such model, listed in the policy or not, takes no parameters, and cannot be overridden.

## Why

What was made in prod has no upstream that it could be asked to have been in. What was approved is the pipeline; without this
gate anybody with a key could put a model straight into prod.

## Example

```yaml
gates:
  - gate: retrained
```

## How to satisfy it

Release the pipeline to the environment first, run it there on what is bound there, and register what it made with the
lineage of that run (`promote register … --workspace PROD --input PIPELINE@VERSION=DIGEST --input DATASET`).
",
    is_invariant: true,
    is_overridable: false,
    since: SINCE,
    schema: schema::<NoParams>,
    validate: validate::<NoParams>,
    check: |promotion, evidence, params| check_params(promotion, evidence, params, check),
};

fn check(promotion: &Promotion, evidence: &Evidence, _: &NoParams) -> Verdict {
    let environment = &promotion.environment;
    let Some(facts) = &evidence.retrain else {
        return Verdict::pass("it was not made here by a pipeline");
    };
    let mut reasons = Vec::new();
    if !facts.is_foreseen {
        reasons.push(format!(
            "the policy of `{environment}` lets in nothing that was made there; `spec.retrain` would say by which gates"
        ));
    }
    if evidence.version.has_unknown_author {
        reasons.push("nobody known has signed what it was made from".to_owned());
    }
    if facts.has_unknown_data {
        reasons.push("its lineage names data of no dataset".to_owned());
    }
    match facts.pipelines.as_slice() {
        [pipeline] => reasons.extend(refuse(promotion, facts, pipeline)),
        several => reasons.push(format!(
            "its lineage names {} pipelines; what is retrained comes of one",
            several.len()
        )),
    }
    match facts.pipelines.first() {
        Some(pipeline) if reasons.is_empty() => Verdict::pass(format!(
            "made in `{environment}` by `{}`, which is held there, of the data that is bound there",
            pipeline.version
        )),
        Some(_) | None => Verdict::Deny { reasons },
    }
}

fn refuse(promotion: &Promotion, facts: &RetrainFacts, pipeline: &MadeByFacts) -> Vec<String> {
    let (environment, version) = (&promotion.environment, &pipeline.version);
    let mut reasons = Vec::new();
    if !pipeline.is_retrain {
        reasons.push(format!(
            "`{version}` is not there to be retrained; its manifest would say `mode: retrain`"
        ));
    }
    if pipeline.held.is_empty() {
        reasons.push(format!(
            "`{environment}` does not hold `{version}` by a promotion, so nobody approved it there"
        ));
    }
    let mut bound: BTreeSet<&DataRef> = BTreeSet::new();
    for (input, binding) in &pipeline.inputs {
        let Some(dataset) = &binding.dataset else {
            reasons.push(format!(
                "`{environment}` binds nothing to input `{input}` of `{version}`"
            ));
            continue;
        };
        bound.insert(dataset);
        if !facts.read.contains(dataset) {
            reasons.push(format!(
                "input `{input}` is bound to `{dataset}`, and the lineage does not name that"
            ));
        }
    }
    let others: Vec<&DataRef> = facts
        .read
        .iter()
        .filter(|read| !bound.contains(read))
        .collect();
    if !others.is_empty() {
        reasons.push(format!(
            "it was made of {}, which `{environment}` binds to no input of `{version}`",
            or_list(&others)
        ));
    }
    reasons
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::gate::pipelines::BindingFacts;
    use crate::gate::testing::{TestEvidence, digest, names};
    use crate::model::verdict::DecisionResult::{Allow, Deny};

    fn retrained(spoil: impl FnOnce(&mut RetrainFacts, &mut MadeByFacts)) -> TestEvidence {
        let binding = BindingFacts {
            dataset: Some("sales".parse().unwrap()),
            label: None,
        };
        let mut pipeline = MadeByFacts {
            version: "retail/pipeline/train@1.0.0".parse().unwrap(),
            digest: digest('c'),
            declaration: None,
            is_retrain: true,
            inputs: [("history".parse().unwrap(), binding)].into(),
            held: names(&["prod"]),
        };
        let mut facts = RetrainFacts {
            is_foreseen: true,
            has_unknown_data: false,
            read: names(&["sales"]),
            pipelines: vec![],
        };
        spoil(&mut facts, &mut pipeline);
        if facts.pipelines.is_empty() {
            facts.pipelines.push(pipeline);
        }
        TestEvidence::new().with(|promotion, evidence| {
            promotion.from = Some("prod".parse().unwrap());
            evidence.retrain = Some(facts);
        })
    }

    #[test]
    fn what_was_made_here_comes_of_an_approved_pipeline_and_of_the_data_that_is_bound() {
        let good = "made in `prod` by `retail/pipeline/train@1.0.0`, which is held there, of the data that is bound there";
        retrained(|_, _| {}).expect(NAME, &json!({}), Allow, &[good]);
        type Spoil = fn(&mut RetrainFacts, &mut MadeByFacts);
        let spoils: [(Spoil, &[&str]); 8] = [
            (
                |facts, _| facts.is_foreseen = false,
                &[
                    "the policy of `prod` lets in nothing that was made there; `spec.retrain` would say by which gates",
                ],
            ),
            (
                |facts, _| facts.has_unknown_data = true,
                &["its lineage names data of no dataset"],
            ),
            (
                |facts, pipeline| facts.pipelines = vec![pipeline.clone(), pipeline.clone()],
                &["its lineage names 2 pipelines; what is retrained comes of one"],
            ),
            (
                |_, pipeline| pipeline.is_retrain = false,
                &[
                    "`retail/pipeline/train@1.0.0` is not there to be retrained; its manifest would say `mode: retrain`",
                ],
            ),
            (
                |_, pipeline| pipeline.held.clear(),
                &[
                    "`prod` does not hold `retail/pipeline/train@1.0.0` by a promotion, so nobody approved it there",
                ],
            ),
            (
                |facts, _| facts.read = names(&["other"]),
                &[
                    "input `history` is bound to `sales`, and the lineage does not name that",
                    "it was made of `other`, which `prod` binds to no input of `retail/pipeline/train@1.0.0`",
                ],
            ),
            (
                |facts, _| facts.read = names(&["other", "sales"]),
                &[
                    "it was made of `other`, which `prod` binds to no input of `retail/pipeline/train@1.0.0`",
                ],
            ),
            (
                |facts, pipeline| {
                    facts.read.clear();
                    for binding in pipeline.inputs.values_mut() {
                        binding.dataset = None;
                    }
                },
                &["`prod` binds nothing to input `history` of `retail/pipeline/train@1.0.0`"],
            ),
        ];
        for (spoil, reasons) in spoils {
            retrained(spoil).expect(NAME, &json!({}), Deny, reasons);
        }
        let unsigned =
            retrained(|_, _| {}).with(|_, evidence| evidence.version.has_unknown_author = true);
        let reason = "nobody known has signed what it was made from";
        unsigned.expect(NAME, &json!({}), Deny, &[reason]);
    }

    #[test]
    fn the_edge_lets_through_only_what_this_judges_too() {
        let case = retrained(|_, pipeline| pipeline.held.clear());
        let said = |rules| {
            let (promotion, evidence) = (&case.promotion, &case.evidence);
            let decision = crate::gate::decide::decide_by(rules, promotion, evidence, &[&[]]);
            let gates = decision.gates.into_iter();
            let mut gates = gates.filter(|result| [NAME, "edge"].contains(&result.gate.as_str()));
            (
                gates.next().unwrap().verdict.result(),
                gates.next().map(|gate| gate.verdict.result()),
            )
        };
        assert_eq!(said(SINCE), (Allow, Some(Deny)));
        let bare = case.clone().with(|_, evidence| evidence.retrain = None);
        let (promotion, evidence) = (&bare.promotion, &bare.evidence);
        let decision = crate::gate::decide(promotion, evidence, &[&[]]);
        assert_eq!(decision.result, Deny);
    }
}
