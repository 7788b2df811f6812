//! Directories as workspaces, laid out so that a person can browse them and a server can open them.
//!
//! ```text
//! <project>/<kind>/<name>/<version>/content/…    the files
//! <project>/<kind>/<name>/<version>/record.json  version, digest and file list
//! <project>/<kind>/<name>/current                a link to the version that the pointer holds
//! .promote/                                      the lock, and work in progress
//! ```
//!
//! A version is built whole under `.promote` and appears by one rename to a name that must be free. The pointer moves
//! by one rename too, under a lock.

mod bytes;
mod layout;
mod list;
mod pointer;
mod record;
mod write;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use tokio::task::spawn_blocking;

use crate::adapter::sweep::Found;
use crate::adapter::{
    Adapter, AdapterError, AdapterErrorKind, ByteStream, Capabilities, Content, Description, Info,
    Locator, Probe, Record, Result, Selector, Written,
};
use crate::flow::permit::FlowPermit;
use crate::model::artifact::{ArtifactId, VersionId};
use crate::model::digest::{TreeDigest, TreePath};
use crate::model::id::WorkspaceName;

/// How long a pointer's lock is waited for. It is held for a few milliseconds at a time.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// A directory of the local file system, or of a network file system with working locks and renames.
#[derive(Debug, Clone)]
pub struct DirectoryAdapter {
    workspace: WorkspaceName,
    root: PathBuf,
}

/// A locator that owns its names, to take into another thread.
#[derive(Debug, Clone)]
enum Located {
    Version(VersionId),
    Current(ArtifactId),
}

impl DirectoryAdapter {
    /// A workspace in a directory, which the first write makes.
    #[must_use]
    pub fn new(workspace: WorkspaceName, root: &Path) -> Self {
        Self {
            workspace,
            root: root.to_owned(),
        }
    }

    /// Where a staging area has to be so that staged trees can be moved in instead of copied. Opening one there makes
    /// the directory.
    #[must_use]
    pub fn staging_directory(&self) -> PathBuf {
        self.root.join(layout::WORK).join("staging")
    }

    fn error(
        &self,
        kind: AdapterErrorKind,
        operation: &'static str,
        message: impl Into<String>,
    ) -> AdapterError {
        AdapterError::permanent(kind, self.workspace.as_str(), operation, message)
    }

    /// What the system said about a path.
    fn failed(&self, operation: &'static str, path: &Path, error: io::Error) -> AdapterError {
        let kind = match error.kind() {
            io::ErrorKind::NotFound => AdapterErrorKind::NotFound,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                AdapterErrorKind::PermissionDenied
            }
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => AdapterErrorKind::Corrupt,
            _ => AdapterErrorKind::Unexpected,
        };
        let message = format!("`{}`: {error}", path.display());
        let can_pass = matches!(
            error.kind(),
            io::ErrorKind::WouldBlock
                | io::ErrorKind::TimedOut
                | io::ErrorKind::ResourceBusy
                | io::ErrorKind::StaleNetworkFileHandle
        );
        let made = if can_pass {
            AdapterError::temporary(kind, self.workspace.as_str(), operation, message)
        } else {
            self.error(kind, operation, message)
        };
        made.caused_by(error)
    }

    /// Runs what blocks where that is allowed.
    async fn blocking<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Self) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let adapter = self.clone();
        match spawn_blocking(move || work(&adapter)).await {
            Ok(result) => result,
            Err(error) => {
                let kind = AdapterErrorKind::Unexpected;
                Err(self
                    .error(kind, operation, "the work was ended")
                    .caused_by(error))
            }
        }
    }
}

impl Adapter for DirectoryAdapter {
    fn info(&self) -> Info {
        Info {
            workspace: self.workspace.to_string(),
            kind: "directory",
            location: self.root.display().to_string(),
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            create_only: true,
            compare_and_set: true,
            // Files are read-only, but whoever owns the directory can still change them.
            immutable: false,
        }
    }

    fn list(&self, selector: Selector) -> BoxFuture<'_, Result<BoxStream<'_, Result<Record>>>> {
        Box::pin(list::list(self, selector))
    }

    fn stat<'a>(&'a self, locator: Locator<'a>) -> BoxFuture<'a, Result<Option<Record>>> {
        let located = match locator {
            Locator::Version(version) => Located::Version(version.clone()),
            Locator::Current(artifact) => Located::Current(artifact.clone()),
        };
        Box::pin(self.blocking("stat", move |adapter| match located {
            Located::Version(version) => record::load(adapter, "stat", &version),
            Located::Current(artifact) => pointer::load(adapter, "stat", &artifact),
        }))
    }

    fn read<'a>(
        &'a self,
        version: &'a VersionId,
        path: &'a TreePath,
    ) -> BoxFuture<'a, Result<ByteStream>> {
        Box::pin(bytes::read(self, version, path))
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
        let version = version.clone();
        Box::pin(self.blocking("point", move |adapter| {
            pointer::point(adapter, &version, expected)
        }))
    }

    fn describe<'a>(&'a self, version: &'a VersionId) -> BoxFuture<'a, Result<Description>> {
        let version = version.clone();
        Box::pin(self.blocking("describe", move |adapter| {
            match record::load(adapter, "describe", &version)? {
                Some(_) => Ok(Description::default()),
                None => Err(adapter.error(
                    AdapterErrorKind::NotFound,
                    "describe",
                    format!("there is no `{version}`"),
                )),
            }
        }))
    }

    /// Also what nobody registered, and what is not a version at all.
    fn sweep(&self) -> BoxFuture<'_, Result<BoxStream<'_, Result<Found>>>> {
        Box::pin(list::sweep(self))
    }

    fn probe(&self) -> BoxFuture<'_, Result<Probe>> {
        Box::pin(self.blocking("probe", list::probe))
    }
}

#[cfg(test)]
mod tests;
