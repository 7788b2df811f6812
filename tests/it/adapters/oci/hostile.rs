//! Registries that are broken, busy, or mean no good.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use promote::adapter::transfer::verify;
use promote::adapter::{Adapter as _, AdapterErrorKind, ErrorStatus, Locator, Selector};
use promote::config::Environment;

use crate::adapters::oci::fake::{Answer, Fake, Request, forward};
use crate::adapters::oci::support::{create, open, registry, spec, swept, write};
use crate::servers::registry::docker_registry;

const CHURN: &str = "retail/model/churn@1.0.0";

fn is_blob(request: &Request) -> bool {
    request.method == "GET" && request.target.contains("/blobs/sha256:")
}

#[tokio::test]
async fn other_bytes_than_those_of_the_hash_are_noticed() {
    let server = docker_registry();
    let port = server.port();
    let honest = registry("dev", &server.url(), "ml");
    let record = create(honest.as_ref(), CHURN, &[("a", b"one"), ("b", b"two")]).await;
    let fake = Fake::start(move |request| {
        let mut answer = forward(port, request);
        if is_blob(request) {
            answer.body = b"???".to_vec();
        }
        answer
    });
    let adapter = registry("dev", &fake.url(), "ml");
    let error = verify(adapter.as_ref(), &record.version, &record.files).await;
    assert_eq!(error.unwrap_err().kind, AdapterErrorKind::Corrupt);
    let found = swept(adapter.as_ref()).await;
    let found = found
        .iter()
        .find(|found| found.path.ends_with("/a"))
        .unwrap();
    assert_ne!(
        found.content.as_ref().ok(),
        Some(&record.files.records()[0].sha256)
    );
    // A manifest that is not the one that the registry says it is.
    let fake = Fake::start(move |request| {
        let mut answer = forward(port, request);
        if request.target.contains("/manifests/") && request.method == "GET" {
            answer.body.push(b' ');
        }
        answer
    });
    let adapter = registry("dev", &fake.url(), "ml");
    let error = adapter
        .stat(Locator::Version(&record.version))
        .await
        .unwrap_err();
    assert_eq!(error.kind, AdapterErrorKind::Corrupt);
}

#[tokio::test]
async fn a_manifest_whose_parts_do_not_agree_is_corrupt() {
    let server = docker_registry();
    let port = server.port();
    let honest = registry("dev", &server.url(), "ml");
    let record = create(honest.as_ref(), CHURN, &[("a", b"one"), ("b", b"two")]).await;
    let changed = |from: &'static str, to: &'static str| {
        let fake = Fake::start(move |request| {
            let mut answer = forward(port, request);
            if request.target.contains("/manifests/") {
                let body = String::from_utf8(answer.body).unwrap();
                answer.body = body.replace(from, to).into_bytes();
                answer
                    .headers
                    .retain(|(name, _)| name != "docker-content-digest");
            }
            answer
        });
        registry("dev", &fake.url(), "ml")
    };
    for (from, to) in [
        // A file under another name, without one, and from elsewhere.
        ("filepath\":\"b\"", "filepath\":\"c\""),
        ("filepath\":\"b\"", "filepath\":\"../b\""),
        (
            "\"size\":3,",
            "\"size\":3,\"urls\":[\"http://127.0.0.1:1/x\"],",
        ),
        // Another version, and a digest of others.
        (
            "\"dev.promote.version\":\"1.0.0\"",
            "\"dev.promote.version\":\"2.0.0\"",
        ),
        (
            "\"dev.promote.version\":\"1.0.0\"",
            "\"dev.promote.version\":\"x\"",
        ),
        ("dirhash1:", "dirhash2:"),
    ] {
        let adapter = changed(from, to);
        let error = adapter
            .stat(Locator::Version(&record.version))
            .await
            .unwrap_err();
        assert_eq!(
            error.kind,
            AdapterErrorKind::Corrupt,
            "{from} {to}: {error}"
        );
    }
    // What is no manifest at all.
    let adapter = changed("{", "[");
    let error = adapter
        .stat(Locator::Version(&record.version))
        .await
        .unwrap_err();
    assert_eq!(error.kind, AdapterErrorKind::Unsupported);
}

