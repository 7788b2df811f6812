//! One test a format, over the files of its corpus.

use super::told;

macro_rules! corpus {
    ($name:literal) => {
        include_str!(concat!("../../../../tests/corpus/lineage-", $name))
    };
}

const COMMIT: &str = "8d1c5fd0e3a7b2f64d0f3a9b1c7e5d2468acef01";

/// The whole of what is told by a file of the corpus, and nothing is told of it once it is cut short.
#[track_caller]
fn check(path: &str, text: &str, expected: &[&str]) {
    let lines = told(path, text, None);
    let lines: Vec<String> = lines
        .iter()
        .map(|line| line.replace(COMMIT, "COMMIT"))
        .collect();
    assert_eq!(lines, expected);
    if text.starts_with(['{', '[']) {
        let cut = text.get(..text.len() - 3).unwrap();
        let said = told(path, cut, None);
        assert_eq!(said.len(), 1);
        assert!(
            said[0].ends_with("syntax: the file ends in the middle"),
            "{said:?}"
        );
    }
}

#[test]
fn mlmodel_tells_the_run() {
    check(
        "out/MLmodel",
        corpus!("mlmodel/sklearn"),
        &["mlmodel", "14: run mlflow 0123456789abcdef0123456789abcdef"],
    );
    assert_eq!(
        told("MLmodel", "run_id: a\n", None),
        ["1:1 missing-field: the field `flavors` is missing"]
    );
}

#[test]
fn a_run_of_mlflow_tells_its_datasets_without_secrets() {
    check(
        "run.json",
        corpus!("mlflow-run/get.json"),
        &[
            "mlflow-run",
            "15: data s3://lake/field production",
            "16: data made-up",
            "17: data hf://datasets/birds/counts",
            "19: model mlflow-model:m-42",
            "8: code https://git.example/wildlife@COMMIT",
            "3: run mlflow 0123456789abcdef0123456789abcdef",
        ],
    );
    check(
        "meta.yaml",
        corpus!("mlflow-run/meta.yaml"),
        &[
            "mlflow-run",
            "4: run mlflow 0123456789abcdef0123456789abcdef",
        ],
    );
    let described = r#"{"info": {"run_id": "7"}, "data": {"tags": {"mlflow.source.git.commit": "deadbeef"}},
        "inputs": {"dataset_inputs": [{"dataset": {"digest": "1"}}]}}"#;
    assert_eq!(
        told("run.json", described, None),
        ["2:51 missing-field: the field `name` is missing"]
    );
    let hidden = r#"{"info": {"run_id": "a\u202e"}}"#;
    assert_eq!(
        told("run.json", hidden, None),
        ["1:21 hidden-character: the text holds a control character or one that is invisible"]
    );
    let short = described.replace("\"digest\"", "\"name\"");
    assert_eq!(
        told("run.json", &short, None),
        [
            "mlflow-run",
            "2: data 1",
            "1: run mlflow 7",
            "1: note `deadbeef` is not a whole commit, so the code is left out"
        ]
    );
}

#[test]
fn a_job_of_azure_ml_tells_every_input_wherever_it_stands() {
    check(
        "job.json",
        corpus!("azure-ml-job/command.json"),
        &[
            "azure-ml-job",
            "11: tool /subscriptions/s/workspaces/dev/codes/c/versions/1",
            "12: tool /subscriptions/s/workspaces/dev/environments/penguin-runtime/versions/2",
            "14: data azureml://datastores/lake/paths/field",
            "15: model azureml:penguin-base:3",
            "17: data s3://lake/hidden",
            "20: data azureml:training-table:1",
            "22: tool azureml:fit:1",
            "9: code https://git.example/wildlife@COMMIT",
            "3: run azure-ml brave_tern_1",
        ],
    );
    let shown = r#"{"creation_context": {}, "status": "Completed", "name": "j", "type": "command",
        "inputs": {"a": {"type": "uri_file", "path": "azureml:set:1"}, "b": "0.1", "c": "s3://x/y",
                   "d": {"type": "uri_folder"}}}"#;
    assert_eq!(
        told("job.json", shown, None),
        ["3:25 missing-field: an input that is no value has a `uri` or a `path`"]
    );
    let whole = shown.replace("\"uri_folder\"", "\"uri_folder\", \"path\": \"z\"");
    assert_eq!(
        told("job.json", &whole, None),
        [
            "azure-ml-job",
            "2: data azureml:set:1",
            "2: data s3://x/y",
            "3: data z",
            "1: run azure-ml j"
        ]
    );
}

#[test]
fn openlineage_tells_inputs_with_their_tags() {
    check(
        "event.json",
        corpus!("openlineage/complete.json"),
        &[
            "openlineage",
            "10: data s3://lake/field/2026 classification production",
            "11: model models/base",
            "7: code https://git.example/wildlife@COMMIT",
            "4: run openlineage 01234567-89ab-cdef-0123-456789abcdef",
        ],
    );
    let two = r#"[{"run": {"runId": "1"}, "job": {}, "inputs": [{"namespace": "file", "name": "/a"}]},
        {"run": {}, "inputs": [{"name": "b"}]}]"#;
    assert_eq!(
        told("events.json", two, None),
        [
            "2:9 missing-field: the field `run.runId` is missing",
            "2:32 missing-field: the field `namespace` is missing"
        ]
    );
}

