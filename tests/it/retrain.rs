//! The mode `retrain`: the pipeline goes up, and what it makes in prod is let in by gates of its own.

use crate::organisation::{Answer, Organisation};
use crate::pipelines::{
    DECLARATION, PIPELINE, bind, found, input, promote, register_code, verdict,
};

const MODEL: &str = "wildlife/penguin-species";
const MADE: &str = "wildlife/penguin-species@1.0.0";
const BINDINGS: &str = "    birds:\n      dev: penguins-sample\n      qa: penguins-sample\n      prod: penguins-field\n  mode: retrain\n";

/// An organisation with a pipeline that is retrained where it is released, in dev.
fn with_pipeline() -> Organisation {
    let organisation = Organisation::new();
    let place = ("dev", "fit(birds)\n");
    register_code(
        &organisation,
        ("pipeline", "train", "1.0.0"),
        place,
        &["penguins-sample"],
    );
    bind(&organisation, BINDINGS);
    assert_eq!(found(&organisation), []);
    organisation
}

/// The pipeline as it is approved for prod.
fn approved() -> Organisation {
    let organisation = with_pipeline();
    promote(&organisation, (PIPELINE, "qa"), &["rita"]);
    promote(&organisation, (PIPELINE, "prod"), &["omar", "mia"]);
    organisation
}

/// What the runner registers in prod: the model that it trained on the field's data, with the lineage of that run.
#[track_caller]
fn register_made(organisation: &Organisation, name: &str, pipeline: &str, datasets: &[&str]) {
    let from = Organisation::model("penguin-species-field/1.0.0");
    let (first, others) = datasets.split_first().unwrap();
    let mut arguments = Organisation::register_arguments(name, "1.0.0", &from, "prod", first);
    let bases = [input(organisation, pipeline)];
    let others = others.iter().map(|name| (*name).to_owned());
    for input in others.chain(bases) {
        arguments.extend(["--input".to_owned(), input]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    organisation.as_person("dana", &arguments).expect_code(0);
}

/// What is refused for exactly these reasons by the gate `retrained`.
#[track_caller]
fn refused(organisation: &Organisation, version: &str, reasons: &[&str]) -> Answer {
    organisation.request(version, "prod").expect_code(0);
    let answer = organisation.apply().expect_code(3);
    let said = verdict(organisation, (version, "prod"), "retrained");
    let expected =
        serde_json::json!({ "gate": "retrained", "reasons": reasons, "verdict": "deny" });
    assert_eq!(said, expected.to_string());
    let name = version.split(['/', '@']).nth(1).unwrap();
    let served = organisation
        .workspace("prod")
        .join("wildlife/model")
        .join(name);
    assert!(!served.join("current").exists());
    answer
}

#[test]
fn a_pipeline_goes_up_and_what_it_makes_in_prod_is_released_there() {
    let organisation = approved();
    register_made(&organisation, MODEL, PIPELINE, &["penguins-field"]);
    organisation.request(MADE, "prod").expect_code(0);
    // Nothing asks where it was before, and people are asked as for everything else that enters prod.
    organisation.apply().expect_code(4);
    for person in ["omar", "mia"] {
        organisation.approve(person, "prod");
    }
    let explain = ["explain", MADE, "--to", "prod"];
    let why = organisation
        .as_person("dana", &explain)
        .expect_code(0)
        .stdout;
    assert!(
        why.contains(&format!("made in `prod` by `{PIPELINE}`")),
        "{why}"
    );
    assert!(!why.contains("promoted-from"), "{why}");
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("prod").as_deref(), Some("1.0.0"));
    // It carries the label of prod's data, and never goes back.
    for environment in ["qa", "dev"] {
        organisation.request(MADE, environment).expect_code(0);
    }
    organisation.apply().expect_code(3);
    for workspace in ["qa", "dev"] {
        assert_eq!(organisation.served(workspace), None);
    }
    let said = verdict(&organisation, (MADE, "qa"), "information-flow");
    assert!(said.contains("carries `production`"), "{said}");
    let said = verdict(&organisation, (MADE, "qa"), "edge");
    assert!(
        said.contains("no workspace that `qa` accepts holds the digest"),
        "{said}"
    );
    organisation.as_person("ada", &["verify"]).expect_code(0);
}

#[test]
fn what_an_unapproved_pipeline_made_stays_out() {
    let organisation = with_pipeline();
    register_made(&organisation, MODEL, PIPELINE, &["penguins-field"]);
    let unapproved =
        format!("`prod` does not hold `{PIPELINE}` by a promotion, so nobody approved it there");
    refused(&organisation, MADE, &[&unapproved]);
    // Neither does it help to register the pipeline in prod itself.
    let place = ("prod", "fit(birds) # by night\n");
    let night = "wildlife/pipeline/night@1.0.0";
    register_code(
        &organisation,
        ("pipeline", "night", "1.0.0"),
        place,
        &["penguins-field"],
    );
    let path = organisation
        .repository()
        .join(DECLARATION.replace("train", "night"));
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}  inputs:\n{BINDINGS}")).unwrap();
    organisation.commit_all("dana", "bind");
    register_made(&organisation, "wildlife/owls", night, &["penguins-field"]);
    let unapproved = unapproved.replace(PIPELINE, night);
    refused(&organisation, "wildlife/owls@1.0.0", &[&unapproved]);
    organisation.as_person("ada", &["verify"]).expect_code(0);
}

