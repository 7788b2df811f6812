//! Opening files below a directory without ever following a symbolic link.
//!
//! Every part of a path is opened by itself, relative to the handle of the part before it, with `O_NOFOLLOW`. A folder
//! that somebody swaps for a link meanwhile gives an error; it cannot lead elsewhere.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat};

/// Opens without following, and without waiting for the other end of a named pipe.
const READ_FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK);

/// What tells one state of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    /// The device that the file is on.
    pub device: u64,
    /// The file's number on that device.
    pub inode: u64,
    /// The length, in bytes.
    pub size: u64,
    /// When the bytes were last changed, in nanoseconds since 1970.
    pub modified: i64,
    /// When anything about the file was last changed, in nanoseconds since 1970. Programs cannot set it.
    pub changed: i64,
}

impl Stamp {
    /// Takes the stamp out of what the system says. Times that do not fit are the largest: never old enough to trust.
    #[must_use]
    pub fn of(stat: &Stat) -> Self {
        let number = |value: i128| u64::try_from(value).unwrap_or(u64::MAX);
        let time = |seconds: i128, nanoseconds: i128| {
            i64::try_from(seconds * 1_000_000_000 + nanoseconds).unwrap_or(i64::MAX)
        };
        Self {
            device: number(i128::from(stat.st_dev)),
            inode: number(i128::from(stat.st_ino)),
            size: number(i128::from(stat.st_size)),
            modified: time(i128::from(stat.st_mtime), i128::from(stat.st_mtime_nsec)),
            changed: time(i128::from(stat.st_ctime), i128::from(stat.st_ctime_nsec)),
        }
    }

    /// The stamp of an open file.
    ///
    /// # Errors
    ///
    /// When the system does not tell.
    pub fn of_file(file: &File) -> io::Result<Self> {
        Ok(Self::of(&rustix::fs::fstat(file)?))
    }
}

/// Opens a directory by the path that a person or a setting gave; links on the way are theirs to place.
///
/// # Errors
///
/// When it is not there or not a directory.
pub fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(CWD, path, flags, Mode::empty())?)
}

/// Opens a directory by its name in another; never a link.
///
/// # Errors
///
/// When it is not there, a link, or not a directory.
pub fn open_directory_in<P: rustix::path::Arg>(
    parent: BorrowedFd<'_>,
    name: P,
) -> io::Result<OwnedFd> {
    let flags = READ_FLAGS | OFlags::DIRECTORY;
    Ok(rustix::fs::openat(parent, name, flags, Mode::empty())?)
}

/// Opens a directory several levels down, `/` between parts; an empty path is the root itself.
///
/// # Errors
///
/// As for [`open_directory_in`].
pub fn open_directory_beneath(root: BorrowedFd<'_>, path: &str) -> io::Result<OwnedFd> {
    let mut directory = root.try_clone_to_owned()?;
    for part in path.split('/').filter(|part| !part.is_empty()) {
        refuse_parent(part)?;
        directory = open_directory_in(directory.as_fd(), part)?;
    }
    Ok(directory)
}

/// Opens a regular file for reading by its path itself; a link in the last part is refused.
///
/// # Errors
///
/// When it is not there, a link, or not a regular file.
pub fn open_file(path: &Path) -> io::Result<File> {
    regular(rustix::fs::openat(CWD, path, READ_FLAGS, Mode::empty())?)
}

/// Opens a regular file below a directory, `/` between parts.
///
/// # Errors
///
/// When it is not there, a link is on the way, or it is not a regular file.
pub fn open_file_beneath(root: BorrowedFd<'_>, path: &str) -> io::Result<File> {
    Parents::new(root).open_file(path)
}

/// Opens files below one root and remembers the folder of the last, so that files of one folder cost one call each.
#[derive(Debug)]
pub struct Parents<'a> {
    root: BorrowedFd<'a>,
    last: Option<(String, OwnedFd)>,
}

impl<'a> Parents<'a> {
    /// Starts at a root.
    #[must_use]
    pub const fn new(root: BorrowedFd<'a>) -> Self {
        Self { root, last: None }
    }

    /// Opens a regular file for reading.
    ///
    /// # Errors
    ///
    /// As for [`open_file_beneath`].
    pub fn open_file(&mut self, path: &str) -> io::Result<File> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        refuse_parent(name)?;
        let folder = self.folder(folder)?;
        regular(rustix::fs::openat(folder, name, READ_FLAGS, Mode::empty())?)
    }

    /// The stamp of a regular file, without opening it; what it is instead when it is not one.
    ///
    /// # Errors
    ///
    /// When it is not there or a link is on the way.
    pub fn stamp(&mut self, path: &str) -> io::Result<Result<Stamp, FileType>> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        refuse_parent(name)?;
        let stat = rustix::fs::statat(self.folder(folder)?, name, AtFlags::SYMLINK_NOFOLLOW)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok(Ok(Stamp::of(&stat))),
            other => Ok(Err(other)),
        }
    }

    fn folder(&mut self, path: &str) -> io::Result<BorrowedFd<'_>> {
        if path.is_empty() {
            return Ok(self.root);
        }
        let is_known = self.last.as_ref().is_some_and(|(known, _)| known == path);
        if !is_known {
            self.last = Some((path.to_owned(), open_directory_beneath(self.root, path)?));
        }
        Ok(self
            .last
            .as_ref()
            .map_or(self.root, |(_, folder)| folder.as_fd()))
    }
}

/// Refuses `..`, which `O_NOFOLLOW` would let through.
fn refuse_parent(part: &str) -> io::Result<()> {
    if part == ".." {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "`..` leaves the folder",
        ));
    }
    Ok(())
}

fn regular(opened: OwnedFd) -> io::Result<File> {
    let kind = FileType::from_raw_mode(rustix::fs::fstat(&opened)?.st_mode);
    if kind == FileType::RegularFile {
        Ok(File::from(opened))
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a regular file",
        ))
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests arrange files")]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out_of_the_root() {
        let outer = tempfile::tempdir().unwrap();
        std::fs::write(outer.path().join("secret"), "s").unwrap();
        let root = outer.path().join("root");
        std::fs::create_dir_all(root.join("a")).unwrap();
        std::fs::write(root.join("a/file"), "f").unwrap();
        std::os::unix::fs::symlink("..", root.join("up")).unwrap();
        std::os::unix::fs::symlink("a/file", root.join("link")).unwrap();
        let root = open_directory(&root).unwrap();
        assert!(open_file_beneath(root.as_fd(), "a/file").is_ok());
        for path in [
            "../secret",
            "a/../../secret",
            "up/secret",
            "link",
            "a",
            "..",
        ] {
            assert!(open_file_beneath(root.as_fd(), path).is_err(), "{path}");
        }
    }
}
