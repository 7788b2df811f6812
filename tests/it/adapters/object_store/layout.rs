//! What others see in the bucket, and what we see of what they did.

use std::sync::Arc;

use futures_util::TryStreamExt as _;
use promote::adapter::sweep::Found;
use promote::adapter::transfer::verify;
use promote::adapter::{Adapter, AdapterErrorKind, Locator, Permission, Selector, Written};
use promote::model::digest::Sha256;

use super::{KEY_PAIR, azure, gcs, named, s3, trusted_s3, version, write};
use crate::adapters::{not_taken, taken};
use crate::servers::Server;
use crate::servers::buckets::{self, BUCKET, remote, tool};

/// How an adapter is opened below a prefix of a server.
type Open = fn(&Server, &str) -> Arc<dyn Adapter>;

async fn swept(adapter: &Arc<dyn Adapter>) -> Vec<Found> {
    let found = adapter.sweep().await.unwrap();
    found.try_collect().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn other_tools_read_the_files_and_what_they_write_is_seen() {
    let server = buckets::s3s();
    let adapter = s3(&server, "t");
    let files: &[(&str, &[u8])] = &[("weights/a b.bin", b"weights"), ("card.md", b"card")];
    let (record, written) = write(&adapter, "m@1.0.0", files).await;
    assert_eq!(written.unwrap(), Written::Created);
    adapter.point(&version("m@1.0.0"), None).await.unwrap();

    let remote = remote(&server);
    let hex = record.digest.sha256();
    let content = format!("{remote}/t/p/model/m/1.0.0/content/{hex}");
    assert_eq!(
        tool(&["cat", &format!("{content}/weights/a b.bin")]),
        (true, "weights".to_owned())
    );
    let (_, pointer) = tool(&["cat", &format!("{remote}/t/p/model/m/current")]);
    let pointer: serde_json::Value = serde_json::from_str(&pointer).unwrap();
    assert_eq!(pointer["content"], format!("1.0.0/content/{hex}/"));
    let (_, told) = tool(&["cat", &format!("{remote}/t/p/model/m/1.0.0/record.json")]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["content"], format!("content/{hex}/"));

    // Somebody changes a file, adds one to the version, and puts one where none belongs.
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other");
    std::fs::write(&other, "other").unwrap();
    let other = other.to_str().unwrap();
    for target in [
        format!("{content}/card.md"),
        format!("{content}/extra"),
        format!("{remote}/t/stray"),
    ] {
        assert!(tool(&["copyto", other, &target]).0);
    }
    let version = version("m@1.0.0");
    let changed = verify(adapter.as_ref(), &version, &record.files)
        .await
        .unwrap_err();
    assert_eq!(changed.kind, AdapterErrorKind::Corrupt);
    let sweep = swept(&adapter).await;
    let part = |path: &str| {
        let part_of = Some((version.clone(), path.parse().unwrap()));
        let found = sweep.iter().find(|found| found.part_of == part_of);
        found.unwrap().content.clone()
    };
    assert_eq!(part("card.md"), Ok(Sha256::of(b"other")));
    assert_eq!(part("extra"), Ok(Sha256::of(b"other")));
    assert_eq!(part("weights/a b.bin"), Ok(Sha256::of(b"weights")));
    let others: Vec<&str> = sweep
        .iter()
        .filter(|found| found.part_of.is_none())
        .map(|found| found.path.as_str())
        .collect();
    assert_eq!(
        others,
        [
            "t/.promote/conditions",
            "t/p/model/m/1.0.0/record.json",
            "t/p/model/m/current",
            "t/stray"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_seen_outside_of_the_prefix() {
    let server = buckets::moto();
    let (left, right) = (s3(&server, "tenants/a"), s3(&server, "tenants/ab"));
    let (_, written) = write(&left, "m@1.0.0", &[("a", b"1")]).await;
    written.unwrap();
    let (_, written) = write(&right, "m@2.0.0", &[("a", b"2")]).await;
    written.unwrap();
    let listed = left.list(Selector::default()).await.unwrap();
    let listed: Vec<_> = listed
        .map_ok(|record| record.version)
        .try_collect()
        .await
        .unwrap();
    assert_eq!(listed, [version("m@1.0.0")]);
    let paths = swept(&left).await;
    assert!(
        paths
            .iter()
            .all(|found| found.path.starts_with("tenants/a/"))
    );
    assert!(
        left.stat(Locator::Version(&version("m@2.0.0")))
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_that_a_console_made_are_empty_and_names_that_cannot_be_read_are_told() {
    let server = buckets::moto();
    let adapter = s3(&server, "t");
    assert_eq!(
        buckets::request(server.port(), "PUT", "/bucket/t/folder/", "").0,
        200
    );
    let found = swept(&adapter).await;
    assert_eq!(found[0].path, "t/folder");
    assert_eq!(found[0].content, Ok(Sha256::of(b"")));
    assert_eq!(
        buckets::request(server.port(), "PUT", "/bucket/t/a//b", "1").0,
        200
    );
    let error = adapter.sweep().await.map(|_| ()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("a name in the bucket cannot be read"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn google_cloud_is_read_where_another_program_put_what_we_wrote() {
    let (ours, theirs) = (buckets::moto(), buckets::fake_gcs());
    let adapter = s3(&ours, "t");
    let files: &[(&str, &[u8])] = &[("a b/%c", b"1"), ("d", b"2")];
    let (record, written) = write(&adapter, "m@1.0.0", files).await;
    written.unwrap();
    let target = format!(
        ":gcs,anonymous=true,bucket_policy_only=true,endpoint='{}/storage/v1/':{BUCKET}",
        theirs.url()
    );
    let copied = tool(&["copy", &remote(&ours), &target]);
    assert!(copied.0, "{}", copied.1);
    let adapter = gcs(theirs.port(), "t");
    let listed = adapter.list(Selector::default()).await.unwrap();
    let listed: Vec<_> = listed.try_collect().await.unwrap();
    assert_eq!(listed.as_slice(), std::slice::from_ref(&record));
    let read = verify(adapter.as_ref(), &record.version, &record.files)
        .await
        .unwrap();
    assert_eq!(read, record.digest);
    assert_eq!(swept(&adapter).await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_do_not_say_project_and_kind_are_listed_all_the_same() {
    let server = buckets::moto();
    let url = format!("s3://{BUCKET}/one");
    let adapter = named(&url, &server.url(), KEY_PAIR, "models/{name}");
    let (record, written) = write(&adapter, "m@1.0.0", &[("a", b"1")]).await;
    written.unwrap();
    let listed = adapter.list(Selector::default()).await.unwrap();
    let listed: Vec<_> = listed.try_collect().await.unwrap();
    assert_eq!(listed, [record]);
    let sweep = swept(&adapter).await;
    let part_of = Some((version("m@1.0.0"), "a".parse().unwrap()));
    assert!(sweep.iter().any(|found| found.part_of == part_of));
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_copied_within_a_provider_and_nothing_passes_through_here() {
    let (s3_server, azurite) = (buckets::moto(), buckets::azurite());
    assert_eq!(
        buckets::request(s3_server.port(), "PUT", "/second", "").0,
        200
    );
    let google = super::google(&s3_server, super::Translated::Yes);
    let long = vec![7_u8; 9 * 1024 * 1024];
    for (from, to) in [
        (s3(&s3_server, "dev"), s3(&s3_server, "qa")),
        (
            s3(&s3_server, "dev"),
            super::adapter("s3://second/qa", &s3_server.url(), KEY_PAIR),
        ),
        (azure(&azurite, "dev"), azure(&azurite, "qa")),
        (gcs(google, "gdev"), gcs(google, "gqa")),
    ] {
        let files: &[(&str, &[u8])] = &[("a b/%ü+c", b"1"), ("long", &long)];
        let (record, written) = write(&from, "m@1.0.0", files).await;
        written.unwrap();
        let place = from.native(&record.version).unwrap();
        let permit = super::leave(&record);
        assert_eq!(to.native(&record.version).unwrap().provider, place.provider);
        for expected in [Written::Created, Written::Unchanged] {
            let copied = to.copy(&permit, &record, &place).await.unwrap();
            assert_eq!(copied, expected, "{}", place.place);
        }
        let read = verify(to.as_ref(), &record.version, &record.files)
            .await
            .unwrap();
        assert_eq!(read, record.digest);
    }
    let (other, here) = (azure(&azurite, "dev"), s3(&s3_server, "qa"));
    let place = other.native(&version("m@1.0.0")).unwrap();
    let (record, _) = write(&other, "m@1.0.0", &[("a", b"1")]).await;
    let refused = here
        .copy(&super::leave(&record), &record, &place)
        .await
        .unwrap_err();
    assert_eq!(refused.kind, AdapterErrorKind::Unsupported);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_says_what_it_cannot_do() {
    let (strict, versioned, silent) = (buckets::s3s(), buckets::moto(), buckets::rclone());
    let azurite = buckets::azurite();
    for (server, open, keeps_versions, may_overwrite) in [
        (&strict, s3 as Open, false, true),
        (&versioned, s3 as Open, true, true),
        (&silent, trusted_s3 as Open, false, true),
        (&azurite, azure as Open, false, false),
    ] {
        let adapter = open(server, "x");
        let before = adapter.probe().await.unwrap();
        assert_eq!(before.permissions["list"], Permission::Granted);
        assert_eq!(before.permissions["write"], Permission::Unknown);
        assert!(
            before
                .limits
                .iter()
                .any(|limit| limit.contains("is not known yet"))
        );
        let (_, written) = write(&adapter, "m@1.0.0", &[("a", b"1")]).await;
        written.unwrap();
        let after = open(server, "x").probe().await.unwrap();
        assert_eq!(after.permissions["write"], Permission::Granted);
        assert!(after.clock.is_some());
        let says = |text: &str| after.limits.iter().any(|limit| limit.contains(text));
        assert_eq!(
            says("keeps no older versions"),
            !keeps_versions,
            "{after:?}"
        );
        assert_eq!(says("overwrites although"), may_overwrite, "{after:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_not_there_is_no_empty_one() {
    let server = buckets::moto();
    let adapter = super::adapter("s3://nothing-here", &server.url(), KEY_PAIR);
    let listed = adapter
        .list(Selector::default())
        .await
        .map(|_| ())
        .unwrap_err();
    assert_eq!(listed.kind, AdapterErrorKind::NotFound, "{listed}");
    let (_, written) = write(&adapter, "m@1.0.0", &[("a", b"1")]).await;
    let error = written.unwrap_err();
    assert_eq!(error.kind, AdapterErrorKind::NotFound, "{error}");
    assert!(
        error.to_string().contains("make the bucket first"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_put_below_the_prefix_is_taken_and_nothing_else() {
    let server = buckets::s3s();
    let adapter = s3(&server, "t");
    let remote = remote(&server);
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("deep")).unwrap();
    std::fs::write(folder.path().join("model.bin"), "weights").unwrap();
    std::fs::write(folder.path().join("deep/a b.txt"), "text").unwrap();
    for place in ["t/runs/7", "t/runs/77", "other"] {
        let target = format!("{remote}/{place}");
        let copied = tool(&["copy", folder.path().to_str().unwrap(), &target]);
        assert!(copied.0, "{}", copied.1);
    }
    let address = format!("s3://{BUCKET}/t/runs/7/");
    let expected = [
        ("deep/a b.txt".to_owned(), b"text".to_vec()),
        ("model.bin".to_owned(), b"weights".to_vec()),
    ];
    assert_eq!(taken(adapter.as_ref(), &address).await, expected.into());
    for (place, kind, reason) in [
        ("/t/runs/8", AdapterErrorKind::NotFound, "nothing below"),
        ("/other", AdapterErrorKind::Unsupported, "is not below"),
        ("/t", AdapterErrorKind::Unsupported, "is not below"),
        (
            "/t/../other",
            AdapterErrorKind::Unsupported,
            "cannot be the name",
        ),
        ("/tother", AdapterErrorKind::Unsupported, "is not below"),
    ] {
        let address = format!("s3://{BUCKET}{place}");
        not_taken(adapter.as_ref(), &address, kind, reason).await;
    }
}
