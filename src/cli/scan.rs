//! `promote scan`.

use crate::cli::Exit;
use crate::context::Context;
use crate::error::{FailureKind, OrFail as _, Result};
use crate::model::id::WorkspaceName;
use crate::ops::scan::{Drift, Finding, ScanReport, ScanRequest, scan};
use crate::ui::Terminal;
use crate::ui::report::{Page, Report, Tone};

/// Find what workspaces hold and may not
///
/// Compares what the ledger says that each workspace holds with the labels of now: data that was labelled higher later is
/// found wherever it went. Then hashes every file of each workspace, and finds files of versions that the workspace is not
/// cleared for, whatever they are called now and whoever put them there, and versions that are no longer what the ledger
/// says that they are.
///
/// Ends with 3 when something was found, and with 5 when something could not be read.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this workspace; may be given more than once
    #[arg(long = "workspace", value_name = "NAME")]
    workspaces: Vec<WorkspaceName>,

    /// Only what the ledger says; reads no workspace
    #[arg(long)]
    ledger_only: bool,
}

pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    let request = ScanRequest {
        workspaces: args.workspaces.iter().cloned().collect(),
        is_ledger_only: args.ledger_only,
    };
    let report = scan(context, &request).await?;
    terminal.report(&report).or_fail(FailureKind::Unavailable)?;
    Ok(match (report.is_clean(), report.unread.is_empty()) {
        (false, _) => Exit::Ended(FailureKind::Denied),
        (true, false) => Exit::Ended(FailureKind::Unavailable),
        (true, true) => Exit::Done,
    })
}

impl Report for ScanReport {
    fn render(&self, page: &mut Page) {
        for finding in &self.findings {
            page.mark(Tone::Bad, "found", say(finding));
        }
        for drift in &self.drift {
            page.mark(Tone::Bad, "drift", say_drift(drift));
        }
        for unread in &self.unread {
            let text = format!("{}: `{}`: {}", unread.workspace, unread.path, unread.reason);
            page.mark(Tone::Waiting, "not read", text);
        }
        for (workspace, files) in &self.workspaces {
            page.line(format!("scanned {workspace}: {files} files"));
        }
        if self.is_clean() && self.unread.is_empty() {
            page.mark(
                Tone::Good,
                "clean",
                "every workspace is cleared for all that it holds",
            );
        }
    }

    fn names(&self) -> Vec<String> {
        let found = self.findings.iter().map(|finding| match &finding.path {
            Some(path) => format!("{}:{path}", finding.workspace),
            None => format!("{}:{}", finding.workspace, finding.version),
        });
        let drift = self.drift.iter();
        let drift = drift.map(|drift| format!("{}:{}", drift.workspace, drift.version));
        found.chain(drift).collect()
    }
}

fn say(finding: &Finding) -> String {
    let tags: Vec<String> = finding.tags.iter().map(|tag| format!("`{tag}`")).collect();
    let what = match &finding.path {
        Some(path) => format!("`{path}` is a file of {}", finding.version),
        None => format!("holds {}, as the ledger says", finding.version),
    };
    format!("{}: {what}: {}", finding.workspace, tags.join(", "))
}

fn say_drift(drift: &Drift) -> String {
    let Drift {
        workspace,
        version,
        recorded,
        found,
    } = drift;
    match found {
        Some(found) => format!("{workspace}: {version} is {found} now, and was {recorded}"),
        None => format!("{workspace}: {version} is not there any more; the ledger says {recorded}"),
    }
}
