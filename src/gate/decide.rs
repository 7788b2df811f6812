//! The one place where verdicts become a decision.

use serde_json::{Value, json};

use crate::gate::evidence::Evidence;
use crate::gate::policy::asked_gates;
use crate::gate::{GATES, GateDef, approvals, find, separation_of_duties, unknown_gate};
use crate::manifest::policy::GateSpec;
use crate::model::promotion::{Direction, Promotion};
use crate::model::verdict::{Decision, GateResult, Verdict};

/// Judges a promotion: the invariants first, then the gates of each policy in order.
///
/// Every gate runs, whatever the others said. The same gate with the same parameters runs once, with other parameters
/// again, under the same name. A gate that is not known or whose parameters cannot be read is `unavailable`. Without
/// any policy the answer is a denial; a policy without gates is one that leaves the decision to the invariants.
#[must_use]
pub fn decide(promotion: &Promotion, evidence: &Evidence, policies: &[&[GateSpec]]) -> Decision {
    let mut asked = asked_gates(policies);
    // The quorum of going back replaces what `approvals` asks; it must hold too where the policy asks nothing else.
    if let (Direction::Rollback, Some(rollback)) = (promotion.direction, &evidence.rollback)
        && !asks_approvals(&asked)
    {
        asked.push((approvals::NAME, json!({ "quorum": rollback.quorum })));
    }
    let needs_approvals = asks_approvals(&asked);
    let invariants = GATES.iter().filter(|gate| gate.is_invariant);
    let mut results: Vec<GateResult> = invariants
        .map(|gate| check_invariant(gate, promotion, evidence, needs_approvals))
        .collect();
    results.extend(
        asked
            .iter()
            .map(|(name, params)| check_asked(name, promotion, evidence, params)),
    );
    if policies.is_empty() {
        let reason = format!(
            "no policy is adopted for environment `{0}`; write `policies/{0}.yaml`",
            promotion.environment
        );
        results.push(result("policy", Verdict::deny(reason)));
    }
    Decision::of(results)
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
    name: &str,
    promotion: &Promotion,
    evidence: &Evidence,
    params: &Value,
) -> GateResult {
    let verdict = match find(name) {
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
