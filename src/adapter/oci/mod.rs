//! Registries of OCI artifacts, and folders in the OCI image layout, as workspaces.
//!
//! A version is a `ModelPack` of the CNCF model specification: a manifest with one layer a file, each the bytes of the file as
//! they are. Its tag is the version, the pointer is a tag too, and the record is read from the layers.
//!
//! ```text
//! <repository>/<project>/<kind>/<name>:1.2.0     the manifest of a version
//! <repository>/<project>/<kind>/<name>:current   the same manifest as the version that the pointer holds
//! ```
//!
//! What is the same for both kinds is in `write`, `read`, `list` and `sweep`; `store` says what they differ in. The
//! distribution API is a dozen requests, and redirects, credentials, foreign addresses and the memory of uploads have to be
//! under our control, so they are our own calls.

mod copy;
mod document;
mod foreign;
pub mod image;
mod kit;
mod layout;
mod list;
mod media;
mod names;
mod pack;
mod read;
mod referrers;
mod registry;
mod store;
mod stream;
mod sweep;
mod unpack;
mod write;

use std::path::Path;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

pub use document::{Blob, Document};
pub use layout::Layout;
pub use referrers::Referrer;
pub use registry::Registry;
pub use store::{Reference, Reporter, Source, Store};

use crate::adapter::foreign::Foreign;
use crate::adapter::sweep::Found;
use crate::adapter::{
    Adapter, ByteStream, Capabilities, Content, Description, Info, Locator, NativePlace, Probe,
    Record, Result, Selector, Written,
};
use crate::config::Environment;
use crate::flow::permit::FlowPermit;
use crate::model::artifact::VersionId;
use crate::model::digest::{TreeDigest, TreePath};
use crate::model::id::WorkspaceName;
use crate::model::platform::OciSpec;

/// A workspace in a store of OCI artifacts.
#[derive(Debug)]
pub struct OciAdapter<S> {
    store: S,
    seen: read::Seen,
}

impl OciAdapter<Registry> {
    /// A workspace in a registry. Asks nothing yet.
    ///
    /// # Errors
    ///
    /// When the address is not encrypted and the manifest does not say that this is meant, or when the machine's
    /// certificates cannot be read.
    pub fn registry(
        workspace: WorkspaceName,
        spec: &OciSpec,
        environment: &Environment,
    ) -> Result<Self> {
        Ok(Self::over(Registry::new(workspace, spec, environment)?))
    }
}

impl OciAdapter<Layout> {
    /// A workspace in a folder, which the first write makes.
    #[must_use]
    pub fn layout(workspace: WorkspaceName, root: &Path) -> Self {
        Self::over(Layout::new(workspace, root))
    }
}

impl<S: Store> OciAdapter<S> {
    fn over(store: S) -> Self {
        Self {
            store,
            seen: read::Seen::default(),
        }
    }

    /// The store, for what is kept beside versions.
    pub const fn store(&self) -> &S {
        &self.store
    }
}

impl<S: Store> Adapter for OciAdapter<S> {
    fn info(&self) -> Info {
        self.store.info()
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    fn list(&self, selector: Selector) -> BoxFuture<'_, Result<BoxStream<'_, Result<Record>>>> {
        Box::pin(list::list(self, selector))
    }

    fn stat<'a>(&'a self, locator: Locator<'a>) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(read::stat(self, "stat", locator))
    }

    fn read<'a>(
        &'a self,
        version: &'a VersionId,
        path: &'a TreePath,
    ) -> BoxFuture<'a, Result<ByteStream>> {
        Box::pin(read::read(self, version, path))
    }

    fn write<'a>(
        &'a self,
        permit: &'a FlowPermit,
        record: &'a Record,
        content: &'a dyn Content,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(write::write(self, permit, record, content))
    }

    fn point<'a>(
        &'a self,
        version: &'a VersionId,
        expected: Option<TreeDigest>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(write::point(self, version, expected))
    }

    fn describe<'a>(&'a self, version: &'a VersionId) -> BoxFuture<'a, Result<Description>> {
        Box::pin(read::describe(self, version))
    }

    fn native(&self, version: &VersionId) -> Option<NativePlace> {
        copy::native(self, version)
    }

    fn copy<'a>(
        &'a self,
        permit: &'a FlowPermit,
        record: &'a Record,
        from: &'a NativePlace,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(copy::copy(self, permit, record, from))
    }

    fn foreign<'a>(&'a self, address: &'a str) -> BoxFuture<'a, Result<Foreign<'a>>> {
        Box::pin(foreign::foreign(self, address))
    }

    /// Also what other tools put there, and what no tag names where the store lists it.
    fn sweep(&self) -> BoxFuture<'_, Result<BoxStream<'_, Result<Found>>>> {
        Box::pin(sweep::sweep(self))
    }

    fn probe(&self) -> BoxFuture<'_, Result<Probe>> {
        Box::pin(self.store.probe())
    }
}
