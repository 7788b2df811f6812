//! Components and pipelines: what they become, what they stay, and what is noticed.

use promote::adapter::transfer::verify;
use promote::adapter::{Adapter, Locator, NativePlace, Written};
use serde_json::{Value, json};

use super::fake::{Arm, CONTAINER, PROVIDER, REGISTRY, WORKSPACE};
use super::support::{create, listed, permitted, said, swept, write};

/// A component whose code is in a folder of its own.
const COMPONENT: &[u8] =
    b"$schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json
type: command
name: train
version: 7
description: Trains.
inputs:
  data: { type: uri_folder }
  rate: { type: number, default: 0.1, optional: true }
outputs:
  model: { type: mlflow_model }
code: ./src
environment: azureml:retail-runtime-sklearn:1.0.0
command: >-
  python train.py --data ${{inputs.data}}
  $[[--rate ${{inputs.rate}}]]
";
const PIPELINE: &[u8] = b"type: pipeline
name: nightly
inputs:
  data: { type: uri_folder }
outputs:
  model: { type: mlflow_model }
jobs:
  train:
    type: command
    component: azureml:retail-component-train:1.0.0
    inputs:
      data:
        path: ${{parent.inputs.data}}
        mode: ro_mount
      rate: 0.2
    outputs:
      model: ${{parent.outputs.model}}
";
pub(super) const TRAIN: &str = "retail/component/train@1.0.0";
const NIGHTLY: &str = "retail/pipeline/nightly@1.0.0";
pub(super) const FILES: &[(&str, &[u8])] = &[
    ("component.yaml", COMPONENT),
    ("src/train.py", b"print(1)"),
    ("README.md", b"# Train"),
];

pub(super) fn path(place: &str, rest: &str) -> String {
    let name = if place == "registries" {
        REGISTRY
    } else {
        WORKSPACE
    };
    format!("{PROVIDER}/{place}/{name}/{rest}")
}

/// The environment that the component names.
pub(super) async fn runtime(adapter: &dyn Adapter) {
    let yaml: &[u8] = b"image: mcr.microsoft.com/azureml/curated/sklearn:3\n";
    create(
        adapter,
        "retail/runtime/sklearn@1.0.0",
        &[("environment.yaml", yaml)],
    )
    .await;
}

