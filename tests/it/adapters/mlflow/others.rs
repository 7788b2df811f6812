//! What others did on the same server: runs with lineage, models that they registered, and changes behind our back.

use std::collections::BTreeMap;

use promote::adapter::transfer::verify;
use promote::adapter::{Adapter, AdapterErrorKind, Locator, Permission};
use promote::model::digest::Sha256;
use reqwest::Method;
use serde_json::json;

use super::{all, ask, open_to_all, write};
use crate::adapters::{not_taken, taken};
use crate::organisation::Organisation;
use crate::servers::{Release, Server};

/// Everything, on one server.
pub(super) async fn story(server: &Server, release: Release) {
    let adapter = open_to_all(&server.url());
    let run = train(server).await;
    let mlmodel = format!("flavors: {{}}\nrun_id: {run}\n");
    lineage(adapter.as_ref(), &run, &mlmodel).await;
    others_are_swept(server, adapter.as_ref(), &run).await;
    others_are_taken(adapter.as_ref(), &run).await;
    let bare = bare_run(server).await;
    others_are_registered(server.url(), run.clone(), bare).await;
    changes_show(server, adapter.as_ref(), &mlmodel).await;
    tags_show(server, adapter.as_ref()).await;
    aliases_of_others(server, adapter.as_ref(), &run).await;
    probed(adapter.as_ref(), release).await;
}

async fn probed(adapter: &dyn Adapter, release: Release) {
    let probe = adapter.probe().await.unwrap();
    let version = match release {
        Release::Three => "MLflow 3.17.2",
        Release::Two => "MLflow 2.22.4",
    };
    assert_eq!(probe.server.as_deref(), Some(version));
    assert_eq!(probe.limits.len(), 4);
    assert_eq!(probe.permissions["read"], Permission::Granted);
    assert_eq!(probe.permissions["create"], Permission::Granted);
    assert_eq!(probe.permissions["upload"], Permission::Unknown);
    // The same machine: the clocks are one, but for the seconds that the header leaves out.
    let now = promote::clock::Clock::now(&promote::clock::SystemClock);
    let apart = probe.clock.unwrap().duration_since(now).as_secs_f64();
    assert!(apart.abs() < 30.0, "{apart}");
}

/// A run as training leaves it. Returns its id.
async fn train(server: &Server) -> String {
    let body = json!({ "name": "training" });
    let made = ask(server, Method::POST, "mlflow/experiments/create", &body).await;
    let experiment = made["experiment_id"].clone();
    let body = json!({
        "experiment_id": experiment,
        "run_name": "train",
        "tags": [{ "key": "mlflow.source.git.commit", "value": "deadbeef" }],
    });
    let made = ask(server, Method::POST, "mlflow/runs/create", &body).await;
    let run = made["run"]["info"]["run_id"].as_str().unwrap().to_owned();
    let body = json!({ "run_id": run, "datasets": [{
        "tags": [{ "key": "mlflow.data.context", "value": "training" }],
        "dataset": {
            "name": "customers",
            "digest": "abc12345",
            "source_type": "s3",
            "source": "{\"uri\": \"s3://lake/customers/\"}",
        },
    }] });
    ask(server, Method::POST, "mlflow/runs/log-inputs", &body).await;
    let body = json!({
        "run_id": run,
        "metrics": [{ "key": "auc", "value": 0.91, "timestamp": 1_700_000_001_000_u64, "step": 0 }],
        "params": [{ "key": "lr", "value": "0.1" }],
    });
    ask(server, Method::POST, "mlflow/runs/log-batch", &body).await;
    run
}

