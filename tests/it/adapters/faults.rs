//! What becomes of a promotion when one request breaks: every request in turn, in every way.
//!
//! The write either is whole, or leaves nothing that looks whole, and the next run ends well. With retries, as the engine has
//! them, one broken request is not noticed at all.

use std::sync::Arc;
use std::time::{Duration, Instant};

use promote::adapter::conformance::{MemoryContent, Subject};
use promote::adapter::layer::{RetrySettings, Settings, TimeoutSettings, layered};
use promote::adapter::transfer::verify;
use promote::adapter::{Adapter, AdapterError, Locator, Record};
use promote::model::artifact::VersionId;

use serde_json::{Value, json};

use super::azure::fake::{Arm, CLIENT_SECRET, GROUP, SUBSCRIPTION, TOKEN};
use super::{WORKSPACE, open_platform};
use crate::servers::buckets::{self, AZURE_ACCOUNT, AZURE_KEY, BUCKET, KEY_ID, SECRET_KEY};
use crate::servers::proxy::{Fault, Proxy};
use crate::servers::registry::docker_registry;
use crate::servers::{Release, Server};

const FAULTS: [Fault; 5] = [
    Fault::CutBefore,
    Fault::CutAfter,
    Fault::Truncated,
    Fault::Status(429),
    Fault::Status(503),
];
/// How long an attempt may take while nobody answers.
const PATIENCE: Duration = Duration::from_secs(2);

fn settings(times: usize, attempt: Duration) -> Settings {
    Settings {
        retry: RetrySettings {
            times,
            first_pause: Duration::from_millis(1),
            longest_pause: Duration::from_secs(5),
        },
        timeout: TimeoutSettings {
            attempt,
            slowest_bytes_per_second: 1 << 30,
            slowest_files_per_second: 1 << 20,
        },
        ..Settings::default()
    }
}

/// Three files, one of several pieces.
fn content(seed: &str) -> MemoryContent {
    let long = seed.repeat(40_000);
    let files: [(&str, &[u8]); 3] = [
        ("LICENSE", b"text"),
        ("model/weights.bin", long.as_bytes()),
        ("model/config.json", seed.as_bytes()),
    ];
    MemoryContent::new(&files).unwrap()
}

/// All steps of a promotion that touch the target.
async fn promote(
    adapter: &dyn Adapter,
    record: &Record,
    content: &MemoryContent,
) -> Result<(), AdapterError> {
    let permit = Subject::permit_in(WORKSPACE, record.digest).unwrap();
    adapter.write(&permit, record, content).await?;
    verify(adapter, &record.version, &record.files).await?;
    adapter.point(&record.version, None).await
}

fn version(kind: &str, name: &str) -> VersionId {
    let name = name
        .to_lowercase()
        .replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    format!("faults/model/{kind}-{}@1.0.0", name.trim_matches('-'))
        .parse()
        .unwrap()
}

/// Breaks every request of a promotion through the proxy, one after the other.
async fn survives(kind: &str, proxy: &Proxy, adapter: Arc<dyn Adapter>) {
    let calm = layered(Arc::clone(&adapter), &settings(0, Duration::from_secs(30)));
    let hasty = layered(Arc::clone(&adapter), &settings(0, PATIENCE));
    let patient = layered(adapter, &settings(4, Duration::from_secs(30)));
    proxy.disarm();
    let first = version(kind, "calm");
    let whole = content("calm");
    promote(calm.as_ref(), &whole.record(&first).unwrap(), &whole)
        .await
        .unwrap();
    let count = proxy.seen();
    assert!(count >= 3, "{kind}: only {count} requests");
    for fault in FAULTS {
        for at in 0..count {
            breaks(kind, proxy, calm.as_ref(), calm.as_ref(), at, fault).await;
            // Each of these takes the second that the server asked for.
            if !matches!(fault, Fault::Status(_)) || [0, count / 2, count - 1].contains(&at) {
                is_unnoticed(kind, proxy, patient.as_ref(), at, fault).await;
            }
        }
    }
    for at in [0, count / 2, count - 1] {
        let begun = Instant::now();
        breaks(
            kind,
            proxy,
            hasty.as_ref(),
            calm.as_ref(),
            at,
            Fault::Silence,
        )
        .await;
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{kind}: no deadline at {at}"
        );
    }
}

