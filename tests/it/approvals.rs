//! Approvals that are not ones: for something else, by the wrong person, too old, or taken back.

use serde_json::Value;

use crate::hand::{
    APPROVAL, event_types, events, expect_whole_ledger, forge, gate, hand_in, hand_in_as, inbox,
    ledger_size, push_inbox, sign, ssh_keygen_verifies, template,
};
use crate::organisation::{Answer, Organisation};

const NOBODY: &str = "needs: approvals: 1 more of group `reviewers`: `mia`, `omar` or `rita`";

/// An organisation in which the penguins wait for a reviewer to let them into qa, and the statement that would.
fn waiting() -> (Organisation, Value) {
    let organisation = Organisation::new();
    organisation.register_and_request("1.0.0", "qa");
    organisation.apply().expect_code(4);
    let template = template(&organisation, "qa");
    (organisation, template)
}

/// A run that promotes nothing to qa, and what it says of approvals.
#[track_caller]
fn still_waits(organisation: &Organisation, expected: &[&str]) -> Answer {
    let answer = organisation.apply().expect_code(4);
    assert_eq!(gate(&answer, "approvals"), expected, "{}", answer.all());
    assert_eq!(organisation.served("qa"), None);
    expect_whole_ledger(organisation);
    answer
}

fn uncounted(person: &str, why: &str) -> String {
    format!("needs: approvals: approval of `{person}` does not count: {why}")
}

const BY_ADA: &str = "needs: approvals: approval of `ada` does not count: its signer is in none of the groups that are asked";

#[test]
fn an_approval_counts_for_nothing_but_what_it_names() {
    let (organisation, template) = waiting();
    still_waits(&organisation, &[NOBODY, BY_ADA]);
    let other = "c".repeat(64);
    let digest = format!("dirhash1:{other}");
    type Change<'a> = (&'static str, &'a dyn Fn(&mut Value));
    let changes: [Change<'_>; 8] = [
        ("digest", &|statement| {
            statement["predicate"]["binding"]["digest"] = digest.clone().into();
            statement["subject"][0]["digest"] =
                subject_of(&statement["subject"][0]["digest"], &other);
        }),
        ("from", &|statement| {
            statement["predicate"]["binding"]["from"] = "prod".into();
        }),
        ("environment", &|statement| {
            statement["predicate"]["binding"]["environment"] = "prod".into();
        }),
        ("to", &|statement| {
            statement["predicate"]["binding"]["to"]["workspace"] = "prod".into();
        }),
        ("direction", &|statement| {
            statement["predicate"]["binding"]["direction"] = "rollback".into();
        }),
        ("replaces", &|statement| {
            statement["predicate"]["binding"]["replaces"] = digest.clone().into();
        }),
        ("policy", &|statement| {
            statement["predicate"]["binding"]["policy"] = other.clone().into();
        }),
        ("manifest", &|statement| {
            statement["predicate"]["binding"]["manifest"] = other.clone().into();
        }),
    ];
    for (field, change) in changes {
        let statement = forge(&template, "rita", field, change);
        hand_in(&organisation, &statement, "rita", APPROVAL);
        let why = uncounted(
            "rita",
            &format!("it is bound to another `{field}`; approve again"),
        );
        still_waits(&organisation, &[NOBODY, BY_ADA, &why]);
    }

    // The id of an earlier promotion: it does not even belong to this one.
    let id = template["predicate"]["binding"]["promotion"]
        .as_str()
        .unwrap();
    let earlier = format!("{}{other}", &id[..id.len() - 64]);
    let statement = forge(&template, "omar", "earlier", |statement| {
        statement["predicate"]["binding"]["promotion"] = earlier.into();
    });
    hand_in(&organisation, &statement, "omar", APPROVAL);
    let last = uncounted("rita", "it is bound to another `manifest`; approve again");
    still_waits(&organisation, &[NOBODY, BY_ADA, &last]);

    // All that was bad was the statements: the very next good one is enough.
    hand_in(
        &organisation,
        &forge(&template, "mia", "good", |_| {}),
        "mia",
        APPROVAL,
    );
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.0"));
}

