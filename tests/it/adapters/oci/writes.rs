//! What travels when a version is written or copied, and what does not.

use std::collections::BTreeMap;

use bytes::Bytes;
use promote::adapter::conformance::MemoryContent;
use promote::adapter::oci::{OciAdapter, Referrer, Store};
use promote::adapter::transfer::verify;
use promote::adapter::{Adapter, AdapterErrorKind, Locator, Written};
use promote::model::artifact::VersionId;
use promote::model::digest::Sha256;

use crate::adapters::oci::fake::{Fake, Request, forward};
use crate::adapters::oci::support::{create, layout, leave, registry, write};
use crate::servers::registry::{docker_registry, ferro};

#[tokio::test]
async fn what_is_there_is_not_uploaded_again() {
    let server = docker_registry();
    let port = server.port();
    let proxy = Fake::start(move |request| forward(port, request));
    let adapter = registry("dev", &proxy.url(), "ml");
    let files: &[(&str, &[u8])] = &[("a", b"1"), ("b", b"2"), ("same/a", b"1")];
    create(adapter.as_ref(), "retail/model/churn@1.0.0", files).await;
    // Two blobs and the configuration.
    assert_eq!(proxy.count("PUT", "/blobs/uploads/"), 3);
    create(
        adapter.as_ref(),
        "retail/model/churn@1.1.0",
        &[("a", b"1"), ("b", b"3")],
    )
    .await;
    assert_eq!(proxy.count("PUT", "/blobs/uploads/"), 5);
    let (_, again) = write(adapter.as_ref(), "retail/model/churn@1.0.0", files).await;
    assert_eq!(again.unwrap(), Written::Unchanged);
    assert_eq!(proxy.count("PUT", ""), 5 + 2);
}

#[tokio::test]
async fn a_write_that_was_cut_goes_on_where_it_was() {
    let server = docker_registry();
    let port = server.port();
    let proxy = Fake::start(move |request| forward(port, request));
    let adapter = registry("dev", &proxy.url(), "ml");
    let version = "retail/model/churn@1.0.0".parse().unwrap();
    let whole = MemoryContent::new(&[("a", b"1"), ("b", b"2"), ("c", b"3")]).unwrap();
    let record = whole.record(&version).unwrap();
    let permit = leave("dev", record.digest);
    let broken = MemoryContent::new(&[("a", b"1"), ("b", b"2"), ("c", b"x")]).unwrap();
    let cut = adapter.write(&permit, &record, &broken).await.unwrap_err();
    assert_eq!(cut.kind, AdapterErrorKind::Corrupt);
    assert_eq!(cut.message, "`c` does not have the recorded bytes");
    let before = proxy.count("PUT", "/blobs/uploads/");
    assert_eq!(
        adapter.write(&permit, &record, &whole).await.unwrap(),
        Written::Created
    );
    let after = proxy.count("PUT", "/blobs/uploads/");
    // All three and the configuration once, in both writes together.
    assert!(before <= 2 && after == 4, "{before}, {after}");
}

#[tokio::test]
async fn within_a_registry_blobs_are_taken_over() {
    let server = docker_registry();
    let port = server.port();
    let proxy = Fake::start(move |request| forward(port, request));
    let dev = registry("dev", &proxy.url(), "ml/dev");
    let prod = registry("prod", &proxy.url(), "ml/prod");
    let files: &[(&str, &[u8])] = &[("a", &[1; 5000]), ("b/c", &[2; 5000])];
    let record = create(dev.as_ref(), "retail/model/churn@1.0.0", files).await;
    let before = proxy.count("PUT", "/blobs/uploads/");
    let place = dev.native(&record.version).unwrap();
    assert_eq!(
        Some(&place.provider),
        prod.native(&record.version)
            .map(|place| place.provider)
            .as_ref()
    );
    let permit = leave("prod", record.digest);
    let copied = prod.copy(&permit, &record, &place).await.unwrap();
    assert_eq!(copied, Written::Created);
    // Nothing travels.
    assert_eq!(proxy.count("PUT", "/blobs/uploads/"), before);
    let found = verify(prod.as_ref(), &record.version, &record.files).await;
    assert_eq!(found.unwrap(), record.digest);
    let again = prod.copy(&permit, &record, &place).await.unwrap();
    assert_eq!(again, Written::Unchanged);
    let one = dev.describe(&record.version).await.unwrap();
    let other = prod.describe(&record.version).await.unwrap();
    assert_eq!(one.properties["manifest"], other.properties["manifest"]);
}

