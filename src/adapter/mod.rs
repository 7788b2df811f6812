//! Workspaces as the engine sees them, whatever the platform behind: eight methods that each must have, and five more that
//! some platforms can do better than by those eight.

mod admit;
pub mod azure_ml;
#[cfg(test)]
pub(crate) mod chaos;
pub mod conformance;
pub mod content;
pub mod directory;
pub mod entra;
pub mod exec;
pub mod foreign;
pub mod layer;
pub mod mlflow;
pub mod object_store;
pub mod oci;
mod open;
pub(crate) mod pump;
mod record_file;
pub mod sweep;
pub mod transfer;

use std::collections::BTreeSet;
use std::fmt::Debug;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};

pub use open::{Surroundings, open};

use crate::adapter::foreign::Foreign;
use crate::adapter::sweep::Found;
use crate::flow::permit::FlowPermit;
use crate::model::artifact::{ArtifactId, VersionId};
use crate::model::digest::{FileList, TreeDigest, TreePath};

/// What went wrong, so that the engine can tell "no" from "could not tell".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdapterErrorKind {
    /// What was to be read is not there.
    NotFound,
    /// Other bytes are there under that version.
    AlreadyExists,
    /// The pointer does not hold what was expected.
    Precondition,
    /// The workspace refuses these credentials.
    PermissionDenied,
    /// The workspace asks to be left alone for a while.
    RateLimited,
    /// The workspace cannot do this at all.
    Unsupported,
    /// The bytes are not those of the digest.
    Corrupt,
    /// Anything else, such as a full disk or a cut line.
    Unexpected,
}

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorStatus {
    /// It cannot.
    Permanent,
    /// It can.
    Temporary,
    /// It could, and was tried often enough.
    Persistent,
}

/// An error of an adapter. Its text never holds a secret.
#[derive(Debug, thiserror::Error)]
#[error("{operation} in workspace `{workspace}`: {message}")]
pub struct AdapterError {
    /// What went wrong.
    pub kind: AdapterErrorKind,
    /// Whether trying again can help.
    pub status: ErrorStatus,
    /// The workspace, by its name.
    pub workspace: String,
    /// The method, such as `write`.
    pub operation: &'static str,
    /// What failed, on what.
    pub message: String,
    /// How long the workspace asked to be left alone.
    pub retry_after: Option<std::time::Duration>,
    /// What caused it.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl AdapterError {
    /// An error that trying again cannot help.
    #[must_use]
    pub fn permanent(
        kind: AdapterErrorKind,
        workspace: impl Into<String>,
        operation: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            status: ErrorStatus::Permanent,
            workspace: workspace.into(),
            operation,
            message: message.into(),
            retry_after: None,
            source: None,
        }
    }

    /// An error that trying again may help.
    #[must_use]
    pub fn temporary(
        kind: AdapterErrorKind,
        workspace: impl Into<String>,
        operation: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status: ErrorStatus::Temporary,
            ..Self::permanent(kind, workspace, operation, message)
        }
    }

    /// Keeps what caused the error.
    #[must_use]
    pub fn caused_by(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }
}

/// The result of an adapter's method.
pub type Result<T> = std::result::Result<T, AdapterError>;
/// The bytes of one file, in pieces.
pub type ByteStream = BoxStream<'static, std::result::Result<Bytes, std::io::Error>>;

/// What an adapter is and where it points; never a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Info {
    /// The workspace's name.
    pub workspace: String,
    /// The kind of adapter, such as `directory`.
    pub kind: &'static str,
    /// Where it points, for people.
    pub location: String,
}

/// What a workspace can guarantee. What it cannot, the layers check or refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Capabilities {
    /// A write under a version that exists fails instead of overwriting, even when two race.
    pub create_only: bool,
    /// A pointer moves only when it holds what was expected, even when two race.
    pub compare_and_set: bool,
    /// Versions cannot be changed by others once written.
    pub immutable: bool,
}

/// One version as a workspace holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The version.
    pub version: VersionId,
    /// The digest that was recorded when it was written. Reading back is what proves it.
    pub digest: TreeDigest,
    /// Its files.
    pub files: FileList,
}

/// Which version is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locator<'a> {
    /// One by name and version.
    Version(&'a VersionId),
    /// The one that the artifact's pointer holds.
    Current(&'a ArtifactId),
}

/// Which records to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector {
    /// Only of these artifacts; of all when empty.
    pub artifacts: BTreeSet<ArtifactId>,
}

/// Where the bytes of a write come from: the staging area, never the source workspace.
pub trait Content: Debug + Send + Sync {
    /// The bytes of one file, from its start. May be called again for a retry.
    fn open(&self, path: &TreePath) -> BoxFuture<'_, std::io::Result<ByteStream>>;

    /// A file of the local file system with these bytes, when there is one that nobody else writes to: adapters may copy
    /// or clone it (copy-on-write) without looking at its bytes, and must not link it.
    fn local_path(&self, path: &TreePath) -> Option<std::path::PathBuf>;

