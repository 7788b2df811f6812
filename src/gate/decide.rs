//! The one place where verdicts become a decision.

use serde_json::{Value, json};

use crate::gate::evidence::Evidence;
use crate::gate::policy::asked_gates;
use crate::gate::{
    GATES, GateDef, RULES_VERSION, approvals, bound_inputs, bypass, dependencies, find,
    metric_threshold, pipelines, retrained, separation_of_duties, unknown_gate,
};
use crate::manifest::policy::GateSpec;
use crate::model::artifact::ArtifactKind;
#[cfg(test)]
use crate::model::planted::planted;
use crate::model::promotion::{Direction, Promotion};
use crate::model::verdict::{Decision, GateResult, Verdict};

/// Judges a promotion: the invariants first, then the gates of each policy in order.
///
/// Every gate runs, whatever the others said. The same gate with the same parameters runs once, with other parameters
/// again, under the same name. A gate that is not known or whose parameters cannot be read is `unavailable`. Without
/// any policy the answer is a denial; a policy without gates is one that leaves the decision to the invariants.
#[must_use]
pub fn decide(promotion: &Promotion, evidence: &Evidence, policies: &[&[GateSpec]]) -> Decision {
    let decision = || decide_by(RULES_VERSION, promotion, evidence, policies);
    #[cfg(test)]
    if planted!(DecisionCached) {
        let key = format!("{} {}", promotion.digest, promotion.slot);
        return crate::model::planted::kept(&key, decision);
    }
    decision()
}

/// The decision that an earlier version of the rules comes to, so that old decisions can be made again.
#[must_use]
pub fn decide_by(
    rules: u32,
    promotion: &Promotion,
    evidence: &Evidence,
    policies: &[&[GateSpec]],
) -> Decision {
    let asked = asked(promotion, evidence, policies);
    let needs_approvals = asks_approvals(&asked);
    let invariants = GATES.iter().filter(|gate| {
        gate.is_invariant && gate.since <= rules && concerns(gate, promotion, evidence)
    });
    let mut results: Vec<GateResult> = invariants
        .map(|gate| check_invariant(gate, promotion, evidence, needs_approvals))
        .collect();
    results.extend(
        asked
            .iter()
            .map(|(name, params)| check_asked(rules, name, promotion, evidence, params)),
    );
    if policies.is_empty() {
        let reason = format!(
            "no policy is adopted for environment `{0}`; write `policies/{0}.yaml`",
            promotion.environment
        );
        results.push(result("policy", Verdict::deny(reason)));
    }
    bypass::apply(Decision::of(results), promotion, evidence)
}

/// The gates that a promotion must pass beyond the invariants, with their parameters.
pub(super) fn asked<'a>(
    promotion: &Promotion,
    evidence: &Evidence,
    policies: &[&'a [GateSpec]],
) -> Vec<(&'a str, Value)> {
    let mut asked = asked_gates(policies);
    // The quorum of going back replaces what `approvals` asks; it must hold too where the policy asks nothing else.
    if let (Direction::Rollback, Some(rollback)) = (promotion.direction, &evidence.rollback)
        && !asks_approvals(&asked)
    {
        asked.push((approvals::NAME, json!({ "quorum": rollback.quorum })));
    }
    asked
}

/// Whether an invariant has anything to judge. Those about pipelines are not asked of what has no part in one: an answer
/// that can be no other would only hide those that matter.
fn concerns(gate: &GateDef, promotion: &Promotion, evidence: &Evidence) -> bool {
    match gate.name {
        bound_inputs::NAME => promotion.slot.artifact.kind == ArtifactKind::Pipeline,
        dependencies::NAME => !evidence.needs.is_empty(),
        retrained::NAME => evidence.retrain.is_some(),
        _ => true,
    }
}

fn asks_approvals(asked: &[(&str, Value)]) -> bool {
    asked.iter().any(|(name, _)| *name == approvals::NAME)
}

fn check_invariant(
    gate: &GateDef,
    promotion: &Promotion,
    evidence: &Evidence,
    needs_approvals: bool,
) -> GateResult {
    // Whose approvals count matters only where approvals are asked for; a gate cannot see the rest of the policy.
    let verdict = if gate.name == separation_of_duties::NAME && !needs_approvals {
        Verdict::pass("no approvals are asked for")
    } else {
        (gate.check)(promotion, evidence, &json!({}))
    };
    result(gate.name, verdict)
}

fn check_asked(
    rules: u32,
    name: &str,
    promotion: &Promotion,
    evidence: &Evidence,
    params: &Value,
) -> GateResult {
    let kind = promotion.slot.artifact.kind;
    let is_unmeasured =
        rules >= pipelines::SINCE && name == metric_threshold::NAME && kind != ArtifactKind::Model;
    let verdict = match find(name) {
        // Before version 4, whoever measured models could promote nothing else.
        Some(_) if is_unmeasured => {
            Verdict::pass(format!("a {kind} is not a model and is not measured"))
        }
        Some(gate) => (gate.check)(promotion, evidence, params),
        None => Verdict::unavailable(unknown_gate(name)),
    };
    result(name, verdict)
}

