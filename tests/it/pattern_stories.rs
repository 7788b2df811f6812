//! A real model through every pattern, and the ways that each of them closes.

use crate::organisation::{Answer, Organisation};

const MODEL: &str = "wildlife/penguin-species";
pub(crate) const FIRST: &str = "wildlife/penguin-species@1.0.0";

/// Registers the first penguins in a workspace.
#[track_caller]
pub(crate) fn register(organisation: &Organisation, workspace: &str, dataset: &str) {
    let from = Organisation::model("penguin-species/1.0.0");
    let answer = organisation.register(MODEL, "1.0.0", &from, workspace, dataset);
    answer.expect_code(0);
}

/// Registers another model, made from some dataset, which may be refused.
pub(crate) fn register_other(
    organisation: &Organisation,
    name: &str,
    workspace: &str,
    dataset: &str,
) -> Answer {
    let from = Organisation::model("penguin-species-field/1.0.0");
    organisation.register(name, "1.0.0", &from, workspace, dataset)
}

/// Brings the first penguins into an environment, with the yes of some people.
#[track_caller]
fn promote(organisation: &Organisation, environment: &str, approvers: &[&str]) {
    organisation.request(FIRST, environment).expect_code(0);
    for person in approvers {
        organisation.approve(person, environment);
    }
    organisation.apply().expect_code(0);
}

#[track_caller]
pub(crate) fn serves(organisation: &Organisation, workspaces: &[&str]) {
    for workspace in workspaces {
        let served = organisation.served(workspace);
        assert_eq!(served.as_deref(), Some("1.0.0"), "{workspace}");
    }
}

#[track_caller]
fn refused_for(answer: Answer, tag: &str, workspace: &str) {
    let answer = answer.expect_code(3);
    let expected = format!(
        "error: the data behind it carries `{tag}`, and workspace `{workspace}` is not cleared for that\n"
    );
    assert!(answer.stderr.starts_with(&expected), "{}", answer.all());
}

#[track_caller]
pub(crate) fn verifies(organisation: &Organisation) {
    organisation.as_person("ada", &["verify"]).expect_code(0);
}

#[test]
fn a_team_promotes_from_its_one_workspace() {
    let organisation = Organisation::in_pattern("team");
    let (dev, prod) = ("mlw-wildlife-team-dev", "mlw-wildlife-team-prod");
    register(&organisation, dev, "penguins-sample");
    promote(&organisation, "prod", &["omar", "mia"]);
    serves(&organisation, &[prod]);
    refused_for(
        register_other(&organisation, "wildlife/field", dev, "penguins-field"),
        "production",
        dev,
    );
    verifies(&organisation);
}

#[test]
fn a_project_keeps_to_its_own_workspaces() {
    let organisation = Organisation::in_pattern("project");
    register(&organisation, "mlw-wildlife-dev", "penguins-sample");
    promote(&organisation, "prod", &["omar", "mia"]);
    serves(&organisation, &["mlw-wildlife-prod"]);
    assert_eq!(organisation.served("mlw-botany-prod"), None);
    let other = register_other(
        &organisation,
        "wildlife/field",
        "mlw-botany-dev",
        "penguins-sample",
    )
    .expect_code(1);
    assert!(other.stderr.contains("botany"), "{}", other.all());
    organisation
        .as_person(
            "dana",
            &[
                "request",
                FIRST,
                "--to",
                "prod",
                "--workspace",
                "mlw-botany-prod",
            ],
        )
        .expect_code(1);
    verifies(&organisation);
}

#[test]
fn what_succeeds_in_exploration_graduates_into_a_project() {
    let organisation = Organisation::in_pattern("shared");
    register(&organisation, "exploration", "penguins-sample");
    promote(&organisation, "dev", &["rita"]);
    serves(&organisation, &["dev"]);
    promote(&organisation, "prod", &["omar", "mia"]);
    serves(&organisation, &["dev", "prod"]);
    let field = register_other(
        &organisation,
        "wildlife/field",
        "exploration",
        "penguins-field",
    );
    refused_for(field, "production", "exploration");
    verifies(&organisation);
}

#[test]
fn a_service_goes_from_research_through_staging() {
    let organisation = Organisation::in_pattern("single-environment");
    register(&organisation, "research", "penguins-field");
    let early = organisation.request(FIRST, "production").expect_code(0);
    organisation.apply().expect_code(3);
    organisation.request(FIRST, "staging").expect_code(0);
    organisation.approve("rita", "staging");
    // Staging has it now, and production waits for people.
    organisation.apply().expect_code(4);
    serves(&organisation, &["serving-staging"]);
    assert_eq!(
        organisation.served("serving-production"),
        None,
        "{}",
        early.all()
    );
    for person in ["omar", "mia"] {
        organisation.approve(person, "production");
    }
    organisation.apply().expect_code(0);
    serves(&organisation, &["serving-production"]);
    verifies(&organisation);
}

#[test]
fn a_model_stays_in_the_jurisdiction_of_its_data() {
    let organisation = Organisation::in_pattern("regional-training");
    register(&organisation, "dev-eu", "penguins-sample-eu");
    organisation
        .as_person(
            "dana",
            &["request", FIRST, "--to", "prod", "--workspace", "prod-eu"],
        )
        .expect_code(0);
    for person in ["omar", "mia"] {
        organisation.approve(person, "prod");
    }
    organisation.apply().expect_code(0);
    serves(&organisation, &["prod-eu"]);
    // Asked for everywhere, it stays out of the other jurisdiction, and the reason is told.
    organisation.request(FIRST, "prod").expect_code(0);
    organisation.apply().expect_code(3);
    assert_eq!(organisation.served("prod-us"), None);
    let why = organisation
        .as_person("dana", &["explain", FIRST, "--to", "prod"])
        .expect_code(0);
    assert!(why.stdout.contains("resident:eu"), "{}", why.all());
    assert!(
        why.stdout.contains("penguins-sample-eu"),
        "the path that made it so: {}",
        why.all()
    );
    let moved = register_other(
        &organisation,
        "wildlife/moved",
        "dev-us",
        "penguins-sample-eu",
    );
    refused_for(moved, "resident:eu", "dev-us");
    verifies(&organisation);
}

