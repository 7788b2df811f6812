//! Tags as GTO writes them: what we write, GTO reads; what GTO writes, we take for a wish.

use std::process::Command;

use serde_json::{Value, json};

use crate::oracle::installed;
use crate::organisation::{Answer, Organisation, answer};

const MODEL: &str = "wildlife/penguin-species";

/// The real GTO, as a person, in the repository.
fn gto(organisation: &Organisation, arguments: &[&str]) -> Answer {
    let mut command = Command::new(installed("gto"));
    let git = organisation.git_command("dana");
    command
        .env_clear()
        .args(arguments)
        .current_dir(organisation.repository());
    command.envs(
        git.get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    answer(&mut command)
}

/// What `gto show` says of the penguins.
fn shown(organisation: &Organisation) -> Value {
    gto(organisation, &["show", "--json"]).expect_code(0).json()[MODEL].clone()
}

fn promote(organisation: &Organisation, arguments: &[&str]) -> Answer {
    let mut all = vec!["gto"];
    all.extend(arguments);
    organisation.as_person("dana", &all)
}

/// What we say of a stage of the penguins: standing, tagged, held.
fn stage(organisation: &Organisation, stage: &str) -> (String, Value, Value) {
    let json = promote(organisation, &["show", "-o", "json"])
        .expect_code(0)
        .json();
    let lines = json["stages"].as_array().unwrap().clone();
    let line = lines
        .into_iter()
        .find(|line| line["stage"] == stage && line["artifact"] == MODEL)
        .unwrap();
    (
        line["standing"].as_str().unwrap().to_owned(),
        line["tagged"].clone(),
        line["held"].clone(),
    )
}

fn to_qa(organisation: &Organisation, version: &str) {
    organisation.promote_to_qa(version);
}

#[test]
fn gto_shows_what_the_ledger_says_and_nothing_is_written_twice() {
    let organisation = Organisation::new();
    organisation.promote_to_prod("1.0.0");
    to_qa(&organisation, "1.1.0");
    let dry = promote(&organisation, &["export", "--dry-run", "-o", "name"]).expect_code(0);
    let made = promote(&organisation, &["export", "-o", "json"]).expect_code(0);
    let expected = ["@v1.0.0", "@v1.1.0", "#prod#1", "#qa#2"].map(|tag| format!("{MODEL}{tag}"));
    assert_eq!(made.json()["made"], json!(expected), "{}", made.all());
    assert_eq!(dry.stdout.lines().collect::<Vec<_>>(), expected);
    assert_eq!(made.json()["problems"], json!([]));
    assert_eq!(
        shown(&organisation),
        json!({
            "version": "v1.1.0", "stage": {"prod": "v1.0.0", "qa": "v1.1.0"}, "registered": true, "active": true,
        })
    );
    let again = promote(&organisation, &["export"]).expect_code(0);
    assert_eq!(again.stdout, "every tag is there already\n");
    let history = gto(&organisation, &["history", "--json"])
        .expect_code(0)
        .json();
    let refs: Vec<&str> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["ref"].as_str().unwrap())
        .collect();
    assert_eq!(refs.len(), 4, "{refs:?}");
    let author = history[0]["author"].as_str();
    assert_eq!(author, Some("dana"));
    // The version's tag is where its manifest came from.
    let commit = organisation.git(
        "dana",
        &["rev-parse", &format!("{MODEL}@v1.0.0^{{commit}}")],
    );
    let path = "models/wildlife/penguin-species/1.0.0.yaml";
    assert_eq!(
        commit,
        organisation.git("dana", &["log", "-1", "--format=%H", "--", path])
    );
}

