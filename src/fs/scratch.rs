//! Folders for work in progress, which vanish with the program that made them.
//!
//! Each folder has a lock file beside it, locked as long as its maker lives. Who opens the area removes what nobody
//! holds any more, so that a program that was killed leaves nothing for long.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::fs::durable::{self, LockFile};
use crate::model::digest::TreePath;

/// How lock files are called.
const LOCK_SUFFIX: &str = ".lock";
/// The most entries looked at when cleaning; the rest waits for the next time.
const MAX_ENTRIES: usize = 100_000;

/// A directory that holds such folders, for its owner alone.
#[derive(Debug, Clone)]
pub struct ScratchArea {
    directory: PathBuf,
}

/// One folder of the area. Dropping it removes it.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    lock_path: PathBuf,
    _lock: LockFile,
}

impl ScratchArea {
    /// Opens or makes the area and removes what dead programs left in it.
    ///
    /// # Errors
    ///
    /// When the directory cannot be made. That something cannot be cleaned is no error.
    pub fn open(directory: &Path) -> io::Result<Self> {
        durable::create_private_dir(directory)?;
        let area = Self {
            directory: directory.to_owned(),
        };
        area.clean();
        Ok(area)
    }

    /// Makes a new, empty folder whose name starts with `prefix`.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn create(&self, prefix: &str) -> io::Result<Scratch> {
        loop {
            let file = tempfile::Builder::new()
                .prefix(prefix)
                .suffix(LOCK_SUFFIX)
                .tempfile_in(&self.directory)?;
            let (_, lock_path) = file.keep().map_err(|error| error.error)?;
            let lock = LockFile::try_acquire(&lock_path)?;
            // Somebody who is cleaning may have taken the file for a dead one before it was locked: then another.
            let Some(lock) = lock.filter(|lock| lock.is_linked().unwrap_or(false)) else {
                continue;
            };
            let scratch = Scratch {
                path: lock_path.with_extension(""),
                lock_path,
                _lock: lock,
            };
            durable::create_dir_all(&scratch.path)?;
            return Ok(scratch);
        }
    }

    fn clean(&self) {
        for name in durable::read_dir_names(&self.directory, MAX_ENTRIES).unwrap_or_default() {
            let Some(entry) = name.strip_suffix(LOCK_SUFFIX) else {
                continue;
            };
            let lock_path = self.directory.join(&name);
            if let Ok(Some(lock)) = LockFile::try_acquire(&lock_path) {
                let removed = durable::remove_tree(&self.directory.join(entry));
                if removed.is_ok() {
                    drop(durable::remove_tree(&lock_path));
                }
                drop(lock);
            }
        }
    }
}

impl Scratch {
    /// Where the folder is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a new file below a folder of it, with the folders on the way.
    ///
    /// # Errors
    ///
    /// When it cannot be made, such as because there is one.
    pub fn create_file(&self, below: &str, path: &TreePath) -> io::Result<File> {
        let path = self.path.join(below).join(path.as_str());
        if let Some(folder) = path.parent() {
            durable::create_dir_all(folder)?;
        }
        File::create_new(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next one who opens the area, and who finds it by its lock file.
        if durable::remove_tree(&self.path).is_ok() {
            drop(durable::remove_tree(&self.lock_path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        durable::read_dir_names(directory, 100).unwrap()
    }

    #[test]
    fn what_is_held_stays_and_what_is_dropped_goes() {
        let directory = tempfile::tempdir().unwrap();
        let area = ScratchArea::open(directory.path()).unwrap();
        let scratch = area.create("a.").unwrap();
        durable::write_atomic(&scratch.path().join("file"), b"x").unwrap();
        ScratchArea::open(directory.path()).unwrap();
        assert!(durable::exists(&scratch.path().join("file")));
        drop(scratch);
        assert_eq!(names(directory.path()), Vec::<String>::new());
    }

    #[test]
    fn what_a_dead_program_left_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        durable::create_dir_all(&directory.path().join("dead/folder")).unwrap();
        durable::write_atomic(&directory.path().join("dead.lock"), b"").unwrap();
        durable::create_dir_all(&directory.path().join("not-ours")).unwrap();
        ScratchArea::open(directory.path()).unwrap();
        assert_eq!(names(directory.path()), ["not-ours"]);
    }
}
