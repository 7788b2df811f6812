//! Whom a registry knows, and where passwords and tokens go.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use promote::adapter::oci::{OciAdapter, Registry};
use promote::adapter::transfer::verify;
use promote::adapter::{Adapter as _, AdapterErrorKind, ErrorStatus, Locator, Selector};
use promote::config::Environment;

use crate::adapters::oci::fake::{Answer, Fake, Request, forward};
use crate::adapters::oci::support::{create, leave, open, spec, write};
use crate::servers::registry::docker_registry;

/// `ada:hunter2`, as the header has it.
const ADA: &str = "Basic YWRhOmh1bnRlcjI=";

fn authorization(request: &Request) -> &str {
    request
        .headers
        .get("authorization")
        .map_or("", String::as_str)
}

/// What a request needs: the scopes that the registry asks for.
fn scope_of(request: &Request) -> String {
    let path = request.target.split('?').next().unwrap();
    let path = path.strip_prefix("/v2/").unwrap();
    if path == "_catalog" {
        return "registry:catalog:*".to_owned();
    }
    let ends = ["/manifests/", "/blobs/", "/tags/", "/referrers/"];
    let Some(end) = ends.iter().filter_map(|end| path.find(end)).min() else {
        return String::new();
    };
    let is_read = matches!(request.method.as_str(), "GET" | "HEAD");
    let actions = if is_read { "pull" } else { "pull,push" };
    let repository = path.split_at(end).0;
    format!("repository:{repository}:{actions}")
}

/// A registry that takes tokens of its own service alone. Tokens say what they are good for, and which generation they are of.
fn with_tokens(port: u16, generation: Arc<AtomicUsize>) -> Fake {
    Fake::start(move |request| {
        let generation = generation.load(Ordering::SeqCst);
        if request.target.starts_with("/token?") {
            if authorization(request) != ADA {
                return Answer::new(401, &[], b"{\"details\":\"wrong password hunter3\"}");
            }
            let url = reqwest::Url::parse(&format!("http://x{}", request.target)).unwrap();
            let scopes = url.query_pairs().filter(|(name, _)| name == "scope");
            let scopes: Vec<String> = scopes.map(|(_, scope)| scope.into_owned()).collect();
            let token = format!("{generation}|{}", scopes.join("|"));
            let body = serde_json::json!({ "token": token, "expires_in": 300 });
            return Answer::new(200, &[], body.to_string().as_bytes());
        }
        let needed = scope_of(request);
        let token = authorization(request)
            .strip_prefix("Bearer ")
            .unwrap_or_default();
        let has_scope = token
            .split('|')
            .any(|scope| scope == needed || scope == needed.replace(":pull", ":pull,push"));
        let is_known = token.starts_with(&format!("{generation}|"));
        if is_known && (needed.is_empty() || has_scope) {
            return forward(port, request);
        }
        let host = &request.headers["host"];
        let challenge =
            format!("Bearer realm=\"http://{host}/token\",service=\"fake\",scope=\"{needed}\"");
        Answer::new(401, &[("WWW-Authenticate", &challenge)], b"{\"errors\":[]}")
    })
}

fn adapter(fake: &Fake, prefix: &str, auth: &serde_json::Value) -> Arc<OciAdapter<Registry>> {
    let spec = spec(
        &fake.url(),
        serde_json::json!({ "repository": prefix, "auth": auth }),
    );
    let environment = Environment::from_iter([("PASSWORD", "hunter2"), ("WRONG", "hunter3")]);
    open("dev", &spec, &environment)
}

fn basic(variable: &str) -> serde_json::Value {
    let password = format!("env:{variable}");
    serde_json::json!({ "basic": { "username": "ada", "password": password } })
}

#[tokio::test]
async fn a_token_is_asked_for_once_for_each_repository_and_again_when_it_was_taken_back() {
    let server = docker_registry();
    let generation = Arc::new(AtomicUsize::new(1));
    let fake = with_tokens(server.port(), Arc::clone(&generation));
    let dev = adapter(&fake, "ml/dev", &basic("PASSWORD"));
    let files: &[(&str, &[u8])] = &[("a", b"1"), ("b", b"2"), ("c", b"3")];
    let record = create(dev.as_ref(), "retail/model/churn@1.0.0", files).await;
    verify(dev.as_ref(), &record.version, &record.files)
        .await
        .unwrap();
    dev.point(&record.version, None).await.unwrap();
    // One to read and one to write.
    let asked = fake.count("GET", "/token");
    assert!(asked <= 2 + 8, "{asked}");
    verify(dev.as_ref(), &record.version, &record.files)
        .await
        .unwrap();
    assert_eq!(fake.count("GET", "/token"), asked);
    generation.store(2, Ordering::SeqCst);
    verify(dev.as_ref(), &record.version, &record.files)
        .await
        .unwrap();
    assert!(fake.count("GET", "/token") > asked);
    // Another workspace of the same registry may take blobs over: its token is for both repositories.
    let spec = spec(
        &fake.url(),
        serde_json::json!({ "repository": "ml/prod", "auth": basic("PASSWORD") }),
    );
    let prod = open(
        "prod",
        &spec,
        &Environment::from_iter([("PASSWORD", "hunter2")]),
    );
    let place = dev.native(&record.version).unwrap();
    let permit = leave("prod", record.digest);
    prod.copy(&permit, &record, &place).await.unwrap();
    let listed = prod.list(Selector::default()).await;
    assert!(listed.is_ok());
}

