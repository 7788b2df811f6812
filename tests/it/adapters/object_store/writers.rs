//! Several writers, and writes that are torn.

use std::sync::Arc;

use futures_util::future::join;
use promote::adapter::conformance::MemoryContent;
use promote::adapter::transfer::verify;
use promote::adapter::{Adapter, AdapterErrorKind, Locator, Selector, Written};

use super::{azure, azure_at, leave, s3, trusted_s3, version, write};
use crate::servers::buckets::{self, remote, tool};
use crate::servers::line::{self, Message, Step};

/// Two adapters that write at once, with the same or with other bytes: there is one version at the end, and it is whole.
async fn race(left: &Arc<dyn Adapter>, right: &Arc<dyn Adapter>, rounds: usize) {
    for round in 0..rounds {
        let text = format!("race@1.{round}.0");
        let version = version(&text);
        let files: [&[(&str, &[u8])]; 2] = [&[("a", b"left")], &[("a", b"right")]];
        let (one, two) = join(write(left, &text, files[0]), write(right, &text, files[1])).await;
        let held = left.stat(Locator::Version(&version)).await.unwrap();
        let mut winners = Vec::new();
        for (record, written) in [one, two] {
            match written {
                Ok(written) => {
                    assert_eq!(written, Written::Created);
                    winners.push(record);
                }
                Err(error) => {
                    assert_eq!(error.kind, AdapterErrorKind::AlreadyExists, "{error}");
                }
            }
        }
        assert!(
            winners.len() <= 1,
            "both of {text} say that they created it"
        );
        // Where the store cannot say who was first, both may step back; then neither shows.
        assert_eq!(held.as_ref(), winners.first(), "{text}");
        if let Some(held) = held {
            let read = verify(left.as_ref(), &version, &held.files).await.unwrap();
            assert_eq!(read, held.digest);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_writers_one_creates_where_the_store_says_who_was_first() {
    let server = buckets::azurite();
    let (left, right) = (azure(&server, "r"), azure(&server, "r"));
    race(&left, &right, 10).await;
    assert!(left.capabilities().create_only && left.capabilities().compare_and_set);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_writers_at_most_one_creates_where_the_store_overwrites() {
    // The word of the manifest does not help against what a request shows.
    let (silent, hasty, slow) = (buckets::rclone(), buckets::s3s(), buckets::moto());
    for (left, right) in [
        (trusted_s3(&silent, "r"), trusted_s3(&silent, "r")),
        (s3(&hasty, "r"), s3(&hasty, "r")),
        (s3(&slow, "r"), s3(&slow, "r")),
    ] {
        race(&left, &right, 10).await;
        assert!(!left.capabilities().create_only);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_write_shows_nothing_and_is_written_again() {
    let server = buckets::azurite();
    // The line is cut before the record is there, as if the machine had died.
    let port = line::start(
        server.port(),
        |request: &mut Message| {
            if request.asks().starts_with("PUT") && request.asks().contains("record.json") {
                Step::Cut
            } else {
                Step::Pass
            }
        },
        |_, _| {},
    );
    let torn = azure_at(port, "t");
    let long = vec![3_u8; 20 * 1024 * 1024];
    let files: &[(&str, &[u8])] = &[("a", b"1"), ("long", &long)];
    let (record, written) = write(&torn, "m@1.0.0", files).await;
    assert_eq!(
        written.unwrap_err().status,
        promote::adapter::ErrorStatus::Temporary
    );
    let whole = azure(&server, "t");
    let version = version("m@1.0.0");
    assert!(
        whole
            .stat(Locator::Version(&version))
            .await
            .unwrap()
            .is_none()
    );
    let listed = whole.list(Selector::default()).await.unwrap();
    let listed: Vec<_> = futures_util::TryStreamExt::try_collect(listed)
        .await
        .unwrap();
    assert_eq!(listed, []);
    // Other bytes under the version are not hindered by it: they have a folder of their own.
    let (other, written) = write(&whole, "m@1.0.0", &[("a", b"2")]).await;
    assert_eq!(written.unwrap(), Written::Created);
    let read = verify(whole.as_ref(), &version, &other.files)
        .await
        .unwrap();
    assert_eq!(read, other.digest);
    let (_, written) = write(&torn, "m@1.0.0", files).await;
    assert_eq!(written.unwrap_err().kind, AdapterErrorKind::AlreadyExists);
    assert_ne!(record.digest, other.digest);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_bytes_that_lie_about_stop_a_store_that_overwrites_and_the_error_says_where() {
    let server = buckets::rclone();
    let stray = tempfile::tempdir().unwrap();
    let file = stray.path().join("a");
    std::fs::write(&file, "other").unwrap();
    let target = format!("{}/t/p/model/m/1.0.0/content/abc/a", remote(&server));
    assert!(tool(&["copyto", file.to_str().unwrap(), &target]).0);
    let adapter = s3(&server, "t");
    let (_, written) = write(&adapter, "m@1.0.0", &[("a", b"1")]).await;
    let error = written.unwrap_err();
    assert_eq!(error.kind, AdapterErrorKind::AlreadyExists);
    let text = error.to_string();
    assert!(
        text.contains("`t/p/model/m/1.0.0/content/abc/` holds other bytes"),
        "{text}"
    );
    assert!(
        adapter
            .stat(Locator::Version(&version("m@1.0.0")))
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pointer_that_was_moved_meanwhile_is_noticed() {
    let server = buckets::moto();
    let other = s3(&server, "t");
    for text in ["m@1.0.0", "m@2.0.0", "m@3.0.0"] {
        write(&other, text, &[("a", text.as_bytes())])
            .await
            .1
            .unwrap();
    }
    other.point(&version("m@1.0.0"), None).await.unwrap();
    let held = other
        .stat(Locator::Current(&version("m@1.0.0").artifact))
        .await
        .unwrap();
    // Between our look and our write somebody moves it: the first request to write it waits for that.
    let (runtime, mover) = (tokio::runtime::Handle::current(), Arc::clone(&other));
    let expected = held.map(|record| record.digest);
    let port = line::start(
        server.port(),
        move |request: &mut Message| {
            if request.asks().starts_with("PUT") && request.asks().ends_with("/current") {
                let to = version("m@2.0.0");
                runtime.block_on(mover.point(&to, expected)).unwrap();
            }
            Step::Pass
        },
        |_, _| {},
    );
    let endpoint = format!("http://127.0.0.1:{port}");
    let ours = super::adapter("s3://bucket/t", &endpoint, super::KEY_PAIR);
    let error = ours.point(&version("m@3.0.0"), expected).await.unwrap_err();
    assert_eq!(error.kind, AdapterErrorKind::Precondition, "{error}");
    let held = other
        .stat(Locator::Current(&version("m@1.0.0").artifact))
        .await
        .unwrap();
    assert_eq!(held.unwrap().version, version("m@2.0.0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_given_up_is_given_up_in_the_store_too() {
    let server = buckets::moto();
    let adapter = s3(&server, "t");
    let long = vec![3_u8; 20 * 1024 * 1024];
    let content = MemoryContent::new(&[("long", &long)]).unwrap();
    let record = content.record(&version("m@1.0.0")).unwrap();
    let cut = content.breaking();
    adapter
        .write(&leave(&record), &record, &cut)
        .await
        .unwrap_err();
    // It is told so by a task of its own.
    let mut uploads = String::new();
    for _ in 0..100 {
        uploads = buckets::request(server.port(), "GET", "/bucket?uploads", "").1;
        if !uploads.contains("<UploadId>") {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{uploads}");
}
