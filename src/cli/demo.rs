//! `promote demo`.

use std::path::PathBuf;

use crate::cli::Exit;
use crate::context::Context;
use crate::error::{FailureKind, OrFail as _, Result};
use crate::ops::demo::{DemoReport, Line, demo};
use crate::ui::report::{Page, Report, Tone, paint};
use crate::ui::{OutputFormat, Terminal};

/// Play the whole story on a real model, in a folder of its own
///
/// An organisation in the pattern `multi-environment` with five people and their keys: a model goes from dev to qa to prod
/// with approvals, a better one follows, the first comes back, and one that saw production data is kept out of dev. Each
/// line is the command that it stands for. The repository stays, to explore. No network, no server.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder to play in
    #[arg(default_value = "promote-demo")]
    directory: PathBuf,
}

pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    let is_told = terminal.format() == OutputFormat::Table;
    let mut number = 0;
    let mut tell = |line: &Line| {
        if is_told {
            number += u32::from(!line.command.is_empty());
            // When nobody listens any more the story still goes on to its end.
            drop(terminal.data(&told(number, line)));
        }
    };
    let report = demo(context, &args.directory, &mut tell).await?;
    terminal.report(&report).or_fail(FailureKind::Unavailable)?;
    Ok(Exit::Done)
}

fn told(number: u32, line: &Line) -> String {
    if line.command.is_empty() {
        return format!("{}\n", paint(Tone::Faint, &line.result));
    }
    let tone = if line.result.starts_with("denied") || line.result.starts_with("waits") {
        Tone::Waiting
    } else {
        Tone::Good
    };
    format!(
        "{number:>2} {:<8} $ {}\n              {}\n",
        line.who,
        paint(Tone::Strong, &line.command),
        paint(tone, &line.result)
    )
}

impl Report for DemoReport {
    fn render(&self, page: &mut Page) {
        page.gap();
        page.line(format!(
            "{} promotions, {} entries in the ledger. Explore it:",
            self.promotions, self.ledger_size
        ));
        page.line(format!("  cd {}/repository", self.directory.display()));
        for command in [
            "promote status",
            "promote history",
            "promote lineage wildlife/penguin-species@1.1.0",
            "git log --all --oneline",
        ] {
            page.line(format!("  {command}"));
        }
    }

    fn names(&self) -> Vec<String> {
        self.lines.iter().map(|line| line.command.clone()).collect()
    }
}
