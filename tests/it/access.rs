//! Who may do what, as it is shown and as it is.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::organisation::{Answer, Organisation};
use crate::support::cells;

const PEOPLE: [&str; 5] = ["ada", "dana", "rita", "omar", "mia"];

fn access(organisation: &Organisation, arguments: &[&str]) -> Answer {
    let mut all = vec!["access"];
    all.extend(arguments);
    // No key is needed to look.
    organisation.as_person("dana", &all)
}

/// The principals that may do something in an environment, as it is shown.
fn shown(organisation: &Organisation, may: &str, environment: &str) -> BTreeSet<String> {
    let json = access(organisation, &["--environment", environment, "-o", "json"]);
    let json = json.expect_code(0).json();
    let all = json["principals"].as_array().unwrap().iter();
    let has = |access: &&Value| {
        let mut grants = access["may"].as_array().unwrap().iter();
        grants.any(|grant| grant["may"] == may)
    };
    all.filter(has)
        .map(|access| access["principal"].as_str().unwrap().to_owned())
        .collect()
}

/// Whose approvals count for a promotion of the penguins that everybody has approved.
fn counted(organisation: &Organisation, environment: &str) -> BTreeSet<String> {
    let promotion = organisation.waiting(environment, "penguin-species");
    for person in PEOPLE {
        organisation.as_person(person, &["approve", &promotion, "--yes"]);
    }
    let version = "wildlife/penguin-species@1.0.0";
    let explained = organisation.as_person(
        "dana",
        &["explain", version, "--to", environment, "-o", "json"],
    );
    let explained = explained.expect_code(0).json();
    let gates = explained["promotions"][0]["decision"]["gates"]
        .as_array()
        .unwrap();
    let approvals = gates
        .iter()
        .find(|gate| gate["gate"] == "approvals")
        .unwrap();
    let facts = approvals.to_string();
    let approved = facts.split('"').filter(|fact| fact.contains("approved:"));
    let approved = approved.flat_map(|fact| fact.split_once("approved:").unwrap().1.split('`'));
    let mut counted: BTreeSet<String> = approved.map(str::to_owned).collect();
    counted.retain(|name| PEOPLE.contains(&name.as_str()));
    counted
}

#[test]
fn who_is_shown_to_approve_is_whose_approval_counts() {
    let organisation = Organisation::new();
    organisation.register_and_request("1.0.0", "qa");
    let expected: BTreeSet<String> = ["mia", "omar", "rita"].map(str::to_owned).into();
    assert_eq!(shown(&organisation, "approve", "qa"), expected);
    assert_eq!(counted(&organisation, "qa"), expected);
    organisation.apply().expect_code(0);
    organisation
        .request("wildlife/penguin-species@1.0.0", "prod")
        .expect_code(0);
    assert_eq!(shown(&organisation, "approve", "prod"), expected);
    assert_eq!(counted(&organisation, "prod"), expected);
    assert_eq!(
        shown(&organisation, "approve-rollback", "prod"),
        ["mia".to_owned()].into()
    );
}

#[test]
fn everything_that_one_may_do_is_said_with_the_group_that_it_comes_through() {
    let organisation = Organisation::new();
    let mia = access(&organisation, &["mia"]).expect_code(0);
    assert_eq!(
        cells(&mia.stdout)[1..7],
        [
            ["mia", "approve", "qa", "reviewers", "1 of 3"],
            ["mia", "approve-rollback", "qa", "reviewers", "1 of 3"],
            ["mia", "review", "qa", "reviewers", "1 of 3"],
            ["mia", "approve", "prod", "release-managers", "1 of 1"],
            [
                "mia",
                "approve-rollback",
                "prod",
                "release-managers",
                "1 of 1"
            ],
            ["mia", "review", "prod", "release-managers", "1 of 1"],
        ]
    );
    // Everybody's page has the engines.
    let all = access(&organisation, &[]).expect_code(0);
    let all = cells(&all.stdout);
    let engine = vec!["engine local", "act", "dev, prod, qa", "-", "-"];
    assert!(all.contains(&engine), "{all:?}");
}