/// The digest set of a subject, for another digest.
fn subject_of(set: &Value, hex: &str) -> Value {
    let keys = set.as_object().unwrap().keys();
    keys.map(|key| (key.clone(), Value::from(hex)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

#[test]
fn statements_that_contradict_themselves_are_refused_with_the_reason() {
    let (organisation, template) = waiting();
    organisation.apply().expect_code(4);
    let other = "c".repeat(64);
    type Change<'a> = (&'static str, &'a dyn Fn(&mut Value), &'static str);
    let changes: [Change<'_>; 6] = [
        (
            "rita",
            &|statement| statement["predicate"]["principal"] = "mia".into(),
            "it says it is by `mia`, and is signed by `rita`",
        ),
        (
            "rita",
            &|statement| statement["predicate"]["binding"]["ledger"] = "promote.dev/another".into(),
            "it was made for another ledger",
        ),
        (
            "rita",
            &|statement| {
                statement["subject"][0]["digest"] =
                    subject_of(&statement["subject"][0]["digest"], &other);
            },
            "its subject is another digest than its predicate names",
        ),
        (
            "omar",
            &|statement| {
                let second = statement["subject"][0].clone();
                statement["subject"].as_array_mut().unwrap().push(second);
            },
            "its subject is another digest than its predicate names",
        ),
        (
            "omar",
            &|statement| {
                statement["predicateType"] = "https://promote.dev/amnesty/v1".into();
            },
            "nothing is known of statements of type `https://promote.dev/amnesty/v1`",
        ),
        (
            "mia",
            &|statement| statement["_type"] = "https://in-toto.io/Statement/v0.1".into(),
            "it is not an in-toto statement of version 1",
        ),
    ];
    let mut size = ledger_size(&organisation);
    for (index, (person, change, reason)) in changes.into_iter().enumerate() {
        let statement = forge(&template, person, &index.to_string(), change);
        hand_in(&organisation, &statement, person, APPROVAL);
        still_waits(&organisation, &[NOBODY, BY_ADA]);
        let events = events(&organisation, size);
        assert_eq!(events.len(), 1, "{events:?}");
        let event = &events[0];
        assert_eq!(
            (
                event["type"].as_str(),
                event["reason"].as_str(),
                event["signer"].as_str()
            ),
            (Some("refused"), Some(reason), Some(person))
        );
        size = ledger_size(&organisation);
    }
    // Said once, not at every look.
    still_waits(&organisation, &[NOBODY, BY_ADA]);
    assert_eq!(ledger_size(&organisation), size);
}

#[test]
fn who_is_unknown_leaves_no_trace() {
    let (organisation, template) = waiting();
    organisation.apply().expect_code(4);
    organisation.new_key("mallory");
    let size = ledger_size(&organisation);

    // A key that nobody has.
    hand_in(
        &organisation,
        &forge(&template, "rita", "1", |_| {}),
        "mallory",
        APPROVAL,
    );
    // The right statement and key, signed for another purpose.
    hand_in(
        &organisation,
        &forge(&template, "rita", "2", |_| {}),
        "rita",
        "git",
    );
    hand_in(
        &organisation,
        &forge(&template, "rita", "3", |_| {}),
        "rita",
        "release@promote.dev",
    );
    // A byte that changed after signing.
    let good = forge(&template, "rita", "4", |_| {});
    let signature = sign(&organisation, "rita", APPROVAL, &good);
    let mut changed = good.clone();
    let at = changed.iter().position(|byte| *byte == b'4').unwrap();
    changed[at] = b'5';
    let name = promote::model::digest::Sha256::of(&changed).to_string();
    hand_in_as(&organisation, &name, &changed, &[("rita", signature)]);
    // Rubbish.
    hand_in_as(
        &organisation,
        &"d".repeat(64),
        b"{}",
        &[("rita", "rubbish".to_owned())],
    );
    hand_in_as(&organisation, "not-a-hash", &good, &[]);

    still_waits(&organisation, &[NOBODY, BY_ADA]);
    assert_eq!(ledger_size(&organisation), size);
}

#[test]
fn a_statement_under_another_file_name_is_nobodys_doing() {
    let (organisation, first) = waiting();
    let good = forge(&first, "rita", "good", |_| {});
    let signature = sign(&organisation, "rita", APPROVAL, &good);
    hand_in(&organisation, &good, "rita", APPROVAL);
    organisation.apply().expect_code(0);
    organisation.register_and_request("1.1.0", "qa");
    organisation.apply().expect_code(4);

    // Anyone who can push can copy a statement of somebody else. It must not make that person's name appear in the ledger
    // again and again.
    let size = ledger_size(&organisation);
    for digit in ["1", "2", "3"] {
        hand_in_as(
            &organisation,
            &digit.repeat(64),
            &good,
            &[("rita", signature.clone())],
        );
    }
    let next = forge(&template(&organisation, "qa"), "omar", "next", |_| {});
    let answer = organisation.apply().expect_code(4);
    assert_eq!(
        gate(&answer, "approvals"),
        [NOBODY, BY_ADA],
        "{}",
        answer.all()
    );
    assert_eq!(
        event_types(&organisation, size),
        ["received"],
        "only the template"
    );

    hand_in(&organisation, &next, "omar", APPROVAL);
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.1.0"));
}

#[test]
fn an_approval_that_expired_or_is_dated_wrongly_does_not_count() {
    let (organisation, template) = waiting();
    let set = |issued: &str, expires: &str| {
        let (issued, expires) = (issued.to_owned(), expires.to_owned());
        move |statement: &mut Value| {
            statement["predicate"]["issuedAt"] = issued.into();
            statement["predicate"]["expiresAt"] = expires.into();
        }
    };
    let now = template["predicate"]["issuedAt"]
        .as_str()
        .unwrap()
        .to_owned();
    let cases = [
        (
            set("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"),
            "it expired at 2026-01-01T00:00:01Z; approve again".to_owned(),
        ),
        (
            set("2090-01-01T00:00:00Z", "2090-01-02T00:00:00Z"),
            "it is dated after it was received; check the signer's clock".to_owned(),
        ),
        (
            set(&now, "2090-01-02T00:00:00Z"),
            "it claims to hold for longer than the allowed 7d; approve again".to_owned(),
        ),
    ];
    for (index, (change, why)) in cases.into_iter().enumerate() {
        hand_in(
            &organisation,
            &forge(&template, "rita", &index.to_string(), change),
            "rita",
            APPROVAL,
        );
        still_waits(&organisation, &[NOBODY, BY_ADA, &uncounted("rita", &why)]);
    }
}

#[test]
fn the_author_and_the_requester_do_not_approve() {
    let organisation = Organisation::new();
    let from = Organisation::model("penguin-species/1.0.0");
    let arguments = Organisation::register_arguments(
        "wildlife/penguin-species",
        "1.0.0",
        &from,
        "dev",
        "penguins-sample",
    );
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    organisation.as_person("rita", &arguments).expect_code(0);
    organisation
        .as_person(
            "omar",
            &["request", "wildlife/penguin-species@1.0.0", "--to", "qa"],
        )
        .expect_code(0);
    let id = organisation.waiting("qa", "penguin-species");
    for person in ["rita", "omar"] {
        let answer = organisation
            .as_person(person, &["approve", &id, "--yes"])
            .expect_code(0);
        let warning = format!(
            "warning: `{person}` made this version or asked for this promotion, so an approval will not count"
        );
        assert!(
            answer.all().lines().any(|line| line == warning),
            "{}",
            answer.all()
        );
    }
    let only_mia = "needs: approvals: 1 more of group `reviewers`: `mia`";
    let answer = organisation.apply().expect_code(4);
    let requester = uncounted("omar", "its signer asked for this promotion");
    let author = uncounted("rita", "its signer made this version");
    assert_eq!(
        gate(&answer, "approvals"),
        [only_mia, &requester, &author],
        "{}",
        answer.all()
    );
    assert_eq!(organisation.served("qa"), None);

    // Asking again as somebody else makes the author no other person, and the first requester is one in Git for good.
    organisation.approve("mia", "qa");
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.0"));
    expect_whole_ledger(&organisation);
}

#[test]
fn a_person_with_two_keys_is_one_person() {
    let organisation = Organisation::new();
    organisation.new_key("rita-token");
    organisation.add("rita", "rita-token", &[]);
    organisation.edit(
        "policies/qa.yaml",
        "        reviewers: 1\n  rollback",
        "        reviewers: 2\n  rollback",
    );
    organisation
        .as_person("ada", &["trust", "sign", "--commit"])
        .expect_code(0);
    organisation.apply().expect_code(0);
    organisation.register_and_request("1.0.0", "qa");
    let id = organisation.waiting("qa", "penguin-species");
    for key in ["rita", "rita-token"] {
        organisation
            .as_person(key, &["approve", &id, "--yes"])
            .expect_code(0);
    }
    // The same statement with both signatures is no second person either.
    let answer = organisation.apply().expect_code(4);
    assert_eq!(
        gate(&answer, "approvals"),
        ["needs: approvals: 1 more of group `reviewers`: `mia` or `omar`"],
        "{}",
        answer.all()
    );
    let template = template(&organisation, "qa");
    let statement = forge(&template, "rita", "both", |_| {});
    let name = promote::model::digest::Sha256::of(&statement).to_string();
    let signatures =
        ["rita", "rita-token"].map(|key| (key, sign(&organisation, key, APPROVAL, &statement)));
    hand_in_as(&organisation, &name, &statement, &signatures);
    still_waits(
        &organisation,
        &[
            "needs: approvals: 1 more of group `reviewers`: `mia` or `omar`",
            BY_ADA,
        ],
    );
    organisation.approve("omar", "qa");
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.0"));
}

#[test]
fn a_rejection_stands_until_the_same_person_approves_again() {
    let (organisation, _) = waiting();
    let id = organisation.waiting("qa", "penguin-species");
    organisation.approve("rita", "qa");
    organisation
        .as_person(
            "rita",
            &[
                "reject",
                &id,
                "--yes",
                "--reason",
                "the field data is missing",
            ],
        )
        .expect_code(0);
    let rejected = ["denied: approvals: rejected by `rita`: the field data is missing"];
    let size = ledger_size(&organisation);
    for _ in 0..2 {
        let answer = organisation.apply().expect_code(3);
        assert_eq!(gate(&answer, "approvals"), rejected, "{}", answer.all());
    }
    assert_eq!(
        event_types(&organisation, size)
            .iter()
            .filter(|kind| *kind == "decided")
            .count(),
        1,
        "a denial is an entry once"
    );

    // Enough others do not lift it.
    organisation.approve("omar", "qa");
    let answer = organisation.apply().expect_code(3);
    assert_eq!(gate(&answer, "approvals"), rejected, "{}", answer.all());
    assert_eq!(organisation.served("qa"), None);

    organisation.approve("rita", "qa");
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.0"));
    expect_whole_ledger(&organisation);
}

#[test]
fn answers_that_arrive_together_count_in_the_order_that_they_were_given() {
    let (organisation, template) = waiting();
    let at = |second: u32, decision: &'static str| {
        move |statement: &mut Value| {
            statement["predicate"]["decision"] = decision.into();
            statement["predicate"]["issuedAt"] = format!("2026-01-01T00:00:{second:02}Z").into();
        }
    };
    // Enough of them that no order by name of the files gets all of them right.
    let expires = template["predicate"]["expiresAt"].clone();
    for (second, decision) in (10..40).zip(["approve", "reject"].into_iter().cycle()) {
        let statement = forge(&template, "rita", &second.to_string(), |statement| {
            at(second, decision)(statement);
            statement["predicate"]["expiresAt"] = expires.clone();
        });
        hand_in(&organisation, &statement, "rita", APPROVAL);
    }
    let size = ledger_size(&organisation);
    organisation.apply().expect_code(3);
    let order: Vec<String> = events(&organisation, size)
        .iter()
        .filter_map(|event| Some(event["said"]["statement"]["issuedAt"].as_str()?.to_owned()))
        .collect();
    assert!(order.is_sorted(), "{order:?}");
    assert_eq!(order.len(), 31);
    assert_eq!(organisation.served("qa"), None);
}

#[test]
fn who_left_the_group_no_longer_counts() {
    let organisation = Organisation::new();
    organisation.edit(
        "policies/qa.yaml",
        "        reviewers: 1\n  rollback",
        "        reviewers: 2\n  rollback",
    );
    organisation
        .as_person("ada", &["trust", "sign", "--commit"])
        .expect_code(0);
    organisation.apply().expect_code(0);
    organisation.register_and_request("1.0.0", "qa");
    organisation.approve("rita", "qa");
    let answer = organisation.apply().expect_code(4);
    assert_eq!(
        gate(&answer, "approvals"),
        ["needs: approvals: 1 more of group `reviewers`: `mia` or `omar`"],
        "{}",
        answer.all()
    );

    let key = organisation.key("rita.pub");
    let leave = [
        "trust",
        "add-key",
        "rita",
        "--key",
        key.to_str().unwrap(),
        "--leave",
        "reviewers",
        "--leave",
        "risk",
    ];
    organisation.as_person("ada", &leave).expect_code(0);
    organisation
        .as_person("ada", &["trust", "sign", "--commit"])
        .expect_code(0);
    organisation.approve("omar", "qa");
    let left = uncounted("rita", "its signer is no longer in group `reviewers`");
    still_waits(
        &organisation,
        &[
            "needs: approvals: 1 more of group `reviewers`: `mia`",
            &left,
        ],
    );
    organisation.approve("mia", "qa");
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.0"));
}

#[test]
fn approvals_of_an_earlier_promotion_are_used_up() {
    let organisation = Organisation::new();
    organisation.promote_to_qa("1.0.0");
    organisation.promote_to_qa("1.1.0");
    let rollback = ["rollback", "wildlife/penguin-species", "--in", "qa"];
    organisation.as_person("dana", &rollback).expect_code(0);
    organisation.approve("omar", "qa");
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.0"));

    // The very release file of the first time, and its approvals still lie in the inbox.
    organisation
        .request("wildlife/penguin-species@1.1.0", "qa")
        .expect_code(0);
    let answer = organisation.apply().expect_code(4);
    assert_eq!(gate(&answer, "approvals"), [NOBODY], "{}", answer.all());
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.0"));
    organisation.approve("rita", "qa");
    let resume = ["resume", "wildlife/penguin-species", "--in", "qa"];
    let why = ["--reason", "the fault was elsewhere", "--yes"];
    organisation
        .as_person("mia", &[&resume[..], &why].concat())
        .expect_code(0);
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.1.0"));
    expect_whole_ledger(&organisation);
}

#[test]
fn an_approval_under_another_policy_does_not_count() {
    let (organisation, template) = waiting();
    hand_in(
        &organisation,
        &forge(&template, "rita", "early", |_| {}),
        "rita",
        APPROVAL,
    );
    organisation.edit("policies/qa.yaml", "threshold: 0.9\n", "threshold: 0.8\n");
    organisation
        .as_person("ada", &["trust", "sign", "--commit"])
        .expect_code(0);
    let why = uncounted("rita", "it is bound to another `policy`; approve again");
    let ada = uncounted("ada", "it is bound to another `policy`; approve again");
    still_waits(&organisation, &[NOBODY, &ada, &why]);

    // A policy of another environment is none of its business.
    organisation.approve("rita", "qa");
    organisation.edit("policies/prod.yaml", "threshold: 0.5\n", "threshold: 0.4\n");
    organisation
        .as_person("ada", &["trust", "sign", "--commit"])
        .expect_code(0);
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.0"));
}

#[test]
fn statements_check_out_with_ssh_keygen() {
    let (organisation, _) = waiting();
    organisation.approve("rita", "qa");
    let folder = inbox(&organisation).join("statements");
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "sig") {
            continue;
        }
        let signature = std::fs::read_to_string(&path).unwrap();
        let name = path
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .split(".json")
            .next()
            .unwrap()
            .to_owned();
        let statement = std::fs::read(folder.join(format!("{name}.json"))).unwrap();
        let value: Value = serde_json::from_slice(&statement).unwrap();
        let person = value["predicate"]["principal"].as_str().unwrap();
        let other = if person == "rita" { "ada" } else { "rita" };
        assert!(ssh_keygen_verifies(
            &organisation,
            person,
            APPROVAL,
            &statement,
            &signature
        ));
        assert!(!ssh_keygen_verifies(
            &organisation,
            person,
            "git",
            &statement,
            &signature
        ));
        assert!(!ssh_keygen_verifies(
            &organisation,
            other,
            APPROVAL,
            &statement,
            &signature
        ));
        assert!(!ssh_keygen_verifies(
            &organisation,
            person,
            APPROVAL,
            b"something else",
            &signature
        ));
        seen += 1;
    }
    assert_eq!(seen, 2);
}

