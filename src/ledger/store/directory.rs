//! A ledger in a directory. One writer at a time holds the lock; readers need none, because lines are only ever added and
//! a torn last line does not count.
#![expect(
    clippy::disallowed_methods,
    reason = "appending and truncating are of no use to other modules"
)]

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::fs::durable::{self, LockFile};
use crate::ledger::store::{
    Batch, CHECKPOINT_PATH, ENTRIES_FOLDER, Head, LINES_PER_FILE, MAX_FILE_BYTES, Store,
    StoreError, check_batch, check_evidence_path, entries_path, evidence_file, split_lines,
};
use crate::model::digest::Sha256;

/// How long another writer is waited for.
const LOCK_PATIENCE: Duration = Duration::from_secs(30);
/// The most files of entries: 256 million entries.
const MAX_FILES: usize = 1_000_000;

/// A ledger in a directory of the local file system.
#[derive(Debug)]
pub struct DirectoryStore {
    root: PathBuf,
}

impl DirectoryStore {
    /// The ledger in a directory, which the first append makes.
    ///
    /// # Errors
    ///
    /// When the path is something else than a directory.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        if durable::exists(root) && !root.is_dir() {
            return Err(StoreError::Unwritable(format!(
                "`{}` is not a directory",
                root.display()
            )));
        }
        Ok(Self {
            root: root.to_owned(),
        })
    }

    fn read_file(&self, path: &str) -> Result<Option<Vec<u8>>, StoreError> {
        match durable::read_bounded(&self.root.join(path), MAX_FILE_BYTES) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::Unavailable(format!("`{path}`: {error}"))),
        }
    }

    /// The number of files of entries.
    fn files(&self) -> Result<u64, StoreError> {
        let folder = self.root.join(ENTRIES_FOLDER);
        if !durable::exists(&folder) {
            return Ok(0);
        }
        let names = durable::read_dir_names(&folder, MAX_FILES)
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let count = u64::try_from(names.len()).unwrap_or(u64::MAX);
        let paths: std::collections::BTreeSet<String> = names
            .iter()
            .map(|name| format!("{ENTRIES_FOLDER}/{name}"))
            .collect();
        match (0..count)
            .map(entries_path)
            .find(|path| !paths.contains(path))
        {
            Some(file) => Err(StoreError::Damaged {
                file,
                reason: "it is missing".to_owned(),
            }),
            None => Ok(count),
        }
    }

    /// The whole lines of a file, and how many bytes they are.
    fn lines(&self, number: u64) -> Result<(Vec<Vec<u8>>, u64), StoreError> {
        let path = entries_path(number);
        let bytes = self.read_file(&path)?.ok_or_else(|| StoreError::Damaged {
            file: path.clone(),
            reason: "it is missing".to_owned(),
        })?;
        let whole = bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |last| last + 1);
        let lines = match bytes.get(..whole) {
            None | Some([]) => Vec::new(),
            Some(whole) => split_lines(&path, whole)?,
        };
        Ok((lines, u64::try_from(whole).unwrap_or(u64::MAX)))
    }

    fn read_head(&self) -> Result<Head, StoreError> {
        let size = match self.files()?.checked_sub(1) {
            None => 0,
            Some(last) => {
                last * LINES_PER_FILE + u64::try_from(self.lines(last)?.0.len()).unwrap_or(u64::MAX)
            }
        };
        let checkpoint = self.read_file(CHECKPOINT_PATH)?;
        let mark = checkpoint
            .as_deref()
            .map_or_else(String::new, |bytes| Sha256::of(bytes).to_string());
        Ok(Head {
            size,
            revision: format!("{size}:{mark}"),
            checkpoint,
        })
    }

    fn write(&self, size: u64, batch: &Batch) -> io::Result<()> {
        for (path, bytes) in &batch.evidence {
            let path = self.root.join(evidence_file(path));
            if !durable::exists(&path) {
                path.parent()
                    .map_or(Ok(()), durable::create_dir_all_durable)?;
                durable::write_atomic(&path, bytes)?;
            }
        }
        let mut files: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
        for (index, line) in (size..).zip(&batch.lines) {
            let file = files.entry(index / LINES_PER_FILE).or_default();
            file.extend_from_slice(line);
            file.push(b'\n');
        }
        for (number, bytes) in files {
            self.append_to(number, &bytes)?;
        }
        match &batch.checkpoint {
            Some(checkpoint) => durable::write_atomic(&self.root.join(CHECKPOINT_PATH), checkpoint),
            None => Ok(()),
        }
    }

    /// Appends to one file of entries; what a dead writer left of a line is cut away first.
    fn append_to(&self, number: u64, bytes: &[u8]) -> io::Result<()> {
        let path = self.root.join(entries_path(number));
        let is_new = !durable::exists(&path);
        let mut file: File = OpenOptions::new().create(true).append(true).open(&path)?;
        let whole = if is_new {
            0
        } else {
            self.lines(number).map_err(io::Error::other)?.1
        };
        if file.metadata()?.len() != whole {
            file.set_len(whole)?;
        }
        if let Err(error) = file.write_all(bytes).and_then(|()| file.sync_data()) {
            // Lines that were not promised must not show: a full disk leaves the ledger as it was.
            drop(file.set_len(whole));
            return Err(error);
        }
        if is_new {
            durable::sync_dir(&self.root.join(ENTRIES_FOLDER))
        } else {
            Ok(())
        }
    }
}