async fn lineage(adapter: &dyn Adapter, run: &str, mlmodel: &str) {
    let files: &[(&str, &[u8])] = &[("MLmodel", mlmodel.as_bytes()), ("model.pkl", b"weights")];
    let (record, written) = write(adapter, "retail/model/churn@1.2.0", files).await;
    written.unwrap();
    adapter.point(&record.version, None).await.unwrap();
    let described = adapter.describe(&record.version).await.unwrap();
    let mut found = described.properties;
    found.retain(|key, _| key != "model.tag.promote.record");
    let expected = [
        ("dataset.1.digest", "abc12345"),
        ("dataset.1.name", "customers"),
        ("dataset.1.source", "{\"uri\": \"s3://lake/customers/\"}"),
        ("dataset.1.sourceType", "s3"),
        ("dataset.1.tag.mlflow.data.context", "training"),
        ("dataset.1.uri", "s3://lake/customers/"),
        ("metric.auc", "0.91"),
        ("model.aliases", "champion"),
        ("model.name", "retail.model.churn"),
        ("model.tag.promote.artifact", "retail/model/churn"),
        ("model.tag.promote.digest", &record.digest.to_string()),
        ("model.tag.promote.version", "1.2.0"),
        ("model.version", "1"),
        ("param.lr", "0.1"),
        ("run.id", run),
        ("run.status", "RUNNING"),
        ("run.tag.mlflow.runName", "train"),
        ("run.tag.mlflow.source.git.commit", "deadbeef"),
    ];
    let expected: BTreeMap<String, String> = expected
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    assert_eq!(found, expected);
}

/// What a sweep finds below some registered models: hash or reason by path, with a star when it is part of ours.
async fn swept(adapter: &dyn Adapter, names: &[&str]) -> BTreeMap<String, Result<String, String>> {
    let found = all(adapter.sweep().await).await;
    let is_meant = |path: &str| {
        names
            .iter()
            .any(|name| path.starts_with(&format!("models:/{name}/")))
    };
    let found = found.into_iter().filter(|it| is_meant(&it.path));
    let found = found.map(|it| {
        let star = it.part_of.map_or(String::new(), |(version, path)| {
            format!(" *{version} {path}")
        });
        (
            format!("{}{star}", it.path),
            it.content.map(|hash| hash.to_string()),
        )
    });
    found.collect()
}

fn hash(bytes: &str) -> Result<String, String> {
    Ok(Sha256::of(bytes.as_bytes()).to_string())
}

async fn others_are_swept(server: &Server, adapter: &dyn Adapter, run: &str) {
    let path = format!("mlflow/runs/get?run_id={run}");
    let found = ask(server, Method::GET, &path, &json!({})).await;
    let uri = found["run"]["info"]["artifact_uri"].as_str().unwrap();
    let place = uri.strip_prefix("mlflow-artifacts:/").unwrap();
    for (name, bytes) in [
        ("model/MLmodel", "flavors: {}"),
        ("model/code/a~23.py", "print()"),
    ] {
        let path = format!("mlflow-artifacts/artifacts/{place}/{name}");
        ask(server, Method::PUT, &path, &json!(bytes)).await;
    }
    let body = json!({ "name": "by-hand" });
    ask(
        server,
        Method::POST,
        "mlflow/registered-models/create",
        &body,
    )
    .await;
    for source in [
        format!("{uri}/model"),
        format!("runs:/{run}/model"),
        "s3://key:hunter2@bucket/model".to_owned(),
    ] {
        let mut body = json!({ "name": "by-hand", "source": source });
        if !source.starts_with("s3") {
            body["run_id"] = json!(run);
        }
        ask(server, Method::POST, "mlflow/model-versions/create", &body).await;
    }
    let expected = BTreeMap::from([
        ("models:/by-hand/1/MLmodel".to_owned(), hash("flavors: {}")),
        ("models:/by-hand/1/code/a~23.py".to_owned(), hash("print()")),
        ("models:/by-hand/2/MLmodel".to_owned(), hash("flavors: {}")),
        ("models:/by-hand/2/code/a~23.py".to_owned(), hash("print()")),
        (
            "models:/by-hand/3".to_owned(),
            Err("its files are at `s3://bucket/…`, which this server does not serve".to_owned()),
        ),
    ]);
    assert_eq!(swept(adapter, &["by-hand"]).await, expected);
}

