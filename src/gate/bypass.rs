//! Overrides: two persons let a promotion go on although a gate says no, or not yet.
//!
//! What could not be told is never overridden, nor is a gate whose row says so: flow, edge, digest, signatures and
//! separation of duties hold in an emergency too.

use std::collections::{BTreeMap, BTreeSet};

use crate::gate::bars::bars;
use crate::gate::evidence::Evidence;
use crate::gate::find;
use crate::gate::one_line;
use crate::gate::quorum::differences;
use crate::model::act::{Heard, OVERRIDE_LIMIT, Override, holds_at};
use crate::model::id::PrincipalName;
use crate::model::promotion::Promotion;
use crate::model::verdict::{Decision, Verdict};

/// The fewest persons of an override, whatever the policy says.
pub const MIN_PERSONS: usize = 2;

/// Lets those gates pass that an override covers.
#[must_use]
pub fn apply(decision: Decision, promotion: &Promotion, evidence: &Evidence) -> Decision {
    let standing = standing(promotion, evidence);
    if standing.is_empty() {
        return decision;
    }
    let mut overridden = BTreeSet::new();
    let mut gates = decision.gates;
    for result in &mut gates {
        let is_overridable = find(&result.gate).is_some_and(|gate| gate.is_overridable);
        let facts = match &result.verdict {
            Verdict::Deny { reasons } if is_overridable => reasons,
            Verdict::Pending { needs, .. } if is_overridable => needs,
            Verdict::Deny { .. }
            | Verdict::Pending { .. }
            | Verdict::Pass { .. }
            | Verdict::Unavailable { .. } => continue,
        };
        let Some(by) = covered(&result.gate, &standing, evidence) else {
            continue;
        };
        let observed = by
            .iter()
            .map(|heard| {
                let reason = one_line(&heard.said.signing.reason);
                format!(
                    "overridden by `{}` until {}: {reason}",
                    heard.signer, heard.said.expires_at
                )
            })
            .chain(facts.iter().map(|fact| format!("without it: {fact}")))
            .collect();
        overridden.insert(result.gate.clone());
        result.verdict = Verdict::Pass { observed };
    }
    Decision {
        overridden,
        ..Decision::of(gates)
    }
}

/// The overrides of this promotion that count: one for each person, the latest.
fn standing<'a>(promotion: &Promotion, evidence: &'a Evidence) -> Vec<&'a Heard<Override>> {
    let Some(binding) = evidence.binding(promotion) else {
        return Vec::new();
    };
    if evidence.version.has_unknown_author {
        return Vec::new();
    }
    let bars = bars(evidence);
    let mut latest: BTreeMap<&PrincipalName, &Heard<Override>> = BTreeMap::new();
    for heard in &evidence.acts.overrides {
        latest.insert(&heard.signer, heard);
    }
    let counts = |heard: &&Heard<Override>| {
        let said = &heard.said;
        heard.is_genuine(&said.signing)
            && !bars.contains_key(&heard.signer)
            && differences(&said.binding, &binding).is_empty()
            && holds_at(
                evidence.now,
                said.signing.issued_at,
                said.expires_at,
                OVERRIDE_LIMIT,
            )
    };
    latest.into_values().filter(counts).collect()
}