#[tokio::test]
async fn what_a_registry_kept_is_compared() {
    let server = docker_registry();
    let port = server.port();
    for part in ["/blobs/uploads/", "/manifests/"] {
        let fake = Fake::start(move |request| {
            let mut answer = forward(port, request);
            if request.method == "PUT" && request.target.contains(part) {
                let other = format!("sha256:{}", "0".repeat(64));
                answer
                    .headers
                    .retain(|(name, _)| name != "docker-content-digest");
                answer
                    .headers
                    .push(("Docker-Content-Digest".to_owned(), other));
            }
            answer
        });
        let adapter = registry("dev", &fake.url(), "ml");
        let name = if part == "/manifests/" { "b" } else { "a" };
        let version = format!("retail/model/{name}@1.0.0");
        let (_, written) = write(adapter.as_ref(), &version, &[("a", b"1")]).await;
        assert_eq!(
            written.unwrap_err().kind,
            AdapterErrorKind::Corrupt,
            "{part}"
        );
    }
}

#[tokio::test]
async fn redirects_are_followed_for_blobs_alone_and_without_credentials() {
    let server = docker_registry();
    let port = server.port();
    let honest = registry("dev", &server.url(), "ml");
    let record = create(honest.as_ref(), CHURN, &[("a", b"one")]).await;
    let store = Fake::start(|_| Answer::new(200, &[], b"one"));
    let elsewhere = format!("{}/signed?secret=1", store.url());
    let fake = Fake::start(move |request| {
        if is_blob(request) {
            return Answer::new(307, &[("Location", &elsewhere)], b"");
        }
        if request.headers.contains_key("authorization") {
            return forward(port, request);
        }
        Answer::new(401, &[("WWW-Authenticate", "Basic realm=\"x\"")], b"")
    });
    let auth = serde_json::json!({ "basic": { "username": "ada", "password": "env:PASSWORD" } });
    let spec = spec(
        &fake.url(),
        serde_json::json!({ "repository": "ml", "auth": auth }),
    );
    let adapter = open(
        "dev",
        &spec,
        &Environment::from_iter([("PASSWORD", "hunter2")]),
    );
    verify(adapter.as_ref(), &record.version, &record.files)
        .await
        .unwrap();
    let sent = store.requests();
    assert_eq!(sent.len(), 1);
    assert!(!sent[0].headers.contains_key("authorization"));
}

#[tokio::test]
async fn redirects_end_and_other_requests_are_not_sent_elsewhere() {
    let version = CHURN.parse().unwrap();
    let store = Fake::start(|_| Answer::new(200, &[], b"{}"));
    let elsewhere = store.url();
    let fake = Fake::start(move |request| {
        let place = format!("{elsewhere}{}", request.target);
        match request.method.as_str() {
            "HEAD" => Answer::new(307, &[("Location", &request.target)], b""),
            "POST" => Answer::new(202, &[("Location", &place)], b""),
            _ if request.target.contains("/tags/") => {
                let next = format!("<{place}>; rel=\"next\"");
                Answer::new(200, &[("Link", &next)], b"{\"tags\":[\"1.0.0\"]}")
            }
            _ if request.target.contains("/2.0.0") => Answer::new(404, &[], b""),
            _ => Answer::new(307, &[("Location", &place)], b""),
        }
    });
    let adapter = registry("dev", &fake.url(), "ml");
    let error = adapter.stat(Locator::Version(&version)).await.unwrap_err();
    assert_eq!(
        error.message,
        "reading `ml/retail/model/churn:1.0.0`: the registry answers 307"
    );
    let selector = Selector {
        artifacts: [version.artifact.clone()].into(),
    };
    let error = adapter.list(selector).await.map(|_| ()).unwrap_err();
    assert!(
        error.message.ends_with("its next page is on another host"),
        "{error}"
    );
    assert!(store.requests().is_empty());
}

#[tokio::test]
async fn uploads_go_to_the_registry_alone_and_redirects_have_an_end() {
    let store = Fake::start(|_| Answer::new(200, &[], b"{}"));
    let elsewhere = store.url();
    let fake = Fake::start(move |request| {
        let place = format!("{elsewhere}{}", request.target);
        match request.method.as_str() {
            "HEAD" if request.target.contains("/loops/") => {
                Answer::new(307, &[("Location", &request.target)], b"")
            }
            "POST" => Answer::new(202, &[("Location", &place)], b""),
            _ => Answer::new(404, &[], b""),
        }
    });
    let adapter = registry("dev", &fake.url(), "ml");
    let (_, written) = write(adapter.as_ref(), CHURN, &[("a", b"1")]).await;
    let error = written.unwrap_err();
    assert!(
        error
            .message
            .ends_with("it wants the request sent to another host, `127.0.0.1`"),
        "{error}"
    );
    let adapter = registry("dev", &fake.url(), "ml/loops");
    let (_, written) = write(adapter.as_ref(), CHURN, &[("a", b"1")]).await;
    let error = written.unwrap_err();
    assert!(
        error
            .message
            .ends_with("it redirects more than three times"),
        "{error}"
    );
    assert!(store.requests().is_empty());
}

