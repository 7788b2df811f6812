use futures_util::TryStreamExt as _;
use tokio::time::Instant;

use super::*;
use crate::adapter::chaos::{Chaos, Fault};
use crate::adapter::conformance::{MemoryContent, Subject};
use crate::adapter::directory::DirectoryAdapter;
use crate::adapter::transfer::{fetch, verify};
use crate::adapter::{AdapterErrorKind, ErrorStatus, Locator, Record, Written};
use crate::fs::staging::StagingArea;
use crate::model::artifact::VersionId;

fn version() -> VersionId {
    "retail/model/churn@1.0.0".parse().unwrap()
}

struct Setup {
    directory: tempfile::TempDir,
    plain: Arc<dyn Adapter>,
    content: MemoryContent,
    record: Record,
}

fn setup() -> Setup {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("root");
    let long = vec![5; 1_500_000];
    let content = MemoryContent::new(&[("a", b"1"), ("long", &long)]).unwrap();
    Setup {
        plain: Arc::new(DirectoryAdapter::new("dev".parse().unwrap(), &root)),
        record: content.record(&version()).unwrap(),
        content,
        directory,
    }
}

impl Setup {
    async fn write(&self, adapter: Arc<dyn Adapter>) -> crate::adapter::Result<Written> {
        let subject = Subject {
            adapter: Arc::clone(&adapter),
            prefix: String::new(),
            secrets: Vec::new(),
        };
        let permit = subject.permit(self.record.digest).unwrap();
        adapter.write(&permit, &self.record, &self.content).await
    }

    fn chaos(&self, fault: Fault, first: usize, count: usize) -> Arc<Chaos> {
        Arc::new(Chaos::new(Arc::clone(&self.plain), fault, first, count))
    }
}

/// Without pauses: paused time does not go on while threads wait for it, as those of transfers do.
fn at_once() -> Settings {
    let settings = Settings::default();
    let retry = RetrySettings {
        first_pause: Duration::from_nanos(1),
        longest_pause: Duration::from_nanos(1),
        ..settings.retry
    };
    Settings { retry, ..settings }
}

#[tokio::test]
async fn temporary_errors_pass_unseen_wherever_they_fall() {
    for fault in [Fault::Before, Fault::After, Fault::CutStream] {
        for first in 0..7 {
            let setup = setup();
            let adapter = layered(setup.chaos(fault, first, 1), &at_once());
            let written = setup.write(Arc::clone(&adapter)).await.unwrap();
            let is_repeated = fault == Fault::After && first == 0;
            let expected = if is_repeated {
                Written::Unchanged
            } else {
                Written::Created
            };
            assert_eq!(written, expected);
            let found = verify(adapter.as_ref(), &version(), &setup.record.files).await;
            assert_eq!(found.unwrap(), setup.record.digest, "{fault:?} at {first}");
            adapter.point(&version(), None).await.unwrap();
            let area = StagingArea::open(&setup.directory.path().join("staging")).unwrap();
            let staged = fetch(adapter.as_ref(), &setup.record, &area).await.unwrap();
            assert_eq!(staged.files(), &setup.record.files);
        }
    }
}

#[tokio::test]
async fn other_bytes_are_never_taken_for_the_right_ones() {
    for read_check in [ReadCheck::Layer, ReadCheck::Caller] {
        let setup = setup();
        setup.write(Arc::clone(&setup.plain)).await.unwrap();
        let settings = Settings {
            read_check,
            ..Settings::default()
        };
        let adapter = layered(setup.chaos(Fault::OtherBytes, 0, 100), &settings);
        let found = verify(adapter.as_ref(), &version(), &setup.record.files).await;
        assert_eq!(found.unwrap_err().kind, AdapterErrorKind::Corrupt);
        let area = StagingArea::open(&setup.directory.path().join("staging")).unwrap();
        let staged = fetch(adapter.as_ref(), &setup.record, &area).await;
        assert_eq!(staged.unwrap_err().kind, AdapterErrorKind::Corrupt);
    }
}

#[tokio::test(start_paused = true)]
async fn what_fails_every_time_is_persistent_after_growing_pauses() {
    let setup = setup();
    let chaos = setup.chaos(Fault::Before, 0, usize::MAX);
    let adapter = layered(Arc::clone(&chaos) as _, &Settings::default());
    let started = Instant::now();
    let error = adapter
        .stat(Locator::Version(&version()))
        .await
        .unwrap_err();
    assert_eq!(error.status, ErrorStatus::Persistent);
    assert_eq!(chaos.calls(), 5);
    let waited = started.elapsed().as_secs_f64();
    assert!((7.5..=15.5).contains(&waited), "{waited}");
}

