//! One model goes all the way to prod, another is refused, and the records say so.

use super::*;
use crate::engine::testing::TestOrganisation;
use crate::ops::testing::context_of;

const FIRST: &str = "wildlife/model/penguin-species@1.0.0";
const SECOND: &str = "wildlife/model/penguin-species@1.1.0";

fn read(organisation: &TestOrganisation) -> Vec<PromotionRecord> {
    let mut engine = context_of(organisation, "fay").observer().unwrap();
    records(engine.open_ledger().unwrap())
}

/// The promotion into prod of a version that went all the way.
fn into_prod() -> (TreeDigest, PromotionRecord) {
    let organisation = TestOrganisation::new();
    let digest = organisation.promote_to_prod(FIRST, "weights");
    let records = read(&organisation);
    let places = records.iter().map(|record| record.to.workspace.as_str());
    assert_eq!(places.collect::<Vec<_>>(), ["qa", "prod"]);
    (digest, records[1].clone())
}

#[test]
fn a_record_says_what_went_where_and_who_asked() {
    let (digest, prod) = into_prod();
    assert_eq!(prod.status, RecordStatus::Succeeded);
    assert_eq!((prod.what.digest, prod.replaces.is_none()), (digest, true));
    assert_eq!(prod.what.version, Some("1.0.0".parse().unwrap()));
    let producer = prod.what.producer.as_ref().unwrap();
    assert_eq!(
        (producer.name.as_str(), producer.key.is_some()),
        ("eve of Wildlife", true)
    );
    assert_eq!(
        (prod.what.bytes.is_some(), prod.what.manifest.is_some()),
        (true, true)
    );
    let from = prod.from.unwrap();
    assert_eq!(
        (from.workspace.as_str(), from.environment),
        ("qa", Some("qa".parse().unwrap()))
    );
    let requester = prod.request.release_signed_by.unwrap();
    assert_eq!(
        (requester.principal.as_str(), prod.request.authors.len()),
        ("eve", 1)
    );
    assert_eq!(prod.gaps, Vec::<String>::new());
    assert_eq!(prod.entries.len(), 5, "{:?}", prod.entries);
}

#[test]
fn a_record_says_who_approved_and_what_was_done() {
    let (digest, prod) = into_prod();
    // Statements that come together are taken in the order of their hashes.
    let approvers: BTreeSet<(&str, bool)> = prod
        .approvals
        .iter()
        .map(|approval| (approval.who.name.as_str(), approval.who.key.is_some()))
        .collect();
    assert_eq!(
        approvers,
        BTreeSet::from([("bob of Wildlife", true), ("dan of Wildlife", true)])
    );
    assert!(
        prod.approvals
            .iter()
            .all(|approval| !approval.meaning.is_empty())
    );
    let effect = prod.effect().unwrap();
    assert_eq!(effect.read_back, Some(digest));
    assert_eq!(
        (effect.pointer_before, effect.pointer_after),
        (None, Some(digest))
    );
}

#[test]
fn a_record_says_under_which_rules_and_with_which_data() {
    let (_, prod) = into_prod();
    let decision = prod.decision.unwrap();
    assert_eq!(decision.result, DecisionResult::Allow);
    assert!(
        decision
            .gates
            .iter()
            .all(|gate| !gate.verdict.facts().is_empty())
    );
    let lineage = prod.lineage.unwrap();
    assert!(lineage.datasets[0].label.is_some() && lineage.code.is_some());
    assert!(prod.labels.unwrap().version.is_some());
    assert_eq!(prod.policy.unwrap().adopted_in, 0);
}

#[test]
fn an_approval_that_did_not_count_is_told_apart() {
    let organisation = TestOrganisation::new();
    organisation.register("eve", FIRST, &crate::engine::testing::Made::default());
    organisation.request("eve", FIRST, "qa");
    for who in ["eve", "bob"] {
        organisation.approve(who, "qa");
    }
    organisation.reconcile();
    let record = read(&organisation).remove(0);
    assert_eq!(record.status, RecordStatus::Succeeded);
    let counted: BTreeSet<(&str, Option<bool>, Option<&str>)> = record
        .approvals
        .iter()
        .map(|approval| {
            let reason = approval.not_counted_because.as_deref();
            (approval.who.principal.as_str(), approval.counts, reason)
        })
        .collect();
    let expected = [
        ("bob", Some(true), None),
        ("eve", Some(false), Some("its signer made this version")),
    ];
    assert_eq!(counted, BTreeSet::from(expected));
    let approvers: Vec<&str> = record
        .approvers()
        .map(|who| who.principal.as_str())
        .collect();
    assert_eq!(approvers, ["bob"]);
}

#[test]
fn what_is_replaced_and_what_waits_is_told() {
    let organisation = TestOrganisation::new();
    let first = organisation.promote_to_prod(FIRST, "weights");
    organisation.wait(1);
    organisation.promote_to_prod(SECOND, "better weights");
    organisation.request("eve", FIRST, "prod");
    organisation.approve("bob", "prod");
    organisation.reconcile();
    let records = read(&organisation);
    assert_eq!(records.len(), 5);
    let replaced = records[3].replaces.as_ref().unwrap();
    assert_eq!(replaced.digest, first);
    assert_eq!(replaced.version, Some("1.0.0".parse().unwrap()));
    let back = &records[4];
    assert_eq!(back.direction, Direction::Rollback);
    assert_eq!(back.status, RecordStatus::Waiting);
    assert!(back.decision.is_none() && back.effect().is_none());
    assert_eq!(back.what.version, Some("1.0.0".parse().unwrap()));
    assert_eq!(back.approvals.len(), 1);
}

#[test]
fn evidence_that_is_gone_is_named() {
    let organisation = TestOrganisation::with_ledger(crate::engine::testing::LedgerAt::Directory);
    organisation.promote_to_prod(FIRST, "weights");
    let inputs = read(&organisation)[1].decision.as_ref().unwrap().inputs;
    let path = crate::engine::record::evidence_path(inputs, "json");
    let path = organisation
        .folder()
        .join("ledger-store/evidence")
        .join(path);
    crate::fs::durable::remove_file(&path).unwrap();
    let record = read(&organisation).remove(1);
    assert_eq!(record.gaps.len(), 1);
    assert!(record.gaps[0].contains("not there"), "{:?}", record.gaps);
    assert!(record.labels.is_none() && record.request.commit.is_none());
    assert_eq!(record.status, RecordStatus::Succeeded);
}
