//! A real ledger of thirty promotions, and everything that somebody could change in it, one after the other. Each change is
//! noticed, for the reason that it is one; what means nothing is listed, and nothing else passes. The numbers are printed:
//! `cargo nextest run -E 'test(tamper_matrix::)' --no-capture`.
//!
//! `verify` takes some hundred milliseconds for a ledger that holds, and ten for one that does not, so not every byte can be
//! tried with all of it. What is tried how:
//!
//! | changed | by | held against |
//! | --- | --- | --- |
//! | every byte of every line, in two ways | `lines` | its place in the tree that the checkpoint is signed for |
//! | every 64th, and all around the payload | `lines` | the engine's signature alone |
//! | every field of every kind of event | `lines` | `verify`, and again under a checkpoint that the log's key signed anew |
//! | lines removed, doubled, swapped, emptied, cut off, joined | `lines` | `verify` |
//! | every bit of the checkpoint | `checkpoint` | the log's key, and one bit of each byte `verify` |
//! | every byte of every file of evidence, signatures too | `evidence` | the digest that an entry records, as a book compares it |
//! | every file of evidence in six ways | `evidence` | `verify` |
//! | every byte of every signature, and white space around it | `signatures` | the keys of people |
//! | every file of the promotion repository | `repository` | `plan` and `verify` |

mod checkpoint;
mod evidence;
mod lines;
mod past;
mod repository;
mod signatures;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::Arc;

use promote::clock::ManualClock;
use promote::context::Context;
use promote::engine::Unwatched;
use promote::manifest::trust_root::TrustRootSpec;
use promote::ops::verify::{Verification, VerifyReport, VerifyRequest, verify};
use tempfile::TempDir;

use crate::crashes::{LEASE, clock, machine};
use crate::oracles::root_of;
use crate::organisation::Organisation;
use crate::tamper_matrix::past::copy_all;

const LINES: &str = "ledger/entries/000.jsonl";
const CHECKPOINT: &str = "ledger/checkpoint";

/// A copy of a ledger to change, in memory where there is such a place.
struct Spoilt {
    organisation: Organisation,
    folder: TempDir,
    context: Context,
}

impl Spoilt {
    fn new(organisation: Organisation) -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let folder = folder.unwrap();
        copy_all(&organisation.path("ledger/."), folder.path());
        let clock: ManualClock = clock();
        clock.advance(2 * LEASE);
        let context = machine(&organisation, "verifier", &clock, Arc::new(Unwatched));
        Self {
            organisation,
            folder,
            context,
        }
    }

    fn read(&self, path: &str) -> Vec<u8> {
        std::fs::read(self.folder.path().join(path)).unwrap()
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        std::fs::write(self.folder.path().join(path), bytes).unwrap();
    }

    fn remove(&self, path: &str) {
        std::fs::remove_file(self.folder.path().join(path)).unwrap();
    }

    /// The lines, without their newlines.
    fn lines(&self) -> Vec<Vec<u8>> {
        let bytes = self.read(LINES);
        let lines = bytes.strip_suffix(b"\n").unwrap();
        lines
            .split(|byte| *byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect()
    }

    fn write_lines(&self, lines: &[Vec<u8>]) {
        let mut bytes = lines.join(&b'\n');
        bytes.push(b'\n');
        self.write(LINES, &bytes);
    }

    /// What `promote verify --ledger` finds.
    fn verify(&self) -> VerifyReport {
        let request = VerifyRequest {
            ledger: Some(self.folder.path().to_owned()),
            ..VerifyRequest::default()
        };
        verify(&self.context, &request).unwrap()
    }

    /// The problems that `verify` names, nothing when it passes.
    fn problems(&self) -> Vec<String> {
        let report = self.verify();
        let problems: Vec<_> = report
            .audit
            .problems
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(problems.is_empty(), report.verdict == Verification::Passed);
        problems
    }

    /// The trust root in force.
    fn root(&self) -> TrustRootSpec {
        root_of(&self.organisation)
    }
}

/// What was tried in one class of changes, and what came of it.
struct Tally {
    class: &'static str,
    tried: usize,
    detected: usize,
    passed: usize,
    /// What passed, by what it is.
    inert: BTreeSet<String>,
    wrong: Vec<String>,
}

impl Tally {
    const fn new(class: &'static str) -> Self {
        Self {
            class,
            tried: 0,
            detected: 0,
            passed: 0,
            inert: BTreeSet::new(),
            wrong: Vec::new(),
        }
    }

    /// Takes in a change: it was noticed, with reasons of which the first has to be right, or it means nothing.
    fn add(
        &mut self,
        what: impl Fn() -> String,
        reasons: &[String],
        is_right: impl Fn(&str) -> bool,
    ) {
        match reasons.first() {
            None => {
                self.tried += 1;
                self.passed += 1;
                self.inert.insert(what());
            }
            Some(reason) => {
                let is_right = is_right(reason);
                self.count(is_right, || format!("{}: {reason}", what()));
            }
        }
    }

    /// Takes in a change that was noticed, for the right reason or not.
    fn count(&mut self, is_right: bool, what: impl FnOnce() -> String) {
        self.tried += 1;
        if is_right {
            self.detected += 1;
        } else {
            self.wrong.push(what());
        }
    }

    /// Takes in what was tried elsewhere.
    fn join(&mut self, other: Self) {
        self.tried += other.tried;
        self.detected += other.detected;
        self.passed += other.passed;
        self.inert.extend(other.inert);
        self.wrong.extend(other.wrong);
    }

    /// At least so many were tried, all that mean something were noticed for the right reason, and what means nothing is what
    /// is listed.
    #[track_caller]
    fn expect(self, least: usize, inert: &[&str]) {
        let Self {
            class,
            tried,
            detected,
            passed,
            ..
        } = self;
        let mut out = std::io::stdout().lock();
        writeln!(
            out,
            "{class}: {tried} tried, {detected} detected, {passed} inert"
        )
        .unwrap();
        let first: Vec<_> = self.wrong.iter().take(20).collect();
        assert!(
            first.is_empty(),
            "{class}: {} wrong: {first:#?}",
            self.wrong.len()
        );
        assert_eq!(self.inert.iter().collect::<Vec<_>>(), inert, "{class}");
        assert!(tried >= least, "{class}: only {tried} were tried");
    }
}

/// The bytes with some bits of one of them changed.
fn flipped(bytes: &[u8], at: usize, bits: u8) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= bits;
    bytes
}
