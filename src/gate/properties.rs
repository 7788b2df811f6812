//! What must hold of the table and of decisions, whatever the evidence.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use crate::gate::evidence::{CardFacts, InboxFacts, SignatureFacts};
use crate::gate::testing::{TestEvidence, held, mark_bad, names, open_for, specs};
use crate::gate::{GATES, decide, find};
use crate::manifest::freeze::{RecurringSpec, WindowSpec};
use crate::manifest::policy::GateSpec;
use crate::model::approval::ApprovalDecision::{Approve, Reject};
use crate::model::label::Label;
use crate::model::promotion::Direction;
use crate::model::verdict::{DecisionResult, GateResult};

const PERSONS: [&str; 6] = ["alice", "bob", "carol", "dave", "erin", "frank"];

/// A policy with every gate that is no invariant.
fn policy() -> Vec<GateSpec> {
    specs(&[
        json!({"gate": "approvals", "quorum": {"risk": 1, "ops": 1}}),
        json!({"gate": "approvals", "quorum": {"risk": 2}, "validity": "48h"}),
        json!({"gate": "commit-signature", "groups": ["ops"]}),
        json!({"gate": "lineage-complete"}),
        json!({"gate": "metric-threshold", "metric": "auc", "minRelativeChange": 0.1, "higherIsBetter": true}),
        json!({"gate": "model-card"}),
        json!({"gate": "promoted-from", "oneOf": ["dev", "qa"]}),
        json!({"gate": "soak-time", "environment": "qa", "duration": "48h"}),
        json!({"gate": "witnessed", "threshold": 1, "maxAge": "24h"}),
    ])
}

fn persons() -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(PERSONS.to_vec(), 0..=PERSONS.len())
}

fn groups() -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(vec!["ops", "risk"], 0..=2)
}

/// Who is in which group, who made the version, and what people said, good and bad.
fn people() -> impl Strategy<Value = TestEvidence> {
    let statement = (select(PERSONS.to_vec()), any::<bool>(), 0..9_u8, groups());
    let statements = prop::collection::vec(statement, 0..6);
    (
        persons(),
        persons(),
        subsequence(PERSONS.to_vec(), 0..3),
        statements,
        groups(),
    )
        .prop_map(|(risk, ops, authors, statements, known)| {
            let mut case = TestEvidence::new().with(|_, evidence| {
                evidence.version.authors = names(&authors);
                for (group, members) in [("risk", risk), ("ops", ops)] {
                    evidence
                        .groups
                        .insert(group.parse().unwrap(), names(&members));
                }
            });
            for (person, is_approval, spoil, groups) in statements {
                let decision = if is_approval { Approve } else { Reject };
                case = case.say(person, decision, |facts| match spoil {
                    0 => facts.approval.binding.replaces = None,
                    1 => facts.key_is_trusted = false,
                    2 => facts.approval.principal = "frank".parse().unwrap(),
                    3 => facts.approval.expires_at = TestEvidence::now(),
                    4 => facts.groups_at_receipt = names(&groups),
                    _ => {}
                });
            }
            if known.is_empty() {
                case.evidence.groups.clear();
            }
            case
        })
}

/// Everything else.
fn evidence() -> impl Strategy<Value = TestEvidence> {
    let text = || ".{0,12}";
    let metric = || {
        select(vec![
            f64::NAN,
            f64::INFINITY,
            -1.0,
            0.0,
            0.9,
            f64::MAX,
            f64::MIN,
        ])
    };
    let request = (
        any::<bool>(),
        0..3_u8,
        0..3_u8,
        prop::option::of((0..3_u32, any::<bool>())),
        0..3_u8,
    );
    let version = (
        subsequence(vec!["internal", "pii", "production"], 0..=3),
        0..3_u8,
        metric(),
        prop::option::of(metric()),
        text(),
    );
    let world = (
        prop::option::of(-60..60_i64),
        any::<bool>(),
        -2..3_i64,
        text(),
        text(),
        any::<bool>(),
    );
    (people(), request, version, world).prop_map(|(case, request, version, world)| {
        let (is_rollback, from, signature, rollback, inbox) = request;
        let mut case = if is_rollback {
            case.rollback(None)
        } else {
            case
        };
        spoil_request(&mut case, from, signature, rollback, inbox);
        let (tags, card, value, champion, gap) = version;
        let evidence = &mut case.evidence;
        let facts = &mut evidence.version;
        facts.label = Label::new(names(&tags));
        facts.card =
            [CardFacts::Missing, CardFacts::Dangling, CardFacts::Present][usize::from(card)];
        facts.metrics = [("auc".parse().unwrap(), value)].into();
        facts.lineage_gaps = vec![gap; usize::from(is_rollback)];
        let champion = champion.map(|value| BTreeMap::from([("auc".parse().unwrap(), value)]));
        evidence.champion.as_mut().unwrap().metrics = champion;
        spoil_world(case, world)
    })
}

