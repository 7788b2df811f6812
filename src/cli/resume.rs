//! `promote resume`.

use crate::cli::Exit;
use crate::cli::act::{Held, Signed, sign};
use crate::context::Context;
use crate::error::Result;
use crate::ops::act::What;
use crate::ui::Terminal;

/// Sign that a hold has ended
///
/// Whoever placed the hold may, and anyone of a group that the policy asks for approvals. The same lets a digest come back
/// that the environment was rolled back from.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    held: Held,

    #[command(flatten)]
    signed: Signed,
}

#[expect(clippy::unused_async, reason = "all commands have one shape")]
pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    let what = What::Resume(args.held.scope()?);
    sign(terminal, context, what, &args.signed)
}
