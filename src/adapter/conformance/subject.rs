//! What the cases work on: an adapter, and content made in memory.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _};

use crate::adapter::{Adapter, AdapterErrorKind, ByteStream, Content, Record, Result, Written};
use crate::flow::declassification::Lowered;
use crate::flow::permit::{FlowPermit, Origin, permit};
use crate::model::artifact::VersionId;
use crate::model::digest::{FileList, FileRecord, Sha256, TreeDigest, TreePath};
use crate::model::id::WorkspaceName;
use crate::model::label::{Clearance, Tag};
use crate::model::workspace::WorkspaceFacts;

/// The adapter that the cases run against.
#[derive(Debug, Clone)]
pub struct Subject {
    /// It.
    pub adapter: Arc<dyn Adapter>,
    /// Starts the names of all artifacts that the cases write; unused before in this workspace.
    pub prefix: String,
    /// Texts that must not show anywhere.
    pub secrets: Vec<String>,
}

/// Files in memory.
#[derive(Debug, Clone)]
pub struct MemoryContent {
    files: BTreeMap<TreePath, Bytes>,
    ending: Ending,
}

/// How its streams end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Whole,
    Early,
    Broken,
}

/// The size of the pieces, so that most files have several.
const PIECE_BYTES: usize = 64 * 1024;

impl MemoryContent {
    /// Files by path.
    ///
    /// # Errors
    ///
    /// When a path cannot be part of an artifact.
    pub fn new(files: &[(&str, &[u8])]) -> std::result::Result<Self, String> {
        let mut parsed = BTreeMap::new();
        for (path, bytes) in files {
            let path = path
                .parse::<TreePath>()
                .map_err(|error| error.to_string())?;
            parsed.insert(path, Bytes::copy_from_slice(bytes));
        }
        Ok(Self {
            files: parsed,
            ending: Ending::Whole,
        })
    }

    /// The same, with streams that end one byte early as if they were whole.
    #[must_use]
    pub fn ending_early(mut self) -> Self {
        self.ending = Ending::Early;
        self
    }

    /// The same, with streams that end in an error.
    #[must_use]
    pub fn breaking(mut self) -> Self {
        self.ending = Ending::Broken;
        self
    }

    /// The record of these files under a version.
    ///
    /// # Errors
    ///
    /// When the files make no tree.
    pub fn record(&self, version: &VersionId) -> std::result::Result<Record, String> {
        let files = self.files.iter().map(|(path, bytes)| FileRecord {
            path: path.clone(),
            size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            sha256: Sha256::of(bytes),
        });
        let files = FileList::new(files.collect()).map_err(|error| error.to_string())?;
        Ok(Record {
            version: version.clone(),
            digest: files.digest(),
            files,
        })
    }
}

impl Content for MemoryContent {
    fn open(&self, path: &TreePath) -> BoxFuture<'_, io::Result<ByteStream>> {
        let found = self.files.get(path).cloned();
        let ending = self.ending;
        Box::pin(async move {
            let bytes = found.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
            let mut pieces: Vec<io::Result<Bytes>> = bytes
                .chunks(PIECE_BYTES)
                .map(|piece| Ok(Bytes::copy_from_slice(piece)))
                .collect();
            match (ending, pieces.last_mut()) {
                (Ending::Early, Some(Ok(last))) => last.truncate(last.len() - 1),
                (Ending::Broken, Some(last)) => {
                    *last = Err(io::Error::from(io::ErrorKind::ConnectionReset));
                }
                (Ending::Whole | Ending::Early | Ending::Broken, _) => {}
            }
            Ok(stream::iter(pieces).boxed())
        })
    }

    fn local_path(&self, _path: &TreePath) -> Option<PathBuf> {
        None
    }
}

impl Subject {
    /// A version of an artifact that belongs to one case.
    pub(super) fn version(
        &self,
        name: &str,
        version: &str,
    ) -> std::result::Result<VersionId, String> {
        let text = format!("conformance/model/{}{name}@{version}", self.prefix);
        text.parse::<VersionId>().map_err(|error| error.to_string())
    }

    /// Leave to write a digest here.
    pub(in crate::adapter) fn permit(
        &self,
        digest: TreeDigest,
    ) -> std::result::Result<FlowPermit, String> {
        Self::permit_in(&self.adapter.info().workspace, digest)
    }

    /// Leave to write a digest into a workspace that may hold everything, for tests of adapters.
    ///
    /// # Errors
    ///
    /// When the workspace cannot be called so.
    pub fn permit_in(
        workspace: &str,
        digest: TreeDigest,
    ) -> std::result::Result<FlowPermit, String> {
        let name: WorkspaceName = workspace
            .parse()
            .map_err(|error| format!("`{workspace}`: {error}"))?;
        let clearance = Clearance::new([Tag::production()]).ok_or("no tag")?;
        let facts = WorkspaceFacts {
            environment: "conformance"
                .parse()
                .map_err(|error| format!("conformance: {error}"))?,
            name,
            accepts: std::collections::BTreeSet::new(),
            clearance: clearance.clone(),
        };
        permit(
            digest,
            &clearance.as_label(),
            &Lowered::nothing(),
            &Origin::Producer,
            &facts,
        )
        .map_err(|error| error.to_string())
    }

    /// Writes files as a version.
    pub(super) async fn write(
        &self,
        version: &VersionId,
        content: &MemoryContent,
    ) -> std::result::Result<(Record, Result<Written>), String> {
        let record = content.record(version)?;
        let permit = self.permit(record.digest)?;
        let written = self.adapter.write(&permit, &record, content).await;
        Ok((record, written))
    }

    /// Writes files as a version, which must succeed as new.
    pub(super) async fn create(
        &self,
        version: &VersionId,
        files: &[(&str, &[u8])],
    ) -> std::result::Result<Record, String> {
        let (record, written) = self.write(version, &MemoryContent::new(files)?).await?;
        match written {
            Ok(Written::Created) => Ok(record),
            other => Err(format!("writing `{version}` gave {other:?}")),
        }
    }
}

/// Checks a claim.
pub(super) fn ensure(claim: bool, otherwise: impl Into<String>) -> std::result::Result<(), String> {
    if claim { Ok(()) } else { Err(otherwise.into()) }
}

/// Checks that a call failed in one way.
pub(super) fn ensure_kind<T: std::fmt::Debug>(
    result: &Result<T>,
    kind: AdapterErrorKind,
) -> std::result::Result<(), String> {
    match result {
        Err(error) if error.kind == kind => Ok(()),
        other => Err(format!("expected {kind:?}, found {other:?}")),
    }
}
