use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::*;
use crate::ledger::key::tests::{PUBLIC, signer};
use crate::ledger::merkle::root;
use crate::ledger::store::branch::BranchStore;
use crate::ledger::store::branch::tests::Branch;
use crate::ledger::store::directory::DirectoryStore;

pub(super) const ENTRIES: &str = "ledger/entries/000.jsonl";
pub(super) const CHECKPOINT: &str = "ledger/checkpoint";

pub(super) fn verifier() -> Verifier {
    PUBLIC.parse().unwrap()
}

fn store(branch: &Branch) -> Box<dyn Store> {
    Box::new(BranchStore::new(Box::new(branch.clone())))
}

pub(super) fn writer(branch: &Branch) -> Log {
    Log::open(store(branch), verifier(), Some(signer())).unwrap()
}

pub(super) fn reader(branch: &Branch) -> Result<Log, LedgerError> {
    Log::open(store(branch), verifier(), None)
}

fn lines(names: &[&str]) -> Vec<Vec<u8>> {
    names.iter().map(|name| name.as_bytes().to_vec()).collect()
}

pub(super) fn add(log: &mut Log, names: &[&str]) -> Result<Range<u64>, LedgerError> {
    log.append(lines(names), BTreeMap::new())
}

/// A branch with entries `a`, `b` and `c`, each signed.
pub(super) fn of_three() -> Branch {
    let branch = Branch::default();
    let mut log = writer(&branch);
    for name in ["a", "b", "c"] {
        add(&mut log, &[name]).unwrap();
    }
    branch
}

/// Changes files as somebody would who may push.
pub(super) fn push(branch: &Branch, change: impl FnOnce(&mut BTreeMap<String, Vec<u8>>)) {
    let mut states = branch.0.lock().unwrap();
    let mut next = states.last().cloned().unwrap_or_default();
    change(&mut next);
    states.push(next);
}

pub(super) fn put(branch: &Branch, file: &str, bytes: &[u8]) {
    push(branch, |files| {
        files.insert(file.to_owned(), bytes.to_vec());
    });
}

/// All checkpoints that were ever on the branch, oldest first.
pub(super) fn checkpoints(branch: &Branch) -> Vec<Checkpoint> {
    let states = branch.0.lock().unwrap();
    let bytes = states.iter().filter_map(|files| files.get(CHECKPOINT));
    let mut all: Vec<_> = bytes
        .map(|bytes| Checkpoint::open(bytes, &verifier()).unwrap())
        .collect();
    all.dedup();
    all
}

/// A store that fails with an error of choice when a checkpoint is written, while there is one.
#[derive(Debug, Clone, Default)]
struct Failure(Arc<Mutex<Option<MakeError>>>);

type MakeError = fn() -> StoreError;

#[derive(Debug)]
struct Unsignable(Box<dyn Store>, Failure);

impl Store for Unsignable {
    fn head(&mut self) -> Result<Head, StoreError> {
        self.0.head()
    }

    fn read(&self, head: &Head, from: u64) -> Result<Vec<Vec<u8>>, StoreError> {
        self.0.read(head, from)
    }

    fn evidence(&self, head: &Head, path: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.evidence(head, path)
    }

    fn append(&mut self, expected: &Head, batch: &Batch) -> Result<Head, StoreError> {
        match *self.1.0.lock().unwrap() {
            Some(error) if batch.checkpoint.is_some() => Err(error()),
            _ => self.0.append(expected, batch),
        }
    }
}

#[test]
fn a_ledger_is_signed_before_and_after_its_first_entries() {
    let branch = Branch::default();
    let mut log = writer(&branch);
    assert_eq!((log.checkpoint(), log.entries().len()), (None, 0));
    assert_eq!(add(&mut log, &["a", "b"]).unwrap(), 0..2);
    assert_eq!(add(&mut log, &["c"]).unwrap(), 2..3);
    let sizes: Vec<_> = checkpoints(&branch)
        .iter()
        .map(|checkpoint| checkpoint.size)
        .collect();
    assert_eq!(sizes, [0, 2, 3]);
    let read = reader(&branch).unwrap();
    assert_eq!(
        (read.entries(), read.unsigned_tail()),
        (&lines(&["a", "b", "c"])[..], 0)
    );
    assert_eq!(read.checkpoint().unwrap().root, root(read.leaves()));
    assert_eq!(read.checkpoint(), log.checkpoint());
    assert_eq!(read.checkpoint_bytes(), log.checkpoint_bytes());
}

#[test]
fn evidence_goes_with_its_entries() {
    let branch = Branch::default();
    let mut log = writer(&branch);
    let evidence = BTreeMap::from([("sha256/ab/cd.json".to_owned(), b"{}".to_vec())]);
    log.append(lines(&["a"]), evidence).unwrap();
    let read = reader(&branch).unwrap();
    assert_eq!(read.evidence("sha256/ab/cd.json").unwrap().unwrap(), b"{}");
    assert_eq!(read.evidence("sha256/ab/ce.json").unwrap(), None);
    assert!(read.evidence("../checkpoint").is_err());
}

#[test]
fn the_loser_of_a_race_reads_and_tries_again() {
    let branch = of_three();
    let (mut one, mut two) = (writer(&branch), writer(&branch));
    add(&mut one, &["d", "e"]).unwrap();
    assert!(add(&mut two, &["f"]).unwrap_err().is_conflict());
    assert_eq!(two.entries().len(), 3);
    assert_eq!(
        two.refresh().unwrap(),
        [(3, b"d".to_vec()), (4, b"e".to_vec())]
    );
    assert!(two.refresh().unwrap().is_empty());
    assert_eq!(add(&mut two, &["f"]).unwrap(), 5..6);
    assert_eq!(one.refresh().unwrap(), [(5, b"f".to_vec())]);
    assert_eq!(one.checkpoint(), two.checkpoint());
}