    /// The folder of the local file system that holds exactly these files, when its owner gives it away: an adapter on
    /// the same file system may then move the whole folder instead of copying. A write that succeeds may have taken
    /// it; one that fails has put it back.
    fn movable_tree(&self) -> Option<std::path::PathBuf> {
        None
    }
}

/// What a write did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Written {
    /// The version is new.
    Created,
    /// The same digest was there already, whole.
    Unchanged,
}

/// What the platform knows about a version, beyond its bytes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    /// Names and values as the platform has them.
    pub properties: std::collections::BTreeMap<String, String>,
}

/// Where a version's bytes are, for others on the same provider who may copy them without their passing through here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NativePlace {
    /// The provider, such as one registry or one account: only the same one copies within itself.
    pub provider: String,
    /// The place there, in words of the provider; never a secret.
    pub place: String,
}

/// Whether something may be done with the credentials that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// It may.
    Granted,
    /// It may not.
    Refused,
    /// It cannot be told without doing it.
    Unknown,
}

/// What a workspace says of itself when it is asked before anything depends on it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// The server's name and version.
    pub server: Option<String>,
    /// The server's time.
    pub clock: Option<jiff::Timestamp>,
    /// What is needed, and whether it is allowed.
    pub permissions: std::collections::BTreeMap<String, Permission>,
    /// What it cannot do, each with what is done about it.
    pub limits: Vec<String>,
}

/// A workspace. Methods may be called from several tasks at once and may be repeated after an error; each says what
/// that means.
pub trait Adapter: Debug + Send + Sync {
    /// What this is and where it points. Does no I/O.
    fn info(&self) -> Info;

    /// What the workspace guarantees. Does no I/O.
    fn capabilities(&self) -> Capabilities;

    /// All whole versions that the selector names. What is half written never shows.
    fn list(&self, selector: Selector) -> BoxFuture<'_, Result<BoxStream<'_, Result<Record>>>>;

    /// One version's record; `None` when it is not there, which is not an error.
    fn stat<'a>(&'a self, locator: Locator<'a>) -> BoxFuture<'a, Result<Option<Record>>>;

    /// The bytes of one file of a version, as they are now: the caller hashes them. `NotFound` when there is none.
    fn read<'a>(
        &'a self,
        version: &'a VersionId,
        path: &'a TreePath,
    ) -> BoxFuture<'a, Result<ByteStream>>;

    /// Writes a version, all or nothing, only if absent. The same digest again is [`Written::Unchanged`]; another
    /// digest under the version is `AlreadyExists`. Durable when it returns. A write that is cut leaves nothing visible.
    fn write<'a>(
        &'a self,
        permit: &'a FlowPermit,
        record: &'a Record,
        content: &'a dyn Content,
    ) -> BoxFuture<'a, Result<Written>>;

    /// Makes the artifact's pointer hold a version, given the digest it holds now. Another digest there is
    /// `Precondition`; already holding `version` is success. Durable when it returns.
    fn point<'a>(
        &'a self,
        version: &'a VersionId,
        expected: Option<TreeDigest>,
    ) -> BoxFuture<'a, Result<()>>;

    /// What the platform knows about a version, beyond its bytes.
    fn describe<'a>(&'a self, version: &'a VersionId) -> BoxFuture<'a, Result<Description>>;

    /// Where a version's bytes are for others on the same provider; `None` when they have to pass through here. Does no
    /// I/O.
    fn native(&self, version: &VersionId) -> Option<NativePlace> {
        let _ = version;
        None
    }

    /// As [`write`](Self::write), with the bytes that are at a place of the same provider. Who asked proves them by reading
    /// back. `Unsupported` when they have to be written instead.
    fn copy<'a>(
        &'a self,
        permit: &'a FlowPermit,
        record: &'a Record,
        from: &'a NativePlace,
    ) -> BoxFuture<'a, Result<Written>> {
        let _ = (permit, record);
        let workspace = self.info().workspace;
        let message = format!("it cannot copy from `{}`", from.place);
        let kind = AdapterErrorKind::Unsupported;
        let error = AdapterError::permanent(kind, workspace, "copy", message);
        Box::pin(std::future::ready(Err(error)))
    }

    /// What others put on the platform, by an address in its own words. `Unsupported` where the platform has no such
    /// addresses, or this one is not of the workspace; `NotFound` when there is nothing.
    fn foreign<'a>(&'a self, address: &'a str) -> BoxFuture<'a, Result<Foreign<'a>>> {
        let error = foreign::unsupported(self.info(), address);
        Box::pin(std::future::ready(Err(error)))
    }

    /// Every file as it is now, whoever put it there: hashed here, not looked up.
    fn sweep(&self) -> BoxFuture<'_, Result<BoxStream<'_, Result<Found>>>> {
        Box::pin(sweep::recorded(self))
    }

    /// Looks whether the workspace can be relied on, and changes nothing.
    fn probe(&self) -> BoxFuture<'_, Result<Probe>> {
        Box::pin(async move {
            let listed = self.list(Selector::default()).await;
            listed.map(|_| Probe::default())
        })
    }
}
