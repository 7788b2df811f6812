//! `promote ledger`.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use jiff::Timestamp;

use crate::cli::Exit;
use crate::cli::times::{parse_end, parse_start};
use crate::context::Context;
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::model::id::{EnvironmentName, WorkspaceName};
use crate::ops::export::{ExportReport, ExportRequest, Format, export};
use crate::ops::history::HistoryFilter;
use crate::ops::ledger::{
    CheckRequest, CheckedProof, EntryReport, ProveRequest, WrittenProof, check, prove, show,
};
use crate::ui::report::{Page, Report, Tone};
use crate::ui::{OutputFormat, Terminal};

/// Show entries of the ledger, prove them to others, and hand all of it to an auditor
///
/// An entry is named by its index (from 0), by a promotion (its last entry is meant), or by at least six digits of a hash that
/// it names something by, such as a statement's.
///
/// Examples:
///   promote ledger show 12
///   promote ledger prove prod-penguin-species-b8d614c9d5 --out churn.tlog-proof
///   promote ledger check churn.tlog-proof --key ledger.example+c74f20a3+ARpc2QcU…
///   promote ledger export --format html --out promotions.html --environment prod
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show one entry
    Show {
        /// The entry: an index, a promotion, or the first digits of a hash
        #[arg(value_name = "INDEX|ID")]
        entry: String,

        /// Print its line as it is in the ledger and nothing else: what is hashed
        #[arg(long)]
        raw: bool,
    },
    /// Prove that an entry is in the ledger, to somebody who has only the log's verifier key
    ///
    /// Writes a C2SP tlog-proof (<https://c2sp.org/tlog-proof>): the signed checkpoint and the hashes that lead to it. The
    /// entry itself is in the proof's line `extra`.
    Prove {
        /// The entry: an index, a promotion, or the first digits of a hash
        #[arg(value_name = "INDEX|ID")]
        entry: String,

        /// Write it to a file, by custom `….tlog-proof`; printed when left out
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,

        /// Leave the entry out of the proof
        #[arg(long)]
        bare: bool,
    },
    /// Check a proof, offline and without a ledger
    ///
    /// Ends with 0 only when the log's key signed the checkpoint and the entry is where the proof says.
    Check {
        /// The proof
        #[arg(value_name = "PROOF")]
        proof: PathBuf,

        /// A file with the entry's line; the one in the proof when left out
        #[arg(long, value_name = "FILE")]
        entry: Option<PathBuf>,

        /// The log's verifier key, or a file that holds it; that of the repository's trust root when left out
        #[arg(long, value_name = "KEY|FILE")]
        key: Option<String>,
    },
    /// Write the record of every promotion, or the ledger as C2SP tiles
    Export(Export),
}

/// What is written where.
#[derive(Debug, clap::Args)]
struct Export {
    /// How records are written
    #[arg(long, value_enum, value_name = "FORMAT", requires = "out")]
    format: Option<Written>,

    /// The file of records
    #[arg(long, value_name = "FILE", requires = "format")]
    out: Option<PathBuf>,

    /// A folder for tlog-tiles (<https://c2sp.org/tlog-tiles>); one with older tiles is brought up to date
    #[arg(long, value_name = "DIR", required_unless_present = "format")]
    tiles: Option<PathBuf>,

    /// Promotions of an artifact: PROJECT/KIND/NAME, PROJECT/NAME or NAME; add @VERSION for one version
    #[arg(long, value_name = "ARTIFACT")]
    artifact: Option<String>,

    /// Promotions into an environment
    #[arg(long, value_name = "ENVIRONMENT")]
    environment: Option<EnvironmentName>,

    /// Promotions into a workspace
    #[arg(long, value_name = "WORKSPACE")]
    workspace: Option<WorkspaceName>,

    /// Promotions of or instead of a digest; its first digits are enough
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,

    /// Promotions whose last entry is not before a time or a day, such as 2026-09-01T08:00:00Z or 2026-09-01 (UTC)
    #[arg(long, value_name = "TIME", value_parser = parse_start)]
    since: Option<Timestamp>,

    /// Promotions whose last entry is not after a time or a day
    #[arg(long, value_name = "TIME", value_parser = parse_end)]
    until: Option<Timestamp>,
}

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Written {
    /// One record a line, with every field
    Jsonl,
    /// One record a row, for spreadsheets
    Csv,
    /// One self-contained page
    Html,
}

impl Written {
    const fn format(self) -> Format {
        match self {
            Self::Jsonl => Format::Jsonl,
            Self::Csv => Format::Csv,
            Self::Html => Format::Html,
        }
    }
}

impl Export {
    fn request(&self) -> Result<ExportRequest> {
        let file = match (self.format, &self.out) {
            (Some(format), Some(out)) => Some((format.format(), out.clone())),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                return Err(Failure::new(
                    FailureKind::Usage,
                    "`--format` and `--out` go together",
                ));
            }
        };
        Ok(ExportRequest {
            file,
            tiles: self.tiles.clone(),
            filter: HistoryFilter {
                artifact: self.artifact.clone(),
                environment: self.environment.clone(),
                workspace: self.workspace.clone(),
                digest: self.digest.clone(),
                since: self.since,
                until: self.until,
                ..HistoryFilter::default()
            },
        })
    }
}

