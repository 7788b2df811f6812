#![expect(
    clippy::disallowed_methods,
    reason = "the tests look at and damage the ledger's files"
)]

use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::ledger::store::conformance::{Fixture, batch, checkpoint, conformance, lines};

#[derive(Debug)]
struct Directory(TempDir);

impl Directory {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn root(&self) -> PathBuf {
        self.0.path().join("deep/ledger-folder")
    }

    fn read(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.root().join(file)).unwrap()
    }

    fn filled(&self, size: u64) -> (DirectoryStore, Head) {
        let mut store = DirectoryStore::new(self.root());
        let empty = store.head().unwrap();
        let head = store.append(&empty, &batch(0..size)).unwrap();
        (store, head)
    }

    /// What a reader that knows nothing sees.
    fn seen(&self) -> Vec<Vec<u8>> {
        let mut store = DirectoryStore::new(self.root());
        let head = store.head().unwrap();
        store.read(&head, 0).unwrap()
    }
}

impl Fixture for Directory {
    fn open(&self) -> Box<dyn Store> {
        Box::new(DirectoryStore::new(self.root()))
    }

    fn damage(&self, file: &str, bytes: Option<&[u8]>) {
        let path = self.root().join(file);
        match bytes {
            Some(bytes) => std::fs::write(path, bytes).unwrap(),
            None => std::fs::remove_file(path).unwrap(),
        }
    }
}

conformance!(Directory::new());

const FIRST: &str = "ledger/entries/000.jsonl";

#[test]
fn the_files_are_those_of_the_layout() {
    let directory = Directory::new();
    let (mut store, head) = directory.filled(257);
    let mut more = Batch {
        checkpoint: Some(checkpoint(257)),
        ..Batch::default()
    };
    more.evidence
        .insert("sha256/ab/cd.json".into(), b"{}".to_vec());
    store.append(&head, &more).unwrap();
    assert!(directory.read(FIRST).starts_with(b"entry 0\nentry 1\n"));
    assert_eq!(directory.read("ledger/entries/001.jsonl"), b"entry 256\n");
    assert_eq!(directory.read("ledger/checkpoint"), checkpoint(257));
    assert_eq!(directory.read("evidence/sha256/ab/cd.json"), b"{}");
    let names = |folder: &str| store.folder.list(folder).unwrap().len();
    assert_eq!((names("evidence"), names("ledger")), (1, 4));
}

#[test]
fn half_a_line_is_not_seen_and_the_next_append_removes_it() {
    let directory = Directory::new();
    let (mut knowing, head) = directory.filled(3);
    let whole = directory.read(FIRST);
    for torn in [&b"x"[..], b"entry 3 of a line without its end", &[0; 5000]] {
        directory.damage(FIRST, Some(&[&whole, torn].concat()));
        assert_eq!(directory.seen(), lines(0..3));
        assert_eq!(knowing.head().unwrap(), head);
        assert_eq!(
            directory.read(FIRST).len(),
            whole.len() + torn.len(),
            "readers repair nothing"
        );
    }
    let mut fresh = DirectoryStore::new(directory.root());
    let head = fresh.append(&head, &batch(3..4)).unwrap();
    assert_eq!(
        directory.read(FIRST),
        b"entry 0\nentry 1\nentry 2\nentry 3\n"
    );
    assert_eq!(knowing.head().unwrap(), head);
}

/// Cuts a batch of 300 lines after 3 entries at many places, in the order in which its bytes reach the disk.
#[test]
fn half_a_batch_is_not_seen_and_the_next_append_removes_it() {
    let directory = Directory::new();
    let (_, before) = directory.filled(3);
    let text = |range| {
        pieces(3, &lines(range))
            .into_iter()
            .map(|(_, bytes)| bytes)
            .collect::<Vec<_>>()
    };
    let start = directory.read(FIRST);
    let [first, second] = &text(3..303)[..] else {
        panic!("the batch fills two files")
    };
    for cut in (0..first.len() + second.len()).step_by(97) {
        BatchMark::new(3, &lines(3..303))
            .write(&Folder(directory.root()))
            .unwrap();
        let (in_first, in_second) = (cut.min(first.len()), cut.saturating_sub(first.len()));
        directory.damage(FIRST, Some(&[&start, &first[..in_first]].concat()));
        if cut >= first.len() {
            directory.damage("ledger/entries/001.jsonl", Some(&second[..in_second]));
        }
        assert_eq!(directory.seen(), lines(0..3), "{cut}");
        let mut store = DirectoryStore::new(directory.root());
        assert_eq!(store.head().unwrap(), before);
        store.append(&before, &batch(3..4)).unwrap();
        assert_eq!(directory.seen(), lines(0..4), "{cut}");
        assert!(!directory.root().join("ledger/entries/001.jsonl").exists());
        directory.damage(FIRST, Some(&start));
    }
}

