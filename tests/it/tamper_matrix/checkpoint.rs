//! The signed head of the ledger.

use promote::ledger::checkpoint::Checkpoint;
use promote::ledger::key::Verifier;
use promote::ledger::signer::Signer;

use super::past::past;
use super::{CHECKPOINT, Spoilt, Tally, flipped};

const NOT_BELIEVED: &str = "`ledger/checkpoint` is not to be believed: ";

#[test]
fn every_bit_of_the_checkpoint_is_noticed() {
    let spoilt = Spoilt::new(past());
    let good = spoilt.read(CHECKPOINT);
    let verifier: Verifier = spoilt.root().ledger.key.parse().unwrap();
    let signed = Checkpoint::open(&good, &verifier).unwrap();
    let mut tally = Tally::new("bits of the checkpoint, by the log's key");
    for at in 0..good.len() {
        for bit in 0..8 {
            let opened = Checkpoint::open(&flipped(&good, at, 1 << bit), &verifier);
            tally.count(opened.is_err(), || format!("byte {at}, bit {bit}"));
        }
    }
    tally.expect(8 * good.len(), &[]);

    let mut tally = Tally::new("bytes and ends of the checkpoint, by verify");
    for at in 0..good.len() {
        for changed in [flipped(&good, at, 1), good[..at].to_vec()] {
            spoilt.write(CHECKPOINT, &changed);
            let problems = spoilt.problems();
            tally.add(
                || format!("byte {at}"),
                &problems,
                |reason| reason.starts_with(NOT_BELIEVED),
            );
        }
    }
    spoilt.remove(CHECKPOINT);
    let problems = spoilt.problems();
    tally.add(
        || "removed".to_owned(),
        &problems,
        |reason| reason.contains("no `ledger/checkpoint`"),
    );
    tally.expect(2 * good.len() + 1, &[]);
    assert_eq!(signed.size, spoilt.lines().len() as u64);

    let mut tally = Tally::new("signature lines of the checkpoint, by verify");
    for (what, changed) in lines(&String::from_utf8(good.clone()).unwrap()) {
        spoilt.write(CHECKPOINT, changed.as_bytes());
        let problems = spoilt.problems();
        tally.add(
            || what.to_owned(),
            &problems,
            |reason| reason.starts_with(NOT_BELIEVED),
        );
    }
    let inert = [
        "99 lines of unknown keys",
        "a line of an unknown key after ours",
        "a line of an unknown key before ours",
        "our line twice",
    ];
    tally.expect(9, &inert);
    spoilt.write(CHECKPOINT, &good);
    assert_eq!(spoilt.problems(), Vec::<String>::new());
}

/// Notes with other signature lines: those of keys that nobody knows mean nothing.
fn lines(good: &str) -> Vec<(&'static str, String)> {
    let (text, ours) = good.split_once("\n\n").unwrap();
    let line = |name: &str| {
        let note = Signer::generate(name).unwrap().sign(&format!("{text}\n"));
        let note = note.unwrap().to_string();
        note.split_once("\n\n").unwrap().1.to_owned()
    };
    let unknown = line("witness.example");
    let name = text.lines().next().unwrap();
    let other_of_ours = line(name);
    vec![
        (
            "a line of an unknown key after ours",
            format!("{text}\n\n{ours}{unknown}"),
        ),
        (
            "a line of an unknown key before ours",
            format!("{text}\n\n{unknown}{ours}"),
        ),
        (
            "99 lines of unknown keys",
            format!("{text}\n\n{ours}{}", unknown.repeat(99)),
        ),
        ("our line twice", format!("{text}\n\n{ours}{ours}")),
        (
            "100 lines of unknown keys",
            format!("{text}\n\n{ours}{}", unknown.repeat(100)),
        ),
        ("only an unknown key", format!("{text}\n\n{unknown}")),
        (
            "another key of our name alone",
            format!("{text}\n\n{other_of_ours}"),
        ),
        ("no line", format!("{text}\n\n")),
        ("white space behind", format!("{good} ")),
        ("a blank line behind", format!("{good}\n")),
    ]
}