const REWRITTEN: &str = "unknown: approvals: the history of the inbox was rewritten, so a rejection may have been taken away";

#[test]
fn a_rewritten_inbox_stops_what_needs_approvals_until_its_history_is_back() {
    let (organisation, template) = waiting();
    let beginning = organisation.git("ada", &["rev-list", "--max-parents=0", "promote-inbox"]);
    let id = organisation.waiting("qa", "penguin-species");
    organisation
        .as_person("omar", &["reject", &id, "--yes", "--reason", "no"])
        .expect_code(0);
    hand_in(
        &organisation,
        &forge(&template, "mia", "seen", |_| {}),
        "mia",
        APPROVAL,
    );
    organisation.apply().expect_code(3);
    let good = organisation.git("ada", &["rev-parse", "promote-inbox"]);

    // A second release, whose approvals nobody has seen yet, on an inbox without a past.
    organisation.register_and_request("1.1.0", "qa");
    organisation.git(
        "ada",
        &["update-ref", "refs/heads/promote-inbox", &beginning],
    );
    organisation.approve("rita", "qa");
    for _ in 0..2 {
        let answer = organisation.apply().expect_code(5);
        assert_eq!(gate(&answer, "approvals"), [REWRITTEN], "{}", answer.all());
        assert_eq!(organisation.served("qa"), None);
    }
    organisation.git("ada", &["update-ref", "-d", "refs/heads/promote-inbox"]);
    let answer = organisation.apply().expect_code(5);
    assert_eq!(gate(&answer, "approvals"), [REWRITTEN], "{}", answer.all());
    expect_whole_ledger(&organisation);

    organisation.git("ada", &["update-ref", "refs/heads/promote-inbox", &good]);
    let answer = organisation.apply().expect_code(4);
    assert_eq!(gate(&answer, "approvals"), [NOBODY], "{}", answer.all());
    organisation.approve("rita", "qa");
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.1.0"));
}

