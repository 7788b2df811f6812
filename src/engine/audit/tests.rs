//! An engine that lies: everything is signed with its own good key, and the audit tells.

use std::collections::BTreeSet;

use super::*;
use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::evidence::Judged;
use crate::engine::execute::push_judgement;
use crate::engine::testing::{Made, TestOrganisation};
use crate::engine::world::World;
use crate::gate::decide::decide;
use crate::gate::evidence::{AttestationFacts, AttestationFinding};
use crate::gate::policy::policy_digest;
use crate::manifest::policy::GateSpec;
use crate::model::approval::ApprovalDecision;
use crate::model::event::Said;
use crate::model::label::Label;
use crate::model::lineage::Lineage;
use crate::model::promotion::{Direction, Promotion};
use crate::model::verdict::{Decision, Verdict};
use crate::plan::desired::Change;

pub(super) const FIRST: &str = "wildlife/model/penguin-species@1.0.0";

/// A version is asked for in qa, and nobody has approved it.
fn waiting() -> TestOrganisation {
    let organisation = TestOrganisation::new();
    organisation.register("eve", FIRST, &Made::default());
    organisation.request("eve", FIRST, "qa");
    organisation.reconcile();
    organisation
}

fn only_promotion(world: &World) -> Promotion {
    let Some(Change::Promote(promotion)) = world.changes().into_iter().next() else {
        panic!("nothing is to be promoted");
    };
    promotion
}

fn reasons(engine: &Engine) -> Vec<String> {
    let audit = audit(engine.book().unwrap());
    audit.problems.iter().map(ToString::to_string).collect()
}

/// What the audit says of an engine that records another judgement than the one it came to.
#[track_caller]
fn assert_noticed(organisation: &TestOrganisation, lie: impl Fn(&mut Judged), expected: &str) {
    let mut engine = organisation.engine();
    let mut world = engine.observe().unwrap();
    let before = reasons(&engine).len();
    let mut judged = engine.judge(&world, only_promotion(&world)).unwrap();
    lie(&mut judged);
    push_judgement(&mut world, &judged).unwrap();
    assert!(engine.record(&mut world).unwrap());
    let reasons = reasons(&engine);
    let fresh = reasons.get(before..).unwrap();
    assert!(
        fresh.iter().any(|reason| reason.contains(expected)),
        "{expected:?} is not in {fresh:#?}"
    );
}

fn decide_again(judged: &mut Judged) {
    let policies: Vec<&[GateSpec]> = judged.policies.iter().map(Vec::as_slice).collect();
    judged.evidence.policy = policy_digest(&policies, judged.evidence.rollback.as_ref());
    judged.decision = decide(&judged.promotion, &judged.evidence, &policies);
}

#[test]
fn a_decision_that_does_not_follow_is_noticed() {
    let organisation = waiting();
    let allow = |judged: &mut Judged| {
        let gates = judged.decision.gates.iter().cloned();
        let gates = gates.map(|mut gate| {
            gate.verdict = Verdict::pass("trust me");
            gate
        });
        judged.decision = Decision::of(gates.collect());
    };
    assert_noticed(&organisation, allow, "when it is asked again");
    let allow = |judged: &mut Judged| judged.decision.result = DecisionResult::Allow;
    assert_noticed(&organisation, allow, "does not follow from its own gates");
    let forget = |judged: &mut Judged| {
        judged.decision.gates.pop();
        judged.decision = Decision::of(judged.decision.gates.clone());
    };
    assert_noticed(&organisation, forget, "other gates than were asked");
}

/// Changes a judgement.
type Lie = fn(&mut Judged);

/// What an engine may make up, and what the audit says of it.
const LIES: [(Lie, &str); 9] = [
    (
        |judged| judged.policies = vec![Vec::new()],
        "are not those of the policy in force",
    ),
    (
        |judged| {
            judged
                .evidence
                .groups
                .values_mut()
                .for_each(BTreeSet::clear);
        },
        "the groups are not those",
    ),
    (
        |judged| judged.evidence.version.authors.clear(),
        "the authors are not those",
    ),
    (
        |judged| {
            judged
                .evidence
                .version
                .metrics
                .values_mut()
                .for_each(|metric| *metric = 1.0);
        },
        "the metrics are not those",
    ),
    (
        |judged| judged.evidence.target.clearance = "[production]".parse_clearance(),
        "the workspace is not as it was adopted",
    ),
    (
        |judged| judged.evidence.held.clear(),
        "where the version is held",
    ),
    (
        |judged| judged.promotion.direction = Direction::Rollback,
        "its direction does not follow",
    ),
    (
        |judged| judged.promotion.from = Some("prod".parse().unwrap()),
        "where it comes from does not follow",
    ),
    (
        |judged| judged.evidence.now += jiff::SignedDuration::from_hours(1),
        "of another time",
    ),
];

#[test]
fn facts_that_the_ledger_does_not_confirm_are_noticed() {
    let organisation = waiting();
    let lie = |change: Lie| {
        move |judged: &mut Judged| {
            change(judged);
            decide_again(judged);
        }
    };
    for (change, expected) in LIES {
        assert_noticed(&organisation, lie(change), expected);
    }
}

