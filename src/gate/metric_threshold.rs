//! `metric-threshold`: a metric is good enough, alone and against the champion.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::gate::evidence::Evidence;
use crate::gate::params::{GateParams, ParamsError, check as check_params, schema, validate};
use crate::gate::{GateDef, pass_rollback};
use crate::model::id::MetricName;
use crate::model::promotion::Promotion;
use crate::model::verdict::{DecisionResult, Verdict};

/// The name in policies.
pub(super) const NAME: &str = "metric-threshold";

/// The row of the table.
pub static GATE: GateDef = GateDef {
    name: NAME,
    summary: "a metric is good enough, alone and against the champion",
    docs: "\
## What it does

Compares a metric of the version with a threshold, with the metric of the champion (what the slot holds now), or both.
At least one of the three conditions is needed, and all that are given must hold:

- `threshold`: the metric is at least this, or at most this when lower is better.
- `minAbsoluteChange`: it is better than the champion's by at least this much; 0 means not worse.
- `minRelativeChange`: it is better by at least this share of the champion's, from 0 to 1. When the champion's metric is
  0 there is no share, and any improvement is enough.

Without a champion the changes hold. A metric that is missing or not a finite number never passes; a champion whose
metric is not known cannot be compared with. `mode: dry-run` says what it would have said and passes; `mode: disabled`
passes. A rollback passes, since the slot has held the digest before. Pipelines, components and runtimes are not measured.

## Why

A new model replaces an old one only when it is better.

## Example

```yaml
gates:
  - gate: metric-threshold
    metric: auc
    higherIsBetter: true
    threshold: 0.85
    minAbsoluteChange: 0.01
    mode: enabled
```

## How to satisfy it

Register a version that measures better, with its metric (`promote register … --metric auc=0.91`).
",
    is_invariant: false,
    is_overridable: true,
    since: 1,
    schema: schema::<Params>,
    validate: validate::<Params>,
    check: |promotion, evidence, params| check_params(promotion, evidence, params, check),
};

/// The parameters of `metric-threshold`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("anyOf" = [{ "required": ["threshold"] }, { "required": ["minAbsoluteChange"] }, { "required": ["minRelativeChange"] }]))]
pub struct Params {
    /// The metric.
    pub metric: MetricName,
    /// The value that it must reach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub threshold: Option<f64>,
    /// How much better than the champion it must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64", range(min = 0))]
    pub min_absolute_change: Option<f64>,
    /// How much better than the champion it must be, as a share of the champion's metric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64", range(min = 0, max = 1))]
    pub min_relative_change: Option<f64>,
    /// Whether more is better, as it is for accuracy and not for an error.
    pub higher_is_better: bool,
    /// Whether it decides, only reports, or does nothing.
    #[serde(default)]
    pub mode: Mode,
}

/// What the gate does with its answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// It decides.
    #[default]
    Enabled,
    /// It reports and passes.
    DryRun,
    /// It passes.
    Disabled,
}

impl GateParams for Params {
    fn verify(&self) -> Result<(), ParamsError> {
        let conditions = [
            ("threshold", self.threshold, f64::MIN..=f64::MAX),
            (
                "minAbsoluteChange",
                self.min_absolute_change,
                0.0..=f64::MAX,
            ),
            ("minRelativeChange", self.min_relative_change, 0.0..=1.0),
        ];
        if conditions.iter().all(|(_, value, _)| value.is_none()) {
            let message = "write `threshold`, `minAbsoluteChange` or `minRelativeChange`; without a condition every metric would pass";
            return Err(ParamsError::at("", message));
        }
        for (path, value, range) in conditions {
            if let Some(value) = value
                && !range.contains(&value)
            {
                let message = format!(
                    "`{value}` is out of range; write a number of at least {}, at most {}",
                    range.start(),
                    range.end()
                );
                return Err(ParamsError::at(path, message));
            }
        }
        Ok(())
    }
}

fn check(promotion: &Promotion, evidence: &Evidence, params: &Params) -> Verdict {
    if let Some(pass) = pass_rollback(promotion) {
        return pass;
    }
    match params.mode {
        Mode::Enabled => judge(evidence, params),
        Mode::Disabled => Verdict::pass("disabled by the policy"),
        Mode::DryRun => {
            let verdict = judge(evidence, params);
            let observed = verdict.facts().iter();
            let would = match verdict.result() {
                DecisionResult::Allow => "pass",
                DecisionResult::Wait => "wait",
                DecisionResult::Unavailable => "be unavailable",
                DecisionResult::Deny => "deny",
            };
            let observed = observed
                .map(|fact| format!("dry run, would {would}: {fact}"))
                .collect();
            Verdict::Pass { observed }
        }
    }
}

