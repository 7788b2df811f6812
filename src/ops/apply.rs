//! `promote apply`: one run, or as many as it takes.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::context::Context;
use crate::engine::reconcile::{RunReport, SlotStatus};
use crate::error::{FailureKind, Result};
use crate::model::id::EnvironmentName;

/// How often a run that waits looks again, at the longest.
const PATIENCE: Duration = Duration::from_secs(10);

/// Makes workspaces hold what Git asks for, as far as the gates allow. With `wait` it goes on until nothing waits any
/// more or the time is over.
///
/// # Errors
///
/// When something cannot be read, believed or recorded. What gates and workspaces say is in the report.
pub async fn apply(
    context: &Context,
    only: &BTreeSet<EnvironmentName>,
    wait: Option<Duration>,
) -> Result<RunReport> {
    let mut engine = context.engine()?;
    let mut left = wait.unwrap_or_default();
    loop {
        let report = engine.reconcile(only).await?;
        let is_waiting = matches!(report.worst(), SlotStatus::Waiting | SlotStatus::AtWork);
        if !is_waiting || left.is_zero() {
            return Ok(report);
        }
        let pause = PATIENCE.min(left);
        tokio::time::sleep(pause).await;
        left = left.saturating_sub(pause);
    }
}

/// The kind of end that a run came to; `None` when all is done.
#[must_use]
pub fn end_of(report: &RunReport) -> Option<FailureKind> {
    // INVARIANT: a failure outranks a denial, a denial what could not be told, and that what merely waits.
    match report.worst() {
        SlotStatus::UpToDate | SlotStatus::Promoted => None,
        SlotStatus::Ready | SlotStatus::Waiting | SlotStatus::AtWork => Some(FailureKind::Waiting),
        SlotStatus::Unavailable => Some(FailureKind::Unavailable),
        SlotStatus::Denied => Some(FailureKind::Denied),
        SlotStatus::Errored | SlotStatus::Failed => Some(FailureKind::Failed),
    }
}
