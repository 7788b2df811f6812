//! Tokens: each form of credentials against a fake that checks what it is sent.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use promote::adapter::entra::{Entra, EntraError};
use promote::config::Environment;
use promote::model::platform::{AzureCloud, EntraCredentials};
use serde_json::{Value, json};

use super::http::{Fake, Reply, Request};

pub(super) const SCOPE: &str = "https://management.azure.com/.default";
pub(super) const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// In every secret of these tests, so that it can be looked for.
const CANARY: &str = "hunter2canary";

pub(super) type Log = Arc<Mutex<Vec<Request>>>;

/// A server that gives every request the same answer and remembers it.
pub(super) fn recorder(reply: Reply) -> (Fake, Log) {
    let log = Log::default();
    let kept = Arc::clone(&log);
    let fake = Fake::start(move |request| {
        kept.lock().unwrap().push(request.clone());
        reply.clone()
    });
    (fake, log)
}

pub(super) fn granted() -> Reply {
    let token = format!("{CANARY}.token");
    Reply::json(
        200,
        &json!({ "token_type": "Bearer", "expires_in": 3600, "access_token": token, "x-new": 1 }),
    )
}

pub(super) fn entra(fake: &Fake, credentials: Value, environment: Environment) -> Entra {
    let credentials: EntraCredentials = serde_json::from_value(credentials).unwrap();
    let authority = fake.url().parse().unwrap();
    Entra::new(
        credentials,
        AzureCloud::Public,
        Some(authority),
        environment,
    )
}

fn by_secret(fake: &Fake) -> Entra {
    let credentials =
        json!({ "clientSecret": { "tenant": "t-1", "client": "c-1", "secret": "env:SECRET" } });
    let environment = Environment::from_iter([("SECRET", format!("{CANARY}&=+ secret"))]);
    entra(fake, credentials, environment)
}

/// What went wrong. Whatever it says, it says nothing of a secret.
pub(super) async fn refusal(entra: &Entra) -> EntraError {
    let error = entra.token(SCOPE).await.unwrap_err();
    for shown in [
        format!("{error:?}"),
        error.to_string(),
        format!("{entra:?}"),
    ] {
        assert!(!shown.contains(CANARY), "{shown}");
    }
    error
}

pub(super) fn private(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path.display().to_string()
}

#[tokio::test]
async fn a_client_secret_is_sent_as_a_form_and_the_token_is_kept() {
    let (fake, log) = recorder(granted());
    let entra = by_secret(&fake);
    let token = entra.token(SCOPE).await.unwrap();
    assert_eq!(token.expose(), &format!("{CANARY}.token"));
    entra.token(SCOPE).await.unwrap();
    let requests = log.lock().unwrap();
    assert_eq!(requests.len(), 1, "the token was not kept");
    let request = &requests[0];
    assert_eq!(request.method, "POST");
    assert_eq!(request.path, "/t-1/oauth2/v2.0/token");
    let form = request.form();
    let form: Vec<_> = form
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let secret = format!("{CANARY}&=+ secret");
    assert_eq!(
        form,
        [
            ("client_id", "c-1"),
            ("client_secret", secret.as_str()),
            ("grant_type", "client_credentials"),
            ("scope", SCOPE),
        ]
    );
    assert!(!format!("{entra:?}{token:?}").contains(CANARY));
}

#[tokio::test]
async fn a_token_is_asked_for_again_before_it_ends_and_when_it_is_forgotten() {
    let (fake, log) = recorder(granted());
    let entra = by_secret(&fake);
    let asked = || log.lock().unwrap().len();
    entra.token(SCOPE).await.unwrap();
    for (seconds, expected) in [(3200, 1), (101, 2)] {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(seconds)).await;
        tokio::time::resume();
        entra.token(SCOPE).await.unwrap();
        assert_eq!(asked(), expected, "after {seconds} s more");
    }
    entra
        .token("https://storage.azure.com/.default")
        .await
        .unwrap();
    assert_eq!(asked(), 3, "another scope has another token");
    entra.forget(SCOPE).await;
    entra.token(SCOPE).await.unwrap();
    assert_eq!(asked(), 4);
}

#[tokio::test]
async fn a_federated_token_is_read_again_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let (fake, log) = recorder(granted());
    let path = private(
        folder.path(),
        "token",
        format!("{CANARY}.first\n").as_bytes(),
    );
    let reference = format!("file:{path}");
    let credentials =
        json!({ "federated": { "tenant": "t-1", "client": "c-1", "token": reference } });
    let entra = entra(&fake, credentials, Environment::default());
    entra.token(SCOPE).await.unwrap();
    private(
        folder.path(),
        "token",
        format!("{CANARY}.second").as_bytes(),
    );
    entra.forget(SCOPE).await;
    entra.token(SCOPE).await.unwrap();
    let requests = log.lock().unwrap().clone();
    let sent: Vec<_> = requests
        .iter()
        .map(|request| request.form()["client_assertion"].clone())
        .collect();
    assert_eq!(
        sent,
        [format!("{CANARY}.first"), format!("{CANARY}.second")]
    );
    assert_eq!(requests[0].form()["client_assertion_type"], JWT_BEARER);
    fs::remove_file(&path).unwrap();
    entra.forget(SCOPE).await;
    assert!(matches!(refusal(&entra).await, EntraError::Secret(_)));
}