#[test]
fn what_was_made_of_other_data_or_of_a_pipeline_that_went_again_stays_out() {
    let organisation = approved();
    register_made(
        &organisation,
        "wildlife/mixed",
        PIPELINE,
        &["penguins-field", "penguins-sample"],
    );
    let reason =
        format!("it was made of `penguins-sample`, which `prod` binds to no input of `{PIPELINE}`");
    refused(&organisation, "wildlife/mixed@1.0.0", &[&reason]);
    register_made(
        &organisation,
        "wildlife/other",
        PIPELINE,
        &["penguins-sample"],
    );
    let missing = "input `birds` is bound to `penguins-field`, and the lineage does not name that";
    refused(&organisation, "wildlife/other@1.0.0", &[missing, &reason]);
    // A pipeline that is not there to be retrained makes nothing here.
    bind(
        &organisation,
        &BINDINGS.replace("mode: retrain", "mode: artifact"),
    );
    register_made(&organisation, MODEL, PIPELINE, &["penguins-field"]);
    let mode = format!(
        "`{PIPELINE}` is not there to be retrained; its manifest would say `mode: retrain`"
    );
    refused(&organisation, MADE, &[&mode]);
    organisation.as_person("ada", &["verify"]).expect_code(0);
}

#[test]
fn a_policy_that_does_not_foresee_it_lets_nothing_in_that_was_made_there() {
    let organisation = approved();
    let path = organisation.repository().join("policies/prod.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let (gates, retrain) = text.split_once("  # What a pipeline made here").unwrap();
    std::fs::write(&path, gates).unwrap();
    let sign = ["trust", "sign", "--commit"];
    organisation.as_person("ada", &sign).expect_code(0);
    organisation.apply().expect_code(0);
    register_made(&organisation, MODEL, PIPELINE, &["penguins-field"]);
    let reason = "the policy of `prod` lets in nothing that was made there; `spec.retrain` would say by which gates";
    refused(&organisation, MADE, &[reason]);
    // A release is also judged by what was in force before it, so loosening the policy and asking go not in one.
    std::fs::write(
        &path,
        format!("{gates}  # What a pipeline made here{retrain}"),
    )
    .unwrap();
    organisation.as_person("ada", &sign).expect_code(0);
    organisation.apply().expect_code(3);
    let said = verdict(&organisation, (MADE, "prod"), "retrained");
    assert!(said.contains(reason), "{said}");
    organisation.as_person("ada", &["verify"]).expect_code(0);
}

#[test]
fn what_names_no_pipeline_is_not_let_in_where_it_was_made() {
    let organisation = approved();
    let from = Organisation::model("penguin-species-field/1.0.0");
    let answer = organisation.register(MODEL, "1.0.0", &from, "prod", "penguins-field");
    answer.expect_code(0);
    organisation.request(MADE, "prod").expect_code(0);
    organisation.apply().expect_code(3);
    let said = verdict(&organisation, (MADE, "prod"), "edge");
    assert!(
        said.contains("workspace `prod` does not accept anything from `prod`"),
        "{said}"
    );
}

#[test]
fn gates_that_ask_for_an_upstream_are_refused_for_what_has_none() {
    let organisation = Organisation::new();
    organisation.edit(
        "policies/prod.yaml",
        "    gates:\n      - gate: lineage-complete\n",
        "    gates:\n      - gate: promoted-from\n        allOf: [qa]\n",
    );
    let said: Vec<String> = found(&organisation)
        .into_iter()
        .map(|(code, path, message)| format!("{code} {path} {message}"))
        .collect();
    assert_eq!(
        said,
        [
            "upstream-of-retrain policies/prod.yaml `promoted-from` asks where it was held before, and what is made in `prod` never was"
        ]
    );
}
