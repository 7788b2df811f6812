//! Servers that say no, that say nonsense, and that lead elsewhere.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use promote::adapter::azure_ml::AzureMlAdapter;
use promote::adapter::{Adapter as _, Locator, Selector};
use promote::config::Environment;
use serde_json::json;

use super::fake::{Arm, CLIENT_SECRET, CONTAINER, PROVIDER, TOKEN, WORKSPACE};
use super::http::{Fake, Reply, Request};
use super::support::{create, listed, on, said, version, write};

const FILES: &[(&str, &[u8])] = &[("a", b"1")];

/// A server that nobody should ask, and what it was asked.
fn elsewhere() -> (Fake, Arc<Mutex<Vec<Request>>>) {
    let log = Arc::<Mutex<Vec<Request>>>::default();
    let kept = Arc::clone(&log);
    let fake = Fake::start(move |request| {
        kept.lock().unwrap().push(request.clone());
        Reply::json(200, &json!({ "value": [], "status": "Succeeded" }))
    });
    (fake, log)
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_lead_to_another_host_get_no_token() {
    let arm = Arm::start();
    let adapter = arm.adapter("registry");
    for minor in 0..9 {
        create(&adapter, &format!("retail/model/churn@1.{minor}.0"), FILES).await;
    }
    assert_eq!(listed(&adapter).await.len(), 9);
    let (other, log) = elsewhere();
    arm.state().settings.next_host = Some(other.url());
    let expected = "PermissionDenied Permanent: an answer leads from `127.0.0.1` to `127.0.0.1`, which gets no token of ours";
    assert_eq!(
        said(adapter.list(Selector::default()).await.map(drop)),
        expected
    );
    arm.state().settings.next_host = None;
    let away =
        Reply::json(201, &json!({})).with("Azure-AsyncOperation", format!("{}/x", other.url()));
    arm.state().settings.fault = on("PUT", "/versions/2.0.0", 1, away);
    let (_, refused) = write(&adapter, "retail/model/churn@2.0.0", FILES).await;
    assert_eq!(said(refused), expected);
    let moved = Reply::text(307, "").with("Location", other.url());
    arm.state().settings.fault = on("GET", "/versions/1.0.0", 1, moved);
    let stat = adapter
        .stat(Locator::Version(&version("retail/model/churn@1.0.0")))
        .await;
    assert!(said(stat).starts_with("Unexpected Permanent: `GET "));
    assert!(log.lock().unwrap().is_empty(), "it was asked");
    arm.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_says_what_it_is() {
    let arm = Arm::start();
    let adapter = arm.adapter("workspace");
    let path =
        format!("{PROVIDER}/workspaces/{WORKSPACE}/models/retail-model-churn/versions/1.0.0");
    let error = json!({ "error": { "code": "Code", "message": "the words of the service" } });
    let echo =
        json!({ "error": { "code": "Code", "message": format!("you sent Bearer {TOKEN}") } });
    let hidden = "(the answer repeats the credentials and is not shown)";
    let words = "Code: the words of the service";
    let (denied, passing) = ("PermissionDenied Permanent", "Unexpected Temporary");
    for (reply, kind, words) in [
        (Reply::json(400, &error), "Unexpected Permanent", words),
        (Reply::json(401, &error), denied, words),
        (Reply::json(403, &error), denied, words),
        (Reply::json(409, &error), "AlreadyExists Permanent", words),
        (Reply::json(429, &error), "RateLimited Temporary", words),
        (Reply::json(500, &error), passing, words),
        (
            Reply::text(502, "<h1>Bad\nGateway</h1>"),
            passing,
            "Bad Gateway",
        ),
        (Reply::json(403, &echo), denied, hidden),
        (Reply::text(403, TOKEN), denied, hidden),
    ] {
        let status = reply.status;
        arm.state().settings.fault = on("GET", "/versions/1.0.0", 1, reply);
        let stat = adapter
            .stat(Locator::Version(&version("retail/model/churn@1.0.0")))
            .await;
        assert_eq!(
            said(stat),
            format!("{kind}: `GET {path}`: {status} {words}")
        );
    }
    arm.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_is_passed_on_nonsense_refused_and_news_passed_over() {
    let arm = Arm::start();
    let adapter = arm.adapter("workspace");
    let path =
        format!("{PROVIDER}/workspaces/{WORKSPACE}/models/retail-model-churn/versions/1.0.0");
    let error = json!({ "error": { "code": "Code" } });
    let busy = Reply::json(429, &error).with("Retry-After", "17");
    arm.state().settings.fault = on("GET", "/versions/1.0.0", 1, busy);
    let stat = adapter
        .stat(Locator::Version(&version("retail/model/churn@1.0.0")))
        .await;
    assert_eq!(stat.unwrap_err().retry_after, Some(Duration::from_secs(17)));
    let nonsense = Reply::text(200, "{\"properties\":7}");
    arm.state().settings.fault = on("GET", "/versions/1.0.0", 1, nonsense);
    let stat = adapter
        .stat(Locator::Version(&version("retail/model/churn@1.0.0")))
        .await;
    assert_eq!(
        said(stat),
        format!(
            "Unexpected Permanent: `GET {path}`: the answer has another form than expected, at line 1, column 15"
        )
    );
    let later =
        json!({ "name": "1.0.0", "new": 1, "properties": { "newer": {}, "modelUri": "x" } });
    arm.state().settings.fault = on("GET", "/versions/1.0.0", 1, Reply::json(200, &later));
    let stat = adapter
        .stat(Locator::Version(&version("retail/model/churn@1.0.0")))
        .await;
    assert_eq!(
        stat.unwrap(),
        None,
        "fields that are not known are passed over"
    );
    arm.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_taken_is_asked_for_again() {
    let arm = Arm::start();
    let adapter = arm.adapter("workspace");
    let churn = version("retail/model/churn@1.0.0");
    arm.state().settings.fault = on("GET", "/versions/1.0.0", 1, Reply::text(401, ""));
    said(adapter.stat(Locator::Version(&churn)).await);
    assert_eq!(adapter.stat(Locator::Version(&churn)).await.unwrap(), None);
    arm.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_and_missing_secrets_are_refused_and_not_shown() {
    let arm = Arm::start();
    let spec = json!({
        "subscription": "s", "resourceGroup": "g", "name": "w", "endpoint": arm.url(), "authority": arm.url(),
        "auth": { "clientSecret": { "tenant": "t-1", "client": "c-1", "secret": "env:SECRET" } },
    });
    let wrong = format!("{CLIENT_SECRET}-wrong");
    for (secret, words) in [
        (
            Some(wrong.as_str()),
            "refuses these credentials (401): invalid_client",
        ),
        (
            None,
            "the secret `env:SECRET` is not set in the environment",
        ),
    ] {
        let environment: Environment = secret
            .map(|secret| ("SECRET", secret))
            .into_iter()
            .collect();
        let spec = serde_json::from_value(spec.clone()).unwrap();
        let adapter = AzureMlAdapter::new("dev".parse().unwrap(), spec, environment).unwrap();
        let text = said(adapter.list(Selector::default()).await.map(drop));
        assert!(
            text.starts_with("PermissionDenied Permanent") && text.ends_with(words),
            "{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_goes_in_the_clear() {
    let arm = Arm::start();
    let refused = |more: serde_json::Value| {
        let mut spec = json!({
            "subscription": "s", "resourceGroup": "g", "name": "w",
            "auth": { "managedIdentity": {} },
        });
        spec.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let spec = serde_json::from_value(spec).unwrap();
        said(AzureMlAdapter::new(
            "dev".parse().unwrap(),
            spec,
            Environment::default(),
        ))
    };
    assert_eq!(
        refused(json!({ "endpoint": "http://arm.example.org" })),
        "Unexpected Permanent: `http://arm.example.org` is not encrypted, and tokens go there"
    );
    for name in ["", "..", "a/b", "a?b", "a%2fb"] {
        assert_eq!(
            refused(json!({ "name": name })),
            "Unexpected Permanent: `name` of its manifest cannot be part of an address"
        );
    }
    // The service says that the bytes are where everybody on the way can read them.
    let datastore = json!({ "properties": {
        "datastoreType": "AzureBlob", "accountName": "acct", "containerName": "c",
        "protocol": "http", "credentials": { "credentialsType": "AccountKey" },
    } });
    arm.state().settings.fault = on(
        "GET",
        "/workspaceblobstore",
        1,
        Reply::json(200, &datastore),
    );
    let (_, refused) = write(&arm.adapter("workspace"), "retail/model/churn@1.0.0", FILES).await;
    assert_eq!(
        said(refused),
        "PermissionDenied Permanent: the bytes are at `acct.blob.core.windows.net`, which is not encrypted"
    );
    arm.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_datastore_without_credentials_is_opened_by_a_token_for_storage() {
    let arm = Arm::start();
    let log = Arc::<Mutex<Vec<Request>>>::default();
    let kept = Arc::clone(&log);
    let store = Fake::start(move |request| {
        kept.lock().unwrap().push(request.clone());
        Reply::text(403, "")
    });
    let endpoint = store.url().replace("http://", "");
    let datastore = json!({ "properties": {
        "datastoreType": "AzureBlob", "accountName": "acct", "containerName": CONTAINER,
        "endpoint": endpoint, "protocol": "http", "credentials": { "credentialsType": "None" },
    } });
    arm.state().settings.fault = on(
        "GET",
        "/workspaceblobstore",
        1,
        Reply::json(200, &datastore),
    );
    let (_, refused) = write(&arm.adapter("workspace"), "retail/model/churn@1.0.0", FILES).await;
    assert!(said(refused).starts_with("PermissionDenied Permanent: `PUT http://127.0.0.1:"));
    let requests = log.lock().unwrap();
    let [request] = requests.as_slice() else {
        panic!("{requests:?}");
    };
    assert_eq!(request.header("authorization"), format!("Bearer {TOKEN}"));
    assert_eq!(request.header("if-none-match"), "*");
    assert_eq!(request.header("x-ms-version"), "2021-08-06");
    assert!(
        request
            .path
            .starts_with(&format!("/acct/{CONTAINER}/LocalUpload/"))
    );
    arm.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_for_another_container_is_not_used() {
    let arm = Arm::start();
    let adapter = arm.adapter("registry");
    let record = create(&adapter, "retail/model/churn@1.0.0", FILES).await;
    let signed = "https://evil.blob.core.windows.net/c/x?sig=hunter2";
    let lent = json!({ "blobReferenceForConsumption": {
        "blobUri": signed, "credential": { "credentialType": "SAS", "sasUri": signed } } });
    arm.state().settings.fault = on(
        "POST",
        "/datareferences/retail-model-churn/versions/1.0.0",
        1,
        Reply::json(200, &lent),
    );
    let stat = adapter.stat(Locator::Version(&record.version)).await;
    assert_eq!(
        said(stat),
        "Unexpected Permanent: the registry lends a signature for another container than the one that holds the version"
    );
    arm.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_of_the_interface_is_a_setting() {
    let arm = Arm::start();
    let adapter = arm.adapter_with("workspace", &json!({ "apiVersion": "2025-12-01" }));
    let seen = Arc::<Mutex<Vec<String>>>::default();
    let kept = Arc::clone(&seen);
    arm.state().settings.fault = Some(Box::new(move |request| {
        kept.lock()
            .unwrap()
            .push(request.query["api-version"].clone());
        None
    }));
    listed(&adapter).await;
    assert_eq!(*seen.lock().unwrap(), ["2025-12-01"; 4]);
    arm.finish();
}
