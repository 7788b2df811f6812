//! `lineage-complete`: everything that the version was made from is known.

use crate::gate::evidence::Evidence;
use crate::gate::params::{NoParams, check as check_params, schema, validate};
use crate::gate::{GateDef, one_line};
use crate::model::promotion::Promotion;
use crate::model::verdict::Verdict;

/// The row of the table.
pub static GATE: GateDef = GateDef {
    name: "lineage-complete",
    summary: "everything that the version was made from is known",
    docs: "\
## What it does

Refuses a version whose lineage has gaps: no data named, a base version that is not registered, a base whose digest is
another. It takes no parameters.

## Why

Who cannot say what a model was trained on cannot answer for it.

## Example

```yaml
gates:
  - gate: lineage-complete
```

## How to satisfy it

Register a version that names its datasets, base versions and code (`promote register … --input …`).
",
    is_invariant: false,
    is_overridable: true,
    since: 1,
    schema: schema::<NoParams>,
    validate: validate::<NoParams>,
    check: |promotion, evidence, params| check_params(promotion, evidence, params, check),
};

fn check(_: &Promotion, evidence: &Evidence, _: &NoParams) -> Verdict {
    let gaps = &evidence.version.lineage_gaps;
    if gaps.is_empty() {
        return Verdict::pass("the lineage has no gaps");
    }
    let reasons = gaps
        .iter()
        .map(|gap| format!("the lineage has a gap: {}", one_line(gap)))
        .collect();
    Verdict::Deny { reasons }
}

#[cfg(test)]
mod tests {

    use serde_json::json;

    use super::*;
    use crate::gate::testing::TestEvidence;
    use crate::model::verdict::DecisionResult::{Allow, Deny};

    #[test]
    fn every_gap_is_listed() {
        let case = TestEvidence::new();
        case.expect(GATE.name, &json!({}), Allow, &["the lineage has no gaps"]);
        let case = case.with(|_, evidence| {
            evidence.version.lineage_gaps = vec![
                "no data is named".to_owned(),
                "base is not registered".to_owned(),
            ];
        });
        case.expect(
            GATE.name,
            &json!({}),
            Deny,
            &[
                "the lineage has a gap: no data is named",
                "the lineage has a gap: base is not registered",
            ],
        );
    }
}
