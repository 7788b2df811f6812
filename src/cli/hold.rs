//! `promote hold`.

use crate::cli::Exit;
use crate::cli::act::{Held, Signed, sign};
use crate::context::Context;
use crate::error::Result;
use crate::ops::act::What;
use crate::ui::Terminal;

/// Sign that an artifact, or one digest of it, is not to enter an environment for now
///
/// A hold of an artifact lets a rollback through; one of a digest does not. `promote resume` ends it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    held: Held,

    #[command(flatten)]
    signed: Signed,
}

#[expect(clippy::unused_async, reason = "all commands have one shape")]
pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    let what = What::Hold(args.held.scope()?);
    sign(terminal, context, what, &args.signed)
}