#[tokio::test]
async fn a_copy_is_refused_where_the_source_changed_or_the_registry_cannot() {
    let server = docker_registry();
    let dev = registry("dev", &server.url(), "ml/dev");
    let prod = registry("prod", &server.url(), "ml/prod");
    let one = create(dev.as_ref(), "retail/model/churn@1.0.0", &[("a", b"1")]).await;
    let other = create(dev.as_ref(), "retail/model/churn@2.0.0", &[("a", b"2")]).await;
    let permit = leave("prod", one.digest);
    let place = dev.native(&other.version).unwrap();
    let refused = prod.copy(&permit, &one, &place).await.unwrap_err();
    assert_eq!(refused.kind, AdapterErrorKind::Corrupt);
    // A registry that begins an upload instead, as the specification allows.
    let port = server.port();
    let plain = Fake::start(move |request| {
        let target = request.target.split("?mount=").next().unwrap().to_owned();
        forward(
            port,
            &Request {
                target,
                ..request.clone()
            },
        )
    });
    let elsewhere = registry("prod", &plain.url(), "ml/prod");
    let place = dev.native(&one.version).unwrap();
    let refused = elsewhere.copy(&permit, &one, &place).await.unwrap_err();
    assert_eq!(refused.kind, AdapterErrorKind::Unsupported);
    let place = registry("dev", &plain.url(), "ml/dev")
        .native(&one.version)
        .unwrap();
    let refused = elsewhere.copy(&permit, &one, &place).await.unwrap_err();
    assert_eq!(refused.kind, AdapterErrorKind::Unsupported);
    assert_eq!(plain.count("DELETE", "/blobs/uploads/"), 1);
    let stat = elsewhere.stat(Locator::Version(&one.version)).await;
    assert_eq!(stat.unwrap(), None);
    let (_, written) = write(
        elsewhere.as_ref(),
        "retail/model/churn@1.0.0",
        &[("a", b"1")],
    )
    .await;
    assert_eq!(written.unwrap(), Written::Created);
}

