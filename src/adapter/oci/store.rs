//! What keeps manifests and blobs: a registry, or a folder in the OCI image layout.

use std::fmt::Debug;

use bytes::Bytes;

use crate::adapter::oci::document::{Blob, Document};
use crate::adapter::{
    AdapterError, AdapterErrorKind, ByteStream, Capabilities, Content, Info, Probe, Result,
};
use crate::model::artifact::ArtifactId;
use crate::model::digest::{FileRecord, Sha256};
use crate::model::id::WorkspaceName;

/// Which manifest is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference<'a> {
    /// The one that a tag names.
    Tag(&'a str),
    /// The one with these bytes.
    Digest(Sha256),
}

/// Where the bytes of a blob come from.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// Memory.
    Memory(&'a Bytes),
    /// A file of what is being written.
    File(&'a dyn Content, &'a FileRecord),
}

/// Makes errors that name the workspace and the operation.
#[derive(Debug, Clone)]
pub struct Reporter {
    workspace: WorkspaceName,
}

impl Reporter {
    pub(super) const fn new(workspace: WorkspaceName) -> Self {
        Self { workspace }
    }

    pub(super) const fn workspace(&self) -> &WorkspaceName {
        &self.workspace
    }

    pub(super) fn error(
        &self,
        kind: AdapterErrorKind,
        operation: &'static str,
        message: impl Into<String>,
    ) -> AdapterError {
        AdapterError::permanent(kind, self.workspace.as_str(), operation, message)
    }

    pub(super) fn temporary(
        &self,
        kind: AdapterErrorKind,
        operation: &'static str,
        message: impl Into<String>,
    ) -> AdapterError {
        AdapterError::temporary(kind, self.workspace.as_str(), operation, message)
    }

    pub(super) fn corrupt(
        &self,
        operation: &'static str,
        message: impl Into<String>,
    ) -> AdapterError {
        self.error(AdapterErrorKind::Corrupt, operation, message)
    }
}

/// A store of manifests and blobs in repositories. `operation` is the method of the adapter that asks, for errors.
pub trait Store: Debug + Send + Sync + 'static {
    /// Makes its errors.
    fn reporter(&self) -> &Reporter;

    /// What it is and where.
    fn info(&self) -> Info;

    /// What it guarantees of tags.
    fn capabilities(&self) -> Capabilities;

    /// The repository of an artifact.
    fn repository(&self, operation: &'static str, artifact: &ArtifactId) -> Result<String>;

    /// The artifact that a repository is of, when its name alone says so.
    fn artifact_of(&self, repository: &str) -> Option<ArtifactId>;

    /// Whether a repository of that name can be of this workspace.
    fn owns(&self, repository: &str) -> bool;

    /// The tag that is the pointer.
    fn pointer(&self) -> &str;

    /// What shares its blobs with others of the same name; `None` when nothing does.
    fn provider(&self) -> Option<String>;

    /// All repositories of this workspace, sorted.
    fn repositories(
        &self,
        operation: &'static str,
    ) -> impl Future<Output = Result<Vec<String>>> + Send;

    /// All tags of a repository, sorted; none when there is no such repository.
    fn tags(
        &self,
        operation: &'static str,
        repository: &str,
    ) -> impl Future<Output = Result<Vec<String>>> + Send;

    /// A manifest, with the hash that was asked for; `None` when it is not there.
    fn document(
        &self,
        operation: &'static str,
        repository: &str,
        reference: Reference<'_>,
    ) -> impl Future<Output = Result<Option<Document>>> + Send;

    /// Keeps a manifest without a tag.
    fn put_document(
        &self,
        operation: &'static str,
        repository: &str,
        document: &Document,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Makes a tag name a manifest, given the one that it names now; `false` when it names another, before or after.
    /// Durable when it returns, with all that was kept before.
    fn tag(
        &self,
        operation: &'static str,
        repository: &str,
        tag: &str,
        document: &Document,
        expected: Option<Sha256>,
    ) -> impl Future<Output = Result<bool>> + Send;

    /// Whether a blob is there.
    fn has_blob(
        &self,
        operation: &'static str,
        repository: &str,
        blob: Blob,
    ) -> impl Future<Output = Result<bool>> + Send;

    /// The bytes of a blob as they are now.
    fn blob(
        &self,
        operation: &'static str,
        repository: &str,
        blob: Blob,
    ) -> impl Future<Output = Result<ByteStream>> + Send;

    /// Keeps a blob. Other bytes than those of its hash are `Corrupt` and are not kept.
    fn put_blob(
        &self,
        operation: &'static str,
        repository: &str,
        blob: Blob,
        source: Source<'_>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Makes a blob of another repository one of this; `false` when the store does not do so.
    fn mount(
        &self,
        operation: &'static str,
        repository: &str,
        blob: Blob,
        from: &str,
    ) -> impl Future<Output = Result<bool>> + Send;

    /// What the store itself says refers to a manifest; `None` when it keeps no such list.
    fn referrers(
        &self,
        operation: &'static str,
        repository: &str,
        subject: Sha256,
    ) -> impl Future<Output = Result<Option<Document>>> + Send;

    /// Keeps a manifest that refers to another. Returns whether the store now lists it under that other one.
    fn put_referrer(
        &self,
        operation: &'static str,
        repository: &str,
        document: &Document,
    ) -> impl Future<Output = Result<bool>> + Send;

    /// All blobs, whatever refers to them; `None` when the store does not list them.
    fn loose(
        &self,
        operation: &'static str,
    ) -> impl Future<Output = Result<Option<Vec<Blob>>>> + Send;

    /// Whether it can be relied on.
    fn probe(&self) -> impl Future<Output = Result<Probe>> + Send;
}
