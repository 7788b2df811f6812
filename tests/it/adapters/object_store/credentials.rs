//! Who asks, and that nobody sees with what.

use promote::adapter::{AdapterErrorKind, ErrorStatus, Selector, open};
use promote::model::platform::Platform;

use super::{WORKSPACE, adapter, surroundings, write};
use crate::servers::buckets::{self, AZURE_ACCOUNT, AZURE_KEY, BUCKET, SECRET_KEY};
use crate::servers::line::{self, Message, Step};

async fn refusal(url: &str, endpoint: &str, auth: &str) -> (AdapterErrorKind, String) {
    let adapter = adapter(url, endpoint, auth);
    let (_, written) = write(&adapter, "m@1.0.0", &[("a", b"1")]).await;
    let error = written.unwrap_err();
    assert_eq!(error.status, ErrorStatus::Permanent, "{error}");
    let all = format!("{error} {error:?} {adapter:?}");
    for secret in [SECRET_KEY, AZURE_KEY, "wrong-secret-key"] {
        assert!(!all.contains(secret), "{all}");
    }
    (error.kind, error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_and_missing_secrets_are_refused_and_do_not_show() {
    let server = buckets::s3s();
    let (s3, url) = ("s3://bucket/t", server.url());
    let wrong = r#"{"accessKey": {"id": "env:KEY_ID", "secret": "env:WRONG_KEY"}}"#;
    let (kind, text) = refusal(s3, &url, wrong).await;
    assert_eq!(kind, AdapterErrorKind::PermissionDenied);
    assert!(text.contains("status 403, SignatureDoesNotMatch"), "{text}");
    let missing = r#"{"accessKey": {"id": "env:KEY_ID", "secret": "env:NOBODY"}}"#;
    let (kind, text) = refusal(s3, &url, missing).await;
    assert_eq!(kind, AdapterErrorKind::PermissionDenied);
    assert!(
        text.contains("the secret `env:NOBODY` is not set"),
        "{text}"
    );
    let (kind, text) = refusal(s3, &url, r#""anonymous""#).await;
    assert_eq!(kind, AdapterErrorKind::PermissionDenied, "{text}");
    let (kind, text) = refusal(s3, &url, r#"{"accountKey": {"key": "env:AZURE_KEY"}}"#).await;
    assert_eq!(kind, AdapterErrorKind::PermissionDenied);
    assert!(
        text.contains("`auth: accountKey` is not for a bucket of S3; use `accessKey`"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn azure_takes_its_key_and_no_other() {
    let server = buckets::azurite();
    let url = format!("az://{AZURE_ACCOUNT}/{BUCKET}/t");
    let endpoint = format!("{}/{AZURE_ACCOUNT}", server.url());
    // A key has to be base64 before it is tried at all.
    let (kind, text) = refusal(
        &url,
        &endpoint,
        r#"{"accountKey": {"key": "env:WRONG_KEY"}}"#,
    )
    .await;
    assert_eq!(kind, AdapterErrorKind::PermissionDenied);
    assert!(text.contains("the account key cannot be used"), "{text}");
    let signature = r#"{"sharedAccessSignature": {"query": "env:SIGNATURE"}}"#;
    let (kind, text) = refusal(&url, &endpoint, signature).await;
    assert_eq!(kind, AdapterErrorKind::PermissionDenied, "{text}");
    assert!(!text.contains("c2lnbmF0dXJl"), "{text}");
    let spec = format!(r#""url": "s3://{BUCKET}/t", "cloud": "china", "auth": "anonymous""#);
    let adapter = super::opened(&spec);
    let listed = adapter.list(Selector::default()).await;
    let error = listed.map(|_| ()).unwrap_err();
    assert_eq!(error.kind, AdapterErrorKind::Unsupported);
    assert_eq!(
        error.message,
        "`cloud` and `authority` are for containers of Azure alone"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_the_surroundings_are_taken_and_their_addresses_are_not() {
    let server = buckets::s3s();
    let mut around = surroundings();
    around.environment = around.environment.with([
        ("AWS_ACCESS_KEY_ID", buckets::KEY_ID.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1".to_owned()),
        ("AWS_REGION", "eu-central-1".to_owned()),
    ]);
    let spec = format!(
        r#"{{"object-store": {{"url": "s3://{BUCKET}/t", "endpoint": "{}"}}}}"#,
        server.url()
    );
    let platform: Platform = serde_json::from_str(&spec).unwrap();
    let adapter = open(&WORKSPACE.parse().unwrap(), &platform, &around).unwrap();
    write(&adapter, "m@1.0.0", &[("a", b"1")]).await.1.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_repeats_what_it_was_sent_shows_no_secret() {
    let echo = |request: &mut Message| {
        let sent: Vec<_> = request
            .headers
            .iter()
            .map(|(_, value)| value.as_str())
            .collect();
        let body = format!(
            "<Error><Code>SignatureDoesNotMatch</Code><Message>it was {SECRET_KEY}</Message><CanonicalRequest>{}</CanonicalRequest></Error>",
            sent.join("\n")
        );
        Step::Answer(Message::answer("403 Forbidden", &[], &body))
    };
    let port = line::start(1, echo, |_, _| {});
    let endpoint = format!("http://127.0.0.1:{port}");
    let lent = r#"{"accessKey": {"id": "env:KEY_ID", "secret": "env:SECRET_KEY", "sessionToken": "env:WRONG_KEY"}}"#;
    let (kind, text) = refusal("s3://bucket/t", &endpoint, lent).await;
    assert_eq!(kind, AdapterErrorKind::PermissionDenied);
    assert!(
        text.ends_with("status 403, SignatureDoesNotMatch, it was …"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_leads_elsewhere_is_not_followed() {
    let elsewhere = line::start(1, |_| panic!("it was followed"), |_, _| {});
    let target = format!("http://127.0.0.1:{elsewhere}/bucket");
    let port = line::start(
        1,
        move |_: &mut Message| {
            Step::Answer(Message::answer(
                "307 Temporary Redirect",
                &[("location", &target)],
                "",
            ))
        },
        |_, _| {},
    );
    let adapter = adapter(
        "s3://bucket/t",
        &format!("http://127.0.0.1:{port}"),
        super::KEY_PAIR,
    );
    let listed = adapter
        .list(Selector::default())
        .await
        .map(|_| ())
        .unwrap_err();
    assert_eq!(listed.kind, AdapterErrorKind::Unexpected, "{listed}");
    assert!(listed.to_string().contains("307"), "{listed}");
}

#[tokio::test]
async fn an_address_that_everyone_can_read_is_refused() {
    let adapter = adapter("s3://bucket/t", "http://192.0.2.1:9000", super::KEY_PAIR);
    let error = adapter
        .list(Selector::default())
        .await
        .map(|_| ())
        .unwrap_err();
    assert!(
        error.to_string().contains("say `allowHttp: true`"),
        "{error}"
    );
}
