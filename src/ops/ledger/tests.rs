//! Entries by every name, and proofs that travel.

use super::*;
use crate::context::Context;
use crate::engine::testing::{LedgerAt, ORIGIN, TestOrganisation};
use crate::error::FailureKind;
use crate::fs::durable;
use crate::model::event::Event;
use crate::ops::testing::context_of;

const FIRST: &str = "wildlife/model/penguin-species@1.0.0";

fn past() -> (TestOrganisation, Context) {
    let organisation = TestOrganisation::new();
    organisation.promote_to_prod(FIRST, "weights");
    let context = context_of(&organisation, "fay");
    (organisation, context)
}

#[test]
fn an_entry_is_found_by_index_promotion_and_hash() {
    let (_organisation, context) = past();
    let first = show(&context, "0").unwrap();
    assert_eq!((first.row.word, first.is_signed), ("adopted", true));
    assert_eq!(first.ledger, ORIGIN);
    let Event::Adopted(adoption) = &first.row.entry.event else {
        panic!("{first:?}");
    };
    let digits: String = adoption.root.to_string().chars().take(12).collect();
    assert_eq!(show(&context, &digits).unwrap().row.index, 0);
    let all =
        crate::ops::history::history(&context, &crate::ops::history::HistoryFilter::default());
    let all = all.unwrap().entries;
    let last = all.last().unwrap();
    let promotion = last.promotion.as_ref().unwrap();
    for name in [promotion.short(), promotion.to_string()] {
        let found = show(&context, &name).unwrap();
        assert_eq!((found.row.index, found.row.word), (last.index, "ended"));
    }
    let received = all.iter().find(|row| row.word == "received").unwrap();
    let Event::Received(receipt) = &received.entry.event else {
        panic!("{received:?}");
    };
    let found = show(&context, &receipt.statement.to_string()).unwrap();
    assert_eq!(found.row.index, received.index);
}

#[test]
fn an_entry_that_there_is_not_is_refused_with_a_way_out() {
    let (_organisation, context) = past();
    for (text, expected) in [
        ("999", "there is no entry 999: the ledger has 11"),
        ("abcdef0123", "the ledger has no entry `abcdef0123`"),
        ("abc", "the ledger has no entry `abc`"),
        ("", "the ledger has no entry ``"),
        ("-1", "the ledger has no entry `-1`"),
    ] {
        let failure = show(&context, text).unwrap_err();
        assert_eq!(
            (failure.kind, failure.message.as_str()),
            (FailureKind::Invalid, expected)
        );
        assert!(!failure.hints.is_empty());
    }
}

/// A context with no repository at all.
fn nowhere(organisation: &TestOrganisation, context: &Context) -> Context {
    let mut nowhere = context.clone();
    nowhere.settings.repository = organisation.folder().join("nowhere").display().to_string();
    nowhere
}

#[test]
fn a_proof_is_checked_with_the_key_alone() {
    let (organisation, context) = past();
    let file = organisation.folder().join("entry.tlog-proof");
    let size = 11;
    for index in 0..size {
        let request = ProveRequest {
            entry: index.to_string(),
            to: Some(file.clone()),
            is_bare: false,
        };
        let proof = prove(&context, &request).unwrap();
        let request = CheckRequest {
            proof: file.clone(),
            entry: None,
            key: Some(proof.key),
        };
        let checked = check(&nowhere(&organisation, &context), &request).unwrap();
        assert_eq!((checked.index, checked.size), (index, size));
        let mut shown = show(&context, &index.to_string()).unwrap().row.entry;
        // These are in the index, which the proof does not carry.
        if let Event::Adopted(adoption) = &mut shown.event {
            adoption.files.clear();
        }
        assert_eq!(checked.entry, Some(shown));
        assert_eq!(checked.signed_by, [ORIGIN]);
    }
}

#[test]
fn a_bare_proof_needs_the_entry_and_no_other_will_do() {
    let (organisation, context) = past();
    let file = |name: &str| organisation.folder().join(name);
    let request = ProveRequest {
        entry: "3".to_owned(),
        to: Some(file("bare")),
        is_bare: true,
    };
    prove(&context, &request).unwrap();
    for index in [3, 4] {
        let line = show(&context, &index.to_string()).unwrap().line;
        durable::write_atomic(&file(&index.to_string()), format!("{line}\n").as_bytes()).unwrap();
    }
    let checked = |entry: Option<&str>| {
        let request = CheckRequest {
            proof: file("bare"),
            entry: entry.map(file),
            key: None,
        };
        check(&context, &request)
    };
    assert_eq!(checked(Some("3")).unwrap().index, 3);
    let failure = checked(Some("4")).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Invalid);
    assert!(
        failure.causes[0].contains("the proof leads to another root"),
        "{failure:?}"
    );
    let failure = checked(None).unwrap_err();
    assert_eq!(
        failure.causes,
        ["it does not hold the entry that it is about"]
    );
    assert!(failure.hints[0].contains("--entry FILE"));
}

#[test]
fn a_proof_of_another_log_is_refused() {
    let (organisation, context) = past();
    let (_other, others) = past();
    let file = organisation.folder().join("proof");
    let request = ProveRequest {
        entry: "1".to_owned(),
        to: Some(file.clone()),
        is_bare: false,
    };
    prove(&context, &request).unwrap();
    let key = prove(
        &others,
        &ProveRequest {
            to: None,
            ..request
        },
    )
    .unwrap()
    .key;
    let checked = |key: &str| {
        let request = CheckRequest {
            proof: file.clone(),
            entry: None,
            key: Some(key.to_owned()),
        };
        check(&nowhere(&organisation, &context), &request).unwrap_err()
    };
    assert!(checked(&key).causes[0].starts_with("its checkpoint: it is not signed by"));
    assert_eq!(
        checked("no key").message,
        "the log's verifier key is not one"
    );
    let request = CheckRequest {
        proof: file,
        ..CheckRequest::default()
    };
    let failure = check(&nowhere(&organisation, &context), &request).unwrap_err();
    assert!(
        failure.hints.iter().any(|hint| hint.contains("`--key`")),
        "{failure:?}"
    );
}

#[test]
fn tiles_are_brought_up_to_date_and_mixed_with_nothing() {
    let organisation = TestOrganisation::with_ledger(LedgerAt::Directory);
    organisation.reconcile();
    let context = context_of(&organisation, "fay");
    let folder = organisation.folder().join("tiles");
    let write = |context: &Context| {
        let mut engine = context.observer().unwrap();
        write_tiles(engine.open_ledger().unwrap(), &folder)
    };
    let first = write(&context).unwrap();
    assert_eq!((first.size, first.written, first.kept), (1, 2, 0));
    organisation.promote_to_prod(FIRST, "weights");
    let second = write(&context).unwrap();
    assert_eq!((second.size, second.written, second.kept), (11, 2, 0));
    let again = write(&context).unwrap();
    assert_eq!((again.written, again.kept), (0, 2));
    let (_other, others) = past();
    let failure = write(&others).unwrap_err();
    assert!(
        failure.message.contains("has tiles of another ledger"),
        "{failure:?}"
    );
    let tile = folder.join("tile/entries/000.p/11");
    durable::write_atomic(&tile, b"else").unwrap();
    let failure = write(&context).unwrap_err();
    assert!(
        failure
            .message
            .contains("has other bytes than this ledger's tile"),
        "{failure:?}"
    );
}
