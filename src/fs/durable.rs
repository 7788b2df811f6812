//! Files that survive a power cut, and the plain calls that the rest of the program uses for files.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the module that the calls are kept in"
)]

use std::fs::{File, Permissions};
use std::io;
use std::io::{Read as _, Write as _};
use std::num::NonZeroU64;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Advice, CWD, RenameFlags};

use crate::fs::beneath;

/// After so many bytes the system is told to begin writing them to disk, so that the final `fsync` finds little left.
const WRITE_BACK_BYTES: u64 = 8 * 1024 * 1024;
/// How much is copied between two looks at whether to stop, in bytes.
const COPY_BYTES: u64 = 8 * 1024 * 1024;

/// Replaces a file's bytes: readers see the old or the new ones, also after a power cut.
///
/// # Errors
///
/// When it cannot be written; the old bytes stay.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = temporary_with(path, bytes, 0o644)?;
    file.persist(path).map_err(|error| error.error)?;
    sync_parent(path)
}

/// As [`write_atomic`], for files that only their owner may read.
///
/// # Errors
///
/// When it cannot be written; the old bytes stay.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = temporary_with(path, bytes, 0o600)?;
    file.persist(path).map_err(|error| error.error)?;
    sync_parent(path)
}

/// Makes a file that must not be there yet. It appears whole.
///
/// # Errors
///
/// `AlreadyExists` when it is there; others when it cannot be written.
pub fn create_new_durable(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = temporary_with(path, bytes, 0o644)?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    sync_parent(path)
}

fn temporary_with(path: &Path, bytes: &[u8], mode: u32) -> io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::Builder::new()
        .prefix(".promote-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(parent_of(path))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Makes the names in a directory durable.
///
/// # Errors
///
/// When the disk refuses.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn sync_parent(path: &Path) -> io::Result<()> {
    sync_dir(parent_of(path))
}

fn parent_of(path: &Path) -> &Path {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or_else(|| Path::new("."))
}

/// Makes everything written to the file system of an open file durable, with one call. For many files this is faster
/// than one `fsync` each by orders of magnitude.
///
/// # Errors
///
/// When the disk refuses.
pub fn sync_file_system(file: &File) -> io::Result<()> {
    Ok(rustix::fs::syncfs(file)?)
}

/// Moves a file or folder to a name that must be free; two that race do not overwrite each other.
///
/// # Errors
///
/// `AlreadyExists` when the name is taken, `CrossesDevices` when it is on another file system.
pub fn rename_noreplace(from: &Path, to: &Path) -> io::Result<()> {
    Ok(rustix::fs::renameat_with(
        CWD,
        from,
        CWD,
        to,
        RenameFlags::NOREPLACE,
    )?)
}

/// Moves a file over another, in one step. Not durable before [`sync_dir`].
///
/// # Errors
///
/// When it cannot be moved.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)
}

/// Removes a file.
///
/// # Errors
///
/// When it is not there or cannot be removed.
pub fn remove_file(path: &Path) -> io::Result<()> {
    std::fs::remove_file(path)
}

/// A lock that the system gives up when the program ends, however it ends.
#[derive(Debug)]
pub struct LockFile {
    file: File,
}

impl LockFile {
    /// Waits for a lock, at most `patience`. Makes the file when it is not there.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when somebody else keeps it; others when the file cannot be opened.
    pub fn acquire(path: &Path, patience: Duration) -> io::Result<Self> {
        let pause = Duration::from_millis(5);
        let mut left = patience;
        loop {
            match Self::try_acquire(path)? {
                Some(lock) => return Ok(lock),
                None if left.is_zero() => {
                    let message = format!("`{}` is locked by another program", path.display());
                    return Err(io::Error::new(io::ErrorKind::WouldBlock, message));
                }
                None => {
                    std::thread::sleep(pause);
                    left = left.saturating_sub(pause);
                }
            }
        }
    }