#[test]
fn groups_and_printed_names_can_be_asked_for() {
    let organisation = Organisation::new();
    let stewards = access(&organisation, &["--by", "group", "data-stewards"]).expect_code(0);
    let who = "data-stewards (ada)";
    assert_eq!(
        cells(&stewards.stdout)[1..5],
        [
            [
                who,
                "sign-files",
                "data: datasets/",
                "data-stewards",
                "1 of 1"
            ],
            [who, "declassify", "internal", "data-stewards", "2 of 1"],
            [who, "declassify", "production", "data-stewards", "2 of 1"],
            [
                who,
                "own",
                "penguins-field, penguins-sample",
                "data-stewards",
                "-"
            ],
        ]
    );
    let json = access(&organisation, &["Administrator", "-o", "json"])
        .expect_code(0)
        .json();
    let ada = &json["principals"][0];
    assert_eq!(
        (&ada["principal"], ada["keys"].as_array().unwrap().len()),
        (&"ada".into(), 1)
    );
    let words: Vec<&str> = ada["may"]
        .as_array()
        .unwrap()
        .iter()
        .map(|may| may["may"].as_str().unwrap())
        .collect();
    assert_eq!(
        words,
        [
            "sign-files",
            "sign-files",
            "sign-root",
            "declassify",
            "declassify",
            "own"
        ]
    );
}

#[test]
fn what_nobody_can_do_is_a_problem() {
    let organisation = Organisation::new();
    let sign = || {
        let sign = ["trust", "sign", "--commit"];
        organisation.as_person("ada", &sign).expect_code(0);
        organisation.apply().expect_code(0);
    };
    organisation.edit(
        "policies/prod.yaml",
        "  rollback:\n",
        "  override:\n    quorum:\n      risk: 1\n      release-managers: 1\n  rollback:\n",
    );
    sign();
    let expected = ["mia", "omar", "rita"].map(str::to_owned);
    assert_eq!(shown(&organisation, "override", "prod"), expected.into());
    let before = access(&organisation, &["--environment", "prod"]).expect_code(0);
    assert!(!before.stdout.contains("problem"), "{}", before.all());

    // Who has lost the only key is still a member, and can do nothing.
    let mia = access(&organisation, &["mia", "-o", "json"]).json();
    let key = mia["principals"][0]["keys"][0].as_str().unwrap().to_owned();
    let revoke = ["trust", "revoke", &key, "--reason", "stolen"];
    organisation.as_person("ada", &revoke).expect_code(0);
    sign();
    let mia = access(&organisation, &["mia", "-o", "json"]).json();
    assert_eq!(mia["principals"][0]["keys"], Value::Array(Vec::new()));
    assert_eq!(mia["principals"][0]["revoked"][0], *key);
    let after = access(&organisation, &["--environment", "prod"]).expect_code(0);
    let rows = cells(&after.stdout);
    let row = [
        "mia (all keys revoked)",
        "approve",
        "prod",
        "release-managers",
        "1 of 0",
    ];
    assert_eq!(rows[1], row, "{}", after.all());
    for what in ["approve for", "approve going back in", "override in"] {
        let problem = format!(
            "problem: nobody can {what} `prod`: 1 of `release-managers` are needed, and those with a key that counts are 0\n"
        );
        assert!(after.stdout.contains(&problem), "{}", after.all());
    }
    // Those of the other group still review.
    assert_eq!(
        after.stdout.matches("problem: ").count(),
        3,
        "{}",
        after.all()
    );
}

#[test]
fn names_that_nobody_has_are_mistakes() {
    let organisation = Organisation::new();
    for (arguments, message) in [
        (&["riat"][..], "there is no principal `riat`"),
        (&["--by", "group", "rita"], "there is no group `rita`"),
        (&["--environment", "prd"], "there is no environment `prd`"),
    ] {
        let answer = access(&organisation, arguments).expect_code(1);
        assert!(answer.stderr.contains(message), "{}", answer.all());
        assert!(answer.stderr.contains("help: "), "{}", answer.all());
    }
}
