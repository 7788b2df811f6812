//! The loop: look, reconcile when that can change something, wait.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::attest::random::random_bytes;
use crate::clock::Clock;
use crate::controller::event::{WatchEvent, WatchSummary, text_of};
use crate::controller::follower::Reconcile;
use crate::controller::healing::Healing;
use crate::controller::schedule::{self, Next, Reason, Retry, Situation, UntilThen};
use crate::controller::settings::WatchSettings;
use crate::controller::stop::Stop;
use crate::engine::error::EngineError;
use crate::engine::heads::Heads;
use crate::engine::reconcile::{RunReport, SlotStatus};

/// The most error texts that are remembered as told. Texts come from outside, so their number must have an end; telling
/// one twice does no harm.
const MAX_TOLD: usize = 100;

/// Watches until `stop` is requested, and returns what was done. A run that is under way then ends by itself first; see
/// [`Reconcile::reconcile`]. There is never more than one run.
///
/// A run follows the start; a branch that somebody else moved, within one interval; the moment that a report names as
/// worth a look; and any [`WatchSettings::full_pass`]. What time can heal is tried again soon, and ever later; what only
/// a person can, when a branch moves or a full pass is due. `listener` hears of everything, and must not block for long.
///
/// # Errors
///
/// When a failure cannot go away as long as this process lives. All others are told and tried again.
pub async fn watch<R: Reconcile>(
    reconciler: &mut R,
    settings: WatchSettings,
    clock: &dyn Clock,
    stop: &Stop,
    listener: &mut dyn FnMut(&WatchEvent<'_>),
) -> Result<WatchSummary, EngineError> {
    let mut watcher = Watcher {
        reconciler,
        settings,
        clock,
        stop,
        listener,
        memory: Memory::default(),
        summary: WatchSummary::default(),
    };
    let ended = watcher.run().await;
    let summary = watcher.summary;
    watcher.tell(&WatchEvent::Stopped(summary));
    ended.map(|()| summary)
}

struct Watcher<'a, R> {
    reconciler: &'a mut R,
    settings: WatchSettings,
    clock: &'a dyn Clock,
    stop: &'a Stop,
    listener: &'a mut dyn FnMut(&WatchEvent<'_>),
    memory: Memory,
    summary: WatchSummary,
}

/// What is known of the past. Losing it costs one run.
#[derive(Debug, Default)]
struct Memory {
    /// The heads that the last run, well ended or not, has taken into account.
    seen: Option<Heads>,
    looked: Option<Instant>,
    ran: Option<Instant>,
    wake_at: Option<Timestamp>,
    retry: Option<(Instant, UntilThen)>,
    /// Whether the last run told all it could ever tell from what it saw.
    is_settled: bool,
    /// Failures in a row that time can heal.
    failures: u32,
    /// Runs in a row that could not tell about some slots.
    unsettled: u32,
    told: BTreeSet<String>,
}

/// What failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failing {
    Look,
    Run,
}

