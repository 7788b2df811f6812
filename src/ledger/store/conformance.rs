//! What every store must do. A fix for one starts as a case for all.

use std::fmt::Debug;

use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::key::tests::signer;
use crate::ledger::store::{Batch, Head, Store, StoreError};
use crate::model::digest::Sha256;

/// One ledger that can be opened several times, and damaged.
pub(super) trait Fixture: Debug {
    fn open(&self) -> Box<dyn Store>;
    /// Writes or removes a file behind the store's back.
    fn damage(&self, file: &str, bytes: Option<&[u8]>);
}

pub(super) fn lines(range: std::ops::Range<u64>) -> Vec<Vec<u8>> {
    range
        .map(|index| format!("entry {index}").into_bytes())
        .collect()
}

pub(super) fn batch(range: std::ops::Range<u64>) -> Batch {
    Batch {
        lines: lines(range),
        ..Batch::default()
    }
}

pub(super) fn checkpoint(size: u64) -> Vec<u8> {
    let checkpoint = Checkpoint {
        origin: "PeterNeumann".into(),
        size,
        root: Sha256::of(b""),
    };
    checkpoint.sign(&signer()).unwrap()
}

/// A ledger with so many entries, added a few at a time.
fn filled(fixture: &dyn Fixture, size: u64) -> (Box<dyn Store>, Head) {
    let mut store = fixture.open();
    let mut head = store.head().unwrap();
    while head.size < size {
        let next = batch(head.size..(head.size + 97).min(size));
        head = store.append(&head, &next).unwrap();
    }
    (store, head)
}

/// The file that damage is reported in, on opening or on reading.
fn damaged_file(fixture: &dyn Fixture) -> Option<String> {
    let mut store = fixture.open();
    match store.head().and_then(|head| store.read(&head, 0)) {
        Err(StoreError::Damaged { file, .. }) => Some(file),
        Err(other) => panic!("{other}"),
        Ok(_) => None,
    }
}

pub(super) fn a_new_ledger_is_empty(fixture: &dyn Fixture) {
    let mut store = fixture.open();
    let head = store.head().unwrap();
    assert_eq!((head.size, &head.checkpoint), (0, &None));
    assert!(store.read(&head, 0).unwrap().is_empty());
    assert_eq!(store.evidence(&head, "sha256/aa/bb.json").unwrap(), None);
}

pub(super) fn appended_lines_are_read_back_by_all(fixture: &dyn Fixture) {
    let mut other = fixture.open();
    assert_eq!(other.head().unwrap().size, 0);
    let (mut store, head) = filled(fixture, 5);
    assert_eq!(store.read(&head, 0).unwrap(), lines(0..5));
    assert_eq!(store.read(&head, 3).unwrap(), lines(3..5));
    assert!(store.read(&head, 5).unwrap().is_empty());
    assert_eq!(store.head().unwrap(), head);
    assert_eq!(other.head().unwrap(), head);
    assert_eq!(fixture.open().head().unwrap(), head);
}

pub(super) fn batches_cross_the_ends_of_files(fixture: &dyn Fixture) {
    let mut store = fixture.open();
    let mut head = store.head().unwrap();
    for end in [255, 256, 257, 512, 1200, 1201] {
        head = store.append(&head, &batch(head.size..end)).unwrap();
        assert_eq!((head.size, store.head().unwrap()), (end, head.clone()));
        let mut fresh = fixture.open();
        assert_eq!(fresh.head().unwrap(), head);
        for from in [0, end - 1, end / 2, 255.min(end), 256.min(end)] {
            assert_eq!(
                fresh.read(&head, from).unwrap(),
                lines(from..end),
                "{from} to {end}"
            );
        }
    }
}

