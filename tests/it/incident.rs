//! Access for an incident, as people ask for it, sign it, end it and see it.

use serde_json::json;

use crate::hand::expect_whole_ledger;
use crate::organisation::{Answer, Organisation};

/// An organisation whose prod lets one of risk and one release manager give access.
fn organisation() -> Organisation {
    let organisation = Organisation::new();
    organisation.edit(
        "policies/prod.yaml",
        "spec:\n",
        "spec:\n  access:\n    quorum:\n      risk: 1\n      release-managers: 1\n    roles: [reader, operator]\n",
    );
    organisation
        .as_person("ada", &["trust", "sign", "--commit"])
        .expect_code(0);
    organisation.apply().expect_code(0);
    organisation
}

/// What a person says about access, with a reason and without being asked.
fn say(organisation: &Organisation, person: &str, words: &str) -> Answer {
    let mut arguments = vec!["access"];
    arguments.extend(words.split(' '));
    arguments.extend(["--reason", "INC-42", "--yes"]);
    organisation.as_person(person, &arguments)
}

/// What is shown to everybody, and the first digits of the one access there is.
fn shown(organisation: &Organisation) -> (Answer, String) {
    let json = organisation.as_person("dana", &["access", "--past", "-o", "json"]);
    let json = json.expect_code(0).json();
    let id = json["incidents"][0]["id"].as_str().unwrap();
    let id = id.chars().take(10).collect();
    (
        organisation
            .as_person("dana", &["access", "--past"])
            .expect_code(0),
        id,
    )
}

#[track_caller]
fn says(answer: &Answer, expected: &str) {
    let all = answer.all();
    assert!(all.contains(expected), "{expected}\n{all}");
}

/// Dana asks for access, and rita and mia give it. Returns the first digits of its id.
fn given(organisation: &Organisation) -> String {
    let asked = "grant --person dana --environment prod --role operator --for 2h";
    say(organisation, "dana", asked).expect_code(0);
    let (_, id) = shown(organisation);
    for who in ["rita", "mia"] {
        say(organisation, who, &format!("approve {id}")).expect_code(0);
    }
    organisation.apply().expect_code(0);
    id
}

#[test]
fn who_gets_access_asks_and_others_give_it() {
    let organisation = organisation();
    let asked = "grant --person dana --environment prod --role operator --for 2h";
    let own = say(&organisation, "dana", asked).expect_code(0);
    says(&own, "you sign grant-access");
    says(
        &own,
        "warning: `dana` gets the access, so this signature will not count; others have to sign",
    );
    let (page, id) = shown(&organisation);
    says(&page, "access waits: dana as operator in prod, until ");
    says(
        &page,
        &format!(
            "({id}); 1 more of group `release-managers` must sign, 1 more of group `risk` must sign; `promote access approve {id}`"
        ),
    );
    say(&organisation, "rita", &format!("approve {id}")).expect_code(0);
    says(
        &shown(&organisation).0,
        "; 1 more of group `release-managers` must sign; ",
    );
    say(&organisation, "mia", &format!("approve {id}")).expect_code(0);
    organisation.apply().expect_code(0);
    for command in ["access", "status"] {
        let page = organisation.as_person("omar", &[command]).expect_code(0);
        says(&page, "access: dana as operator in prod, until ");
    }
    let json = organisation.as_person("omar", &["access", "dana", "-o", "json"]);
    let json = json.expect_code(0).json();
    let held = &json["incidents"][0];
    assert_eq!(
        (&held["standing"], &held["terms"]["role"]),
        (&json!("in-force"), &json!("operator"))
    );
    assert_eq!(held["signers"], json!(["mia", "rita"]));
    let history = organisation.as_person("dana", &["history"]).expect_code(0);
    says(&history, "gives `dana` access as operator until ");
    expect_whole_ledger(&organisation);
}

#[test]
fn access_that_is_over_is_looked_at_by_a_third() {
    let organisation = organisation();
    let id = given(&organisation);
    let early = say(&organisation, "omar", &format!("review {id}")).expect_code(2);
    says(
        &early,
        &format!("access `{id}` is in-force, and no review of it is due"),
    );
    say(&organisation, "omar", &format!("revoke {id}")).expect_code(0);
    organisation.apply().expect_code(0);
    let due = format!("({id}); somebody else signs `promote access review {id}`");
    for command in ["access", "status"] {
        let page = organisation.as_person("dana", &[command]).expect_code(0);
        says(&page, "review due: dana as operator in prod, ended ");
        says(&page, &due);
    }
    let verified = organisation.as_person("dana", &["verify"]).expect_code(0);
    says(
        &verified,
        &format!("nobody reviewed the access `{id}` of `dana`, which ended at "),
    );
    let part = say(&organisation, "rita", &format!("review {id}")).expect_code(0);
    says(
        &part,
        "warning: `rita` took part in it, so this will not count",
    );
    organisation.apply().expect_code(0);
    says(&organisation.as_person("dana", &["status"]), "review due: ");
    say(&organisation, "omar", &format!("review {id}")).expect_code(0);
    organisation.apply().expect_code(0);
    says(
        &shown(&organisation).0,
        "reviewed: dana as operator in prod, ended ",
    );
    let verified = organisation.as_person("dana", &["verify"]).expect_code(0);
    assert!(
        !verified.all().contains("nobody reviewed"),
        "{}",
        verified.all()
    );
    let history = organisation.as_person("dana", &["history"]).expect_code(0);
    says(&history, &format!("reviewed access {id}: INC-42"));
    expect_whole_ledger(&organisation);
}

#[test]
fn what_may_not_be_given_is_refused_before_anybody_signs() {
    let organisation = organisation();
    let cases = "\
        grant --person dana --environment prod --role owner --for 2h | 3 | the policy of `prod` does not name the role `owner`
        grant --person dana --environment prod --role reader --for 9h | 3 | the policy of `prod` allows 8 hours at most
        grant --person dana --environment qa --role reader --for 1h | 3 | the policy of `qa` lets nobody give access
        grant --person dan --environment prod --role reader --for 1h | 1 | there is no principal `dan`
        grant --person dana --workspace prd --role reader --for 1h | 1 | there is no workspace `prd`
        grant --person dana --environment prd --role reader --for 1h | 1 | there is no environment `prd`
        grant --person dana --workspace prod --role reader --until 2020-01-01 | 2 | is over already
        grant --person dana --workspace prod --role reader | 2 | --for <DURATION>
        grant --person dana --role reader --for 1h | 2 | --workspace <WORKSPACE>
        approve abcdef0123 | 1 | there is no access `abcdef0123`
        revoke abc | 1 | there is no access `abc`";
    for case in cases.lines() {
        let [words, code, reason] = case.trim().split(" | ").collect::<Vec<_>>()[..] else {
            panic!("{case}");
        };
        let answer = say(&organisation, "rita", words).expect_code(code.parse().unwrap());
        says(&answer, reason);
    }
}

#[test]
fn a_quorum_of_nobody_is_no_rule() {
    let organisation = organisation();
    organisation.edit(
        "policies/prod.yaml",
        "      risk: 1\n      release-managers: 1\n    roles",
        "      risk: 0\n    roles",
    );
    let checked = organisation.as_person("ada", &["check"]).expect_code(1);
    says(&checked, "impossible-quorum");
}
