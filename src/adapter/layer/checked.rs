//! What must hold whatever the adapter does.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use sha2::{Digest as _, Sha256 as Hasher};

use crate::adapter::admit::admit;
use crate::adapter::foreign::Foreign;
use crate::adapter::layer::ReadCheck;
use crate::adapter::sweep::Found;
use crate::adapter::{
    Adapter, AdapterError, AdapterErrorKind, ByteStream, Capabilities, Content, Description, Info,
    Locator, NativePlace, Probe, Record, Result, Selector, Written,
};
use crate::flow::permit::FlowPermit;
use crate::model::artifact::VersionId;
use crate::model::digest::{FileRecord, Sha256, TreeDigest, TreePath};

/// How many records are remembered to check reads against, and up to how many files each. Bounds memory.
const REMEMBERED: usize = 8;
const MAX_REMEMBERED_FILES: usize = 20_000;

/// Checks permits before writes, makes up for what the workspace cannot guarantee as well as can be done from outside,
/// and compares bytes that are read with records that were seen.
#[derive(Debug)]
pub struct Checked {
    inner: Arc<dyn Adapter>,
    read_check: ReadCheck,
    records: Mutex<VecDeque<Arc<Record>>>,
}

impl Checked {
    /// Puts the layer around an adapter.
    #[must_use]
    pub const fn new(inner: Arc<dyn Adapter>, read_check: ReadCheck) -> Self {
        Self {
            inner,
            read_check,
            records: Mutex::new(VecDeque::new()),
        }
    }

    fn remember(&self, record: &Record) {
        if self.read_check == ReadCheck::Caller
            || record.files.records().len() > MAX_REMEMBERED_FILES
        {
            return;
        }
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.retain(|known| known.version != record.version);
        records.push_front(Arc::new(record.clone()));
        records.truncate(REMEMBERED);
    }

    fn remembered(&self, version: &VersionId) -> Option<Arc<Record>> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let known = records.iter().find(|record| record.version == *version);
        known.cloned()
    }

    async fn checked_write(
        &self,
        permit: &FlowPermit,
        record: &Record,
        content: &dyn Content,
    ) -> Result<Written> {
        if self.before_write(permit, record).await? == Written::Unchanged {
            return Ok(Written::Unchanged);
        }
        let written = self.inner.write(permit, record, content).await?;
        self.remember(record);
        Ok(written)
    }

    async fn checked_copy(
        &self,
        permit: &FlowPermit,
        record: &Record,
        from: &NativePlace,
    ) -> Result<Written> {
        if self.before_write(permit, record).await? == Written::Unchanged {
            return Ok(Written::Unchanged);
        }
        self.inner.copy(permit, record, from).await
    }

    /// What a write will come to, as far as it can be told before.
    async fn before_write(&self, permit: &FlowPermit, record: &Record) -> Result<Written> {
        let workspace = self.inner.info().workspace;
        admit(&workspace, permit, record)?;
        if self.inner.capabilities().create_only {
            return Ok(Written::Created);
        }
        // Not proof against a race, which only the workspace could be; reading back shows who won.
        let held = self.inner.stat(Locator::Version(&record.version)).await?;
        compare(&workspace, held.as_ref(), record)
    }

    async fn checked_point(&self, version: &VersionId, expected: Option<TreeDigest>) -> Result<()> {
        if !self.inner.capabilities().compare_and_set {
            let held = self.inner.stat(Locator::Current(&version.artifact)).await?;
            let workspace = self.inner.info().workspace;
            precondition(&workspace, held.as_ref(), version, expected)?;
        }
        self.inner.point(version, expected).await
    }
}

/// What a write of `record` comes to, given what is there.
pub(in crate::adapter) fn compare(
    workspace: &str,
    held: Option<&Record>,
    record: &Record,
) -> Result<Written> {
    match held {
        None => Ok(Written::Created),
        Some(held) if held.digest == record.digest => Ok(Written::Unchanged),
        Some(held) => {
            let message = format!(
                "`{}` is there with digest `{}`",
                record.version, held.digest
            );
            Err(AdapterError::permanent(
                AdapterErrorKind::AlreadyExists,
                workspace,
                "write",
                message,
            ))
        }
    }
}