fn spoil_world(
    mut case: TestEvidence,
    world: (Option<i64>, bool, i64, String, String, bool),
) -> TestEvidence {
    let (hours, is_verified, open, cron, time_zone, is_held) = world;
    let held = vec![held("qa", hours, is_verified); usize::from(is_held)];
    case.evidence.held.insert("qa".parse().unwrap(), held);
    case.evidence.marked_bad = vec![mark_bad("bob", &cron); usize::from(is_verified)];
    let duration = "1h".to_owned();
    let recurring = WindowSpec::Recurring(RecurringSpec {
        cron,
        duration,
        time_zone,
    });
    case.freeze(
        "sale",
        vec![if is_held { open_for(open) } else { recurring }],
    )
}

fn spoil_request(
    case: &mut TestEvidence,
    from: u8,
    signature: u8,
    rollback: Option<(u32, bool)>,
    inbox: u8,
) {
    case.promotion.from =
        [None, Some("qa"), Some("prod")][usize::from(from)].map(|name: &str| name.parse().unwrap());
    case.evidence.request.commit_signature = [
        SignatureFacts::Missing,
        SignatureFacts::Bad("no".to_owned()),
        SignatureFacts::By("dave".parse().unwrap()),
    ][usize::from(signature)]
    .clone();
    case.evidence.version.has_unknown_author = signature == 1;
    case.evidence.inbox = [
        InboxFacts::Intact,
        InboxFacts::Rewritten,
        InboxFacts::Unknown,
    ][usize::from(inbox)];
    if let Some((needed, during_freeze)) = rollback {
        case.evidence.rollback = Some(crate::manifest::policy::RollbackSpec {
            quorum: [("ops".parse().unwrap(), needed)].into(),
            during_freeze,
        });
    }
}

fn results(case: &TestEvidence) -> Vec<GateResult> {
    decide(&case.promotion, &case.evidence, &[&policy()]).gates
}

/// What `approvals` says of several quorums, one by one.
fn approvals(case: &TestEvidence) -> Vec<DecisionResult> {
    let quorums = [
        json!({"risk": 1}),
        json!({"ops": 1}),
        json!({"risk": 2}),
        json!({"risk": 1, "ops": 1}),
    ];
    let check = |quorum: &Value| {
        case.check("approvals", &json!({ "quorum": quorum }))
            .result()
    };
    quorums.iter().map(check).collect()
}

/// Whether no answer got better: nearer to `allow`.
fn is_no_better(before: &[DecisionResult], after: &[DecisionResult]) -> bool {
    before
        .iter()
        .zip(after)
        .all(|(before, after)| before <= after)
}

#[test]
fn every_field_of_the_binding_binds() {
    let case = TestEvidence::new();
    let good = case.clone().approve("bob");
    let params = json!({"quorum": {"risk": 1}});
    good.expect(
        "approvals",
        &params,
        DecisionResult::Allow,
        &["1 of 1 of group `risk` approved: `bob`"],
    );
    let binding = serde_json::to_value(case.evidence.binding(&case.promotion).unwrap()).unwrap();
    let other_hash = "9".repeat(64);
    let digest = format!("dirhash1:{other_hash}");
    let others = json!({
        "promotion": format!("prod-churn-{other_hash}"), "ledger": "another", "digest": digest, "from": "qa2",
        "environment": "qa", "to": {"workspace": "prod2", "artifact": "retail/model/churn"}, "direction": "rollback",
        "replaces": digest, "policy": other_hash, "manifest": other_hash,
    });
    for field in binding.as_object().unwrap().keys() {
        let mut changed = binding.clone();
        changed[field] = others[field].clone();
        let changed = serde_json::from_value(changed).unwrap();
        let case = case
            .clone()
            .say("bob", Approve, |facts| facts.approval.binding = changed);
        let reason = format!(
            "approval of `bob` does not count: it is bound to another `{field}`; approve again"
        );
        let needs = ["1 more of group `risk`: `bob`, `carol` or `dave`", &reason];
        case.expect("approvals", &params, DecisionResult::Wait, &needs);
    }
}

