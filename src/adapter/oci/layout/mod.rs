//! Folders in the OCI image layout, which `skopeo`, `oras` and others read and write too.
//!
//! ```text
//! oci-layout           what the folder is
//! index.json           names, and the manifests that they name
//! blobs/sha256/…       manifests, configurations and files, each named by its hash
//! .promote/            the lock, and work in progress
//! ```
//!
//! All artifacts are in one folder: the name of a version is `<project>/<kind>/<name>:<version>`. A name is set under a lock,
//! after everything that it needs is durable.

pub(super) mod blobs;
pub(super) mod index;
mod write;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use tokio::task::spawn_blocking;

use crate::adapter::content::stream_file;
use crate::adapter::oci::document::{Blob, Document, MAX_READ_BYTES, Parsed};
use crate::adapter::oci::layout::index::{Name, NameList};
use crate::adapter::oci::store::{Reference, Reporter, Source, Store};
use crate::adapter::pump::wanted;
use crate::adapter::{
    AdapterError, AdapterErrorKind, ByteStream, Capabilities, Info, Permission, Probe, Result,
};
use crate::fs::durable;
use crate::fs::scratch::{Scratch, ScratchArea};
use crate::model::artifact::ArtifactId;
use crate::model::digest::Sha256;
use crate::model::id::WorkspaceName;
use crate::model::platform::is_repository_name;

/// The folder for the lock and for work in progress.
const WORK: &str = ".promote";

/// A folder in the OCI image layout.
#[derive(Debug)]
pub struct Layout {
    reporter: Reporter,
    root: PathBuf,
    /// One folder for all that is being written now.
    scratch: Mutex<Weak<Scratch>>,
}

impl Layout {
    pub(super) fn new(workspace: WorkspaceName, root: &Path) -> Self {
        Self {
            reporter: Reporter::new(workspace),
            root: root.to_owned(),
            scratch: Mutex::default(),
        }
    }

    /// What the system said.
    fn failed(&self, operation: &'static str, what: &str, error: io::Error) -> AdapterError {
        let kind = match error.kind() {
            io::ErrorKind::NotFound => AdapterErrorKind::NotFound,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                AdapterErrorKind::PermissionDenied
            }
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => AdapterErrorKind::Corrupt,
            _ => AdapterErrorKind::Unexpected,
        };
        let can_pass = matches!(
            error.kind(),
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::ResourceBusy
        );
        let message = format!("{what} in `{}`: {error}", self.root.display());
        let made = if can_pass {
            self.reporter.temporary(kind, operation, message)
        } else {
            self.reporter.error(kind, operation, message)
        };
        made.caused_by(error)
    }

    /// Runs what blocks where that is allowed.
    async fn blocking<T: Send + 'static>(
        &self,
        operation: &'static str,
        what: &str,
        work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let root = self.root.clone();
        match spawn_blocking(move || work(&root)).await {
            Ok(result) => result.map_err(|error| self.failed(operation, what, error)),
            Err(error) => {
                let kind = AdapterErrorKind::Unexpected;
                let ended = self.reporter.error(kind, operation, "the work was ended");
                Err(ended.caused_by(error))
            }
        }
    }

    /// A folder to write in.
    async fn scratch(&self, operation: &'static str) -> Result<Arc<Scratch>> {
        let kept = || {
            let scratch = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
            scratch.upgrade()
        };
        if let Some(scratch) = kept() {
            return Ok(scratch);
        }
        let made = self.blocking(operation, "making a folder", |root| {
            durable::create_dir_all_durable(root)?;
            let area = ScratchArea::open(&root.join(WORK).join("tmp"))?;
            area.create("blobs.")
        });
        let made = Arc::new(made.await?);
        let mut scratch = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = scratch.upgrade() {
            return Ok(other);
        }
        *scratch = Arc::downgrade(&made);
        Ok(made)
    }

    async fn names(&self, operation: &'static str) -> Result<NameList> {
        self.blocking(operation, "reading `index.json`", NameList::load)
            .await
    }
}

/// The media type of a document that says nothing else.
fn media_type_of(bytes: &[u8]) -> String {
    let parsed = Parsed::parse(bytes);
    parsed.map_or_else(|_| String::new(), |parsed| parsed.media_type().to_owned())
}

impl Store for Layout {
    fn reporter(&self) -> &Reporter {
        &self.reporter
    }

    fn info(&self) -> Info {
        Info {
            workspace: self.reporter.workspace().to_string(),
            kind: "oci-layout",
            location: self.root.display().to_string(),
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            create_only: true,
            compare_and_set: true,
            immutable: false,
        }
    }

    fn repository(&self, _operation: &'static str, artifact: &ArtifactId) -> Result<String> {
        Ok(artifact.to_string())
    }

    fn artifact_of(&self, repository: &str) -> Option<ArtifactId> {
        repository.parse().ok()
    }

    fn owns(&self, repository: &str) -> bool {
        is_repository_name(repository)
    }

