//! Buckets: the conformance suite against every server, and what is particular to buckets.

mod credentials;
mod faults;
mod layout;
mod writers;

use std::collections::BTreeSet;
use std::sync::Arc;

use promote::adapter::conformance::{self, MemoryContent, Subject};
use promote::adapter::layer::{Settings, layered};
use promote::adapter::{Adapter, Record, Result, Surroundings, Written, open};
use promote::config::Environment;
use promote::flow::declassification::Lowered;
use promote::flow::permit::{FlowPermit, Origin, permit};
use promote::model::artifact::VersionId;
use promote::model::label::{Clearance, Tag};
use promote::model::platform::Platform;
use promote::model::workspace::WorkspaceFacts;

use crate::servers::Server;
use crate::servers::buckets::{self, AZURE_ACCOUNT, AZURE_KEY, BUCKET, KEY_ID, SECRET_KEY};
use crate::servers::line::{self, Message, Step};

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
            ("SIGNATURE", "?sv=2024-01-01&sr=c&sp=rwl&sig=c2lnbmF0dXJl"),
        ]),
        base: std::path::PathBuf::from("/"),
    }
}

fn adapter(url: &str, endpoint: &str, auth: &str) -> Arc<dyn Adapter> {
    named(url, endpoint, auth, "{project}/{kind}/{name}")
}

fn named(url: &str, endpoint: &str, auth: &str, names: &str) -> Arc<dyn Adapter> {
    let spec =
        format!(r#""url": "{url}", "endpoint": "{endpoint}", "auth": {auth}, "names": "{names}""#);
    opened(&spec)
}

/// A store whose conditions the manifest vouches for.
fn trusted(url: &str, endpoint: &str, auth: &str) -> Arc<dyn Adapter> {
    opened(&format!(
        r#""url": "{url}", "endpoint": "{endpoint}", "auth": {auth}, "trustConditions": true"#
    ))
}

fn opened(spec: &str) -> Arc<dyn Adapter> {
    let spec = format!(r#"{{"object-store": {{{spec}}}}}"#);
    let platform: Platform = serde_json::from_str(&spec).unwrap();
    open(&WORKSPACE.parse().unwrap(), &platform, &surroundings()).unwrap()
}

fn s3(server: &Server, prefix: &str) -> Arc<dyn Adapter> {
    adapter(&format!("s3://{BUCKET}/{prefix}"), &server.url(), KEY_PAIR)
}

fn trusted_s3(server: &Server, prefix: &str) -> Arc<dyn Adapter> {
    trusted(&format!("s3://{BUCKET}/{prefix}"), &server.url(), KEY_PAIR)
}

fn azure(server: &Server, prefix: &str) -> Arc<dyn Adapter> {
    azure_at(server.port(), prefix)
}

/// Of the servers here the only one that decides who is first when two ask at once.
fn azure_at(port: u16, prefix: &str) -> Arc<dyn Adapter> {
    trusted(
        &format!("az://{AZURE_ACCOUNT}/{BUCKET}/{prefix}"),
        &format!("http://127.0.0.1:{port}/{AZURE_ACCOUNT}"),
        r#"{"accountKey": {"key": "env:AZURE_KEY"}}"#,
    )
}

fn gcs(port: u16, prefix: &str) -> Arc<dyn Adapter> {
    let (url, endpoint) = (
        format!("gs://{BUCKET}/{prefix}"),
        format!("http://127.0.0.1:{port}"),
    );
    adapter(&url, &endpoint, r#""anonymous""#)
}

fn leave(record: &Record) -> FlowPermit {
    let clearance = Clearance::new([Tag::production()]).unwrap();
    let facts = WorkspaceFacts {
        environment: "qa".parse().unwrap(),
        name: WORKSPACE.parse().unwrap(),
        accepts: BTreeSet::new(),
        clearance: clearance.clone(),
    };
    let (label, lowered) = (clearance.as_label(), Lowered::nothing());
    permit(record.digest, &label, &lowered, &Origin::Producer, &facts).unwrap()
}

fn version(text: &str) -> VersionId {
    format!("p/model/{text}").parse().unwrap()
}

/// A version with one small file, or with what is given.
async fn write(
    adapter: &Arc<dyn Adapter>,
    text: &str,
    files: &[(&str, &[u8])],
) -> (Record, Result<Written>) {
    let content = MemoryContent::new(files).unwrap();
    let record = content.record(&version(text)).unwrap();
    let written = adapter.write(&leave(&record), &record, &content).await;
    (record, written)
}

/// Google's names of headers before a server of S3: the two APIs are the same but for these and the signature.
///
/// Source: <https://cloud.google.com/storage/docs/xml-api/reference-headers>
pub(crate) fn google(server: &Server, conditions: Translated) -> u16 {
    // It does not look at signatures, but tells services apart by them.
    const SIGNATURE: &str = "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
    let ask = move |request: &mut Message| {
        let translate = |(name, value): (String, String)| match (name.as_str(), conditions) {
            ("authorization", _) => None,
            ("x-goog-copy-source", _) => Some(("x-amz-copy-source".to_owned(), value)),
            ("x-goog-if-generation-match", Translated::No) => None,
            ("x-goog-if-generation-match", Translated::Yes) if value == "0" => {
                Some(("if-none-match".to_owned(), "*".to_owned()))
            }
            ("x-goog-if-generation-match", Translated::Yes) => {
                Some(("if-match".to_owned(), format!("\"{value}\"")))
            }
            _ => Some((name, value)),
        };
        let headers = std::mem::take(&mut request.headers);
        request.headers = headers.into_iter().filter_map(translate).collect();
        let signature = ("authorization".to_owned(), SIGNATURE.to_owned());
        request.headers.push(signature);
        Step::Pass
    };
    let answer = |_: &Message, answer: &mut Message| {
        if let Some(tag) = answer.header("etag").map(str::to_owned) {
            let generation = tag.trim_matches('"').to_owned();
            let header = ("x-goog-generation".to_owned(), generation);
            answer.headers.push(header);
        }
    };
    line::start(server.port(), ask, answer)
}

/// Whether conditions reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Translated {
    Yes,
    No,
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
    assert_eq!(violated(|prefix| trusted_s3(&server, prefix)).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_that_overwrites_silently_conforms_as_far_as_it_can_by_nanio() {
    let server = buckets::nanio();
    for (claim, reason) in violated(|prefix| trusted_s3(&server, prefix)).await {
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
    // No server here takes uploads by Google's XML API.
    let server = buckets::moto();
    let port = google(&server, Translated::Yes);
    assert_eq!(violated(|prefix| gcs(port, prefix)).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn google_cloud_that_overwrites_silently_conforms_as_far_as_it_can() {
    let server = buckets::moto();
    let port = google(&server, Translated::No);
    assert_eq!(violated(|prefix| gcs(port, prefix)).await, []);
    let adapter = gcs(port, "b");
    let (_, written) = write(&adapter, "m@1.0.0", &[("a", b"1")]).await;
    assert_eq!(written.unwrap(), Written::Created);
    assert!(!adapter.capabilities().create_only);
}
