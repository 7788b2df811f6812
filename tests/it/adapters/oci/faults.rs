//! Every request in turn is cut or refused, once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use promote::adapter::conformance::MemoryContent;
use promote::adapter::layer::{RetrySettings, Settings, layered};
use promote::adapter::transfer::verify;
use promote::adapter::{Adapter as _, ErrorStatus, Locator, Written};

use crate::adapters::oci::fake::{Answer, Fake, forward};
use crate::adapters::oci::support::{create, leave, registry};
use crate::servers::registry::docker_registry;

/// What goes wrong.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// The line is cut before the request is passed on.
    CutBefore,
    /// The line is cut when the request has been carried out.
    CutAfter,
    /// The server is busy.
    Busy,
}

/// A registry where the request with a number, counted from 0, goes wrong.
fn failing(port: u16, fault: Fault, number: Arc<AtomicUsize>) -> Fake {
    Fake::start(move |request| {
        let left = number.fetch_sub(1, Ordering::SeqCst);
        match fault {
            _ if left != 0 => forward(port, request),
            Fault::CutBefore => Answer::new(0, &[], b""),
            Fault::CutAfter => {
                forward(port, request);
                Answer::new(0, &[], b"")
            }
            Fault::Busy => Answer::new(503, &[("Retry-After", "0")], b"busy"),
        }
    })
}

const FILES: &[(&str, &[u8])] = &[("a", b"1"), ("b", b"2")];

/// Writes and points while a request goes wrong; `false` when there were not so many requests.
async fn survives(port: u16, fault: Fault, number: usize) -> bool {
    let left = Arc::new(AtomicUsize::new(usize::MAX / 2));
    let fake = failing(port, fault, Arc::clone(&left));
    let prefix = format!("{}/{number}", format!("{fault:?}").to_lowercase());
    let honest = registry("dev", &fake.url(), &prefix);
    let version = "retail/model/churn@1.0.0".parse().unwrap();
    let content = MemoryContent::new(FILES).unwrap();
    let record = content.record(&version).unwrap();
    let permit = leave("dev", record.digest);
    left.store(number, Ordering::SeqCst);
    let written = honest.write(&permit, &record, &content).await;
    let was_hit = left.load(Ordering::SeqCst) > usize::MAX / 2;
    left.store(usize::MAX / 2, Ordering::SeqCst);
    if let Err(error) = &written {
        assert_eq!(
            error.status,
            ErrorStatus::Temporary,
            "{fault:?} {number}: {error}"
        );
    }
    // Whole or not there.
    let held = honest.stat(Locator::Version(&version)).await.unwrap();
    if let Some(held) = &held {
        assert_eq!(*held, record);
        let found = verify(honest.as_ref(), &version, &record.files).await;
        assert_eq!(found.unwrap(), record.digest, "{fault:?} {number}");
    }
    assert!(held.is_some() || written.is_err(), "{fault:?} {number}");
    let again = honest.write(&permit, &record, &content).await.unwrap();
    let expected = if held.is_some() {
        Written::Unchanged
    } else {
        Written::Created
    };
    assert_eq!(again, expected);
    was_hit
}

#[tokio::test]
async fn a_write_is_whole_or_not_there_whatever_request_goes_wrong() {
    let server = docker_registry();
    for fault in [Fault::CutBefore, Fault::CutAfter, Fault::Busy] {
        let mut number = 0;
        while survives(server.port(), fault, number).await {
            number += 1;
        }
        assert!(number > 10, "{fault:?}: {number}");
    }
}

#[tokio::test]
async fn the_layers_ride_out_what_passes() {
    let server = docker_registry();
    let left = Arc::new(AtomicUsize::new(usize::MAX / 2));
    let fake = failing(server.port(), Fault::Busy, Arc::clone(&left));
    let settings = Settings {
        retry: RetrySettings {
            first_pause: std::time::Duration::from_millis(1),
            ..Settings::default().retry
        },
        ..Settings::default()
    };
    let adapter = layered(registry("dev", &fake.url(), "ml"), &settings);
    for number in [0, 3, 6, 9, 12] {
        left.store(number, Ordering::SeqCst);
        let version = format!("retail/model/churn@1.{number}.0");
        let record = create(adapter.as_ref(), &version, FILES).await;
        let found = verify(adapter.as_ref(), &record.version, &record.files).await;
        assert_eq!(found.unwrap(), record.digest);
    }
}