pub(super) fn lines_are_bytes_of_any_kind(fixture: &dyn Fixture) {
    let mut store = fixture.open();
    let empty = store.head().unwrap();
    let wanted = vec![vec![0xff, 0, b'\r'], vec![b'x'; 65_535]];
    let head = store
        .append(
            &empty,
            &Batch {
                lines: wanted.clone(),
                ..Batch::default()
            },
        )
        .unwrap();
    assert_eq!(store.read(&head, 0).unwrap(), wanted);
    for bad in [vec![], b"a\nb".to_vec(), vec![b'x'; 65_536]] {
        let batch = Batch {
            lines: vec![b"good".to_vec(), bad],
            ..Batch::default()
        };
        assert!(matches!(
            store.append(&head, &batch),
            Err(StoreError::Unwritable(_))
        ));
    }
    assert_eq!(store.head().unwrap(), head);
}

pub(super) fn a_stale_head_writes_nothing(fixture: &dyn Fixture) {
    let (mut store, stale) = filled(fixture, 3);
    let head = store.append(&stale, &batch(3..4)).unwrap();
    let mut late = Batch {
        lines: lines(50..52),
        checkpoint: Some(checkpoint(3)),
        ..Batch::default()
    };
    late.evidence.insert("late.json".into(), b"late".to_vec());
    for mut writer in [store, fixture.open()] {
        assert!(matches!(
            writer.append(&stale, &late),
            Err(StoreError::Conflict)
        ));
        assert_eq!(writer.head().unwrap(), head);
        assert_eq!(writer.evidence(&head, "late.json").unwrap(), None);
    }
}

pub(super) fn a_checkpoint_alone_makes_a_head_stale(fixture: &dyn Fixture) {
    let (mut store, stale) = filled(fixture, 3);
    let signed = Batch {
        checkpoint: Some(checkpoint(3)),
        ..Batch::default()
    };
    let head = store.append(&stale, &signed).unwrap();
    assert_eq!(
        (head.size, head.checkpoint.clone()),
        (3, Some(checkpoint(3)))
    );
    assert!(matches!(
        store.append(&stale, &batch(3..4)),
        Err(StoreError::Conflict)
    ));
    assert_eq!(fixture.open().head().unwrap(), head);
    let after = store.append(&head, &batch(3..4)).unwrap();
    assert_eq!(after.checkpoint, Some(checkpoint(3)));
}

pub(super) fn of_two_writers_exactly_one_wins(fixture: &dyn Fixture) {
    for round in 0..20 {
        let mut stores = [fixture.open(), fixture.open(), fixture.open()];
        let head = stores[0].head().unwrap();
        assert_eq!(head.size, round * 2);
        let wins = std::thread::scope(|scope| {
            let racers: Vec<_> = stores
                .iter_mut()
                .map(|store| {
                    let head = &head;
                    scope.spawn(move || {
                        match store.append(head, &batch(head.size..head.size + 2)) {
                            Ok(_) => 1,
                            Err(StoreError::Conflict) => 0,
                            Err(other) => panic!("{other}"),
                        }
                    })
                })
                .collect();
            racers
                .into_iter()
                .map(|racer| racer.join().unwrap())
                .sum::<u32>()
        });
        assert_eq!(wins, 1, "round {round}");
    }
    let mut store = fixture.open();
    let head = store.head().unwrap();
    assert_eq!(store.read(&head, 0).unwrap(), lines(0..40));
}

pub(super) fn evidence_is_kept_and_never_changed(fixture: &dyn Fixture) {
    let mut store = fixture.open();
    let empty = store.head().unwrap();
    let with = |path: &str, bytes: &[u8]| Batch {
        lines: lines(0..1),
        evidence: [
            (path.to_owned(), bytes.to_vec()),
            ("sha256/ab/cd.json.key.sig".into(), b"sig".to_vec()),
        ]
        .into(),
        checkpoint: None,
    };
    let head = store
        .append(&empty, &with("sha256/ab/cd.json", b"statement"))
        .unwrap();
    assert_eq!(
        fixture
            .open()
            .evidence(&head, "sha256/ab/cd.json")
            .unwrap()
            .unwrap(),
        b"statement"
    );
    assert_eq!(
        store
            .evidence(&head, "sha256/ab/cd.json.key.sig")
            .unwrap()
            .unwrap(),
        b"sig"
    );
    assert_eq!(store.evidence(&head, "sha256/ab/other.json").unwrap(), None);
    let again = store
        .append(&head, &with("sha256/ab/cd.json", b"statement"))
        .unwrap();
    assert_eq!(again.size, 2);
    for (path, bytes) in [
        ("sha256/ab/cd.json", b"another!!"),
        ("../ledger/checkpoint", b"statement"),
        ("/etc/x", b"statement"),
    ] {
        assert!(
            matches!(
                store.append(&again, &with(path, bytes)),
                Err(StoreError::Unwritable(_))
            ),
            "{path}"
        );
    }
    assert!(matches!(
        store.evidence(&again, "../ledger/entries/000.jsonl"),
        Err(StoreError::Damaged { .. })
    ));
    assert_eq!(store.head().unwrap(), again);
}