#[test]
fn a_rollback_is_a_new_assignment_that_gto_shows() {
    let organisation = Organisation::new();
    to_qa(&organisation, "1.0.0");
    promote(&organisation, &["export"]).expect_code(0);
    to_qa(&organisation, "1.1.0");
    let next = promote(&organisation, &["export", "-o", "name"]).expect_code(0);
    assert_eq!(next.stdout, format!("{MODEL}@v1.1.0\n{MODEL}#qa#2\n"));
    let back = ["rollback", MODEL, "--in", "qa", "--to", "1.0.0"];
    organisation.as_person("dana", &back).expect_code(0);
    organisation.approve("rita", "qa");
    organisation.apply().expect_code(0);
    let made = promote(&organisation, &["export", "-o", "name"]).expect_code(0);
    assert_eq!(made.stdout, format!("{MODEL}#qa#3\n"));
    assert_eq!(
        stage(&organisation, "qa"),
        ("agrees".to_owned(), json!("1.0.0"), json!("1.0.0"))
    );
}

#[test]
fn what_gto_assigns_is_a_wish_that_somebody_asks_for_and_others_approve() {
    let organisation = Organisation::new();
    to_qa(&organisation, "1.0.0");
    promote(&organisation, &["export"]).expect_code(0);
    let assign = ["assign", MODEL, "--version", "v1.0.0", "--stage", "prod"];
    gto(&organisation, &assign).expect_code(0);
    assert_eq!(
        stage(&organisation, "prod"),
        ("wished".to_owned(), json!("1.0.0"), json!(null))
    );
    let tag = format!("{MODEL}#prod#2");
    let page = promote(&organisation, &["show"]).expect_code(0);
    assert!(
        page.stdout
            .contains(&format!("ask for it with `promote gto request '{tag}'`")),
        "{}",
        page.all()
    );
    // Nothing moves by a tag.
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("prod"), None);
    let asked = promote(&organisation, &["request", &tag]).expect_code(0);
    assert!(
        asked
            .stdout
            .contains("asked prod for wildlife/model/penguin-species@1.0.0"),
        "{}",
        asked.all()
    );
    assert_eq!(stage(&organisation, "prod").0, "asked");
    let release = organisation
        .repository()
        .join("releases/prod/wildlife/model/penguin-species.yaml");
    let release = std::fs::read_to_string(release).unwrap();
    assert!(
        release.contains(&format!("`{tag}`, tagged by dana")),
        "{release}"
    );
    // Still nobody has approved it, and who asked does not.
    organisation.apply().expect_code(4);
    organisation.approve("dana", "prod");
    organisation.apply().expect_code(4);
    assert_eq!(organisation.served("prod"), None);
    organisation.approve("omar", "prod");
    organisation.approve("mia", "prod");
    organisation.apply().expect_code(0);
    assert_eq!(stage(&organisation, "prod").0, "agrees");
    assert_eq!(
        promote(&organisation, &["export"]).expect_code(0).stdout,
        "every tag is there already\n"
    );
    let none = promote(&organisation, &["request", &tag]).expect_code(1);
    assert!(
        none.stderr
            .contains(&format!("there is no open wish tagged `{tag}`")),
        "{}",
        none.all()
    );
}

#[test]
fn a_wish_is_left_until_it_is_settled() {
    let organisation = Organisation::new();
    for version in ["1.0.0", "1.1.0"] {
        to_qa(&organisation, version);
    }
    promote(&organisation, &["export"]).expect_code(0);
    gto(
        &organisation,
        &["assign", MODEL, "--version", "v1.0.0", "--stage", "qa"],
    )
    .expect_code(0);
    let left = promote(&organisation, &["export"]).expect_code(0);
    assert!(
        left.stdout
            .contains(&format!("left: `{MODEL}#qa#2` wishes for something else")),
        "{}",
        left.all()
    );
    let settled = promote(&organisation, &["export", "--settle", "-o", "name"]).expect_code(0);
    assert_eq!(settled.stdout, format!("{MODEL}#qa#3\n"));
    assert_eq!(
        stage(&organisation, "qa"),
        ("agrees".to_owned(), json!("1.1.0"), json!("1.1.0"))
    );
    let again = promote(&organisation, &["export", "--settle"]).expect_code(0);
    assert_eq!(again.stdout, "every tag is there already\n");
}

