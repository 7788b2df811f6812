//! `promote watch`.

use std::time::Duration;

use crate::cli::{Exit, render};
use crate::context::Context;
use crate::controller::event::WatchEvent;
use crate::controller::follower::Follower;
use crate::controller::settings::WatchSettings;
use crate::controller::signal::StopSignals;
use crate::controller::stop::Stop;
use crate::controller::watch::watch;
use crate::engine::reconcile::{RunReport, SlotStatus};
use crate::error::{FailureKind, OrFail as _, Result};
use crate::model::id::EnvironmentName;
use crate::model::period::Period;
use crate::ui::Terminal;
use crate::ui::report::Page;

/// Follow the repository and make workspaces hold what it asks for, until stopped
///
/// Looks at the branches every interval, which costs one question to the remote, and acts only when one moved, when a soak
/// time or a freeze ends, or when a full pass is due. SIGTERM ends it after the attempt at work; it can be killed at any
/// moment, and the next run finds out from the workspaces what was done.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these environments [default: all that the engine's key may act for]
    #[arg(long = "to", value_name = "ENV")]
    environments: Vec<EnvironmentName>,

    /// The time between looks
    #[arg(long, default_value = "1m", value_name = "DURATION")]
    interval: Period,
}

pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    let settings = WatchSettings::every(Duration::from_secs(args.interval.seconds()))
        .or_fail(FailureKind::Usage)?;
    let stop = Stop::new();
    let mut signals = StopSignals::catch().or_fail(FailureKind::Internal)?;
    let mut follower = Follower::new(
        context.engine()?,
        args.environments.iter().cloned().collect(),
        &stop,
    );
    let mut listener = |event: &WatchEvent<'_>| {
        // When nobody listens any more the work still goes on.
        drop(tell(terminal, event));
    };
    let mut watching = std::pin::pin!(watch(
        &mut follower,
        settings,
        context.clock.as_ref(),
        &stop,
        &mut listener
    ));
    let ended = tokio::select! {
        ended = &mut watching => ended,
        _ = signals.next() => {
            stop.request();
            tokio::select! {
                ended = &mut watching => ended,
                // Asked twice: end without ceremony. The ledger knows what was under way.
                _ = signals.next() => return Ok(Exit::Ended(FailureKind::Unavailable)),
            }
        }
    };
    ended?;
    Ok(Exit::Done)
}

fn tell(terminal: &Terminal, event: &WatchEvent<'_>) -> std::io::Result<()> {
    match event {
        WatchEvent::Reconciled { report, .. } => tell_run(terminal, report),
        WatchEvent::Failed {
            error,
            is_news: true,
            pause,
            ..
        } => terminal.note(&format!(
            "error: {error}; looking again in {}s",
            pause.as_secs()
        )),
        WatchEvent::Stopped(summary) => terminal.note(&format!(
            "stopped after {} looks and {} runs",
            summary.looks, summary.runs
        )),
        WatchEvent::Failed { .. }
        | WatchEvent::Looked { .. }
        | WatchEvent::Reconciling { .. }
        | WatchEvent::Waiting { .. } => Ok(()),
    }
}

fn tell_run(terminal: &Terminal, report: &RunReport) -> std::io::Result<()> {
    let mut page = Page::default();
    for slot in report
        .slots
        .iter()
        .filter(|slot| slot.status != SlotStatus::UpToDate)
    {
        render::slot(&mut page, slot);
    }
    render::notes(&mut page, &report.not_adopted, &report.ignored);
    let text = page.into_text();
    if text.is_empty() {
        Ok(())
    } else {
        terminal.data(&text)
    }
}
