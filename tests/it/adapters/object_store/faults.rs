//! Stores and lines that misbehave.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use promote::adapter::transfer::verify;
use promote::adapter::{AdapterErrorKind, ErrorStatus, Locator, Written};

use super::{KEY_PAIR, s3, version, write};
use crate::servers::buckets;
use crate::servers::line::{self, Message, Step};

fn through(port: u16) -> Arc<dyn promote::adapter::Adapter> {
    super::adapter(
        "s3://bucket/t",
        &format!("http://127.0.0.1:{port}"),
        KEY_PAIR,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_loses_the_last_part_is_noticed() {
    let server = buckets::moto();
    let port = line::start(
        server.port(),
        |request: &mut Message| {
            // The list of parts is sent on without its last.
            if request.asks().starts_with("POST") && request.asks().contains("uploadId=") {
                let body = String::from_utf8(request.body.clone()).unwrap();
                let last = body.rfind("<Part>").unwrap();
                let body = format!("{}</CompleteMultipartUpload>", &body[..last]);
                for (name, value) in &mut request.headers {
                    if name == "content-length" {
                        *value = body.len().to_string();
                    }
                }
                request.body = body.into_bytes();
            }
            Step::Pass
        },
        |_, _| {},
    );
    let long = vec![5_u8; 20 * 1024 * 1024];
    let (record, written) = write(&through(port), "m@1.0.0", &[("long", &long)]).await;
    let error = written.unwrap_err();
    assert_eq!(error.kind, AdapterErrorKind::Corrupt);
    let text = error.to_string();
    assert!(
        text.contains("16777216 of 20971520 bytes after all parts were sent"),
        "{text}"
    );
    let whole = s3(&server, "t");
    assert!(
        whole
            .stat(Locator::Version(&record.version))
            .await
            .unwrap()
            .is_none()
    );
    let (record, written) = write(&whole, "m@1.0.0", &[("long", &long)]).await;
    assert_eq!(written.unwrap(), Written::Created);
    let read = verify(whole.as_ref(), &record.version, &record.files)
        .await
        .unwrap();
    assert_eq!(read, record.digest);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_change_on_the_way_are_refused_by_their_checksum() {
    let server = buckets::s3s();
    let port = line::start(
        server.port(),
        |request: &mut Message| {
            if request.asks().starts_with("PUT") && request.asks().contains("/content/") {
                request.body = b"2".to_vec();
            }
            Step::Pass
        },
        |_, _| {},
    );
    let (record, written) = write(&through(port), "m@1.0.0", &[("a", b"1")]).await;
    let error = written.unwrap_err();
    assert!(error.to_string().contains("/content/"), "{error}");
    let whole = s3(&server, "t");
    assert!(
        whole
            .stat(Locator::Version(&record.version))
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_store_is_left_alone_for_as_long_as_it_asks() {
    let server = buckets::moto();
    let busy =
        "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
    let port = line::start(
        server.port(),
        |_: &mut Message| {
            let headers = [("retry-after", "7")];
            Step::Answer(Message::answer("503 Slow Down", &headers, busy))
        },
        |_, _| {},
    );
    let asked = through(port)
        .stat(Locator::Version(&version("m@1.0.0")))
        .await;
    let error = asked.unwrap_err();
    assert_eq!(error.kind, AdapterErrorKind::RateLimited);
    assert_eq!(error.status, ErrorStatus::Temporary);
    assert_eq!(error.retry_after, Some(Duration::from_secs(7)));
    assert!(
        error
            .to_string()
            .contains("SlowDown, Please reduce your request rate."),
        "{error}"
    );
}

/// Which request fails next, and how.
#[derive(Debug, Default)]
struct Fault {
    /// How many more go well before it; far too many for none to fail.
    left: AtomicUsize,
    kind: AtomicUsize,
}

impl Fault {
    fn step(&self) -> Step {
        if self.left.fetch_sub(1, Ordering::SeqCst) != 0 {
            return Step::Pass;
        }
        match self.kind.load(Ordering::SeqCst) {
            0 => Step::Cut,
            1 => Step::Halve,
            _ => Step::Answer(Message::answer("500 Oops", &[], "<html>oops</html>")),
        }
    }
}

/// Every request in turn fails in every way; the write ends in an error that shows nothing, or is whole; and then it
/// can be done.
#[tokio::test(flavor = "multi_thread")]
async fn whichever_request_fails_the_write_is_whole_or_not_there() {
    let server = buckets::moto();
    let fault = Arc::new(Fault::default());
    fault.left.store(usize::MAX, Ordering::SeqCst);
    let told = Arc::clone(&fault);
    let port = line::start(server.port(), move |_: &mut Message| told.step(), |_, _| {});
    let (adapter, whole) = (through(port), s3(&server, "t"));
    // None fails until the store is known: that takes many requests.
    write(&adapter, "before@1.0.0", &[("a", b"1")])
        .await
        .1
        .unwrap();
    let long = vec![9_u8; 9 * 1024 * 1024];
    let files: &[(&str, &[u8])] = &[("a", b"1"), ("long", &long)];
    for at in 0.. {
        let mut is_reached = false;
        for kind in 0..3 {
            fault.kind.store(kind, Ordering::SeqCst);
            fault.left.store(at, Ordering::SeqCst);
            let text = format!("m@{at}.{kind}.0");
            let (record, written) = write(&adapter, &text, files).await;
            is_reached |= fault.left.swap(usize::MAX, Ordering::SeqCst) > at;
            let held = whole.stat(Locator::Version(&record.version)).await.unwrap();
            match (&written, &held) {
                (Ok(_), None) => panic!("{text} is said to be there"),
                (Ok(_), Some(_)) => {}
                // The answer to the last request can be lost: then it is there, and whole.
                (Err(error), _) => {
                    assert_eq!(error.status, ErrorStatus::Temporary, "{text}: {error}");
                }
            }
            let (_, again) = write(&whole, &text, files).await;
            let expected = if held.is_some() {
                Written::Unchanged
            } else {
                Written::Created
            };
            assert_eq!(again.unwrap(), expected, "{text}");
            let read = verify(whole.as_ref(), &record.version, &record.files)
                .await
                .unwrap();
            assert_eq!(read, record.digest);
        }
        if !is_reached {
            assert!(at >= 7, "only {at} requests were made");
            return;
        }
    }
}