impl<R: Reconcile> Watcher<'_, R> {
    async fn run(&mut self) -> Result<(), EngineError> {
        while !self.stop.is_requested() {
            let next = schedule::next(&self.settings, &self.situation());
            if next.after.is_zero() {
                self.act(next.why).await?;
            } else {
                self.wait(next).await;
            }
        }
        Ok(())
    }

    fn situation(&self) -> Situation {
        let now = Instant::now();
        let since = |then: Instant| now.saturating_duration_since(then);
        let until_wake = |wake_at| span(self.clock.now(), wake_at);
        Situation {
            since_look: self.memory.looked.map(since),
            since_run: self.memory.ran.map(since),
            until_wake: self.memory.wake_at.map(until_wake),
            retry: self.memory.retry.map(|(at, until_then)| Retry {
                after: at.saturating_duration_since(now),
                until_then,
            }),
        }
    }

    /// Waits, and lets the caller see afresh what is due: clocks differ, and can be set.
    async fn wait(&mut self, next: Next) {
        let after = SignedDuration::try_from(next.after).unwrap_or(SignedDuration::MAX);
        let until = self.clock.now().saturating_add(after);
        self.tell(&WatchEvent::Waiting {
            until: until.unwrap_or(Timestamp::MAX),
            why: next.why,
        });
        tokio::select! {
            () = self.stop.requested() => {}
            () = tokio::time::sleep(next.after) => {}
        }
    }

    async fn act(&mut self, why: Reason) -> Result<(), EngineError> {
        let Some((heads, is_changed)) = self.look()? else {
            return Ok(());
        };
        let why = match why {
            Reason::Poll if is_changed => Reason::Changed,
            // Only the look had failed, and nothing happened meanwhile.
            Reason::Retry if self.memory.is_settled && !is_changed => {
                self.forgive();
                return Ok(());
            }
            Reason::Poll => return Ok(()),
            Reason::Start | Reason::Retry | Reason::Wake | Reason::FullPass | Reason::Changed => {
                why
            }
        };
        if self.stop.is_requested() {
            return Ok(());
        }
        self.reconcile(why, heads).await
    }

    /// Where the branches are, and whether somebody else has moved one; `None` when that could not be told.
    fn look(&mut self) -> Result<Option<(Heads, bool)>, EngineError> {
        let looked = self.reconciler.heads();
        self.memory.looked = Some(Instant::now());
        match looked {
            Ok(heads) => {
                self.summary.looks += 1;
                let is_changed = self.memory.seen.as_ref() != Some(&heads);
                self.tell(&WatchEvent::Looked {
                    heads: &heads,
                    is_changed,
                });
                Ok(Some((heads, is_changed)))
            }
            Err(error) => self.fail(error, Failing::Look).map(|()| None),
        }
    }

    async fn reconcile(&mut self, why: Reason, heads: Heads) -> Result<(), EngineError> {
        self.tell(&WatchEvent::Reconciling { why });
        let (started, started_at) = (Instant::now(), self.clock.now());
        let result = self.reconciler.reconcile().await;
        self.memory.ran = Some(Instant::now());
        self.memory.wake_at = None;
        // Branches count from before the run, so that a push during it is never missed; the ledger counts from its end, so
        // that our own entries do not wake us. Those of others after that do.
        self.memory.seen = Some(Heads {
            ledger: self.reconciler.ledger_revision().or(heads.ledger),
            ..heads
        });
        match result {
            Ok(report) => {
                self.succeed(&report, started_at, started.elapsed());
                Ok(())
            }
            Err(error) => self.fail(error, Failing::Run),
        }
    }

    fn succeed(&mut self, report: &RunReport, started_at: Timestamp, duration: Duration) {
        self.summary.runs += 1;
        self.forgive();
        self.memory.told.clear();
        // A moment that was past when the run began did not change the answer, and will not at once.
        let wake_at = report.wake_at;
        let is_overdue = wake_at.is_some_and(|wake_at| wake_at <= started_at);
        self.memory.wake_at = wake_at.filter(|_| !is_overdue);
        self.memory.is_settled = !is_overdue && !is_untold(report);
        if self.memory.is_settled {
            self.memory.unsettled = 0;
        } else {
            self.memory.unsettled = self.memory.unsettled.saturating_add(1);
            let backoff = self.settings.unsettled();
            let pause = backoff.pause(self.memory.unsettled, random());
            self.retry_after(pause, UntilThen::Look);
        }
        self.tell(&WatchEvent::Reconciled { report, duration });
    }

    /// Tells of a failure and plans another try; the error itself when no try can help.
    fn fail(&mut self, error: EngineError, failing: Failing) -> Result<(), EngineError> {
        self.summary.failures += 1;
        if failing == Failing::Run {
            self.memory.is_settled = false;
        }
        let healing = Healing::of(&error);
        let (pause, until_then) = match (healing, failing) {
            (Healing::Time, _) => {
                self.memory.failures = self.memory.failures.saturating_add(1);
                let backoff = self.settings.retry();
                let pause = backoff.pause(self.memory.failures, random());
                (pause, UntilThen::LeaveAlone)
            }
            (Healing::Person, Failing::Run) => (self.settings.full_pass(), UntilThen::Look),
            (Healing::Person, Failing::Look) | (Healing::Nothing, _) => {
                (self.settings.full_pass(), UntilThen::LeaveAlone)
            }
        };
        let is_news = self.is_news(&error);
        self.tell(&WatchEvent::Failed {
            error: &error,
            healing,
            is_news,
            pause,
        });
        match healing {
            Healing::Time => {}
            Healing::Person => self.memory.failures = 0,
            Healing::Nothing => return Err(error),
        }
        self.retry_after(pause, until_then);
        Ok(())
    }

    fn is_news(&mut self, error: &EngineError) -> bool {
        let told = &mut self.memory.told;
        if told.len() >= MAX_TOLD {
            told.clear();
        }
        told.insert(text_of(error))
    }

    fn retry_after(&mut self, pause: Duration, until_then: UntilThen) {
        self.memory.retry = Some((Instant::now() + pause, until_then));
    }

    /// All is well: the next failure is the first again.
    const fn forgive(&mut self) {
        self.memory.retry = None;
        self.memory.failures = 0;
    }

    fn tell(&mut self, event: &WatchEvent<'_>) {
        event.log();
        (self.listener)(event);
    }
}

/// Whether a run could not tell about a slot, so that it is worth trying again though no branch moves.
fn is_untold(report: &RunReport) -> bool {
    report.slots.iter().any(|slot| match slot.status {
        SlotStatus::Unavailable | SlotStatus::Errored => true,
        SlotStatus::UpToDate
        | SlotStatus::Promoted
        | SlotStatus::Ready
        | SlotStatus::Waiting
        | SlotStatus::AtWork
        | SlotStatus::Denied
        | SlotStatus::Failed => false,
    })
}

/// The time from one moment to another; zero when that is past.
fn span(from: Timestamp, to: Timestamp) -> Duration {
    to.duration_since(from).try_into().unwrap_or_default()
}

/// Any number. That it is random keeps engines apart; without randomness they only lose that.
fn random() -> u32 {
    random_bytes().map_or(0, u32::from_le_bytes)
}
