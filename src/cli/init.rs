//! `promote init`.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser};

use crate::cli::Exit;
use crate::context::Context;
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::manifest::topology::PatternName;
use crate::model::id::{PrincipalName, TopologyName};
use crate::ops::init::{InitReport, InitRequest, init};
use crate::topology::{PATTERNS, PatternDef};
use crate::ui::Terminal;
use crate::ui::report::{Page, Report, Tone};

/// Write a promotion repository
///
/// It has a topology, workspaces, policies, a signed trust root, and keys of its own inside `.git`, where Git never
/// commits them. For real use move the keys to where your engines run, and add people with `promote trust add-key`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder to make
    #[arg(default_value = "promotion")]
    directory: PathBuf,

    /// How workspaces are organised
    #[arg(long, value_parser = patterns(), default_value = "multi-environment")]
    pattern: String,

    /// The organisation's name [default: the folder's]
    #[arg(long)]
    name: Option<TopologyName>,

    /// The first principal, who may do everything until others are added
    #[arg(long = "as", default_value = "admin", value_name = "PRINCIPAL")]
    principal: PrincipalName,

    /// The principal's name as it is printed
    #[arg(long, default_value = "Administrator", value_name = "NAME")]
    printed_name: String,
}

/// Every pattern, with what it means.
fn patterns() -> PossibleValuesParser {
    let value =
        |pattern: &PatternDef| PossibleValue::new(pattern.name.as_str()).help(pattern.summary);
    PATTERNS.iter().map(value).collect::<Vec<_>>().into()
}

fn named(word: &str) -> Result<PatternName> {
    let pattern = PATTERNS
        .iter()
        .find(|pattern| pattern.name.as_str() == word);
    let unknown = || Failure::new(FailureKind::Usage, format!("there is no pattern `{word}`"));
    pattern.map(|pattern| pattern.name).ok_or_else(unknown)
}

#[expect(clippy::unused_async, reason = "all commands have one shape")]
pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    let request = InitRequest {
        directory: args.directory.clone(),
        pattern: named(&args.pattern)?,
        name: args.name.clone(),
        principal: args.principal.clone(),
        printed_name: args.printed_name.clone(),
    };
    let report = init(context, &request)?;
    terminal.report(&report).or_fail(FailureKind::Unavailable)?;
    Ok(Exit::Done)
}

impl Report for InitReport {
    fn render(&self, page: &mut Page) {
        page.mark(
            Tone::Good,
            "wrote",
            format!(
                "{} in the pattern {}",
                self.directory.display(),
                self.pattern
            ),
        );
        page.line(format!(
            "trust root {}; compare it with your colleagues by another way than Git",
            self.trust_root
        ));
        page.line(format!("you sign with {}", self.signing_key.display()));
        page.line("next: promote check, then promote apply, which adopts the trust root");
    }

    fn names(&self) -> Vec<String> {
        self.files.clone()
    }
}
