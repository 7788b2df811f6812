//! Servers that are no MLflow, or a bad one.

use std::sync::Mutex;
use std::time::Duration;

use promote::adapter::{AdapterError, AdapterErrorKind, ErrorStatus, Locator, Selector};
use serde_json::json;

use super::{adapter, open_to_all};
use crate::adapters::fake::{Fake, answer, json as good};

async fn stat(fake: &Fake) -> AdapterError {
    let version = "retail/model/churn@1.0.0".parse().unwrap();
    let adapter = open_to_all(&fake.url());
    let found = adapter.stat(Locator::Version(&version)).await;
    found.unwrap_err()
}

fn always(bytes: Vec<u8>) -> Fake {
    Fake::start(move |_| bytes.clone())
}

#[tokio::test]
async fn refusals_are_told_apart_and_pages_become_one_line() {
    let page = "<!doctype html>\n<title>403 Forbidden</title>\n<p>Permission\tdenied";
    let html = "Content-Type: text/html\r\n";
    let busy = r#"{"error_code":"REQUEST_LIMIT_EXCEEDED","message":"slow down"}"#;
    for (bytes, kind, status, retry_after, message) in [
        (
            answer("403 Forbidden", html, page),
            AdapterErrorKind::PermissionDenied,
            ErrorStatus::Permanent,
            None,
            "`model-versions/search`: 403 Forbidden: 403 Forbidden Permission denied; these credentials lack a permission",
        ),
        (
            answer("401 Unauthorized", html, "You are not authenticated."),
            AdapterErrorKind::PermissionDenied,
            ErrorStatus::Permanent,
            None,
            "`model-versions/search`: 401 Unauthorized: You are not authenticated.; name who asks under `auth`",
        ),
        (
            answer("429 Too Many Requests", "Retry-After: 7\r\n", busy),
            AdapterErrorKind::RateLimited,
            ErrorStatus::Temporary,
            Some(7),
            "`model-versions/search`: 429 Too Many Requests: slow down",
        ),
        (
            answer("503 Service Unavailable", "Retry-After: 3\r\n", "later"),
            AdapterErrorKind::RateLimited,
            ErrorStatus::Temporary,
            Some(3),
            "`model-versions/search`: 503 Service Unavailable: later",
        ),
        (
            answer("502 Bad Gateway", html, "<h1>Bad gateway</h1>"),
            AdapterErrorKind::Unexpected,
            ErrorStatus::Temporary,
            None,
            "`model-versions/search`: 502 Bad Gateway: Bad gateway",
        ),
        (
            answer("404 Not Found", html, "<h1>Not Found</h1>"),
            AdapterErrorKind::Unexpected,
            ErrorStatus::Permanent,
            None,
            "`model-versions/search`: 404 Not Found: Not Found; this is no MLflow server of version 2.22 or later, or the address lacks a path",
        ),
        (
            answer(
                "302 Found",
                "Location: https://login.example.org/?token=hunter2\r\n",
                "",
            ),
            AdapterErrorKind::Unexpected,
            ErrorStatus::Permanent,
            None,
            "`model-versions/search`: 302 Found: ; name the address that it leads to",
        ),
        (
            answer("200 OK", html, "<form>Log in</form>"),
            AdapterErrorKind::Unexpected,
            ErrorStatus::Permanent,
            None,
            "`model-versions/search`: the answer cannot be read: expected value at line 1 column 1; is the address that of MLflow, and not of a login page?",
        ),
    ] {
        let error = stat(&always(bytes)).await;
        let found = (
            error.kind,
            error.status,
            error.retry_after,
            error.message.as_str(),
        );
        let retry_after = retry_after.map(Duration::from_secs);
        assert_eq!(found, (kind, status, retry_after, message));
    }
}

#[tokio::test]
async fn lists_without_an_end_end() {
    let same = always(good(
        &json!({ "model_versions": [], "next_page_token": "again" }),
    ));
    assert_eq!(
        stat(&same).await.message,
        "`model-versions/search` gives the same page again and again"
    );
    let count = Mutex::new(0);
    let more = Fake::start(move |_| {
        let mut count = count.lock().unwrap();
        *count += 1;
        good(&json!({ "model_versions": [], "next_page_token": count.to_string() }))
    });
    assert_eq!(
        stat(&more).await.message,
        "`model-versions/search` has more than 1000 pages or 100000 items"
    );
    assert_eq!(more.seen().len(), 1000);
}

#[tokio::test]
async fn folders_without_a_bottom_and_names_that_lead_out_are_unread() {
    for (name, reason) in [
        (
            "deeper",
            "it has more than 1000000 files, or more than 64 folders in each other",
        ),
        ("../../secrets", "the server lists `../../secrets`"),
    ] {
        let fake = Fake::start(move |request| {
            good(&if request.is("GET", "model-versions/search") {
                json!({ "model_versions": [{ "name": "m", "version": "1", "status": "READY" }] })
            } else if request.is("GET", "get-download-uri") {
                json!({ "artifact_uri": "mlflow-artifacts:/1/model" })
            } else {
                json!({ "files": [{ "path": name, "is_dir": true }] })
            })
        });
        let adapter = open_to_all(&fake.url());
        let found = super::all(adapter.sweep().await).await;
        let found: Vec<_> = found.into_iter().map(|it| (it.path, it.content)).collect();
        assert_eq!(found, [("models:/m/1".to_owned(), Err(reason.to_owned()))]);
        let is_inside = |target: &str| !target.contains("secrets");
        assert!(fake.seen().iter().all(|request| is_inside(&request.target)));
    }
}

#[tokio::test]
async fn a_token_is_read_again_when_it_is_refused_and_the_workspace_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let put = |token: &str| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::write(&path, token).unwrap();
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&path, private).unwrap();
    };
    put("first-token\n");
    let fake = Fake::start(|request| {
        let headers = request.headers.to_ascii_lowercase();
        let is_known = headers.contains("authorization: bearer second-token");
        match is_known && headers.contains("x-mlflow-workspace: team-a") {
            true => good(&json!({})),
            false => answer("401 Unauthorized", "", "You are not authenticated."),
        }
    });
    let fields = json!({
        "auth": { "bearer": { "token": format!("file:{}", path.display()) } },
        "workspace": "team-a",
    });
    let adapter = adapter(&fake.url(), &fields, &[]);
    let error = adapter.list(Selector::default()).await.err().unwrap();
    assert_eq!(
        error.message,
        "`model-versions/search`: 401 Unauthorized: You are not authenticated.; look at the credentials under `auth`"
    );
    // Asked once: the same token would be refused again.
    assert_eq!(fake.seen().len(), 1);
    put("second-token\n");
    assert!(adapter.list(Selector::default()).await.is_ok());
    let shown = format!("{adapter:?}{error:?}{error}{:?}", adapter.info());
    assert!(
        !shown.contains("first-token") && !shown.contains("second-token"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_is_named_and_nobody_is_asked() {
    let fake = always(good(&json!({})));
    let fields = json!({ "auth": { "bearer": { "token": "env:NOBODY" } } });
    let adapter = adapter(&fake.url(), &fields, &[]);
    let error = adapter.list(Selector::default()).await.err().unwrap();
    assert_eq!(error.kind, AdapterErrorKind::PermissionDenied);
    assert_eq!(
        error.message,
        "the secret `env:NOBODY` is not set in the environment"
    );
    assert!(fake.seen().is_empty());
}
