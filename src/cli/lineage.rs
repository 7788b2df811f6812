//! `promote lineage`.

use clap::ValueEnum;

use crate::cli::Exit;
use crate::context::Context;
use crate::error::{FailureKind, OrFail as _, Result};
use crate::ops::lineage::{LineageReport, MAX_NODES, Way, lineage};
use crate::ui::report::{Page, Report, Tone};
use crate::ui::{OutputFormat, Terminal};

/// Show what a version was made from, and why it carries its labels
///
/// The datasets, base versions, code and run behind it, and behind those, each with its label and what put every tag on
/// it. With `--down`, show what was made from it instead. Drawings name on each arrow the tags that it brought.
///
/// Examples:
///   promote lineage penguin-species@1.0.0
///   promote lineage wildlife/model/penguin-species@1.0.0 --down
///   promote lineage penguin-species@1.0.0 --format svg > lineage.svg
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// The version: PROJECT/KIND/NAME@VERSION, PROJECT/NAME@VERSION or NAME@VERSION
    #[arg(value_name = "NAME@VERSION")]
    version: String,

    /// Show what was made from it
    #[arg(long)]
    down: bool,

    /// How the graph is drawn, unless `-o` asks for data
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Drawing,
}

/// How a graph is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Drawing {
    /// A tree of lines
    #[default]
    Table,
    /// For Graphviz
    Dot,
    /// For Markdown pages that know Mermaid
    Mermaid,
    /// A picture
    Svg,
}

#[expect(clippy::unused_async, reason = "all commands have one shape")]
pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    let way = if args.down { Way::Down } else { Way::Up };
    let report = lineage(context, &args.version, way)?;
    let shown = match (terminal.format(), args.format) {
        (OutputFormat::Table, Drawing::Dot) => terminal.data(&report.dot()),
        (OutputFormat::Table, Drawing::Mermaid) => terminal.data(&report.mermaid()),
        (OutputFormat::Table, Drawing::Svg) => terminal.data(&report.svg()),
        (OutputFormat::Table | OutputFormat::Json | OutputFormat::Yaml | OutputFormat::Name, _) => {
            terminal.report(&report)
        }
    };
    shown.or_fail(FailureKind::Unavailable)?;
    Ok(Exit::Done)
}

impl Report for LineageReport {
    fn render(&self, page: &mut Page) {
        for line in self.tree() {
            page.line(line);
        }
        if self.is_cut {
            page.mark(
                Tone::Waiting,
                "cut:",
                format!("there is more than these {MAX_NODES}; ask for one of them"),
            );
        }
    }

    fn names(&self) -> Vec<String> {
        self.nodes.values().map(|node| node.name.clone()).collect()
    }
}
