//! A ledger on a branch: files that change only as a whole, with a push as the compare-and-swap.

use std::collections::BTreeMap;

use crate::fs::versioned::{Revision, VersionedError, VersionedFiles};
use crate::ledger::note::MAX_NOTE_BYTES;
use crate::ledger::store::layout::{
    CHECKPOINT, ENTRIES, MAX_FILE_BYTES, check_batch, count_files, damaged, entries_file,
    evidence_file, pieces, read_entries, split_lines,
};
use crate::ledger::store::{Batch, Head, LINES_PER_FILE, MAX_EVIDENCE_BYTES, Store, StoreError};

/// A ledger over files that change only as a whole.
#[derive(Debug)]
pub struct BranchStore {
    files: Box<dyn VersionedFiles>,
    /// The head seen last: reading it again is spared when the branch has not moved.
    seen: Option<Head>,
}

impl BranchStore {
    /// The ledger in these files. Reads nothing yet.
    #[must_use]
    pub fn new(files: Box<dyn VersionedFiles>) -> Self {
        Self { files, seen: None }
    }

    fn read_file(
        &self,
        revision: &Revision,
        path: &str,
        limit: usize,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.files
            .read(revision, path, limit)
            .map_err(while_reading)
    }

    /// Counts the entries by the number of files and the lines of the last one.
    fn head_at(&self, revision: Revision) -> Result<Head, StoreError> {
        let paths = self.files.list(&revision, ENTRIES).map_err(while_reading)?;
        let count = count_files(paths.iter().map(String::as_str))?;
        let mut size = 0;
        if let Some(last) = count.checked_sub(1) {
            let file = entries_file(last);
            let bytes = self
                .read_file(&revision, &file, MAX_FILE_BYTES)?
                .unwrap_or_default();
            let lines = split_lines(&file, &bytes)?.len() as u64;
            if lines == 0 {
                return Err(damaged(&file, "it is empty"));
            }
            size = last * LINES_PER_FILE + lines;
        }
        let checkpoint = self.read_file(&revision, CHECKPOINT, MAX_NOTE_BYTES)?;
        Ok(Head {
            size,
            revision: revision.0,
            checkpoint,
        })
    }

    /// What the batch makes of the files: the last file of entries grows, others are new.
    fn changed_files(
        &self,
        expected: &Head,
        batch: &Batch,
    ) -> Result<BTreeMap<String, Vec<u8>>, StoreError> {
        let mut files = BTreeMap::new();
        for (path, bytes) in &batch.evidence {
            let file = evidence_file(path)?;
            match self.evidence(expected, path)? {
                None => {
                    files.insert(file, bytes.clone());
                }
                Some(present) if present == *bytes => {}
                Some(_) => {
                    return Err(StoreError::Unwritable(format!(
                        "`{file}` has other bytes already"
                    )));
                }
            }
        }
        for (number, added) in pieces(expected.size, &batch.lines) {
            let file = entries_file(number);
            let from = number * LINES_PER_FILE;
            let kept = if from < expected.size {
                self.read(expected, from)?
            } else {
                Vec::new()
            };
            let mut bytes: Vec<u8> = pieces(from, &kept)
                .into_iter()
                .flat_map(|(_, bytes)| bytes)
                .collect();
            bytes.extend(added);
            files.insert(file, bytes);
        }
        if let Some(checkpoint) = &batch.checkpoint {
            files.insert(CHECKPOINT.to_owned(), checkpoint.clone());
        }
        Ok(files)
    }
}

impl Store for BranchStore {
    fn head(&mut self) -> Result<Head, StoreError> {
        let revision = self.files.head().map_err(while_reading)?;
        let Some(revision) = revision else {
            return match &self.seen {
                Some(seen) if !seen.revision.is_empty() => {
                    Err(rewritten(&self.files.name(), &seen.revision))
                }
                _ => Ok(Head {
                    size: 0,
                    revision: String::new(),
                    checkpoint: None,
                }),
            };
        };
        if let Some(seen) = &self.seen {
            if seen.revision == revision.0 {
                return Ok(seen.clone());
            }
            let older = Revision(seen.revision.clone());
            if !self
                .files
                .is_ancestor(&older, &revision)
                .map_err(while_reading)?
            {
                return Err(rewritten(&self.files.name(), &seen.revision));
            }
        }
        let head = self.head_at(revision)?;
        self.seen = Some(head.clone());
        Ok(head)
    }

