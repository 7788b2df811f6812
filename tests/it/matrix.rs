//! Every kind of workspace to every other: one organisation with a workspace of each kind in dev and in qa, one artifact made
//! in each, and one run that takes all of them everywhere.

use std::collections::BTreeSet;
use std::path::Path;

use crate::organisation::{Answer, Organisation};
use crate::platforms::{Platforms, SECRETS};
use crate::variants::variant;

/// A workspace manifest over an `adapter` block.
fn manifest(
    name: &str,
    environment: &str,
    accepts: &[String],
    adapter: &serde_json::Value,
) -> String {
    let manifest = serde_json::json!({
        "apiVersion": "promote.dev/v1alpha1",
        "kind": "Workspace",
        "metadata": { "name": name },
        "spec": {
            "environment": environment,
            "region": "westeurope",
            "clearance": ["internal"],
            "accepts": accepts,
            "adapter": adapter,
        },
    });
    // JSON is YAML.
    serde_json::to_string_pretty(&manifest).unwrap()
}

/// An organisation with a workspace of each kind in dev and in qa.
fn organisation(platforms: &Platforms) -> Organisation {
    Organisation::begun("multi-environment", |organisation| {
        let workspaces = organisation.repository().join("workspaces");
        let sources: Vec<String> = platforms
            .kinds()
            .map(|kind| format!("dev-{kind}"))
            .collect();
        for kind in platforms.kinds() {
            for (environment, accepts) in [("dev", Vec::new()), ("qa", sources.clone())] {
                let name = format!("{environment}-{kind}");
                let adapter = platforms.adapter(kind, environment, organisation.folder.path());
                let text = manifest(&name, environment, &accepts, &adapter);
                std::fs::write(workspaces.join(format!("{name}.yaml")), text).unwrap();
            }
        }
        let directories = sources.join(", ");
        organisation.edit(
            "workspaces/qa.yaml",
            "accepts: [dev]",
            &format!("accepts: [dev, {directories}]"),
        );
    })
}

/// Everything that was said or kept, but for where secrets belong.
fn no_secret_shows(organisation: &Organisation, answers: &[Answer]) {
    let shows = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        SECRETS.iter().any(|secret| text.contains(secret))
    };
    for answer in answers {
        assert!(!shows(answer.all().as_bytes()), "{}", answer.all());
    }
    for folder in ["repository", "home"] {
        look_into(&organisation.path(folder), &shows);
    }
}

fn look_into(folder: &Path, shows: &dyn Fn(&[u8]) -> bool) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            look_into(&path, shows);
        } else {
            assert!(
                !shows(&std::fs::read(&path).unwrap()),
                "a secret is in {}",
                path.display()
            );
        }
    }
}

/// What the doctor says of all workspaces. The clock of the fake stands still.
fn everything_is_well(organisation: &Organisation) -> Answer {
    let asked = organisation.as_person("ada", &["doctor", "-o", "json"]);
    let report = asked.json();
    for workspace in report["workspaces"].as_array().unwrap() {
        let problems = workspace["problems"].as_array().unwrap().iter();
        let is_of_clock = |problem: &&serde_json::Value| {
            workspace["kind"] == "azure-ml" && problem.as_str().unwrap().starts_with("its clock is")
        };
        let others: Vec<_> = problems.filter(|problem| !is_of_clock(problem)).collect();
        assert!(others.is_empty(), "{}: {others:?}", workspace["workspace"]);
    }
    asked
}

#[test]
fn every_kind_of_workspace_takes_from_every_other() {
    let platforms = Platforms::start();
    let organisation = organisation(&platforms);
    let mut answers = Vec::new();
    answers.push(everything_is_well(&organisation));
    for kind in platforms.kinds() {
        let name = format!("wildlife/penguin-{kind}");
        let from = variant(&organisation, &format!("made-in-{kind}"));
        let workspace = format!("dev-{kind}");
        let registered =
            organisation.register(&name, "1.0.0", &from, &workspace, "penguins-sample");
        answers.push(registered.expect_code(0));
        let version = format!("{name}@1.0.0");
        organisation.request(&version, "qa").expect_code(0);
    }
    for kind in platforms.kinds() {
        let version = format!("wildlife/penguin-{kind}@1.0.0");
        let approve = ["approve", &version, "--in", "qa", "--yes"];
        answers.push(organisation.as_person("rita", &approve).expect_code(0));
    }
    answers.push(
        organisation
            .as_person("ada", &["apply", "-v"])
            .expect_code(0),
    );
    let status = organisation
        .as_person("ada", &["status", "-o", "json"])
        .expect_code(0);
    let slots = status.json();
    let slots = slots["slots"].as_array().unwrap();
    let mut held = BTreeSet::new();
    for slot in slots {
        let place = &slot["slot"];
        let (workspace, artifact) = (
            place["workspace"].as_str().unwrap(),
            place["artifact"].as_str().unwrap(),
        );
        if slot["environment"] == "qa" {
            assert_eq!(slot["held"], "1.0.0", "{artifact} in {workspace}: {slot:#}");
            held.insert((workspace.to_owned(), artifact.to_owned()));
        }
    }
    let kinds = platforms.kinds().count();
    // In the workspace of each kind, and in the directory that the pattern has.
    assert_eq!(held.len(), kinds * (kinds + 1), "{held:#?}");
    // What is there is read once more, every byte, and compared with what the ledger says.
    let scan = organisation.as_person("ada", &["scan"]).expect_code(0);
    assert!(
        scan.stdout.contains("clean every workspace"),
        "{}",
        scan.all()
    );
    answers.push(scan);
    answers.push(organisation.as_person("rita", &["verify"]).expect_code(0));
    answers.push(organisation.as_person("ada", &["apply"]).expect_code(0));
    no_secret_shows(&organisation, &answers);
    platforms.finish();
}
