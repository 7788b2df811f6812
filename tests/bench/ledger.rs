//! How fast the ledger is: entries that are added, proofs, decisions, and all of it verified.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use promote::engine::evidence::Inputs;
use promote::gate::decide::decide;
use promote::ledger::log::Log;
use promote::ledger::signer::Signer;
use promote::ledger::store::directory::DirectoryStore;
use promote::ledger::store::{Batch, Store as _};
use promote::manifest::policy::GateSpec;

use crate::many::Ledger;
use crate::measure::{ROUNDS, by_turns, folder, median, process, time};
use crate::organisation::Organisation;
use crate::table::{Goal, Table};

/// How often a single append is measured on each side: one takes about a millisecond, and disks have moods.
const APPENDS: usize = 200;
/// The entries of a batch.
const BATCH: u64 = 1_000;
/// The bytes of an entry: a registration has about so many.
const ENTRY_BYTES: usize = 2_500;
/// The entries of the ledger that a proof is made from.
const MANY: u64 = 1_000_000;
/// How many of those are added at once.
const PART: u64 = 50_000;
/// The entries of the ledger that is verified.
const VERIFIED: u64 = 100_000;
/// How often a decision is made.
const DECISIONS: u32 = 10_000;

pub(crate) fn run(table: &mut Table) {
    appends(table);
    proofs(table);
    decisions(table);
    verified(table);
}

fn line(number: u64, bytes: usize) -> Vec<u8> {
    let mut line = format!("{{\"entry\":{number},\"x\":\"").into_bytes();
    line.resize(bytes - 2, b'x');
    line.extend_from_slice(b"\"}");
    line
}

fn lines(from: u64, count: u64, bytes: usize) -> Vec<Vec<u8>> {
    (from..from + count)
        .map(|number| line(number, bytes))
        .collect()
}

fn open(folder: &Path) -> Log {
    let signer = Signer::generate("ledger.example/bench").unwrap();
    let verifier = signer.verifier().clone();
    let store = Box::new(DirectoryStore::new(folder.to_owned()));
    Log::open(store, verifier, Some(signer)).unwrap()
}

/// One entry at a time, and a thousand at once, each on the disk before it counts.
fn appends(table: &mut Table) {
    let folder = folder();
    let plain = folder.path().join("plain.jsonl");
    let theirs = |round: usize| {
        let mut line = line(round as u64, ENTRY_BYTES);
        line.push(b'\n');
        time(|| {
            let mut file = OpenOptions::new()
                .append(true)
                .create(true)
                .open(&plain)
                .unwrap();
            file.write_all(&line).unwrap();
            file.sync_data().unwrap();
        })
    };
    let mut store = DirectoryStore::new(folder.path().join("store"));
    let stored = |round: usize| {
        let batch = Batch {
            lines: vec![line(round as u64, ENTRY_BYTES)],
            ..Batch::default()
        };
        time(|| {
            let head = store.head().unwrap();
            store.append(&head, &batch).unwrap()
        })
    };
    let beside = "append of the same bytes to a file, fsync";
    let (ours, plainly) = by_turns(APPENDS, stored, theirs);
    table.add(
        "append of one entry to a directory ledger",
        ours,
        beside,
        plainly,
        Goal::AtMost(2.0),
    );
    let mut log = open(&folder.path().join("log"));
    let signed = |round: usize| {
        let lines = vec![line(round as u64, ENTRY_BYTES)];
        time(|| log.append(lines, BTreeMap::new()).unwrap())
    };
    let (ours, plainly) = by_turns(APPENDS, signed, theirs);
    table.add(
        "the same, and its new head signed and on the disk",
        ours,
        beside,
        plainly,
        Goal::None,
    );
    let batches = (0..ROUNDS).map(|round| {
        let lines = lines(round as u64 * BATCH, BATCH, ENTRY_BYTES);
        time(|| log.append(lines, BTreeMap::new()).unwrap())
    });
    let batch = median(batches.collect());
    table.add(
        "1,000 entries in a batch, signed",
        batch,
        "1 s",
        Duration::from_secs(1),
        Goal::Below(1.0),
    );
}

/// The proof of one entry from a million, and its check.
fn proofs(table: &mut Table) {
    let folder = folder();
    let mut log = open(folder.path());
    for part in 0..MANY / PART {
        log.append(lines(part * PART, PART, 200), BTreeMap::new())
            .unwrap();
    }
    let limit = Duration::from_millis(50);
    let mut index = 0;
    let proved = (0..ROUNDS).map(|_| {
        index = (index + 654_321) % MANY;
        time(|| black_box(log.prove(index).unwrap().to_bytes()))
    });
    let proved = median(proved.collect());
    table.add(
        "proof of an entry from 1,000,000",
        proved,
        "50 ms",
        limit,
        Goal::Below(1.0),
    );
    let proof = log.prove(index).unwrap();
    let line = log.entries().get(usize::try_from(index).unwrap()).unwrap();
    let checks = (0..ROUNDS).map(|_| time(|| proof.check(Some(line), log.verifier()).unwrap()));
    let checked = median(checks.collect());
    table.add(
        "its check with the log's key",
        checked,
        "50 ms",
        limit,
        Goal::None,
    );
    let verifier = log.verifier().clone();
    drop(log);
    let store = Box::new(DirectoryStore::new(folder.path().to_owned()));
    let opened = time(|| Log::open(store, verifier, None).unwrap());
    table.add(
        "reading those 1,000,000 lines and checking their root",
        opened,
        "1 s",
        Duration::from_secs(1),
        Goal::None,
    );
}

/// The decision alone, from facts that a real run recorded: six gates, two approvals.
fn decisions(table: &mut Table) {
    let organisation = Organisation::with_directory_ledger();
    let source = organisation.path("model.bin");
    std::fs::write(&source, "weights").unwrap();
    organisation.register("wildlife/churn", "1.0.0", &source);
    organisation.promote(&["request", "wildlife/churn@1.0.0", "--to", "qa"]);
    // It may not go on, for the one person there is has made it herself; what is wanted are the facts.
    drop(organisation.command(&["apply"]).output().unwrap());
    let inputs = recorded(&organisation.path("ledger/evidence"));
    let policies: Vec<&[GateSpec]> = inputs.policies.iter().map(Vec::as_slice).collect();
    let all = time(|| {
        for _ in 0..DECISIONS {
            black_box(decide(&inputs.promotion, &inputs.evidence, &policies));
        }
    });
    let what = format!("a decision alone, {} gates", policies.concat().len());
    table.add(
        &what,
        all / DECISIONS,
        "100 µs",
        Duration::from_micros(100),
        Goal::Below(1.0),
    );
}

/// The facts of a decision, from the evidence of a ledger.
fn recorded(evidence: &Path) -> Inputs {
    let folders = std::fs::read_dir(evidence.join("sha256")).unwrap();
    let files = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    let mut inputs = files.filter_map(|file| {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        serde_json::from_slice(&bytes).ok()
    });
    inputs.next().unwrap()
}

/// `promote verify`, as a whole process: each entry signed by an engine, each manifest by a person.
fn verified(table: &mut Table) {
    let organisation = Organisation::with_directory_ledger();
    let mut ledger = Ledger::of(&organisation);
    ledger.fill(VERIFIED);
    drop(ledger);
    let verify = || process(&mut organisation.command(&["verify", "--offline"]));
    let taken = median((0..3).map(|_| verify()).collect());
    table.add(
        "verify of 100,000 entries, each with an engine's and a person's signature",
        taken,
        "30 s",
        Duration::from_secs(30),
        Goal::Below(1.0),
    );
}
