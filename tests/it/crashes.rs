//! `kill -9` after each step of an attempt, a lease that runs out, and a disk that is full: nothing is half done.

use std::path::Path;
use std::sync::{Arc, Mutex};

use promote::clock::{Clock as _, ManualClock};
use promote::config::Environment;
use promote::context::{Context, Settings};
use promote::engine::error::EngineError;
use promote::engine::reconcile::{RunReport, SlotStatus};
use promote::engine::{Step, Unwatched, Watcher};
use promote::progress::Silent;
use serde_json::Value;

use crate::organisation::{Organisation, answer};
use crate::records::{events, of_type, successes};
use crate::support::files_under;
use crate::variants::{MODEL, apply_killed_after, make_ready, with_file_limit};

const FORWARD: [Step; 6] = Step::ALL;
/// A rollback uses the target's own copy, so nothing is staged or written.
const BACK: [Step; 4] = [Step::Intended, Step::ReadBack, Step::Pointed, Step::Ended];

/// What a crash may leave in a workspace: nothing that has bytes, once the next run is over.
#[track_caller]
fn assert_no_leftovers(organisation: &Organisation, workspace: &str) {
    let work = organisation.workspace(workspace).join(".promote");
    let left: Vec<String> = files_under(&work)
        .into_iter()
        .filter(|(path, _)| path != "lock")
        .map(|(path, _)| path)
        .collect();
    assert_eq!(left, Vec::<String>::new(), "left in {}", work.display());
    let folders = ["staging", "tmp"].map(|name| std::fs::read_dir(work.join(name)));
    for folder in folders.into_iter().flatten() {
        assert_eq!(folder.count(), 0, "a folder is left in {}", work.display());
    }
}

/// The next run finishes what the killed one began, and the one after it has nothing to do.
#[track_caller]
fn assert_finished_by_the_next_run(organisation: &Organisation, version: &str, before: usize) {
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some(version));
    let after = events(organisation);
    assert_eq!(successes(&after, version, "qa"), before + 1);
    let third = organisation.apply().expect_code(0);
    assert!(third.stdout.contains("nothing to do"), "{}", third.all());
    assert_eq!(events(organisation), after, "a third run records nothing");
    organisation.as_person("dana", &["plan"]).expect_code(0);
}

#[test]
fn a_promotion_that_is_killed_after_any_step_is_finished_by_the_next_run() {
    let organisation = Organisation::new();
    for (number, step) in FORWARD.into_iter().enumerate() {
        let version = format!("1.0.{number}");
        make_ready(&organisation, &version);
        apply_killed_after(&organisation, step.word());
        let ends = step == Step::Ended;
        let killed = successes(&events(&organisation), &version, "qa");
        assert_eq!(killed, usize::from(ends), "killed after {}", step.word());
        if ends {
            let next = organisation.apply().expect_code(0);
            assert!(next.stdout.contains("nothing to do"), "{}", next.all());
            assert_eq!(organisation.served("qa"), Some(version));
        } else {
            assert_finished_by_the_next_run(&organisation, &version, 0);
            assert_no_leftovers(&organisation, "qa");
        }
    }
}

#[test]
fn a_rollback_that_is_killed_after_any_step_is_finished_by_the_next_run() {
    let organisation = Organisation::new();
    for number in 0..=BACK.len() {
        make_ready(&organisation, &format!("1.0.{number}"));
        organisation.apply().expect_code(0);
    }
    for (back, step) in BACK.into_iter().enumerate() {
        let version = format!("1.0.{}", BACK.len() - 1 - back);
        let arguments = ["rollback", MODEL, "--in", "qa", "--to", &version];
        organisation.as_person("dana", &arguments).expect_code(0);
        organisation.approve("rita", "qa");
        apply_killed_after(&organisation, step.word());
        if step == Step::Ended {
            organisation.apply().expect_code(0);
            assert_eq!(organisation.served("qa"), Some(version));
        } else {
            assert_finished_by_the_next_run(&organisation, &version, 1);
        }
        assert_no_leftovers(&organisation, "qa");
    }
}

