//! The promotion repository elsewhere: a bare `origin` by path and by URL, an address without any clone, a remote that
//! is away.

use crate::clones::{Machine, origin};
use crate::organisation::Organisation;
use crate::records::{events_of, successes};
use crate::variants::{MODEL, variant};

#[track_caller]
fn register(organisation: &Organisation, machine: &Machine<'_>, version: &str) {
    let from = variant(organisation, version);
    let arguments =
        Organisation::register_arguments(MODEL, version, &from, "dev", "penguins-sample");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    machine.run("dana", &arguments).expect_code(0);
}

/// Each step of a promotion on another machine in turn.
#[track_caller]
fn promote_across(organisation: &Organisation, machines: &[Machine<'_>], version: &str) {
    let mut turn = machines.iter().cycle();
    let mut next = || turn.next().unwrap();
    register(organisation, next(), version);
    let asked = format!("{MODEL}@{version}");
    next()
        .run("dana", &["request", &asked, "--to", "qa"])
        .expect_code(0);
    next().run("ada", &["apply"]).expect_code(4);
    let waiting = next().waiting("qa");
    next()
        .run("rita", &["approve", &waiting, "--yes"])
        .expect_code(0);
    next().run("ada", &["apply"]).expect_code(0);
    let status = next().run("dana", &["status"]).expect_code(0);
    assert!(status.stdout.contains(version), "{}", status.all());
}

/// Writes where workspaces are as absolute paths, which mean the same on every machine.
#[track_caller]
fn with_absolute_workspaces() -> Organisation {
    let organisation = Organisation::new();
    for name in ["dev", "qa", "prod"] {
        let absolute = organisation.workspace(name).display().to_string();
        organisation.edit(
            &format!("workspaces/{name}.yaml"),
            &format!("../workspaces/{name}"),
            &absolute,
        );
    }
    organisation
        .as_person("ada", &["trust", "sign", "--commit"])
        .expect_code(0);
    organisation.apply().expect_code(0);
    organisation
}

#[test]
fn clones_by_path_and_by_url_work_together() {
    let organisation = Organisation::new();
    let origin = origin(&organisation);
    let url = format!("file://{}", origin.display());
    let machines = [
        Machine::cloning(&organisation, "by-path", origin.to_str().unwrap()),
        Machine::cloning(&organisation, "by-url", &url),
    ];
    for version in ["1.0.0", "1.0.1"] {
        promote_across(&organisation, &machines, version);
        assert_eq!(organisation.served("qa").as_deref(), Some(version));
    }
    assert_eq!(successes(&events_of(&origin), "1.0.1", "qa"), 1);
}

#[test]
fn an_address_is_enough() {
    let organisation = with_absolute_workspaces();
    let origin = origin(&organisation);
    let url = format!("file://{}", origin.display());
    let machines = [
        Machine::without_clone(&organisation, "state-one", &url),
        Machine::without_clone(&organisation, "state-two", &url),
        Machine::cloning(&organisation, "clone", &url),
    ];
    for version in ["1.0.0", "1.0.1"] {
        promote_across(&organisation, &machines, version);
        assert_eq!(organisation.served("qa").as_deref(), Some(version));
    }
}

#[test]
fn a_relative_workspace_of_an_address_is_refused_rather_than_made_up() {
    let organisation = Organisation::new();
    let origin = origin(&organisation);
    let url = format!("file://{}", origin.display());
    let machine = Machine::without_clone(&organisation, "state", &url);
    let from = variant(&organisation, "1.0.0");
    let arguments =
        Organisation::register_arguments(MODEL, "1.0.0", &from, "dev", "penguins-sample");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let refused = machine.run("dana", &arguments).expect_code(1);
    assert!(
        refused.stderr.contains("`../workspaces/dev`"),
        "{}",
        refused.all()
    );
    assert!(refused.stderr.contains("absolute"), "{}", refused.all());
    assert!(!organisation.path("state/mirrors/workspaces").exists());
}

#[test]
fn a_remote_that_is_away_is_named_and_nothing_changes() {
    let organisation = Organisation::new();
    let origin = origin(&organisation);
    let url = format!("file://{}", origin.display());
    let machine = Machine::cloning(&organisation, "clone", &url);
    register(&organisation, &machine, "1.0.0");
    let asked = format!("{MODEL}@1.0.0");
    machine
        .run("dana", &["request", &asked, "--to", "qa"])
        .expect_code(0);
    let waiting = machine.waiting("qa");
    machine
        .run("rita", &["approve", &waiting, "--yes"])
        .expect_code(0);
    let before = machine.folder().join(".git/refs");
    let before = crate::support::files_under(&before);
    std::fs::rename(&origin, organisation.path("elsewhere.git")).unwrap();
    let from = variant(&organisation, "1.0.1");
    let register =
        Organisation::register_arguments(MODEL, "1.0.1", &from, "dev", "penguins-sample");
    let calls: [&[&str]; 7] = [
        &["apply"],
        &["plan"],
        &["status"],
        &["explain", &asked, "--to", "qa"],
        &["request", &asked, "--to", "prod"],
        &["approve", &waiting, "--yes"],
        &register.iter().map(String::as_str).collect::<Vec<_>>(),
    ];
    for call in calls {
        let answer = machine.run("dana", call).expect_code(5);
        assert!(
            answer.stderr.contains("origin"),
            "{call:?}: {}",
            answer.all()
        );
        assert_eq!(answer.stdout, "");
    }
    assert_eq!(
        crate::support::files_under(&machine.folder().join(".git/refs")),
        before
    );
    assert_eq!(organisation.served("qa"), None);
    assert!(
        !organisation
            .workspace("dev")
            .join("wildlife/model/penguin-species/1.0.1")
            .exists()
    );
    std::fs::rename(organisation.path("elsewhere.git"), &origin).unwrap();
    machine.run("ada", &["apply"]).expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.0"));
}

#[test]
fn an_address_that_is_away_is_named() {
    let organisation = Organisation::new();
    let url = format!("file://{}", organisation.path("nowhere.git").display());
    let machine = Machine::without_clone(&organisation, "state", &url);
    for call in ["apply", "plan", "status"] {
        let answer = machine.run("ada", &[call]);
        assert!(answer.stderr.contains("nowhere.git"), "{}", answer.all());
    }
}

#[test]
fn a_request_on_a_branch_leaves_main_alone() {
    let organisation = Organisation::new();
    let origin = origin(&organisation);
    let machine = Machine::cloning(&organisation, "clone", origin.to_str().unwrap());
    register(&organisation, &machine, "1.0.0");
    let head = |branch: &str| {
        let path = origin.to_str().unwrap();
        organisation.git("ada", &["-C", path, "rev-parse", branch])
    };
    let main = head("main");
    let asked = format!("{MODEL}@1.0.0");
    let request = [
        "request",
        &asked,
        "--to",
        "qa",
        "--branch",
        "release/penguins",
    ];
    machine.run("dana", &request).expect_code(0);
    assert_eq!(head("main"), main);
    assert_eq!(head("release/penguins~1"), main);
    let plan = machine.run("dana", &["plan", "-o", "name"]).expect_code(0);
    assert_eq!(plan.stdout.trim(), "");
    let again = machine.run("dana", &request).expect_code(7);
    assert!(
        again.stderr.contains("`release/penguins` exists already"),
        "{}",
        again.all()
    );
    assert!(again.stderr.contains("--branch"), "{}", again.all());
    let path = origin.to_str().unwrap();
    organisation.git(
        "ada",
        &[
            "-C",
            path,
            "update-ref",
            "refs/heads/main",
            &head("release/penguins"),
        ],
    );
    assert!(machine.waiting("qa").starts_with("qa-penguin-species-"));
}