proptest! {
    #[test]
    fn every_gate_answers_everything_with_a_fact(case in evidence(), weird in select(vec![json!(null), json!([]), json!({"x": {}})])) {
        let decision = decide(&case.promotion, &case.evidence, &[&policy(), &[]]);
        for result in &decision.gates {
            prop_assert!(!result.verdict.facts().is_empty(), "{}", result.gate);
        }
        prop_assert_eq!(Some(decision.result), decision.gates.iter().map(|result| result.verdict.result()).max());
        for gate in GATES {
            let verdict = (gate.check)(&case.promotion, &case.evidence, &weird);
            prop_assert_eq!(verdict.result(), DecisionResult::Unavailable);
        }
    }

    #[test]
    fn approvals_widen_no_other_gate(case in evidence(), person in select(PERSONS.to_vec())) {
        // Without an origin there is nothing that an approval could name.
        let case = case.with(|promotion, _| { promotion.from.get_or_insert("qa".parse().unwrap()); });
        let others = |case: &TestEvidence| {
            let mut results = results(case);
            results.retain(|result| result.gate != "approvals" && result.gate != "separation-of-duties");
            results
        };
        let verdict = |case: &TestEvidence| find("separation-of-duties").map(|gate| (gate.check)(&case.promotion, &case.evidence, &json!({})).result());
        let before = others(&case);
        let duties = verdict(&case);
        let case = case.approve(person);
        prop_assert_eq!(before, others(&case));
        prop_assert_eq!(duties, verdict(&case));
    }

    #[test]
    fn a_barred_person_changes_nothing_for_the_better(case in people(), person in select(PERSONS.to_vec())) {
        let case = case.with(|_, evidence| { evidence.version.authors.insert(person.parse().unwrap()); });
        let before = approvals(&case);
        let case = case.approve(person);
        prop_assert!(is_no_better(&before, &approvals(&case)));
    }

    #[test]
    fn barring_a_person_changes_nothing_for_the_better(case in people(), person in select(PERSONS.to_vec())) {
        let before = approvals(&case);
        let case = case.with(|_, evidence| { evidence.version.authors.insert(person.parse().unwrap()); });
        prop_assert!(is_no_better(&before, &approvals(&case)));
    }

    #[test]
    fn leaving_a_group_changes_nothing_for_the_better(case in people(), person in select(PERSONS.to_vec()), group in select(vec!["risk", "ops"])) {
        let before = approvals(&case);
        let case = case.with(|_, evidence| {
            let members: Option<&mut BTreeSet<_>> = evidence.groups.get_mut(&group.parse().unwrap());
            members.map(|members| members.remove(&person.parse().unwrap()));
        });
        prop_assert!(is_no_better(&before, &approvals(&case)));
    }

    #[test]
    fn time_passing_changes_nothing_for_the_better(case in people(), hours in 0..100_i64) {
        let before = approvals(&case);
        let case = case.with(|_, evidence| evidence.now += SignedDuration::from_hours(hours));
        prop_assert!(is_no_better(&before, &approvals(&case)));
    }

    #[test]
    fn more_tags_change_nothing_for_the_better(case in evidence(), tags in subsequence(vec!["internal", "pii", "production"], 1..=3)) {
        let flow = |case: &TestEvidence| case.check("information-flow", &json!({})).result();
        let before = flow(&case);
        let case = case.with(|_, evidence| {
            let more = Label::new(names(&tags)).unwrap();
            evidence.version.label = evidence.version.label.as_ref().map(|label| label.join(&more));
        });
        prop_assert!(before <= flow(&case));
    }

    #[test]
    fn the_order_of_different_persons_does_not_matter(case in people(), seed in any::<u64>()) {
        let before = results(&case);
        let case = case.with(|_, evidence| {
            let mut by_person: BTreeMap<_, Vec<_>> = BTreeMap::new();
            for facts in evidence.approvals.drain(..) {
                by_person.entry(facts.signer.clone()).or_default().push(facts);
            }
            let mut queues: Vec<_> = by_person.into_values().map(std::collections::VecDeque::from).collect();
            let mut seed = seed;
            while !queues.is_empty() {
                let chosen = usize::try_from(seed % u64::try_from(queues.len()).unwrap()).unwrap();
                seed = seed.rotate_right(7).wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                evidence.approvals.extend(queues[chosen].pop_front());
                queues.retain(|queue| !queue.is_empty());
            }
        });
        prop_assert_eq!(before, results(&case));
    }

    #[test]
    fn a_forward_approval_counts_for_no_rollback(case in people()) {
        let case = case.with(|promotion, _| promotion.direction = Direction::Rollback);
        prop_assert!(!approvals(&case).contains(&DecisionResult::Allow));
    }
}