/// Without retries: what is there afterwards is whole, and the next run ends well.
async fn breaks(
    kind: &str,
    proxy: &Proxy,
    broken: &dyn Adapter,
    calm: &dyn Adapter,
    at: usize,
    fault: Fault,
) {
    let name = format!("{fault:?}-{at}");
    let whole = content(&name);
    let record = whole.record(&version(kind, &name)).unwrap();
    proxy.arm(at, fault);
    let result = promote(broken, &record, &whole).await;
    proxy.disarm();
    if let Err(error) = &result {
        no_secret_shows(error);
    }
    let held = calm.stat(Locator::Version(&record.version)).await.unwrap();
    if let Some(held) = &held {
        assert_eq!(held, &record, "{kind} {name}: after {result:?}");
        verify(calm, &record.version, &record.files)
            .await
            .unwrap_or_else(|error| panic!("{kind} {name}: it looks whole: {error}"));
    }
    if result.is_ok() {
        assert!(held.is_some(), "{kind} {name}: it said that it was written");
    }
    let again = promote(calm, &record, &whole).await;
    again
        .unwrap_or_else(|error| panic!("{kind} {name}: the next run: {error}; before: {result:?}"));
    let current = calm
        .stat(Locator::Current(&record.version.artifact))
        .await
        .unwrap();
    assert_eq!(current.as_ref(), Some(&record), "{kind} {name}");
}

/// Errors end up in logs and in the ledger.
#[track_caller]
fn no_secret_shows(error: &AdapterError) {
    let text = format!("{error} {error:?}");
    for secret in [
        SECRET_KEY,
        AZURE_KEY,
        CLIENT_SECRET,
        TOKEN,
        "sig=",
        "Signature=",
    ] {
        assert!(!text.contains(secret), "{text}");
    }
}

/// With retries: one broken request does not matter, and the server's wish to be left alone is heard.
async fn is_unnoticed(kind: &str, proxy: &Proxy, patient: &dyn Adapter, at: usize, fault: Fault) {
    let name = format!("retried-{fault:?}-{at}");
    let whole = content(&name);
    let record = whole.record(&version(kind, &name)).unwrap();
    proxy.arm(at, fault);
    let begun = Instant::now();
    let result = promote(patient, &record, &whole).await;
    let seen = proxy.seen();
    proxy.disarm();
    result.unwrap_or_else(|error| panic!("{kind} {name}: {error}"));
    if matches!(fault, Fault::Status(_)) && seen > at {
        let waited = begun.elapsed();
        assert!(
            waited >= Duration::from_secs(1),
            "{kind} {name}: it came back after {waited:?}"
        );
    }
}

/// The platform behind a proxy, with every secret that the manifest names.
async fn platform_survives(kind: &str, upstream: u16, platform: impl FnOnce(&str) -> Value) {
    let proxy = Proxy::before(upstream);
    let secrets = [
        ("KEY_ID", KEY_ID),
        ("SECRET_KEY", SECRET_KEY),
        ("AZURE_KEY", AZURE_KEY),
        ("CLIENT_SECRET", CLIENT_SECRET),
    ];
    let adapter = open_platform(platform(&proxy.url()), &secrets);
    survives(kind, &proxy, adapter).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_of_s3_survives_every_broken_request() {
    let server = buckets::s3s();
    let platform = |url: &str| {
        json!({ "object-store": {
            "url": format!("s3://{BUCKET}/f"),
            "endpoint": url,
            "names": "{name}",
            "auth": { "accessKey": { "id": "env:KEY_ID", "secret": "env:SECRET_KEY" } },
        }})
    };
    platform_survives("s3", server.port(), platform).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_of_azure_survives_every_broken_request() {
    let server = buckets::azurite();
    let platform = |url: &str| {
        json!({ "object-store": {
            "url": format!("az://{AZURE_ACCOUNT}/{BUCKET}/f"),
            "endpoint": format!("{url}/{AZURE_ACCOUNT}"),
            "auth": { "accountKey": { "key": "env:AZURE_KEY" } },
        }})
    };
    platform_survives("blobs", server.port(), platform).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_survives_every_broken_request() {
    let server = docker_registry();
    let platform = |url: &str| json!({ "oci": { "url": url, "repository": "f" } });
    platform_survives("oci", server.port(), platform).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mlflow_survives_every_broken_request() {
    let server = Server::mlflow(Release::Three);
    let platform = |url: &str| json!({ "mlflow": { "url": url } });
    platform_survives("mlflow", server.port(), platform).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn azure_ml_survives_every_broken_request() {
    let arm = Arm::start();
    let port = arm.url().rsplit(':').next().unwrap().parse().unwrap();
    let platform = |url: &str| {
        json!({ "azure-ml": {
            "subscription": SUBSCRIPTION,
            "resourceGroup": GROUP,
            "name": super::azure::fake::WORKSPACE,
            "auth": { "clientSecret": { "tenant": "t-1", "client": "c-1", "secret": "env:CLIENT_SECRET" } },
            "endpoint": url,
            "authority": url,
        }})
    };
    platform_survives("azure-ml", port, platform).await;
}