/// What was found, by what it means for the verdict.
#[derive(Debug, Default)]
struct Findings {
    observed: Vec<String>,
    what: Vec<String>,
    reasons: Vec<String>,
}

impl Findings {
    fn verdict(self) -> Verdict {
        if !self.reasons.is_empty() {
            Verdict::Deny {
                reasons: self.reasons,
            }
        } else if !self.what.is_empty() {
            Verdict::Unavailable { what: self.what }
        } else {
            Verdict::Pass {
                observed: self.observed,
            }
        }
    }

    fn note(&mut self, holds: bool, fact: String) {
        if holds {
            self.observed.push(fact);
        } else {
            self.reasons.push(fact);
        }
    }
}

fn judge(evidence: &Evidence, params: &Params) -> Verdict {
    let metric = &params.metric;
    let Some(value) = evidence.version.metrics.get(metric).copied() else {
        return Verdict::deny(format!(
            "the version has no metric `{metric}`; register one that has it (`promote register … --metric {metric}=…`)"
        ));
    };
    if !value.is_finite() {
        return Verdict::deny(format!(
            "metric `{metric}` is {value}, which is not a finite number"
        ));
    }
    let mut findings = Findings::default();
    if let Some(threshold) = params.threshold {
        let (holds, bound) = if params.higher_is_better {
            (value >= threshold, "least")
        } else {
            (value <= threshold, "most")
        };
        findings.note(
            holds,
            format!("`{metric}` is {value}; at {bound} {threshold} is asked"),
        );
    }
    if params.min_absolute_change.is_some() || params.min_relative_change.is_some() {
        judge_changes(evidence, params, value, &mut findings);
    }
    findings.verdict()
}

/// Compares with the champion.
fn judge_changes(evidence: &Evidence, params: &Params, value: f64, findings: &mut Findings) {
    let metric = &params.metric;
    let Some(champion) = &evidence.champion else {
        findings.observed.push(format!(
            "the slot holds nothing yet that `{metric}` could be compared with"
        ));
        return;
    };
    let baseline = champion
        .metrics
        .as_ref()
        .and_then(|metrics| metrics.get(metric))
        .copied();
    let Some(baseline) = baseline.filter(|baseline| baseline.is_finite()) else {
        findings.what.push(format!("metric `{metric}` of what the slot holds now is not known, so nothing can be compared with it"));
        return;
    };
    let gain = if params.higher_is_better {
        value - baseline
    } else {
        baseline - value
    };
    if let Some(least) = params.min_absolute_change {
        findings.note(gain >= least, format!("`{metric}` is {value} after {baseline}, better by {gain}; at least {least} is asked"));
    }
    if let Some(least) = params.min_relative_change {
        if baseline == 0.0 {
            findings.note(
                gain > 0.0,
                format!("`{metric}` is {value} after 0; any improvement is asked"),
            );
        } else {
            let share = gain / baseline.abs();
            findings.note(share >= least, format!("`{metric}` is {value} after {baseline}, better by a share of {share}; at least {least} is asked"));
        }
    }
}

#[cfg(test)]
mod tests {

    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;
    use crate::gate::testing::TestEvidence;
    use crate::model::verdict::DecisionResult::{Allow, Deny, Unavailable};

    fn metric(value: f64) -> BTreeMap<MetricName, f64> {
        [("auc".parse().unwrap(), value)].into()
    }

    /// The version's metric, and what the champion has: nothing, no metric, or a metric.
    fn case(value: f64, champion: Option<Option<f64>>) -> TestEvidence {
        TestEvidence::new().with(|_, evidence| {
            evidence.version.metrics = metric(value);
            evidence.champion =
                evidence
                    .champion
                    .take()
                    .zip(champion)
                    .map(|(mut facts, champion)| {
                        facts.metrics = champion.map(metric);
                        facts
                    });
        })
    }

    fn params(condition: &str, value: f64, higher_is_better: bool) -> Value {
        json!({"metric": "auc", condition: value, "higherIsBetter": higher_is_better})
    }

