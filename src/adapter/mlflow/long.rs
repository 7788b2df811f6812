//! Reading long files, in parts at once: the server's processes each need longer to send an answer than we need to take it.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use reqwest::header::CONTENT_RANGE;
use reqwest::{Response, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use crate::adapter::mlflow::client::{Call, Server};
use crate::adapter::mlflow::place::Place;
use crate::adapter::{AdapterError, ByteStream, ErrorStatus, Record, Result};
use crate::model::digest::TreePath;
use crate::net::http;

/// How long a part is, in bytes. Files of at least two parts are long.
const PART_BYTES: u64 = 8 * 1024 * 1024;
/// How many parts of a file travel at once.
const PARTS_AT_ONCE: usize = 4;
/// How many parts of all files are read ahead of who takes them. Bounds memory, together with one part for each file.
const READ_AHEAD: usize = 4;

/// The long files of a version, with their lengths in bytes.
pub(super) type LongFiles = Arc<BTreeMap<TreePath, u64>>;

/// The long files of a record.
pub(super) fn long_files(record: &Record) -> LongFiles {
    let long = record.files.records().iter();
    let long = long.filter(|file| file.size >= 2 * PART_BYTES);
    Arc::new(long.map(|file| (file.path.clone(), file.size)).collect())
}

/// What bounds the memory of all long files.
pub(super) fn read_ahead() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(READ_AHEAD))
}

/// The bytes of a file of `size` bytes. That parts belong together is for the hash to tell.
///
/// # Errors
///
/// When the first part cannot be read.
pub(super) async fn read(
    server: &Arc<Server>,
    place: &Place,
    size: u64,
    ahead: &Arc<Semaphore>,
) -> Result<ByteStream> {
    let call = Call {
        server,
        operation: "read",
    };
    let first = call.download_part(place, 0, PART_BYTES).await?;
    if !is_part(&first, 0) {
        return Ok(http::stream(first));
    }
    let mut rest = Parts {
        server: Arc::clone(server),
        place: place.clone(),
        size,
        ahead: Arc::clone(ahead),
        next: PART_BYTES,
        running: VecDeque::new(),
        taken: Taken::default(),
    };
    rest.ask();
    let rest = stream::unfold(Some(rest), |parts| async move {
        let mut parts = parts?;
        match parts.next().await {
            Ok(None) => None,
            Ok(Some(piece)) => Some((Ok(piece), Some(parts))),
            Err(error) => Some((Err(error), None)),
        }
    });
    Ok(http::stream(first).chain(rest).boxed())
}

/// Whether an answer is the part of a file from there on, and not the whole file.
fn is_part(answer: &Response, start: u64) -> bool {
    let range = answer.headers().get(CONTENT_RANGE);
    let range = range.and_then(|range| range.to_str().ok()).unwrap_or("");
    answer.status() == StatusCode::PARTIAL_CONTENT && range.starts_with(&format!("bytes {start}-"))
}

/// The parts after the first.
struct Parts {
    server: Arc<Server>,
    place: Place,
    size: u64,
    ahead: Arc<Semaphore>,
    /// Where the next part begins that is not asked for yet.
    next: u64,
    running: VecDeque<Part>,
    taken: Taken,
}

/// A part that is there, and the leave to hold it.
#[derive(Default)]
struct Taken {
    pieces: VecDeque<Bytes>,
    _permit: Option<OwnedSemaphorePermit>,
}

/// A part on its way. It ends when nobody waits for it any more.
struct Part(JoinHandle<io::Result<Taken>>);

impl Drop for Part {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Parts {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            self.ask();
            if let Some(piece) = self.taken.pieces.pop_front() {
                return Ok(Some(piece));
            }
            let Some(mut part) = self.running.pop_front() else {
                return Ok(None);
            };
            self.taken = (&mut part.0).await.map_err(io::Error::other)??;
        }
    }

    /// Asks for further parts, as far as memory is left. One goes without: nobody waits for others.
    fn ask(&mut self) {
        while self.next < self.size && self.running.len() < PARTS_AT_ONCE {
            let permit = Arc::clone(&self.ahead).try_acquire_owned().ok();
            if permit.is_none() && !(self.running.is_empty() && self.taken.pieces.is_empty()) {
                return;
            }
            let end = self.size.min(self.next.saturating_add(PART_BYTES));
            let (server, place, start) = (Arc::clone(&self.server), self.place.clone(), self.next);
            let part = tokio::spawn(part(server, place, start, end, permit));
            self.running.push_back(Part(part));
            self.next = end;
        }
    }
}

async fn part(
    server: Arc<Server>,
    place: Place,
    start: u64,
    end: u64,
    permit: Option<OwnedSemaphorePermit>,
) -> io::Result<Taken> {
    let call = Call {
        server: &server,
        operation: "read",
    };
    let length = end.saturating_sub(start);
    let answer = call.download_part(&place, start, length).await;
    let mut answer = answer.map_err(refused)?;
    if !is_part(&answer, start) {
        let message = "the server answered with another part than was asked for";
        return Err(io::Error::other(message));
    }
    let (mut pieces, mut left) = (VecDeque::new(), length);
    while let Some(piece) = answer.chunk().await.map_err(http::broken)? {
        let count = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        let Some(rest) = left.checked_sub(count) else {
            return Err(io::Error::other("the server sent more than was asked for"));
        };
        left = rest;
        pieces.push_back(piece);
    }
    match left {
        0 => Ok(Taken {
            pieces,
            _permit: permit,
        }),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// A part that the server does not give. What may pass is said so, so that whoever reads can go on from there.
fn refused(error: AdapterError) -> io::Error {
    let kind = match error.status {
        ErrorStatus::Temporary => io::ErrorKind::ConnectionReset,
        ErrorStatus::Permanent | ErrorStatus::Persistent => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}
