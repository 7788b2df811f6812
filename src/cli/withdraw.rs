//! `promote withdraw`.

use crate::cli::{Exit, approve};
use crate::context::Context;
use crate::error::Result;
use crate::model::approval::ApprovalDecision;
use crate::model::period::Period;
use crate::ops::approve::{Answer, DEFAULT_VALIDITY};
use crate::ui::Terminal;

/// Sign that you take back your approval or rejection of a promotion
///
/// Afterwards it is as if you had said nothing.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    asked: approve::AskedArgs,

    /// Why
    #[arg(long)]
    reason: String,

    /// How long the statement is worth reading
    #[arg(long, default_value = DEFAULT_VALIDITY, value_name = "DURATION")]
    validity: Period,

    /// Sign without asking
    #[arg(long, short)]
    yes: bool,
}

#[expect(clippy::unused_async, reason = "all commands have one shape")]
pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    let answer = Answer {
        decision: ApprovalDecision::Withdraw,
        meaning: args.reason.clone(),
        validity: args.validity,
    };
    approve::sign(terminal, context, &args.asked, &answer, args.yes)
}