/// What shows of the component in a place.
fn shown(arm: &Arm, place: &str, name: &str) -> Value {
    let rest = format!("components/retail-{name}/versions/1.0.0");
    arm.state().assets[&path(place, &rest)].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_is_what_users_of_azure_expect() {
    let arm = Arm::start();
    let adapter = arm.adapter("workspace");
    runtime(&adapter).await;
    let record = create(&adapter, TRAIN, FILES).await;
    let digest = record.digest;
    let folder = format!(
        "LocalUpload/{}/retail-component-train/1.0.0",
        digest.sha256()
    );
    let own = format!("azureml:{}", path("workspaces", ""));
    let held = shown(&arm, "workspaces", "component-train");
    let mut spec = held["componentSpec"].clone();
    let all = spec.as_object_mut().unwrap();
    all.retain(|name, _| !["inputs", "outputs", "description", "$schema"].contains(&name.as_str()));
    assert_eq!(
        spec,
        json!({
            "name": "retail-component-train", "version": "1.0.0", "type": "command",
            "code": format!("{own}codes/retail-component-train/versions/1.0.0"),
            "environment": format!("{own}environments/retail-runtime-sklearn/versions/1.0.0"),
            "command": "python train.py --data ${{inputs.data}} $[[--rate ${{inputs.rate}}]]",
            // The service's own words.
            "display_name": "retail-component-train", "is_deterministic": "True", "resources": { "instance_count": "1" },
        })
    );
    let rate = json!({ "type": "number", "default": "0.1", "optional": "True" });
    assert_eq!(held["componentSpec"]["inputs"]["rate"], rate);
    let ours = json!({ "promote.version": TRAIN, "promote.digest": digest.to_string() });
    assert_eq!(held["properties"], ours);
    let code = path("workspaces", "codes/retail-component-train/versions/1.0.0");
    let code = arm.state().assets[&code].clone();
    let uri = arm.blobs.url(&format!("{CONTAINER}/{folder}/src"));
    assert_eq!(code["codeUri"], uri);
    assert_eq!(code["properties"]["promote.part-of"], "components");
    assert_eq!(code["properties"]["promote.code"], "src");
    let (_, again) = write(&adapter, TRAIN, FILES).await;
    assert_eq!(again.unwrap(), Written::Unchanged);
    let (_, other) = write(&adapter, TRAIN, &FILES[..2]).await;
    let expected = format!("AlreadyExists Permanent: `{TRAIN}` is there with digest `{digest}`");
    assert_eq!(said(other), expected);
    arm.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_is_a_component_whose_steps_are_components() {
    let arm = Arm::start();
    let adapter = arm.adapter("workspace");
    runtime(&adapter).await;
    create(&adapter, TRAIN, FILES).await;
    create(&adapter, NIGHTLY, &[("pipeline.yml", PIPELINE)]).await;
    let spec = shown(&arm, "workspaces", "pipeline-nightly")["componentSpec"].clone();
    assert_eq!(spec["type"], "pipeline");
    let train = path(
        "workspaces",
        "components/retail-component-train/versions/1.0.0",
    );
    assert_eq!(
        spec["jobs"],
        json!({ "train": {
            "type": "command",
            "componentId": format!("azureml:{train}"),
            "inputs": {
                "data": { "job_input_type": "literal", "value": "${{parent.inputs.data}}", "mode": "ReadOnlyMount" },
                "rate": { "job_input_type": "literal", "value": "0.2" },
            },
            "outputs": { "model": { "type": "literal", "value": "${{parent.outputs.model}}" } },
        } })
    );
    arm.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn components_are_found_read_pointed_to_and_swept_like_everything_else() {
    let arm = Arm::start();
    let adapter = arm.adapter("workspace");
    runtime(&adapter).await;
    let train = create(&adapter, TRAIN, FILES).await;
    let nightly = create(&adapter, NIGHTLY, &[("pipeline.yml", PIPELINE)]).await;
    for record in [&train, &nightly] {
        let stat = adapter.stat(Locator::Version(&record.version)).await;
        assert_eq!(stat.unwrap().as_ref(), Some(record));
        let read = verify(&arm.adapter("workspace"), &record.version, &record.files).await;
        assert_eq!(read.unwrap(), record.digest);
        adapter.point(&record.version, None).await.unwrap();
        let artifact = &record.version.artifact;
        let current = adapter.stat(Locator::Current(artifact)).await;
        assert_eq!(current.unwrap().as_ref(), Some(record));
    }
    let container = path("workspaces", "components/retail-component-train");
    let tag = arm.state().assets[&container]["tags"]["promote.current"].clone();
    assert_eq!(tag, "1.0.0");
    assert_eq!(
        listed(&adapter).await,
        ["retail/runtime/sklearn@1.0.0", TRAIN, NIGHTLY]
    );
    let found = swept(&adapter).await.into_iter();
    let parts = found.filter_map(|found| found.part_of);
    let parts = parts.filter(|(version, _)| *version == train.version);
    let parts: Vec<String> = parts.map(|(_, file)| file.to_string()).collect();
    assert_eq!(parts, ["README.md", "component.yaml", "src/train.py"]);
    let described = adapter.describe(&train.version).await.unwrap().properties;
    assert_eq!(described["component.type"], "command");
    let asset = "components/retail-component-train/versions/1.0.0";
    assert_eq!(described["asset"], asset);
    arm.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_over_mini_batches_has_its_code_in_its_task() {
    let arm = Arm::start();
    let adapter = arm.adapter("workspace");
    runtime(&adapter).await;
    let yaml: &[u8] =
        b"$schema: https://azuremlschemas.azureedge.net/latest/parallelComponent.schema.json
type: parallel
mini_batch_size: 5
task:
  type: run_function
  code: ./
  entry_script: score.py
  environment: azureml:retail-runtime-sklearn:1.0.0
";
    let files: &[(&str, &[u8])] = &[("score.py", b"1"), ("parallel.yml", yaml)];
    let record = create(&adapter, TRAIN, files).await;
    let own = format!("azureml:{}", path("workspaces", ""));
    assert_eq!(
        shown(&arm, "workspaces", "component-train")["componentSpec"]["task"],
        json!({
            "type": "run_function", "entry_script": "score.py",
            "code": format!("{own}codes/retail-component-train/versions/1.0.0"),
            "environment": format!("{own}environments/retail-runtime-sklearn/versions/1.0.0"),
        })
    );
    let stat = adapter.stat(Locator::Version(&record.version)).await;
    assert_eq!(stat.unwrap(), Some(record));
    arm.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_registry_the_code_is_in_a_place_that_it_lends() {
    let arm = Arm::start();
    let adapter = arm.adapter("registry");
    runtime(&adapter).await;
    let record = create(&adapter, TRAIN, FILES).await;
    let held = shown(&arm, "registries", "component-train");
    let own = format!("azureml://registries/{REGISTRY}");
    assert_eq!(
        held["componentSpec"]["code"],
        format!("{own}/codes/retail-component-train/versions/1.0.0")
    );
    assert_eq!(
        held["componentSpec"]["environment"],
        format!("{own}/environments/retail-runtime-sklearn/versions/1.0.0")
    );
    let fresh = arm.adapter("registry");
    let read = verify(&fresh, &record.version, &record.files).await;
    assert_eq!(read.unwrap(), record.digest);
    assert_eq!(
        fresh.stat(Locator::Version(&record.version)).await.unwrap(),
        Some(record)
    );
    arm.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pointer_moves_between_a_component_and_files_alone() {
    let arm = Arm::start();
    let adapter = arm.adapter("workspace");
    let plain = create(&adapter, TRAIN, &[("train.py", b"1")]).await;
    adapter.point(&plain.version, None).await.unwrap();
    let yaml: &[u8] = b"type: command\ncommand: python train.py\ncode: .\n";
    let second = create(
        &adapter,
        "retail/component/train@2.0.0",
        &[("component.yml", yaml), ("train.py", b"2")],
    )
    .await;
    let artifact = &plain.version.artifact;
    assert_eq!(
        adapter.stat(Locator::Current(artifact)).await.unwrap(),
        Some(plain.clone())
    );
    adapter
        .point(&second.version, Some(plain.digest))
        .await
        .unwrap();
    assert_eq!(
        adapter.stat(Locator::Current(artifact)).await.unwrap(),
        Some(second.clone())
    );
    let stale = adapter.point(&plain.version, Some(plain.digest)).await;
    assert!(
        said(stale)
            .starts_with("Precondition Permanent: the pointer of `retail/component/train` holds")
    );
    adapter
        .point(&plain.version, Some(second.digest))
        .await
        .unwrap();
    assert_eq!(
        adapter.stat(Locator::Current(artifact)).await.unwrap(),
        Some(plain)
    );
    arm.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_of_a_component_is_published_and_the_component_made_of_it() {
    for keeps in [true, false] {
        let arm = Arm::start();
        arm.state().settings.keeps_properties = keeps;
        let (from, to) = (arm.adapter("workspace"), arm.adapter("registry"));
        let yaml: &[u8] = b"type: command\ncommand: python train.py\ncode: .\n";
        let record = create(
            &from,
            TRAIN,
            &[("component.yaml", yaml), ("train.py", b"1")],
        )
        .await;
        let place = from.native(&record.version).unwrap();
        let copied = to.copy(&permitted(&to, &record), &record, &place).await;
        assert_eq!(copied.unwrap(), Written::Created);
        let held = shown(&arm, "registries", "component-train");
        assert_eq!(
            held["componentSpec"]["code"],
            format!("azureml://registries/{REGISTRY}/codes/retail-component-train/versions/1.0.0")
        );
        let read = verify(&to, &record.version, &record.files).await;
        assert_eq!(read.unwrap(), record.digest);
        assert!(
            arm.state()
                .log
                .iter()
                .any(|line| line.ends_with("/publish"))
        );
        arm.finish();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_published_whole_is_written_instead() {
    let arm = Arm::start();
    let (from, to) = (arm.adapter("workspace"), arm.adapter("registry"));
    runtime(&from).await;
    let folder = create(&from, TRAIN, FILES).await;
    let place: NativePlace = from.native(&folder.version).unwrap();
    let refused = said(to.copy(&permitted(&to, &folder), &folder, &place).await);
    assert!(refused.starts_with("Unsupported Permanent: "), "{refused}");
    assert!(
        refused.ends_with(
            "is a folder in the folder of its version, so that the bytes have to be written"
        ),
        "{refused}"
    );
    let held = to.stat(Locator::Version(&folder.version)).await;
    assert_eq!(held.unwrap(), None);
    let state: Vec<String> = arm
        .state()
        .assets
        .keys()
        .filter(|key| key.contains("/registries/"))
        .cloned()
        .collect();
    assert_eq!(state, Vec::<String>::new());
    arm.finish();
}