const TUNED: &str = "wildlife/penguin-species-us@1.0.0";

/// Makes the first penguins fit for the United States, in a workspace there.
#[track_caller]
fn tune(organisation: &Organisation) {
    let from = Organisation::model("penguin-species-field/1.0.0");
    let (name, dataset) = ("wildlife/penguin-species-us", "penguins-field-us");
    let mut arguments =
        Organisation::register_arguments(name, "1.0.0", &from, "tuning-us", dataset);
    let first = Organisation::model("penguin-species/1.0.0");
    let digest = organisation.as_person("dana", &["digest", first.to_str().unwrap()]);
    let digest = digest.expect_code(0).stdout.trim().to_owned();
    arguments.extend(["--input".to_owned(), format!("{FIRST}={digest}")]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    organisation.as_person("dana", &arguments).expect_code(0);
}

/// Asks for a version in one workspace of an environment.
#[track_caller]
fn request_in(organisation: &Organisation, version: &str, environment: &str, workspace: &str) {
    let arguments = [
        "request",
        version,
        "--to",
        environment,
        "--workspace",
        workspace,
    ];
    organisation.as_person("dana", &arguments).expect_code(0);
}

#[test]
fn a_base_model_is_tuned_abroad_and_does_not_come_back() {
    let organisation = Organisation::in_pattern("regional-fine-tuning");
    register(&organisation, "base", "penguins-sample");
    request_in(&organisation, FIRST, "tuning", "tuning-us");
    organisation.approve("rita", "tuning");
    organisation.apply().expect_code(0);
    serves(&organisation, &["tuning-us"]);
    tune(&organisation);
    request_in(&organisation, TUNED, "serving", "serving-us");
    let promotion = organisation.waiting("serving", "penguin-species-us");
    for person in ["omar", "mia"] {
        let approve = ["approve", &promotion, "--yes"];
        organisation.as_person(person, &approve).expect_code(0);
    }
    organisation.apply().expect_code(0);
    let tuned_in = |workspace: &str| {
        let folder = organisation.workspace(workspace);
        folder
            .join("wildlife/model/penguin-species-us/current")
            .exists()
    };
    assert!(tuned_in("serving-us"));
    // Neither the tuned model nor its bytes under another name go where the base came from, or to another jurisdiction.
    let renamed = register_other(&organisation, "wildlife/renamed", "base", "penguins-sample");
    refused_for(renamed, "resident:us", "base");
    request_in(&organisation, TUNED, "serving", "serving-eu");
    organisation.apply().expect_code(3);
    assert!(!tuned_in("serving-eu"));
    verifies(&organisation);
}

#[test]
fn contoso_takes_one_use_case_from_exploration_to_prod() {
    let organisation = Organisation::in_pattern("contoso");
    organisation.edit(
        "policies/prod.yaml",
        "    - gate: soak-time\n      environment: qa\n      duration: 24h\n",
        "",
    );
    organisation
        .as_person("ada", &["trust", "sign", "--commit"])
        .expect_code(0);
    register(&organisation, "mlw-everyone-exploration", "penguins-sample");
    organisation.request(FIRST, "dev").expect_code(0);
    organisation.apply().expect_code(4);
    organisation.approve("rita", "dev");
    organisation.apply().expect_code(0);
    serves(&organisation, &["mlw-wildlife-dev"]);
    promote(&organisation, "qa", &["rita"]);
    promote(&organisation, "prod", &["omar", "mia"]);
    serves(&organisation, &["mlw-wildlife-qa", "mlw-wildlife-prod"]);
    assert_eq!(organisation.served("mlw-botany-dev"), None);
    // The copy in exploration is paid for by research and development, the others by the project.
    let cost = ["cost", "--by", "cost-center", "-o", "json"];
    let cost = organisation.as_person("dana", &cost).expect_code(0).json();
    let copies = |name: &str| {
        let rows = cost["rows"].as_array().unwrap();
        rows.iter().find(|row| row["name"] == name).unwrap()["copies"].clone()
    };
    assert_eq!((copies("cc-9000"), copies("cc-1100")), (1.into(), 3.into()));
    let field = register_other(
        &organisation,
        "wildlife/field",
        "mlw-wildlife-prod",
        "penguins-field",
    );
    field.expect_code(0);
    // What is told about a workspace that may not hold production data names nothing of it.
    let field = "wildlife/field@1.0.0";
    let why = organisation.as_person("dana", &["explain", field, "--to", "dev"]);
    let why = why.expect_code(0);
    assert!(why.stdout.contains("carries `production`"), "{}", why.all());
    assert!(!why.stdout.contains("penguins-field"), "{}", why.all());
    for (environment, workspace) in [("qa", "mlw-wildlife-qa"), ("dev", "mlw-wildlife-dev")] {
        organisation
            .request("wildlife/field@1.0.0", environment)
            .expect_code(0);
        organisation.apply().expect_code(3);
        assert!(
            !organisation
                .workspace(workspace)
                .join("wildlife/model/field")
                .exists()
        );
    }
    verifies(&organisation);
}
