//! What happens while a repository is watched, for those who show it.

use std::error::Error as _;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::controller::healing::Healing;
use crate::controller::schedule::Reason;
use crate::engine::error::EngineError;
use crate::engine::heads::Heads;
use crate::engine::reconcile::RunReport;
use crate::redact::printable;

/// Something that happened while a repository was watched.
#[derive(Debug)]
pub enum WatchEvent<'a> {
    /// The branches were looked at.
    Looked {
        /// Where they are.
        heads: &'a Heads,
        /// Whether somebody else has moved one since the last run.
        is_changed: bool,
    },
    /// A run begins.
    Reconciling {
        /// Why.
        why: Reason,
    },
    /// A run ended.
    Reconciled {
        /// What it did.
        report: &'a RunReport,
        /// How long it took.
        duration: Duration,
    },
    /// A look or a run failed.
    Failed {
        /// Why.
        error: &'a EngineError,
        /// What can make it go away.
        healing: Healing,
        /// Whether it has not been told since the last run that ended well. What is not news need not be told loudly.
        is_news: bool,
        /// How long until it is tried again.
        pause: Duration,
    },
    /// Nothing is to be done for a while.
    Waiting {
        /// Until when, as far as is known now.
        until: Timestamp,
        /// What will be done then.
        why: Reason,
    },
    /// It is over: somebody asked to stop, or it cannot go on.
    Stopped(WatchSummary),
}

/// What was done altogether.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WatchSummary {
    /// How often the branches were looked at.
    pub looks: u64,
    /// How many runs ended well.
    pub runs: u64,
    /// How many looks and runs failed.
    pub failures: u64,
}

impl WatchEvent<'_> {
    /// Writes the event to the log.
    pub(super) fn log(&self) {
        match self {
            Self::Looked { is_changed, .. } => {
                tracing::debug!(branches.changed = is_changed, "looked at the branches");
            }
            Self::Reconciling { why } => tracing::info!(run.reason = why.word(), "reconciling"),
            Self::Reconciled { report, duration } => log_report(report, *duration),
            Self::Failed {
                error,
                healing,
                is_news,
                pause,
            } => log_failure(error, *healing, *is_news, *pause),
            Self::Waiting { until, why } => {
                tracing::debug!(wait.until = %until, wait.reason = why.word(), "waiting");
            }
            Self::Stopped(summary) => tracing::info!(
                watch.looks = summary.looks,
                watch.runs = summary.runs,
                watch.failures = summary.failures,
                "stopped watching"
            ),
        }
    }
}

/// An error with all that caused it, in one line without control characters.
pub(super) fn text_of(error: &EngineError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Transparent errors say what their source says.
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    printable(&text.replace('\n', " "))
}

fn log_report(report: &RunReport, duration: Duration) {
    tracing::info!(
        run.worst = ?report.worst(),
        run.slots = report.slots.len(),
        run.recovered = report.recovered.len(),
        ledger.size = report.ledger_size,
        duration_ms = millis(duration),
        "reconciled"
    );
    for problem in &report.not_adopted {
        tracing::warn!(
            trust.problem = printable(problem),
            "governed files of the head are not in force"
        );
    }
}

fn log_failure(error: &EngineError, healing: Healing, is_news: bool, pause: Duration) {
    let (error, retry_ms) = (text_of(error), millis(pause));
    match (healing, is_news) {
        (Healing::Time, _) => tracing::warn!(error, retry_ms, "failed; trying again"),
        (Healing::Person, true) => {
            tracing::error!(error, retry_ms, "failed; somebody must put it right");
        }
        (Healing::Person, false) => {
            tracing::debug!(error, retry_ms, "failed as before");
        }
        (Healing::Nothing, _) => tracing::error!(error, "failed for good"),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