fn result(gate: &str, verdict: Verdict) -> GateResult {
    GateResult {
        gate: gate.to_owned(),
        verdict,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::testing::{TestEvidence, specs};
    use crate::model::verdict::DecisionResult;

    #[test]
    fn a_complete_promotion_is_allowed_and_wakes_nobody() {
        let case = TestEvidence::new().approve("bob").approve("dave");
        let policy = specs(&[
            json!({"gate": "approvals", "quorum": {"risk": 2, "ops": 1}}),
            json!({"gate": "edge"}),
            json!({"gate": "soak-time", "environment": "qa", "duration": "48h"}),
            json!({"gate": "soak-time", "environment": "qa", "duration": "48h"}),
            json!({"gate": "soak-time", "environment": "qa", "duration": "49h"}),
        ]);
        let decision = decide(&case.promotion, &case.evidence, &[&policy, &policy]);
        assert_eq!(decision.result, DecisionResult::Allow, "{decision:?}");
        assert_eq!(decision.wake_at(), None);
        let gates: Vec<&str> = decision
            .gates
            .iter()
            .map(|result| result.gate.as_str())
            .collect();
        assert_eq!(
            gates,
            [
                "deny-list",
                "edge",
                "freeze-window",
                "hold",
                "information-flow",
                "review",
                "separation-of-duties",
                "approvals",
                "soak-time",
                "soak-time"
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_is_unavailable_and_the_rest_still_runs() {
        let case = TestEvidence::new();
        let policy = specs(&[
            json!({"gate": "aprovals", "quorum": {"risk": 1}}),
            json!({"gate": "soak-time", "environment": "qa", "duration": 48}),
            json!({"gate": "edge", "from": "dev"}),
            json!({"gate": "model-card"}),
        ]);
        let decision = decide(&case.promotion, &case.evidence, &[&policy]);
        assert_eq!(decision.result, DecisionResult::Unavailable);
        let facts: Vec<String> = decision
            .gates
            .iter()
            .skip(7)
            .map(|result| format!("{}: {}", result.gate, result.verdict.facts().join("; ")))
            .collect();
        assert_eq!(
            facts,
            [
                "aprovals: there is no gate `aprovals`; did you mean `approvals`?",
                "soak-time: parameter `duration` cannot be read: invalid type: integer `48`, expected a string",
                "edge: parameter `from` cannot be read: there is no parameter `from`; this gate takes none",
                "model-card: the version has its model card",
            ]
        );
    }

    #[test]
    fn only_models_are_measured_since_the_fourth_rules() {
        let policy = specs(&[
            json!({"gate": "metric-threshold", "metric": "f1", "threshold": 0.9, "higherIsBetter": true}),
        ]);
        let said = |rules, artifact: &str| {
            let case = TestEvidence::new()
                .with(|promotion, _| promotion.slot.artifact = artifact.parse().unwrap());
            let (promotion, evidence) = (&case.promotion, &case.evidence);
            let decision = decide_by(rules, promotion, evidence, &[&policy]);
            decision.gates.last().unwrap().verdict.facts().join("; ")
        };
        let missing = "the version has no metric `f1`; register one that has it (`promote register … --metric f1=…`)";
        assert_eq!(said(4, "retail/model/churn"), missing);
        assert_eq!(said(3, "retail/component/prepare"), missing);
        assert_eq!(
            said(4, "retail/component/prepare"),
            "a component is not a model and is not measured"
        );
    }

    #[test]
    fn without_any_policy_the_answer_is_no() {
        let case = TestEvidence::new();
        let decision = decide(&case.promotion, &case.evidence, &[]);
        assert_eq!(decision.result, DecisionResult::Deny);
        assert_eq!(
            decision.gates.last().unwrap().verdict.facts(),
            ["no policy is adopted for environment `prod`; write `policies/prod.yaml`"]
        );
        assert_eq!(
            decide(&case.promotion, &case.evidence, &[&[]]).result,
            DecisionResult::Allow
        );
    }

    #[test]
    fn unknown_authors_matter_where_approvals_are_asked() {
        let case =
            TestEvidence::new().with(|_, evidence| evidence.version.has_unknown_author = true);
        let result = |case: &TestEvidence, policy: &[GateSpec]| {
            decide(&case.promotion, &case.evidence, &[policy]).result
        };
        assert_eq!(result(&case, &[]), DecisionResult::Allow);
        let asks = specs(&[json!({"gate": "approvals", "quorum": {"risk": 1}})]);
        let approved = case.clone().approve("bob");
        assert_eq!(result(&approved, &asks), DecisionResult::Unavailable);
        let back = case.rollback(Some(("ops", 1, false))).approve("dave");
        assert_eq!(result(&back, &[]), DecisionResult::Unavailable);
    }

    #[test]
    fn the_quorum_of_going_back_holds_in_a_policy_without_approvals() {
        let back = TestEvidence::new().rollback(Some(("ops", 1, false)));
        let result = |case: &TestEvidence| decide(&case.promotion, &case.evidence, &[&[]]).result;
        assert_eq!(result(&back), DecisionResult::Wait);
        assert_eq!(result(&back.approve("dave")), DecisionResult::Allow);
    }
}
