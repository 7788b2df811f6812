//! `promote plan`.

use crate::cli::{Exit, render};
use crate::context::Context;
use crate::engine::reconcile::SlotStatus;
use crate::error::{FailureKind, OrFail as _, Result};
use crate::ops::plan::{PlanReport, plan};
use crate::ui::Terminal;
use crate::ui::report::{Page, Report};

/// Show what would be done, in order, with every verdict
///
/// Changes nothing. Uses the same rules as `promote apply`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Exit with 0 when there is nothing to do and with 2 when there is
    #[arg(long)]
    detailed_exitcode: bool,
}

#[expect(clippy::unused_async, reason = "all commands have one shape")]
pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    let report = plan(context)?;
    terminal.report(&report).or_fail(FailureKind::Unavailable)?;
    let has_changes = report
        .run
        .slots
        .iter()
        .any(|slot| slot.status != SlotStatus::UpToDate);
    Ok(if args.detailed_exitcode && has_changes {
        Exit::Code(2)
    } else {
        Exit::Done
    })
}

impl Report for PlanReport {
    fn render(&self, page: &mut Page) {
        if self.run.slots.is_empty() {
            page.line(
                "no release asks for anything; `promote request NAME@VERSION --to ENV` writes one",
            );
        }
        for slot in &self.run.slots {
            render::slot(page, slot);
        }
        render::notes(page, &self.run.not_adopted, &self.run.ignored);
        if let Some(moment) = self.run.wake_at {
            page.line(format!("time alone changes something at {moment}"));
        }
    }

    fn names(&self) -> Vec<String> {
        self.run
            .slots
            .iter()
            .filter_map(|slot| slot.promotion.as_ref())
            .map(|promotion| promotion.id.short())
            .collect()
    }
}
