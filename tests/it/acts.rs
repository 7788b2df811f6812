//! What people do besides answering: stopping, going on, going over a gate in an emergency, and letting data through.

use crate::hand::{event_types, expect_whole_ledger};
use crate::organisation::{Answer, Organisation};
use crate::variants::{MODEL, make_ready, register, variant};

/// A person signs something, with a reason.
#[track_caller]
fn act(organisation: &Organisation, person: &str, arguments: &[&str]) -> Answer {
    let mut all = arguments.to_vec();
    all.extend(["--reason", "the field team asked for it", "--yes"]);
    organisation.as_person(person, &all)
}

/// A run that ends with a code and says something.
#[track_caller]
fn applies(organisation: &Organisation, code: i32, expected: &str) {
    let answer = organisation.apply().expect_code(code);
    assert!(
        answer.stdout.contains(expected),
        "{expected}: {}",
        answer.all()
    );
    expect_whole_ledger(organisation);
}

#[test]
fn a_hold_stops_everything_until_somebody_who_may_ends_it() {
    let organisation = Organisation::new();
    make_ready(&organisation, "1.0.0");
    let hold = ["hold", MODEL, "--in", "qa"];
    let shown = act(&organisation, "dana", &hold).expect_code(0);
    assert!(shown.stderr.contains("you sign hold"), "{}", shown.all());
    let held = "hold: held by `dana`: the field team asked for it; `promote resume` ends it";
    applies(&organisation, 4, held);
    // Ada is in no group that the policy of qa asks, and did not place it.
    act(&organisation, "ada", &["resume", MODEL, "--in", "qa"]).expect_code(0);
    applies(&organisation, 4, held);
    assert_eq!(organisation.served("qa"), None);
    act(&organisation, "mia", &["resume", MODEL, "--in", "qa"]).expect_code(0);
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.0"));
    expect_whole_ledger(&organisation);
}

#[test]
fn what_was_rolled_back_from_comes_back_only_when_somebody_says_so() {
    let organisation = Organisation::new();
    for version in ["1.0.0", "1.0.1"] {
        make_ready(&organisation, version);
        organisation.apply().expect_code(0);
    }
    let back = ["rollback", MODEL, "--in", "qa", "--to", "1.0.0"];
    organisation.as_person("dana", &back).expect_code(0);
    organisation.approve("rita", "qa");
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.0"));

    organisation
        .request(&format!("{MODEL}@1.0.1"), "qa")
        .expect_code(0);
    organisation.approve("rita", "qa");
    applies(&organisation, 4, "hold: rolled back from on ");
    act(&organisation, "mia", &["resume", MODEL, "--in", "qa"]).expect_code(0);
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.1"));
    expect_whole_ledger(&organisation);
}

#[test]
fn an_aborted_promotion_is_over_and_a_new_release_asks_again() {
    let organisation = Organisation::new();
    make_ready(&organisation, "1.0.0");
    let promotion = organisation.waiting("qa", "penguin-species");
    act(&organisation, "dana", &["abort", &promotion]).expect_code(0);
    applies(
        &organisation,
        3,
        "aborted by `dana`: the field team asked for it; a new release asks again",
    );
    make_ready(&organisation, "1.0.1");
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.1"));
}

#[test]
fn an_approval_that_is_withdrawn_does_not_count_and_can_be_given_again() {
    let organisation = Organisation::new();
    make_ready(&organisation, "1.0.0");
    let promotion = organisation.waiting("qa", "penguin-species");
    act(&organisation, "rita", &["withdraw", &promotion]).expect_code(0);
    applies(
        &organisation,
        4,
        "approval of `rita` does not count: its signer has taken it back",
    );
    organisation.approve("rita", "qa");
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.0"));
    // A rejection can be taken back too, by whoever gave it.
    make_ready(&organisation, "1.0.1");
    let promotion = organisation.waiting("qa", "penguin-species");
    act(&organisation, "omar", &["reject", &promotion]).expect_code(0);
    applies(&organisation, 3, "rejected by `omar`");
    act(&organisation, "mia", &["withdraw", &promotion]).expect_code(0);
    applies(&organisation, 3, "rejected by `omar`");
    act(&organisation, "omar", &["withdraw", &promotion]).expect_code(0);
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.1"));
    expect_whole_ledger(&organisation);
}

#[test]
fn an_emergency_goes_over_gates_with_two_persons_and_is_reviewed() {
    let organisation = Organisation::new();
    organisation.edit(
        "policies/prod.yaml",
        "  rollback:\n",
        "  override:\n    quorum:\n      risk: 1\n      release-managers: 1\n  rollback:\n",
    );
    organisation
        .as_person("ada", &["trust", "sign", "--commit"])
        .expect_code(0);
    organisation.apply().expect_code(0);
    organisation.promote_to_qa("1.0.0");
    let request = format!("{MODEL}@1.0.0");
    organisation.request(&request, "prod").expect_code(0);
    let promotion = organisation.waiting("prod", "penguin-species");
    act(&organisation, "mia", &["override", &promotion]).expect_code(0);
    applies(&organisation, 4, "approvals: 1 more of group");
    let covered = act(&organisation, "omar", &["override", &promotion]).expect_code(0);
    assert!(
        covered.stderr.contains("gates      approvals"),
        "{}",
        covered.all()
    );
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("prod").as_deref(), Some("1.0.0"));
    expect_whole_ledger(&organisation);

    // The next one waits for a review, whatever it is approved by.
    make_ready(&organisation, "1.0.1");
    organisation.apply().expect_code(0);
    organisation
        .request(&format!("{MODEL}@1.0.1"), "prod")
        .expect_code(0);
    organisation.approve("omar", "prod");
    organisation.approve("mia", "prod");
    let needs = format!("review: a review of `{promotion}`, which an override let through");
    applies(&organisation, 4, &needs);
    act(&organisation, "omar", &["review", &promotion]).expect_code(0);
    applies(&organisation, 4, &needs);
    act(&organisation, "rita", &["review", &promotion]).expect_code(0);
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("prod").as_deref(), Some("1.0.1"));
    expect_whole_ledger(&organisation);
}

