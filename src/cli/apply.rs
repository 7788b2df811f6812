//! `promote apply`.

use std::time::Duration;

use crate::cli::{Exit, render};
use crate::context::Context;
use crate::engine::reconcile::{RunReport, SlotStatus};
use crate::error::{FailureKind, OrFail as _, Result};
use crate::model::id::EnvironmentName;
use crate::model::period::Period;
use crate::ops::apply::{apply, end_of};
use crate::ui::Terminal;
use crate::ui::report::{Page, Report, Tone};

/// Make workspaces hold what Git asks for, once
///
/// What a CI job runs. Takes statements from the inbox, adopts signed governed files, and promotes what the gates allow.
/// The exit code says how it ended: a promotion that failed is never 0.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these environments [default: all that the engine's key may act for]
    #[arg(long = "to", value_name = "ENV")]
    environments: Vec<EnvironmentName>,

    /// Go on until nothing waits any more, at most this long
    #[arg(long, value_name = "DURATION", num_args = 0..=1, default_missing_value = "1h")]
    wait: Option<Period>,
}

pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    let only = args.environments.iter().cloned().collect();
    let wait = args
        .wait
        .map(|period| Duration::from_secs(period.seconds()));
    let report = apply(context, &only, wait).await?;
    terminal.report(&report).or_fail(FailureKind::Unavailable)?;
    Ok(end_of(&report).map_or(Exit::Done, Exit::Ended))
}

impl Report for RunReport {
    fn render(&self, page: &mut Page) {
        for outcome in &self.recovered {
            let reason = outcome
                .reason
                .clone()
                .unwrap_or_else(|| "the workspace holds it, read back".to_owned());
            page.mark(
                Tone::Waiting,
                "recovered  ",
                format!(
                    "{}: {}: {reason}",
                    outcome.promotion.id.short(),
                    outcome.outcome
                ),
            );
        }
        for slot in self
            .slots
            .iter()
            .filter(|slot| slot.status != SlotStatus::UpToDate)
        {
            render::slot(page, slot);
        }
        let current = self
            .slots
            .iter()
            .filter(|slot| slot.status == SlotStatus::UpToDate)
            .count();
        if current == self.slots.len() {
            page.line(if current == 0 {
                "no release asks for anything".to_owned()
            } else {
                format!("nothing to do: {current} up to date")
            });
        }
        render::notes(page, &self.not_adopted, &self.ignored);
        page.mark(
            Tone::Faint,
            "ledger",
            format!("{} entries", self.ledger_size),
        );
    }

    fn names(&self) -> Vec<String> {
        self.slots
            .iter()
            .filter_map(|slot| slot.promotion.as_ref())
            .map(|promotion| promotion.id.short())
            .collect()
    }
}
