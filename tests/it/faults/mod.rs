//! Every call that `apply` makes on a path of a workspace, a staging area or the ledger, made to fail in turn: first it
//! answers that the disk is broken, then the program is killed instead. After each the next run brings what was asked for.
//!
//! `strace` makes the calls fail. A fault that hits nothing is no case; how many there were is printed:
//! `cargo nextest run -E 'test(faults::)' --no-capture`.

mod calls;
mod injection;
mod shots;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::Command;

use promote::fs::scratch::ScratchArea;

use crate::faults::calls::Call;
use crate::faults::injection::{Fault, hit, watched};
use crate::faults::shots::{Shot, plan};
use crate::organisation::Organisation;
use crate::records::{events_in, successes};
use crate::support::files_under;
use crate::variants::MODEL;

/// How often a fault is tried that hit another call than was meant: which thread does what is not the same in every run.
const TRIES: usize = 8;

/// An organisation with its ledger in a directory and a promotion to qa that is ready: of two small files.
fn ready() -> Organisation {
    let organisation = Organisation::with_directory_ledger();
    let from = organisation.path("made/1.0.0");
    std::fs::create_dir_all(&from).unwrap();
    std::fs::write(from.join("MODEL_CARD.md"), "# A model\n").unwrap();
    std::fs::write(from.join("weights.bin"), [7; 64]).unwrap();
    let registered = organisation.register(MODEL, "1.0.0", &from, "dev", "penguins-sample");
    registered.expect_code(0);
    let asked = organisation.request(&format!("{MODEL}@1.0.0"), "qa");
    asked.expect_code(0);
    organisation.approve("rita", "qa");
    organisation
}

fn copy_of(organisation: &Organisation) -> Organisation {
    // In memory where there is such a place: nobody cuts the power here, and disks are slow.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let folder = folder.unwrap();
    let mut copy = Command::new("cp");
    copy.arg("-a")
        .arg(organisation.path("."))
        .arg(folder.path());
    assert!(copy.status().unwrap().success());
    Organisation { folder }
}

/// What a run that was hit left is finished by the next one, and the ledger holds.
#[track_caller]
fn assert_recovers(organisation: &Organisation, fault: Fault, what: &str) {
    let next = organisation.apply();
    assert_eq!(next.code, 0, "{what}: {}", next.all());
    let served = organisation.served("qa");
    assert_eq!(served.as_deref(), Some("1.0.0"), "{what}: {}", next.all());
    let entries = organisation.path("ledger/ledger/entries/000.jsonl");
    let events = events_in(&std::fs::read_to_string(&entries).unwrap());
    assert_eq!(successes(&events, "1.0.0", "qa"), 1, "{what}");
    let verified = organisation.as_person("dana", &["verify"]);
    assert_eq!(verified.code, 0, "{what}: {}", verified.all());
    let work = organisation.workspace("qa").join(".promote");
    for area in ["staging", "tmp"].map(|name| work.join(name)) {
        let left = files_under(&area);
        let bytes: usize = left.iter().map(|(_, bytes)| bytes.len()).sum();
        // A disk that is broken may keep what should be removed; a program that was killed keeps names at most.
        assert!(fault == Fault::Error || bytes == 0, "{what}: {left:?}");
        // Whatever there is, the next promotion into the workspace removes it, for it opens the area like this.
        ScratchArea::open(&area).unwrap();
        let left: Vec<_> = std::fs::read_dir(&area).unwrap().collect();
        assert!(left.is_empty(), "{what}: {left:?} stays for ever");
    }
}

/// Makes every call fail that is meant, and tells how many there were. Of twenty at most one may be missed, for two threads
/// are not always as fast as each other.
fn every_one_is_recovered_from(fault: Fault, least: usize, is_meant: impl Fn(&Shot) -> bool) {
    let ready = ready();
    let run = || -> Vec<Call> { watched(&copy_of(&ready)) };
    let shots = plan(&run(), &run());
    let shots: Vec<&Shot> = shots.iter().filter(|shot| is_meant(shot)).collect();
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut missed = Vec::new();
    for shot in &shots {
        let is_hit = tried(&ready, shot, fault);
        let (hit, planned) = counts.entry(&shot.call).or_default();
        *hit += usize::from(is_hit);
        *planned += 1;
        if !is_hit {
            missed.push(&shot.shown);
        }
    }
    let mut out = std::io::stdout().lock();
    for (call, (hit, planned)) in counts {
        writeln!(out, "{fault:?} at {call}: {hit} of {planned} calls").unwrap();
    }
    assert!(shots.len() >= least, "only {} calls were seen", shots.len());
    let is_complete = missed.len() * 20 <= shots.len();
    assert!(is_complete, "of {} calls missed: {missed:#?}", shots.len());
}

/// Whether the shot hit what was meant; then the next run has brought everything in order.
fn tried(ready: &Organisation, shot: &Shot, fault: Fault) -> bool {
    for aim in shot.aims.iter().cycle().take(TRIES * shot.aims.len()) {
        let organisation = copy_of(ready);
        if hit(&organisation, aim, fault).as_ref() == Some(&shot.shown) {
            let what = format!("{fault:?} at `{}`, {aim:?}", shot.shown);
            assert_recovers(&organisation, fault, &what);
            return true;
        }
    }
    false
}

fn opens(shot: &Shot) -> bool {
    shot.call.starts_with("open")
}

fn is_of_ledger(shot: &Shot) -> bool {
    shot.shown.contains(" ledger/")
}

#[test]
fn an_error_at_any_open_of_the_ledger_is_recovered_from() {
    every_one_is_recovered_from(Fault::Error, 60, |shot| opens(shot) && is_of_ledger(shot));
}

#[test]
fn an_error_at_any_open_in_a_workspace_is_recovered_from() {
    every_one_is_recovered_from(Fault::Error, 60, |shot| opens(shot) && !is_of_ledger(shot));
}

#[test]
fn an_error_at_any_change_of_the_ledger_is_recovered_from() {
    every_one_is_recovered_from(Fault::Error, 60, |shot| !opens(shot) && is_of_ledger(shot));
}

#[test]
fn an_error_at_any_change_of_a_workspace_is_recovered_from() {
    every_one_is_recovered_from(Fault::Error, 35, |shot| !opens(shot) && !is_of_ledger(shot));
}

#[test]
fn a_kill_at_any_open_of_the_ledger_is_recovered_from() {
    every_one_is_recovered_from(Fault::Kill, 60, |shot| opens(shot) && is_of_ledger(shot));
}

#[test]
fn a_kill_at_any_open_in_a_workspace_is_recovered_from() {
    every_one_is_recovered_from(Fault::Kill, 60, |shot| opens(shot) && !is_of_ledger(shot));
}

#[test]
fn a_kill_at_any_change_of_the_ledger_is_recovered_from() {
    every_one_is_recovered_from(Fault::Kill, 60, |shot| !opens(shot) && is_of_ledger(shot));
}

#[test]
fn a_kill_at_any_change_of_a_workspace_is_recovered_from() {
    every_one_is_recovered_from(Fault::Kill, 35, |shot| !opens(shot) && !is_of_ledger(shot));
}
