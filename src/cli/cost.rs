//! `promote cost`.

use clap::ValueEnum;

use crate::cli::{Exit, render};
use crate::context::Context;
use crate::error::{FailureKind, OrFail as _, Result};
use crate::ops::cost::{By, CostReport, CostRow, cost};
use crate::ui::report::{Page, Report, Tone};
use crate::ui::{OutputFormat, Terminal};

/// Count what each project, team, environment or workspace holds
///
/// A workspace keeps every version that was made in it or promoted to it: each is a copy, with the
/// bytes that its manifest says. A digest that is held more than once, in several workspaces or under
/// several names, is a duplicate; its bytes beyond the first copy are counted as spare. All of it
/// comes from the repository and the ledger; no workspace is asked.
///
/// The owner is the group in the artifact's manifest, and `?` stands for artifacts without one.
///
/// Examples:
///   promote cost
///   promote cost --by owner -o json
///   promote cost --by workspace --format csv > cost.csv
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// What to count by
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    by: CountBy,

    /// How it is printed, unless `-o` asks for data
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Printed,
}

/// What to count by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum CountBy {
    /// The project of the artifact
    #[default]
    Project,
    /// The environment of the workspace
    Environment,
    /// The workspace
    Workspace,
    /// The group that answers for the artifact
    Owner,
    /// Who pays: as the workspace is tagged, or else as the project says
    CostCenter,
}

impl CountBy {
    const fn by(self) -> By {
        match self {
            Self::Project => By::Project,
            Self::Environment => By::Environment,
            Self::Workspace => By::Workspace,
            Self::Owner => By::Owner,
            Self::CostCenter => By::CostCenter,
        }
    }
}

/// How counts are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Printed {
    /// A table with a total
    #[default]
    Table,
    /// One row each, for spreadsheets
    Csv,
}

#[expect(clippy::unused_async, reason = "all commands have one shape")]
pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    let report = cost(context, args.by.by())?;
    let shown = match (terminal.format(), args.format) {
        (OutputFormat::Table, Printed::Csv) => terminal.data(&report.csv()),
        (OutputFormat::Table | OutputFormat::Json | OutputFormat::Yaml | OutputFormat::Name, _) => {
            terminal.report(&report)
        }
    };
    shown.or_fail(FailureKind::Unavailable)?;
    Ok(Exit::Done)
}

impl Report for CostReport {
    fn render(&self, page: &mut Page) {
        let header = [
            self.by.word(),
            "artifacts",
            "versions",
            "workspaces",
            "copies",
            "bytes",
            "duplicates",
            "spare",
        ];
        let mut rows: Vec<Vec<String>> = self
            .rows
            .iter()
            .map(|row| cells(row, row.name.as_deref().unwrap_or("?")))
            .collect();
        if rows.len() > 1 {
            rows.push(cells(&self.total, "all"));
        }
        page.table(&header, rows, "nothing is held");
        if self.rows.iter().any(|row| row.name.is_none()) {
            page.mark(
                Tone::Waiting,
                "note:",
                "`?` has no manifest that names an owner",
            );
        }
    }

    fn names(&self) -> Vec<String> {
        self.rows
            .iter()
            .filter_map(|row| row.name.clone())
            .collect()
    }
}

fn cells(row: &CostRow, name: &str) -> Vec<String> {
    vec![
        name.to_owned(),
        row.artifacts.to_string(),
        row.versions.to_string(),
        row.workspaces.to_string(),
        row.copies.to_string(),
        render::bytes(row.bytes),
        row.duplicates.to_string(),
        render::bytes(row.duplicate_bytes),
    ]
}
