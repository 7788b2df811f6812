//! What is in a workspace now, byte for byte.

use std::collections::VecDeque;

use futures_util::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use sha2::{Digest as _, Sha256 as Hasher};

use crate::adapter::{Adapter, Record, Result, Selector};
use crate::model::artifact::VersionId;
use crate::model::digest::{Sha256, TreePath};

/// One file as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where it is, in words of the workspace.
    pub path: String,
    /// The version and the file in it that the workspace takes it for, if for any.
    pub part_of: Option<(VersionId, TreePath)>,
    /// The hash of its bytes, or why they could not be read.
    pub content: std::result::Result<Sha256, String>,
}

/// The files of all versions that a workspace lists, each read and hashed.
///
/// # Errors
///
/// When the workspace cannot be listed. A file that cannot be read is in the stream.
pub async fn recorded<A: Adapter + ?Sized>(adapter: &A) -> Result<BoxStream<'_, Result<Found>>> {
    let records = adapter.list(Selector::default()).await?;
    let files = records.map_ok(move |record| of_record(adapter, record));
    Ok(files.try_flatten().boxed())
}

fn of_record<A: Adapter + ?Sized>(adapter: &A, record: Record) -> BoxStream<'_, Result<Found>> {
    let Record { version, files, .. } = record;
    let paths: VecDeque<TreePath> = files
        .records()
        .iter()
        .map(|file| file.path.clone())
        .collect();
    let found = stream::unfold((version, paths), move |(version, mut paths)| async move {
        let path = paths.pop_front()?;
        let content = hash(adapter, &version, &path).await;
        let found = Found {
            path: format!("{version}/{path}"),
            part_of: Some((version.clone(), path)),
            content,
        };
        Some((Ok(found), (version, paths)))
    });
    found.boxed()
}

async fn hash<A: Adapter + ?Sized>(
    adapter: &A,
    version: &VersionId,
    path: &TreePath,
) -> std::result::Result<Sha256, String> {
    let stream = adapter.read(version, path).await;
    let mut stream = stream.map_err(|error| error.to_string())?;
    let mut hasher = Hasher::new();
    while let Some(piece) = stream.next().await {
        hasher.update(&piece.map_err(|error| error.to_string())?);
    }
    Ok(Sha256::from_bytes(hasher.finalize().into()))
}