    fn read(&self, head: &Head, from: u64) -> Result<Vec<Vec<u8>>, StoreError> {
        let revision = Revision(head.revision.clone());
        read_entries(head, from, |_, file| {
            self.read_file(&revision, file, MAX_FILE_BYTES)
        })
    }

    fn evidence(&self, head: &Head, path: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let file = evidence_file(path)?;
        match revision_of(head) {
            Some(revision) => self.read_file(&revision, &file, MAX_EVIDENCE_BYTES),
            None => Ok(None),
        }
    }

    fn append(&mut self, expected: &Head, batch: &Batch) -> Result<Head, StoreError> {
        check_batch(expected, batch)?;
        let files = self.changed_files(expected, batch)?;
        if files.is_empty() {
            let head = self.head()?;
            return if head == *expected {
                Ok(head)
            } else {
                Err(StoreError::Conflict)
            };
        }
        let message = message(expected, batch);
        let revision = self
            .files
            .commit(revision_of(expected).as_ref(), &files, &message);
        let head = Head {
            size: expected.size + batch.lines.len() as u64,
            revision: revision.map_err(while_writing)?.0,
            checkpoint: batch
                .checkpoint
                .clone()
                .or_else(|| expected.checkpoint.clone()),
        };
        self.seen = Some(head.clone());
        Ok(head)
    }
}

fn revision_of(head: &Head) -> Option<Revision> {
    (!head.revision.is_empty()).then(|| Revision(head.revision.clone()))
}

/// What the change is called in the history of the branch.
fn message(expected: &Head, batch: &Batch) -> String {
    match (batch.lines.len() as u64, &batch.checkpoint) {
        (0, Some(_)) => format!("ledger: checkpoint of {} entries", expected.size),
        (0, None) => "ledger: evidence".to_owned(),
        (1, _) => format!("ledger: entry {}", expected.size),
        (count, _) => format!(
            "ledger: entries {} to {}",
            expected.size,
            expected.size + count - 1
        ),
    }
}

fn rewritten(name: &str, seen: &str) -> StoreError {
    damaged(
        name,
        format!("its history was rewritten: {seen} is no longer part of it"),
    )
}

fn while_reading(error: VersionedError) -> StoreError {
    match error {
        VersionedError::Conflict { .. } => StoreError::Conflict,
        VersionedError::Rewritten { name, seen } => rewritten(&name, &seen),
        VersionedError::Unavailable { .. } => StoreError::Unavailable(error.to_string()),
        VersionedError::Other { name, reason } => damaged(&name, reason),
    }
}

fn while_writing(error: VersionedError) -> StoreError {
    match error {
        VersionedError::Other { .. } => StoreError::Unwritable(error.to_string()),
        other => while_reading(other),
    }
}