#[test]
fn another_machine_leaves_a_live_attempt_alone() {
    let organisation = Organisation::new();
    make_ready(&organisation, "1.0.0");
    apply_killed_after(&organisation, "written");
    let before = events(&organisation);
    let mut elsewhere = organisation.command("ada");
    elsewhere.env("PROMOTE_STATE", organisation.path("elsewhere"));
    elsewhere.args(["apply", "-o", "json"]);
    let answered = answer(&mut elsewhere).expect_code(4);
    let slot = &answered.json()["slots"][0];
    assert_eq!(slot["status"], "at-work", "{}", answered.all());
    let reason = slot["reason"].as_str().unwrap();
    assert!(reason.contains("another may take over"), "{reason}");
    assert_eq!(events(&organisation), before);
    assert_eq!(organisation.served("qa"), None);
    let status = organisation.as_person("dana", &["status"]).expect_code(0);
    assert!(status.stdout.contains("at work"), "{}", status.all());
    assert_finished_by_the_next_run(&organisation, "1.0.0", 0);
}

#[test]
fn a_run_that_dies_while_it_finds_out_is_taken_over_at_once_too() {
    let organisation = Organisation::new();
    make_ready(&organisation, "1.0.0");
    apply_killed_after(&organisation, "written");
    let link = organisation
        .workspace("qa")
        .join("wildlife/model/penguin-species/current");
    std::fs::write(&link, "no link").unwrap();
    let answered = organisation.apply().expect_code(5);
    assert!(answered.stderr.contains("current"), "{}", answered.all());
    std::fs::remove_file(&link).unwrap();
    assert_finished_by_the_next_run(&organisation, "1.0.0", 0);
}

/// Does something once, when an attempt has reached a step.
struct Once {
    step: Step,
    what: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl std::fmt::Debug for Once {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Once({})", self.step.word())
    }
}

impl Watcher for Once {
    fn reached(&self, step: Step) {
        if step == self.step {
            let what = self.what.lock().unwrap().take();
            if let Some(what) = what {
                what();
            }
        }
    }
}

fn once(step: Step, what: impl FnOnce() + Send + 'static) -> Arc<dyn Watcher> {
    let what: Box<dyn FnOnce() + Send> = Box::new(what);
    Arc::new(Once {
        step,
        what: Mutex::new(Some(what)),
    })
}

/// The library on one machine, with a clock that the test moves.
pub(crate) fn machine(
    organisation: &Organisation,
    name: &str,
    clock: &ManualClock,
    watcher: Arc<dyn Watcher>,
) -> Context {
    let settings = Settings {
        repository: organisation.repository().display().to_string(),
        state: Some(organisation.path(name)),
        ..Settings::default()
    };
    Context {
        clock: Arc::new(clock.clone()),
        environment: Environment::from_process(),
        progress: Arc::new(Silent),
        watcher,
        settings,
    }
}

/// One run, in a runtime of its own.
pub(crate) fn run(context: &Context) -> Result<RunReport, EngineError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    let mut engine = context.engine().unwrap();
    runtime
        .unwrap()
        .block_on(engine.reconcile(&std::collections::BTreeSet::new()))
}

/// A clock a little ahead of the ledger.
pub(crate) fn clock() -> ManualClock {
    let clock = ManualClock::new(promote::clock::SystemClock.now());
    clock.advance(10);
    clock
}

pub(crate) const LEASE: i64 = 16 * 60;

/// An attempt on one machine; when it has reached a step, another machine whose clock says that the lease is over makes a
/// run of its own, which may die after a step. Returns what the first machine came to: its clock stood still.
fn superseded_at(
    organisation: &Organisation,
    step: Step,
    dies_after: Option<Step>,
) -> Result<RunReport, EngineError> {
    let late = clock();
    late.advance(LEASE);
    let dies: Arc<dyn Watcher> = match dies_after {
        Some(step) => once(step, || panic!("the other machine dies")),
        None => Arc::new(Unwatched),
    };
    let other = machine(organisation, "other", &late, dies);
    let supersede = move || {
        let other = std::thread::spawn(move || run(&other)).join();
        assert_eq!(other.is_err(), dies_after.is_some(), "{other:?}");
    };
    let first = machine(organisation, "first", &clock(), once(step, supersede));
    std::thread::spawn(move || run(&first)).join().unwrap()
}

#[test]
fn after_the_lease_another_engine_takes_over_and_finishes() {
    let organisation = Organisation::new();
    make_ready(&organisation, "1.0.0");
    apply_killed_after(&organisation, "written");
    let clock = clock();
    let other = machine(&organisation, "other", &clock, Arc::new(Unwatched));
    let report = run(&other).unwrap();
    assert_eq!(report.worst(), SlotStatus::AtWork);
    let lease = report.wake_at.unwrap();
    assert!(lease > clock.now());
    clock.advance(LEASE);
    let report = run(&other).unwrap();
    assert_eq!(report.worst(), SlotStatus::Promoted, "{report:?}");
    assert_eq!(report.recovered.len(), 1);
    let after = events(&organisation);
    assert_eq!(of_type(&after, "taken-over").len(), 1);
    assert_eq!(successes(&after, "1.0.0", "qa"), 1);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.0"));
    assert_finished_by_the_next_run_does_nothing(&organisation);
}

