//! What other tools put into a registry.

use std::process::Command;

use futures_util::TryStreamExt as _;
use promote::adapter::transfer::verify;
use promote::adapter::{Adapter as _, AdapterErrorKind, Locator, Record, Selector};
use promote::model::artifact::VersionId;
use promote::model::digest::Sha256;

use crate::adapters::oci::fake::{Fake, forward};
use crate::adapters::oci::support::{self, create, registry, write};
use crate::adapters::{not_taken, taken};
use crate::servers::registry::docker_registry;
use crate::servers::{Server, installed};

/// Pushes a `ModelKit` and a `ModelPack` of another tool.
const PUSH: &str = include_str!("push.py");

/// A registry with the kit as 1.0.0 and the pack as 2.0.0 of `retail/model/churn`.
fn with_others() -> Server {
    let server = docker_registry();
    let pushed = Command::new(installed("tools/bin/python"))
        .args(["-c", PUSH, &server.url(), "ml/retail/model/churn"])
        .output()
        .unwrap();
    assert!(
        pushed.status.success(),
        "{}",
        String::from_utf8_lossy(&pushed.stderr)
    );
    server
}

#[tokio::test]
async fn kits_and_packs_of_other_tools_are_read_and_never_overwritten() {
    let server = with_others();
    let adapter = registry("dev", &server.url(), "ml");
    let ours = create(adapter.as_ref(), "retail/model/churn@0.1.0", &[("a", b"1")]).await;

    // A pack with one layer a file is a version, whoever wrote it.
    let pack: VersionId = "retail/model/churn@2.0.0".parse().unwrap();
    let record = adapter
        .stat(Locator::Version(&pack))
        .await
        .unwrap()
        .unwrap();
    let paths = record.files.records().iter();
    let paths: Vec<&str> = paths.map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["README.md", "weights/model.bin"]);
    let found = verify(adapter.as_ref(), &pack, &record.files).await;
    assert_eq!(found.unwrap(), record.digest);

    // A kit is not, and stays as it is.
    let kit: VersionId = "retail/model/churn@1.0.0".parse().unwrap();
    let error = adapter.stat(Locator::Version(&kit)).await.unwrap_err();
    assert_eq!(error.kind, AdapterErrorKind::Unsupported);
    assert_eq!(
        error.message,
        "`ml/retail/model/churn:1.0.0` was written by another tool: it has a layer `application/vnd.kitops.modelkit.model.v1.tar`; `promote scan` reads it, and it cannot be promoted from there"
    );
    let (_, written) = write(adapter.as_ref(), "retail/model/churn@1.0.0", &[("a", b"1")]).await;
    assert_eq!(written.unwrap_err().kind, AdapterErrorKind::AlreadyExists);

    let listed = adapter.list(Selector::default()).await.unwrap();
    let listed: Vec<_> = listed.try_collect().await.unwrap();
    let again = Record {
        version: "retail/model/churn@2.0.1".parse().unwrap(),
        ..record.clone()
    };
    assert_eq!(listed, [ours, record, again]);
}

