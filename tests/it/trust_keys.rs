//! Keys that are lost or replaced, as administrators do it.

use std::fs;

use crate::hand::{event_types, ledger_size, lines};
use crate::organisation::{Answer, Organisation};

fn sign_and_commit(organisation: &Organisation) {
    organisation
        .as_person("ada", &["trust", "sign", "--commit"])
        .expect_code(0);
}

#[track_caller]
fn verifies(organisation: &Organisation) {
    organisation.as_person("mia", &["verify"]).expect_code(0);
}

fn fingerprint(organisation: &Organisation, who: &str) -> String {
    let key = organisation.key(&format!("{who}.pub"));
    let shown = std::process::Command::new("ssh-keygen")
        .arg("-lf")
        .arg(key)
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    shown.split_whitespace().nth(1).unwrap().to_owned()
}

fn last_error(answer: &Answer) -> &str {
    answer.stderr.lines().next().unwrap_or_default()
}

#[test]
fn a_stolen_key_counts_for_nothing_from_the_entry_on_that_is_named() {
    let organisation = Organisation::new();
    organisation.register_and_request("1.0.0", "qa");
    organisation.approve("rita", "qa");
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.0"));
    organisation
        .request("wildlife/penguin-species@1.0.0", "prod")
        .expect_code(0);
    organisation.approve("omar", "prod");
    organisation.apply().expect_code(4);
    // Omar's yes is the newest entry; it turns out that his key was stolen before.
    let size = ledger_size(&organisation);
    let received = event_types(&organisation, 0);
    let at = received
        .iter()
        .rposition(|kind| kind == "received")
        .unwrap();
    let key = fingerprint(&organisation, "omar");
    let at = at.to_string();
    let too_late = (size + 7).to_string();
    let refused = organisation
        .as_person("ada", &["trust", "revoke", &key, "--from", &too_late])
        .expect_code(1);
    assert_eq!(
        last_error(&refused),
        format!("error: the ledger has {size} entries, so nothing can be said of entry {too_late}")
    );
    let revoked = organisation
        .as_person(
            "ada",
            &[
                "trust", "revoke", &key, "--from", &at, "--reason", "stolen", "-o", "json",
            ],
        )
        .expect_code(0)
        .json();
    assert_eq!(revoked["principal"], "omar");
    assert_eq!(revoked["struck"].as_array().unwrap().len(), 1);
    assert_eq!(revoked["struck"][0]["event"], "received");
    sign_and_commit(&organisation);
    organisation.apply().expect_code(4);
    organisation.approve("mia", "prod");
    let waits = organisation.apply().expect_code(4);
    let lost =
        "approval of `omar` does not count: its key is no longer trusted; approve with another";
    assert!(waits.stdout.contains(lost), "{}", waits.all());
    assert_eq!(organisation.served("prod"), None);
    let refused = organisation
        .as_person("omar", &["trust", "sign"])
        .expect_code(1);
    assert!(
        last_error(&refused).ends_with(&format!("is revoked from entry {at} of the ledger on")),
        "{}",
        refused.all()
    );
    // What was decided before stays as it was decided, and omar goes on with another key.
    verifies(&organisation);
    organisation.new_key("omar-2");
    organisation.add("omar", "omar-2", &[]);
    sign_and_commit(&organisation);
    organisation.apply();
    let promotion = organisation.waiting("prod", "penguin-species");
    organisation
        .as_person(
            "omar-2",
            &["approve", &promotion, "--yes", "--meaning", "again"],
        )
        .expect_code(0);
    organisation.approve("mia", "prod");
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("prod").as_deref(), Some("1.0.0"));
    verifies(&organisation);
}

#[test]
fn the_key_of_the_ledger_is_replaced_without_a_break() {
    let organisation = Organisation::new();
    let file = organisation.repository().join(".git/promote/log.key");
    let old = fs::read_to_string(&file).unwrap();
    let pinned = organisation.path("pinned");
    let pin = ["verify", "--write-checkpoint", pinned.to_str().unwrap()];
    organisation.as_person("mia", &pin).expect_code(0);
    organisation
        .as_person("ada", &["trust", "rotate", "log"])
        .expect_code(0);
    let both = fs::read_to_string(&file).unwrap();
    assert_eq!(both.lines().next(), old.lines().next());
    sign_and_commit(&organisation);
    organisation.register_and_request("1.0.0", "qa");
    organisation.approve("rita", "qa");
    // One run: the adoption under the old key, all else under the new one.
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.0"));
    let pinned = ["verify", "--pinned", pinned.to_str().unwrap()];
    organisation.as_person("mia", &pinned).expect_code(0);

    organisation
        .request("wildlife/penguin-species@1.0.0", "prod")
        .expect_code(0);
    organisation.approve("omar", "prod");
    fs::write(&file, &old).unwrap();
    let size = ledger_size(&organisation);
    let refused = organisation.apply().expect_code(1);
    assert!(
        last_error(&refused).starts_with("error: the private key belongs to `"),
        "{}",
        refused.all()
    );
    assert_eq!(
        lines_of(&refused, "help:"),
        [
            "help: name the key that counts now with `--log-key`; while it is replaced a key file may hold both, one a line"
        ]
    );
    assert_eq!(ledger_size(&organisation), size);
    fs::write(&file, both.lines().last().unwrap()).unwrap();
    organisation.apply().expect_code(4);
    assert!(ledger_size(&organisation) > size);
    verifies(&organisation);
    organisation.as_person("mia", &pinned).expect_code(0);
}

fn lines_of<'a>(answer: &'a Answer, word: &str) -> Vec<&'a str> {
    answer
        .stderr
        .lines()
        .filter(|line| line.starts_with(word))
        .collect()
}

#[test]
fn the_key_of_an_engine_is_replaced_and_the_old_one_says_nothing_more() {
    let organisation = Organisation::new();
    organisation
        .as_person("ada", &["trust", "rotate", "engine", "nobody"])
        .expect_code(1);
    organisation
        .as_person("ada", &["trust", "rotate", "engine", "local"])
        .expect_code(0);
    sign_and_commit(&organisation);
    organisation.apply().expect_code(0);
    let local = organisation.repository().join(".git/promote");
    organisation.register_and_request("1.0.0", "qa");
    let size = ledger_size(&organisation);
    let refused = organisation.apply().expect_code(1);
    assert!(
        last_error(&refused).ends_with("is not in `trust/root.yaml`"),
        "{}",
        refused.all()
    );
    assert_eq!(ledger_size(&organisation), size);
    fs::rename(local.join("engine-next.pem"), local.join("engine.pem")).unwrap();
    organisation.approve("rita", "qa");
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.0"));
    let status = organisation
        .as_person("ada", &["trust", "status"])
        .expect_code(0);
    assert!(lines(&status, "missing:").is_empty(), "{}", status.all());
    verifies(&organisation);
}
