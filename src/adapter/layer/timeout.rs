//! Not waiting for ever.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};

use crate::adapter::foreign::Foreign;
use crate::adapter::layer::TimeoutSettings;
use crate::adapter::sweep::Found;
use crate::adapter::{
    Adapter, AdapterError, AdapterErrorKind, ByteStream, Capabilities, Content, Description, Info,
    Locator, NativePlace, Probe, Record, Result, Selector, Written,
};
use crate::flow::permit::FlowPermit;
use crate::model::artifact::VersionId;
use crate::model::digest::{FileList, TreeDigest, TreePath};

/// Ends attempts, and waits for pieces of streams, that take too long, with a temporary error.
#[derive(Debug)]
pub struct Timeout {
    inner: Arc<dyn Adapter>,
    settings: TimeoutSettings,
    workspace: String,
}

impl Timeout {
    /// Puts the layer around an adapter.
    #[must_use]
    pub fn new(inner: Arc<dyn Adapter>, settings: TimeoutSettings) -> Self {
        let workspace = inner.info().workspace;
        Self {
            inner,
            settings,
            workspace,
        }
    }

    async fn limit<T>(
        &self,
        operation: &'static str,
        limit: Duration,
        call: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        match tokio::time::timeout(limit, call).await {
            Ok(result) => result,
            Err(_) => Err(late(&self.workspace, operation, limit)),
        }
    }

    fn for_files(&self, files: &FileList) -> Duration {
        let settings = &self.settings;
        let count = u64::try_from(files.records().len()).unwrap_or(u64::MAX);
        let bytes = files.total_size() / settings.slowest_bytes_per_second.max(1);
        let each = count / settings.slowest_files_per_second.max(1);
        settings
            .attempt
            .saturating_add(Duration::from_secs(bytes.saturating_add(each)))
    }
}

fn late(workspace: &str, operation: &'static str, limit: Duration) -> AdapterError {
    let message = format!("no answer within {} s", limit.as_secs());
    AdapterError::temporary(AdapterErrorKind::Unexpected, workspace, operation, message)
}

/// A stream of bytes that ends with `TimedOut` when a piece does not come.
fn limit_bytes(stream: ByteStream, limit: Duration) -> ByteStream {
    let pieces = stream::unfold(Some(stream), move |state| async move {
        let mut stream = state?;
        match tokio::time::timeout(limit, stream.next()).await {
            Ok(piece) => Some((piece?, Some(stream))),
            Err(_) => {
                let message = format!("no bytes within {} s", limit.as_secs());
                Some((Err(io::Error::new(io::ErrorKind::TimedOut, message)), None))
            }
        }
    });
    pieces.boxed()
}

impl Adapter for Timeout {
    fn info(&self) -> Info {
        self.inner.info()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn list(&self, selector: Selector) -> BoxFuture<'_, Result<BoxStream<'_, Result<Record>>>> {
        let limit = self.settings.attempt;
        Box::pin(async move {
            let listed = self.limit("list", limit, self.inner.list(selector)).await?;
            let records = stream::unfold(Some(listed), move |state| async move {
                let mut listed = state?;
                match tokio::time::timeout(limit, listed.next()).await {
                    Ok(record) => Some((record?, Some(listed))),
                    Err(_) => Some((Err(late(&self.workspace, "list", limit)), None)),
                }
            });
            Ok(records.boxed())
        })
    }

    fn stat<'a>(&'a self, locator: Locator<'a>) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(self.limit("stat", self.settings.attempt, self.inner.stat(locator)))
    }

    fn read<'a>(
        &'a self,
        version: &'a VersionId,
        path: &'a TreePath,
    ) -> BoxFuture<'a, Result<ByteStream>> {
        let limit = self.settings.attempt;
        Box::pin(async move {
            let opened = self.inner.read(version, path);
            let stream = self.limit("read", limit, opened).await?;
            Ok(limit_bytes(stream, limit))
        })
    }

    fn write<'a>(
        &'a self,
        permit: &'a FlowPermit,
        record: &'a Record,
        content: &'a dyn Content,
    ) -> BoxFuture<'a, Result<Written>> {
        let limit = self.for_files(&record.files);
        Box::pin(self.limit("write", limit, self.inner.write(permit, record, content)))
    }

    fn point<'a>(
        &'a self,
        version: &'a VersionId,
        expected: Option<TreeDigest>,
    ) -> BoxFuture<'a, Result<()>> {
        let limit = self.settings.attempt;
        Box::pin(self.limit("point", limit, self.inner.point(version, expected)))
    }

    fn describe<'a>(&'a self, version: &'a VersionId) -> BoxFuture<'a, Result<Description>> {
        let limit = self.settings.attempt;
        Box::pin(self.limit("describe", limit, self.inner.describe(version)))
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
        let limit = self.for_files(&record.files);
        Box::pin(self.limit("copy", limit, self.inner.copy(permit, record, from)))
    }

    fn foreign<'a>(&'a self, address: &'a str) -> BoxFuture<'a, Result<Foreign<'a>>> {
        let limit = self.settings.attempt;
        Box::pin(async move {
            let foreign = self.inner.foreign(address);
            let mut foreign = self.limit("foreign", limit, foreign).await?;
            let files = foreign
                .files
                .map_ok(move |(path, bytes)| (path, limit_bytes(bytes, limit)));
            foreign.files = files.boxed();
            Ok(foreign)
        })
    }

    fn sweep(&self) -> BoxFuture<'_, Result<BoxStream<'_, Result<Found>>>> {
        Box::pin(self.limit("sweep", self.settings.attempt, self.inner.sweep()))
    }

    fn probe(&self) -> BoxFuture<'_, Result<Probe>> {
        Box::pin(self.limit("probe", self.settings.attempt, self.inner.probe()))
    }
}
