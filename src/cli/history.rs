//! `promote history`.

use jiff::Timestamp;

use crate::cli::Exit;
use crate::cli::times::{parse_end, parse_span, parse_start};
use crate::context::Context;
use crate::error::{FailureKind, OrFail as _, Result};
use crate::model::approval::ApprovalDecision;
use crate::model::id::{EnvironmentName, WorkspaceName};
use crate::ops::history::{
    ApprovalRow, ApprovalsReport, HistoryFilter, HistoryReport, HistoryRow, HoldingRow,
    HoldingsReport, Who, approvals, history, holdings,
};
use crate::ui::Terminal;
use crate::ui::report::{Page, Report, Tone};

/// Show what happened, from the ledger
///
/// Every entry, the newest last: what was adopted, registered, said, decided and done, by whom, and why. Nothing is ever
/// too old to be shown. Filters can be joined. With `--at`, show what every slot held at a moment or on a day instead; with
/// `--approvals` or `--approvals-of`, who approved and rejected what, with which key, and what they meant.
///
/// Examples:
///   promote history --at 2026-09-30 --environment prod          what ran in prod that day
///   promote history --approvals-of penguin-species@1.0.0        who approved this
///   promote history --approvals --by "Bob Reviewer"             what this person approved
///   promote history --digest dirhash1:3f2a9c -o json            everything that touched this digest
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

    /// What a person signed, by principal or printed name, or an engine recorded
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

    /// What every slot held at a time, or at any time of a day (UTC)
    #[arg(long, value_name = "TIME", value_parser = parse_span)]
    at: Option<(Timestamp, Timestamp)>,

    /// Approvals and rejections alone, with what came of them
    #[arg(long, conflicts_with_all = ["at", "event"])]
    approvals: bool,

    /// Who approved or rejected a promotion, an artifact or version, or a digest
    #[arg(long, value_name = "PROMOTION|NAME|DIGEST", conflicts_with_all = ["at", "event"])]
    approvals_of: Option<String>,

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
    let is_of_approvals = args.approvals || args.approvals_of.is_some();
    let shown = match args.at {
        Some(span) => terminal.report(&holdings(context, span, &filter)?),
        None if is_of_approvals => {
            let of = args.approvals_of.as_deref();
            terminal.report(&approvals(context, of, &filter)?)
        }
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

/// People by the names that are printed.
fn names_of<'w>(people: impl IntoIterator<Item = &'w Who>) -> String {
    let names: Vec<&str> = people.into_iter().map(|who| who.name.as_str()).collect();
    if names.is_empty() {
        return "-".to_owned();
    }
    names.join(", ")
}

impl Report for HoldingsReport {
    fn render(&self, page: &mut Page) {
        let size = self.ledger_size;
        page.line(if self.from == self.at {
            format!("at {}, after {size} entries", self.at)
        } else {
            format!("from {} to {}, after {size} entries", self.from, self.at)
        });
        let row = |row: &HoldingRow| {
            let until = row
                .until
                .map_or_else(|| "now".to_owned(), |until| until.to_string());
            vec![
                row.environment.to_string(),
                row.workspace.to_string(),
                row.version.to_string(),
                row.digest.short(),
                row.since.to_string(),
                until,
                names_of(&row.requested_by),
                names_of(&row.approved_by),
                row.promotion.short(),
            ]
        };
        let header = [
            "environment",
            "workspace",
            "version",
            "digest",
            "since",
            "until",
            "asked by",
            "approved by",
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

impl Report for ApprovalsReport {
    fn render(&self, page: &mut Page) {
        if self.left_out > 0 {
            let count = self.left_out;
            page.mark(Tone::Faint, "…", format!("{count} older ones are left out"));
        }
        let header = [
            "entry", "received", "who", "key", "said", "version", "to", "status", "meaning",
        ];
        page.table(
            &header,
            self.approvals.iter().map(approval_row).collect(),
            "nobody has said anything of the kind",
        );
    }

    fn names(&self) -> Vec<String> {
        let rows = self.approvals.iter();
        rows.map(|row| row.approval.entry.to_string()).collect()
    }
}

fn approval_row(row: &ApprovalRow) -> Vec<String> {
    let approval = &row.approval;
    let said = match approval.decision {
        ApprovalDecision::Approve if approval.counts == Some(false) => "yes, did not count",
        ApprovalDecision::Approve => "yes",
        ApprovalDecision::Reject => "no",
        ApprovalDecision::Withdraw => "took it back",
    };
    let version = match &row.version {
        Some(version) => format!("{}@{version}", row.artifact),
        None => row.artifact.to_string(),
    };
    let key = approval.who.key.as_ref();
    vec![
        approval.entry.to_string(),
        approval.received_at.to_string(),
        format!("{} ({})", approval.who.name, approval.who.principal),
        key.map_or_else(|| "-".to_owned(), ToString::to_string),
        said.to_owned(),
        version,
        row.to.workspace.to_string(),
        row.status.word().to_owned(),
        approval.meaning.clone(),
    ]
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
