//! `promote history`.

use jiff::Timestamp;

use crate::cli::Exit;
use crate::cli::times::{parse_end, parse_start};
use crate::context::Context;
use crate::error::{FailureKind, OrFail as _, Result};
use crate::model::id::{EnvironmentName, WorkspaceName};
use crate::ops::history::{
    HistoryFilter, HistoryReport, HistoryRow, HoldingRow, HoldingsReport, history, holdings,
};
use crate::ui::Terminal;
use crate::ui::report::{Page, Report, Tone};

/// Show what happened, from the ledger
///
/// Every entry, the newest last: what was adopted, registered, said, decided and done, by whom, and why. Nothing is ever
/// too old to be shown. Filters can be joined. With `--at`, show what every slot held at a moment instead.
///
/// Examples:
///   promote history --artifact penguin-species --environment prod
///   promote history --by bob --since 2026-09-01 -o json
///   promote history --at 2026-09-30T12:00:00Z
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// An artifact: PROJECT/KIND/NAME, PROJECT/NAME or NAME; add @VERSION for one version
    #[arg(long, value_name = "ARTIFACT")]
    artifact: Option<String>,

    /// What concerns an environment
    #[arg(long, value_name = "ENVIRONMENT")]
    environment: Option<EnvironmentName>,

    /// What concerns a workspace
    #[arg(long, value_name = "WORKSPACE")]
    workspace: Option<WorkspaceName>,

    /// What names a digest, or the SHA-256 of a statement, manifest or policy; its first digits are enough
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,

    /// What a principal signed, or an engine recorded
    #[arg(long, value_name = "PRINCIPAL", conflicts_with = "at")]
    by: Option<String>,

    /// Entries of one kind
    #[arg(long, value_name = "EVENT", conflicts_with = "at", value_parser = EVENTS)]
    event: Option<String>,

    /// Nothing before a time or a day, such as 2026-09-01T08:00:00Z or 2026-09-01 (UTC)
    #[arg(long, value_name = "TIME", conflicts_with = "at", value_parser = parse_start)]
    since: Option<Timestamp>,

    /// Nothing after a time or a day
    #[arg(long, value_name = "TIME", conflicts_with = "at", value_parser = parse_end)]
    until: Option<Timestamp>,

    /// What every slot held at a time, or at the end of a day
    #[arg(long, value_name = "TIME", value_parser = parse_end)]
    at: Option<Timestamp>,

    /// No more than so many entries, the newest
    #[arg(long, value_name = "NUMBER", conflicts_with = "at")]
    limit: Option<usize>,
}

/// The words for events.
const EVENTS: [&str; 8] = [
    "adopted",
    "registered",
    "received",
    "refused",
    "decided",
    "intended",
    "taken-over",
    "ended",
];

#[expect(clippy::unused_async, reason = "all commands have one shape")]
pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    let filter = HistoryFilter {
        artifact: args.artifact.clone(),
        environment: args.environment.clone(),
        workspace: args.workspace.clone(),
        digest: args.digest.clone(),
        by: args.by.clone(),
        event: args.event.clone(),
        since: args.since,
        until: args.until,
        limit: args.limit,
    };
    let shown = match args.at {
        Some(at) => terminal.report(&holdings(context, at, &filter)?),
        None => terminal.report(&history(context, &filter)?),
    };
    shown.or_fail(FailureKind::Unavailable)?;
    Ok(Exit::Done)
}

impl Report for HistoryReport {
    fn render(&self, page: &mut Page) {
        if self.left_out > 0 {
            let count = self.left_out;
            page.mark(
                Tone::Faint,
                "…",
                format!("{count} older entries are left out"),
            );
        }
        let header = [
            "entry", "time", "event", "where", "version", "digest", "by", "what",
        ];
        page.table(
            &header,
            self.entries.iter().map(history_row).collect(),
            "nothing of that kind is in the ledger",
        );
    }

    fn names(&self) -> Vec<String> {
        self.entries
            .iter()
            .map(|row| row.index.to_string())
            .collect()
    }
}

fn history_row(row: &HistoryRow) -> Vec<String> {
    let dash = || "-".to_owned();
    let place = match (&row.environment, &row.workspace) {
        (Some(environment), Some(workspace)) if environment.as_str() != workspace.as_str() => {
            format!("{environment}/{workspace}")
        }
        (Some(environment), _) => environment.to_string(),
        (None, Some(workspace)) => workspace.to_string(),
        (None, None) => dash(),
    };
    let version = match (&row.artifact, &row.version) {
        (Some(artifact), Some(version)) => format!("{artifact}@{version}"),
        (Some(artifact), None) => artifact.to_string(),
        (None, _) => dash(),
    };
    let signers: Vec<&str> = row.signers.iter().map(|who| who.name.as_str()).collect();
    let by = match signers.as_slice() {
        [] => format!("engine {}", row.entry.engine),
        signers => signers.join(", "),
    };
    vec![
        row.index.to_string(),
        row.entry.recorded_at.to_string(),
        row.word.to_owned(),
        place,
        version,
        row.digest.map_or_else(dash, |digest| digest.short()),
        by,
        row.what.clone(),
    ]
}

impl Report for HoldingsReport {
    fn render(&self, page: &mut Page) {
        page.line(format!(
            "at {}, after {} entries",
            self.at, self.ledger_size
        ));
        let row = |row: &HoldingRow| {
            vec![
                row.environment.to_string(),
                row.workspace.to_string(),
                row.version.to_string(),
                row.digest.short(),
                row.since.to_string(),
                row.promotion.short(),
            ]
        };
        let header = [
            "environment",
            "workspace",
            "version",
            "digest",
            "since",
            "promotion",
        ];
        page.table(
            &header,
            self.slots.iter().map(row).collect(),
            "nothing was held",
        );
    }

    fn names(&self) -> Vec<String> {
        let name = |row: &HoldingRow| format!("{} in {}", row.version, row.workspace);
        self.slots.iter().map(name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_can_be_asked_for() {
        use crate::engine::testing::TestOrganisation;
        use crate::ops::testing::context_of;
        let organisation = TestOrganisation::new();
        organisation.promote_to_prod("wildlife/model/penguin-species@1.0.0", "weights");
        let context = context_of(&organisation, "fay");
        let report = history(&context, &HistoryFilter::default()).unwrap();
        assert!(report.entries.iter().all(|row| EVENTS.contains(&row.word)));
        let mut page = Page::default();
        report.render(&mut page);
        let text = page.into_text();
        assert!(text.contains("dan of Wildlife"), "{text}");
        assert_eq!(text.lines().count(), report.entries.len() + 1, "{text}");
    }
}
