//! `promote mark-bad`.

use crate::cli::{Exit, approve};
use crate::context::Context;
use crate::error::{FailureKind, OrFail as _, Result};
use crate::ops::approve::Desk;
use crate::ui::Terminal;

/// Sign that a digest must not be promoted anywhere
///
/// It blocks the bytes in every environment, whatever they are called. Slots that hold them are not touched: roll those
/// back.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The digest, or its first digits
    digest: String,

    /// Why
    #[arg(long)]
    reason: String,

    /// Sign without asking
    #[arg(long, short)]
    yes: bool,
}

#[expect(clippy::unused_async, reason = "all commands have one shape")]
pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    let desk = Desk::open(context)?;
    let digest = desk.find_digest(&args.digest)?;
    terminal
        .note(&format!("you mark {digest} as bad: {}", args.reason))
        .or_fail(FailureKind::Unavailable)?;
    if !args.yes {
        approve::ask(terminal)?;
    }
    let handed = desk.mark_bad(context, digest, &args.reason)?;
    terminal.report(&handed).or_fail(FailureKind::Unavailable)?;
    Ok(Exit::Done)
}