/// Whether a pointer that holds `held` may move to `version`.
pub(in crate::adapter) fn precondition(
    workspace: &str,
    held: Option<&Record>,
    version: &VersionId,
    expected: Option<TreeDigest>,
) -> Result<()> {
    let is_there = held.is_some_and(|held| held.version == *version);
    if is_there || held.map(|held| held.digest) == expected {
        return Ok(());
    }
    let message = format!("the pointer of `{}` holds something else", version.artifact);
    Err(AdapterError::permanent(
        AdapterErrorKind::Precondition,
        workspace,
        "point",
        message,
    ))
}

/// A stream that ends with an error when its bytes are not those of the record.
struct Compared {
    stream: ByteStream,
    expected: FileRecord,
    hasher: Hasher,
    size: u64,
}

impl Compared {
    async fn next(mut self) -> Option<(io::Result<bytes::Bytes>, Option<Self>)> {
        match self.stream.next().await {
            Some(Ok(chunk)) => {
                let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
                self.size = self.size.saturating_add(length);
                if self.size > self.expected.size {
                    return Some((Err(self.differs()), None));
                }
                self.hasher.update(&chunk);
                Some((Ok(chunk), Some(self)))
            }
            Some(Err(error)) => Some((Err(error), None)),
            None => {
                let found = Sha256::from_bytes(self.hasher.clone().finalize().into());
                let is_same = found == self.expected.sha256 && self.size == self.expected.size;
                (!is_same).then(|| (Err(self.differs()), None))
            }
        }
    }

    fn differs(&self) -> io::Error {
        let message = format!("`{}` does not have the recorded bytes", self.expected.path);
        io::Error::new(io::ErrorKind::InvalidData, message)
    }
}

impl Adapter for Checked {
    fn info(&self) -> Info {
        self.inner.info()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn list(&self, selector: Selector) -> BoxFuture<'_, Result<BoxStream<'_, Result<Record>>>> {
        self.inner.list(selector)
    }

    fn stat<'a>(&'a self, locator: Locator<'a>) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(async move {
            let found = self.inner.stat(locator).await?;
            if let Some(record) = &found {
                self.remember(record);
            }
            Ok(found)
        })
    }

    fn read<'a>(
        &'a self,
        version: &'a VersionId,
        path: &'a TreePath,
    ) -> BoxFuture<'a, Result<ByteStream>> {
        Box::pin(async move {
            let stream = self.inner.read(version, path).await?;
            let record = self.remembered(version);
            let Some(expected) = record.and_then(|record| record.files.get(path).cloned()) else {
                return Ok(stream);
            };
            let compared = Compared {
                stream,
                expected,
                hasher: Hasher::new(),
                size: 0,
            };
            let chunks = stream::unfold(Some(compared), |state| async move { state?.next().await });
            Ok(chunks.boxed())
        })
    }

    fn write<'a>(
        &'a self,
        permit: &'a FlowPermit,
        record: &'a Record,
        content: &'a dyn Content,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(self.checked_write(permit, record, content))
    }

    fn point<'a>(
        &'a self,
        version: &'a VersionId,
        expected: Option<TreeDigest>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.checked_point(version, expected))
    }

    fn describe<'a>(&'a self, version: &'a VersionId) -> BoxFuture<'a, Result<Description>> {
        self.inner.describe(version)
    }

    fn native(&self, version: &VersionId) -> Option<NativePlace> {
        self.inner.native(version)
    }

    fn copy<'a>(
        &'a self,
        permit: &'a FlowPermit,
        record: &'a Record,
        from: &'a NativePlace,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(self.checked_copy(permit, record, from))
    }

    fn foreign<'a>(&'a self, address: &'a str) -> BoxFuture<'a, Result<Foreign<'a>>> {
        self.inner.foreign(address)
    }

    fn sweep(&self) -> BoxFuture<'_, Result<BoxStream<'_, Result<Found>>>> {
        self.inner.sweep()
    }

    fn probe(&self) -> BoxFuture<'_, Result<Probe>> {
        self.inner.probe()
    }
}
