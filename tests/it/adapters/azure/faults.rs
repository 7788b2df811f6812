//! Every request in turn is refused, cut or spoilt: the write is whole in the end or leaves nothing that looks so. And
//! memory does not grow with what is written.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _};
use promote::adapter::layer::{RetrySettings, Settings, layered};
use promote::adapter::transfer::verify;
use promote::adapter::{Adapter, ByteStream, Content, Locator, Record, Written};
use promote::model::digest::{FileList, FileRecord, Sha256, TreePath};
use serde_json::json;
use sha2::{Digest as _, Sha256 as Hasher};

use super::fake::{Arm, Fault};
use super::http::{Fake, Reply};
use super::support::{create, permitted, version, write};

const FILES: &[(&str, &[u8])] = &[("a", b"1"), ("b", b"2")];

/// The answer instead of the one to request number `turn`.
fn at(turn: usize, reply: Reply) -> Option<Fault> {
    let mut seen = 0;
    Some(Box::new(move |_| {
        seen += 1;
        (seen == turn + 1).then(|| reply.clone())
    }))
}

fn whole(adapter: Arc<dyn Adapter>) -> Arc<dyn Adapter> {
    let settings = Settings {
        retry: RetrySettings {
            times: 4,
            first_pause: Duration::from_millis(1),
            longest_pause: Duration::from_millis(20),
        },
        ..Settings::default()
    };
    layered(adapter, &settings)
}

/// Writes and points while one request after the other is answered so; how many requests there were.
async fn survives(kind: &str, bad: &Reply) -> usize {
    survives_as(kind, "retail/model/churn", FILES, bad).await
}

