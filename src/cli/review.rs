//! `promote review`.

use crate::cli::Exit;
use crate::cli::act::{Signed, sign};
use crate::context::Context;
use crate::error::Result;
use crate::ops::act::What;
use crate::ui::Terminal;

/// Sign that you looked at what an override let through
///
/// Until somebody who neither signed the override nor made the version does, nothing new enters that slot.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The promotion, as `promote plan` prints it
    promotion: String,

    #[command(flatten)]
    signed: Signed,
}

#[expect(clippy::unused_async, reason = "all commands have one shape")]
pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    let what = What::Review(args.promotion.clone());
    sign(terminal, context, what, &args.signed)
}