#[test]
fn a_statement_that_a_later_commit_replaces_is_a_rewritten_inbox() {
    let (organisation, template) = waiting();
    organisation.apply().expect_code(4);
    let id = organisation.waiting("qa", "penguin-species");
    organisation
        .as_person("omar", &["reject", &id, "--yes", "--reason", "no"])
        .expect_code(0);
    let yes = forge(&template, "rita", "yes", |_| {});
    hand_in(&organisation, &yes, "rita", APPROVAL);
    let folder = inbox(&organisation).join("statements");
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if std::fs::read_to_string(&path)
            .unwrap()
            .contains("\"reject\"")
        {
            std::fs::write(path, &yes).unwrap();
        }
    }
    push_inbox(&organisation);
    let answer = organisation.apply().expect_code(5);
    assert_eq!(gate(&answer, "approvals"), [REWRITTEN], "{}", answer.all());
    assert_eq!(organisation.served("qa"), None);
    expect_whole_ledger(&organisation);
}

#[test]
fn a_rejection_that_a_later_commit_deletes_still_counts() {
    let (organisation, template) = waiting();
    organisation.apply().expect_code(4);
    let id = organisation.waiting("qa", "penguin-species");
    organisation
        .as_person("omar", &["reject", &id, "--yes", "--reason", "no"])
        .expect_code(0);
    // No history is rewritten: a commit on top takes the statement away before any engine has seen it.
    let folder = inbox(&organisation).join("statements");
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if std::fs::read_to_string(&path)
            .unwrap()
            .contains("\"reject\"")
        {
            std::fs::remove_file(path).unwrap();
        }
    }
    push_inbox(&organisation);
    hand_in(
        &organisation,
        &forge(&template, "rita", "yes", |_| {}),
        "rita",
        APPROVAL,
    );
    let answer = organisation.apply().expect_code(5);
    assert_eq!(gate(&answer, "approvals"), [REWRITTEN], "{}", answer.all());
    assert_eq!(organisation.served("qa"), None);

    // The history without the deletion brings both back.
    organisation.git(
        "ada",
        &["update-ref", "refs/heads/promote-inbox", "promote-inbox~2"],
    );
    let answer = organisation.apply().expect_code(3);
    assert_eq!(
        gate(&answer, "approvals"),
        ["denied: approvals: rejected by `omar`: no"],
        "{}",
        answer.all()
    );
}

#[test]
fn a_mark_that_a_digest_is_bad_stops_it_everywhere_and_for_good() {
    let (organisation, template) = waiting();
    let digest = template["predicate"]["binding"]["digest"].as_str().unwrap();
    organisation
        .as_person(
            "rita",
            &["mark-bad", digest, "--yes", "--reason", "it leaks"],
        )
        .expect_code(0);
    hand_in(
        &organisation,
        &forge(&template, "omar", "yes", |_| {}),
        "omar",
        APPROVAL,
    );
    let answer = organisation.apply().expect_code(3);
    assert_eq!(gate(&answer, "deny-list").len(), 1, "{}", answer.all());
    assert_eq!(organisation.served("qa"), None);
    expect_whole_ledger(&organisation);
}
