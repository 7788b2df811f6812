//! Several at once, on one machine and on several: each thing happens once, and nobody's word is lost.

use std::path::Path;

use crate::clones::{Machine, all_at_once, origin};
use crate::organisation::{Answer, Organisation};
use crate::records::{LEDGER, events, events_of, of_type, successes};
use crate::variants::{MODEL, make_ready, register, variant};

/// Every commit of a branch has one parent, but the first, which has none.
#[track_caller]
fn assert_linear(organisation: &Organisation, repository: &Path, branch: &str) {
    let path = repository.to_str().unwrap();
    let parents = organisation.git("ada", &["-C", path, "log", "--format=%P", branch]);
    assert!(
        parents.lines().all(|line| line.split(' ').count() == 1),
        "{branch}: {parents}"
    );
}

/// A run that was not alone has either done it, seen it done, or seen the other at work.
#[track_caller]
fn assert_sensible(answers: &[Answer]) {
    for answer in answers {
        assert!([0, 4].contains(&answer.code), "{}", answer.all());
        assert_eq!(answer.stderr, "", "{}", answer.all());
    }
    let promoted = answers
        .iter()
        .filter(|answer| answer.stdout.contains("promoted"));
    assert_eq!(promoted.count(), 1, "{answers:?}");
}

#[test]
fn of_two_runs_on_one_machine_exactly_one_promotes() {
    let organisation = Organisation::new();
    for round in 0..5 {
        let version = format!("1.0.{round}");
        make_ready(&organisation, &version);
        let apply = || {
            let mut command = organisation.command("ada");
            command.arg("apply");
            command
        };
        assert_sensible(&all_at_once(vec![apply(), apply()]));
        let recorded = events(&organisation);
        assert_eq!(successes(&recorded, &version, "qa"), 1);
        assert_eq!(of_type(&recorded, "intended").len(), round + 1);
        assert_eq!(organisation.served("qa"), Some(version));
        organisation.apply().expect_code(0);
    }
    assert_linear(&organisation, &organisation.repository(), LEDGER);
    organisation.as_person("dana", &["plan"]).expect_code(0);
}

#[test]
fn of_two_runs_on_a_ledger_in_a_directory_exactly_one_promotes() {
    let organisation = Organisation::with_directory_ledger();
    for round in 0..3 {
        let version = format!("1.0.{round}");
        make_ready(&organisation, &version);
        let apply = || {
            let mut command = organisation.command("ada");
            command.arg("apply");
            command
        };
        assert_sensible(&all_at_once(vec![apply(), apply()]));
        let path = organisation.path("ledger/ledger/entries/000.jsonl");
        let recorded = crate::records::events_in(&std::fs::read_to_string(path).unwrap());
        assert_eq!(successes(&recorded, &version, "qa"), 1);
        assert_eq!(of_type(&recorded, "intended").len(), round + 1);
        organisation.apply().expect_code(0);
    }
}

#[test]
fn of_two_runs_on_two_machines_exactly_one_promotes() {
    let organisation = Organisation::new();
    let origin = origin(&organisation);
    let machines =
        ["one", "two"].map(|name| Machine::cloning(&organisation, name, origin.to_str().unwrap()));
    for round in 0..3 {
        let version = format!("1.0.{round}");
        let from = variant(&organisation, &version);
        let arguments =
            Organisation::register_arguments(MODEL, &version, &from, "dev", "penguins-sample");
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        machines[0].run("dana", &arguments).expect_code(0);
        machines[1]
            .run(
                "dana",
                &["request", &format!("{MODEL}@{version}"), "--to", "qa"],
            )
            .expect_code(0);
        let waiting = machines[0].waiting("qa");
        machines[0]
            .run("rita", &["approve", &waiting, "--yes"])
            .expect_code(0);
        let commands = machines
            .iter()
            .map(|machine| machine.command("ada", &["apply"]))
            .collect();
        assert_sensible(&all_at_once(commands));
        let recorded = events_of(&origin);
        assert_eq!(successes(&recorded, &version, "qa"), 1);
        assert_eq!(of_type(&recorded, "intended").len(), round + 1);
        machines[1].run("ada", &["apply"]).expect_code(0);
    }
    for branch in ["main", "promote-inbox", LEDGER] {
        assert_linear(&organisation, &origin, branch);
    }
}

