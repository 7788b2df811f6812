//! What is particular to a workspace.

use std::sync::Arc;

use promote::adapter::layer::{Settings, layered};
use promote::adapter::transfer::verify;
use promote::adapter::{Adapter, AdapterErrorKind, Locator, Written};
use promote::model::digest::Sha256;
use serde_json::{Value, json};

use super::fake::{Arm, CONTAINER, GROUP, PROVIDER, SUBSCRIPTION, WORKSPACE};
use super::support::{create, listed, said, swept, version, write};
use crate::adapters::{not_taken, taken};

fn path(rest: &str) -> String {
    format!("{PROVIDER}/workspaces/{WORKSPACE}/{rest}")
}

/// A version that somebody else registered with the tools of Azure.
fn register(arm: &Arm, rest: &str, folder: &str, more: &Value) {
    let uri = format!(
        "azureml://subscriptions/{SUBSCRIPTION}/resourcegroups/{GROUP}/workspaces/{WORKSPACE}/datastores/workspaceblobstore/paths/{folder}"
    );
    let mut properties =
        json!({ "modelUri": uri, "modelType": "custom_model", "provisioningState": "Succeeded" });
    let all = properties.as_object_mut().unwrap();
    all.extend(more.as_object().unwrap().clone());
    let (parent, _) = rest.split_once("/versions/").unwrap();
    let mut state = arm.state();
    state
        .assets
        .entry(path(parent))
        .or_insert_with(|| json!({}));
    state.assets.insert(path(rest), properties);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_laid_out_so_that_people_and_other_tools_find_it() {
    let arm = Arm::start();
    let adapter = arm.adapter("workspace");
    let files: &[(&str, &[u8])] = &[("MLmodel", b"flavors: {}"), ("data/model.pkl", b"2")];
    let record = create(&adapter, "retail/model/churn@1.2.0+linux.5", files).await;
    let folder = format!(
        "LocalUpload/{}/retail-model-churn/1.2.0_linux.5",
        record.digest.sha256()
    );
    let blobs = arm.blobs.names(CONTAINER, "");
    let expected = [".promote/record.json", "MLmodel", "data/model.pkl"];
    assert_eq!(blobs, expected.map(|file| format!("{folder}/{file}")));
    let held =
        arm.state().assets[&path("models/retail-model-churn/versions/1.2.0_linux.5")].clone();
    assert_eq!(
        held,
        json!({
            "description": "retail/model/churn@1.2.0+linux.5, put here by promote",
            "isAnonymous": false, "isArchived": false, "modelType": "mlflow_model",
            "modelUri": format!("azureml://subscriptions/{SUBSCRIPTION}/resourcegroups/{GROUP}/workspaces/{WORKSPACE}/datastores/workspaceblobstore/paths/{folder}"),
            "properties": {
                "promote.version": "retail/model/churn@1.2.0+linux.5",
                "promote.digest": record.digest.to_string(),
            },
            "provisioningState": "Succeeded",
        })
    );
    // The other kinds are data when nothing says that they are more.
    for kind in ["pipeline", "component", "runtime"] {
        let text = format!("retail/{kind}/train@1.0.0");
        let record = create(&adapter, &text, &[("component.yaml", kind.as_bytes())]).await;
        let read = verify(&adapter, &record.version, &record.files).await;
        assert_eq!(read.unwrap(), record.digest);
        let rest = format!("data/retail-{kind}-train/versions/1.0.0");
        assert_eq!(arm.state().assets[&path(&rest)]["dataType"], "uri_folder");
        adapter.point(&version(&text), None).await.unwrap();
    }
    assert_eq!(
        listed(&adapter).await,
        [
            "retail/runtime/train@1.0.0",
            "retail/component/train@1.0.0",
            "retail/pipeline/train@1.0.0",
            "retail/model/churn@1.2.0+linux.5",
        ]
    );
    arm.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pointer_is_a_tag_and_the_tags_of_others_stay() {
    let arm = Arm::start();
    let adapter = arm.adapter("workspace");
    let first = create(&adapter, "retail/model/churn@1.0.0", &[("a", b"1")]).await;
    create(&adapter, "retail/model/churn@2.0.0", &[("a", b"2")]).await;
    adapter.point(&first.version, None).await.unwrap();
    let container = path("models/retail-model-churn");
    let tags = arm.state().assets[&container]["tags"].clone();
    assert_eq!(
        tags,
        json!({ "team": "retail", "promote.current": "1.0.0" })
    );
    let stale = adapter
        .point(&version("retail/model/churn@2.0.0"), None)
        .await;
    assert!(said(stale).starts_with(
        "Precondition Permanent: the pointer of `retail/model/churn` holds `dirhash1:"
    ));
    // Somebody moves it to what is not there.
    arm.state().assets.get_mut(&container).unwrap()["tags"]["promote.current"] = json!("9.0.0");
    let artifact = &first.version.artifact;
    assert_eq!(
        said(adapter.stat(Locator::Current(artifact)).await),
        "Corrupt Permanent: the tag `promote.current` of `retail/model/churn` leads to `9.0.0`, which is no version there"
    );
    arm.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pointer_that_somebody_else_moves_meanwhile_is_noticed() {
    let arm = Arm::start();
    let adapter = arm.adapter("workspace");
    create(&adapter, "retail/model/churn@1.0.0", &[("a", b"1")]).await;
    let mut is_set = false;
    let container = path("models/retail-model-churn");
    let body = json!({ "properties": { "tags": { "promote.current": "7.0.0" } } });
    arm.state().settings.fault = Some(Box::new(move |request| {
        let is_container = request.path == container;
        is_set |= is_container && request.method == "PUT";
        (is_container && is_set && request.method == "GET")
            .then(|| super::http::Reply::json(200, &body))
    }));
    assert_eq!(
        said(
            adapter
                .point(&version("retail/model/churn@1.0.0"), None)
                .await
        ),
        "Precondition Permanent: somebody else moved the pointer of `retail/model/churn` at the same time"
    );
    arm.finish();
}

/// Versions that others registered, one with the job that made it.
fn theirs(arm: &Arm) {
    arm.blobs.write(CONTAINER, "runs/x/model.pkl", b"theirs");
    arm.blobs.write(CONTAINER, "runs/xy", b"not part of it");
    let job = json!({ "jobName": "job-1", "tags": { "team": "retail" } });
    register(
        arm,
        "models/retail-model-churn/versions/1.0.0",
        "runs/x/",
        &job,
    );
    register(arm, "models/other/versions/7", "runs/none", &json!({}));
    let elsewhere = json!({ "modelUri": "azureml://jobs/j/outputs/o/paths/m" });
    register(arm, "models/other/versions/8", "", &elsewhere);
    arm.state().settings.jobs.insert("job-1".to_owned(), json!({
        "jobType": "Command", "command": "python train.py", "status": "Completed",
        "codeId": "azureml:code:1", "environmentId": "azureml:env:3",
        "inputs": { "train": { "jobInputType": "uri_folder", "uri": "azureml:penguins:2" }, "rate": { "jobInputType": "literal", "value": "0.1" } },
        "properties": { "azureml.git.commit": "0123", "mlflow.source.git.repoURL": "https://example.org/r", "secretish": "x" },
    }));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_registered_is_swept_and_described_and_never_taken_for_ours() {
    let arm = Arm::start();
    let adapter = arm.adapter("workspace");
    theirs(&arm);
    let churn = version("retail/model/churn@1.0.0");
    assert_eq!(adapter.stat(Locator::Version(&churn)).await.unwrap(), None);
    assert_eq!(listed(&adapter).await, Vec::<String>::new());
    let (_, refused) = write(&adapter, "retail/model/churn@1.0.0", &[("a", b"1")]).await;
    assert_eq!(
        said(refused),
        "AlreadyExists Permanent: `models/retail-model-churn/versions/1.0.0` is there and was registered by somebody else, with no digest of ours"
    );
    let found = swept(&adapter).await;
    let found: Vec<_> = found
        .into_iter()
        .map(|found| {
            assert_eq!(found.part_of, None);
            (found.path, found.content)
        })
        .collect();
    assert_eq!(found, [
        ("models/other/versions/7".to_owned(), Err("there is nothing at `runs/none`".to_owned())),
        ("models/other/versions/8".to_owned(), Err("`models/other/versions/8` keeps its bytes at `azureml://jobs/j/outputs/o/paths/m`, which is in no datastore of this workspace".to_owned())),
        ("models/retail-model-churn/versions/1.0.0/model.pkl".to_owned(), Ok(Sha256::of(b"theirs"))),
    ]);
    let described = adapter.describe(&churn).await.unwrap().properties;
    let described: Vec<_> = described
        .iter()
        .filter(|(name, _)| name.starts_with("job") || name.starts_with("tags"))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(
        described,
        [
            "job=job-1",
            "job.azureml.git.commit=0123",
            "job.code=azureml:code:1",
            "job.environment=azureml:env:3",
            "job.inputs.rate=0.1",
            "job.inputs.train=azureml:penguins:2",
            "job.mlflow.source.git.repoURL=https://example.org/r",
            "job.status=Completed",
            "job.type=Command",
            "tags.team=retail",
        ]
    );
    arm.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_registered_is_taken_with_the_job_that_made_it() {
    let arm = Arm::start();
    let adapter = arm.adapter("workspace");
    theirs(&arm);
    // A model may be one file.
    register(&arm, "models/other/versions/9", "runs/xy", &json!({}));
    for (address, file, bytes) in [
        ("azureml:retail-model-churn:1.0.0", "model.pkl", "theirs"),
        ("azureml:other:9", "xy", "not part of it"),
    ] {
        let expected = [(file.to_owned(), bytes.as_bytes().to_vec())];
        assert_eq!(taken(&adapter, address).await, expected.into(), "{address}");
    }
    let foreign = adapter.foreign("azureml:retail-model-churn:1.0.0").await;
    let [told] = foreign.unwrap().told.try_into().unwrap();
    assert_eq!(told.format, "azure-ml-job");
    let job: Value = serde_json::from_slice(&told.bytes).unwrap();
    assert_eq!(job["properties"]["jobType"], "Command");
    let (none, unreadable) = (AdapterErrorKind::NotFound, AdapterErrorKind::Unsupported);
    for (address, kind, reason) in [
        (
            "azureml:other:6",
            none,
            "there is no model `azureml:other:6`",
        ),
        ("azureml:other:7", none, "there is nothing at `runs/none`"),
        ("azureml:other", unreadable, "write `azureml:NAME:VERSION`"),
        ("azureml:..:1", unreadable, "write `azureml:NAME:VERSION`"),
        ("azureml:a/b:1", unreadable, "write `azureml:NAME:VERSION`"),
    ] {
        not_taken(&adapter, address, kind, reason).await;
    }
    arm.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_archived_is_not_listed_and_swept_all_the_same() {
    let arm = Arm::start();
    let adapter = arm.adapter("workspace");
    let record = create(&adapter, "retail/model/churn@1.0.0", &[("a", b"1")]).await;
    let rest = path("models/retail-model-churn/versions/1.0.0");
    arm.state().assets.get_mut(&rest).unwrap()["isArchived"] = json!(true);
    assert_eq!(listed(&adapter).await, Vec::<String>::new());
    let parts: Vec<_> = swept(&adapter)
        .await
        .into_iter()
        .map(|found| found.part_of)
        .collect();
    assert_eq!(
        parts,
        [None, Some((record.version.clone(), "a".parse().unwrap()))]
    );
    // It is there: nobody may write another under its name.
    let (_, again) = write(&adapter, "retail/model/churn@1.0.0", &[("a", b"1")]).await;
    assert_eq!(again.unwrap(), Written::Unchanged);
    arm.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_were_changed_behind_our_back_are_found() {
    let arm = Arm::start();
    let adapter: Arc<dyn Adapter> = Arc::new(arm.adapter("workspace"));
    let record = create(adapter.as_ref(), "retail/model/churn@1.0.0", &[("a", b"1")]).await;
    let folder = format!(
        "LocalUpload/{}/retail-model-churn/1.0.0",
        record.digest.sha256()
    );
    arm.blobs.write(CONTAINER, &format!("{folder}/a"), b"2");
    arm.blobs.write(CONTAINER, &format!("{folder}/extra"), b"3");
    let found = swept(adapter.as_ref()).await;
    let found: Vec<_> = found
        .into_iter()
        .filter(|found| !found.path.contains(".promote"))
        .map(|found| (found.part_of.unwrap().1.to_string(), found.content.unwrap()))
        .collect();
    assert_eq!(
        found,
        [
            ("a".to_owned(), Sha256::of(b"2")),
            ("extra".to_owned(), Sha256::of(b"3"))
        ]
    );
    let read = verify(adapter.as_ref(), &record.version, &record.files).await;
    assert_eq!(
        said(read),
        "Corrupt Permanent: `a` does not have the recorded bytes"
    );
    let whole = layered(Arc::clone(&adapter), &Settings::default());
    let read = verify(whole.as_ref(), &record.version, &record.files).await;
    assert!(said(read).starts_with("Corrupt"));
    arm.blobs
        .delete(CONTAINER, &format!("{folder}/.promote/record.json"));
    assert_eq!(
        said(adapter.stat(Locator::Version(&record.version)).await),
        "Corrupt Permanent: `retail/model/churn@1.0.0`: its record is missing"
    );
    arm.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_cut_write_left_is_used_and_what_others_put_there_is_not_written_over() {
    let arm = Arm::start();
    let adapter = arm.adapter("workspace");
    let (record, _) = {
        let content =
            promote::adapter::conformance::MemoryContent::new(&[("a", b"1"), ("b", b"2")]).unwrap();
        (
            content
                .record(&version("retail/model/churn@1.0.0"))
                .unwrap(),
            (),
        )
    };
    let folder = format!(
        "LocalUpload/{}/retail-model-churn/1.0.0",
        record.digest.sha256()
    );
    arm.blobs.write(CONTAINER, &format!("{folder}/a"), b"1");
    arm.blobs.write(CONTAINER, &format!("{folder}/b"), b"other");
    let files: &[(&str, &[u8])] = &[("a", b"1"), ("b", b"2")];
    let (_, refused) = write(&adapter, "retail/model/churn@1.0.0", files).await;
    assert_eq!(
        said(refused),
        format!(
            "AlreadyExists Permanent: the blob `{folder}/b` is there with other bytes, which promote does not write over; find out who put it there, and delete it"
        )
    );
    assert_eq!(listed(&adapter).await, Vec::<String>::new());
    arm.blobs.delete(CONTAINER, &format!("{folder}/b"));
    create(&adapter, "retail/model/churn@1.0.0", files).await;
    let long = vec!["a"; 260].join("/");
    let (_, refused) = write(&adapter, "retail/model/churn@2.0.0", &[(&long, b"1")]).await;
    let text = said(refused);
    assert!(text.starts_with("Unsupported Permanent: `a/a/"), "{text}");
    let (_, refused) = write(
        &adapter,
        "retail/model/churn@2.0.0",
        &[(".promote/x", b"1")],
    )
    .await;
    assert_eq!(
        said(refused),
        "Unsupported Permanent: `.promote/x`: the folder `.promote` holds the record here, and cannot hold files of an artifact"
    );
    arm.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_datastore_with_a_signature_of_its_own_serves_too() {
    let arm = Arm::start();
    arm.state().settings.secrets = "Sas";
    let adapter = arm.adapter("workspace");
    let record = create(&adapter, "retail/model/churn@1.0.0", &[("a", b"1")]).await;
    let read = verify(&adapter, &record.version, &record.files).await;
    assert_eq!(read.unwrap(), record.digest);
    arm.finish();
}