#[test]
fn a_superseded_attempt_does_not_write() {
    let organisation = Organisation::new();
    make_ready(&organisation, "1.0.0");
    // The other machine finds out that nothing was done, says so, and dies before it tries itself.
    let ended = superseded_at(&organisation, Step::Intended, Some(Step::Staged));
    assert_taken_over(&ended);
    assert_eq!(
        versions_in(&organisation.workspace("qa")),
        Vec::<String>::new()
    );
    assert_ended_as(&organisation, &["errored"]);
    finish_elsewhere(&organisation);
}

#[test]
fn a_superseded_attempt_does_not_point() {
    let organisation = Organisation::new();
    make_ready(&organisation, "1.0.0");
    let ended = superseded_at(&organisation, Step::ReadBack, Some(Step::Staged));
    assert_taken_over(&ended);
    assert_eq!(organisation.served("qa"), None);
    assert_ended_as(&organisation, &["errored"]);
    finish_elsewhere(&organisation);
}

#[test]
fn a_superseded_attempt_does_not_append() {
    let organisation = Organisation::new();
    make_ready(&organisation, "1.0.0");
    let ended = superseded_at(&organisation, Step::Pointed, None);
    assert_taken_over(&ended);
    assert_ended_as(&organisation, &["succeeded"]);
    finish_elsewhere(&organisation);
}

#[test]
fn who_still_stages_when_another_begins_leaves_it_alone() {
    let organisation = Organisation::new();
    make_ready(&organisation, "1.0.0");
    let ended = superseded_at(&organisation, Step::Staged, Some(Step::Intended));
    let report = ended.unwrap();
    assert_eq!(report.worst(), SlotStatus::AtWork, "{report:?}");
    assert_ended_as(&organisation, &[]);
    assert_eq!(organisation.served("qa"), None);
}

#[test]
fn an_attempt_whose_lease_ran_out_stops_by_itself() {
    let organisation = Organisation::new();
    make_ready(&organisation, "1.0.0");
    for step in [Step::Intended, Step::ReadBack] {
        let clock = clock();
        clock.advance(2 * LEASE);
        let late = clock.clone();
        let context = machine(
            &organisation,
            "first",
            &clock,
            once(step, move || late.advance(LEASE)),
        );
        let error = run(&context).unwrap_err();
        assert!(matches!(error, EngineError::LeaseOver(_)), "{error}");
        let failure = promote::error::Failure::from(error);
        assert_eq!(failure.kind.exit_code(), 7, "{failure:?}");
        assert!(
            failure.hints.concat().contains("promote apply"),
            "{failure:?}"
        );
        assert_eq!(organisation.served("qa"), None);
        assert_ended_as(
            &organisation,
            &["errored"; 1][..usize::from(step != Step::Intended)],
        );
    }
}

#[track_caller]
fn assert_taken_over(ended: &Result<RunReport, EngineError>) {
    let error = ended.as_ref().unwrap_err();
    assert!(matches!(error, EngineError::TakenOver(_)), "{error:?}");
}

/// The outcomes in the ledger, in order.
#[track_caller]
fn assert_ended_as(organisation: &Organisation, expected: &[&str]) {
    let events = events(organisation);
    let found: Vec<&Value> = of_type(&events, "ended")
        .iter()
        .map(|event| &event["outcome"])
        .collect();
    assert_eq!(found, expected);
}

/// After whatever happened a run of a healthy machine, whose clock is the ledger's, brings the version.
#[track_caller]
fn finish_elsewhere(organisation: &Organisation) {
    let clock = clock();
    clock.advance(LEASE);
    let report = run(&machine(organisation, "other", &clock, Arc::new(Unwatched))).unwrap();
    assert!(report.worst() <= SlotStatus::Promoted, "{report:?}");
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.0"));
    assert_eq!(successes(&events(organisation), "1.0.0", "qa"), 1);
    organisation.as_person("dana", &["plan"]).expect_code(0);
    assert_no_leftovers(organisation, "qa");
}