    /// Takes a lock when it is free; `None` when somebody else has it.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened.
    pub fn try_acquire(path: &Path) -> io::Result<Option<Self>> {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { file })),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(error)) => Err(error),
        }
    }

    /// Whether the lock's file still has a name: who removes a lock file may leave others holding nothing.
    ///
    /// # Errors
    ///
    /// When the system does not tell.
    pub fn is_linked(&self) -> io::Result<bool> {
        Ok(self.file.metadata()?.nlink() > 0)
    }
}

/// Reads a file that may hold at most `limit` bytes. Refuses links, pipes and devices.
///
/// # Errors
///
/// `FileTooLarge` when it holds more; others when it cannot be read.
pub fn read_bounded(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    read_file_bounded(&beneath::open_file(path)?, limit)
}

/// As [`read_bounded`], for a file that is open.
///
/// # Errors
///
/// As [`read_bounded`].
pub fn read_file_bounded(file: &File, limit: usize) -> io::Result<Vec<u8>> {
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    let size = file.metadata()?.len();
    let too_large = || {
        let message = format!("it is larger than {limit} bytes");
        io::Error::new(io::ErrorKind::FileTooLarge, message)
    };
    if size > limit {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        return Err(too_large());
    }
    Ok(bytes)
}

/// Whether a file belongs to this user and nobody else may write it.
///
/// # Errors
///
/// When it is not there.
pub fn is_private(path: &Path) -> io::Result<bool> {
    let metadata = std::fs::symlink_metadata(path)?;
    let is_own = metadata.uid() == rustix::process::geteuid().as_raw();
    Ok(is_own && metadata.is_file() && metadata.mode() & 0o022 == 0)
}

/// Removes a file or a folder with everything in it, and links as links. It is success when nothing is there.
///
/// # Errors
///
/// When something cannot be removed.
pub fn remove_tree(path: &Path) -> io::Result<()> {
    // The standard library goes from handle to handle here, so that a folder swapped for a link is not followed.
    let result = match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Makes a folder and those above it.
///
/// # Errors
///
/// When one cannot be made.
pub fn create_dir_all(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)
}

/// Makes a folder and those above it, and makes the new names durable. Returns at once when it is there.
///
/// # Errors
///
/// When one cannot be made or the disk refuses.
pub fn create_dir_all_durable(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| *parent != path) {
        if !parent.as_os_str().is_empty() {
            create_dir_all_durable(parent)?;
        }
    }
    match std::fs::create_dir(path) {
        Ok(()) => sync_parent(path),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes a folder that only its owner may enter. It is success when it is there and a folder.
///
/// # Errors
///
/// When it cannot be made.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let mut builder = std::fs::DirBuilder::new();
    builder.mode(0o700).recursive(true).create(path)
}

/// Whether there is anything under a name, also a link that leads nowhere.
#[must_use]
pub fn exists(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}

/// The names in a folder, sorted, at most `limit`; names that are not UTF-8 are left out.
///
/// # Errors
///
/// When the folder cannot be read or holds more.
pub fn read_dir_names(path: &Path, limit: usize) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for (index, entry) in std::fs::read_dir(path)?.enumerate() {
        if index >= limit {
            let message = format!("it holds more than {limit} names");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        names.extend(entry?.file_name().into_string().ok());
    }
    names.sort_unstable();
    Ok(names)
}

/// The absolute path without links.
///
/// # Errors
///
/// When a part is not there.
pub fn canonicalize(path: &Path) -> io::Result<PathBuf> {
    std::fs::canonicalize(path)
}

/// Tells the system to begin writing to disk what has been written to a file so far.
///
/// Linux begins the write-back of a range that it is told will not be needed, and drops from memory only pages that
/// are clean, which those just written are not. `sync_file_range` would say the same more plainly, but there is no
/// safe wrapper for it.
#[derive(Debug, Default)]
pub struct WriteBack {
    begun: u64,
}

