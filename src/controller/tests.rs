//! The loop over something that only pretends to reconcile, in time that stands still unless all wait.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use git2::Oid;
use jiff::{SignedDuration, Timestamp};
use tokio::task::LocalSet;
use tokio::time::{Instant, advance, sleep};

use crate::clock::Clock;
use crate::controller::event::{WatchEvent, WatchSummary, text_of};
use crate::controller::follower::Reconcile;
use crate::controller::schedule::Reason;
use crate::controller::settings::WatchSettings;
use crate::controller::stop::Stop;
use crate::controller::watch::watch;
use crate::engine::error::EngineError;
use crate::engine::heads::Heads;
use crate::engine::reconcile::{RunReport, SlotReport, SlotStatus};
use crate::git::error::GitError;
use crate::model::workspace::Slot;

/// The machine's clock, moved by the runtime's.
#[derive(Debug, Clone)]
struct PausedClock(Instant);

impl PausedClock {
    fn noon() -> Timestamp {
        "2026-06-01T12:00:00Z".parse().unwrap()
    }
}

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        Self::noon() + SignedDuration::try_from(self.0.elapsed()).unwrap()
    }
}

/// What a run of the fake does.
#[derive(Debug, Default)]
struct Run {
    takes: Duration,
    error: Option<EngineError>,
    status: Option<SlotStatus>,
    wake_at: Option<Timestamp>,
    /// Entries that it appends.
    appends: u64,
    /// Somebody else pushes while it runs.
    is_overtaken: bool,
}

/// The world, as far as the loop can tell.
#[derive(Debug, Default)]
struct World {
    branch: u8,
    ledger: u64,
    ledger_read: Option<u64>,
    /// What the next looks and runs do; once they are used up, all is well.
    looks: VecDeque<EngineError>,
    runs: VecDeque<Run>,
    is_down: bool,
    /// What happened, with the seconds since the start.
    log: Vec<(f64, String)>,
    summary: Option<WatchSummary>,
}

#[derive(Debug, Clone)]
struct Fake(Arc<Mutex<World>>);

impl Fake {
    fn with<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }
}

fn commit(number: u8) -> Oid {
    Oid::from_bytes(&[number; 20]).unwrap()
}

fn down() -> EngineError {
    EngineError::Git(GitError::Unavailable {
        remote: "origin".to_owned(),
        reason: "no route".to_owned(),
    })
}

fn rewritten() -> EngineError {
    EngineError::Rewritten {
        branch: "main".to_owned(),
        seen: "1".to_owned(),
    }
}

impl Reconcile for Fake {
    fn heads(&mut self) -> Result<Heads, EngineError> {
        self.with(|world| {
            if world.is_down {
                return Err(down());
            }
            if let Some(error) = world.looks.pop_front() {
                return Err(error);
            }
            Ok(Heads {
                branch: Some(commit(world.branch)),
                inbox: None,
                ledger: Some(world.ledger.to_string()),
            })
        })
    }

    fn ledger_revision(&self) -> Option<String> {
        self.with(|world| Some(world.ledger_read?.to_string()))
    }

    async fn reconcile(&mut self) -> Result<RunReport, EngineError> {
        let run = self
            .with(|world| world.runs.pop_front())
            .unwrap_or_default();
        if !run.takes.is_zero() {
            sleep(run.takes).await;
        }
        self.with(|world| {
            world.ledger += run.appends;
            world.ledger_read = Some(world.ledger);
            if run.is_overtaken {
                world.branch += 1;
                world.ledger += 1;
            }
        });
        run.error.map_or(Ok(()), Err)?;
        Ok(RunReport {
            slots: run.status.map(slot).into_iter().collect(),
            recovered: Vec::new(),
            ledger_size: 0,
            not_adopted: Vec::new(),
            ignored: Vec::new(),
            wake_at: run.wake_at,
        })
    }
}

fn slot(status: SlotStatus) -> SlotReport {
    SlotReport {
        slot: Slot {
            workspace: "prod".parse().unwrap(),
            artifact: "retail/model/churn".parse().unwrap(),
        },
        environment: "prod".parse().unwrap(),
        version: "1.2.0".parse().unwrap(),
        digest: format!("dirhash1:{}", "a".repeat(64)).parse().unwrap(),
        status,
        promotion: None,
        decision: None,
        reason: None,
    }
}

/// A watch that goes on beside the test.
struct Watched {
    world: Fake,
    stop: Stop,
    start: Instant,
}

