//! The lines of the ledger.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use promote::engine::book::trusted_engines;
use promote::engine::record::{self, TrustedEngine};
use promote::ledger::checkpoint::Checkpoint;
use promote::ledger::key::Verifier;
use promote::ledger::merkle::{leaf_hash, root};
use promote::ledger::proof::{ProofError, inclusion_proof, verify_inclusion};
use promote::ledger::signer::Signer;
use promote::model::digest::Sha256;
use promote::redact::Secret;

use super::past::{events, past};
use super::{CHECKPOINT, LINES, Spoilt, Tally, flipped};

/// The bits that are changed: the lowest, and the one between small and large letters.
const BITS: [u8; 2] = [1, 0x20];
/// Of the payload's bytes, every how many-th is tried against the engine's signature.
const STRIDE: usize = 64;
/// What of an entry no signature covers, and nobody looks at: only the tree holds it.
const KEYID: &str = "the fingerprint beside a signature";

fn not_signed_for(count: usize) -> String {
    format!("the first {count} entries are not those that `ledger/checkpoint` was signed for")
}

/// How many are left depends on whether they were written together with what is gone.
fn cut_short(count: usize) -> String {
    format!("the ledger was cut short: `ledger/checkpoint` covers {count} entries, and ")
}

#[test]
fn every_byte_of_every_line_is_noticed() {
    let spoilt = Spoilt::new(past());
    let lines = spoilt.lines();
    let bytes: usize = lines.iter().map(Vec::len).sum();
    assert!(lines.len() >= 150 && bytes > 400_000);
    in_the_tree(&spoilt, &lines).expect(2 * bytes, &[]);
}

#[test]
fn every_part_of_an_envelope_is_signed_but_the_fingerprint() {
    let spoilt = Spoilt::new(past());
    let lines = spoilt.lines();
    let bytes: usize = lines.iter().map(Vec::len).sum();
    by_signature(&spoilt, &lines).expect(bytes / STRIDE, &[KEYID]);
}

#[test]
fn every_field_of_every_event_is_noticed() {
    let spoilt = Spoilt::new(past());
    let lines = spoilt.lines();
    fields(&spoilt, &lines).expect(600, &[]);
    spoilt.write_lines(&lines);
    assert_eq!(spoilt.problems(), Vec::<String>::new());
}

#[test]
fn every_entry_that_its_engine_did_not_sign_is_named() {
    let spoilt = Spoilt::new(past());
    let lines = spoilt.lines();
    fields_under_a_new_checkpoint(&spoilt, &lines).expect(80, &[KEYID]);
}

#[test]
fn every_line_that_is_gone_or_elsewhere_is_noticed() {
    let spoilt = Spoilt::new(past());
    let lines = spoilt.lines();
    newlines(&spoilt, &lines).expect(lines.len(), &[]);
    removed(&spoilt, &lines).expect(5 * lines.len(), &[]);
}

/// Whether a changed line is still at its place of the tree that the log's key has signed.
fn in_the_tree(spoilt: &Spoilt, lines: &[Vec<u8>]) -> Tally {
    let verifier: Verifier = spoilt.root().ledger.key.parse().unwrap();
    let signed = Checkpoint::open(&spoilt.read(CHECKPOINT), &verifier).unwrap();
    let leaves: Vec<Sha256> = lines.iter().map(|line| leaf_hash(line)).collect();
    let size = signed.size;
    let check = |index: usize, line: &[u8]| {
        let mut tally = Tally::new("bytes of lines, by the tree");
        let proof = inclusion_proof(&leaves, index as u64).unwrap();
        let is_there = |line: &[u8]| {
            verify_inclusion(&leaf_hash(line), index as u64, size, &proof, &signed.root)
        };
        is_there(line).unwrap();
        let mut line = line.to_vec();
        for at in 0..line.len() {
            for bits in BITS {
                line[at] ^= bits;
                let found = is_there(&line);
                line[at] ^= bits;
                let is_right = found == Err(ProofError::Root { size });
                tally.count(is_right, || format!("line {index}, byte {at}, bits {bits}"));
            }
        }
        tally
    };
    let half = |from: usize| {
        let mut tally = Tally::new("bytes of lines, by the tree");
        for (index, line) in lines.iter().enumerate().skip(from).step_by(2) {
            tally.join(check(index, line));
        }
        tally
    };
    let (mut tally, other) = rayon::join(|| half(0), || half(1));
    tally.join(other);
    tally
}