#[test]
fn a_whole_batch_with_other_bytes_than_its_mark_is_not_seen() {
    let directory = Directory::new();
    directory.filled(3);
    BatchMark::new(3, &lines(3..5))
        .write(&Folder(directory.root()))
        .unwrap();
    let zeros = [&directory.read(FIRST), &b"\0\0\0\0\0\0\0\nentry 4\n"[..]].concat();
    directory.damage(FIRST, Some(&zeros));
    assert_eq!(directory.seen(), lines(0..3));
}

#[test]
fn a_torn_mark_takes_nothing_away() {
    let directory = Directory::new();
    directory.filled(3);
    let mark = directory.read("ledger/batch");
    for cut in 0..mark.len() {
        directory.damage("ledger/batch", Some(&mark[..cut]));
        assert_eq!(directory.seen(), lines(0..3), "{cut}");
    }
}

#[test]
fn what_was_seen_once_is_not_read_again() {
    let directory = Directory::new();
    let (mut store, head) = directory.filled(600);
    // Were the first file read again, this would be an error.
    directory.damage(FIRST, Some(b"\n"));
    let next = store.append(&head, &batch(600..601)).unwrap();
    assert_eq!(store.head().unwrap(), next);
    assert_eq!(store.read(&next, 599).unwrap(), lines(599..601));
}

#[test]
fn a_ledger_that_was_cut_short_is_counted_anew() {
    let directory = Directory::new();
    let (mut store, head) = directory.filled(3);
    let head = store.append(&head, &batch(3..4)).unwrap();
    directory.damage(FIRST, Some(b"entry 0\nentry 1\nentry 2\n"));
    assert_eq!(store.head().unwrap().size, 3);
    assert!(matches!(
        store.append(&head, &batch(4..5)),
        Err(StoreError::Conflict)
    ));
    // Inside the newest batch of several lines, the cut looks like that of a crash.
    directory.damage(FIRST, Some(b"entry 0\n"));
    assert_eq!(store.head().unwrap().size, 0);
}

#[test]
fn appends_to_a_full_disk_change_nothing() {
    let directory = Directory::new();
    let (mut store, head) = directory.filled(255);
    // Stands in the way of the second file, so that the append fails in its middle.
    std::fs::create_dir(directory.root().join("ledger/entries/001.jsonl")).unwrap();
    assert!(store.append(&head, &batch(255..258)).is_err());
    std::fs::remove_dir(directory.root().join("ledger/entries/001.jsonl")).unwrap();
    assert_eq!(directory.seen(), lines(0..255));
    store.append(&head, &batch(255..258)).unwrap();
    assert_eq!(directory.seen(), lines(0..258));
}

#[test]
fn a_ledger_may_be_in_a_folder_of_the_current_one() {
    let folder = Path::new("ledger").parent().unwrap();
    files::sync(folder).unwrap();
}

#[test]
fn what_is_no_file_is_reported_and_not_waited_for() {
    let directory = Directory::new();
    directory.filled(1);
    std::fs::remove_file(directory.root().join(FIRST)).unwrap();
    let fifo = std::process::Command::new("mkfifo")
        .arg(directory.root().join(FIRST))
        .status();
    assert!(fifo.unwrap().success());
    let mut store = DirectoryStore::new(directory.root());
    assert!(matches!(store.head(), Err(StoreError::Damaged { file, .. }) if file == FIRST));
    let absent = DirectoryStore::new(Path::new("/nonexistent/ledger").to_path_buf()).head();
    assert_eq!(absent.unwrap().size, 0);
}
