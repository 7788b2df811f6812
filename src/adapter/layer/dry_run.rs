//! Doing everything but changing.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

use crate::adapter::admit::admit;
use crate::adapter::foreign::Foreign;
use crate::adapter::layer::checked::{compare, precondition};
use crate::adapter::sweep::Found;
use crate::adapter::{
    Adapter, ByteStream, Capabilities, Content, Description, Info, Locator, NativePlace, Probe,
    Record, Result, Selector, Written,
};
use crate::flow::permit::FlowPermit;
use crate::model::artifact::VersionId;
use crate::model::digest::{TreeDigest, TreePath};

/// Answers writes and pointers as the workspace would, and changes nothing.
#[derive(Debug)]
pub struct DryRun {
    inner: Arc<dyn Adapter>,
}

impl DryRun {
    /// Puts the layer around an adapter.
    #[must_use]
    pub const fn new(inner: Arc<dyn Adapter>) -> Self {
        Self { inner }
    }
}

impl Adapter for DryRun {
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
        self.inner.stat(locator)
    }

    fn read<'a>(
        &'a self,
        version: &'a VersionId,
        path: &'a TreePath,
    ) -> BoxFuture<'a, Result<ByteStream>> {
        self.inner.read(version, path)
    }

    fn write<'a>(
        &'a self,
        permit: &'a FlowPermit,
        record: &'a Record,
        _content: &'a dyn Content,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            let workspace = self.inner.info().workspace;
            admit(&workspace, permit, record)?;
            let held = self.inner.stat(Locator::Version(&record.version)).await?;
            compare(&workspace, held.as_ref(), record)
        })
    }

    /// Does not ask whether the version is there: the write before was not carried out either.
    fn point<'a>(
        &'a self,
        version: &'a VersionId,
        expected: Option<TreeDigest>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let held = self.inner.stat(Locator::Current(&version.artifact)).await?;
            precondition(
                &self.inner.info().workspace,
                held.as_ref(),
                version,
                expected,
            )
        })
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
        _from: &'a NativePlace,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            let workspace = self.inner.info().workspace;
            admit(&workspace, permit, record)?;
            let held = self.inner.stat(Locator::Version(&record.version)).await?;
            compare(&workspace, held.as_ref(), record)
        })
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