#[cfg(test)]
pub(in crate::ledger) mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::ledger::store::conformance::{Fixture, batch, conformance};

    type Files = BTreeMap<String, Vec<u8>>;

    /// A branch in memory: its states in order, the revision being the index.
    #[derive(Debug, Clone, Default)]
    pub(in crate::ledger) struct Branch(pub(in crate::ledger) Arc<Mutex<Vec<Files>>>);

    impl VersionedFiles for Branch {
        fn name(&self) -> String {
            "promote-ledger".to_owned()
        }

        fn head(&mut self) -> Result<Option<Revision>, VersionedError> {
            let states = self.0.lock().unwrap();
            Ok(states
                .len()
                .checked_sub(1)
                .map(|last| Revision(last.to_string())))
        }

        fn read(
            &self,
            revision: &Revision,
            path: &str,
            limit: usize,
        ) -> Result<Option<Vec<u8>>, VersionedError> {
            let states = self.0.lock().unwrap();
            let bytes = states[revision.0.parse::<usize>().unwrap()]
                .get(path)
                .cloned();
            match bytes {
                Some(bytes) if bytes.len() > limit => Err(VersionedError::Other {
                    name: path.to_owned(),
                    reason: "too large".into(),
                }),
                other => Ok(other),
            }
        }

        fn list(&self, revision: &Revision, folder: &str) -> Result<Vec<String>, VersionedError> {
            let states = self.0.lock().unwrap();
            let paths = states[revision.0.parse::<usize>().unwrap()].keys();
            Ok(paths
                .filter(|path| path.starts_with(&format!("{folder}/")))
                .cloned()
                .collect())
        }

        fn is_ancestor(&self, older: &Revision, newer: &Revision) -> Result<bool, VersionedError> {
            Ok(older.0.parse::<usize>().unwrap() <= newer.0.parse::<usize>().unwrap())
        }

        fn commit(
            &mut self,
            expected: Option<&Revision>,
            files: &Files,
            _message: &str,
        ) -> Result<Revision, VersionedError> {
            let mut states = self.0.lock().unwrap();
            let head = states
                .len()
                .checked_sub(1)
                .map(|last| Revision(last.to_string()));
            if head.as_ref() != expected {
                return Err(VersionedError::Conflict { name: self.name() });
            }
            let mut next = states.last().cloned().unwrap_or_default();
            next.extend(files.clone());
            states.push(next);
            Ok(Revision((states.len() - 1).to_string()))
        }
    }

    impl Fixture for Branch {
        fn open(&self) -> Box<dyn Store> {
            Box::new(BranchStore::new(Box::new(self.clone())))
        }

        fn damage(&self, file: &str, bytes: Option<&[u8]>) {
            let mut states = self.0.lock().unwrap();
            let mut next = states.last().cloned().unwrap_or_default();
            match bytes {
                Some(bytes) => next.insert(file.to_owned(), bytes.to_vec()),
                None => next.remove(file),
            };
            states.push(next);
        }
    }

    conformance!(Branch::default());

    #[test]
    fn an_append_writes_only_the_files_that_grow() {
        let mut store = BranchStore::new(Box::new(Branch::default()));
        let empty = store.head().unwrap();
        let head = store.append(&empty, &batch(0..300)).unwrap();
        let files = store.changed_files(&head, &batch(300..301)).unwrap();
        assert_eq!(
            files.keys().collect::<Vec<_>>(),
            ["ledger/entries/001.jsonl"]
        );
        let files = store.changed_files(&head, &batch(300..520)).unwrap();
        assert_eq!(
            files.keys().collect::<Vec<_>>(),
            ["ledger/entries/001.jsonl", "ledger/entries/002.jsonl"]
        );
        assert_eq!(message(&head, &batch(300..301)), "ledger: entry 300");
        assert_eq!(
            message(&head, &batch(300..302)),
            "ledger: entries 300 to 301"
        );
    }

    #[test]
    fn a_history_that_was_rewritten_is_reported() {
        let branch = Branch::default();
        let mut store = BranchStore::new(Box::new(branch.clone()));
        let mut head = store.head().unwrap();
        for index in 0..3 {
            head = store.append(&head, &batch(index..index + 1)).unwrap();
        }
        branch.0.lock().unwrap().pop();
        let error = store.head().unwrap_err();
        assert_eq!(
            error.to_string(),
            "the ledger is damaged: `promote-ledger`: its history was rewritten: 2 is no longer part of it"
        );
        branch.0.lock().unwrap().clear();
        assert!(matches!(store.head(), Err(StoreError::Damaged { .. })));
    }

    #[test]
    fn half_a_line_is_damage_on_a_branch() {
        let branch = Branch::default();
        for torn in [&b"entry 0\nent"[..], b""] {
            branch.damage("ledger/entries/000.jsonl", Some(torn));
            assert!(
                matches!(branch.open().head(), Err(StoreError::Damaged { .. })),
                "{torn:?}"
            );
        }
    }
}
