//! Bytes on their way: out of a workspace into the staging area, and back out of a workspace to prove a write.

use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use sha2::{Digest as _, Sha256 as Hasher};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::adapter::pump::{Wanted, wanted};
use crate::adapter::{
    Adapter, AdapterError, AdapterErrorKind, ByteStream, Locator, Record, Result,
};
use crate::fs::staging::{StagedTree, StagedWriter, StagingArea, StagingError};
use crate::model::artifact::VersionId;
use crate::model::digest::{FileList, FileRecord, Sha256, TreeDigest};

/// How many short files travel at once. It hides the time that a workspace takes to answer.
const FILES_AT_ONCE: usize = 16;
/// In place of how many short files a long one travels. It is read ahead of who hashes it: this bounds memory.
const LONG_WEIGHT: u32 = 4;
/// Up to this length a file is short, in bytes.
const SHORT_BYTES: u64 = 256 * 1024;

/// Reads a whole version into the staging area, hashing what is read.
///
/// # Errors
///
/// What the adapter says; `Corrupt` when the bytes are not those of the record; `Unexpected` when they cannot be
/// staged. Nothing stays behind then.
pub async fn fetch(
    adapter: &dyn Adapter,
    record: &Record,
    staging: &StagingArea,
) -> Result<StagedTree> {
    let reporter = Reporter::new(adapter, "fetch");
    let (staging, digest) = (staging.clone(), record.digest);
    let begun = run(reporter.clone(), move || staging.begin(digest)).await?;
    let writer = Arc::new(begun.map_err(|error| reporter.staging(error))?);
    let mut files = record.files.records().iter();
    let turns = Semaphore::new(FILES_AT_ONCE);
    let mut under_way = FuturesUnordered::new();
    loop {
        let free = FILES_AT_ONCE.saturating_sub(under_way.len());
        for file in files.by_ref().take(free) {
            let fetching = fetch_file(adapter, &record.version, file, &writer, &reporter);
            under_way.push(in_turn(&turns, file, fetching));
        }
        match under_way.next().await {
            Some(fetched) => fetched?,
            None => break,
        }
    }
    drop(under_way);
    let finish = move || Arc::into_inner(writer).map(StagedWriter::finish);
    match run(reporter.clone(), finish).await? {
        Some(finished) => finished.map_err(|error| reporter.staging(error)),
        None => Err(reporter.error(
            AdapterErrorKind::Unexpected,
            "a file is still being written",
        )),
    }
}

/// Reads a whole version back through the normal read path, hashes it, and compares. Returns the digest of what was
/// read, which is that of `expected`.
///
/// # Errors
///
/// What the adapter says; `NotFound` when the version is not there; `Corrupt` when its record or its bytes are other
/// than expected.
pub async fn verify(
    adapter: &dyn Adapter,
    version: &VersionId,
    expected: &FileList,
) -> Result<TreeDigest> {
    let reporter = Reporter::new(adapter, "verify");
    match adapter.stat(Locator::Version(version)).await? {
        None => {
            let message = format!("there is no `{version}`");
            return Err(reporter.error(AdapterErrorKind::NotFound, message));
        }
        Some(record) if record.files != *expected => {
            let message = format!("`{version}` is recorded with other files");
            return Err(reporter.error(AdapterErrorKind::Corrupt, message));
        }
        Some(_) => {}
    }
    let mut files = expected.records().iter();
    let turns = Semaphore::new(FILES_AT_ONCE);
    let mut under_way = FuturesUnordered::new();
    let mut found = Vec::new();
    loop {
        let free = FILES_AT_ONCE.saturating_sub(under_way.len());
        for file in files.by_ref().take(free) {
            let verifying = verify_file(adapter, version, file, &reporter);
            under_way.push(in_turn(&turns, file, verifying));
        }
        match under_way.next().await {
            Some(verified) => found.push(verified?),
            None => break,
        }
    }
    let found = FileList::new(found)
        .map_err(|error| reporter.error(AdapterErrorKind::Corrupt, error.to_string()))?;
    Ok(found.digest())
}

/// Why nothing can be fetched from a workspace: there is nowhere to put it.
pub fn unstaged(source: &dyn Adapter, error: StagingError) -> AdapterError {
    Reporter::new(source, "fetch").staging(error)
}

/// Works on a file when it is its turn.
async fn in_turn<T>(turns: &Semaphore, file: &FileRecord, work: impl Future<Output = T>) -> T {
    let weight = match file.size <= SHORT_BYTES {
        true => 1,
        false => LONG_WEIGHT,
    };
    // Nobody closes it.
    let _turn = turns.acquire_many(weight).await;
    work.await
}

