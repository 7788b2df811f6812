//! Files of other tools that are checked before anything is registered.

use super::{file, organisation};

const PIPELINE: &str =
    "$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
name: train
version: 1.2.0
type: pipeline
inputs:
  sample: {type: uri_folder, path: 'azureml:penguins@latest'}
  field: {type: uri_folder, path: 's3://lake/field/2026'}
  other: {type: uri_folder, path: 's3://elsewhere/x'}
jobs:
  fit: {type: command, component: ./fit.yml}
";

#[test]
fn a_pipeline_of_azure_ml_is_held_against_the_workspace_that_it_is_to_run_in() {
    let organisation = organisation();
    let path = file(&organisation, "job.yml", PIPELINE);
    let check = |more: &[&str]| {
        let call = [&["check", "--file", &path, "-o", "json"][..], more].concat();
        organisation.as_person("dana", &call)
    };
    let found = |answer: &crate::organisation::Answer| -> Vec<(String, String, u64)> {
        let json: serde_json::Value = serde_json::from_str(&answer.stdout).unwrap();
        let all = json["diagnostics"].as_array().unwrap().iter();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        all.map(|problem| {
            (
                text(&problem["severity"]),
                text(&problem["code"]),
                problem["line"].as_u64().unwrap(),
            )
        })
        .collect()
    };
    let row = |severity: &str, code: &str, line| (severity.to_owned(), code.to_owned(), line);

    let unknown = check(&[]).expect_code(0);
    assert_eq!(found(&unknown), [row("warning", "unknown-address", 8)]);

    let in_dev = check(&["--workspace", "dev"]).expect_code(1);
    assert_eq!(
        found(&in_dev),
        [
            row("error", "input-not-cleared", 7),
            row("error", "unknown-address", 8)
        ]
    );
    assert!(
        in_dev
            .stdout
            .contains("workspace `dev` is not cleared for that")
    );

    let in_prod = check(&["--workspace", "prod"]).expect_code(0);
    assert_eq!(found(&in_prod), [row("warning", "unknown-address", 8)]);

    let nowhere = check(&["--workspace", "moon"]).expect_code(1);
    assert!(
        nowhere.stderr.contains("there is no workspace `moon`"),
        "{}",
        nowhere.all()
    );
}

#[test]
fn a_broken_file_is_reported_with_its_place() {
    let organisation = organisation();
    let path = file(
        &organisation,
        "dvc.lock",
        "schema: '2.0'\nstages:\n  fit: [\n",
    );
    let broken = organisation
        .as_person("dana", &["check", "--file", &path])
        .expect_code(1);
    assert!(broken.all().contains("dvc.lock:"), "{}", broken.all());
}