#[test]
fn without_the_private_key_nothing_is_added() {
    let branch = of_three();
    assert!(matches!(
        add(&mut reader(&branch).unwrap(), &["d"]),
        Err(LedgerError::ReadOnly)
    ));
    let empty = Branch::default();
    assert!(matches!(
        add(&mut reader(&empty).unwrap(), &["d"]),
        Err(LedgerError::ReadOnly)
    ));
    let other = Signer::generate("PeterNeumann").unwrap();
    let error = Log::open(store(&branch), verifier(), Some(other)).unwrap_err();
    assert!(matches!(error, LedgerError::WrongKey { .. }));
    let other = Signer::generate("PeterNeumann").unwrap();
    let error = Log::open(store(&branch), other.verifier().clone(), None).unwrap_err();
    assert!(matches!(error, LedgerError::Checkpoint(_)));
}

#[test]
fn entries_that_could_not_be_signed_are_signed_by_the_next() {
    let branch = of_three();
    let mut log = writer(&branch);
    // Entries that another process stored before it was ended.
    put(&branch, ENTRIES, b"a\nb\nc\nd\n");
    assert_eq!(log.refresh().unwrap().len(), 1);
    assert_eq!(
        (log.unsigned_tail(), log.checkpoint().unwrap().size),
        (1, 3)
    );
    assert_eq!(reader(&branch).unwrap().unsigned_tail(), 1);
    assert_eq!(add(&mut log, &["e"]).unwrap(), 4..5);
    assert_eq!(
        (log.unsigned_tail(), log.checkpoint().unwrap().size),
        (0, 5)
    );
    assert_eq!(reader(&branch).unwrap().unsigned_tail(), 0);
}

#[test]
fn an_append_is_done_when_only_its_signature_fails() {
    let branch = of_three();
    let failure = Failure::default();
    let failing = Box::new(Unsignable(store(&branch), failure.clone()));
    let mut log = Log::open(failing, verifier(), Some(signer())).unwrap();
    let errors: [MakeError; 2] = [
        || StoreError::Conflict,
        || StoreError::Unavailable("cut".into()),
    ];
    for (tail, error) in (1..).zip(errors) {
        *failure.0.lock().unwrap() = Some(error);
        add(&mut log, &["more"]).unwrap();
        assert_eq!(
            (log.unsigned_tail(), log.checkpoint().unwrap().size),
            (tail, 3)
        );
        assert!(log.sign().is_err());
    }
    *failure.0.lock().unwrap() = None;
    log.sign().unwrap();
    assert_eq!(
        (
            log.unsigned_tail(),
            reader(&branch).unwrap().unsigned_tail()
        ),
        (0, 0)
    );
    // Before the very first entry it is an error: nothing was added.
    let empty = Branch::default();
    *failure.0.lock().unwrap() = errors.last().copied();
    let failing = Box::new(Unsignable(store(&empty), failure));
    let mut log = Log::open(failing, verifier(), Some(signer())).unwrap();
    assert!(add(&mut log, &["a"]).is_err());
    assert!(empty.0.lock().unwrap().is_empty());
}

#[test]
fn both_stores_hold_the_same_bytes_for_the_same_entries() {
    let folder = tempfile::tempdir().unwrap();
    let branch = Branch::default();
    let open = || Box::new(DirectoryStore::new(folder.path().to_path_buf()));
    let mut in_folder = Log::open(open(), verifier(), Some(signer())).unwrap();
    let mut on_branch = writer(&branch);
    for count in [1, 250, 10, 300] {
        let many: Vec<_> = (0..count)
            .map(|index| format!("{index}").into_bytes())
            .collect();
        in_folder.append(many.clone(), BTreeMap::new()).unwrap();
        on_branch.append(many, BTreeMap::new()).unwrap();
    }
    let files = branch.0.lock().unwrap().last().unwrap().clone();
    assert_eq!(files.len(), 4);
    let mut store = open();
    let head = store.head().unwrap();
    assert_eq!(head.checkpoint.as_ref(), files.get(CHECKPOINT));
    assert_eq!(store.read(&head, 0).unwrap(), on_branch.entries());
    let again = Log::open(store, verifier(), None).unwrap();
    again.check_pinned(on_branch.checkpoint().unwrap()).unwrap();
}

proptest! {
    /// Three engines append, read and start again in any order.
    #[test]
    fn all_that_is_ever_signed_is_one_history(steps in prop::collection::vec((0usize..3, 0u8..6), 1..60)) {
        let branch = Branch::default();
        let mut logs: Vec<_> = (0..3).map(|_| writer(&branch)).collect();
        let mut added = Vec::new();
        for (step, (who, what)) in steps.into_iter().enumerate() {
            let log = &mut logs[who];
            match what {
                0 => *log = writer(&branch),
                1 | 2 => { log.refresh().unwrap(); }
                _ => match add(log, &[&format!("{step}"), &format!("{who} {step}")]) {
                    Ok(range) => added.push((range, step)),
                    Err(error) => prop_assert!(error.is_conflict(), "{}", error),
                },
            }
        }
        let last = reader(&branch).unwrap();
        prop_assert_eq!(last.entries().len(), added.len() * 2);
        for (range, step) in added {
            let line = &last.entries()[usize::try_from(range.start).unwrap()];
            prop_assert_eq!(line.clone(), format!("{step}").into_bytes());
        }
        for checkpoint in checkpoints(&branch) {
            last.check_pinned(&checkpoint).unwrap();
        }
    }
}
