//! `promote rollback`.

use crate::cli::{Exit, names};
use crate::context::Context;
use crate::error::{FailureKind, OrFail as _, Result};
use crate::model::artifact::ArtifactKind;
use crate::model::id::EnvironmentName;
use crate::ops::release::rollback;
use crate::ui::Terminal;

/// Ask for an earlier version again
///
/// Writes a release of the version that the environment held before. It has a quorum of its own, the same flow rule, and
/// uses the bytes that the workspace still has.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The artifact, such as `wildlife/penguin-species`
    name: String,

    /// The environment
    #[arg(long = "in", value_name = "ENV")]
    environment: EnvironmentName,

    /// The version to go back to [default: the one before]
    #[arg(long = "to", value_name = "VERSION")]
    version: Option<semver::Version>,

    /// What the artifact is
    #[arg(long, default_value = "model")]
    kind: ArtifactKind,

    /// Why
    #[arg(long)]
    reason: Option<String>,
}

#[expect(clippy::unused_async, reason = "all commands have one shape")]
pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    let artifact = names::artifact(&args.name, args.kind)?;
    let report = rollback(
        context,
        &artifact,
        &args.environment,
        args.version.as_ref(),
        args.reason.clone(),
    )?;
    terminal.report(&report).or_fail(FailureKind::Unavailable)?;
    Ok(Exit::Done)
}