#[tokio::test]
async fn a_blob_that_is_too_large_at_once_goes_in_chunks() {
    let server = docker_registry();
    let port = server.port();
    let fake = Fake::start(move |request| {
        if request.body.len() > 17 << 20 {
            return Answer::new(413, &[], b"<html>413 Request Entity Too Large");
        }
        forward(port, request)
    });
    let adapter = registry("dev", &fake.url(), "ml");
    let long: Vec<u8> = (0..5_000_001_u32).flat_map(u32::to_le_bytes).collect();
    let record = create(adapter.as_ref(), CHURN, &[("long", &long)]).await;
    assert_eq!(fake.count("PATCH", "/blobs/uploads/"), 2);
    let found = verify(adapter.as_ref(), &record.version, &record.files).await;
    assert_eq!(found.unwrap(), record.digest);
}

#[tokio::test]
async fn refusals_say_what_they_are_and_how_long_to_wait() {
    let version = CHURN.parse().unwrap();
    for (status, kind, is_temporary, wait) in [
        (401, AdapterErrorKind::PermissionDenied, false, None),
        (403, AdapterErrorKind::PermissionDenied, false, None),
        (413, AdapterErrorKind::Unsupported, false, None),
        (429, AdapterErrorKind::RateLimited, true, Some(7)),
        (500, AdapterErrorKind::Unexpected, true, None),
        (503, AdapterErrorKind::Unexpected, true, Some(7)),
    ] {
        let fake = Fake::start(move |_| {
            let body = b"{\"errors\":[{\"code\":\"DENIED\",\"message\":\"not\\u001b[2J you\"}]}";
            let headers: &[(&str, &str)] = if wait.is_some() {
                &[("Retry-After", "7")]
            } else {
                &[]
            };
            Answer::new(status, headers, body)
        });
        let adapter = registry("dev", &fake.url(), "ml");
        let error = adapter.stat(Locator::Version(&version)).await.unwrap_err();
        assert_eq!(error.kind, kind, "{status}");
        assert_eq!(
            error.status == ErrorStatus::Temporary,
            is_temporary,
            "{status}"
        );
        assert_eq!(error.retry_after, wait.map(Duration::from_secs), "{status}");
        assert!(
            error.message.contains("DENIED (not\\u{1b}[2J you)"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_tag_that_somebody_else_moves_meanwhile_is_noticed() {
    let server = docker_registry();
    let port = server.port();
    let honest = registry("dev", &server.url(), "ml");
    let one = create(honest.as_ref(), CHURN, &[("a", b"1")]).await;
    let two = create(honest.as_ref(), "retail/model/churn@2.0.0", &[("a", b"2")]).await;
    let others: Arc<Mutex<Option<Vec<u8>>>> = Arc::default();
    let bytes = Arc::clone(&others);
    // Right after each tag is set, somebody else sets it to what they like.
    let fake = Fake::start(move |request| {
        let mut others = bytes.lock().unwrap();
        let answer = forward(port, request);
        if request.method == "GET" && request.target.ends_with("/manifests/2.0.0") {
            *others = Some(answer.body.clone());
        }
        let is_tag = !request.target.contains("sha256");
        if let Some(body) = others.as_ref()
            && request.method == "PUT"
            && request.target.contains("/manifests/")
            && is_tag
        {
            let body = body.clone();
            forward(
                port,
                &Request {
                    body,
                    ..request.clone()
                },
            );
        }
        answer
    });
    let adapter = registry("dev", &fake.url(), "ml");
    adapter.stat(Locator::Version(&two.version)).await.unwrap();
    let error = adapter.point(&one.version, None).await.unwrap_err();
    assert_eq!(error.kind, AdapterErrorKind::Precondition);
    let (_, written) = write(adapter.as_ref(), "retail/model/churn@3.0.0", &[("a", b"3")]).await;
    assert_eq!(written.unwrap_err().kind, AdapterErrorKind::AlreadyExists);
}