trait ParseClearance {
    fn parse_clearance(&self) -> crate::model::label::Clearance;
}

impl ParseClearance for str {
    fn parse_clearance(&self) -> crate::model::label::Clearance {
        serde_yaml::from_str(self).unwrap()
    }
}

#[test]
fn an_approval_that_nobody_gave_is_noticed() {
    let organisation = waiting();
    organisation.approve("bob", "qa");
    organisation.reject("dan", "qa");
    organisation.reconcile();
    assert_eq!(reasons_afresh(&organisation), Vec::<String>::new());
    let invent = |judged: &mut Judged| {
        judged
            .evidence
            .approvals
            .retain(|said| said.signer.as_str() == "bob");
        decide_again(judged);
        assert_eq!(judged.decision.result, DecisionResult::Allow);
    };
    assert_noticed(&organisation, invent, "the approvals are not exactly those");
}

#[test]
fn a_release_that_is_made_under_a_policy_that_changed_before_is_judged_by_it() {
    let organisation = TestOrganisation::new();
    organisation.reconcile();
    let policy = organisation
        .head_files()
        .remove("policies/qa.yaml")
        .unwrap();
    let policy = String::from_utf8(policy).unwrap().replace("0.9", "0.95");
    organisation.govern(&["ann"], &[("policies/qa.yaml", Some(&policy))]);
    organisation.reconcile();
    organisation.register("eve", FIRST, &Made::default());
    organisation.request("eve", FIRST, "qa");
    organisation.approve("bob", "qa");
    organisation.reconcile();
    assert_eq!(reasons_afresh(&organisation), Vec::<String>::new());
}

fn reasons_afresh(organisation: &TestOrganisation) -> Vec<String> {
    let mut engine = organisation.observer();
    engine.observe().unwrap();
    reasons(&engine)
}

/// What the audit says of an engine that records what would be recorded now, changed.
pub(super) fn record_changed(
    organisation: &TestOrganisation,
    change: impl Fn(&mut Event),
) -> Result<Vec<String>, EngineError> {
    let engine = organisation.record_changed(change)?;
    Ok(reasons(&engine))
}

#[test]
fn a_statement_turned_round_is_noticed() {
    let organisation = waiting();
    organisation.reject("dan", "qa");
    let reasons = record_changed(&organisation, |event| {
        if let Event::Received(receipt) = event
            && let Said::Approval(approval) = &mut receipt.said
        {
            approval.decision = ApprovalDecision::Approve;
        }
    });
    assert!(reasons.unwrap()[0].contains("it says something else than the entry has of it"));
    let organisation = waiting();
    organisation.approve("bob", "qa");
    let reasons = record_changed(&organisation, |event| {
        if let Event::Received(receipt) = event {
            receipt.signer = "dan".parse().unwrap();
        }
    });
    let reasons = reasons.unwrap().join("\n");
    assert!(
        reasons.contains("the entry says `dan` signed, and `bob` did"),
        "{reasons}"
    );
}

#[test]
fn a_label_that_leaves_something_out_is_noticed() {
    let organisation = TestOrganisation::new();
    organisation.reconcile();
    let field = Lineage {
        datasets: vec!["penguins-field".parse().unwrap()],
        ..Lineage::default()
    };
    let made = Made {
        lineage: Some(field),
        ..Made::default()
    };
    organisation.register("eve", FIRST, &made);
    let reasons = record_changed(&organisation, |event| {
        if let Event::Registered(registration) = event {
            registration.label = Label::new(["internal".parse().unwrap()]).unwrap();
            registration.violation = None;
        }
    });
    assert!(reasons.unwrap()[0].contains("leaves out `production`"));
}

#[test]
fn an_adoption_that_misstates_its_files_is_not_believed() {
    let organisation = TestOrganisation::new();
    let misstated = record_changed(&organisation, |event| {
        if let Event::Adopted(adoption) = event {
            adoption.index_version = 7;
        }
    });
    let error = misstated.unwrap_err().to_string();
    assert_eq!(error, "entry 0 adopts other than what its evidence says");
}

#[test]
fn an_attestation_that_nobody_made_is_noticed() {
    let forge = |judged: &mut Judged| {
        let bundle = b"{}".to_vec();
        let sha256 = Sha256::of(&bundle);
        judged.evidence.attestations.push(AttestationFacts {
            name: "forged".parse().unwrap(),
            bundle: Some(sha256),
            found: AttestationFinding::Good {
                predicate_type: "https://slsa.dev/provenance/v1".to_owned(),
                signer: "ci".parse().unwrap(),
            },
        });
        judged.bundles.insert(sha256, bundle);
        decide_again(judged);
    };
    let misstated = "what attestation `forged` is was misstated";
    assert_noticed(&waiting(), forge, misstated);
    let without_bundle = |judged: &mut Judged| {
        forge(judged);
        judged.bundles.clear();
    };
    let unnamed = "the attestations are not those that the entry names";
    assert_noticed(&waiting(), without_bundle, unnamed);
    let never_read = |judged: &mut Judged| {
        forge(judged);
        judged.bundles.clear();
        judged.evidence.attestations[0].bundle = None;
        decide_again(judged);
    };
    assert_noticed(&waiting(), never_read, misstated);
}
