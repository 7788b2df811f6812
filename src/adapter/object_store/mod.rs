//! Buckets as workspaces: S3 and what speaks like it, Azure Blob Storage, and Google Cloud Storage. They are laid out so
//! that a person can browse them and other tools can read the files.
//!
//! ```text
//! <prefix>/<name>/<version>/content/<digest>/…   the files, as they are
//! <prefix>/<name>/<version>/record.json          version, digest and file list
//! <prefix>/<name>/current                        the version that the pointer holds
//! <prefix>/.promote/conditions                   tries whether the store refuses to overwrite
//! ```
//!
//! A version is there when its record is: it is created last, by a request that must not overwrite. The files lie in a
//! folder named after their digest, so that no writer ever overwrites the bytes of another.

mod answer;
mod conditions;
mod connect;
mod copy;
mod foreign;
mod layout;
mod line;
mod list;
mod pages;
mod parts;
mod pointer;
mod probe;
mod read;
mod record;
mod session;
mod sweep;
mod upload;
mod write;

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use tokio::task::spawn_blocking;

use crate::adapter::foreign::Foreign;
use crate::adapter::object_store::conditions::Conditions;
use crate::adapter::object_store::connect::{ConnectError, Connected};
use crate::adapter::object_store::layout::Layout;
use crate::adapter::object_store::session::Session;
use crate::adapter::sweep::Found;
use crate::adapter::{
    Adapter, AdapterError, AdapterErrorKind, ByteStream, Capabilities, Content, Description, Info,
    Locator, NativePlace, Probe, Record, Result, Selector, Written,
};
use crate::config::Environment;
use crate::flow::permit::FlowPermit;
use crate::model::artifact::VersionId;
use crate::model::digest::{TreeDigest, TreePath};
use crate::model::id::WorkspaceName;
use crate::model::platform::ObjectStoreSpec;

/// How many versions' folders are remembered, so that not every file that is read asks for the record again.
const REMEMBERED: usize = 64;

/// A bucket, or what lies below a prefix of one.
#[derive(Debug)]
pub struct ObjectStoreAdapter {
    workspace: WorkspaceName,
    spec: ObjectStoreSpec,
    environment: Environment,
    layout: Layout,
    connected: Mutex<Option<Connected>>,
    conditions: Mutex<Option<Conditions>>,
    known: Mutex<VecDeque<(VersionId, TreeDigest)>>,
}

impl ObjectStoreAdapter {
    /// A workspace in a bucket. Asks nobody yet, and reads no secret.
    #[must_use]
    pub fn new(workspace: WorkspaceName, spec: ObjectStoreSpec, environment: Environment) -> Self {
        Self {
            workspace,
            layout: Layout::new(&spec),
            spec,
            environment,
            connected: Mutex::new(None),
            conditions: Mutex::new(None),
            known: Mutex::new(VecDeque::new()),
        }
    }

