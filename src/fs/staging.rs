//! The staging area: bytes on their way, hashed as they come in. Only what was staged moves on.
//!
//! A staged tree belongs to whoever staged it and to nobody else, so its folder may be moved into a workspace on the
//! same file system instead of being copied once more. Put the area there.

use std::fs::File;
use std::io;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use bytes::Bytes;
use sha2::{Digest as _, Sha256 as Hasher};

use crate::fs::durable::{self, WriteBack};
use crate::fs::scratch::{Scratch, ScratchArea};
use crate::model::digest::{FileList, FileListError, FileRecord, Sha256, TreeDigest, TreePath};

/// Files beyond this size are hashed by a thread of their own, so that hashing and writing overlap. In bytes.
const OVERLAP_FROM_BYTES: u64 = 1024 * 1024;
/// How many pieces may wait for the hashing thread. Bounds memory.
const WAITING_PIECES: usize = 4;

/// Why bytes could not be staged.
#[derive(Debug, thiserror::Error)]
pub enum StagingError {
    /// The system refused.
    #[error("`{path}` cannot be written")]
    Write {
        /// Where.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// More bytes came than were announced.
    #[error("`{path}` has more than the {limit} bytes that were recorded")]
    TooLong {
        /// Which file.
        path: TreePath,
        /// What was announced.
        limit: u64,
    },
    /// What came makes no tree.
    #[error(transparent)]
    Files(#[from] FileListError),
    /// What came is not what was asked for.
    #[error("the bytes have digest `{found}`, not `{expected}`")]
    Digest {
        /// What was asked for.
        expected: TreeDigest,
        /// What came.
        found: TreeDigest,
    },
}

/// A directory for staged trees.
#[derive(Debug, Clone)]
pub struct StagingArea {
    scratch: ScratchArea,
    write_back: WriteBackTime,
}

/// When staged bytes go to disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WriteBackTime {
    /// When the system likes, or never, for they are removed when they have been copied.
    Whenever,
    /// At once, for these very files become the workspace's.
    AtOnce,
}

/// A tree that is being staged. Dropping it removes it.
#[derive(Debug)]
pub struct StagedWriter {
    scratch: Scratch,
    digest: TreeDigest,
    write_back: WriteBackTime,
    done: Arc<Mutex<Vec<FileRecord>>>,
}

/// One file that is being staged.
#[derive(Debug)]
pub struct StagedFile {
    path: TreePath,
    target: PathBuf,
    file: File,
    hashing: Hashing,
    written: u64,
    limit: u64,
    write_back: Option<WriteBack>,
    done: Arc<Mutex<Vec<FileRecord>>>,
}

/// Who hashes.
#[derive(Debug)]
enum Hashing {
    Here(Hasher),
    Thread(SyncSender<Bytes>, JoinHandle<Hasher>),
    /// Between the two, and after a failure.
    Lost,
}

/// A staged tree, whole and hashed. Dropping it removes what is left of it.
#[derive(Debug)]
pub struct StagedTree {
    scratch: Scratch,
    files: FileList,
}

impl StagingArea {
    /// Opens or makes the area, and removes what dead programs left there.
    ///
    /// # Errors
    ///
    /// When the directory cannot be made.
    pub fn open(directory: &Path) -> Result<Self, StagingError> {
        let scratch = ScratchArea::open(directory).map_err(failed(directory))?;
        Ok(Self {
            scratch,
            write_back: WriteBackTime::Whenever,
        })
    }

    /// The same area, for trees that will be moved into a workspace: writing them to disk begins at once, so that
    /// making them durable later finds little left to do. For trees that are copied this would write everything twice.
    #[must_use]
    pub const fn for_moving(mut self) -> Self {
        self.write_back = WriteBackTime::AtOnce;
        self
    }

    /// Begins a tree that must turn out to have `digest`. Several at once do not meet.
    ///
    /// # Errors
    ///
    /// When its folder cannot be made.
    pub fn begin(&self, digest: TreeDigest) -> Result<StagedWriter, StagingError> {
        let prefix = format!("{}.", digest.sha256());
        let scratch = self
            .scratch
            .create(&prefix)
            .map_err(failed(Path::new(&prefix)))?;
        let content = scratch.path().join("content");
        durable::create_dir_all(&content).map_err(failed(&content))?;
        Ok(StagedWriter {
            scratch,
            digest,
            write_back: self.write_back,
            done: Arc::default(),
        })
    }
}

impl StagedWriter {
    /// Begins a file of at most `limit` bytes. Several may be written at once.
    ///
    /// # Errors
    ///
    /// When it cannot be made, or when it is there already.
    pub fn create(&self, path: &TreePath, limit: u64) -> Result<StagedFile, StagingError> {
        let target = self.scratch.path().join("content").join(path.as_str());
        if let Some(parent) = target.parent() {
            durable::create_dir_all(parent).map_err(failed(parent))?;
        }
        let file = File::options()
            .write(true)
            .create_new(true)
            .open(&target)
            .map_err(failed(&target))?;
        Ok(StagedFile {
            path: path.clone(),
            target,
            file,
            hashing: Hashing::Here(Hasher::new()),
            written: 0,
            limit,
            write_back: (self.write_back == WriteBackTime::AtOnce).then(WriteBack::default),
            done: Arc::clone(&self.done),
        })
    }