impl Watched {
    /// Runs a test beside a watch of a world with these runs.
    async fn with<F: Future<Output = ()>>(runs: Vec<Run>, test: impl FnOnce(Self) -> F) {
        let world = World {
            runs: runs.into(),
            ..World::default()
        };
        let watched = Self {
            world: Fake(Arc::new(Mutex::new(world))),
            stop: Stop::new(),
            start: Instant::now(),
        };
        let (mut fake, stop, start) = (watched.world.clone(), watched.stop.clone(), watched.start);
        let tasks = LocalSet::new();
        tasks.spawn_local(async move {
            let world = fake.clone();
            let mut listener = |event: &WatchEvent<'_>| {
                let now = start.elapsed().as_secs_f64();
                world.with(|world| world.log.extend(line(event).map(|line| (now, line))));
            };
            let clock = PausedClock(start);
            let settings = WatchSettings::default();
            let summary = watch(&mut fake, settings, &clock, &stop, &mut listener).await;
            fake.with(|world| world.summary = summary.ok());
        });
        tasks.run_until(test(watched)).await;
    }

    /// Lets seconds pass, and returns what happened in them, each with its second.
    async fn after(&self, seconds: u64) -> Vec<String> {
        sleep(Duration::from_secs(seconds)).await;
        // What is due at this very moment happens too.
        advance(Duration::from_millis(1)).await;
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        let log = self.world.with(|world| std::mem::take(&mut world.log));
        log.into_iter()
            .map(|(second, what)| format!("{:.0} {what}", second.floor()))
            .collect()
    }

    fn push(&self) {
        self.world.with(|world| world.branch += 1);
    }
}

/// What the tests are about; waiting is not.
fn line(event: &WatchEvent<'_>) -> Option<String> {
    match event {
        WatchEvent::Looked { .. } => Some("look".to_owned()),
        WatchEvent::Reconciling { why } => Some(format!("run {why}")),
        WatchEvent::Reconciled { .. } => Some("done".to_owned()),
        WatchEvent::Failed { is_news: true, .. } => Some("failed".to_owned()),
        WatchEvent::Failed { .. } => Some("failed again".to_owned()),
        WatchEvent::Waiting { .. } => None,
        WatchEvent::Stopped(_) => Some("stopped".to_owned()),
    }
}

const START: [&str; 3] = ["0 look", "0 run start", "0 done"];

fn runs(log: &[String]) -> usize {
    log.iter().filter(|line| line.contains("run")).count()
}

