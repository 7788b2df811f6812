//! Buckets: the conformance suite against every server, and what is particular to buckets.

use std::sync::Arc;

use promote::adapter::conformance::{self, Subject};
use promote::adapter::layer::{Settings, layered};
use promote::adapter::{Adapter, Surroundings, open};
use promote::config::Environment;
use promote::model::platform::Platform;

use crate::servers::Server;
use crate::servers::buckets::{self, AZURE_ACCOUNT, AZURE_KEY, BUCKET, KEY_ID, SECRET_KEY};

/// The name of the workspace.
const WORKSPACE: &str = "conformance-buckets";

/// Credentials of a key pair, by variables that [`surroundings`] has.
const KEY_PAIR: &str = r#"{"accessKey": {"id": "env:KEY_ID", "secret": "env:SECRET_KEY"}}"#;

fn surroundings() -> Surroundings {
    Surroundings {
        environment: Environment::from_iter([
            ("KEY_ID", KEY_ID),
            ("SECRET_KEY", SECRET_KEY),
            ("WRONG_KEY", "wrong-secret-key"),
            ("AZURE_KEY", AZURE_KEY),
        ]),
        base: std::path::PathBuf::from("/"),
    }
}

fn adapter(url: &str, endpoint: &str, auth: &str) -> Arc<dyn Adapter> {
    named(url, endpoint, auth, "{project}/{kind}/{name}")
}

fn named(url: &str, endpoint: &str, auth: &str, names: &str) -> Arc<dyn Adapter> {
    let spec = format!(
        r#"{{"object-store": {{"url": "{url}", "endpoint": "{endpoint}", "auth": {auth}, "names": "{names}"}}}}"#
    );
    let platform: Platform = serde_json::from_str(&spec).unwrap();
    open(&WORKSPACE.parse().unwrap(), &platform, &surroundings()).unwrap()
}

fn s3(server: &Server, prefix: &str) -> Arc<dyn Adapter> {
    adapter(&format!("s3://{BUCKET}/{prefix}"), &server.url(), KEY_PAIR)
}

fn azure(server: &Server, prefix: &str) -> Arc<dyn Adapter> {
    adapter(
        &format!("az://{AZURE_ACCOUNT}/{BUCKET}/{prefix}"),
        &format!("{}/{AZURE_ACCOUNT}", server.url()),
        r#"{"accountKey": {"key": "env:AZURE_KEY"}}"#,
    )
}

fn gcs(server: &Server, prefix: &str) -> Arc<dyn Adapter> {
    let url = format!("gs://{BUCKET}/{prefix}");
    adapter(&url, &server.url(), r#""anonymous""#)
}

/// Runs the suite bare and through the layers, and says which claims do not hold.
async fn violated(open: impl Fn(&str) -> Arc<dyn Adapter>) -> Vec<(String, String)> {
    let mut violated = Vec::new();
    for (prefix, is_layered) in [("b", false), ("t/l", true)] {
        let adapter = open(prefix);
        let subject = Subject {
            adapter: if is_layered {
                layered(adapter, &Settings::default())
            } else {
                adapter
            },
            prefix: String::new(),
            secrets: vec![SECRET_KEY.to_owned(), AZURE_KEY.to_owned()],
        };
        let violations = conformance::check(&subject).await.into_iter();
        let told = violations.map(|violation| (violation.claim.to_owned(), violation.reason));
        violated.extend(told);
    }
    violated
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_that_checks_everything_conforms() {
    let server = buckets::s3s();
    // It keeps the name of an object in that of a file, and so takes short ones alone.
    let open = |prefix: &str| {
        let url = format!("s3://{BUCKET}/{prefix}");
        named(&url, &server.url(), KEY_PAIR, "{kind}-{name}")
    };
    assert_eq!(violated(open).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_with_versioning_conforms() {
    let server = buckets::moto();
    assert_eq!(violated(|prefix| s3(&server, prefix)).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_that_overwrites_silently_conforms_as_far_as_it_can_by_rclone() {
    let server = buckets::rclone();
    assert_eq!(violated(|prefix| s3(&server, prefix)).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_that_overwrites_silently_conforms_as_far_as_it_can_by_nanio() {
    let server = buckets::nanio();
    for (claim, reason) in violated(|prefix| s3(&server, prefix)).await {
        // It decodes names twice, and then the signature is that of another.
        assert_eq!(claim, "names may hold every allowed character", "{reason}");
        assert!(reason.contains("SignatureDoesNotMatch"), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn azure_conforms() {
    let server = buckets::azurite();
    assert_eq!(violated(|prefix| azure(&server, prefix)).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn google_cloud_conforms() {
    let server = buckets::fake_gcs();
    assert_eq!(violated(|prefix| gcs(&server, prefix)).await, []);
}
