//! Trying again, when that can help.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder, Retryable as _};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt as _};

use crate::adapter::foreign::Foreign;
use crate::adapter::layer::RetrySettings;
use crate::adapter::sweep::Found;
use crate::adapter::{
    Adapter, AdapterError, ByteStream, Capabilities, Content, Description, ErrorStatus, Info,
    Locator, NativePlace, Probe, Record, Result, Selector, Written,
};
use crate::flow::permit::FlowPermit;
use crate::model::artifact::VersionId;
use crate::model::digest::{TreeDigest, TreePath};

/// Repeats calls that failed with a temporary error, with growing pauses, and takes broken streams up where they broke.
/// What fails every time comes back as persistent. The only place that tries again.
#[derive(Debug)]
pub struct Retry {
    inner: Arc<dyn Adapter>,
    settings: RetrySettings,
}

impl Retry {
    /// Puts the layer around an adapter.
    #[must_use]
    pub const fn new(inner: Arc<dyn Adapter>, settings: RetrySettings) -> Self {
        Self { inner, settings }
    }

    async fn retry<T, F, Call>(&self, call: F) -> Result<T>
    where
        F: FnMut() -> Call,
        Call: Future<Output = Result<T>>,
    {
        let longest = self.settings.longest_pause;
        call.retry(builder(self.settings))
            .sleep(tokio::time::sleep)
            .when(|error: &AdapterError| error.status == ErrorStatus::Temporary)
            .adjust(|error: &AdapterError, pause| pause_after(error, pause, longest))
            .await
            .map_err(exhausted)
    }
}

fn builder(settings: RetrySettings) -> ExponentialBuilder {
    // Jitter adds up to one more pause, so that many clients of one failed server do not come back together.
    ExponentialBuilder::new()
        .with_min_delay(settings.first_pause)
        .with_max_delay(settings.longest_pause)
        .with_max_times(settings.times)
        .with_jitter()
}

/// The pause is at least what the workspace asked for; when it asked for more than we wait, there is none.
fn pause_after(
    error: &AdapterError,
    pause: Option<Duration>,
    longest: Duration,
) -> Option<Duration> {
    match (pause, error.retry_after) {
        (Some(_), Some(asked)) if asked > longest => None,
        (Some(pause), Some(asked)) => Some(pause.max(asked)),
        (pause, None) => pause,
        (None, Some(_)) => None,
    }
}

fn exhausted(error: AdapterError) -> AdapterError {
    let status = match error.status {
        ErrorStatus::Temporary => ErrorStatus::Persistent,
        status @ (ErrorStatus::Permanent | ErrorStatus::Persistent) => status,
    };
    AdapterError { status, ..error }
}

/// A stream that opens itself again where it broke. That the later bytes belong to the earlier ones is for the hash to
/// tell, which whoever reads computes anyway.
struct Resumed {
    inner: Arc<dyn Adapter>,
    version: VersionId,
    path: TreePath,
    stream: ByteStream,
    backoff: ExponentialBackoff,
    given: u64,
    to_skip: u64,
    is_over: bool,
}

impl Resumed {
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        while !self.is_over {
            match self.stream.next().await {
                None => return None,
                Some(Ok(chunk)) => {
                    if let Some(chunk) = self.skip(chunk) {
                        return Some(Ok(chunk));
                    }
                }
                Some(Err(error)) => {
                    if !self.reopen(&error).await {
                        self.is_over = true;
                        return Some(Err(error));
                    }
                }
            }
        }
        None
    }

    /// Cuts off what was given before the stream broke.
    fn skip(&mut self, mut chunk: Bytes) -> Option<Bytes> {
        let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        let skipped = self.to_skip.min(length);
        self.to_skip -= skipped;
        if skipped == length && length > 0 {
            return None;
        }
        self.given = self.given.saturating_add(length - skipped);
        let rest = usize::try_from(skipped).map_or_else(|_| Bytes::new(), |at| chunk.split_off(at));
        Some(rest)
    }

    /// Whether the stream could be opened again.
    async fn reopen(&mut self, broken: &io::Error) -> bool {
        if !can_pass(broken) {
            return false;
        }
        for pause in self.backoff.by_ref() {
            tokio::time::sleep(pause).await;
            match self.inner.read(&self.version, &self.path).await {
                Ok(stream) => {
                    self.stream = stream;
                    self.to_skip = self.given;
                    return true;
                }
                Err(error) if error.status == ErrorStatus::Temporary => {}
                Err(_) => return false,
            }
        }
        false
    }
}

fn can_pass(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::TimedOut
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::NotConnected
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof
    )
}

impl Adapter for Retry {
    fn info(&self) -> Info {
        self.inner.info()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn list(&self, selector: Selector) -> BoxFuture<'_, Result<BoxStream<'_, Result<Record>>>> {
        Box::pin(self.retry(move || self.inner.list(selector.clone())))
    }

    fn stat<'a>(&'a self, locator: Locator<'a>) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(self.retry(move || self.inner.stat(locator)))
    }

    fn read<'a>(
        &'a self,
        version: &'a VersionId,
        path: &'a TreePath,
    ) -> BoxFuture<'a, Result<ByteStream>> {
        Box::pin(async move {
            let stream = self.retry(|| self.inner.read(version, path)).await?;
            let resumed = Resumed {
                inner: Arc::clone(&self.inner),
                version: version.clone(),
                path: path.clone(),
                stream,
                backoff: builder(self.settings).build(),
                given: 0,
                to_skip: 0,
                is_over: false,
            };
            let chunks = stream::unfold(resumed, |mut resumed| async move {
                let chunk = resumed.next().await?;
                Some((chunk, resumed))
            });
            Ok(chunks.boxed())
        })
    }

    fn write<'a>(
        &'a self,
        permit: &'a FlowPermit,
        record: &'a Record,
        content: &'a dyn Content,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(self.retry(move || self.inner.write(permit, record, content)))
    }

    fn point<'a>(
        &'a self,
        version: &'a VersionId,
        expected: Option<TreeDigest>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.retry(move || self.inner.point(version, expected)))
    }

    fn describe<'a>(&'a self, version: &'a VersionId) -> BoxFuture<'a, Result<Description>> {
        Box::pin(self.retry(move || self.inner.describe(version)))
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
        Box::pin(self.retry(move || self.inner.copy(permit, record, from)))
    }

    fn foreign<'a>(&'a self, address: &'a str) -> BoxFuture<'a, Result<Foreign<'a>>> {
        Box::pin(self.retry(move || self.inner.foreign(address)))
    }

    fn sweep(&self) -> BoxFuture<'_, Result<BoxStream<'_, Result<Found>>>> {
        Box::pin(self.retry(move || self.inner.sweep()))
    }

    fn probe(&self) -> BoxFuture<'_, Result<Probe>> {
        Box::pin(self.retry(move || self.inner.probe()))
    }
}
