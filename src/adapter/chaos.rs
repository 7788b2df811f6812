//! An adapter that fails on purpose, innermost, for tests.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt as _};

use crate::adapter::{
    Adapter, AdapterError, AdapterErrorKind, ByteStream, Capabilities, Content, Description,
    ErrorStatus, Info, Locator, Record, Result, Selector, Written,
};
use crate::flow::permit::FlowPermit;
use crate::model::artifact::VersionId;
use crate::model::digest::{TreeDigest, TreePath};

/// What goes wrong at the chosen calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing is done.
    Before,
    /// It is done, and the answer is lost.
    After,
    /// A stream is cut after its first half piece; other calls go well.
    CutStream,
    /// The bytes of a stream are other ones; other calls go well.
    OtherBytes,
    /// Each piece of a stream comes after a pause; other calls go well.
    Slow(std::time::Duration),
    /// No answer ever comes.
    Silence,
}

/// Fails at the call with number `first` (from 0) and the `count - 1` after it.
#[derive(Debug)]
pub(crate) struct Chaos {
    inner: Arc<dyn Adapter>,
    fault: Fault,
    first: usize,
    count: usize,
    calls: AtomicUsize,
    pub(crate) capabilities: Capabilities,
    pub(crate) status: ErrorStatus,
    pub(crate) retry_after: Option<std::time::Duration>,
}

impl Chaos {
    pub(crate) fn new(inner: Arc<dyn Adapter>, fault: Fault, first: usize, count: usize) -> Self {
        Self {
            capabilities: inner.capabilities(),
            inner,
            fault,
            first,
            count,
            calls: AtomicUsize::new(0),
            status: ErrorStatus::Temporary,
            retry_after: None,
        }
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn fault(&self) -> Option<Fault> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let is_hit = call >= self.first && call - self.first < self.count;
        is_hit.then_some(self.fault)
    }

    fn error(&self, operation: &'static str) -> AdapterError {
        AdapterError {
            kind: AdapterErrorKind::Unexpected,
            status: self.status,
            workspace: self.inner.info().workspace,
            operation,
            message: "chaos".to_owned(),
            retry_after: self.retry_after,
            source: None,
        }
    }

    async fn call<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        match self.fault() {
            None | Some(Fault::CutStream | Fault::OtherBytes | Fault::Slow(_)) => call.await,
            Some(Fault::Before) => Err(self.error(operation)),
            Some(Fault::After) => {
                call.await?;
                Err(self.error(operation))
            }
            Some(Fault::Silence) => std::future::pending().await,
        }
    }
}

impl Adapter for Chaos {
    fn info(&self) -> Info {
        self.inner.info()
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn list(&self, selector: Selector) -> BoxFuture<'_, Result<BoxStream<'_, Result<Record>>>> {
        Box::pin(self.call("list", self.inner.list(selector)))
    }

    fn stat<'a>(&'a self, locator: Locator<'a>) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(self.call("stat", self.inner.stat(locator)))
    }

    fn read<'a>(
        &'a self,
        version: &'a VersionId,
        path: &'a TreePath,
    ) -> BoxFuture<'a, Result<ByteStream>> {
        Box::pin(async move {
            let fault = self.fault();
            let stream = match fault {
                Some(Fault::Before | Fault::After) => return Err(self.error("read")),
                Some(Fault::Silence) => return std::future::pending().await,
                None | Some(Fault::CutStream | Fault::OtherBytes | Fault::Slow(_)) => {
                    self.inner.read(version, path).await?
                }
            };
            Ok(match fault {
                Some(Fault::CutStream) => cut(stream),
                Some(Fault::OtherBytes) => other_bytes(stream),
                Some(Fault::Slow(pause)) => slow(stream, pause),
                Some(Fault::Before | Fault::After | Fault::Silence) | None => stream,
            })
        })
    }

    fn write<'a>(
        &'a self,
        permit: &'a FlowPermit,
        record: &'a Record,
        content: &'a dyn Content,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(self.call("write", self.inner.write(permit, record, content)))
    }

    fn point<'a>(
        &'a self,
        version: &'a VersionId,
        expected: Option<TreeDigest>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.call("point", self.inner.point(version, expected)))
    }

    fn describe<'a>(&'a self, version: &'a VersionId) -> BoxFuture<'a, Result<Description>> {
        Box::pin(self.call("describe", self.inner.describe(version)))
    }
}

fn slow(stream: ByteStream, pause: std::time::Duration) -> ByteStream {
    let late = stream.then(move |chunk| async move {
        tokio::time::sleep(pause).await;
        chunk
    });
    late.boxed()
}

fn cut(stream: ByteStream) -> ByteStream {
    let first = stream.take(1).map(|chunk| {
        let chunk = chunk?;
        Ok(chunk.slice(..chunk.len() / 2))
    });
    let reset = io::Error::from(io::ErrorKind::ConnectionReset);
    first.chain(stream::iter([Err(reset)])).boxed()
}

fn other_bytes(stream: ByteStream) -> ByteStream {
    let changed = stream.map(|chunk| {
        let mut bytes = chunk?.to_vec();
        if let Some(last) = bytes.last_mut() {
            *last ^= 1;
        }
        Ok(bytes.into())
    });
    changed.boxed()
}