#[tokio::test]
async fn a_sweep_looks_into_layers_and_tells_what_it_cannot_read() {
    let server = with_others();
    let adapter = registry("dev", &server.url(), "ml");
    let pack: VersionId = "retail/model/churn@2.0.0".parse().unwrap();
    let swept = support::swept(adapter.as_ref()).await;
    let hash = |path: &str| {
        let found = swept.iter().find(|found| found.path.ends_with(path));
        found
            .unwrap_or_else(|| panic!("{path}: {swept:#?}"))
            .content
            .clone()
    };
    // Files in a plain tar layer, by their own hashes, and a compressed one as it is.
    assert_eq!(
        hash("!/model/weights.bin"),
        Ok(Sha256::of(b"secret weights"))
    );
    assert_eq!(hash("!/model/deep/readme.txt"), Ok(Sha256::of(b"read me")));
    assert!(swept.iter().all(|found| !found.path.contains("data.csv")));
    assert_eq!(
        hash("churn:2.0.0/weights/model.bin"),
        Ok(Sha256::of(b"other weights"))
    );
    // Each version has all its files, though two have the same manifest; another tag of the same is not told again.
    for version in ["2.0.0", "2.0.1"] {
        let parts = swept.iter().filter_map(|found| found.part_of.as_ref());
        let parts = parts.filter(|(held, _)| held.version.to_string() == version);
        let paths: Vec<&str> = parts.map(|(_, path)| path.as_str()).collect();
        assert_eq!(paths, ["weights/model.bin", "README.md"], "{version}");
    }
    assert!(
        swept
            .iter()
            .all(|found| !found.path.contains("churn:latest"))
    );

    // What leads elsewhere is told, is not asked for, and hides nothing.
    let port = server.port();
    let fake = Fake::start(move |request| {
        let mut answer = forward(port, request);
        if request.target.ends_with("/manifests/2.0.0") {
            let body = String::from_utf8(answer.body).unwrap();
            let elsewhere = "\"urls\": [\"http://127.0.0.1:1/x\"], \"annotations\"";
            answer.body = body.replace("\"annotations\"", elsewhere).into_bytes();
            let is_kept = |(name, _): &(String, String)| name != "docker-content-digest";
            answer.headers.retain(is_kept);
        }
        answer
    });
    let adapter = registry("dev", &fake.url(), "ml");
    let error = adapter.stat(Locator::Version(&pack)).await.unwrap_err();
    assert_eq!(error.kind, AdapterErrorKind::Unsupported);
    let found = support::swept(adapter.as_ref()).await;
    let reasons = found.iter().filter_map(|found| found.content.clone().err());
    let reasons: Vec<_> = reasons.collect();
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert!(reasons[0].ends_with("is kept at another address, which is not followed"));
    assert_eq!(found.len(), swept.len());
}

#[tokio::test]
async fn packs_and_kits_of_other_tools_are_taken_by_tag_and_by_digest() {
    let server = with_others();
    let adapter = registry("dev", &server.url(), "ml");
    let expected = [
        ("README.md".to_owned(), b"# churn".to_vec()),
        ("weights/model.bin".to_owned(), b"other weights".to_vec()),
    ];
    let pack = "oci:ml/retail/model/churn:2.0.0";
    let found = taken(adapter.as_ref(), pack).await;
    assert_eq!(found, expected.into());
    let version: VersionId = "retail/model/churn@2.0.0".parse().unwrap();
    let described = adapter.describe(&version).await.unwrap();
    let digest = &described.properties["manifest"];
    let pinned = format!("oci:ml/retail/model/churn@{digest}");
    assert_eq!(taken(adapter.as_ref(), &pinned).await, found);
    for (address, kind, reason) in [
        (
            "oci:ml/retail/model/churn:1.0.0",
            AdapterErrorKind::Unsupported,
            "cannot be taken apart: it has a layer",
        ),
        (
            "oci:ml/retail/model/churn:9.0.0",
            AdapterErrorKind::NotFound,
            "there is no",
        ),
        (
            "oci:other/model:1.0.0",
            AdapterErrorKind::Unsupported,
            "not in a repository of this workspace",
        ),
        (
            "oci:ml/../x:1",
            AdapterErrorKind::Unsupported,
            "not in a repository of this workspace",
        ),
        (
            "oci:ml/churn",
            AdapterErrorKind::Unsupported,
            "write `oci:REPOSITORY:TAG`",
        ),
    ] {
        not_taken(adapter.as_ref(), address, kind, reason).await;
    }
}

#[tokio::test]
async fn a_kit_is_taken_apart_and_leads_nowhere_else() {
    let server = with_others();
    let adapter = registry("dev", &server.url(), "ml");
    let address = |tag: &str| format!("oci:ml/retail/model/churn:{tag}");
    let expected = [
        ("docs/a.md".to_owned(), b"a".to_vec()),
        ("docs/b.md".to_owned(), Vec::new()),
        ("weights.bin".to_owned(), vec![0; 3_000_000]),
    ];
    let found = taken(adapter.as_ref(), &address("kit")).await;
    assert_eq!(found, expected.into());
    for (tag, reason) in [
        ("linked", "`weights.bin` is neither a file nor a folder"),
        ("escaping", "`../weights.bin`"),
        ("cut", "the tar file is broken"),
    ] {
        let address = address(tag);
        let mut foreign = adapter.foreign(&address).await.unwrap();
        let error = loop {
            match foreign.files.try_next().await {
                // What comes of a file that is cut is not looked at: the layer says what it was.
                Ok(Some((_, bytes))) => drop(bytes.try_collect::<Vec<_>>().await),
                Ok(None) => panic!("{tag} has an end"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind, AdapterErrorKind::Corrupt, "{tag}");
        assert!(error.message.contains(reason), "{tag}: {error}");
    }
}