/// Who together cover a gate: enough persons of every group that the policy names, and two at least.
fn covered<'a>(
    gate: &str,
    standing: &[&'a Heard<Override>],
    evidence: &Evidence,
) -> Option<Vec<&'a Heard<Override>>> {
    let rule = evidence.bypass.as_ref()?;
    let covering: Vec<&Heard<Override>> = standing
        .iter()
        .copied()
        .filter(|heard| heard.said.gates.contains(gate))
        .collect();
    let nobody = BTreeSet::new();
    let mut who: BTreeSet<&PrincipalName> = BTreeSet::new();
    for (group, needed) in &rule.quorum {
        let members = evidence.groups.get(group).unwrap_or(&nobody);
        let of_group: BTreeSet<&PrincipalName> = covering
            .iter()
            .filter(|heard| heard.speaks_for(group, members))
            .map(|heard| &heard.signer)
            .collect();
        if of_group.len() < usize::try_from(*needed).unwrap_or(usize::MAX) {
            return None;
        }
        who.extend(of_group);
    }
    let by: Vec<_> = covering
        .into_iter()
        .filter(|heard| who.contains(&heard.signer))
        .collect();
    (by.len() >= MIN_PERSONS).then_some(by)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::json;

    use super::*;
    use crate::gate::decide::decide;
    use crate::gate::testing::{TestEvidence, names, specs};
    use crate::manifest::policy::OverrideSpec;
    use crate::model::label::Label;
    use crate::model::verdict::DecisionResult::{self, Allow, Deny, Unavailable, Wait};

    fn case() -> TestEvidence {
        TestEvidence::new().with(|_, evidence| {
            evidence.bypass = Some(OverrideSpec {
                quorum: [("risk".parse().unwrap(), 2)].into(),
            });
        })
    }

    fn say(case: TestEvidence, who: &str, spoil: impl Fn(&mut Heard<Override>)) -> TestEvidence {
        case.with(|promotion, evidence| {
            let binding = evidence.binding(promotion).unwrap();
            let mut heard = evidence.heard(who, |signing| Override {
                expires_at: signing.issued_at + SignedDuration::from_hours(4),
                signing,
                binding,
                gates: names(&["approvals", "model-card", "information-flow", "edge"]),
            });
            spoil(&mut heard);
            evidence.acts.overrides.push(heard);
        })
    }

    fn both(case: TestEvidence) -> TestEvidence {
        say(say(case, "bob", |_| {}), "carol", |_| {})
    }

    fn result(case: &TestEvidence) -> (DecisionResult, Vec<String>) {
        let policy = specs(&[
            json!({"gate": "approvals", "quorum": {"risk": 1}}),
            json!({"gate": "model-card"}),
        ]);
        let decision = decide(&case.promotion, &case.evidence, &[&policy]);
        (decision.result, decision.overridden.into_iter().collect())
    }

    fn approvals_alone() -> (DecisionResult, Vec<String>) {
        (Allow, vec!["approvals".to_owned()])
    }

    #[test]
    fn two_persons_let_a_promotion_go_on_and_the_record_says_so() {
        assert_eq!(result(&case()), (Wait, vec![]));
        assert_eq!(result(&say(case(), "bob", |_| {})), (Wait, vec![]));
        let allowed = both(case());
        assert_eq!(result(&allowed), approvals_alone());
        let policy = specs(&[json!({"gate": "approvals", "quorum": {"risk": 1}})]);
        let decision = decide(&allowed.promotion, &allowed.evidence, &[&policy]);
        assert_eq!(
            decision.gates.last().unwrap().verdict.facts(),
            [
                "overridden by `bob` until 2026-06-01T15:00:00Z: because I say so",
                "overridden by `carol` until 2026-06-01T15:00:00Z: because I say so",
                "without it: 1 more of group `risk`: `bob`, `carol` or `dave`",
            ]
        );
        // A rejection is a denial, and an emergency may go over it.
        assert_eq!(result(&both(case().reject("dave"))), approvals_alone());
    }

    #[test]
    fn one_person_with_two_statements_is_one_person() {
        let twice = say(say(case(), "bob", |_| {}), "bob", |_| {});
        assert_eq!(result(&twice), (Wait, vec![]));
    }

    #[test]
    fn what_does_not_count() {
        let spoils: [fn(&mut Heard<Override>); 9] = [
            |heard| heard.said.expires_at += SignedDuration::from_hours(21),
            |heard| heard.said.expires_at = TestEvidence::now(),
            |heard| heard.said.signing.principal = "dave".parse().unwrap(),
            |heard| heard.key_is_trusted = false,
            |heard| heard.said.binding.replaces = None,
            |heard| heard.said.gates = names(&["model-card"]),
            |heard| heard.groups_at_receipt = names(&["ops"]),
            |heard| heard.signer = "alice".parse().unwrap(),
            |heard| heard.said.signing.issued_at = heard.received_at + SignedDuration::from_mins(6),
        ];
        for (number, spoil) in spoils.into_iter().enumerate() {
            let spoilt = say(say(case(), "bob", |_| {}), "carol", spoil);
            assert_eq!(result(&spoilt), (Wait, vec![]), "{number}");
        }
        let none = both(case()).with(|_, evidence| evidence.bypass = None);
        assert_eq!(result(&none), (Wait, vec![]));
        // One of the policy is still two of the rule.
        let one = say(case(), "bob", |_| {}).with(|_, evidence| {
            evidence.bypass = Some(OverrideSpec {
                quorum: [("risk".parse().unwrap(), 1)].into(),
            });
        });
        assert_eq!(result(&one), (Wait, vec![]));
    }

    #[test]
    fn flow_edge_and_the_unknown_are_never_overridden() {
        let labelled = both(case()).with(|_, evidence| {
            evidence.version.label = Label::new(names(&["pii"]));
        });
        assert_eq!(result(&labelled).0, Deny);
        let edge = both(case()).with(|_, evidence| evidence.target.accepts = names(&["dev"]));
        assert_eq!(result(&edge).0, Deny);
        let unknown = both(case()).with(|_, evidence| evidence.version.has_unknown_author = true);
        assert_eq!(result(&unknown).0, Unavailable);
        let inbox = both(case()).with(|_, evidence| {
            evidence.inbox = crate::gate::evidence::InboxFacts::Unknown;
        });
        assert_eq!(result(&inbox), (Unavailable, vec![]));
    }
}
