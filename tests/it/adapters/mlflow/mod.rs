//! The adapter for MLflow, against servers of both versions, and through a line that meddles.

mod faults;
mod hostile;
mod long;
mod others;
mod users;

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::stream::TryStreamExt as _;
use promote::adapter::conformance::{MemoryContent, Subject, check};
use promote::adapter::layer::{Settings, layered};
use promote::adapter::{Adapter, Record, Result, Surroundings, Written, open};
use promote::config::Environment;
use promote::flow::declassification::Lowered;
use promote::flow::permit::{Origin, permit};
use promote::model::label::{Clearance, Tag};
use promote::model::platform::Platform;
use promote::model::workspace::WorkspaceFacts;
use promote::net::http::{Reuse, client};
use reqwest::Method;
use serde_json::{Value, json};

use crate::servers::{Release, Server};

/// An adapter for a server, with the fields of its manifest besides `url`.
fn adapter(url: &str, fields: &Value, variables: &[(&str, &str)]) -> Arc<dyn Adapter> {
    let mut spec = fields.clone();
    spec["url"] = json!(url);
    let platform: Platform = serde_json::from_value(json!({ "mlflow": spec })).unwrap();
    let surroundings = Surroundings {
        environment: Environment::from_iter(variables.iter().copied()),
        base: std::env::temp_dir(),
    };
    open(&"lab".parse().unwrap(), &platform, &surroundings).unwrap()
}

fn open_to_all(url: &str) -> Arc<dyn Adapter> {
    adapter(url, &json!({}), &[])
}

/// Asks a server, as others than we would.
async fn ask(server: &Server, method: Method, path: &str, body: &Value) -> Value {
    let url = format!("{}/api/2.0/{path}", server.url());
    let client = client(Reuse::OneEach).unwrap();
    let request = client.request(method, &url);
    let request = match body {
        Value::String(bytes) => request.body(bytes.clone()),
        body => request.json(body),
    };
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert!(status.is_success(), "{path}: {status}: {text}");
    serde_json::from_str(&text).unwrap_or_default()
}

/// Writes files as a version.
async fn write(
    adapter: &dyn Adapter,
    version: &str,
    files: &[(&str, &[u8])],
) -> (Record, Result<Written>) {
    let content = MemoryContent::new(files).unwrap();
    let record = content.record(&version.parse().unwrap()).unwrap();
    let clearance = Clearance::new([Tag::production()]).unwrap();
    let facts = WorkspaceFacts {
        name: adapter.info().workspace.parse().unwrap(),
        environment: "test".parse().unwrap(),
        accepts: BTreeSet::new(),
        clearance: clearance.clone(),
    };
    let label = clearance.as_label();
    let leave = permit(
        record.digest,
        &label,
        &Lowered::nothing(),
        &Origin::Producer,
        &facts,
    );
    let written = adapter.write(&leave.unwrap(), &record, &content).await;
    (record, written)
}

/// The versions in the registry that say they are one of ours.
async fn registered(server: &Server, version: &str) -> Vec<String> {
    let path = "mlflow/model-versions/search?max_results=1000";
    let found = ask(server, Method::GET, path, &json!({})).await;
    let versions = found["model_versions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let is_one = |it: &&Value| {
        let tags = it["tags"].as_array().cloned().unwrap_or_default();
        tags.contains(&json!({ "key": "promote.version", "value": version }))
    };
    let numbers = versions.iter().filter(is_one);
    numbers
        .map(|it| it["version"].as_str().unwrap().to_owned())
        .collect()
}

/// Everything that a stream gives.
async fn all<T>(stream: Result<futures_util::stream::BoxStream<'_, Result<T>>>) -> Vec<T> {
    stream.unwrap().try_collect().await.unwrap()
}

/// The conformance suite, then what is particular to MLflow: one server, since each start costs ten seconds.
async fn conforms(release: Release) {
    let server = Server::mlflow(release);
    let bare = open_to_all(&server.url());
    for (prefix, adapter) in [
        ("bare-", Arc::clone(&bare)),
        ("layered-", layered(bare, &Settings::default())),
    ] {
        let subject = Subject {
            adapter,
            prefix: prefix.to_owned(),
            secrets: Vec::new(),
        };
        let violations = check(&subject).await;
        assert!(violations.is_empty(), "{violations:#?}\n{}", server.log());
    }
    long::story(&server, release).await;
    others::story(&server, release).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn version_3_conforms() {
    conforms(Release::Three).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn version_2_conforms() {
    conforms(Release::Two).await;
}
