//! `promote request`.

use crate::cli::{Exit, names, render};
use crate::context::Context;
use crate::error::{FailureKind, OrFail as _, Result};
use crate::model::id::{EnvironmentName, WorkspaceName};
use crate::ops::release::{ReleaseReport, ReleaseRequest, request};
use crate::ui::Terminal;
use crate::ui::report::{Page, Report, Tone};

/// Ask for a version in an environment
///
/// Writes, signs and commits the release file. `promote plan` then says what is still missing.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The version, such as `wildlife/penguin-species@1.0.0`
    version: String,

    /// The environment that shall hold it
    #[arg(long = "to", value_name = "ENV")]
    environment: EnvironmentName,

    /// Only these workspaces of the environment
    #[arg(long = "workspace", value_name = "NAME")]
    workspaces: Vec<WorkspaceName>,

    /// Why, for the people who approve
    #[arg(long)]
    reason: Option<String>,

    /// Commit to a new branch, for a pull request
    #[arg(long, value_name = "NAME")]
    branch: Option<String>,
}

#[expect(clippy::unused_async, reason = "all commands have one shape")]
pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    let asked = ReleaseRequest {
        version: names::version(&args.version)?,
        environment: args.environment.clone(),
        workspaces: args.workspaces.iter().cloned().collect(),
        reason: args.reason.clone(),
        branch: args.branch.clone(),
    };
    terminal
        .report(&request(context, &asked)?)
        .or_fail(FailureKind::Unavailable)?;
    Ok(Exit::Done)
}

impl Report for ReleaseReport {
    fn render(&self, page: &mut Page) {
        match &self.committed {
            Some(committed) => page.mark(
                Tone::Good,
                "asked",
                format!(
                    "{} for {}: commit {} on {}",
                    self.environment, self.version, committed.commit, committed.branch
                ),
            ),
            None => page.mark(
                Tone::Faint,
                "asked already",
                format!("{} for {}", self.environment, self.version),
            ),
        }
        for slot in &self.slots {
            render::slot(page, slot);
        }
    }

    fn names(&self) -> Vec<String> {
        self.slots
            .iter()
            .filter_map(|slot| slot.promotion.as_ref())
            .map(|promotion| promotion.id.short())
            .collect()
    }
}