impl WriteBack {
    /// Notes that `written` bytes of the file have been written in all. Errors do not matter: it is only a hint.
    pub fn advance(&mut self, file: &File, written: u64) {
        let Some(length) = written.checked_sub(self.begun) else {
            return;
        };
        if length < WRITE_BACK_BYTES {
            return;
        }
        let _ = rustix::fs::fadvise(file, self.begun, NonZeroU64::new(length), Advice::DontNeed);
        self.begun = written;
    }
}

/// Copies a whole file: as a copy-on-write clone where the file system can, else byte by byte within the kernel.
/// Returns the number of bytes. `is_wanted` is asked from time to time whether to go on.
///
/// # Errors
///
/// When reading or writing fails; `Interrupted` when it is no longer wanted.
pub fn copy_reflink_or_bytes(
    source: &File,
    target: &File,
    is_wanted: &dyn Fn() -> bool,
) -> io::Result<u64> {
    if rustix::fs::ioctl_ficlone(target, source).is_ok() {
        return Ok(target.metadata()?.len());
    }
    let mut write_back = WriteBack::default();
    let mut copied = 0;
    loop {
        if !is_wanted() {
            return Err(io::Error::new(
                io::ErrorKind::Interrupted,
                "it was given up",
            ));
        }
        let mut target = target;
        let count = io::copy(&mut source.take(COPY_BYTES), &mut target)?;
        if count == 0 {
            return Ok(copied);
        }
        copied += count;
        write_back.advance(target, copied);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_replaces_and_creating_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        create_new_durable(&path, b"one").unwrap();
        let error = create_new_durable(&path, b"two").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(read_bounded(&path, 3).unwrap(), b"one");
        write_atomic(&path, b"three").unwrap();
        let error = read_bounded(&path, 4).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(read_dir_names(directory.path(), 2).unwrap(), ["file"]);
        assert!(read_dir_names(directory.path(), 0).is_err());
    }

    #[test]
    fn removing_never_follows_links() {
        let directory = tempfile::tempdir().unwrap();
        let keep = directory.path().join("keep");
        create_dir_all(&keep).unwrap();
        write_atomic(&keep.join("file"), b"x").unwrap();
        let tree = directory.path().join("tree/deeper");
        create_dir_all(&tree).unwrap();
        std::os::unix::fs::symlink(&keep, tree.join("link")).unwrap();
        remove_tree(tree.parent().unwrap()).unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&keep, &link).unwrap();
        remove_tree(&link).unwrap();
        remove_tree(&link).unwrap();
        assert!(!exists(&link) && exists(&keep.join("file")));
    }

    #[test]
    fn a_taken_name_is_not_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let (first, second) = (directory.path().join("a"), directory.path().join("b"));
        create_dir_all(&first).unwrap();
        create_dir_all(&second).unwrap();
        let error = rename_noreplace(&first, &second).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_lock_is_held_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let held = LockFile::acquire(&path, Duration::ZERO).unwrap();
        let error = LockFile::acquire(&path, Duration::ZERO).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        drop(held);
        assert!(LockFile::try_acquire(&path).unwrap().is_some());
    }

    #[test]
    fn copies_hold_the_same_bytes() {
        let directory = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..20_000_000_u32)
            .map(|number| number.to_le_bytes()[1])
            .collect();
        let path = directory.path().join("source");
        write_atomic(&path, &bytes).unwrap();
        let target = File::create(directory.path().join("target")).unwrap();
        let source = File::open(&path).unwrap();
        let copied = copy_reflink_or_bytes(&source, &target, &|| true).unwrap();
        assert_eq!(copied, 20_000_000);
        let copy = read_bounded(&directory.path().join("target"), bytes.len()).unwrap();
        assert!(copy == bytes);
        let source = File::open(&path).unwrap();
        assert!(copy_reflink_or_bytes(&source, &target, &|| false).is_err());
    }
}