    /// The bucket, for one call. Secrets are read for the first one, and again after the store refused them.
    async fn session(&self, operation: &'static str) -> Result<Session<'_>> {
        let known = lock(&self.connected).clone();
        let connected = match known {
            Some(connected) => connected,
            None => {
                let (spec, environment) = (self.spec.clone(), self.environment.clone());
                let reached = spawn_blocking(move || connect::connect(&spec, &environment)).await;
                let reached = reached.map_err(|error| {
                    let (kind, name) = (AdapterErrorKind::Unexpected, self.workspace.as_str());
                    AdapterError::permanent(kind, name, operation, "the work was ended")
                        .caused_by(error)
                })?;
                let connected = reached.map_err(|error| self.unreached(operation, error))?;
                *lock(&self.connected) = Some(connected.clone());
                connected
            }
        };
        Ok(Session {
            adapter: self,
            connected,
            operation,
        })
    }

    fn unreached(&self, operation: &'static str, error: ConnectError) -> AdapterError {
        let kind = match error {
            ConnectError::Secret(_)
            | ConnectError::Form(_)
            | ConnectError::Mismatch { .. }
            | ConnectError::Open(_)
            | ConnectError::Refused(_) => AdapterErrorKind::PermissionDenied,
            ConnectError::Unsupported(_) => AdapterErrorKind::Unsupported,
            ConnectError::Client(_) => AdapterErrorKind::Unexpected,
        };
        let message = error.to_string();
        AdapterError::permanent(kind, self.workspace.as_str(), operation, message).caused_by(error)
    }

    fn disconnect(&self) {
        *lock(&self.connected) = None;
    }

    fn conditions(&self) -> Option<Conditions> {
        *lock(&self.conditions)
    }

    fn set_conditions(&self, found: Conditions) {
        *lock(&self.conditions) = Some(found);
    }

    fn remember(&self, version: &VersionId, digest: TreeDigest) {
        let mut known = lock(&self.known);
        known.retain(|(known, _)| known != version);
        known.push_front((version.clone(), digest));
        known.truncate(REMEMBERED);
    }

    fn remembered(&self, version: &VersionId) -> Option<TreeDigest> {
        let known = lock(&self.known);
        let found = known.iter().find(|(known, _)| known == version);
        found.map(|(_, digest)| *digest)
    }

    fn forget(&self, version: &VersionId) {
        lock(&self.known).retain(|(known, _)| known != version);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Adapter for ObjectStoreAdapter {
    fn info(&self) -> Info {
        Info {
            workspace: self.workspace.to_string(),
            kind: "object-store",
            location: match &self.spec.endpoint {
                Some(endpoint) => format!("{} at {endpoint}", self.spec.url),
                None => self.spec.url.to_string(),
            },
        }
    }

    fn capabilities(&self) -> Capabilities {
        // The providers themselves keep to conditions; of others it is known once it was tried.
        let is_own = self.spec.endpoint.is_none();
        let known = self
            .conditions()
            .or_else(|| is_own.then_some(Conditions::KEPT));
        Capabilities {
            create_only: known.is_some_and(Conditions::decides_creation),
            compare_and_set: known.is_some_and(Conditions::decides_pointers),
            immutable: false,
        }
    }

    fn list(&self, selector: Selector) -> BoxFuture<'_, Result<BoxStream<'_, Result<Record>>>> {
        Box::pin(list::list(self, selector))
    }

    fn stat<'a>(&'a self, locator: Locator<'a>) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(async move {
            let session = self.session("stat").await?;
            match locator {
                Locator::Version(version) => record::load(&session, version).await,
                Locator::Current(artifact) => pointer::load(&session, artifact).await,
            }
        })
    }

    fn read<'a>(
        &'a self,
        version: &'a VersionId,
        path: &'a TreePath,
    ) -> BoxFuture<'a, Result<ByteStream>> {
        Box::pin(async move { read::read(&self.session("read").await?, version, path).await })
    }

    fn write<'a>(
        &'a self,
        permit: &'a FlowPermit,
        record: &'a Record,
        content: &'a dyn Content,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            let session = self.session("write").await?;
            write::write(&session, permit, record, content).await
        })
    }

    fn point<'a>(
        &'a self,
        version: &'a VersionId,
        expected: Option<TreeDigest>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(
            async move { pointer::point(&self.session("point").await?, version, expected).await },
        )
    }

    fn describe<'a>(&'a self, version: &'a VersionId) -> BoxFuture<'a, Result<Description>> {
        Box::pin(async move { read::describe(&self.session("describe").await?, version).await })
    }

    fn native(&self, version: &VersionId) -> Option<NativePlace> {
        copy::place(self, version)
    }

    fn copy<'a>(
        &'a self,
        permit: &'a FlowPermit,
        record: &'a Record,
        from: &'a NativePlace,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(async move {
            let session = self.session("copy").await?;
            copy::copy(&session, permit, record, from).await
        })
    }

    fn foreign<'a>(&'a self, address: &'a str) -> BoxFuture<'a, Result<Foreign<'a>>> {
        Box::pin(foreign::foreign(self, address))
    }

    fn sweep(&self) -> BoxFuture<'_, Result<BoxStream<'_, Result<Found>>>> {
        Box::pin(sweep::sweep(self))
    }

    fn probe(&self) -> BoxFuture<'_, Result<Probe>> {
        Box::pin(async move { probe::probe(&self.session("probe").await?).await })
    }
}