async fn fetch_file(
    adapter: &dyn Adapter,
    version: &VersionId,
    file: &FileRecord,
    writer: &Arc<StagedWriter>,
    reporter: &Reporter,
) -> Result<()> {
    let stream = adapter.read(version, &file.path).await?;
    let (waiter, wanted) = wanted();
    let (writer, expected, inner) = (Arc::clone(writer), file.clone(), reporter.clone());
    let stage = move || {
        let mut staged = writer
            .create(&expected.path, expected.size)
            .map_err(|error| inner.staging(error))?;
        drop(writer);
        each_chunk(stream, wanted, &inner, &expected, |chunk| {
            staged.write(&chunk).map_err(|error| inner.staging(error))
        })?;
        let found = staged.finish().map_err(|error| inner.staging(error))?;
        inner.compare(&found, &expected)
    };
    let result = run(reporter.clone(), stage).await;
    drop(waiter);
    result?
}

async fn verify_file(
    adapter: &dyn Adapter,
    version: &VersionId,
    file: &FileRecord,
    reporter: &Reporter,
) -> Result<FileRecord> {
    let stream = adapter.read(version, &file.path).await?;
    let (waiter, wanted) = wanted();
    let (expected, inner) = (file.clone(), reporter.clone());
    let hash = move || {
        let mut hasher = Hasher::new();
        let mut size: u64 = 0;
        each_chunk(stream, wanted, &inner, &expected, |chunk| {
            size = size.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
            hasher.update(&chunk);
            if size > expected.size {
                return Err(inner.differs(&expected));
            }
            Ok(())
        })?;
        let found = FileRecord {
            path: expected.path.clone(),
            size,
            sha256: Sha256::from_bytes(hasher.finalize().into()),
        };
        inner.compare(&found, &expected)?;
        Ok(found)
    };
    let result = run(reporter.clone(), hash).await;
    drop(waiter);
    result?
}

/// Takes a stream apart on a thread that may block: hashing and writing there overlaps with reading on another.
fn each_chunk(
    mut stream: ByteStream,
    mut wanted: Wanted,
    reporter: &Reporter,
    file: &FileRecord,
    mut take: impl FnMut(bytes::Bytes) -> Result<()>,
) -> Result<()> {
    let failed = |error| reporter.stream(file, error);
    while let Some(chunk) = wanted.next(&mut stream).map_err(failed)? {
        take(chunk)?;
    }
    Ok(())
}

async fn run<T: Send + 'static>(
    reporter: Reporter,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    spawn_blocking(work).await.map_err(|error| {
        reporter
            .error(AdapterErrorKind::Unexpected, "the work was ended")
            .caused_by(error)
    })
}

/// Makes the errors of one transfer.
#[derive(Debug, Clone)]
struct Reporter {
    workspace: String,
    operation: &'static str,
}

impl Reporter {
    fn new(adapter: &dyn Adapter, operation: &'static str) -> Self {
        Self {
            workspace: adapter.info().workspace,
            operation,
        }
    }

    fn error(&self, kind: AdapterErrorKind, message: impl Into<String>) -> AdapterError {
        AdapterError::permanent(kind, self.workspace.as_str(), self.operation, message)
    }

    fn staging(&self, error: StagingError) -> AdapterError {
        let kind = match error {
            StagingError::Write { .. } => AdapterErrorKind::Unexpected,
            StagingError::TooLong { .. } | StagingError::Files(_) | StagingError::Digest { .. } => {
                AdapterErrorKind::Corrupt
            }
        };
        self.error(kind, error.to_string()).caused_by(error)
    }

    /// A stream that breaks says that we could not tell, except when it says that the bytes are wrong.
    fn stream(&self, file: &FileRecord, error: std::io::Error) -> AdapterError {
        let kind = match error.kind() {
            std::io::ErrorKind::InvalidData => AdapterErrorKind::Corrupt,
            _ => AdapterErrorKind::Unexpected,
        };
        let message = format!("`{}`: {error}", file.path);
        self.error(kind, message).caused_by(error)
    }

    fn differs(&self, file: &FileRecord) -> AdapterError {
        let message = format!("`{}` does not have the recorded bytes", file.path);
        self.error(AdapterErrorKind::Corrupt, message)
    }

    fn compare(&self, found: &FileRecord, expected: &FileRecord) -> Result<()> {
        if found == expected {
            Ok(())
        } else {
            Err(self.differs(expected))
        }
    }
}