#[expect(clippy::unused_async, reason = "all commands have one shape")]
pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    let shown = match &args.action {
        Action::Show { entry, raw } => {
            let report = show(context, entry)?;
            if *raw {
                terminal.data(&format!("{}\n", report.line))
            } else {
                terminal.report(&report)
            }
        }
        Action::Prove { entry, out, bare } => {
            let report = prove(
                context,
                &ProveRequest {
                    entry: entry.clone(),
                    to: out.clone(),
                    is_bare: *bare,
                },
            )?;
            if out.is_none() && terminal.format() == OutputFormat::Table {
                terminal.data(&report.proof)
            } else {
                terminal.report(&report)
            }
        }
        Action::Check { proof, entry, key } => terminal.report(&check(
            context,
            &CheckRequest {
                proof: proof.clone(),
                entry: entry.clone(),
                key: key.clone(),
            },
        )?),
        Action::Export(asked) => terminal.report(&export(context, &asked.request()?)?),
    };
    shown.or_fail(FailureKind::Unavailable)?;
    Ok(Exit::Done)
}

impl Report for EntryReport {
    fn render(&self, page: &mut Page) {
        let row = &self.row;
        page.line(format!("entry       {} of {}", row.index, self.ledger));
        page.line(format!("recorded    {}", row.entry.recorded_at));
        page.line(format!(
            "engine      {} {}, at commit {}",
            row.entry.engine, row.entry.engine_version, row.entry.commit
        ));
        page.line(format!(
            "event       {} ({})",
            row.word, self.predicate_type
        ));
        for who in &row.signers {
            let key = who
                .key
                .as_ref()
                .map_or_else(String::new, |key| format!(", key {key}"));
            page.line(format!("signed by   {} ({}{key})", who.name, who.principal));
        }
        page.line(format!("what        {}", row.what));
        page.line(format!("leaf        {}", self.leaf));
        if !self.is_signed {
            page.mark(Tone::Waiting, "note:", "no checkpoint covers it yet");
        }
        page.gap();
        // An event is data of ours, so it is JSON; should that ever fail, the line has it.
        page.line(
            serde_json::to_string_pretty(&row.entry.event).unwrap_or_else(|_| self.line.clone()),
        );
    }

    fn names(&self) -> Vec<String> {
        vec![self.row.index.to_string()]
    }
}

impl Report for WrittenProof {
    fn render(&self, page: &mut Page) {
        let file = self.file.as_ref().map(|file| file.display().to_string());
        let file = file.unwrap_or_default();
        page.mark(
            Tone::Good,
            "proved",
            format!(
                "entry {} of {}, under the checkpoint of {} entries: {file}",
                self.index, self.ledger, self.size
            ),
        );
        page.line(format!(
            "check it with: promote ledger check {file} --key {}",
            self.key
        ));
    }

    fn names(&self) -> Vec<String> {
        vec![self.index.to_string()]
    }
}

impl Report for CheckedProof {
    fn render(&self, page: &mut Page) {
        page.mark(
            Tone::Good,
            "holds",
            format!(
                "entry {} is in {}, whose checkpoint covers {} entries",
                self.index, self.ledger, self.size
            ),
        );
        page.line(format!("root        {}", self.root));
        page.line(format!("signed by   {}", self.signed_by.join(", ")));
        match &self.entry {
            Some(entry) => {
                page.line(format!(
                    "recorded    {} by engine {}",
                    entry.recorded_at, entry.engine
                ));
                page.line(format!("event       {}", entry.event.word()));
                page.line("engine      its signature was not checked: that takes the trust root, and `promote verify`");
            }
            None => page.line("entry       it is not one of promote's"),
        }
    }

    fn names(&self) -> Vec<String> {
        vec![self.index.to_string()]
    }
}

impl Report for ExportReport {
    fn render(&self, page: &mut Page) {
        if let Some(file) = &self.file {
            page.mark(
                Tone::Good,
                "wrote",
                format!(
                    "{} promotions to {}, {} bytes",
                    file.promotions,
                    file.path.display(),
                    file.bytes
                ),
            );
            page.line(format!("sha256      {}", file.sha256));
        }
        if let Some(tiles) = &self.tiles {
            page.mark(
                Tone::Good,
                "wrote",
                format!(
                    "{} tiles of {} entries to {}, {} were there",
                    tiles.written,
                    tiles.size,
                    tiles.folder.display(),
                    tiles.kept
                ),
            );
        }
    }

    fn names(&self) -> Vec<String> {
        let file = self.file.iter().map(|file| file.path.display().to_string());
        let tiles = self
            .tiles
            .iter()
            .map(|tiles| tiles.folder.display().to_string());
        file.chain(tiles).collect()
    }
}
