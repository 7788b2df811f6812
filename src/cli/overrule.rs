//! `promote override`.

use crate::cli::Exit;
use crate::cli::act::{Signed, sign};
use crate::context::Context;
use crate::error::Result;
use crate::model::period::Period;
use crate::ops::act::What;
use crate::ui::Terminal;

/// Sign that a promotion goes on in an emergency, although gates say no
///
/// Counts once two persons that the policy names have signed. Flow, edges, digests, signatures and separation of duties are
/// never overridden. Somebody else must review it afterwards (`promote review`), before anything else enters the slot.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The promotion, as `promote plan` prints it
    promotion: String,

    /// Only these gates [default: all that say no or not yet, and can be overridden]
    #[arg(long = "gate", value_name = "GATE")]
    gates: Vec<String>,

    /// How long it holds; 24 hours at most
    #[arg(long, default_value = "4h", value_name = "DURATION")]
    validity: Period,

    #[command(flatten)]
    signed: Signed,
}

#[expect(clippy::unused_async, reason = "all commands have one shape")]
pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    let what = What::Override {
        promotion: args.promotion.clone(),
        gates: args.gates.iter().cloned().collect(),
        validity: args.validity,
    };
    sign(terminal, context, what, &args.signed)
}
