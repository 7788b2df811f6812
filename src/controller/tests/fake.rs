//! Something that only pretends to reconcile, and a watch of it in time that stands still unless all wait.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use git2::Oid;
use jiff::{SignedDuration, Timestamp};
use tokio::task::LocalSet;
use tokio::time::{Instant, advance, sleep};

use crate::clock::Clock;
use crate::controller::event::{WatchEvent, WatchSummary};
use crate::controller::follower::Reconcile;
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
pub(super) struct PausedClock(Instant);

impl PausedClock {
    pub(super) fn noon() -> Timestamp {
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
pub(super) struct Run {
    pub(super) takes: Duration,
    pub(super) error: Option<EngineError>,
    pub(super) status: Option<SlotStatus>,
    pub(super) wake_at: Option<Timestamp>,
    /// Entries that it appends.
    pub(super) appends: u64,
    /// Somebody else pushes while it runs.
    pub(super) is_overtaken: bool,
}

/// The world, as far as the loop can tell.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) branch: u8,
    pub(super) ledger: u64,
    ledger_read: Option<u64>,
    /// What the next looks fail with and the next runs do; once they are used up, all is well.
    pub(super) looks: VecDeque<EngineError>,
    pub(super) runs: VecDeque<Run>,
    pub(super) is_down: bool,
    /// What happened, with the seconds since the start.
    pub(super) log: Vec<(f64, String)>,
    pub(super) summary: Option<WatchSummary>,
}

#[derive(Debug, Clone)]
pub(super) struct Fake(Arc<Mutex<World>>);

impl Fake {
    pub(super) fn with<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }
}

fn commit(number: u8) -> Oid {
    Oid::from_bytes(&[number; 20]).unwrap()
}

pub(super) fn down() -> EngineError {
    EngineError::Git(GitError::Unavailable {
        remote: "origin".to_owned(),
        reason: "no route".to_owned(),
    })
}

pub(super) fn rewritten() -> EngineError {
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
                witnesses: None,
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
pub(super) struct Watched {
    pub(super) world: Fake,
    pub(super) stop: Stop,
    start: Instant,
}

impl Watched {
    /// Runs a test beside a watch of a world with these runs.
    pub(super) async fn with<F: Future<Output = ()>>(runs: Vec<Run>, test: impl FnOnce(Self) -> F) {
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
    pub(super) async fn after(&self, seconds: u64) -> Vec<String> {
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

    pub(super) fn push(&self) {
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

pub(super) const START: [&str; 3] = ["0 look", "0 run start", "0 done"];

pub(super) fn runs(log: &[String]) -> usize {
    log.iter().filter(|line| line.contains("run")).count()
}
