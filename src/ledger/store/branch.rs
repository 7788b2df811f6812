//! A ledger on files that change only as a whole: the branch `promote-ledger` of the promotion repository.

use std::collections::BTreeMap;

use crate::fs::versioned::{Revision, VersionedError, VersionedFiles};
use crate::ledger::store::{
    Batch, CHECKPOINT_PATH, ENTRIES_FOLDER, Head, LINES_PER_FILE, MAX_FILE_BYTES, Store,
    StoreError, check_batch, check_evidence_path, entries_path, evidence_file, split_lines,
};

/// A ledger on versioned files; an append is a compare-and-swap of the whole.
#[derive(Debug)]
pub struct BranchStore {
    files: Box<dyn VersionedFiles>,
}

impl BranchStore {
    /// A ledger on these files.
    #[must_use]
    pub fn new(files: Box<dyn VersionedFiles>) -> Self {
        Self { files }
    }

    fn file(&self, revision: &Revision, path: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.files
            .read(revision, path, MAX_FILE_BYTES)
            .map_err(from_versioned)
    }

    /// The lines of one file of entries.
    fn lines(&self, revision: &Revision, number: u64) -> Result<Vec<Vec<u8>>, StoreError> {
        let path = entries_path(number);
        let bytes = self
            .file(revision, &path)?
            .ok_or_else(|| StoreError::Damaged {
                file: path.clone(),
                reason: "it is missing".to_owned(),
            })?;
        split_lines(&path, &bytes)
    }

    fn head_at(&self, revision: Option<&Revision>) -> Result<Head, StoreError> {
        let Some(revision) = revision else {
            return Ok(Head {
                size: 0,
                revision: String::new(),
                checkpoint: None,
            });
        };
        let paths = self
            .files
            .list(revision, ENTRIES_FOLDER)
            .map_err(from_versioned)?;
        let files = u64::try_from(paths.len()).unwrap_or(u64::MAX);
        for number in 0..files {
            if !paths.contains(&entries_path(number)) {
                return Err(StoreError::Damaged {
                    file: entries_path(number),
                    reason: "it is missing".to_owned(),
                });
            }
        }
        let size = match files.checked_sub(1) {
            None => 0,
            Some(last) => {
                last * LINES_PER_FILE
                    + u64::try_from(self.lines(revision, last)?.len()).unwrap_or(u64::MAX)
            }
        };
        let checkpoint = self.file(revision, CHECKPOINT_PATH)?;
        Ok(Head {
            size,
            revision: revision.0.clone(),
            checkpoint,
        })
    }
}

impl Store for BranchStore {
    fn head(&mut self) -> Result<Head, StoreError> {
        let revision = self.files.head().map_err(from_versioned)?;
        self.head_at(revision.as_ref())
    }

    fn read(&self, head: &Head, from: u64) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut lines = Vec::new();
        if from >= head.size {
            return Ok(lines);
        }
        let revision = Revision(head.revision.clone());
        let last = (head.size - 1) / LINES_PER_FILE;
        for number in from / LINES_PER_FILE..=last {
            let of_file = self.lines(&revision, number)?;
            let expected = if number == last {
                head.size - last * LINES_PER_FILE
            } else {
                LINES_PER_FILE
            };
            if u64::try_from(of_file.len()) != Ok(expected) {
                let reason = format!("it has {} lines where {expected} belong", of_file.len());
                return Err(StoreError::Damaged {
                    file: entries_path(number),
                    reason,
                });
            }
            let skip = from.saturating_sub(number * LINES_PER_FILE);
            lines.extend(
                of_file
                    .into_iter()
                    .skip(usize::try_from(skip).unwrap_or(usize::MAX)),
            );
        }
        Ok(lines)
    }

    fn evidence(&self, head: &Head, path: &str) -> Result<Option<Vec<u8>>, StoreError> {
        check_evidence_path(path)?;
        if head.revision.is_empty() {
            return Ok(None);
        }
        self.file(&Revision(head.revision.clone()), &evidence_file(path))
    }

    fn append(&mut self, expected: &Head, batch: &Batch) -> Result<Head, StoreError> {
        check_batch(batch)?;
        let revision = (!expected.revision.is_empty()).then(|| Revision(expected.revision.clone()));
        let mut files: BTreeMap<String, Vec<u8>> = batch
            .evidence
            .iter()
            .map(|(path, bytes)| (evidence_file(path), bytes.clone()))
            .collect();
        for (index, line) in (expected.size..).zip(&batch.lines) {
            let number = index / LINES_PER_FILE;
            let path = entries_path(number);
            if !files.contains_key(&path) {
                let begun = match &revision {
                    Some(revision) if index % LINES_PER_FILE != 0 => {
                        self.file(revision, &path)?.unwrap_or_default()
                    }
                    Some(_) | None => Vec::new(),
                };
                files.insert(path.clone(), begun);
            }
            let file = files.entry(path).or_default();
            file.extend_from_slice(line);
            file.push(b'\n');
        }
        files.extend(
            batch
                .checkpoint
                .clone()
                .map(|bytes| (CHECKPOINT_PATH.to_owned(), bytes)),
        );
        let message = message(expected.size, batch);
        let new = self
            .files
            .commit(revision.as_ref(), &files, &message)
            .map_err(from_versioned)?;
        let size = expected.size + u64::try_from(batch.lines.len()).unwrap_or(0);
        let checkpoint = batch
            .checkpoint
            .clone()
            .or_else(|| expected.checkpoint.clone());
        Ok(Head {
            size,
            revision: new.0,
            checkpoint,
        })
    }
}

fn message(size: u64, batch: &Batch) -> String {
    match batch.lines.len() {
        0 => format!("ledger: checkpoint at {size}"),
        1 => format!("ledger: entry {size}"),
        count => format!(
            "ledger: entries {size} to {}",
            size + u64::try_from(count).unwrap_or(0) - 1
        ),
    }
}

fn from_versioned(error: VersionedError) -> StoreError {
    match error {
        VersionedError::Conflict { .. } => StoreError::Conflict,
        VersionedError::Rewritten { name, seen } => StoreError::Damaged {
            file: name,
            reason: format!("its history was rewritten: {seen} is no longer part of it"),
        },
        VersionedError::Unavailable { .. } => StoreError::Unavailable(error.to_string()),
        VersionedError::Other { .. } => StoreError::Unwritable(error.to_string()),
    }
}