async fn survives_as(kind: &str, name: &str, files: &[(&str, &[u8])], bad: &Reply) -> usize {
    let arm = Arm::start();
    for turn in 0.. {
        let text = format!("{name}@1.{turn}.0");
        arm.state().log.clear();
        arm.state().settings.fault = at(turn, bad.clone());
        let adapter = whole(Arc::new(arm.adapter(kind)));
        let (record, written) = write(adapter.as_ref(), &text, files).await;
        let requests = arm.state().log.len();
        arm.state().settings.fault = None;
        let held = adapter
            .stat(Locator::Version(&version(&text)))
            .await
            .unwrap();
        match written {
            Ok(_) => {
                let read = verify(adapter.as_ref(), &record.version, &record.files).await;
                assert_eq!(read.unwrap(), record.digest, "{turn}");
            }
            // What could not be told may be there, and then it is whole.
            Err(error) => {
                assert!(held.is_none_or(|held| held == record), "{turn}: {error}");
            }
        }
        // The next run finishes the work.
        let (_, again) = write(adapter.as_ref(), &text, files).await;
        assert!(
            matches!(again, Ok(Written::Created | Written::Unchanged)),
            "{turn}: {again:?}"
        );
        let read = verify(adapter.as_ref(), &record.version, &record.files).await;
        assert_eq!(read.unwrap(), record.digest, "{turn}");
        if turn > requests {
            arm.finish();
            return turn;
        }
    }
    panic!("it never ends")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_survives_every_refusal_at_every_request() {
    let busy = Reply::json(503, &json!({ "error": { "code": "ServerBusy" } }));
    let turns = survives("workspace", &busy).await;
    assert!(turns >= 5, "{turns}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_survives_every_cut_at_every_request() {
    // A head that promises more than comes.
    let cut = Reply::text(200, "{\"value").with("X-Cut", "");
    let turns = survives("registry", &cut).await;
    assert!(turns >= 8, "{turns}");
}

#[tokio::test(flavor = "multi_thread")]
async fn components_and_environments_survive_as_well() {
    let component: &[(&str, &[u8])] = &[
        (
            "component.yaml",
            b"type: command\ncommand: python a.py\ncode: code\n",
        ),
        ("code/a.py", b"1"),
    ];
    let runtime: &[(&str, &[u8])] = &[
        ("Dockerfile", b"FROM x"),
        ("environment.yaml", b"build: { path: . }\n"),
    ];
    let busy = Reply::json(503, &json!({ "error": { "code": "ServerBusy" } }));
    let cut = Reply::text(200, "{\"value").with("X-Cut", "");
    for (kind, bad) in [("workspace", &cut), ("registry", &busy)] {
        let turns = survives_as(kind, "retail/component/train", component, bad).await;
        assert!(turns >= 9, "{turns}");
        let turns = survives_as(kind, "retail/runtime/python", runtime, bad).await;
        assert!(turns >= 9, "{turns}");
    }
}

/// Spoils one answer of those that the blobs give.
type Spoil = fn(Reply) -> Reply;

#[tokio::test(flavor = "multi_thread")]
async fn a_write_survives_what_happens_to_any_answer_about_blobs() {
    // It was done, and nobody heard of it; it was not done; it broke off.
    let spoils: [Spoil; 3] = [
        |reply| Reply {
            status: 500,
            ..reply
        },
        |_| Reply::text(503, "busy").with("Retry-After", "0"),
        |reply| reply.with("X-Cut", ""),
    ];
    for (number, spoil) in spoils.into_iter().enumerate() {
        let arm = Arm::start();
        let blobs = Arc::clone(&arm.blobs);
        let left = Arc::new(AtomicUsize::new(usize::MAX));
        let counted = Arc::clone(&left);
        let front = Fake::start(move |request| {
            let is_turn = counted.fetch_sub(1, Ordering::SeqCst) == 0;
            let never_comes = is_turn && number == 1;
            let reply = if never_comes {
                Reply::text(503, "")
            } else {
                blobs.forward(request)
            };
            if is_turn { spoil(reply) } else { reply }
        });
        arm.state().settings.endpoint = Some(front.url().replace("http://", ""));
        // Two files, one of them in two pieces, and the record.
        let long = vec![7; (4 << 20) + 1];
        let files: &[(&str, &[u8])] = &[("a", b"1"), ("long", &long)];
        // Five requests write it, three read it back.
        for turn in 0..8 {
            let text = format!("retail/model/churn@1.{turn}.0");
            let adapter = whole(Arc::new(arm.adapter("workspace")));
            left.store(turn, Ordering::SeqCst);
            let (record, written) = write(adapter.as_ref(), &text, files).await;
            assert_eq!(written.unwrap(), Written::Created, "{number} {turn}");
            let read = verify(adapter.as_ref(), &record.version, &record.files).await;
            assert_eq!(read.unwrap(), record.digest, "{number} {turn}");
            let was_spoilt = left.swap(usize::MAX, Ordering::SeqCst) > turn;
            assert!(was_spoilt, "{number} {turn}: there were fewer requests");
        }
        arm.finish();
    }
}

/// One long file that is made as it is read.
#[derive(Debug)]
struct Long {
    pieces: u64,
}

const PIECE: usize = 1024 * 1024;

impl Content for Long {
    fn open(&self, _: &TreePath) -> BoxFuture<'_, io::Result<ByteStream>> {
        let pieces = self.pieces;
        let made = stream::iter(0..pieces).map(|number| {
            let byte = u8::try_from(number % 251).unwrap();
            Ok(Bytes::from(vec![byte; PIECE]))
        });
        Box::pin(async move { Ok(made.boxed()) })
    }

    fn local_path(&self, _: &TreePath) -> Option<PathBuf> {
        None
    }
}

/// The most memory that this process has had, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap();
    let number = line.split_whitespace().nth(1).unwrap();
    number.parse::<u64>().unwrap() * 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_does_not_grow_with_what_is_written() {
    let arm = Arm::start();
    let adapter = arm.adapter("workspace");
    create(&adapter, "retail/model/small@1.0.0", FILES).await;
    let content = Long { pieces: 100 };
    let mut hasher = Hasher::new();
    for number in 0..content.pieces {
        hasher.update(vec![u8::try_from(number % 251).unwrap(); PIECE]);
    }
    let sha256 = Sha256::from_bytes(hasher.finalize().into());
    let files = ["a", "b"].map(|path| FileRecord {
        path: path.parse().unwrap(),
        size: content.pieces * u64::try_from(PIECE).unwrap(),
        sha256,
    });
    let files = FileList::new(files.to_vec()).unwrap();
    let record = Record {
        version: version("retail/model/long@1.0.0"),
        digest: files.digest(),
        files,
    };
    let before = peak();
    let written = adapter
        .write(&permitted(&adapter, &record), &record, &content)
        .await;
    assert_eq!(written.unwrap(), Written::Created);
    let read = verify(&adapter, &record.version, &record.files).await;
    assert_eq!(read.unwrap(), record.digest);
    let grown = peak() - before;
    assert!(grown < 96 << 20, "grown by {} MiB", grown >> 20);
    arm.finish();
}