#[tokio::test(start_paused = true)]
async fn it_runs_once_at_the_start_and_then_only_looks() {
    Watched::with(vec![], |watched| async move {
        assert_eq!(watched.after(59).await, START);
        assert_eq!(watched.after(120).await, ["60 look", "120 look"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_push_leads_to_a_run_within_one_interval() {
    Watched::with(vec![], |watched| async move {
        assert_eq!(watched.after(61).await[3..], ["60 look"]);
        watched.push();
        let log = watched.after(60).await;
        assert_eq!(log, ["120 look", "120 run changed", "120 done"]);
        assert_eq!(watched.after(60).await, ["180 look"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn our_own_entries_do_not_wake_us() {
    let appends = |appends| Run {
        appends,
        ..Run::default()
    };
    Watched::with(vec![appends(3), appends(2)], |watched| async move {
        assert_eq!(watched.after(120).await[3..], ["60 look", "120 look"]);
        watched.push();
        assert_eq!(runs(&watched.after(600).await), 1);
        watched.world.with(|world| world.ledger += 1);
        assert_eq!(runs(&watched.after(60).await), 1, "entries of others do");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_push_during_a_run_is_not_missed() {
    let run = Run {
        appends: 1,
        is_overtaken: true,
        takes: Duration::from_secs(5),
        ..Run::default()
    };
    Watched::with(vec![run], |watched| async move {
        let log = watched.after(70).await;
        assert_eq!(log[2..], ["5 done", "60 look", "60 run changed", "60 done"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_moment_a_report_names_is_kept_to_the_second() {
    let run = |seconds| Run {
        wake_at: Some(PausedClock::noon() + SignedDuration::from_secs(seconds)),
        ..Run::default()
    };
    Watched::with(vec![run(67), run(100_000)], |watched| async move {
        let log = watched.after(66).await;
        assert_eq!(log[3..], ["60 look"]);
        let log = watched.after(1).await;
        assert_eq!(log, ["67 look", "67 run wake", "67 done"]);
        assert_eq!(watched.after(60).await, ["127 look"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_moment_that_stays_in_the_past_does_not_spin() {
    let run = || Run {
        wake_at: Some(PausedClock::noon()),
        ..Run::default()
    };
    let many = std::iter::repeat_with(run).take(1000).collect();
    Watched::with(many, |watched| async move {
        let log = watched.after(3600).await;
        assert!((5..12).contains(&runs(&log)), "{log:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_moment_that_came_during_the_run_is_kept_at_its_end() {
    let run = Run {
        takes: Duration::from_secs(30),
        wake_at: Some(PausedClock::noon() + SignedDuration::from_secs(10)),
        ..Run::default()
    };
    Watched::with(vec![run], |watched| async move {
        let log = watched.after(31).await;
        assert_eq!(log[2..], ["30 done", "30 look", "30 run wake", "30 done"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_full_pass_is_due_after_fifteen_minutes() {
    Watched::with(vec![], |watched| async move {
        assert_eq!(runs(&watched.after(899).await), 1);
        let log = watched.after(1).await;
        assert_eq!(log, ["900 look", "900 run full-pass", "900 done"]);
        assert_eq!(runs(&watched.after(899).await), 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn failures_back_off_and_a_success_resets_that() {
    let failed = || Run {
        error: Some(down()),
        ..Run::default()
    };
    let many = std::iter::repeat_with(failed).take(30).collect();
    Watched::with(many, |watched| async move {
        sleep(Duration::from_secs(7200)).await;
        let log = watched.world.with(|world| std::mem::take(&mut world.log));
        let at = |what: &str| -> Vec<f64> {
            let found = log.iter().filter(|(_, line)| line.starts_with(what));
            found.map(|(second, _)| *second).collect()
        };
        let pauses: Vec<f64> = at("failed")
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .collect();
        for (number, pause) in pauses.iter().enumerate() {
            let least = f64::min(2_f64.powi(i32::try_from(number).unwrap()), 150.0);
            assert!((least..=least * 2.0 + 0.01).contains(pause), "{pauses:?}");
        }
        assert!(at("done")[0] > at("failed")[29]);
        assert_eq!(at("failed").len(), 30);

        watched.world.with(|world| world.runs.push_back(failed()));
        watched.push();
        let log = watched.after(64).await;
        assert_eq!(
            runs(&log),
            2,
            "a second after the failure it runs again: {log:?}"
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_remote_that_is_back_is_looked_at_and_nothing_more() {
    Watched::with(vec![], |watched| async move {
        watched.after(30).await;
        watched.world.with(|world| world.is_down = true);
        let log = watched.after(90).await;
        assert!(log.len() > 3 && log[0] == "60 failed" && log[1].ends_with("failed again"));
        watched.world.with(|world| world.is_down = false);
        let log = watched.after(180).await;
        assert!(
            !log.is_empty() && log.iter().all(|line| line.ends_with("look")),
            "{log:?}"
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_only_a_person_can_heal_is_told_once_and_tried_when_they_push() {
    let failed = || Run {
        error: Some(rewritten()),
        appends: 1,
        ..Run::default()
    };
    let many = vec![failed(), failed(), failed(), Run::default(), failed()];
    Watched::with(many, |watched| async move {
        assert_eq!(watched.after(1).await[1..], ["0 run start", "0 failed"]);
        let log = watched.after(899).await;
        assert_eq!(runs(&log), 1, "{log:?}");
        assert_eq!(log.last().unwrap(), "900 failed again");
        watched.push();
        let log = watched.after(60).await;
        assert_eq!(log[1..], ["960 run changed", "960 failed again"]);
        watched.push();
        assert_eq!(watched.after(60).await[2..], ["1020 done"]);
        watched.push();
        assert_eq!(watched.after(60).await[2..], ["1080 failed"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_told_is_asked_again_at_the_slow_pace() {
    let untold = |status| Run {
        status: Some(status),
        ..Run::default()
    };
    let many = vec![
        untold(SlotStatus::Unavailable),
        untold(SlotStatus::Errored),
        untold(SlotStatus::Denied),
    ];
    Watched::with(many, |watched| async move {
        let log = watched.after(59).await;
        assert_eq!(log, START);
        let log = watched.after(301).await;
        assert_eq!(runs(&log), 2, "within 2 and 4 intervals: {log:?}");
        assert_eq!(runs(&watched.after(500).await), 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_heal_ends_the_watch() {
    let run = Run {
        error: Some(EngineError::NoKeys),
        ..Run::default()
    };
    Watched::with(vec![run], |watched| async move {
        let log = watched.after(3600).await;
        assert_eq!(log[1..], ["0 run start", "0 failed", "0 stopped"]);
        assert_eq!(watched.world.with(|world| world.summary), None);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_wait_at_once() {
    Watched::with(vec![], |watched| async move {
        watched.after(30).await;
        watched.stop.request();
        assert_eq!(watched.after(0).await, ["30 stopped"]);
        let summary = WatchSummary {
            looks: 1,
            runs: 1,
            failures: 0,
        };
        assert_eq!(watched.world.with(|world| world.summary), Some(summary));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_the_run() {
    let run = Run {
        takes: Duration::from_secs(100),
        wake_at: Some(PausedClock::noon()),
        ..Run::default()
    };
    Watched::with(vec![run], |watched| async move {
        assert_eq!(watched.after(50).await, ["0 look", "0 run start"]);
        watched.stop.request();
        assert_eq!(watched.after(49).await, [""; 0]);
        assert_eq!(watched.after(10).await, ["100 done", "100 stopped"]);
    })
    .await;
}

#[test]
fn the_text_of_an_error_has_its_causes_once() {
    assert_eq!(text_of(&down()), "`origin` cannot be reached: no route");
    let error = EngineError::File {
        path: "a\nb".to_owned(),
        source: std::io::Error::other("full"),
    };
    assert_eq!(text_of(&error), "`a b`: full");
}

#[test]
fn every_reason_has_its_own_word() {
    let all = [
        Reason::Start,
        Reason::Retry,
        Reason::Wake,
        Reason::FullPass,
        Reason::Poll,
        Reason::Changed,
    ];
    let words: std::collections::BTreeSet<String> = all.iter().map(Reason::to_string).collect();
    assert_eq!(words.len(), all.len());
}
