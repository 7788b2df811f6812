//! The organisation itself.

use super::*;
use crate::engine::inbox::INBOX_BRANCH;
use crate::engine::reconcile::SlotStatus;
use crate::engine::testing::start::LAYOUT;
use crate::model::approval::APPROVAL_NAMESPACE;
use crate::model::digest::Sha256;

const FIRST: &str = "wildlife/model/penguin-species@1.0.0";

#[test]
fn a_model_goes_from_dev_to_prod() {
    for ledger in [LedgerAt::Branch, LedgerAt::Directory] {
        let organisation = TestOrganisation::with_ledger(ledger);
        let digest = organisation.promote_to_prod(FIRST, "weights");
        let report = organisation.reconcile();
        assert_eq!(report.worst(), SlotStatus::UpToDate, "{report:#?}");
        assert_eq!(report.slots.len(), 2);
        assert!(report.slots.iter().all(|slot| slot.digest == digest));
        assert!(report.not_adopted.is_empty());
    }
}

#[test]
fn nothing_goes_on_without_two_persons() {
    let organisation = TestOrganisation::new();
    organisation.register("eve", FIRST, &Made::default());
    organisation.request("eve", FIRST, "qa");
    assert_eq!(organisation.reconcile().worst(), SlotStatus::Waiting);
    organisation.approve("eve", "qa");
    assert_eq!(organisation.reconcile().worst(), SlotStatus::Waiting);
    organisation.approve("dan", "qa");
    let report = organisation.reconcile();
    assert_eq!(report.worst(), SlotStatus::Promoted, "{report:#?}");
}

#[test]
fn one_no_or_a_bad_mark_stops_it() {
    let organisation = TestOrganisation::new();
    let digest = organisation.register("eve", FIRST, &Made::default());
    organisation.request("eve", FIRST, "qa");
    organisation.approve("bob", "qa");
    organisation.reject("dan", "qa");
    assert_eq!(organisation.reconcile().worst(), SlotStatus::Denied);
    organisation.approve("dan", "qa");
    organisation.mark_bad("sue", digest, "the labels were mixed up");
    assert_eq!(organisation.reconcile().worst(), SlotStatus::Denied);
}

#[test]
fn what_is_signed_again_does_not_replace_what_is_recorded() {
    let organisation = TestOrganisation::new();
    organisation.reconcile();
    organisation.sign_root_again("ben");
    organisation.govern(&["ben"], &[("freezes/year-end.yaml", None)]);
    assert_eq!(organisation.reconcile().not_adopted.len(), 0);
    // The ledger is opened afresh, and every adoption judged again.
    assert_eq!(organisation.reconcile().not_adopted.len(), 0);
}

#[test]
fn a_statement_counts_once_for_each_key_and_never_under_a_wrong_name() {
    let organisation = TestOrganisation::new();
    let digest = organisation.register("eve", FIRST, &Made::default());
    let size = organisation.reconcile().ledger_size;
    organisation.mark_bad("dan", digest, "the labels were mixed up");
    let inbox = organisation.files(INBOX_BRANCH);
    let (path, statement) = inbox
        .iter()
        .find(|(path, _)| path.ends_with(".json"))
        .unwrap();
    let (wrong, again) = (Sha256::of(b"other"), "statements/".len());
    let again = path.get(again..).unwrap().strip_suffix(".json").unwrap();
    let signature = || Some(organisation.sign("dan", APPROVAL_NAMESPACE, statement));
    let changes = BTreeMap::from([
        (format!("statements/{again}.json.second.sig"), signature()),
        (format!("statements/{wrong}.json"), Some(statement.clone())),
        (format!("statements/{wrong}.json.x.sig"), signature()),
    ]);
    organisation.commit("dan", INBOX_BRANCH, &changes);
    assert_eq!(organisation.reconcile().ledger_size, size + 1);
    assert_eq!(organisation.reconcile().ledger_size, size + 1);
}

#[test]
fn governed_files_change_with_the_right_signatures_alone() {
    let organisation = TestOrganisation::new();
    organisation.reconcile();
    let policy = LAYOUT
        .iter()
        .find(|(path, _)| *path == "policies/qa.yaml")
        .unwrap()
        .1
        .replace("0.9", "0.99");
    organisation.govern(&["sue"], &[("policies/qa.yaml", Some(&policy))]);
    assert_eq!(organisation.reconcile().not_adopted.len(), 1);
    organisation.govern(&["ben"], &[("policies/qa.yaml", Some(&policy))]);
    assert_eq!(organisation.reconcile().not_adopted.len(), 0);
    organisation.register("eve", FIRST, &Made::default());
    organisation.request("eve", FIRST, "qa");
    assert_eq!(organisation.reconcile().worst(), SlotStatus::Denied);
}
