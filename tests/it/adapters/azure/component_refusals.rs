//! Components that cannot be taken, that were cut, and that somebody changed.

use promote::adapter::transfer::verify;
use promote::adapter::{Adapter as _, Locator};
use serde_json::json;

use super::components::{FILES, TRAIN, path, runtime};
use super::fake::{Arm, CONTAINER};
use super::http::Reply;
use super::support::{create, listed, on, said, swept, write};

/// What a description says of a version that stayed a data asset.
async fn stays(arm: &Arm, number: usize, yaml: &str, more: &[(&str, &[u8])]) -> String {
    let adapter = arm.adapter("workspace");
    let kind = if yaml.contains("pipeline") {
        "pipeline"
    } else {
        "component"
    };
    let mut files: Vec<(&str, &[u8])> = vec![("component.yaml", yaml.as_bytes())];
    files.extend(more);
    let text = format!("retail/{kind}/x@{number}.0.0");
    let record = create(&adapter, &text, &files).await;
    let read = verify(&adapter, &record.version, &record.files).await;
    assert_eq!(read.unwrap(), record.digest);
    let rest = format!("data/retail-{kind}-x/versions/{number}.0.0");
    let held = arm.state().assets[&path("workspaces", &rest)].clone();
    assert_eq!(held["dataType"], "uri_folder");
    let said = held["description"].as_str().unwrap();
    let start = format!(
        "{text}, put here by promote, as files alone, since Azure Machine Learning cannot be told what it is: "
    );
    said.strip_prefix(&start).unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_as_it_is_stays_files_and_says_why() {
    let arm = Arm::start();
    let command = |more: &str| format!("type: command\ncommand: x\n{more}");
    let long = format!("type: command\ncommand: {}\n", "x".repeat(1 << 20));
    let cases = [
        ("a: 1\n".to_owned(), "no YAML file of Azure Machine Learning at its top says what it is"),
        ("a: [1\n".to_owned(), "`component.yaml` cannot be read: line"),
        (long, "`component.yaml` cannot be read: it has more than 1048576 bytes"),
        (command("code: git+https://example.org/r\n"), "its `code`, `git+https://example.org/r`, is not in its folder"),
        (command("code: ../src\n"), "its `code`, `../src`, leads out of its folder"),
        (command("code: ./src\n"), "its `code`, `./src`, is no folder in it"),
        (command("environment: azureml:e@latest\n"), "its `environment` is `azureml:e@latest`, and what is promoted names others as `azureml:NAME:VERSION`"),
        (command("environment: { image: x }\n"), "its `environment` is written out in place"),
        (command("additional_includes: [../lib]\n"), "`additional_includes` is done by the tool of Azure"),
        ("$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json\ntype: command\n".to_owned(), "by its `$schema` it is a `commandJob` and no component"),
        ("$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json\ntype: pipeline\n".to_owned(), "by its `$schema` it is a `pipelineJob`, which belongs to one workspace"),
        ("type: pipeline\ncompute: azureml:cpu\n".to_owned(), "a pipeline component has no `compute`"),
        ("type: pipeline\njobs: { a: { type: command, command: x } }\n".to_owned(), "its step `a` names no `component`"),
        ("type: pipeline\njobs: { a: { component: ./a.yaml } }\n".to_owned(), "its `jobs.a.component` is `./a.yaml`, and what is promoted"),
        ("type: pipeline\njobs: { a: { component: azureml:a:1, compute: azureml:c } }\n".to_owned(), "its step `a` has `compute`"),
        ("type: pipeline\njobs: { a: { component: azureml:a:1, inputs: { d: { path: azureml:d:1 } } } }\n".to_owned(), "the input `d` of its step `a` is bound to data"),
    ];
    for (number, (yaml, reason)) in cases.into_iter().enumerate() {
        let said = stays(&arm, number, &yaml, &[]).await;
        let said = said.strip_prefix("`component.yaml`: ").unwrap_or(&said);
        assert!(said.starts_with(reason), "{said}");
    }
    let other: &[(&str, &[u8])] = &[
        ("b.yml", b"type: command\ncommand: y\n"),
        ("c.yml", b"type: spark\n"),
    ];
    assert_eq!(
        stays(&arm, 100, "a: 1\n", other).await,
        "`b.yml` and `c.yml` both describe one; call one of them `component.yaml`"
    );
    arm.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_is_cut_before_the_component_shows_nothing_and_is_taken_up() {
    for kind in ["workspace", "registry"] {
        let arm = Arm::start();
        let adapter = arm.adapter(kind);
        runtime(&adapter).await;
        let fault = Reply::json(503, &json!({ "error": { "code": "ServerBusy" } }));
        arm.state().settings.fault = on(
            "PUT",
            "components/retail-component-train/versions/1.0.0",
            1,
            fault,
        );
        let (record, cut) = write(&adapter, TRAIN, FILES).await;
        assert!(said(cut).starts_with("Unexpected Temporary"), "{kind}");
        let fresh = arm.adapter(kind);
        assert_eq!(
            fresh.stat(Locator::Version(&record.version)).await.unwrap(),
            None
        );
        assert_eq!(listed(&fresh).await, ["retail/runtime/sklearn@1.0.0"]);
        let parts = swept(&fresh).await.into_iter();
        let parts: Vec<_> = parts
            .filter_map(|found| found.part_of)
            .map(|(version, _)| version.to_string())
            .collect();
        assert_eq!(parts, ["retail/runtime/sklearn@1.0.0"]);
        // Other bytes under the version find its name taken.
        let (_, other) = write(&fresh, TRAIN, &FILES[..2]).await;
        let digest = record.digest;
        assert_eq!(
            said(other),
            format!("AlreadyExists Permanent: `{TRAIN}` is there with digest `{digest}`")
        );
        create(&fresh, TRAIN, FILES).await;
        let read = verify(&fresh, &record.version, &record.files).await;
        assert_eq!(read.unwrap(), record.digest);
        arm.finish();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_whose_environment_is_not_there_is_refused_in_the_words_of_the_service() {
    let arm = Arm::start();
    let adapter = arm.adapter("workspace");
    let (record, refused) = write(&adapter, TRAIN, FILES).await;
    let text = said(refused);
    assert!(
        text.contains("/environments/retail-runtime-sklearn/versions/1.0.0"),
        "{text}"
    );
    assert_eq!(
        adapter
            .stat(Locator::Version(&record.version))
            .await
            .unwrap(),
        None
    );
    runtime(&adapter).await;
    create(&adapter, TRAIN, FILES).await;
    arm.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_somebody_made_anew_is_found() {
    let arm = Arm::start();
    let adapter = arm.adapter("workspace");
    runtime(&adapter).await;
    let record = create(&adapter, TRAIN, FILES).await;
    let shown = path(
        "workspaces",
        "components/retail-component-train/versions/1.0.0",
    );
    let good = arm.state().assets[&shown].clone();
    for (pointer, value, field) in [
        ("command", json!("curl evil"), "`command`"),
        ("distribution", json!({ "type": "mpi" }), "`distribution`"),
        (
            "code",
            json!(format!(
                "azureml:{}",
                path("workspaces", "codes/other/versions/1")
            )),
            "`code`",
        ),
    ] {
        let mut bad = good.clone();
        bad["componentSpec"][pointer] = value;
        arm.state().assets.insert(shown.clone(), bad);
        let expected = format!(
            "Corrupt Permanent: `components/retail-component-train/versions/1.0.0` says something else than the files of `{TRAIN}`, in {field}"
        );
        assert_eq!(
            said(adapter.stat(Locator::Version(&record.version)).await),
            expected
        );
        let (_, again) = write(&adapter, TRAIN, FILES).await;
        assert_eq!(said(again), expected);
        // Scanning finds the files and no version that they are part of, which is drift.
        let found = swept(&adapter).await.into_iter();
        let parts = found
            .filter_map(|found| found.part_of)
            .filter(|(version, _)| *version == record.version);
        assert_eq!(parts.count(), 0);
    }
    arm.state().assets.insert(shown, good);
    assert!(
        adapter
            .stat(Locator::Version(&record.version))
            .await
            .unwrap()
            .is_some()
    );
    let code = path("workspaces", "codes/retail-component-train/versions/1.0.0");
    arm.state().assets.remove(&code).unwrap();
    assert_eq!(
        said(adapter.stat(Locator::Version(&record.version)).await),
        "Corrupt Permanent: `components/retail-component-train/versions/1.0.0` is there, and `codes/retail-component-train/versions/1.0.0`, which has its bytes, is not what it was"
    );
    arm.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn components_of_others_are_not_written_over_and_their_code_is_swept_where_it_can_be() {
    let arm = Arm::start();
    let adapter = arm.adapter("workspace");
    let theirs =
        json!({ "componentSpec": { "type": "command" }, "provisioningState": "Succeeded" });
    arm.state().assets.insert(
        path(
            "workspaces",
            "components/retail-component-train/versions/1.0.0",
        ),
        theirs,
    );
    let (_, refused) = write(&adapter, TRAIN, &[("a", b"1")]).await;
    assert_eq!(
        said(refused),
        "AlreadyExists Permanent: `components/retail-component-train/versions/1.0.0` is there and was registered by somebody else, with no digest of ours"
    );
    arm.blobs.write(CONTAINER, "code/x/train.py", b"theirs");
    for (version, uri) in [
        ("1", arm.blobs.url(&format!("{CONTAINER}/code/x"))),
        ("2", "https://acct.blob.core.windows.net/5f1c/x".to_owned()),
    ] {
        let code = json!({ "codeUri": uri, "provisioningState": "Succeeded" });
        arm.state().assets.insert(
            path("workspaces", &format!("codes/x/versions/{version}")),
            code,
        );
    }
    arm.state()
        .assets
        .insert(path("workspaces", "codes/x"), json!({}));
    let found: Vec<_> = swept(&adapter)
        .await
        .into_iter()
        .map(|found| (found.path, found.part_of))
        .collect();
    assert_eq!(found, [("codes/x/versions/1/train.py".to_owned(), None)]);
    arm.finish();
}
