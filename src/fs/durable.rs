//! Files that survive a power cut, and the plain calls that the rest of the program uses for files.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the module that the calls are kept in"
)]

use std::fs::{File, Permissions};
use std::io;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags};

use crate::fs::beneath;
pub use crate::fs::copy::{WriteBack, copy_reflink_or_bytes};
pub use crate::fs::lock::LockFile;

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

/// As [`write_atomic`], for what `write` writes, however much that is: nothing appears unless it succeeds.
///
/// # Errors
///
/// What `write` says, or that the file cannot be made or written to disk.
pub fn write_atomic_with<T, E: From<io::Error>>(
    path: &Path,
    write: impl FnOnce(&mut File) -> Result<T, E>,
) -> Result<T, E> {
    let mut file = temporary_with(path, b"", 0o644)?;
    let written = write(file.as_file_mut())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_parent(path)?;
    Ok(written)
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
    let size = check_size(file, limit)?;
    let mut bytes = Vec::with_capacity(size);
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut bytes)?;
    match bytes.len() > limit {
        true => Err(too_large(limit)),
        false => Ok(bytes),
    }
}

/// Whether [`read_bounded`] would read a file, which is opened and not read.
///
/// # Errors
///
/// As [`read_bounded`].
pub fn check_bounded(path: &Path, limit: usize) -> io::Result<()> {
    check_size(&beneath::open_file(path)?, limit).map(|_| ())
}

/// The size of a file, if that is at most `limit`.
fn check_size(file: &File, limit: usize) -> io::Result<usize> {
    let size = usize::try_from(file.metadata()?.len()).ok();
    let size = size.filter(|size| *size <= limit);
    size.ok_or_else(|| too_large(limit))
}

fn too_large(limit: usize) -> io::Error {
    let message = format!("it is larger than {limit} bytes");
    io::Error::new(io::ErrorKind::FileTooLarge, message)
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
    let parent = path.parent();
    if let Some(parent) = parent.filter(|parent| !parent.as_os_str().is_empty()) {
        create_dir_all_durable(parent)?;
    }
    match std::fs::create_dir(path) {
        Ok(()) => sync_parent(path),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes a folder that only its owner may enter; those above it are as usual. It is success when it is there and a folder.
///
/// # Errors
///
/// When it cannot be made.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    create_dir_all(parent_of(path))?;
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
    let names = read_dir_kinds(path, limit)?;
    Ok(names.into_iter().map(|(name, _)| name).collect())
}

/// As [`read_dir_names`], each with whether it is a folder, or a link to one.
///
/// # Errors
///
/// As [`read_dir_names`].
pub fn read_dir_kinds(path: &Path, limit: usize) -> io::Result<Vec<(String, bool)>> {
    let mut names = Vec::new();
    for (index, entry) in std::fs::read_dir(path)?.enumerate() {
        if index >= limit {
            let message = format!("it holds more than {limit} names");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        let entry = entry?;
        // What the folder itself says costs no look at the file.
        let is_folder = match entry.file_type() {
            Ok(kind) if kind.is_symlink() => entry.path().is_dir(),
            Ok(kind) => kind.is_dir(),
            Err(_) => false,
        };
        let name = entry.file_name().into_string().ok();
        names.extend(name.map(|name| (name, is_folder)));
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
}