#[tokio::test(start_paused = true)]
async fn permanent_errors_are_not_tried_again() {
    let setup = setup();
    let mut chaos = Chaos::new(Arc::clone(&setup.plain), Fault::Before, 0, 1);
    chaos.status = ErrorStatus::Permanent;
    let chaos = Arc::new(chaos);
    let adapter = layered(Arc::clone(&chaos) as _, &Settings::default());
    let error = adapter
        .stat(Locator::Version(&version()))
        .await
        .unwrap_err();
    assert_eq!((error.status, chaos.calls()), (ErrorStatus::Permanent, 1));
}

#[tokio::test(start_paused = true)]
async fn what_the_workspace_asks_for_is_waited_for_up_to_a_limit() {
    for (asked, calls) in [(20, 2), (31, 1)] {
        let setup = setup();
        let mut chaos = Chaos::new(Arc::clone(&setup.plain), Fault::Before, 0, 1);
        chaos.retry_after = Some(Duration::from_secs(asked));
        let chaos = Arc::new(chaos);
        let adapter = layered(Arc::clone(&chaos) as _, &Settings::default());
        let started = Instant::now();
        let found = adapter.stat(Locator::Version(&version())).await;
        assert_eq!(chaos.calls(), calls);
        if calls == 2 {
            assert!(found.unwrap().is_none() && started.elapsed().as_secs() >= asked);
        } else {
            let error = found.unwrap_err();
            assert_eq!(error.retry_after, Some(Duration::from_secs(asked)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn silence_ends_each_attempt_by_itself() {
    let setup = setup();
    let chaos = setup.chaos(Fault::Silence, 0, 2);
    let adapter = layered(Arc::clone(&chaos) as _, &Settings::default());
    let started = Instant::now();
    assert!(
        adapter
            .stat(Locator::Version(&version()))
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(chaos.calls(), 3);
    assert!(started.elapsed().as_secs() >= 60);
    let silent = Arc::new(Timeout::new(
        setup.chaos(Fault::Silence, 0, 1),
        Settings::default().timeout,
    ));
    let error = silent.stat(Locator::Version(&version())).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "stat in workspace `dev`: no answer within 30 s"
    );
    assert_eq!(error.status, ErrorStatus::Temporary);
}

#[tokio::test(start_paused = true)]
async fn a_write_of_many_files_may_take_longer() {
    let mut setup = setup();
    let names: Vec<String> = (0..300).map(|number| number.to_string()).collect();
    let files: Vec<(&str, &[u8])> = names
        .iter()
        .map(|name| (name.as_str(), &b"1"[..]))
        .collect();
    setup.content = MemoryContent::new(&files).unwrap();
    setup.record = setup.content.record(&version()).unwrap();
    let chaos = setup.chaos(Fault::Silence, 0, 1);
    let adapter = Arc::new(Timeout::new(chaos, Settings::default().timeout));
    let error = setup.write(adapter).await.unwrap_err();
    assert_eq!(error.message, "no answer within 60 s");
}

#[tokio::test(start_paused = true)]
async fn each_piece_of_a_stream_has_its_own_limit() {
    for (pause, is_whole) in [(29, true), (31, false)] {
        let setup = setup();
        setup.write(Arc::clone(&setup.plain)).await.unwrap();
        let chaos = setup.chaos(Fault::Slow(Duration::from_secs(pause)), 0, 1);
        let adapter = Timeout::new(chaos, Settings::default().timeout);
        let stream = adapter
            .read(&version(), &"long".parse().unwrap())
            .await
            .unwrap();
        let read: Result<Vec<_>, _> = stream.try_collect().await;
        match read {
            Ok(pieces) => assert!(is_whole && pieces.len() == 3),
            Err(error) => assert!(!is_whole && error.kind() == std::io::ErrorKind::TimedOut),
        }
    }
}

#[tokio::test]
async fn workspaces_that_guarantee_little_are_checked_from_outside() {
    let setup = setup();
    let mut chaos = Chaos::new(Arc::clone(&setup.plain), Fault::Before, usize::MAX, 0);
    chaos.capabilities.create_only = false;
    chaos.capabilities.compare_and_set = false;
    let chaos = Arc::new(chaos);
    let adapter: Arc<dyn Adapter> =
        Arc::new(Checked::new(Arc::clone(&chaos) as _, ReadCheck::Layer));
    assert_eq!(
        setup.write(Arc::clone(&adapter)).await.unwrap(),
        Written::Created
    );
    assert_eq!(chaos.calls(), 2);
    assert_eq!(
        setup.write(Arc::clone(&adapter)).await.unwrap(),
        Written::Unchanged
    );
    assert_eq!(chaos.calls(), 3, "the write itself was not called again");
    let stale = adapter.point(&version(), Some(setup.record.digest)).await;
    assert_eq!(stale.unwrap_err().kind, AdapterErrorKind::Precondition);
    assert_eq!(chaos.calls(), 4);
}