#[tokio::test]
async fn a_machine_asks_its_metadata_service_or_what_its_host_names() {
    let text = json!({ "access_token": "machine", "expires_in": "86399", "expires_on": "1", "resource": "r" });
    let (fake, log) = recorder(Reply::json(200, &text));
    let url = fake.url();
    let machine = Environment::from_iter([("AZURE_POD_IDENTITY_AUTHORITY_HOST", url.as_str())]);
    let system = json!({ "managedIdentity": {} });
    entra(&fake, system, machine).token(SCOPE).await.unwrap();
    // 2100, in seconds: App Service says only when the token ends.
    let hosted = json!({ "access_token": "hosted", "expires_on": "4102444800" });
    let (app, app_log) = recorder(Reply::json(200, &hosted));
    let endpoint = format!("{}/msi/token", app.url());
    let hosted = Environment::from_iter([
        ("IDENTITY_ENDPOINT", endpoint.as_str()),
        ("IDENTITY_HEADER", CANARY),
    ]);
    let assigned = entra(
        &fake,
        json!({ "managedIdentity": { "client": "c-2" } }),
        hosted,
    );
    for _ in 0..2 {
        let token = assigned.token(SCOPE).await.unwrap();
        assert_eq!(token.expose(), "hosted");
    }
    let requests = log.lock().unwrap();
    let [request] = requests.as_slice() else {
        panic!("{requests:?}");
    };
    assert_eq!(request.method, "GET");
    assert_eq!(request.path, "/metadata/identity/oauth2/token");
    assert_eq!(request.header("metadata"), "true");
    assert_eq!(request.query["api-version"], "2018-02-01");
    assert_eq!(request.query["resource"], "https://management.azure.com");
    assert!(!request.query.contains_key("client_id"));
    let requests = app_log.lock().unwrap();
    let [request] = requests.as_slice() else {
        panic!("{requests:?}");
    };
    assert_eq!(request.path, "/msi/token");
    assert_eq!(request.header("x-identity-header"), CANARY);
    assert_eq!(request.query["api-version"], "2019-08-01");
    assert_eq!(request.query["client_id"], "c-2");
}

#[tokio::test]
async fn a_machine_that_gets_its_identity_at_this_moment_can_be_asked_again() {
    for status in [404, 410, 429, 500] {
        let (fake, _) = recorder(Reply::text(status, CANARY).with("Retry-After", "70"));
        let url = fake.url();
        let machine = Environment::from_iter([("AZURE_POD_IDENTITY_AUTHORITY_HOST", url.as_str())]);
        let error = refusal(&entra(&fake, json!({ "managedIdentity": {} }), machine)).await;
        assert!(error.can_pass(), "{status}");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(70)));
    }
}

#[tokio::test]
async fn what_is_refused_says_why_by_codes_alone() {
    let body = json!({
        "error": "invalid_client",
        "error_description": format!("AADSTS7000215: Invalid client secret provided: {CANARY}"),
    });
    let (fake, _) = recorder(Reply::json(401, &body));
    let entra = by_secret(&fake);
    let error = refusal(&entra).await;
    assert_eq!(
        error.to_string(),
        format!(
            "Microsoft Entra at `{}` refuses these credentials (401): invalid_client AADSTS7000215",
            fake.url()
        )
    );
    assert!(!error.can_pass());
    let (busy, _) = recorder(Reply::text(503, CANARY).with("Retry-After", "9"));
    let error = refusal(&by_secret(&busy)).await;
    assert!(error.can_pass());
    assert_eq!(error.retry_after(), Some(Duration::from_secs(9)));
    for reply in [
        Reply::text(200, CANARY),
        Reply::json(
            200,
            &json!({ "access_token": format!("{CANARY}\r\nX: y"), "expires_in": 1 }),
        ),
        Reply::json(200, &json!({ "access_token": CANARY })),
        Reply::text(302, "").with("Location", format!("http://127.0.0.1:1/?{CANARY}")),
    ] {
        let (fake, _) = recorder(reply.clone());
        let error = refusal(&by_secret(&fake)).await;
        assert!(!error.can_pass(), "{reply:?} gave {error:?}");
    }
}

#[tokio::test]
async fn secrets_go_nowhere_in_the_clear_and_tenants_nowhere_else() {
    let secret = |tenant: &str| json!({ "clientSecret": { "tenant": tenant, "client": "c-1", "secret": "env:SECRET" } });
    let environment = Environment::from_iter([("SECRET", CANARY)]);
    let open = |tenant: &str, authority: &str| {
        let credentials = serde_json::from_value(secret(tenant)).unwrap();
        let authority = Some(authority.parse().unwrap());
        Entra::new(
            credentials,
            AzureCloud::Public,
            authority,
            environment.clone(),
        )
    };
    let entra = open("t-1", "http://login.example.org");
    assert!(matches!(refusal(&entra).await, EntraError::Unprotected(_)));
    for tenant in ["", "../other", "a/b", "t?x", "t#x", ".."] {
        let entra = open(tenant, "http://127.0.0.1:1");
        assert!(
            matches!(refusal(&entra).await, EntraError::Tenant(_)),
            "{tenant}"
        );
    }
}

#[test]
fn each_cloud_has_an_authority_of_its_own() {
    for (cloud, authority) in [
        (AzureCloud::Public, "https://login.microsoftonline.com"),
        (AzureCloud::UsGovernment, "https://login.microsoftonline.us"),
        (AzureCloud::China, "https://login.chinacloudapi.cn"),
    ] {
        let credentials = EntraCredentials::ManagedIdentity { client: None };
        let entra = Entra::new(credentials, cloud, None, Environment::default());
        assert!(format!("{entra:?}").contains(authority));
    }
}