    /// Ends the tree. Refuses it, and removes it, when what was hashed is not what was asked for.
    ///
    /// # Errors
    ///
    /// When the files make no tree or have another digest.
    pub fn finish(self) -> Result<StagedTree, StagingError> {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let files = FileList::new(std::mem::take(&mut *done))?;
        drop(done);
        let found = files.digest();
        if found != self.digest {
            return Err(StagingError::Digest {
                expected: self.digest,
                found,
            });
        }
        Ok(StagedTree {
            scratch: self.scratch,
            files,
        })
    }
}

impl StagedFile {
    /// Adds bytes. Hashing a long file goes on beside.
    ///
    /// # Errors
    ///
    /// When they cannot be written, or when they are more than announced.
    pub fn write(&mut self, bytes: &Bytes) -> Result<(), StagingError> {
        let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let written = self.written.saturating_add(count);
        if written > self.limit {
            return Err(StagingError::TooLong {
                path: self.path.clone(),
                limit: self.limit,
            });
        }
        if written > OVERLAP_FROM_BYTES {
            self.overlap();
        }
        match &mut self.hashing {
            Hashing::Here(hasher) => hasher.update(bytes),
            Hashing::Thread(sender, _) if sender.send(bytes.clone()).is_ok() => {}
            Hashing::Thread(..) | Hashing::Lost => return Err(self.lost()),
        }
        self.file.write_all(bytes).map_err(failed(&self.target))?;
        self.written = written;
        if let Some(write_back) = &mut self.write_back {
            write_back.advance(&self.file, written);
        }
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    ///
    /// When the hash was lost.
    pub fn finish(mut self) -> Result<FileRecord, StagingError> {
        let hasher = match std::mem::replace(&mut self.hashing, Hashing::Lost) {
            Hashing::Here(hasher) => Some(hasher),
            Hashing::Thread(sender, thread) => {
                drop(sender);
                thread.join().ok()
            }
            Hashing::Lost => None,
        };
        let hasher = hasher.ok_or_else(|| self.lost())?;
        let record = FileRecord {
            path: self.path.clone(),
            size: self.written,
            sha256: Sha256::from_bytes(hasher.finalize().into()),
        };
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.push(record.clone());
        Ok(record)
    }

    /// Moves the hashing into a thread. Where none can be started it stays here.
    fn overlap(&mut self) {
        let Hashing::Here(hasher) = &self.hashing else {
            return;
        };
        let mut hasher = hasher.clone();
        let (sender, receiver) = sync_channel::<Bytes>(WAITING_PIECES);
        let thread = std::thread::Builder::new()
            .name("hash".to_owned())
            .spawn(move || {
                for bytes in receiver {
                    hasher.update(&bytes);
                }
                hasher
            });
        if let Ok(thread) = thread {
            self.hashing = Hashing::Thread(sender, thread);
        }
    }

    fn lost(&self) -> StagingError {
        failed(&self.target)(io::Error::other("the thread that hashes it has ended"))
    }
}

impl StagedTree {
    /// The folder that holds exactly these files.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.scratch.path().join("content")
    }

    /// The files, as they were hashed.
    #[must_use]
    pub const fn files(&self) -> &FileList {
        &self.files
    }

    /// Removes the tree, or what is left of it after a workspace has taken it over.
    pub fn remove(self) {
        drop(self.scratch);
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> StagingError {
    move |source| StagingError::Write {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::tree::{Options, hash_tree};

    fn record(path: &str, bytes: &[u8]) -> FileRecord {
        FileRecord {
            path: path.parse().unwrap(),
            size: u64::try_from(bytes.len()).unwrap(),
            sha256: Sha256::of(bytes),
        }
    }

    fn stage(writer: &StagedWriter, path: &str, pieces: &[&[u8]]) {
        let mut file = writer.create(&path.parse().unwrap(), 10_000_000).unwrap();
        for piece in pieces {
            file.write(&Bytes::copy_from_slice(piece)).unwrap();
        }
        file.finish().unwrap();
    }

    #[test]
    fn what_is_staged_has_the_digest_of_its_bytes() {
        let directory = tempfile::tempdir().unwrap();
        let area = StagingArea::open(directory.path()).unwrap();
        let large = vec![7; 3_000_000];
        let files = vec![
            record("a/b", b"xy"),
            record("empty", b""),
            record("large", &large),
        ];
        let expected = FileList::new(files).unwrap();
        let writer = area.begin(expected.digest()).unwrap();
        stage(&writer, "a/b", &[b"x", b"y"]);
        stage(&writer, "empty", &[]);
        stage(
            &writer,
            "large",
            &[&large[..1_000_000], &large[1_000_000..]],
        );
        let staged = writer.finish().unwrap();
        assert_eq!(staged.files(), &expected);
        assert_eq!(
            hash_tree(&staged.root(), &Options::default()).unwrap(),
            expected
        );
        staged.remove();
        assert!(
            durable::read_dir_names(directory.path(), 1)
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn other_bytes_are_refused_and_removed() {
        let directory = tempfile::tempdir().unwrap();
        let area = StagingArea::open(directory.path()).unwrap();
        let expected = FileList::new(vec![record("a", b"x")]).unwrap();
        let writer = area.begin(expected.digest()).unwrap();
        stage(&writer, "a", &[b"y"]);
        assert!(matches!(writer.finish(), Err(StagingError::Digest { .. })));
        assert!(
            durable::read_dir_names(directory.path(), 1)
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn more_bytes_than_announced_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let area = StagingArea::open(directory.path()).unwrap();
        let digest = FileList::new(vec![record("a", b"x")]).unwrap().digest();
        let writer = area.begin(digest).unwrap();
        let mut file = writer.create(&"a".parse().unwrap(), 1).unwrap();
        let error = file.write(&Bytes::from_static(b"xy")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`a` has more than the 1 bytes that were recorded"
        );
        assert!(writer.create(&"a".parse().unwrap(), 1).is_err());
    }
}
