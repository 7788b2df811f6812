//! Files on their way to the server, hashed as they go.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::stream::{self, FuturesUnordered, StreamExt as _};
use reqwest::{Body, Response};
use sha2::{Digest as _, Sha256 as Hasher};

use crate::adapter::mlflow::client::Call;
use crate::adapter::mlflow::place::Place;
use crate::adapter::{AdapterError, AdapterErrorKind, ByteStream, Content, Record, Result};
use crate::model::digest::{FileRecord, Sha256, TreePath};
use crate::net::http::HttpError;

/// How many files travel at once. The server needs milliseconds for each, whatever its length; memory is bounded to two
/// megabytes for each.
pub(super) const FILES_AT_ONCE: usize = 12;

/// Puts all files of a version below a folder. Those that are done are passed over; `done` grows by the others.
pub(super) async fn files(
    call: Call<'_>,
    folder: &Place,
    record: &Record,
    content: &dyn Content,
    done: &Mutex<BTreeSet<TreePath>>,
) -> Result<()> {
    let known = done.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let files = record.files.records().iter();
    let mut files = files.filter(|file| !known.contains(&file.path));
    let mut under_way = FuturesUnordered::new();
    loop {
        let free = FILES_AT_ONCE.saturating_sub(under_way.len());
        for file in files.by_ref().take(free) {
            under_way.push(async move { (file, one(call, folder, file, content).await) });
        }
        match under_way.next().await {
            None => return Ok(()),
            Some((_, Err(error))) => return Err(error),
            Some((file, Ok(()))) => {
                let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                done.insert(file.path.clone());
            }
        }
    }
}

async fn one(
    call: Call<'_>,
    folder: &Place,
    file: &FileRecord,
    content: &dyn Content,
) -> Result<()> {
    let unfit = |reason| call.error(AdapterErrorKind::Unsupported, reason);
    let place = folder.file(&file.path).map_err(unfit)?;
    let stream = content.open(&file.path).await;
    let stream = stream.map_err(|error| unread(call, file, error))?;
    let problem = Problem::default();
    let checked = checked(stream, file.clone(), problem.clone());
    let body = if file.size == 0 {
        // A body of no bytes is not taken, and so not checked.
        checked.for_each(async |_| {}).await;
        Body::default()
    } else {
        Body::wrap_stream(checked)
    };
    if let Some(error) = problem.take() {
        return Err(broken(call, file, error));
    }
    let sent = call.upload(&place, file.size, body).await;
    // What is wrong with the source is not the server's fault.
    match problem.take() {
        Some(error) => Err(broken(call, file, error)),
        None => sent,
    }
}

/// Puts bytes that are in memory there, and reads them back.
pub(super) async fn bytes(call: Call<'_>, place: &Place, bytes: Vec<u8>) -> Result<Sha256> {
    let (sha256, length) = (Sha256::of(&bytes), bytes.len());
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    call.upload(place, length, Body::from(bytes)).await?;
    let back = call.download(place).await?;
    let is_same = is_same(back, sha256, length).await;
    if is_same.map_err(|error| call.http(place.as_str(), error))? {
        return Ok(sha256);
    }
    let message = format!("`{place}` reads back with other bytes than were written");
    Err(call.error(AdapterErrorKind::Corrupt, message))
}

/// Hash and length of an answer's body; not much more than `limit` bytes are read.
async fn measured(
    mut answer: Response,
    limit: u64,
) -> std::result::Result<(Sha256, u64), HttpError> {
    let mut hasher = Hasher::new();
    let mut size: u64 = 0;
    while let Some(piece) = answer.chunk().await.map_err(HttpError::of)? {
        size = size.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        hasher.update(&piece);
        if size > limit {
            break;
        }
    }
    Ok((Sha256::from_bytes(hasher.finalize().into()), size))
}

/// The hash of an answer's body, however long.
pub(super) async fn hash(answer: Response) -> std::result::Result<Sha256, HttpError> {
    let (found, _) = measured(answer, u64::MAX).await?;
    Ok(found)
}

/// Whether an answer's body is of the hash and of the length.
pub(super) async fn is_same(
    answer: Response,
    sha256: Sha256,
    length: u64,
) -> std::result::Result<bool, HttpError> {
    let found = measured(answer, length).await?;
    Ok(found == (sha256, length))
}

/// What is wrong with the source of a file.
#[derive(Debug, Clone, Default)]
struct Problem(Arc<Mutex<Option<io::Error>>>);

impl Problem {
    fn set(&self, error: io::Error) -> io::Error {
        let told = io::Error::new(error.kind(), "the source of the file failed");
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        told
    }

    fn take(&self) -> Option<io::Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A stream that ends in an error, before its last piece is given away, when its bytes are not those of the record.
fn checked(
    stream: ByteStream,
    file: FileRecord,
    problem: Problem,
) -> stream::BoxStream<'static, io::Result<Bytes>> {
    let begun = Some((stream, Hasher::new(), 0_u64));
    let pieces = stream::unfold(begun, move |state| {
        let (file, problem) = (file.clone(), problem.clone());
        async move {
            let (mut stream, mut hasher, size) = state?;
            let differs = || io::Error::from(io::ErrorKind::InvalidData);
            let piece = match stream.next().await {
                Some(Ok(piece)) => piece,
                Some(Err(error)) => return Some((Err(problem.set(error)), None)),
                None if size == file.size && is_hash(&hasher, &file) => return None,
                None => return Some((Err(problem.set(differs())), None)),
            };
            let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
            let size = size.saturating_add(length);
            hasher.update(&piece);
            let is_wrong = size > file.size || (size == file.size && !is_hash(&hasher, &file));
            if is_wrong {
                return Some((Err(problem.set(differs())), None));
            }
            Some((Ok(piece), Some((stream, hasher, size))))
        }
    });
    pieces.boxed()
}

fn is_hash(hasher: &Hasher, file: &FileRecord) -> bool {
    Sha256::from_bytes(hasher.clone().finalize().into()) == file.sha256
}

fn broken(call: Call<'_>, file: &FileRecord, error: io::Error) -> AdapterError {
    if error.kind() == io::ErrorKind::InvalidData {
        let message = format!("`{}` does not have the recorded bytes", file.path);
        return call.error(AdapterErrorKind::Corrupt, message);
    }
    unread(call, file, error)
}

fn unread(call: Call<'_>, file: &FileRecord, error: io::Error) -> AdapterError {
    let message = format!(
        "`{}` cannot be read from where it was staged: {error}",
        file.path
    );
    call.error(AdapterErrorKind::Unexpected, message)
        .caused_by(error)
}
