//! A ledger in a local folder. Writers take turns by a lock file; readers take no lock and write nothing.
//!
//! Evidence is written first, then the lines, then the checkpoint, each durable before the next, so that what is there
//! never points at what is not. A crash leaves at most half a line, or half a batch of several lines, which
//! `ledger/batch` tells from a whole one; readers do not see it, and the next append removes it. An append of one line syncs one file, of several lines two; new files cost one more for
//! their folder.

mod extent;
#[expect(
    clippy::disallowed_methods,
    reason = "a directory store owns the files of its ledger"
)]
mod files;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::ledger::note::MAX_NOTE_BYTES;
use crate::ledger::store::directory::extent::{BatchMark, Extent};
use crate::ledger::store::directory::files::Folder;
use crate::ledger::store::layout::{CHECKPOINT, check_batch, entries_file, evidence_file, pieces};
use crate::ledger::store::{Batch, Head, LINES_PER_FILE, MAX_EVIDENCE_BYTES, Store, StoreError};
use crate::model::digest::Sha256;

/// The file that writers lock.
const LOCK: &str = "ledger/lock";
/// Where a checkpoint is written before it takes its place.
const NEW_CHECKPOINT: &str = "ledger/checkpoint.new";
/// Where an evidence file is written before it takes its place; its name cannot be that of evidence.
const NEW_EVIDENCE: &str = "evidence/.new";

/// A ledger in a local folder.
#[derive(Debug)]
pub struct DirectoryStore {
    folder: Folder,
    /// What was whole when it was looked at last; only what follows is read again.
    known: Extent,
}

impl DirectoryStore {
    /// The ledger in this folder. Reads nothing yet; the first append makes the folder.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self {
            folder: Folder(root),
            known: Extent::default(),
        }
    }

    fn write_evidence(&self, evidence: &BTreeMap<String, Vec<u8>>) -> Result<(), StoreError> {
        let mut written = Vec::new();
        for (path, bytes) in evidence {
            let file = evidence_file(path)?;
            match self.folder.read(&file, 0, MAX_EVIDENCE_BYTES)? {
                Some(present) if present == *bytes => continue,
                Some(_) => {
                    return Err(StoreError::Unwritable(format!(
                        "`{file}` has other bytes already"
                    )));
                }
                None => {}
            }
            self.folder.make_parents(&file)?;
            self.folder.replace(&file, NEW_EVIDENCE, bytes)?;
            written.push(file);
        }
        written.dedup_by(|a, b| parent(a) == parent(b));
        written
            .iter()
            .try_for_each(|file| self.folder.sync_parent(file))
    }

    fn write_lines(&mut self, lines: &[Vec<u8>]) -> Result<(), StoreError> {
        self.remove_leftovers()?;
        if lines.len() > 1 {
            BatchMark::new(self.known.size, lines).write(&self.folder)?;
        }
        if let Err(error) = self.append_pieces(lines) {
            return match self.remove_leftovers() {
                Ok(()) => Err(error),
                Err(second) => Err(StoreError::Unwritable(format!(
                    "{error}; what was half written stays: {second}"
                ))),
            };
        }
        self.known = self.known.after(lines);
        Ok(())
    }

    fn append_pieces(&self, lines: &[Vec<u8>]) -> Result<(), StoreError> {
        for (number, bytes) in pieces(self.known.size, lines) {
            let is_new = number * LINES_PER_FILE >= self.known.size;
            self.folder.append(&entries_file(number), &bytes, is_new)?;
        }
        Ok(())
    }

    /// Removes what an append that was cut left behind. Only with the lock, and with `known` read under it.
    fn remove_leftovers(&self) -> Result<(), StoreError> {
        let mark = BatchMark::read(&self.folder)?.filter(|mark| mark.end > self.known.size);
        if let Some(mark) = &mark {
            let last = mark.end.saturating_sub(1) / LINES_PER_FILE;
            // From the last one on, so that there is never a gap.
            for number in (self.known.file() + 1..=last).rev() {
                let file = entries_file(number);
                if self.folder.length(&file)?.is_some() {
                    self.folder.remove(&file)?;
                    self.folder.sync_parent(&file)?;
                }
            }
        }
        self.folder
            .cut(&entries_file(self.known.file()), self.known.bytes)?;
        if mark.is_some() {
            BatchMark::clear(&self.folder)
        } else {
            Ok(())
        }
    }

    fn write_checkpoint(&self, checkpoint: &[u8]) -> Result<(), StoreError> {
        self.folder
            .replace(CHECKPOINT, NEW_CHECKPOINT, checkpoint)?;
        self.folder.sync_parent(CHECKPOINT)
    }
}

impl Store for DirectoryStore {
    fn head(&mut self) -> Result<Head, StoreError> {
        // The checkpoint first: entries are added before it, so it covers none that are not counted after.
        let checkpoint = self.folder.read(CHECKPOINT, 0, MAX_NOTE_BYTES)?;
        self.known = Extent::read(&self.folder, self.known)?;
        Ok(head(self.known.size, checkpoint))
    }

    fn read(&self, head: &Head, from: u64) -> Result<Vec<Vec<u8>>, StoreError> {
        extent::read(&self.folder, head, from)
    }

    fn evidence(&self, _head: &Head, path: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.folder
            .read(&evidence_file(path)?, 0, MAX_EVIDENCE_BYTES)
    }

    fn append(&mut self, expected: &Head, batch: &Batch) -> Result<Head, StoreError> {
        check_batch(expected, batch)?;
        self.folder.make_parents(&entries_file(0))?;
        let _lock = self.folder.lock(LOCK)?;
        let now = self.head()?;
        if now.size != expected.size || now.revision != expected.revision {
            return Err(StoreError::Conflict);
        }
        self.write_evidence(&batch.evidence)?;
        if !batch.lines.is_empty() {
            self.write_lines(&batch.lines)?;
        }
        if let Some(checkpoint) = &batch.checkpoint {
            self.write_checkpoint(checkpoint)?;
        }
        Ok(head(
            self.known.size,
            batch.checkpoint.clone().or(now.checkpoint),
        ))
    }
}

/// The revision is the size and the hash of the checkpoint: entries are only added, so these tell states apart.
fn head(size: u64, checkpoint: Option<Vec<u8>>) -> Head {
    let hash = checkpoint
        .as_deref()
        .map(|bytes| Sha256::of(bytes).to_string());
    let revision = format!("{size}-{}", hash.as_deref().unwrap_or("none"));
    Head {
        size,
        revision,
        checkpoint,
    }
}

fn parent(file: &str) -> Option<&str> {
    file.rsplit_once('/').map(|(parent, _)| parent)
}

#[cfg(test)]
mod tests;