impl Store for DirectoryStore {
    fn head(&mut self) -> Result<Head, StoreError> {
        self.read_head()
    }

    fn read(&self, head: &Head, from: u64) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut lines = Vec::new();
        if from >= head.size {
            return Ok(lines);
        }
        let last = (head.size - 1) / LINES_PER_FILE;
        for number in from / LINES_PER_FILE..=last {
            let (mut of_file, _) = self.lines(number)?;
            let expected = if number == last {
                head.size - last * LINES_PER_FILE
            } else {
                LINES_PER_FILE
            };
            let expected = usize::try_from(expected).unwrap_or(usize::MAX);
            if of_file.len() < expected {
                let reason = format!("it has {} lines where {expected} belong", of_file.len());
                return Err(StoreError::Damaged {
                    file: entries_path(number),
                    reason,
                });
            }
            // Somebody may have appended since the head was read.
            of_file.truncate(expected);
            let skip = from.saturating_sub(number * LINES_PER_FILE);
            lines.extend(
                of_file
                    .into_iter()
                    .skip(usize::try_from(skip).unwrap_or(usize::MAX)),
            );
        }
        Ok(lines)
    }

    fn evidence(&self, _: &Head, path: &str) -> Result<Option<Vec<u8>>, StoreError> {
        check_evidence_path(path)?;
        self.read_file(&evidence_file(path))
    }

    fn append(&mut self, expected: &Head, batch: &Batch) -> Result<Head, StoreError> {
        check_batch(batch)?;
        let unwritable = |error: io::Error| StoreError::Unwritable(error.to_string());
        durable::create_dir_all_durable(&self.root.join(ENTRIES_FOLDER)).map_err(unwritable)?;
        let lock =
            LockFile::acquire(&self.root.join("ledger/lock"), LOCK_PATIENCE).map_err(unwritable)?;
        let now = self.read_head()?;
        if now.revision != expected.revision {
            return Err(StoreError::Conflict);
        }
        self.write(expected.size, batch).map_err(unwritable)?;
        drop(lock);
        let size = expected.size + u64::try_from(batch.lines.len()).unwrap_or(0);
        let checkpoint = batch
            .checkpoint
            .clone()
            .or_else(|| expected.checkpoint.clone());
        let mark = checkpoint
            .as_deref()
            .map_or_else(String::new, |bytes| Sha256::of(bytes).to_string());
        Ok(Head {
            size,
            revision: format!("{size}:{mark}"),
            checkpoint,
        })
    }
}