    fn pointer(&self) -> &'static str {
        "current"
    }

    fn provider(&self) -> Option<String> {
        None
    }

    async fn repositories(&self, operation: &'static str) -> Result<Vec<String>> {
        let names = self.names(operation).await?;
        let names = names.named().map(|(name, _)| name.repository);
        let names: std::collections::BTreeSet<String> = names.collect();
        Ok(names.into_iter().collect())
    }

    async fn tags(&self, operation: &'static str, repository: &str) -> Result<Vec<String>> {
        let names = self.names(operation).await?;
        let tags = names
            .named()
            .filter(|(name, _)| name.repository == repository);
        let tags: std::collections::BTreeSet<String> = tags.map(|(name, _)| name.tag).collect();
        Ok(tags.into_iter().collect())
    }

    async fn document(
        &self,
        operation: &'static str,
        repository: &str,
        reference: Reference<'_>,
    ) -> Result<Option<Document>> {
        let sha256 = match reference {
            Reference::Digest(sha256) => sha256,
            Reference::Tag(tag) => {
                let name = Name::new(repository, tag);
                let found = self.names(operation).await?.get(&name);
                let found = found.map_err(|error| self.failed(operation, "`index.json`", error))?;
                let Some(descriptor) = found else {
                    return Ok(None);
                };
                let blob = descriptor.blob();
                let corrupt = |reason| self.reporter.corrupt(operation, reason);
                blob.map_err(corrupt)?.sha256
            }
        };
        let what = format!("reading `{sha256}`");
        let read = self.blocking(operation, &what, move |root| {
            match blobs::read(root, sha256, MAX_READ_BYTES) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                other => other.map(Some),
            }
        });
        match (read.await?, reference) {
            (Some(bytes), _) if Sha256::of(&bytes) == sha256 => Ok(Some(Document {
                media_type: media_type_of(&bytes),
                bytes: Bytes::from(bytes),
            })),
            (None, Reference::Digest(_)) => Ok(None),
            (Some(_), _) => {
                let message = format!("`{sha256}` does not have the bytes of its name");
                Err(self.reporter.corrupt(operation, message))
            }
            (None, Reference::Tag(tag)) => {
                let message = format!("`{repository}:{tag}` names `{sha256}`, which is missing");
                Err(self.reporter.corrupt(operation, message))
            }
        }
    }

    async fn put_document(
        &self,
        operation: &'static str,
        _repository: &str,
        document: &Document,
    ) -> Result<()> {
        let scratch = self.scratch(operation).await?;
        let bytes = document.bytes.clone();
        let write = move |root: &Path| blobs::write(root, &scratch, &bytes);
        self.blocking(operation, "writing a manifest", write).await
    }

    async fn tag(
        &self,
        operation: &'static str,
        repository: &str,
        tag: &str,
        document: &Document,
        expected: Option<Sha256>,
    ) -> Result<bool> {
        self.put_document(operation, repository, document).await?;
        let (name, document) = (Name::new(repository, tag), document.clone());
        let set = move |root: &Path| write::set_name(root, &name, &document, expected);
        self.blocking(operation, "writing `index.json`", set).await
    }

    async fn has_blob(
        &self,
        operation: &'static str,
        _repository: &str,
        blob: Blob,
    ) -> Result<bool> {
        let (waiter, wanted) = wanted();
        let what = format!("reading `{}`", blob.sha256);
        let has = self.blocking(operation, &what, move |root| {
            match blobs::has(root, blob, &wanted) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
                other => other,
            }
        });
        let has = has.await;
        drop(waiter);
        has
    }

    async fn blob(
        &self,
        operation: &'static str,
        _repository: &str,
        blob: Blob,
    ) -> Result<ByteStream> {
        let what = format!("reading `{}`", blob.sha256);
        let open = move |root: &Path| blobs::open(root, blob.sha256);
        let file = self.blocking(operation, &what, open).await?;
        let stream = stream_file(file).await;
        stream.map_err(|error| self.failed(operation, &what, error))
    }

    async fn put_blob(
        &self,
        operation: &'static str,
        _repository: &str,
        blob: Blob,
        source: Source<'_>,
    ) -> Result<()> {
        write::put_blob(self, operation, blob, source).await
    }

    async fn mount(
        &self,
        operation: &'static str,
        repository: &str,
        blob: Blob,
        _from: &str,
    ) -> Result<bool> {
        self.has_blob(operation, repository, blob).await
    }

    async fn referrers(
        &self,
        _operation: &'static str,
        _repository: &str,
        _subject: Sha256,
    ) -> Result<Option<Document>> {
        Ok(None)
    }

    async fn put_referrer(
        &self,
        operation: &'static str,
        repository: &str,
        document: &Document,
    ) -> Result<bool> {
        self.put_document(operation, repository, document).await?;
        Ok(false)
    }

    async fn loose(&self, operation: &'static str) -> Result<Option<Vec<Blob>>> {
        let all = self.blocking(operation, "listing blobs", blobs::all);
        all.await.map(Some)
    }

    /// Whether the folder can be read, and written to when it is there: nothing is made where nothing is.
    async fn probe(&self) -> Result<Probe> {
        self.names("probe").await?;
        let mut probe = Probe::default();
        let mut allow =
            |name: &str, permission| probe.permissions.insert(name.to_owned(), permission);
        allow("read", Permission::Granted);
        let is_there = self.root.is_dir();
        let write = match is_there.then_some(self.scratch("probe")) {
            None => Permission::Unknown,
            Some(made) => made
                .await
                .map_or(Permission::Refused, |_| Permission::Granted),
        };
        allow("write", write);
        probe.limits.push(
            "whoever owns the folder can change files: every version is read back after it is written, and `promote scan` finds what changed later".to_owned(),
        );
        Ok(probe)
    }
}
