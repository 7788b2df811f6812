//! `promote declassify`.

use crate::cli::act::{Signed, sign};
use crate::cli::{Exit, names};
use crate::context::Context;
use crate::error::Result;
use crate::model::id::WorkspaceName;
use crate::model::label::Tag;
use crate::model::period::Period;
use crate::ops::act::{Declassified, What};
use crate::ui::Terminal;

/// Sign that one version, or one snapshot of data, may enter one workspace that is not cleared for it
///
/// Counts once enough owners of each tag have signed; who made it does not count. It is about these bytes and this workspace
/// alone, and ends when it expires or when anything behind them is labelled otherwise. What is made in the workspace from a
/// snapshot, such as a masked one, does not carry the tags that were let through of it, for as long as that holds.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The version, such as `wildlife/penguin-species@1.0.0`, or the snapshot, such as `penguins/2026-06-masked`
    #[arg(value_name = "VERSION|SNAPSHOT")]
    of: String,

    /// The workspace
    #[arg(long = "into", value_name = "WORKSPACE")]
    workspace: WorkspaceName,

    /// Only these tags [default: all that the workspace is not cleared for]
    #[arg(long = "tag", value_name = "TAG", conflicts_with = "withdraw")]
    tags: Vec<Tag>,

    /// How long it holds; 90 days at most
    #[arg(long, default_value = "7d", value_name = "DURATION")]
    validity: Period,

    /// Take back what you signed for this version and workspace
    #[arg(long)]
    withdraw: bool,

    #[command(flatten)]
    signed: Signed,
}

#[expect(clippy::unused_async, reason = "all commands have one shape")]
pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    let what = What::Declassify {
        of: match args.of.parse() {
            Ok(id) if !args.of.contains('@') => Declassified::Snapshot(id),
            Ok(_) | Err(_) => Declassified::Version(names::version(&args.of)?),
        },
        workspace: args.workspace.clone(),
        tags: args.tags.iter().cloned().collect(),
        validity: args.validity,
        is_withdrawal: args.withdraw,
    };
    sign(terminal, context, what, &args.signed)
}
