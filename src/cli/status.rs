//! `promote status`.

use crate::cli::{Exit, render};
use crate::context::Context;
use crate::error::{FailureKind, OrFail as _, Result};
use crate::ops::status::{SlotLine, StatusReport, status};
use crate::ui::Terminal;
use crate::ui::report::{Page, Report, Tone};

/// Show what every slot holds, and what waits
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

#[expect(clippy::unused_async, reason = "all commands have one shape")]
pub(crate) async fn run(terminal: &Terminal, context: &Context, _: &Args) -> Result<Exit> {
    terminal
        .report(&status(context)?)
        .or_fail(FailureKind::Unavailable)?;
    Ok(Exit::Done)
}

impl Report for StatusReport {
    fn render(&self, page: &mut Page) {
        let row = |line: &SlotLine| {
            let asked = line.asked.as_ref();
            vec![
                line.environment.to_string(),
                line.slot.workspace.to_string(),
                line.slot.artifact.to_string(),
                line.held
                    .as_ref()
                    .map_or_else(|| "-".to_owned(), ToString::to_string),
                asked.map_or_else(|| "-".to_owned(), |asked| asked.version.to_string()),
                asked
                    .map_or("no release", |asked| render::status_word(asked.status).0)
                    .to_owned(),
                asked
                    .and_then(|asked| asked.promotion.as_ref())
                    .map_or_else(String::new, |promotion| promotion.id.short()),
            ]
        };
        let header = [
            "environment",
            "workspace",
            "artifact",
            "holds",
            "asked",
            "status",
            "promotion",
        ];
        page.table(
            &header,
            self.slots.iter().map(row).collect(),
            "nothing is held, and nothing is asked for",
        );
        for incident in &self.incidents {
            render::incident(page, incident);
        }
        for problem in &self.not_adopted {
            page.mark(Tone::Waiting, "not in force:", problem);
        }
        for problem in &self.ignored {
            page.mark(Tone::Waiting, "passed over:", problem);
        }
    }

    fn names(&self) -> Vec<String> {
        self.slots
            .iter()
            .map(|line| line.slot.to_string())
            .collect()
    }
}