#[test]
fn what_people_do_at_once_from_different_clones_all_counts() {
    let organisation = Organisation::new();
    let origin = origin(&organisation);
    let names = ["one", "two", "three"];
    let machines =
        names.map(|name| Machine::cloning(&organisation, name, origin.to_str().unwrap()));
    // Three versions of three models, registered at once.
    let models = names.map(|name| format!("wildlife/penguins-{name}"));
    let register = |(machine, model): (&Machine<'_>, &String)| {
        let from = variant(&organisation, "1.0.0");
        std::fs::write(from.join("name.txt"), model).unwrap();
        let from_own = organisation.path(&format!("made/{}", model.replace('/', "-")));
        crate::variants::copy(&from, &from_own);
        let arguments =
            Organisation::register_arguments(model, "1.0.0", &from_own, "dev", "penguins-sample");
        machine.command(
            "dana",
            &arguments.iter().map(String::as_str).collect::<Vec<_>>(),
        )
    };
    let registered = all_at_once(machines.iter().zip(&models).map(register).collect());
    for answer in registered {
        answer.expect_code(0);
    }
    let request = |(machine, model): (&Machine<'_>, &String)| {
        machine.command(
            "dana",
            &["request", &format!("{model}@1.0.0"), "--to", "qa"],
        )
    };
    for answer in all_at_once(machines.iter().zip(&models).map(request).collect()) {
        answer.expect_code(0);
    }
    let plan = machines[0]
        .run("dana", &["plan", "-o", "name"])
        .expect_code(0);
    let waiting: Vec<String> = plan.stdout.lines().map(str::to_owned).collect();
    assert_eq!(waiting.len(), 3, "{}", plan.all());
    let approve =
        |(machine, id): (&Machine<'_>, &String)| machine.command("rita", &["approve", id, "--yes"]);
    for answer in all_at_once(machines.iter().zip(&waiting).map(approve).collect()) {
        answer.expect_code(0);
    }
    machines[2].run("ada", &["apply"]).expect_code(0);
    let recorded = events_of(&origin);
    assert_eq!(successes(&recorded, "1.0.0", "qa"), 3);
    for branch in ["main", "promote-inbox", LEDGER] {
        assert_linear(&organisation, &origin, branch);
    }
}

#[test]
fn two_versions_registered_at_once_in_one_work_tree_both_count() {
    let organisation = Organisation::new();
    register(&organisation, "1.0.0");
    let commands = ["1.0.1", "1.0.2"].map(|version| {
        let from = variant(&organisation, version);
        let arguments =
            Organisation::register_arguments(MODEL, version, &from, "dev", "penguins-sample");
        let mut command = organisation.command("dana");
        command.args(&arguments);
        command
    });
    for answer in all_at_once(commands.into()) {
        answer.expect_code(0);
    }
    assert_eq!(organisation.git("ada", &["status", "--porcelain"]), "");
    organisation.as_person("dana", &["check"]).expect_code(0);
    for version in ["1.0.1", "1.0.2"] {
        organisation
            .request(&format!("{MODEL}@{version}"), "qa")
            .expect_code(0);
    }
}

#[test]
fn a_workspace_that_cannot_be_staged_for_does_not_stop_the_others() {
    let organisation = Organisation::begun("multi-environment", |organisation| {
        let workspaces = organisation.repository().join("workspaces");
        let qa = std::fs::read_to_string(workspaces.join("qa.yaml")).unwrap();
        // Its name comes first, so that it is tried first.
        let broken = qa
            .replace("name: qa", "name: a-file")
            .replace("workspaces/qa", "workspaces/a-file");
        std::fs::write(workspaces.join("a-file.yaml"), broken).unwrap();
    });
    organisation.register_and_request("1.0.0", "qa");
    let version = format!("{MODEL}@1.0.0");
    organisation
        .as_person("rita", &["approve", &version, "--in", "qa", "--yes"])
        .expect_code(0);
    let place = organisation.workspace("a-file");
    std::fs::remove_dir_all(&place).ok();
    std::fs::write(&place, "where a folder should be").unwrap();
    let tried = organisation.apply().expect_code(5);
    assert!(tried.stdout.contains("a-file"), "{}", tried.all());
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.0"));
    std::fs::remove_file(&place).unwrap();
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("a-file").as_deref(), Some("1.0.0"));
}
