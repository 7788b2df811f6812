//! `promote witness`.

use std::io::Read as _;
use std::path::PathBuf;

use clap::Subcommand;

use crate::cli::Exit;
use crate::context::Context;
use crate::error::{FailureKind, OrFail as _, Result};
use crate::ledger::note::MAX_NOTE_BYTES;
use crate::model::secret::SecretRef;
use crate::ops::witness::{CosignReport, NewWitness, WitnessSettings, answer, cosign, new_key};
use crate::ui::Terminal;
use crate::ui::report::{Page, Report, Tone};

/// Cosign the ledger's checkpoint, so that nobody can be shown another ledger
///
/// A witness keeps the last checkpoint that it cosigned, and cosigns only what continues it. Run it by a schedule on a
/// machine that neither the engine's nor the repository's administrators control. A policy asks for witnesses with the
/// gate `witnessed`; `promote trust add-witness` lists their keys.
///
/// Examples:
///   promote witness new-key witness.example/w1 --out witness.key
///   promote witness cosign --key command:show-key
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a key for a witness
    NewKey {
        /// The name of the witness: an address without a scheme
        name: String,

        /// The new file for the private half
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Verify the whole ledger and cosign its checkpoint
    ///
    /// The note goes to the branch `promote-witness`, where engines and `promote verify` read it. Ends with 3, and signs
    /// nothing, when the ledger was cut short or forked.
    Cosign {
        #[command(flatten)]
        witness: Key,

        /// Write the note to a file instead of the branch
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Answer a request of the C2SP witness protocol, from standard input
    ///
    /// Takes the body of `add-checkpoint` and prints the line with the cosignature, for whatever serves HTTP in front of
    /// it. Reads no repository: of the ledger it knows the key alone.
    Answer {
        #[command(flatten)]
        witness: Key,

        /// The verifier key of the log
        #[arg(long, value_name = "KEY")]
        log: String,
    },
}

/// Which witness.
#[derive(Debug, clap::Args)]
struct Key {
    /// The key of the witness: `file:PATH`, `env:NAME` or `command:PROGRAM`
    #[arg(
        long,
        env = "PROMOTE_WITNESS_KEY",
        hide_env_values = true,
        value_name = "REF"
    )]
    key: SecretRef,

    /// The folder that keeps what was cosigned last; losing it costs the witness its memory [default: in the state folder]
    #[arg(long, env = "PROMOTE_WITNESS_MEMORY", value_name = "DIR")]
    memory: Option<PathBuf>,
}

impl Key {
    fn settings(&self) -> WitnessSettings {
        WitnessSettings {
            key: self.key.clone(),
            memory: self.memory.clone(),
        }
    }
}

#[expect(clippy::unused_async, reason = "all commands have one shape")]
pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    match &args.action {
        Action::NewKey { name, out } => terminal.report(&new_key(name, out)?),
        Action::Cosign { witness, out } => {
            terminal.report(&cosign(context, &witness.settings(), out.as_deref())?)
        }
        Action::Answer { witness, log } => {
            let mut request = Vec::new();
            let limit = u64::try_from(MAX_NOTE_BYTES)
                .unwrap_or(u64::MAX)
                .saturating_add(1);
            let mut input = std::io::stdin().lock().take(limit);
            input
                .read_to_end(&mut request)
                .or_fail(FailureKind::Unavailable)?;
            terminal.data(&answer(context, &witness.settings(), log, &request)?)
        }
    }
    .or_fail(FailureKind::Unavailable)?;
    Ok(Exit::Done)
}

impl Report for NewWitness {
    fn render(&self, page: &mut Page) {
        page.line(&self.key);
        page.mark(
            Tone::Good,
            "made",
            format!("a key; private half in {}", self.private),
        );
        page.line(format!("next: promote trust add-witness {}", self.key));
    }

    fn names(&self) -> Vec<String> {
        vec![self.key.clone()]
    }
}

impl Report for CosignReport {
    fn render(&self, page: &mut Page) {
        page.mark(
            Tone::Good,
            "cosigned",
            format!(
                "{} entries of {} as {} at {}; {} before",
                self.size, self.ledger, self.witness, self.at, self.before
            ),
        );
        page.line(format!("published in {}", self.published));
        if !self.is_listed {
            let note = "the trust root does not list this witness, so it does not count yet";
            page.mark(Tone::Waiting, "note:", note);
        }
    }

    fn names(&self) -> Vec<String> {
        vec![self.published.clone()]
    }
}