#[test]
fn tags_about_things_that_are_not_registered_are_told_and_asked_for_by_nobody() {
    let organisation = Organisation::new();
    to_qa(&organisation, "1.0.0");
    // In the future, unknown to us, in no environment, or no tag of GTO's at all.
    let head = organisation.git("dana", &["rev-parse", "HEAD"]);
    gto(&organisation, &["register", MODEL, "--version", "v9.0.0"]).expect_code(0);
    gto(
        &organisation,
        &["assign", MODEL, "--version", "v9.0.0", "--stage", "prod"],
    )
    .expect_code(0);
    gto(&organisation, &["register", "churn", "--version", "v1.0.0"]).expect_code(0);
    gto(
        &organisation,
        &[
            "assign",
            "churn",
            "--version",
            "v1.0.0",
            "--stage",
            "staging",
        ],
    )
    .expect_code(0);
    for tag in ["v1.0.0", "wildlife/penguin-species@latest", "a#b#c"] {
        organisation.git("dana", &["tag", tag, &head]);
    }
    let json = promote(&organisation, &["show", "-o", "json"])
        .expect_code(0)
        .json();
    assert_eq!((&json["tags"], &json["versions"]), (&json!(4), &json!(2)));
    assert_eq!(
        stage(&organisation, "prod"),
        ("unknown".to_owned(), json!("9.0.0"), json!(null))
    );
    let asked = promote(&organisation, &["request"]).expect_code(0);
    assert_eq!(
        asked.stdout,
        "nobody wishes for anything that was not asked for\n"
    );
}

#[test]
fn tags_go_to_the_remote_and_come_from_it() {
    let organisation = Organisation::new();
    to_qa(&organisation, "1.0.0");
    let clone = organisation.path("clone");
    let from = organisation.repository();
    organisation.git(
        "dana",
        &[
            "clone",
            "-q",
            from.to_str().unwrap(),
            clone.to_str().unwrap(),
        ],
    );
    let in_clone = |arguments: &[&str]| {
        let mut command = organisation.command("dana");
        command
            .env("PROMOTE_REPOSITORY", &clone)
            .arg("gto")
            .args(arguments);
        answer(&mut command)
    };
    let pushed = in_clone(&["export", "--push"]).expect_code(0);
    assert_eq!(
        pushed.stdout,
        format!("pushed {MODEL}@v1.0.0\npushed {MODEL}#qa#1\n")
    );
    assert_eq!(shown(&organisation)["stage"]["qa"], "v1.0.0");
    // What was written without being pushed is pushed by the next call that pushes, and once.
    to_qa(&organisation, "1.1.0");
    in_clone(&["export"]).expect_code(0);
    let later = in_clone(&["export", "--push"]).expect_code(0);
    assert_eq!(
        later.stdout,
        format!("pushed {MODEL}#qa#2\npushed {MODEL}@v1.1.0\n")
    );
    assert_eq!(shown(&organisation)["stage"]["qa"], "v1.1.0");
    let again = in_clone(&["export", "--push"]).expect_code(0);
    assert_eq!(again.stdout, "every tag is there already\n");
    gto(
        &organisation,
        &["assign", MODEL, "--version", "v1.0.0", "--stage", "prod"],
    )
    .expect_code(0);
    let json = in_clone(&["show", "-o", "json"]).expect_code(0).json();
    assert_eq!(json["stages"][0]["standing"], "wished");
    let url = format!("file://{}", from.display());
    let mut command = organisation.command("dana");
    command
        .env("PROMOTE_REPOSITORY", url)
        .args(["gto", "export"]);
    let needs = answer(&mut command).expect_code(2);
    assert!(
        needs.stderr.contains("add `--push`, or run it in a clone"),
        "{}",
        needs.all()
    );
}

fn exported(organisation: &Organisation) -> Value {
    let made = promote(organisation, &["export", "-o", "json"]);
    made.expect_code(0).json()
}