pub(super) fn a_checkpoint_covers_only_what_is_there(fixture: &dyn Fixture) {
    let (mut store, head) = filled(fixture, 2);
    let ahead = Batch {
        lines: lines(2..3),
        checkpoint: Some(checkpoint(3)),
        ..Batch::default()
    };
    assert!(matches!(
        store.append(&head, &ahead),
        Err(StoreError::Unwritable(_))
    ));
    let not_one = Batch {
        checkpoint: Some(b"2".to_vec()),
        ..Batch::default()
    };
    assert!(matches!(
        store.append(&head, &not_one),
        Err(StoreError::Unwritable(_))
    ));
    let behind = Batch {
        lines: lines(2..3),
        checkpoint: Some(checkpoint(2)),
        ..Batch::default()
    };
    assert_eq!(store.append(&head, &behind).unwrap().size, 3);
}

pub(super) fn damage_is_reported_with_the_file(fixture: &dyn Fixture) {
    filled(fixture, 600);
    assert_eq!(damaged_file(fixture), None);
    let (first, middle) = ("ledger/entries/000.jsonl", "ledger/entries/001.jsonl");
    let (last, stray) = ("ledger/entries/002.jsonl", "ledger/entries/notes.txt");
    let text = |lines: Vec<Vec<u8>>| [lines.join(&b'\n'), b"\n".to_vec()].concat();
    let original = |file: &str| match file {
        "ledger/entries/000.jsonl" => text(lines(0..256)),
        "ledger/entries/001.jsonl" => text(lines(256..512)),
        _ => text(lines(512..600)),
    };
    let mut with_blank = lines(256..512);
    with_blank[7].clear();
    let mut too_long = lines(512..600);
    too_long[7] = vec![b'x'; 65_536];
    let cases: [(&str, Option<Vec<u8>>); 9] = [
        (middle, None),
        (first, None),
        (middle, Some(text(with_blank))),
        (last, Some(text(too_long))),
        (middle, Some(text(lines(256..511)))),
        (first, Some(text(lines(0..257)))),
        (first, Some(Vec::new())),
        (middle, Some([original(middle), b"torn".to_vec()].concat())),
        (last, Some(vec![b'\n'; 3])),
    ];
    for (file, bytes) in cases {
        fixture.damage(file, bytes.as_deref());
        assert_eq!(damaged_file(fixture).as_deref(), Some(file), "{bytes:.40?}");
        fixture.damage(file, Some(&original(file)));
    }
    assert_eq!(damaged_file(fixture), None);
    fixture.damage(stray, Some(b"notes"));
    assert_eq!(damaged_file(fixture).as_deref(), Some(stray));
}

/// Makes a test of each case, for a fixture.
macro_rules! conformance {
    ($fixture:expr; $($case:ident)*) => {
        $(#[test]
        fn $case() {
            crate::ledger::store::conformance::$case(&$fixture);
        })*
    };
    ($fixture:expr) => {
        crate::ledger::store::conformance::conformance! {
            $fixture;
            a_new_ledger_is_empty
            appended_lines_are_read_back_by_all
            batches_cross_the_ends_of_files
            lines_are_bytes_of_any_kind
            a_stale_head_writes_nothing
            a_checkpoint_alone_makes_a_head_stale
            of_two_writers_exactly_one_wins
            evidence_is_kept_and_never_changed
            a_checkpoint_covers_only_what_is_there
            damage_is_reported_with_the_file
        }
    };
}
pub(super) use conformance;
