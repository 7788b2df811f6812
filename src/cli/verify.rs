//! `promote verify`.

use std::path::PathBuf;

use crate::cli::Exit;
use crate::context::Context;
use crate::engine::audit::Replay;
use crate::error::{FailureKind, OrFail as _, Result};
use crate::model::digest::Sha256;
use crate::model::period::Period;
use crate::ops::verify::{Cosigned, Freshness, Verification, VerifyReport, VerifyRequest, verify};
use crate::ui::Terminal;
use crate::ui::report::{Page, Report, Tone};

/// Verify the whole ledger, trusting nobody
///
/// Checks every entry, its order and the checkpoint; every signature of engines and people under the trust root that was
/// in force; every piece of evidence; and makes every decision again from the facts that were recorded for it. Needs no
/// key. Ends with 0 only when everything that was checked holds, else with 1 and a list of what does not.
///
/// Two things only you can know. The first trust root: compare its SHA-256 with people who signed it, or name it with
/// `--root`. And how new the ledger must be: keep a checkpoint where nobody else can write, and name it with `--pinned`.
/// Witnesses that the trust root lists are reported; `--witnesses` asks for them.
///
/// Examples:
///   promote verify --write-checkpoint ~/promote.checkpoint
///   promote verify --pinned ~/promote.checkpoint --root 3f2a…
///   promote verify --offline --replay
///   promote verify --offline --ledger /mnt/archive/ledger
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Contact no remote; verify what was fetched before
    #[arg(long)]
    offline: bool,

    /// Keep the newest checkpoint in a file; one that is there is held against the ledger first
    #[arg(long, value_name = "FILE")]
    write_checkpoint: Option<PathBuf>,

    /// The SHA-256 that the first trust root must have
    #[arg(long, value_name = "SHA256")]
    root: Option<Sha256>,

    /// How many witnesses of the trust root must have cosigned this ledger
    #[arg(long, value_name = "N", default_value_t = 0)]
    witnesses: usize,

    /// How old the cosignature of each of them may be, such as `24h`
    #[arg(long, value_name = "DURATION")]
    max_age: Option<Period>,

    /// Tell each decision as it came out again, and how many files it was made from
    ///
    /// All decisions are made again in any case, from the facts, policies, manifests and statements that they name by
    /// digest; this lists them.
    #[arg(long)]
    replay: bool,

    /// A folder with a copy of the ledger, instead of that of the repository
    #[arg(long, value_name = "DIR")]
    ledger: Option<PathBuf>,
}

#[expect(clippy::unused_async, reason = "all commands have one shape")]
pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    let request = VerifyRequest {
        ledger: args.ledger.clone(),
        is_offline: args.offline,
        pinned: context.settings.pinned.clone(),
        write_checkpoint: args.write_checkpoint.clone(),
        root: args.root,
        witnesses: args.witnesses,
        max_age: args.max_age,
        tells_replays: args.replay,
    };
    let report = verify(context, &request)?;
    terminal.report(&report).or_fail(FailureKind::Unavailable)?;
    Ok(match report.verdict {
        Verification::Passed => Exit::Done,
        Verification::Failed => Exit::Ended(FailureKind::Invalid),
    })
}

/// A decision as it came out again.
fn told(page: &mut Page, replay: &Replay) {
    let (tone, word) = if replay.holds {
        (Tone::Good, "agrees")
    } else {
        (Tone::Bad, "differs")
    };
    let again = replay.again.map_or_else(
        || "could not be made again".to_owned(),
        |again| format!("again {again}"),
    );
    let promotion = replay.promotion.short();
    let text = format!(
        "entry {}: {promotion}: recorded {}, {again}, from {} files",
        replay.entry, replay.recorded, replay.sources
    );
    page.mark(tone, word, text);
}

impl Report for VerifyReport {
    fn render(&self, page: &mut Page) {
        let audit = &self.audit;
        if let Some(ledger) = &self.ledger {
            page.line(format!("ledger      {ledger}"));
        }
        if let Some(head) = &self.checkpoint {
            page.line(format!(
                "checkpoint  {} entries, root {}",
                head.size, head.root
            ));
        }
        page.line(format!(
            "checked     {} entries, {} statements, {} signatures of people, {} decisions made again, {} files of evidence",
            audit.entries, audit.statements, audit.signatures, audit.decisions, audit.evidence
        ));
        if let Some(root) = self.root {
            let compared = if self.is_root_compared {
                "compared"
            } else {
                "compare it with somebody who signed it"
            };
            page.line(format!("trust root  {root}, {compared}"));
        }
        page.line(match self.freshness {
            Freshness::NotChecked => {
                "freshness   not checked: no checkpoint from elsewhere was named".to_owned()
            }
            Freshness::Continues { size } => {
                format!("freshness   goes on from the checkpoint of {size} entries that was kept")
            }
            Freshness::Broken => {
                "freshness   does not go on from the checkpoint that was kept".to_owned()
            }
        });
        for said in &self.witnesses {
            page.line(witness(said));
        }
        for replay in &audit.replays {
            told(page, replay);
        }
        for warning in &self.warnings {
            page.mark(Tone::Waiting, "note:", warning);
        }
        for problem in &audit.problems {
            page.mark(Tone::Bad, "wrong:", problem.to_string());
        }
        match self.verdict {
            Verification::Passed => {
                page.mark(Tone::Good, "passed", "everything that was checked holds");
            }
            Verification::Failed => {
                let count = audit.problems.len();
                let reason = format!("{count} problems; this ledger is not to be relied on");
                page.mark(Tone::Bad, "failed", reason);
            }
        }
    }

    fn names(&self) -> Vec<String> {
        self.audit
            .problems
            .iter()
            .map(ToString::to_string)
            .collect()
    }
}

/// What a witness has cosigned, in a line.
fn witness(said: &Cosigned) -> String {
    let name = &said.witness;
    match (said.size, said.at) {
        (Some(size), Some(at)) if said.counts => {
            format!("witness     {name} cosigned {size} entries at {at}")
        }
        (Some(size), Some(at)) => format!(
            "witness     {name} cosigned {size} entries at {at}, which is not as new as was asked for"
        ),
        _ => format!("witness     {name} has cosigned nothing of this ledger"),
    }
}
