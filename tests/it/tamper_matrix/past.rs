//! An organisation with a past: thirty promotions, and everything else that a ledger can say.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use promote::engine::Unwatched;
use serde_json::Value;

use crate::crashes::{LEASE, clock, machine, run};
use crate::hand::{APPROVAL, hand_in};
use crate::organisation::Organisation;
use crate::records::events_in;
use crate::variants::{apply_killed_after, make_ready};

/// The models, promoted side by side.
const MODELS: [&str; 5] = [
    "adelie",
    "chinstrap",
    "gentoo",
    "emperor",
    "penguin-species",
];
/// How many promotions end well.
pub(super) const PROMOTIONS: usize = 31;
/// What the ledger of the past says at least once: all that a ledger can say.
const TYPES: [&str; 8] = [
    "adopted",
    "decided",
    "ended",
    "intended",
    "received",
    "refused",
    "registered",
    "taken-over",
];

/// Somebody approves all that waits.
fn approve_all(organisation: &Organisation, people: &[&str]) {
    let plan = organisation.as_person("dana", &["plan", "-o", "name"]);
    for id in plan.stdout.lines() {
        for person in people {
            organisation
                .as_person(person, &["approve", id, "--yes"])
                .expect_code(0);
        }
    }
}

pub(super) fn request_all(organisation: &Organisation, version: &str, environment: &str) {
    for model in MODELS {
        let asked = format!("wildlife/{model}@{version}");
        organisation.request(&asked, environment).expect_code(0);
    }
}

fn register_all(organisation: &Organisation, version: &str) {
    for model in MODELS {
        let from = organisation.path(&format!("made/{model}-{version}"));
        std::fs::create_dir_all(&from).unwrap();
        std::fs::write(from.join("MODEL_CARD.md"), format!("# {model} {version}\n")).unwrap();
        std::fs::write(from.join("weights.bin"), format!("{model} {version}")).unwrap();
        let name = format!("wildlife/{model}");
        let registered = organisation.register(&name, version, &from, "dev", "penguins-sample");
        registered.expect_code(0);
    }
}

/// A copy of the organisation. It is made once by whichever test comes first, for it takes long; another program, or another
/// hour, makes it anew.
pub(super) fn past() -> Organisation {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tamper-matrix");
    std::fs::create_dir_all(&place).unwrap();
    let lock = File::create(place.join("lock")).unwrap();
    lock.lock().unwrap();
    let (kept, maker) = (place.join("past"), place.join("made-by"));
    let stamp = stamp();
    if std::fs::read_to_string(&maker).ok().as_ref() != Some(&stamp) {
        for old in [&kept, &maker].into_iter().filter(|path| path.exists()) {
            let mut remove = Command::new("rm");
            assert!(remove.arg("-rf").arg(old).status().unwrap().success());
        }
        copy_all(&made().path("."), &kept);
        std::fs::write(&maker, stamp).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    copy_all(&kept.join("."), folder.path());
    Organisation { folder }
}

/// The programs that make the past, and the hour.
fn stamp() -> String {
    let tests = std::env::current_exe().unwrap();
    let programs = [Path::new(env!("CARGO_BIN_EXE_promote")), &tests];
    let changed = programs.map(|path| path.metadata().unwrap().modified().unwrap());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    format!("{changed:?} {}", now.as_secs() / 3_600)
}

/// Copies a folder with links and times.
pub(super) fn copy_all(from: &Path, to: &Path) {
    let mut copy = Command::new("cp");
    let status = copy.arg("-a").arg(from).arg(to).status();
    assert!(status.unwrap().success());
}

fn made() -> Organisation {
    let organisation = Organisation::with_directory_ledger();
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        register_all(&organisation, version);
        request_all(&organisation, version, "qa");
        approve_all(&organisation, &["rita"]);
        organisation.apply().expect_code(0);
    }
    request_all(&organisation, "1.2.0", "prod");
    approve_all(&organisation, &["omar", "mia"]);
    organisation.apply().expect_code(0);
    for back in ["1.1.0", "1.0.0"] {
        for model in MODELS {
            let name = format!("wildlife/{model}");
            let arguments = ["rollback", &name, "--in", "qa", "--to", back];
            organisation.as_person("dana", &arguments).expect_code(0);
        }
        approve_all(&organisation, &["rita"]);
        organisation.apply().expect_code(0);
    }
    everything_else(&organisation);
    let events = events(&organisation);
    let succeeded = events
        .iter()
        .filter(|event| event["outcome"] == "succeeded");
    assert_eq!(succeeded.count(), PROMOTIONS);
    let types: BTreeSet<&str> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(types.into_iter().collect::<Vec<_>>(), TYPES);
    organisation
}

/// A statement that is refused, a promotion that is denied, and an attempt that another machine takes over.
fn everything_else(organisation: &Organisation) {
    hand_in(organisation, b"{}", "dana", APPROVAL);
    make_ready(organisation, "2.0.0");
    let id = organisation.waiting("qa", "penguin-species");
    let reject = ["reject", &id, "--reason", "it is too large", "--yes"];
    organisation.as_person("rita", &reject).expect_code(0);
    organisation.apply().expect_code(3);
    make_ready(organisation, "2.1.0");
    apply_killed_after(organisation, "written");
    let clock = clock();
    clock.advance(LEASE);
    let other = machine(organisation, "other", &clock, Arc::new(Unwatched));
    assert_eq!(run(&other).unwrap().recovered.len(), 1);
}

/// What the ledger says.
pub(super) fn events(organisation: &Organisation) -> Vec<Value> {
    let entries = organisation.path("ledger/ledger/entries/000.jsonl");
    events_in(&std::fs::read_to_string(entries).unwrap())
}
