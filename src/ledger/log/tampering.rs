//! What somebody who may write to the store can do, and how it is seen.

use super::tests::{CHECKPOINT, ENTRIES, add, checkpoints, of_three, push, put, reader, writer};
use super::*;
use crate::ledger::store::branch::tests::Branch;

#[test]
fn a_ledger_cut_short_is_refused() {
    let branch = of_three();
    let mut running = reader(&branch).unwrap();
    put(&branch, ENTRIES, b"a\nb\n");
    assert_eq!(
        reader(&branch).unwrap_err().to_string(),
        "the ledger was cut short: `ledger/checkpoint` covers 3 entries, and 2 are there"
    );
    assert_eq!(
        running.refresh().unwrap_err().to_string(),
        "the ledger was rewritten: it has 2 entries, and had 3"
    );
}

#[test]
fn a_ledger_without_its_checkpoint_is_refused() {
    let branch = of_three();
    let mut running = reader(&branch).unwrap();
    push(&branch, |files| {
        files.remove(CHECKPOINT);
    });
    assert!(matches!(
        reader(&branch),
        Err(LedgerError::NoCheckpoint { entries: 3 })
    ));
    assert_eq!(
        running.refresh().unwrap_err().to_string(),
        "the ledger was rewritten: its checkpoint is gone"
    );
}

#[test]
fn an_older_ledger_with_its_own_checkpoint_fails_against_a_pinned_one() {
    let branch = of_three();
    let mut running = reader(&branch).unwrap();
    let pinned = running.checkpoint().unwrap().clone();
    let older = branch.0.lock().unwrap()[4].clone();
    push(&branch, |files| *files = older);
    let read = reader(&branch).unwrap();
    assert_eq!(read.entries().len(), 2);
    assert_eq!(
        read.check_pinned(&pinned).unwrap_err().to_string(),
        "the ledger does not continue the pinned checkpoint of 3 entries: its checkpoint covers 2 entries"
    );
    assert!(matches!(
        running.refresh(),
        Err(LedgerError::Rewritten { .. })
    ));
}

#[test]
fn an_older_checkpoint_put_back_over_all_entries_is_seen() {
    let branch = of_three();
    let mut running = reader(&branch).unwrap();
    let older = branch.0.lock().unwrap()[4][CHECKPOINT].clone();
    put(&branch, CHECKPOINT, &older);
    assert!(matches!(
        running.refresh(),
        Err(LedgerError::Rewritten { .. })
    ));
    let read = reader(&branch).unwrap();
    assert_eq!(read.unsigned_tail(), 1);
    assert!(read.check_pinned(running.checkpoint().unwrap()).is_err());
}

#[test]
fn a_pinned_checkpoint_is_a_prefix() {
    let branch = of_three();
    let read = reader(&branch).unwrap();
    for checkpoint in checkpoints(&branch) {
        read.check_pinned(&checkpoint).unwrap();
    }
    let other = Branch::default();
    let mut log = writer(&other);
    add(&mut log, &["a", "x"]).unwrap();
    assert!(matches!(
        read.check_pinned(log.checkpoint().unwrap()),
        Err(LedgerError::Pinned { size: 2, .. })
    ));
    let named = Checkpoint {
        origin: "other".into(),
        ..read.checkpoint().unwrap().clone()
    };
    assert!(read.check_pinned(&named).is_err());
}

#[test]
fn a_second_history_signed_with_the_key_is_seen_by_who_saw_the_first() {
    let branch = of_three();
    let mut running = writer(&branch);
    let other = Branch::default();
    let mut forger = writer(&other);
    add(&mut forger, &["a", "x", "c", "d"]).unwrap();
    let forged = other.0.lock().unwrap().last().unwrap().clone();
    push(&branch, |files| *files = forged.clone());
    assert_eq!(
        running.refresh().unwrap_err().to_string(),
        "the ledger was rewritten: entry 1 is not what it was"
    );
    assert!(add(&mut running, &["d"]).unwrap_err().is_conflict());
    // With the old entries, and the checkpoint of the others.
    put(&branch, ENTRIES, b"a\nb\nc\nd\n");
    assert_eq!(
        running.refresh().unwrap_err().to_string(),
        "the ledger was rewritten: its checkpoint is not over the first 4 entries that were seen"
    );
    assert_eq!(running.entries().len(), 3);
    assert!(matches!(
        reader(&branch),
        Err(LedgerError::Root { size: 4 })
    ));
}

#[test]
fn any_bit_changed_in_what_is_signed_is_seen() {
    let branch = of_three();
    let last = branch.0.lock().unwrap().last().unwrap().clone();
    for file in [ENTRIES, CHECKPOINT] {
        for index in 0..last[file].len() {
            for bit in 0..8 {
                let mut bytes = last[file].clone();
                bytes[index] ^= 1 << bit;
                put(&branch, file, &bytes);
                assert!(reader(&branch).is_err(), "{file}, byte {index}, bit {bit}");
            }
        }
        put(&branch, file, &last[file]);
    }
    reader(&branch).unwrap();
    for entries in ["a\nc\nb\n", "a\nb\nb\nc\n", "b\nc\n", "a\na\nb\nc\n"] {
        put(&branch, ENTRIES, entries.as_bytes());
        assert!(reader(&branch).is_err(), "{entries:?}");
    }
}