/// By number and by run; what is not there is said so.
async fn others_are_taken(adapter: &dyn Adapter, run: &str) {
    let expected = BTreeMap::from([
        ("MLmodel".to_owned(), b"flavors: {}".to_vec()),
        ("code/a~23.py".to_owned(), b"print()".to_vec()),
    ]);
    for address in ["models:/by-hand/2", &format!("runs:/{run}/model")] {
        let foreign = adapter.foreign(address).await.unwrap();
        let [told] = foreign.told.as_slice() else {
            panic!("{:?}", foreign.told);
        };
        assert_eq!(told.format, "mlflow-run");
        assert!(String::from_utf8_lossy(&told.bytes).contains(run));
        assert_eq!(taken(adapter, address).await, expected, "{address}");
    }
    for (address, reason) in [
        ("models:/by-hand", "there is no `models:/by-hand`; write"),
        (
            "models:/by-hand@none",
            "there is no `models:/by-hand@none`; write",
        ),
        ("models:/by-hand/9", "by-hand"),
        ("models:/by-hand/3", "which this server does not serve"),
        ("s3://bucket/model", "which this server does not serve"),
        ("runs:/0/../1", "not"),
    ] {
        not_taken(adapter, address, AdapterErrorKind::NotFound, reason).await;
    }
}

/// A run that logged a model, and nothing of what it read. Returns its id.
async fn bare_run(server: &Server) -> String {
    let body = json!({ "experiment_id": "0" });
    let made = ask(server, Method::POST, "mlflow/runs/create", &body).await;
    let info = &made["run"]["info"];
    let place = info["artifact_uri"].as_str().unwrap();
    let place = place.strip_prefix("mlflow-artifacts:/").unwrap();
    let path = format!("mlflow-artifacts/artifacts/{place}/model/model.pkl");
    ask(server, Method::PUT, &path, &json!("bare")).await;
    info["run_id"].as_str().unwrap().to_owned()
}

/// `promote register` takes a model that somebody logged, and its lineage. A run that says nothing is no lineage.
async fn others_are_registered(url: String, run: String, bare: String) {
    let registered = tokio::task::spawn_blocking(move || {
        let organisation = Organisation::begun("multi-environment", |organisation| {
            let adapter = format!("mlflow: {{ url: \"{url}\" }}");
            let directory = "directory:\n      path: ../workspaces/dev";
            organisation.edit("workspaces/dev.yaml", directory, &adapter);
            organisation.edit(
                "datasets/penguins-sample.yaml",
                "files of the first two seasons, kept by the data stewards",
                "s3://lake/customers/",
            );
        });
        let register = |version: &str, from: &str| {
            let arguments = [
                "register",
                "wildlife/penguin-species",
                version,
                "--from",
                from,
            ];
            let new = ["--owner", "data-scientists", "--purpose", "tests"];
            let more = ["--workspace", "dev", "-o", "json"];
            let answer = organisation.as_person("dana", &[&arguments[..], &new, &more].concat());
            let warnings = answer.expect_code(0).json()["warnings"].to_string();
            let path = format!("models/wildlife/penguin-species/{version}.yaml");
            let manifest = std::fs::read_to_string(organisation.repository().join(path));
            (warnings, manifest.unwrap())
        };
        let (warnings, manifest) = register("1.0.0", "models:/by-hand/2");
        for part in ["taken-from: models:/by-hand/2", "- penguins-sample", &run] {
            assert!(manifest.contains(part), "{part}: {manifest}");
        }
        assert!(!warnings.contains("is not known"), "{warnings}");
        let (warnings, manifest) = register("1.0.1", &format!("runs:/{bare}/model"));
        assert!(manifest.contains(&bare), "{manifest}");
        let unknown = "is not known, so it counts as everything that `dev` may hold";
        assert!(warnings.contains(unknown), "{warnings}");
        let left = organisation.repository().join(".git/promote/taken");
        assert_eq!(std::fs::read_dir(left).unwrap().count(), 0);
    });
    registered.await.unwrap();
}