    #[test]
    fn each_condition_decides_in_both_senses() {
        let threshold = |better| params("threshold", 0.5, better);
        let absolute = |better| params("minAbsoluteChange", 0.25, better);
        let relative = |better| params("minRelativeChange", 0.5, better);
        for (value, champion, params, result) in [
            (0.5, None, threshold(true), Allow),
            (0.25, None, threshold(true), Deny),
            (0.5, None, threshold(false), Allow),
            (0.75, None, threshold(false), Deny),
            (0.75, Some(Some(0.5)), absolute(true), Allow),
            (0.5, Some(Some(0.5)), absolute(true), Deny),
            (
                0.5,
                Some(Some(0.5)),
                params("minAbsoluteChange", 0.0, true),
                Allow,
            ),
            (0.25, Some(Some(0.5)), absolute(false), Allow),
            (0.75, Some(Some(0.5)), absolute(false), Deny),
            (0.75, Some(Some(0.5)), relative(true), Allow),
            (0.625, Some(Some(0.5)), relative(true), Deny),
            (-0.25, Some(Some(-0.5)), relative(true), Allow),
            (0.25, Some(Some(0.5)), relative(false), Allow),
            (0.375, Some(Some(0.5)), relative(false), Deny),
            (0.125, Some(Some(0.0)), relative(true), Allow),
            (0.0, Some(Some(0.0)), relative(true), Deny),
            (-0.125, Some(Some(0.0)), relative(false), Allow),
            (0.75, None, absolute(true), Allow),
            (0.75, Some(None), absolute(true), Unavailable),
            (0.75, Some(Some(f64::NAN)), absolute(true), Unavailable),
            (0.75, Some(None), threshold(true), Allow),
            (f64::NAN, None, absolute(true), Deny),
            (f64::NAN, None, threshold(false), Deny),
            (f64::INFINITY, None, threshold(true), Deny),
            (f64::NEG_INFINITY, None, threshold(false), Deny),
        ] {
            let verdict = case(value, champion).check(GATE.name, &params);
            assert_eq!(
                verdict.result(),
                result,
                "{value} {champion:?} {params}: {verdict:?}"
            );
        }
    }

    #[test]
    fn the_facts_are_in_the_answer() {
        let all = |mode: &str| {
            json!({
                "metric": "auc", "threshold": 0.5, "minAbsoluteChange": 0.25, "minRelativeChange": 0.25, "higherIsBetter": true, "mode": mode,
            })
        };
        let worse = case(0.25, Some(Some(0.5)));
        let reasons = [
            "`auc` is 0.25; at least 0.5 is asked",
            "`auc` is 0.25 after 0.5, better by -0.25; at least 0.25 is asked",
            "`auc` is 0.25 after 0.5, better by a share of -0.5; at least 0.25 is asked",
        ];
        worse.expect(GATE.name, &all("enabled"), Deny, &reasons);
        let reported = reasons.map(|reason| format!("dry run, would deny: {reason}"));
        worse.expect(
            GATE.name,
            &all("dry-run"),
            Allow,
            &reported.each_ref().map(String::as_str),
        );
        worse.expect(
            GATE.name,
            &all("disabled"),
            Allow,
            &["disabled by the policy"],
        );
        worse.clone().rollback(None).expect(
            GATE.name,
            &all("enabled"),
            Allow,
            &["a rollback: the slot has held this digest before"],
        );
        let missing = worse.with(|_, evidence| evidence.version.metrics.clear());
        missing.expect(GATE.name, &all("enabled"), Deny, &["the version has no metric `auc`; register one that has it (`promote register … --metric auc=…`)"]);
        case(0.75, None).expect(
            GATE.name,
            &params("minAbsoluteChange", 0.25, true),
            Allow,
            &["the slot holds nothing yet that `auc` could be compared with"],
        );
    }

    #[test]
    fn conditions_are_needed_and_in_range() {
        for (params, path) in [
            (json!({"metric": "auc", "higherIsBetter": true}), ""),
            (json!({"metric": "auc", "threshold": 1}), ""),
            (params("minAbsoluteChange", -0.1, true), "minAbsoluteChange"),
            (params("minRelativeChange", 5.0, true), "minRelativeChange"),
            (
                json!({"metric": "auc", "threshold": 1, "higherIsBetter": true, "mode": "dry_run"}),
                "mode",
            ),
        ] {
            assert_eq!((GATE.validate)(&params).unwrap_err().path, path, "{params}");
        }
    }
}
