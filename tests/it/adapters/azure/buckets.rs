//! Buckets in Azure Blob Storage with tokens of Microsoft Entra. Azurite takes tokens only where it is encrypted, so a proxy
//! before it looks at the token and goes on with a signature.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use promote::adapter::{Adapter, AdapterErrorKind, ErrorStatus, Selector};
use serde_json::{Value, json};

use super::super::{conforms, open_platform};
use super::blobs::Blobs;
use super::fake::{CLIENT_SECRET, TOKEN};
use super::http::{Fake, Reply, Request};
use crate::servers::azurite::ACCOUNT;
use crate::servers::line::{self, Message, Step};

const CONTAINER: &str = "models";

/// A token endpoint that knows one secret, and counts.
fn entra(count: &Arc<AtomicUsize>) -> Fake {
    let count = Arc::clone(count);
    Fake::start(move |request: &Request| {
        count.fetch_add(1, Ordering::SeqCst);
        assert_eq!(request.path, "/t-1/oauth2/v2.0/token");
        let form = request.form();
        assert_eq!(form["scope"], "https://storage.azure.com/.default");
        if form["client_secret"] != CLIENT_SECRET {
            let refused =
                json!({ "error": "invalid_client", "error_description": "AADSTS7000215: no" });
            return Reply::json(401, &refused);
        }
        Reply::json(
            200,
            &json!({ "access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer" }),
        )
    })
}

/// A proxy that takes the token alone.
fn storage(blobs: &Blobs) -> u16 {
    blobs.create(CONTAINER);
    let port = blobs
        .endpoint()
        .rsplit_once(':')
        .unwrap()
        .1
        .parse()
        .unwrap();
    let signature = Blobs::signature(CONTAINER, "racwdl");
    let rule = move |request: &mut Message| {
        if request.header("authorization") != Some(&format!("Bearer {TOKEN}")) {
            return Step::Answer(Message::answer("401 Unauthorized", &[], ""));
        }
        request.headers.retain(|(name, _)| name != "authorization");
        let signed = |address: &str| {
            let mark = if address.contains('?') { '&' } else { '?' };
            format!("{address}{mark}{signature}")
        };
        for (name, value) in &mut request.headers {
            if name == "x-ms-copy-source" {
                *value = signed(value);
            }
        }
        let (asks, version) = request.first.rsplit_once(' ').unwrap();
        request.first = format!("{} {version}", signed(asks));
        Step::Pass
    };
    line::start(port, rule, |_, _| {})
}

fn bucket(port: u16, authority: &Fake, secret: &str) -> Arc<dyn Adapter> {
    let platform: Value = json!({ "object-store": {
        "url": format!("az://{ACCOUNT}/{CONTAINER}/team-a"),
        "endpoint": format!("http://127.0.0.1:{port}/{ACCOUNT}"),
        "authority": authority.url(),
        "auth": { "entra": { "clientSecret": { "tenant": "t-1", "client": "c-1", "secret": "env:SECRET" } } },
        "trustConditions": true,
    } });
    open_platform(platform, &[("SECRET", secret)])
}

async fn refused(adapter: &dyn Adapter) -> (AdapterErrorKind, ErrorStatus, String) {
    let listed = adapter.list(Selector::default()).await;
    let error = listed.map(|_| ()).unwrap_err();
    let all = format!("{error} {error:?} {adapter:?}");
    for secret in [CLIENT_SECRET, TOKEN, "wrong-secret"] {
        assert!(!all.contains(secret), "{all}");
    }
    (error.kind, error.status, error.message)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_opened_by_a_token_that_is_asked_for_once() {
    let (blobs, count) = (Blobs::default(), Arc::default());
    let authority = entra(&count);
    let adapter = bucket(storage(&blobs), &authority, CLIENT_SECRET);
    conforms(adapter, &[CLIENT_SECRET, TOKEN]).await;
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_entra_refuses_is_said_by_its_codes() {
    let count = Arc::default();
    let authority = entra(&count);
    let (kind, status, text) = refused(&*bucket(1, &authority, "wrong-secret")).await;
    assert_eq!(
        (kind, status),
        (AdapterErrorKind::PermissionDenied, ErrorStatus::Permanent)
    );
    assert!(
        text.ends_with("refuses these credentials (401): invalid_client AADSTS7000215"),
        "{text}"
    );
    let busy = Fake::start(|_| Reply::text(503, "").with("Retry-After", "7"));
    let adapter = bucket(1, &busy, CLIENT_SECRET);
    let (kind, status, _) = refused(&*adapter).await;
    assert_eq!(
        (kind, status),
        (AdapterErrorKind::Unexpected, ErrorStatus::Temporary)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_store_refuses_does_not_show_and_is_asked_for_anew() {
    let count = Arc::default();
    let authority = entra(&count);
    let echo = |request: &mut Message| {
        let sent = request.header("authorization").unwrap_or_default();
        let body = format!(
            "<Error><Code>InvalidAuthenticationInfo</Code><Message>it was {sent}</Message></Error>"
        );
        Step::Answer(Message::answer("401 Unauthorized", &[], &body))
    };
    let adapter = bucket(line::start(1, echo, |_, _| {}), &authority, CLIENT_SECRET);
    for asked in 1..=2 {
        let (kind, _, text) = refused(&*adapter).await;
        assert_eq!(kind, AdapterErrorKind::PermissionDenied);
        assert!(
            text.ends_with("InvalidAuthenticationInfo, it was Bearer …"),
            "{text}"
        );
        assert_eq!(count.load(Ordering::SeqCst), asked);
    }
}
