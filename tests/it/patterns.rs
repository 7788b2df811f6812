//! Every pattern that the program can write, end to end, and what it enforces.

use std::process::Command;

use crate::organisation::{Organisation, answer};

#[test]
fn restricted_data_promotes_into_production_and_nothing_back() {
    let organisation = Organisation::in_pattern("restricted-data");
    let model = Organisation::model("penguin-species/1.0.0");
    let name = "wildlife/penguin-species";
    organisation
        .register(name, "1.0.0", &model, "limited", "penguins-sample")
        .expect_code(0);
    organisation
        .request("wildlife/penguin-species@1.0.0", "production")
        .expect_code(0);
    organisation.apply().expect_code(4);
    organisation.approve("omar", "production");
    organisation.approve("mia", "production");
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("production").as_deref(), Some("1.0.0"));

    let trained_on_production = Organisation::model("penguin-species-field/1.0.0");
    let field = "wildlife/penguin-species-field";
    let denied = organisation
        .register(
            field,
            "1.0.0",
            &trained_on_production,
            "limited",
            "penguins-field",
        )
        .expect_code(3);
    assert!(
        denied.stderr.starts_with(
            "error: the data behind it carries `production`, and workspace `limited` is not cleared for that\n"
        ),
        "{}",
        denied.all()
    );
    organisation
        .register(
            field,
            "1.0.0",
            &trained_on_production,
            "production",
            "penguins-field",
        )
        .expect_code(0);
    organisation
        .request("wildlife/penguin-species-field@1.0.0", "limited")
        .expect_code(0);
    organisation.apply().expect_code(3);
    assert!(
        !organisation
            .workspace("limited")
            .join("wildlife/model/penguin-species-field")
            .exists()
    );
    organisation.as_person("ada", &["verify"]).expect_code(0);
}

#[test]
fn a_pattern_refuses_what_it_stands_against() {
    for (pattern, workspace, code) in [
        (
            "multi-environment",
            "dev",
            "multi-environment-first-clearance",
        ),
        ("restricted-data", "limited", "restricted-data-clearance"),
    ] {
        let organisation = Organisation::in_pattern(pattern);
        let path = format!("workspaces/{workspace}.yaml");
        organisation.edit(
            &path,
            "clearance: [internal]",
            "clearance: [internal, production]",
        );
        let check = organisation.as_person("ada", &["check"]).expect_code(1);
        assert!(check.stdout.contains(&path), "{}", check.all());
        assert!(
            check.stdout.contains("production"),
            "{code}: {}",
            check.all()
        );
        organisation
            .as_person("ada", &["trust", "sign", "--commit"])
            .expect_code(0);
        let status = organisation
            .as_person("ada", &["trust", "status"])
            .expect_code(4);
        assert!(
            status.stdout.contains(&format!(
                "missing: `{path}` is not valid; `promote check` says why"
            )),
            "signed and not valid is not adopted: {}",
            status.all()
        );
    }
}

#[test]
fn the_demo_tells_its_story_and_leaves_a_ledger_that_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let promote = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_promote"));
        command
            .args(arguments)
            .current_dir(folder.path())
            .env("NO_COLOR", "1")
            .env("HOME", folder.path());
        answer(&mut command)
    };
    let told = promote(&["demo"]).expect_code(0);
    let lines = told
        .stdout
        .lines()
        .filter(|line| line.contains(" $ promote "))
        .count();
    assert_eq!(lines, 30, "{}", told.all());
    assert!(
        told.stdout
            .contains("5 promotions, 28 entries in the ledger"),
        "{}",
        told.all()
    );
    promote(&["verify", "-C", "promote-demo/repository"]).expect_code(0);
    promote(&["check", "-C", "promote-demo/repository"]).expect_code(0);
    promote(&["apply", "-C", "promote-demo/repository"]).expect_code(3);
    let again = promote(&["demo"]).expect_code(1);
    assert_eq!(
        again.stderr,
        "error: `promote-demo` is not empty\nhelp: name another folder, or remove this one\n"
    );
}
