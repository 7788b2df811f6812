//! Where the bytes of a write come from, and streams of local files.

use std::fs::File;
use std::io;
use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _};
use tokio::task::spawn_blocking;

use crate::adapter::{ByteStream, Content};
use crate::fs::beneath;
use crate::fs::staging::StagedTree;
use crate::model::digest::TreePath;

/// How much of a file travels at once, in bytes.
const CHUNK_BYTES: u64 = 512 * 1024;
/// How many pieces may be read ahead of who takes them. With four files at once this bounds memory to 8 MiB.
const READ_AHEAD: usize = 4;

/// A tree of the local file system.
#[derive(Debug, Clone)]
pub struct LocalContent {
    root: PathBuf,
    ownership: Ownership,
}

/// What an adapter may do with the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ownership {
    /// Stream it and hash it on the way, for others may write to it.
    Borrowed,
    /// Copy it: it was hashed when it was staged, and nobody else has it.
    Staged,
    /// Take it.
    Given,
}

impl LocalContent {
    /// Somebody else's tree, such as a folder that a producer registers. Its bytes are hashed again as they are written,
    /// because they may have changed since.
    #[must_use]
    pub fn borrowed(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            ownership: Ownership::Borrowed,
        }
    }

    /// A staged tree that stays, because it goes to further workspaces.
    #[must_use]
    pub fn staged(tree: &StagedTree) -> Self {
        Self {
            root: tree.root(),
            ownership: Ownership::Staged,
        }
    }

    /// A staged tree that is given away to the last workspace that it goes to: on the same file system it is moved
    /// instead of copied. After a successful write it may be empty.
    #[must_use]
    pub fn staged_for_last(tree: &StagedTree) -> Self {
        Self {
            root: tree.root(),
            ownership: Ownership::Given,
        }
    }
}

impl Content for LocalContent {
    fn open(&self, path: &TreePath) -> BoxFuture<'_, io::Result<ByteStream>> {
        let path = path.clone();
        let root = self.root.clone();
        Box::pin(async move {
            let opened = spawn_blocking(move || {
                let root = beneath::open_directory(&root)?;
                beneath::open_file_beneath(root.as_fd(), path.as_str())
            });
            stream_file(opened.await.map_err(io::Error::other)??).await
        })
    }

    fn local_path(&self, path: &TreePath) -> Option<PathBuf> {
        match self.ownership {
            Ownership::Borrowed => None,
            Ownership::Staged | Ownership::Given => Some(self.root.join(path.as_str())),
        }
    }

    fn movable_tree(&self) -> Option<PathBuf> {
        (self.ownership == Ownership::Given).then(|| self.root.clone())
    }
}

/// The bytes of an open file as a stream. A thread reads ahead of the consumer; a file of one piece needs none.
///
/// # Errors
///
/// When the first piece cannot be read.
pub async fn stream_file(file: File) -> io::Result<ByteStream> {
    let reading = spawn_blocking(move || {
        let first = read_chunk(&file)?;
        Ok::<_, io::Error>((file, first))
    });
    let (file, first) = reading.await.map_err(io::Error::other)??;
    Ok(stream_from(file, first))
}

/// As [`stream_file`], when the first piece was read along with opening the file.
pub(crate) fn stream_from(file: File, first: Bytes) -> ByteStream {
    if is_last(&first) {
        let pieces = (!first.is_empty()).then_some(Ok(first));
        return stream::iter(pieces).boxed();
    }
    let (sender, mut receiver) = tokio::sync::mpsc::channel(READ_AHEAD);
    drop(spawn_blocking(move || {
        loop {
            let chunk = read_chunk(&file);
            let is_end = chunk.as_ref().map_or(true, is_last);
            let is_empty = chunk.as_ref().is_ok_and(Bytes::is_empty);
            // Sending fails when the consumer has gone: then nobody needs the rest.
            if is_empty || sender.blocking_send(chunk).is_err() || is_end {
                return;
            }
        }
    }));
    let rest = stream::poll_fn(move |context| receiver.poll_recv(context));
    stream::iter([Ok(first)]).chain(rest).boxed()
}

/// The next piece; shorter than [`CHUNK_BYTES`] at the end of the file.
pub(crate) fn read_chunk(file: &File) -> io::Result<Bytes> {
    // A short file takes no more memory than it has bytes. One more shows that it ends.
    let length = file.metadata()?.len().saturating_add(1).min(CHUNK_BYTES);
    let mut chunk = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.take(CHUNK_BYTES).read_to_end(&mut chunk)?;
    Ok(Bytes::from(chunk))
}

fn is_last(chunk: &Bytes) -> bool {
    u64::try_from(chunk.len()).unwrap_or(u64::MAX) < CHUNK_BYTES
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt as _;

    use super::*;
    use crate::fs::durable;

    #[tokio::test]
    async fn streams_hold_all_bytes_at_every_length() {
        let directory = tempfile::tempdir().unwrap();
        let chunk = usize::try_from(CHUNK_BYTES).unwrap();
        for length in [0, 1, chunk - 1, chunk, chunk + 1, 3 * chunk] {
            let bytes: Vec<u8> = (0..length).map(|index| index.to_le_bytes()[1]).collect();
            durable::write_atomic(&directory.path().join("file"), &bytes).unwrap();
            let content = LocalContent::borrowed(directory.path());
            let stream = content.open(&"file".parse().unwrap()).await.unwrap();
            let pieces: Vec<Bytes> = stream.try_collect().await.unwrap();
            assert!(pieces.concat() == bytes, "{length}");
        }
    }

    #[test]
    fn a_short_file_takes_no_more_memory_than_it_has_bytes() {
        let directory = tempfile::tempdir().unwrap();
        durable::write_atomic(&directory.path().join("file"), &[7; 1_000]).unwrap();
        let root = beneath::open_directory(directory.path()).unwrap();
        let file = beneath::open_file_beneath(root.as_fd(), "file").unwrap();
        let chunk = Vec::from(read_chunk(&file).unwrap());
        assert_eq!((chunk.len(), chunk.capacity()), (1_000, 1_001));
    }
}