async fn holds_many(adapter: &dyn Adapter, count: usize, folder: &str, media_type: &str) {
    let paths: Vec<String> = (0..count)
        .map(|index| format!("{folder}part-{index:05}.bin"))
        .collect();
    // All files have the same bytes: it is the manifest that is large.
    let files: Vec<(&str, &[u8])> = paths
        .iter()
        .map(|path| (path.as_str(), &b"x"[..]))
        .collect();
    let version = format!("retail/model/many-{count}@1.0.0");
    let record = create(adapter, &version, &files).await;
    let found = adapter.stat(Locator::Version(&record.version)).await;
    assert!(found.unwrap() == Some(record.clone()));
    let described = adapter.describe(&record.version).await.unwrap();
    assert_eq!(described.properties["mediaType"], media_type);
    adapter.point(&record.version, None).await.unwrap();
    let held = adapter
        .stat(Locator::Current(&record.version.artifact))
        .await;
    assert!(held.unwrap() == Some(record));
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

#[tokio::test]
async fn a_registry_of_old_takes_ten_thousand_files_in_one_manifest() {
    let server = docker_registry();
    let adapter = registry("dev", &server.url(), "ml");
    holds_many(adapter.as_ref(), 10_000, "", MANIFEST).await;
}

#[tokio::test]
async fn a_registry_of_today_takes_ten_thousand_files_in_one_manifest() {
    let server = ferro();
    let adapter = registry("dev", &server.url(), "ml");
    holds_many(adapter.as_ref(), 10_000, "", MANIFEST).await;
}

#[tokio::test]
async fn what_does_not_fit_into_one_manifest_is_in_several() {
    let server = docker_registry();
    let long = "a-folder-with-a-long-name/".repeat(60);
    let adapter = registry("dev", &server.url(), "ml");
    holds_many(adapter.as_ref(), 2_700, &long, INDEX).await;
}

async fn attach<S: Store>(
    adapter: &OciAdapter<S>,
    version: &VersionId,
    kind: &str,
    text: &'static str,
) -> Sha256 {
    let bytes = Bytes::from_static(text.as_bytes());
    let none = BTreeMap::new();
    let attached = adapter.attach(version, kind, &bytes, &none);
    attached.await.unwrap()
}

async fn keeps_referrers<S: Store>(adapter: &OciAdapter<S>) {
    let record = create(adapter, "retail/model/churn@1.0.0", &[("a", b"1")]).await;
    let version = &record.version;
    assert_eq!(adapter.referrers(version, None).await.unwrap(), []);
    let kind = "application/vnd.in-toto+json";
    let first = attach(adapter, version, kind, "one").await;
    assert_eq!(attach(adapter, version, kind, "one").await, first);
    attach(adapter, version, kind, "two").await;
    attach(adapter, version, "text/plain", "three").await;
    assert_eq!(adapter.referrers(version, None).await.unwrap().len(), 3);
    let found = adapter.referrers(version, Some(kind)).await.unwrap();
    assert_eq!(texts(adapter, version, &found).await, ["one", "two"]);
    tells_apart(adapter, &found[0]).await;
}

/// What was attached, sorted.
async fn texts<S: Store>(
    adapter: &OciAdapter<S>,
    version: &VersionId,
    referrers: &[Referrer],
) -> Vec<Bytes> {
    let mut texts = Vec::new();
    for referrer in referrers {
        assert_eq!(referrer.artifact_type, "application/vnd.in-toto+json");
        texts.push(adapter.attached(version, referrer).await.unwrap());
    }
    texts.sort();
    texts
}

async fn tells_apart<S: Store>(adapter: &OciAdapter<S>, referrer: &Referrer) {
    // What refers to one version is not taken for what refers to another.
    let other = create(adapter, "retail/model/churn@2.0.0", &[("a", b"2")]).await;
    let strange = adapter.attached(&other.version, referrer).await;
    assert_eq!(strange.unwrap_err().kind, AdapterErrorKind::Corrupt);
    assert_eq!(adapter.referrers(&other.version, None).await.unwrap(), []);
}

#[tokio::test]
async fn attestations_refer_to_versions_with_a_list_and_without() {
    let folder = tempfile::tempdir().unwrap();
    let (old, today) = (docker_registry(), ferro());
    keeps_referrers(registry("dev", &old.url(), "ml").as_ref()).await;
    keeps_referrers(registry("dev", &today.url(), "ml").as_ref()).await;
    keeps_referrers(layout("dev", &folder.path().join("layout")).as_ref()).await;
}

#[tokio::test]
async fn the_same_bytes_may_be_written_to_a_layout_by_two_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let adapter = layout("dev", folder.path());
    let long: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let files: &[(&str, &[u8])] = &[("long", &long)];
    let writes = ["a", "b", "c", "d"].map(|name| {
        let adapter = std::sync::Arc::clone(&adapter);
        async move {
            let version = format!("retail/model/{name}@1.0.0");
            create(adapter.as_ref(), &version, files).await
        }
    });
    for record in futures_util::future::join_all(writes).await {
        let found = verify(adapter.as_ref(), &record.version, &record.files).await;
        assert_eq!(found.unwrap(), record.digest);
    }
}

#[tokio::test]
async fn names_that_registries_do_not_take_are_refused_before_anything_is_sent() {
    let fake = Fake::start(|_| panic!("nothing is asked"));
    let adapter = registry("dev", &fake.url(), "ml");
    let (_, written) = write(adapter.as_ref(), "retail/model/a.-b@1.0.0", &[("a", b"1")]).await;
    let error = written.unwrap_err();
    assert_eq!(error.kind, AdapterErrorKind::Unsupported);
    assert_eq!(
        error.message,
        "`retail/model/a.-b` cannot be the name of a repository in a registry: between letters and digits there is one `.`, one or two `_`, or hyphens"
    );
    assert!(fake.requests().is_empty());
}