/// Where a text is in a line, behind its name.
fn place(line: &[u8], name: &str) -> std::ops::Range<usize> {
    let text = std::str::from_utf8(line).unwrap();
    let name = format!("\"{name}\":\"");
    let start = text.find(&name).unwrap() + name.len();
    start..start + text[start..].find('"').unwrap()
}

/// Whether a changed line still has a good signature of a trusted engine, whatever the tree says.
fn by_signature(spoilt: &Spoilt, lines: &[Vec<u8>]) -> Tally {
    let engines: Vec<TrustedEngine> = trusted_engines(&spoilt.root());
    let mut tally = Tally::new("bytes of lines, by the engine's signature");
    for (index, line) in lines.iter().enumerate() {
        record::open(line, &engines).unwrap();
        let (payload, keyid) = (place(line, "payload"), place(line, "keyid"));
        let is_tried = |at: &usize| !payload.contains(at) || at.is_multiple_of(STRIDE);
        for at in (0..line.len()).filter(is_tried) {
            let opened = record::open(&flipped(line, at, 1), &engines);
            let reasons: Vec<String> = opened.err().iter().map(ToString::to_string).collect();
            let what = || match keyid.contains(&at) {
                true => KEYID.to_owned(),
                false => format!("line {index}, byte {at}"),
            };
            tally.add(what, &reasons, |reason| {
                let right = ["no trusted key", "base64", "not a signed envelope"];
                right.iter().any(|part| reason.contains(part))
            });
        }
    }
    tally
}

/// Where the value of each field of a line's statement begins, in the characters of its base64.
fn values(line: &[u8]) -> Vec<usize> {
    let payload = place(line, "payload");
    let body = STANDARD.decode(&line[payload.clone()]).unwrap();
    let colons = body
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| *pair == b"\":");
    let value = |(at, _)| at + 2 + usize::from(body[at + 2] == b'"');
    colons
        .map(value)
        .map(|byte| payload.start + byte * 4 / 3)
        .collect()
}

/// Another character of base64, or of nothing else, in the place of one.
fn replaced(line: &[u8], at: usize) -> Vec<u8> {
    let mut line = line.to_vec();
    line[at] = if line[at] == b'A' { b'B' } else { b'A' };
    line
}

/// For the first line of each kind of event all fields, for the others some places: where in which line.
fn places(spoilt: &Spoilt, lines: &[Vec<u8>]) -> Vec<(usize, usize)> {
    let mut seen = BTreeSet::new();
    let mut places = Vec::new();
    let events = events(&spoilt.organisation);
    for (index, (line, event)) in lines.iter().zip(events).enumerate() {
        let kind = format!("{} {}", event["type"], event["outcome"]);
        if seen.insert(kind) {
            places.extend(values(line).into_iter().map(|at| (index, at)));
        }
        let parts = ["payload", "sig"].map(|name| place(line, name));
        let middles = parts.map(|part| (part.start + part.end) / 2);
        places.extend(middles.map(|at| (index, at)));
    }
    places
}

fn fields(spoilt: &Spoilt, lines: &[Vec<u8>]) -> Tally {
    let mut tally = Tally::new("fields of lines, by verify");
    let expected = not_signed_for(lines.len());
    for (index, at) in places(spoilt, lines) {
        let mut changed = lines.to_vec();
        changed[index] = replaced(&lines[index], at);
        spoilt.write_lines(&changed);
        // The first line is looked at before the tree, for it names the log's key.
        tally.add(
            || format!("line {index}, byte {at}"),
            &spoilt.problems(),
            |reason| reason == expected || (index == 0 && reason.starts_with("entry 0: ")),
        );
    }
    tally
}

