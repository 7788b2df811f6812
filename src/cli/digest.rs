//! `promote digest`.

use std::path::PathBuf;

use crate::cli::Exit;
use crate::context::Context;
use crate::error::{FailureKind, OrFail as _, Result};
use crate::ops::digest::{DigestReport, digest};
use crate::ui::report::{Page, Report};
use crate::ui::{OutputFormat, Terminal};

/// Print the digest of a folder or a file
///
/// The digest is in-toto's dirHash1. Coreutils print the same, without its prefix:
/// `find . -type f -printf '%P\n' | LC_ALL=C sort | xargs -d '\n' sha256sum -- | sha256sum`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder or file
    path: PathBuf,

    /// Print the checksum of each file instead, as `sha256sum` does
    #[arg(long)]
    files: bool,

    /// Remember the hashes of unchanged files in this folder
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
}

#[expect(clippy::unused_async, reason = "all commands have one shape")]
pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    let report = digest(context, &args.path, args.cache.as_deref())?;
    if args.files && terminal.format() == OutputFormat::Table {
        terminal
            .data(&report.files.checksum_lines())
            .or_fail(FailureKind::Unavailable)?;
    } else {
        terminal.report(&report).or_fail(FailureKind::Unavailable)?;
    }
    Ok(Exit::Done)
}

impl Report for DigestReport {
    fn render(&self, page: &mut Page) {
        page.line(self.digest.to_string());
    }

    fn names(&self) -> Vec<String> {
        vec![self.digest.to_string()]
    }
}
