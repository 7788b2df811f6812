//! `promote check`.

use std::path::PathBuf;

use serde_json::json;

use crate::cli::Exit;
use crate::context::Context;
use crate::error::{FailureKind, OrFail as _, Result};
use crate::model::id::WorkspaceName;
use crate::ops::check::check;
use crate::ops::register::told::OtherFiles;
use crate::ui::diagnostics::{Colour, render_json, render_summary, render_text};
use crate::ui::report::{Page, Tone};
use crate::ui::{OutputFormat, Terminal};

/// Validate everything: manifests, patterns, flow, trust
///
/// Reads the work tree, so that it says what is wrong before you commit. All mistakes are reported at once.
///
/// With `--file` it also reads files of other tools, such as a pipeline of Azure ML, and says which of their inputs no
/// dataset claims, and which the workspace may not hold.
///
/// In the pattern `single-environment` nobody may change the production data that research reads. With a saved list of role
/// assignments this is held against what Azure grants: anyone whose role may write is refused, and so is a role that nobody
/// knows. List those of the storage account, also inherited ones:
///
///   az role assignment list --scope ACCOUNT-ID --include-inherited -o json > roles.json
///   promote check --role-assignments roles.json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// A file of another tool: YAML or a job of Azure ML, `dvc.lock`, a data contract and others
    #[arg(long = "file", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The workspace that it is to run in
    #[arg(long, requires = "files")]
    workspace: Option<WorkspaceName>,
    /// What `az role assignment list -o json` printed
    #[arg(long, value_name = "FILE")]
    role_assignments: Option<PathBuf>,
}

#[expect(clippy::unused_async, reason = "all commands have one shape")]
pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    let others = OtherFiles {
        files: args.files.clone(),
        workspace: args.workspace.clone(),
    };
    let report = check(context, &others, args.role_assignments.as_deref())?;
    let text = match terminal.format() {
        OutputFormat::Json | OutputFormat::Yaml => {
            let json = json!({
                "files": report.files,
                "isValid": report.is_valid,
                "diagnostics": render_json(&report.diagnostics),
                "notAdopted": report.not_adopted,
            });
            format!(
                "{}\n",
                serde_json::to_string_pretty(&json).or_fail(FailureKind::Internal)?
            )
        }
        OutputFormat::Name => report
            .diagnostics
            .iter()
            .map(|problem| format!("{}\n", problem.loc.file.path))
            .collect(),
        OutputFormat::Table => {
            let mut page = Page::default();
            for problem in &report.not_adopted {
                page.mark(Tone::Waiting, "not in force:", problem);
            }
            match render_summary(&report.diagnostics) {
                Some(summary) => page.line(summary),
                None if report.is_valid => {
                    page.mark(Tone::Good, "valid:", format!("{} files", report.files));
                }
                None => page.line(format!(
                    "nothing is wrong with the {} files here; what is committed is not in force",
                    report.files
                )),
            }
            format!(
                "{}{}",
                render_text(&report.diagnostics, Colour::Always),
                page.into_text()
            )
        }
    };
    terminal.data(&text).or_fail(FailureKind::Unavailable)?;
    Ok(if report.is_valid {
        Exit::Done
    } else {
        Exit::Ended(FailureKind::Invalid)
    })
}