/// Who holds the log's key, and no engine's, signs a new checkpoint over the changed line: then the entry itself is named.
fn fields_under_a_new_checkpoint(spoilt: &Spoilt, lines: &[Vec<u8>]) -> Tally {
    let mut tally = Tally::new("fields of lines, under a checkpoint that was signed anew");
    let key = spoilt
        .organisation
        .repository()
        .join(".git/promote/log.key");
    let signer = Signer::parse(&Secret::new(std::fs::read_to_string(key).unwrap())).unwrap();
    let good = spoilt.read(CHECKPOINT);
    let origin = String::from_utf8(good.clone()).unwrap();
    let origin = origin.lines().next().unwrap().to_owned();
    let keyids = lines.iter().enumerate().step_by(50);
    let keyids = keyids.map(|(index, line)| (index, place(line, "keyid").start));
    let chosen = places(spoilt, lines).into_iter().step_by(8).chain(keyids);
    for (index, at) in chosen {
        let mut changed = lines.to_vec();
        changed[index] = replaced(&lines[index], at);
        spoilt.write_lines(&changed);
        let leaves: Vec<Sha256> = changed.iter().map(|line| leaf_hash(line)).collect();
        let checkpoint = Checkpoint {
            origin: origin.clone(),
            size: leaves.len() as u64,
            root: root(&leaves),
        };
        spoilt.write(CHECKPOINT, &checkpoint.sign(&signer).unwrap());
        let what = || match place(&lines[index], "keyid").contains(&at) {
            true => KEYID.to_owned(),
            false => format!("line {index}, byte {at}"),
        };
        let expected = format!("entry {index}: ");
        tally.add(what, &spoilt.problems(), |reason| {
            reason.starts_with(&expected)
        });
    }
    spoilt.write(CHECKPOINT, &good);
    tally
}

/// The ends of lines, of which each joins two.
fn newlines(spoilt: &Spoilt, lines: &[Vec<u8>]) -> Tally {
    let mut tally = Tally::new("ends of lines, by verify");
    spoilt.write_lines(lines);
    let bytes = spoilt.read(LINES);
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let expected = cut_short(lines.len());
    for (index, (at, _)) in ends.enumerate() {
        spoilt.write(LINES, &flipped(&bytes, at, 1));
        tally.add(
            || format!("the end of line {index}"),
            &spoilt.problems(),
            |reason| {
                reason.starts_with(&expected) || (index == 0 && reason.starts_with("entry 0: "))
            },
        );
    }
    tally
}

/// Lines that are gone, twice there, in another order, or empty, and a ledger that ends early.
fn removed(spoilt: &Spoilt, lines: &[Vec<u8>]) -> Tally {
    let mut tally = Tally::new("lines removed, doubled, swapped, emptied, cut off, by verify");
    for index in 0..lines.len() {
        for (what, changed, expected) in ways(lines, index) {
            spoilt.write_lines(&changed);
            tally.add(
                || format!("line {index} {what}"),
                &spoilt.problems(),
                |reason| reason.starts_with(&expected),
            );
        }
    }
    tally
}

/// A way to change lines, what it makes of them, and how the reason begins that is given for it.
type Changed = (&'static str, Vec<Vec<u8>>, String);

fn ways(lines: &[Vec<u8>], index: usize) -> Vec<Changed> {
    let count = lines.len();
    let follows = "it cannot follow the entries before it";
    // Without the first entry nobody knows which key signs the head.
    let unless_first = |is_first: bool, expected: String| {
        if is_first {
            format!("entry 0: {follows}: a ledger begins with the adoption of a trust root")
        } else {
            expected
        }
    };
    let with = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut lines = lines.to_vec();
        change(&mut lines);
        lines
    };
    // Behind the last one nothing is signed yet, so that only what it says tells.
    let twice = if index + 1 == count {
        format!("entry {count}: {follows}")
    } else {
        not_signed_for(count)
    };
    let empty = format!(
        "the ledger is damaged: `{LINES}`: line {} is empty",
        index + 1
    );
    let gone = unless_first(index == 0, cut_short(count));
    let mut ways = vec![
        ("removed", with(&|lines| drop(lines.remove(index))), gone),
        (
            "doubled",
            with(&|lines| lines.insert(index, lines[index].clone())),
            twice,
        ),
        ("emptied", with(&|lines| lines[index].clear()), empty),
    ];
    for (what, other) in [("swapped", index + 1), ("swapped far", index + 77)] {
        let other = other % count;
        let expected = unless_first(index == 0 || other == 0, not_signed_for(count));
        ways.push((what, with(&|lines| lines.swap(index, other)), expected));
    }
    if index > 0 {
        ways.push((
            "and all behind it cut off",
            lines[..index].to_vec(),
            cut_short(count),
        ));
    }
    ways
}