#[test]
fn what_a_policy_lets_nobody_override_is_not_overridden() {
    let organisation = Organisation::new();
    organisation.register_and_request("1.0.0", "qa");
    let promotion = organisation.waiting("qa", "penguin-species");
    let refused = act(&organisation, "rita", &["override", &promotion]).expect_code(3);
    assert_eq!(
        refused.stderr,
        "error: the policy of `qa` lets nobody override anything\nhelp: `spec.override` of `policies/qa.yaml` would name who may\n"
    );
    let long = ["override", &promotion, "--validity", "25h"];
    act(&organisation, "rita", &long).expect_code(3);
    assert!(!event_types(&organisation, 0).contains(&"received".to_owned()));
}

/// Notes of the field: data that dev may hold and qa may not, owned by the risk group.
fn with_field_notes() -> Organisation {
    let organisation = Organisation::new();
    organisation.edit(
        "promote.yaml",
        "  tags:\n",
        "  tags:\n    field-notes:\n      owner: risk\n",
    );
    organisation.edit(
        "workspaces/dev.yaml",
        "clearance: [internal]",
        "clearance: [internal, field-notes]",
    );
    organisation.edit(
        "datasets/penguins-sample.yaml",
        "label: [internal]",
        "label: [internal, field-notes]",
    );
    organisation
        .as_person("ada", &["trust", "sign", "--commit"])
        .expect_code(0);
    organisation.apply().expect_code(0);
    organisation
}

#[test]
fn the_owners_of_a_tag_let_one_version_into_one_workspace() {
    let organisation = with_field_notes();
    make_ready(&organisation, "1.0.0");
    let denied =
        "the data behind it carries `field-notes`, and workspace `qa` is not cleared for that";
    applies(&organisation, 3, denied);
    let version = format!("{MODEL}@1.0.0");
    let declassify = ["declassify", &version, "--into", "qa"];
    // The producer, who is no owner; then one of two owners.
    let warned = act(&organisation, "dana", &declassify).expect_code(0);
    assert!(
        warned
            .stderr
            .contains("`dana` is not in group `risk`, which owns `field-notes`"),
        "{}",
        warned.all()
    );
    act(&organisation, "rita", &declassify).expect_code(0);
    applies(&organisation, 3, denied);
    act(&organisation, "omar", &declassify).expect_code(0);
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.0"));
    expect_whole_ledger(&organisation);
    // It is about those bytes alone.
    make_ready(&organisation, "1.0.1");
    applies(&organisation, 3, denied);
}

#[test]
fn a_declassification_ends_when_the_data_is_labelled_otherwise() {
    let organisation = with_field_notes();
    register(&organisation, "1.0.0");
    let version = format!("{MODEL}@1.0.0");
    organisation.apply().expect_code(0);
    for owner in ["rita", "omar"] {
        act(
            &organisation,
            owner,
            &["declassify", &version, "--into", "qa"],
        )
        .expect_code(0);
    }
    organisation.apply().expect_code(0);
    organisation.edit(
        "datasets/penguins-sample.yaml",
        "label: [internal, field-notes]",
        "label: [internal, field-notes, production]",
    );
    organisation
        .as_person("ada", &["trust", "sign", "--commit"])
        .expect_code(0);
    organisation.apply().expect_code(0);
    organisation.request(&version, "qa").expect_code(0);
    organisation.approve("rita", "qa");
    applies(
        &organisation,
        3,
        "the data behind it carries `field-notes`, `production`, and workspace `qa` is not cleared for that",
    );
    assert_eq!(organisation.served("qa"), None);
}

#[test]
fn a_promotion_that_failed_is_tried_again_when_somebody_says_so() {
    let organisation = Organisation::new();
    // A registration that was never merged has left other bytes under the version.
    let other = variant(&organisation, "9.9.9");
    let mut never_merged =
        Organisation::register_arguments(MODEL, "1.0.0", &other, "qa", "penguins-sample");
    never_merged.extend(["--branch", "never-merged"].map(str::to_owned));
    let never_merged: Vec<&str> = never_merged.iter().map(String::as_str).collect();
    organisation.as_person("dana", &never_merged).expect_code(0);
    organisation.git("dana", &["checkout", "--quiet", "main"]);
    make_ready(&organisation, "1.0.0");
    applies(&organisation, 6, "failed");
    applies(
        &organisation,
        6,
        "its last attempt failed; a new release tries again",
    );

    std::fs::remove_dir_all(organisation.workspace("qa").join("wildlife")).unwrap();
    let plan = organisation.as_person("dana", &["plan", "-o", "json"]);
    let id = plan.json()["slots"][0]["promotion"]["id"].clone();
    act(&organisation, "dana", &["retry", id.as_str().unwrap()]).expect_code(0);
    organisation.apply().expect_code(4);
    organisation.approve("rita", "qa");
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.0"));
    expect_whole_ledger(&organisation);
}