/// Bytes and files: whatever somebody changes shows.
async fn changes_show(server: &Server, adapter: &dyn Adapter, mlmodel: &str) {
    let version = "retail/model/churn@1.2.0".parse().unwrap();
    let record = adapter
        .stat(Locator::Version(&version))
        .await
        .unwrap()
        .unwrap();
    let path = "mlflow/model-versions/get-download-uri?name=retail.model.churn&version=1";
    let found = ask(server, Method::GET, path, &json!({})).await;
    let uri = found["artifact_uri"].as_str().unwrap();
    let place = uri.strip_prefix("mlflow-artifacts:/").unwrap().to_owned();
    let file = |name: &str| format!("mlflow-artifacts/artifacts/{place}/{name}");
    ask(server, Method::PUT, &file("model.pkl"), &json!("poison")).await;
    ask(server, Method::PUT, &file("extra"), &json!("more")).await;
    ask(server, Method::DELETE, &file("MLmodel"), &json!({})).await;
    let of_ours = |name: &str| format!("models:/retail.model.churn/1/{name} *{version} {name}");
    let expected = BTreeMap::from([
        (of_ours("model.pkl"), hash("poison")),
        (of_ours("extra"), hash("more")),
        (of_ours("MLmodel"), Err("it is not there".to_owned())),
    ]);
    assert_eq!(swept(adapter, &["retail.model.churn"]).await, expected);
    let gone = adapter.read(&version, &"MLmodel".parse().unwrap()).await;
    assert_eq!(gone.err().unwrap().kind, AdapterErrorKind::NotFound);
    ask(server, Method::PUT, &file("MLmodel"), &json!(mlmodel)).await;
    let verified = verify(adapter, &version, &record.files).await;
    let error = verified.unwrap_err();
    assert_eq!(error.kind, AdapterErrorKind::Corrupt);
    assert_eq!(
        error.message,
        "`model.pkl` does not have the recorded bytes"
    );
}

/// A tag that somebody changed.
async fn tags_show(server: &Server, adapter: &dyn Adapter) {
    let version = "retail/model/churn@1.2.0".parse().unwrap();
    let other = format!("dirhash1:{}", "0".repeat(64));
    let body = json!({ "name": "retail.model.churn", "version": "1", "key": "promote.digest", "value": other });
    ask(server, Method::POST, "mlflow/model-versions/set-tag", &body).await;
    let error = adapter.stat(Locator::Version(&version)).await.unwrap_err();
    assert_eq!(error.kind, AdapterErrorKind::Corrupt);
    assert!(
        error
            .message
            .ends_with("its digest is not that of the tag `promote.digest`"),
        "{error}"
    );
}

/// An alias that somebody put on a version that is not ours.
async fn aliases_of_others(server: &Server, adapter: &dyn Adapter, run: &str) {
    let (record, written) = write(adapter, "retail/model/hand@1.0.0", &[("a", b"1")]).await;
    written.unwrap();
    let body = json!({ "name": "retail.model.hand", "source": format!("runs:/{run}/model"), "run_id": run });
    ask(server, Method::POST, "mlflow/model-versions/create", &body).await;
    let body = json!({ "name": "retail.model.hand", "alias": "champion", "version": "2" });
    ask(
        server,
        Method::POST,
        "mlflow/registered-models/alias",
        &body,
    )
    .await;
    let message = "the alias `champion` of `retail.model.hand` is on version 2, which was not promoted; move it to one that was, remove it, or name another under `alias`";
    let found = adapter
        .stat(Locator::Current(&record.version.artifact))
        .await;
    let pointed = adapter.point(&record.version, None).await;
    for error in [found.unwrap_err(), pointed.unwrap_err()] {
        assert_eq!(
            (error.kind, error.message.as_str()),
            (AdapterErrorKind::Corrupt, message)
        );
    }
}
