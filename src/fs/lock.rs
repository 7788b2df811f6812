//! Locks between programs.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