#[test]
fn no_stage_is_tagged_at_a_commit_that_is_not_of_the_branch() {
    let organisation = Organisation::new();
    to_qa(&organisation, "1.0.0");
    let strange = ["commit-tree", "HEAD^{tree}", "-m", "strange"];
    let strange = organisation.git("dana", &strange);
    let strange = strange.trim();
    let version = format!("{MODEL}@v1.0.0");
    organisation.git("dana", &["tag", &version, strange]);
    let made = exported(&organisation);
    assert_eq!(made["made"], json!([]));
    let said = format!(
        "`{MODEL}` in `qa`: the tag `{version}` is at the commit {strange}, which is not of the branch"
    );
    assert_eq!(made["problems"], json!([said]));
    organisation.git("dana", &["tag", &format!("{MODEL}#qa#1"), strange]);
    assert_eq!(stage(&organisation, "qa").0, "not-written");
}

#[test]
fn tags_of_the_future_and_of_versions_that_are_taken_back_are_named_and_nothing_is_written_again() {
    let organisation = Organisation::new();
    for version in ["1.0.0", "1.1.0"] {
        to_qa(&organisation, version);
    }
    exported(&organisation);
    let future = format!("{MODEL}#qa#9");
    let old = format!("{MODEL}@v1.0.0^{{commit}}");
    let mut command = organisation.git_command("dana");
    command
        .env("GIT_COMMITTER_DATE", "2090-01-01T00:00:00Z")
        .args(["tag", "-a", "-m", "later", &future, &old]);
    answer(&mut command).expect_code(0);
    assert_eq!(stage(&organisation, "qa").0, "agrees");
    let said = format!("`{future}` is dated into the future and says nothing");
    let version = format!("{MODEL}@v1.1.0");
    let (gone, at) = (format!("{version}!"), format!("{version}^{{commit}}"));
    organisation.git("dana", &["tag", "-a", "-m", "gone", &gone, &at]);
    let made = exported(&organisation);
    assert_eq!(made["made"], json!([]), "{made}");
    let problems = made["problems"].as_array().unwrap();
    assert!(problems[0].as_str().unwrap().starts_with(&said), "{made}");
    let there = format!("`{MODEL}` in `qa`: `{MODEL}#qa#1` is there, but v1.1.0 is deregistered");
    assert!(problems[1].as_str().unwrap().starts_with(&there), "{made}");
    let back = ["rollback", MODEL, "--in", "qa", "--to", "1.0.0"];
    organisation.as_person("dana", &back).expect_code(0);
    organisation.approve("rita", "qa");
    organisation.apply().expect_code(0);
    assert_eq!(exported(&organisation)["made"][0], format!("{MODEL}#qa#10"));
    let two = ["request", "--branch", "wish", &future, &old];
    let refused = promote(&organisation, &two).expect_code(2);
    let said = "a branch is for one tag, and these are 2";
    assert!(refused.stderr.contains(said), "{}", refused.all());
}

#[test]
fn ten_thousand_tags_are_read() {
    let organisation = Organisation::new();
    to_qa(&organisation, "1.0.0");
    let head = organisation.git("dana", &["rev-parse", "HEAD"]);
    let tag = |number: u32| {
        let name = format!("model-{}@v1.0.{number}", number % 100);
        format!("tag {name}\nfrom {head}\ntagger A <a@b> {number} +0000\ndata 0\n\n")
    };
    let stream: String = (0..10_000).map(tag).collect();
    let file = organisation.path("tags");
    std::fs::write(&file, stream).unwrap();
    let mut command = organisation.git_command("dana");
    command
        .args(["fast-import", "--quiet"])
        .stdin(std::fs::File::open(&file).unwrap());
    answer(&mut command).expect_code(0);
    let json = promote(&organisation, &["show", "-o", "json"])
        .expect_code(0)
        .json();
    assert_eq!(
        (&json["tags"], &json["versions"]),
        (&json!(10_000), &json!(10_000))
    );
}