#[test]
fn a_data_contract_tells_all_its_servers_with_every_class() {
    check(
        "contract.yaml",
        corpus!("odcs/contract.yaml"),
        &[
            "odcs",
            "10: data s3://lake/field restricted wildlife production",
            "13: data postgres://db.example/birds/public restricted wildlife",
        ],
    );
    assert_eq!(
        told("c.yaml", "kind: DataContract\n", None),
        ["1:1 missing-field: the contract has no `servers`, so it does not tell where the data is"]
    );
    assert_eq!(
        told(
            "c.yaml",
            "kind: DataContract\nservers: [{type: kafka}]\n",
            None
        ),
        ["2:11 missing-field: the server names no `location`, `path` or `host`"]
    );
}

#[test]
fn croissant_tells_where_data_is_and_what_its_files_are() {
    check(
        "birds.json",
        corpus!("croissant/birds.json"),
        &[
            "croissant",
            "6: data https://data.example/birds",
            "7: data https://data.example/raw",
            "11: data https://mirror.example/more.csv",
            "10: data/counts.csv is sha256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ],
    );
    let head = r#"{"@type": "Dataset", "conformsTo": "http://mlcommons.org/croissant/1.0""#;
    for (rest, expected) in [
        (
            "}",
            "1:1 missing-field: there is neither a `url` nor a `contentUrl`, so nothing tells where the data is",
        ),
        (
            r#", "distribution": {"contentUrl": "a", "sha256": "12"}}"#,
            "1:120 not-a-digest: a SHA-256 has 64 digits of hex",
        ),
        (
            r#", "distribution": {"contentUrl": ["a"]}, "url": "b"}"#,
            "1:105 wrong-type: `contentUrl` is text, and this is not",
        ),
    ] {
        assert_eq!(told("c.json", &format!("{head}{rest}"), None), [expected]);
    }
}

#[test]
fn a_model_card_tells_its_base_and_datasets() {
    check(
        "README.md",
        corpus!("hugging-face/card"),
        &[
            "hugging-face",
            "3: model hf://birds/beak-base",
            "5: data hf://datasets/birds/counts",
            "6: data hf://datasets/birds/rings",
        ],
    );
    let none = "1:1 no-front-matter: a card begins with front matter between two lines `---`, and this has none";
    for text in ["# A model\n", "---\ndatasets: [a]\n", ""] {
        assert_eq!(told("README.md", text, None), [none], "{text}");
    }
    assert_eq!(
        told("README.md", "---\ndatasets: [{a: b}]\n---\n\u{202e}", None),
        ["2:12 wrong-type: `datasets` is the name of one or a list of names"]
    );
}

#[test]
fn variables_of_azure_ml_are_free_whatever_they_are_called() {
    let variables = "$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json\ntype: pipeline\njobs:\n  fit:\n    type: command\n    component: ./fit.yml\n    environment_variables: {environment: prod, code: s3://lake/orders}\n";
    assert_eq!(
        told("pipeline.yml", variables, None),
        [
            "azure-ml",
            "7: tool s3://lake/orders",
            "pipeline - - at -, parts [\"./fit.yml\"], tags {}, None"
        ]
    );
}

#[test]
fn yaml_of_azure_ml_describes_artifacts_and_what_they_are_bound_to() {
    check(
        "model.yml",
        corpus!("azure-ml/model.yml"),
        &[
            "azure-ml",
            "model penguin-species 3 at model, parts [], tags {\"owner\": \"data-scientists\", \"season\": \"2026\"}, Some(\"Tells the species of a penguin.\")",
        ],
    );
    check(
        "pipeline.yml",
        corpus!("azure-ml/pipeline.yml"),
        &[
            "azure-ml",
            "7: data azureml:field-records@latest",
            "12: tool azureml:fit:1",
            "17: model azureml:penguin-base:3",
            "18: tool azureml:penguin-runtime:2",
            "pipeline - - at -, parts [], tags {}, None",
        ],
    );
    check(
        "data.yml",
        corpus!("azure-ml/data.yml"),
        &["azure-ml", "2: data azureml:field-records:4"],
    );
    check(
        "environment.yml",
        corpus!("azure-ml/environment.yml"),
        &[
            "azure-ml",
            "runtime penguin-runtime 1.2.0 at -, parts [\"conda.yml\"], tags {}, None",
        ],
    );
    check(
        "component.yml",
        corpus!("azure-ml/component.yml"),
        &[
            "azure-ml",
            "7: model azureml:penguin-base:3",
            "9: tool azureml:penguin-runtime:2",
            "component fit 1.0.0 at -, parts [\"./src\"], tags {}, None",
        ],
    );
    let of_run = "$schema: https://azuremlschemas.azureedge.net/latest/model.schema.json\nname: a\npath: runs:/7/model\n";
    let lines = told("m.yml", of_run, None);
    assert!(lines.contains(&"3: run mlflow 7".to_owned()), "{lines:?}");
    assert_eq!(
        told(
            "m.yml",
            "$schema: https://azuremlschemas.azureedge.net/latest/registry.schema.json\n",
            None
        ),
        [
            "1:1 unknown-format: this is no model, component, pipeline, environment or data of Azure ML"
        ]
    );
}
