//! Files on their way into the bucket: several at once, hashed on the way, long ones in parts.

use std::io;
use std::sync::Arc;

use ::object_store::{PutMode, PutPayload};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use sha2::{Digest as _, Sha256 as Hasher};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use crate::adapter::object_store::parts;
use crate::adapter::object_store::session::{Session, put};
use crate::adapter::{AdapterError, AdapterErrorKind, Content, Record, Result};
use crate::model::digest::{FileRecord, Sha256};

/// The unit in which memory is lent.
const MIB: u64 = 1024 * 1024;
/// Files up to this size travel in one piece, longer ones in parts of at least this size; in bytes.
pub(super) const PART_BYTES: u64 = 8 * MIB;
/// How much may be on its way at once, in MiB. A line that is slower than about a megabyte a second is cut by our client.
const IN_FLIGHT_MIB: usize = 32;
/// How many files travel at once.
const FILES_AT_ONCE: usize = 32;
/// How many of them may be long: each reads a little ahead.
const LONG_AT_ONCE: usize = 4;

/// What all files of one write share.
#[derive(Debug)]
pub(super) struct Budget {
    memory: Arc<Semaphore>,
    long: Semaphore,
}

impl Budget {
    /// Waits until so many bytes may be held.
    pub(super) async fn take(&self, bytes: u64) -> OwnedSemaphorePermit {
        let wanted = u32::try_from(bytes.div_ceil(MIB)).unwrap_or(u32::MAX);
        let most = u32::try_from(IN_FLIGHT_MIB).unwrap_or(u32::MAX);
        let memory = Arc::clone(&self.memory);
        let permit = memory.acquire_many_owned(wanted.clamp(1, most)).await;
        match permit {
            Ok(permit) => permit,
            // Nobody closes it.
            Err(_) => std::future::pending().await,
        }
    }
}

/// A task that ends when nobody waits for it any more.
#[derive(Debug)]
pub(super) struct Task<T>(JoinHandle<T>);

impl<T: Send + 'static> Task<T> {
    /// Begins to work on another thread.
    pub(super) fn spawn(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }

    /// Waits for the end of the work.
    pub(super) async fn end(mut self, session: &Session<'_>) -> Result<T> {
        (&mut self.0).await.map_err(|error| {
            session
                .error(AdapterErrorKind::Unexpected, "the work was ended")
                .caused_by(error)
        })
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Puts all files of a version into a folder.
pub(super) async fn files(
    session: &Session<'_>,
    record: &Record,
    content: &dyn Content,
    folder: &str,
) -> Result<()> {
    let budget = Budget {
        memory: Arc::new(Semaphore::new(IN_FLIGHT_MIB)),
        long: Semaphore::new(LONG_AT_ONCE),
    };
    let files = stream::iter(record.files.records().iter().map(Ok::<_, AdapterError>));
    let each = |file| upload(session, content, file, folder, &budget);
    files.try_for_each_concurrent(FILES_AT_ONCE, each).await
}

async fn upload(
    session: &Session<'_>,
    content: &dyn Content,
    file: &FileRecord,
    folder: &str,
    budget: &Budget,
) -> Result<()> {
    let key = format!("{folder}{}", file.path);
    if file.size > PART_BYTES {
        let _turn = budget.long.acquire().await;
        return parts::upload(session, content, file, &key, budget).await;
    }
    let permit = budget.take(file.size).await;
    let mut source = Source::open(session, content, file).await?;
    let mut pieces = Vec::new();
    while let Some(piece) = source.next().await? {
        pieces.push(piece);
    }
    let (path, connected) = (session.key(&key)?, session.connected.clone());
    let task = Task::spawn(async move {
        let payload = PutPayload::from_iter(pieces);
        let put = put(connected, path, payload, PutMode::Overwrite).await;
        drop(permit);
        put
    });
    let put = task.end(session).await?;
    put.map(drop).map_err(|failed| session.failed(&key, failed))
}

/// The bytes of a file, compared with its record on the way: other bytes never come to their end.
pub(super) struct Source<'a> {
    session: &'a Session<'a>,
    file: &'a FileRecord,
    stream: crate::adapter::ByteStream,
    hasher: Hasher,
    size: u64,
}

impl<'a> Source<'a> {
    /// Begins to read.
    pub(super) async fn open(
        session: &'a Session<'a>,
        content: &dyn Content,
        file: &'a FileRecord,
    ) -> Result<Self> {
        let stream = content.open(&file.path).await;
        let stream = stream.map_err(|error| unread(session, file, error))?;
        Ok(Self {
            session,
            file,
            stream,
            hasher: Hasher::new(),
            size: 0,
        })
    }

    /// The next bytes; `None` at the end, when they were those of the record.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>> {
        match self.stream.next().await {
            Some(Ok(piece)) => {
                let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
                self.size = self.size.saturating_add(length);
                if self.size > self.file.size {
                    return Err(self.differs());
                }
                self.hasher.update(&piece);
                Ok(Some(piece))
            }
            Some(Err(error)) => Err(unread(self.session, self.file, error)),
            None => {
                let found = Sha256::from_bytes(self.hasher.clone().finalize().into());
                if self.size == self.file.size && found == self.file.sha256 {
                    return Ok(None);
                }
                Err(self.differs())
            }
        }
    }

    fn differs(&self) -> AdapterError {
        let message = format!("`{}` does not have the recorded bytes", self.file.path);
        self.session.error(AdapterErrorKind::Corrupt, message)
    }
}

fn unread(session: &Session<'_>, file: &FileRecord, error: io::Error) -> AdapterError {
    let kind = match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => AdapterErrorKind::Corrupt,
        _ => AdapterErrorKind::Unexpected,
    };
    session
        .error(kind, format!("`{}`: {error}", file.path))
        .caused_by(error)
}
