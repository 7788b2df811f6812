//! A span around every call.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use tokio::time::Instant;
use tracing::{Instrument as _, Span, debug, debug_span};

use crate::adapter::foreign::Foreign;
use crate::adapter::sweep::Found;
use crate::adapter::{
    Adapter, ByteStream, Capabilities, Content, Description, Info, Locator, NativePlace, Probe,
    Record, Result, Selector, Written,
};
use crate::flow::permit::FlowPermit;
use crate::model::artifact::VersionId;
use crate::model::digest::{TreeDigest, TreePath};

/// Tells the log what is called, how long it takes and how it ends. Errors are not logged as such: who handles them
/// does that.
#[derive(Debug)]
pub struct Traced {
    inner: Arc<dyn Adapter>,
    workspace: String,
}

impl Traced {
    /// Puts the layer around an adapter.
    #[must_use]
    pub fn new(inner: Arc<dyn Adapter>) -> Self {
        let workspace = inner.info().workspace;
        Self { inner, workspace }
    }

    fn span(&self, operation: &'static str, target: &dyn std::fmt::Display) -> Span {
        debug_span!(
            "adapter",
            workspace.name = %self.workspace,
            adapter.operation = operation,
            artifact.version = %target,
        )
    }
}

async fn timed<T>(call: impl Future<Output = Result<T>>) -> Result<T> {
    let started = Instant::now();
    let result = call.await;
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    match &result {
        Ok(_) => debug!(duration_ms, "adapter answered"),
        Err(error) => debug!(
            duration_ms,
            error.kind = ?error.kind,
            error.status = ?error.status,
            "adapter refused or failed"
        ),
    }
    result
}

impl Adapter for Traced {
    fn info(&self) -> Info {
        self.inner.info()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn list(&self, selector: Selector) -> BoxFuture<'_, Result<BoxStream<'_, Result<Record>>>> {
        let span = self.span("list", &"");
        Box::pin(timed(self.inner.list(selector)).instrument(span))
    }

    fn stat<'a>(&'a self, locator: Locator<'a>) -> BoxFuture<'a, Result<Option<Record>>> {
        let span = match locator {
            Locator::Version(version) => self.span("stat", version),
            Locator::Current(artifact) => self.span("stat", artifact),
        };
        Box::pin(timed(self.inner.stat(locator)).instrument(span))
    }

    fn read<'a>(
        &'a self,
        version: &'a VersionId,
        path: &'a TreePath,
    ) -> BoxFuture<'a, Result<ByteStream>> {
        let span = self.span("read", version);
        Box::pin(timed(self.inner.read(version, path)).instrument(span))
    }

    fn write<'a>(
        &'a self,
        permit: &'a FlowPermit,
        record: &'a Record,
        content: &'a dyn Content,
    ) -> BoxFuture<'a, Result<Written>> {
        let span = self.span("write", &record.version);
        Box::pin(timed(self.inner.write(permit, record, content)).instrument(span))
    }

    fn point<'a>(
        &'a self,
        version: &'a VersionId,
        expected: Option<TreeDigest>,
    ) -> BoxFuture<'a, Result<()>> {
        let span = self.span("point", version);
        Box::pin(timed(self.inner.point(version, expected)).instrument(span))
    }

    fn describe<'a>(&'a self, version: &'a VersionId) -> BoxFuture<'a, Result<Description>> {
        let span = self.span("describe", version);
        Box::pin(timed(self.inner.describe(version)).instrument(span))
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
        let span = self.span("copy", &record.version);
        Box::pin(timed(self.inner.copy(permit, record, from)).instrument(span))
    }

    fn foreign<'a>(&'a self, address: &'a str) -> BoxFuture<'a, Result<Foreign<'a>>> {
        let span = self.span("foreign", &address);
        Box::pin(timed(self.inner.foreign(address)).instrument(span))
    }

    fn sweep(&self) -> BoxFuture<'_, Result<BoxStream<'_, Result<Found>>>> {
        let span = self.span("sweep", &"");
        Box::pin(timed(self.inner.sweep()).instrument(span))
    }

    fn probe(&self) -> BoxFuture<'_, Result<Probe>> {
        let span = self.span("probe", &"");
        Box::pin(timed(self.inner.probe()).instrument(span))
    }
}