#[tokio::test]
async fn wrong_and_missing_credentials_are_a_refusal_that_shows_no_secret() {
    let server = docker_registry();
    let fake = with_tokens(server.port(), Arc::default());
    let version = "retail/model/churn@1.0.0".parse().unwrap();
    let wrong = adapter(&fake, "ml", &basic("WRONG"));
    let error = wrong.stat(Locator::Version(&version)).await.unwrap_err();
    assert_eq!(error.kind, AdapterErrorKind::PermissionDenied);
    assert_eq!(error.status, ErrorStatus::Permanent);
    assert_eq!(
        error.message,
        "asking `127.0.0.1` for a token: the service answers 401"
    );
    let unset = adapter(&fake, "ml", &basic("UNSET"));
    let error = unset.stat(Locator::Version(&version)).await.unwrap_err();
    assert_eq!(error.kind, AdapterErrorKind::PermissionDenied);
    assert!(error.message.contains("UNSET"), "{}", error.message);
    let direct = adapter(
        &fake,
        "ml",
        &serde_json::json!({ "bearer": { "token": "env:WRONG" } }),
    );
    let error = direct.stat(Locator::Version(&version)).await.unwrap_err();
    assert_eq!(error.kind, AdapterErrorKind::PermissionDenied);
    for adapter in [&wrong, &direct] {
        let shown = format!("{adapter:?} {error:?} {error}");
        assert!(!shown.contains("hunter"), "{shown}");
    }
}

#[tokio::test]
async fn a_name_and_a_password_or_a_token_go_to_the_registry_itself() {
    let server = docker_registry();
    let port = server.port();
    let fake = Fake::start(move |request| {
        if authorization(request) == ADA || authorization(request) == "Bearer hunter2" {
            return forward(port, request);
        }
        Answer::new(401, &[("WWW-Authenticate", "Basic realm=\"x\"")], b"")
    });
    let by_password = adapter(&fake, "ml", &basic("PASSWORD"));
    let record = create(
        by_password.as_ref(),
        "retail/model/churn@1.0.0",
        &[("a", b"1")],
    )
    .await;
    let by_token = adapter(
        &fake,
        "ml",
        &serde_json::json!({ "bearer": { "token": "env:PASSWORD" } }),
    );
    verify(by_token.as_ref(), &record.version, &record.files)
        .await
        .unwrap();
    let probe = by_token.probe().await.unwrap();
    assert_eq!(probe.limits.len(), 2, "{probe:?}");
    assert!(probe.clock.is_some() || probe.server.is_none());
    let nobody = open(
        "dev",
        &spec(&fake.url(), serde_json::json!({})),
        &Environment::default(),
    );
    let (_, written) = write(nobody.as_ref(), "retail/model/churn@2.0.0", &[("a", b"1")]).await;
    assert_eq!(
        written.unwrap_err().kind,
        AdapterErrorKind::PermissionDenied
    );
}

#[tokio::test]
async fn a_password_does_not_go_to_a_service_that_others_can_listen_to() {
    for realm in [
        "http://auth.example.org/token",
        "http://10.0.0.1/token",
        "ftp://127.0.0.1/token",
        "https://eve:x@auth.example.org/token",
        "nonsense",
    ] {
        let challenge = format!("Bearer realm=\"{realm}\"");
        let fake = Fake::start(move |_| Answer::new(401, &[("WWW-Authenticate", &challenge)], b""));
        let adapter = adapter(&fake, "ml", &basic("PASSWORD"));
        let version = "retail/model/churn@1.0.0".parse().unwrap();
        let error = adapter.stat(Locator::Version(&version)).await.unwrap_err();
        assert_eq!(
            error.message,
            "reading `ml/retail/model/churn:1.0.0`: the registry's answer is not followed: it sends for a token to an address that is neither encrypted nor its own",
            "{realm}"
        );
        let sent = fake.requests();
        assert!(sent.iter().all(|request| authorization(request).is_empty()));
    }
}

#[tokio::test]
async fn an_address_without_encryption_has_to_be_meant() {
    let spec = |more| spec("http://registry.example.org", more);
    let open = |more| {
        let name = "dev".parse().unwrap();
        OciAdapter::registry(name, &spec(more), &Environment::default())
    };
    let error = open(serde_json::json!({})).unwrap_err();
    assert_eq!(
        error.message,
        "`http://registry.example.org` is not encrypted; write `allowHttp: true` into the workspace's manifest if that is meant"
    );
    assert!(open(serde_json::json!({ "allowHttp": true })).is_ok());
}