/// The versions that somebody who browses a workspace sees.
fn versions_in(workspace: &Path) -> Vec<String> {
    let artifact = workspace.join("wildlife/model/penguin-species");
    let names = std::fs::read_dir(artifact).into_iter().flatten();
    names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[track_caller]
fn assert_finished_by_the_next_run_does_nothing(organisation: &Organisation) {
    let before = events(organisation);
    organisation.apply().expect_code(0);
    assert_eq!(events(organisation), before);
    assert_no_leftovers(organisation, "qa");
}

#[test]
fn a_target_that_is_full_ends_in_an_error_and_shows_nothing() {
    let organisation = Organisation::new();
    // So many files that their record is larger than any of them: staging fits the limit, the version does not.
    let from = organisation.path("made/many");
    std::fs::create_dir_all(&from).unwrap();
    std::fs::write(from.join("MODEL_CARD.md"), "# Many\n").unwrap();
    for number in 0..800 {
        std::fs::write(
            from.join(format!("part-{number:04}.bin")),
            number.to_string(),
        )
        .unwrap();
    }
    let registered = organisation.register(MODEL, "1.0.0", &from, "dev", "penguins-sample");
    registered.expect_code(0);
    organisation
        .request(&format!("{MODEL}@1.0.0"), "qa")
        .expect_code(0);
    organisation.approve("rita", "qa");
    let mut command = organisation.command("ada");
    command.arg("apply");
    let full = with_file_limit(&command, 60).expect_code(6);
    assert!(full.stdout.contains("errored"), "{}", full.all());
    assert!(full.stdout.contains("too large"), "{}", full.all());
    assert_eq!(
        versions_in(&organisation.workspace("qa")),
        Vec::<String>::new()
    );
    assert_eq!(organisation.served("qa"), None);
    assert_ended_as(&organisation, &["errored"]);
    assert_finished_by_the_next_run(&organisation, "1.0.0", 0);
    assert_no_leftovers(&organisation, "qa");
}

#[test]
fn a_staging_area_that_is_full_records_nothing() {
    let organisation = Organisation::new();
    let from = crate::variants::variant(&organisation, "1.0.0");
    std::fs::write(from.join("weights.bin"), vec![7; 3 << 20]).unwrap();
    let registered = organisation.register(MODEL, "1.0.0", &from, "dev", "penguins-sample");
    registered.expect_code(0);
    organisation
        .request(&format!("{MODEL}@1.0.0"), "qa")
        .expect_code(0);
    organisation.approve("rita", "qa");
    let mut command = organisation.command("ada");
    command.arg("apply");
    let full = with_file_limit(&command, 1_024).expect_code(5);
    assert!(full.all().contains("weights.bin"), "{}", full.all());
    let recorded = events(&organisation);
    assert!(of_type(&recorded, "intended").is_empty());
    assert_eq!(
        versions_in(&organisation.workspace("qa")),
        Vec::<String>::new()
    );
    assert_finished_by_the_next_run(&organisation, "1.0.0", 0);
    assert_no_leftovers(&organisation, "qa");
}

#[test]
fn a_ledger_that_cannot_be_written_stops_everything_before_it_begins() {
    let organisation = Organisation::with_directory_ledger();
    // So that the file of entries is larger than any piece of evidence.
    for number in 0..6 {
        let numbered = format!("  # {number}\n  environments: [dev, qa, prod]\n");
        organisation.edit(
            "promote.yaml",
            "  environments: [dev, qa, prod]\n",
            &numbered,
        );
        organisation
            .as_person("ada", &["trust", "sign", "--commit"])
            .expect_code(0);
        organisation.apply().expect_code(0);
    }
    make_ready(&organisation, "1.0.0");
    let entries = organisation.path("ledger/ledger/entries/000.jsonl");
    let before = files_under(&organisation.path("ledger"));
    let size = std::fs::metadata(&entries).unwrap().len();
    let mut command = organisation.command("ada");
    command.arg("apply");
    let full = with_file_limit(&command, size / 1_024).expect_code(5);
    assert!(
        full.stderr.contains("the ledger cannot be written"),
        "{}",
        full.all()
    );
    assert!(full.stderr.contains("000.jsonl"), "{}", full.all());
    assert_eq!(organisation.served("qa"), None);
    let after = files_under(&organisation.path("ledger"));
    let is_entry = |(path, _): &&(String, Vec<u8>)| {
        path.starts_with("ledger/entries") || path == "ledger/checkpoint"
    };
    assert!(
        before
            .iter()
            .filter(is_entry)
            .eq(after.iter().filter(is_entry))
    );
    organisation.as_person("dana", &["plan"]).expect_code(0);
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.0.0"));
    organisation.apply().expect_code(0);
    assert_no_leftovers(&organisation, "qa");
}
