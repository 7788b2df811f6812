//! `promote verify`.

use std::path::PathBuf;

use crate::cli::Exit;
use crate::context::Context;
use crate::error::{FailureKind, OrFail as _, Result};
use crate::model::digest::Sha256;
use crate::ops::verify::{Freshness, Verification, VerifyReport, VerifyRequest, verify};
use crate::ui::Terminal;
use crate::ui::report::{Page, Report, Tone};

/// Check the whole ledger: recompute everything, trust nobody
///
/// Every hash, signature, adoption and decision is made again from the ledger and its evidence; one changed byte fails.
/// Keep a checkpoint outside the repository with `--write-checkpoint FILE`, and hold the next ledger against it with
/// `--pinned FILE`: that is what notices a ledger that was put back to an older state.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Contact no remote: check what this clone has
    #[arg(long)]
    offline: bool,

    /// A checkpoint that was kept elsewhere; the ledger must continue it
    #[arg(long, value_name = "FILE")]
    pinned: Option<PathBuf>,

    /// Keep the newest checkpoint in this file; one that is there is held against the ledger first
    #[arg(long, value_name = "FILE")]
    write_checkpoint: Option<PathBuf>,

    /// A folder with a copy of the ledger, instead of the repository's
    #[arg(long, value_name = "DIR")]
    ledger: Option<PathBuf>,

    /// The SHA-256 that the first trust root must have
    #[arg(long, value_name = "SHA256")]
    root: Option<Sha256>,
}

#[expect(clippy::unused_async, reason = "all commands have one shape")]
pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    let request = VerifyRequest {
        ledger: args.ledger.clone(),
        is_offline: args.offline,
        pinned: args.pinned.clone(),
        write_checkpoint: args.write_checkpoint.clone(),
        root: args.root,
    };
    let report = verify(context, &request)?;
    terminal.report(&report).or_fail(FailureKind::Unavailable)?;
    Ok(match report.verdict {
        Verification::Passed => Exit::Done,
        Verification::Failed => Exit::Ended(FailureKind::Invalid),
    })
}

impl Report for VerifyReport {
    fn render(&self, page: &mut Page) {
        for problem in &self.audit.problems {
            page.mark(Tone::Bad, "wrong:", problem.to_string());
        }
        for warning in &self.warnings {
            page.mark(Tone::Waiting, "note:", warning);
        }
        let audit = &self.audit;
        page.line(format!(
            "{} entries, {} statements, {} signatures, {} decisions made again, {} files of evidence",
            audit.entries, audit.statements, audit.signatures, audit.decisions, audit.evidence
        ));
        if let Some(root) = &self.root {
            let compared = if self.is_root_compared {
                "as asked"
            } else {
                "compare it with what you were told"
            };
            page.line(format!("first trust root {root}: {compared}"));
        }
        if let Some(head) = &self.checkpoint {
            page.line(format!(
                "checkpoint over {} entries, root {}",
                head.size, head.root
            ));
        }
        page.line(match self.freshness {
            Freshness::NotChecked => {
                "freshness: not checked; keep a checkpoint elsewhere and name it with `--pinned`"
                    .to_owned()
            }
            Freshness::Continues { size } => {
                format!("freshness: continues the pinned checkpoint over {size} entries")
            }
            Freshness::Broken => "freshness: does not continue the pinned checkpoint".to_owned(),
        });
        match self.verdict {
            Verification::Passed => page.mark(
                Tone::Good,
                "verified",
                self.ledger.clone().unwrap_or_default(),
            ),
            Verification::Failed => page.mark(
                Tone::Bad,
                "not verified",
                self.ledger.clone().unwrap_or_default(),
            ),
        }
    }

    fn names(&self) -> Vec<String> {
        self.ledger.clone().into_iter().collect()
    }
}
