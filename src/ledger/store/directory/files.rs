//! Reading with limits, and writing so that it survives a crash.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::ledger::store::StoreError;
use crate::ledger::store::layout::damaged;

/// How often a lock is tried, and how long between: 30 seconds in all, far longer than any append takes.
const LOCK_ATTEMPTS: u32 = 15_000;
const LOCK_PAUSE: Duration = Duration::from_millis(2);

/// The root folder of a ledger. Files in it are named by their path below it, with `/`.
#[derive(Debug, Clone)]
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    fn path(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }

    /// How long a file is; `None` when it is not there.
    pub(super) fn length(&self, file: &str) -> Result<Option<u64>, StoreError> {
        match std::fs::metadata(self.path(file)) {
            Ok(metadata) if metadata.is_file() => Ok(Some(metadata.len())),
            Ok(_) => Err(damaged(file, "it is not a file")),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(unreadable(file, &error)),
        }
    }

    /// The bytes of a file from an offset on; `None` when it is not there.
    pub(super) fn read(
        &self,
        file: &str,
        offset: u64,
        limit: usize,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        // Opening a pipe would wait for a writer, if it were not told not to.
        let without_waiting = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
        let read = || -> io::Result<Vec<u8>> {
            let mut open = OpenOptions::new()
                .read(true)
                .custom_flags(without_waiting)
                .open(self.path(file))?;
            let metadata = open.metadata()?;
            if !metadata.is_file() {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            if offset > 0 {
                open.seek(SeekFrom::Start(offset))?;
            }
            // A little more than there is, so that the end is found without another allocation.
            let length = usize::try_from(metadata.len().saturating_sub(offset)).unwrap_or(limit);
            let mut bytes = Vec::with_capacity(length.min(limit).saturating_add(64));
            open.take(limit as u64 + 1).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        match read() {
            Ok(bytes) if bytes.len() > limit => {
                Err(damaged(file, format!("it is larger than {limit} bytes")))
            }
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => {
                // Says so when it is something else than a file.
                self.length(file)?;
                Err(unreadable(file, &error))
            }
        }
    }

    /// The paths of what is in a folder; nothing when it is not there.
    pub(super) fn list(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        let list = || -> io::Result<Vec<String>> {
            let names = std::fs::read_dir(self.path(folder))?;
            names
                .map(|entry| Ok(format!("{folder}/{}", entry?.file_name().to_string_lossy())))
                .collect()
        };
        match list() {
            Err(error) if is_absent(&error) => Ok(Vec::new()),
            other => other.map_err(|error| unreadable(folder, &error)),
        }
    }

    /// Adds bytes at the end of a file; they are on the disk when this returns. Two files are synced only when the
    /// file is new: it, and the folder that names it.
    pub(super) fn append(&self, file: &str, bytes: &[u8], is_new: bool) -> Result<(), StoreError> {
        let write = || -> io::Result<()> {
            let mut open = OpenOptions::new()
                .append(true)
                .create(is_new)
                .open(self.path(file))?;
            open.write_all(bytes)?;
            open.sync_data()
        };
        write().map_err(|error| unwritable(file, &error))?;
        if is_new {
            self.sync_parent(file)
        } else {
            Ok(())
        }
    }

    /// Overwrites a small file in place. Not atomic: its reader must tell a torn one.
    pub(super) fn overwrite(&self, file: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let is_new = self.length(file)?.is_none();
        let write = || -> io::Result<()> {
            let mut open = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .open(self.path(file))?;
            open.write_all(bytes)?;
            open.set_len(bytes.len() as u64)?;
            open.sync_data()
        };
        write().map_err(|error| unwritable(file, &error))?;
        if is_new {
            self.sync_parent(file)
        } else {
            Ok(())
        }
    }

    /// Puts a file in place whole, by way of a temporary one. The folder is the caller's to sync.
    pub(super) fn replace(
        &self,
        file: &str,
        temporary: &str,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let write = || -> io::Result<()> {
            let mut open = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .open(self.path(temporary))?;
            open.write_all(bytes)?;
            open.sync_data()?;
            std::fs::rename(self.path(temporary), self.path(file))
        };
        write().map_err(|error| unwritable(file, &error))
    }

    /// Cuts a file to a length; nothing when it is not there or has it.
    pub(super) fn cut(&self, file: &str, length: u64) -> Result<(), StoreError> {
        if self.length(file)?.is_none_or(|present| present <= length) {
            return Ok(());
        }
        let cut = || -> io::Result<()> {
            let open = OpenOptions::new().write(true).open(self.path(file))?;
            open.set_len(length)?;
            open.sync_data()
        };
        cut().map_err(|error| unwritable(file, &error))
    }

    /// Removes a file.
    pub(super) fn remove(&self, file: &str) -> Result<(), StoreError> {
        std::fs::remove_file(self.path(file)).map_err(|error| unwritable(file, &error))
    }

    /// Makes the folders that a file is in, and syncs the folders that name new ones.
    pub(super) fn make_parents(&self, file: &str) -> Result<(), StoreError> {
        let parents: Vec<&Path> = Path::new(file).ancestors().skip(1).collect();
        let mut changed = BTreeSet::new();
        for parent in parents.into_iter().rev() {
            let path = self.0.join(parent);
            if path.is_dir() {
                continue;
            }
            // The root itself may be several folders deep.
            std::fs::create_dir_all(&path)
                .map_err(|error| unwritable(&parent.display().to_string(), &error))?;
            changed.extend(path.parent().map(Path::to_path_buf));
        }
        changed.iter().try_for_each(|folder| sync(folder))
    }

    /// Makes the names in the folder that a file is in durable.
    pub(super) fn sync_parent(&self, file: &str) -> Result<(), StoreError> {
        self.path(file).parent().map_or(Ok(()), sync)
    }

    /// Takes the lock of all writers, until the file is dropped.
    pub(super) fn lock(&self, file: &str) -> Result<File, StoreError> {
        let open = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.path(file));
        let open = open.map_err(|error| unwritable(file, &error))?;
        for _ in 0..LOCK_ATTEMPTS {
            match open.try_lock() {
                Ok(()) => return Ok(open),
                Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
                Err(TryLockError::Error(error)) => return Err(unwritable(file, &error)),
            }
        }
        Err(StoreError::Unavailable(format!(
            "another process holds `{file}` for 30 seconds"
        )))
    }
}

/// Makes the names in a folder durable.
pub(super) fn sync(folder: &Path) -> Result<(), StoreError> {
    // The parent of a relative path of one part is empty.
    let is_empty = folder.as_os_str().is_empty();
    let folder = if is_empty { Path::new(".") } else { folder };
    let synced = File::open(folder).and_then(|open| open.sync_all());
    synced.map_err(|error| unwritable(&folder.display().to_string(), &error))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn unreadable(file: &str, error: &io::Error) -> StoreError {
    StoreError::Unavailable(format!("`{file}`: {error}"))
}

fn unwritable(file: &str, error: &io::Error) -> StoreError {
    StoreError::Unwritable(format!("`{file}`: {error}"))
}
