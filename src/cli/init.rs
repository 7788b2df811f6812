//! `promote init`.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser};

use crate::cli::Exit;
use crate::context::Context;
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::manifest::project::{BudgetPeriod, BudgetSpec};
use crate::manifest::topology::PatternName;
use crate::model::id::{GroupName, PrincipalName, ProjectName, TopologyName};
use crate::ops::init::{InitReport, InitRequest, init};
use crate::ops::project::{ProjectReport, ProjectRequest, add_project};
use crate::topology::{PATTERNS, PatternDef};
use crate::ui::Terminal;
use crate::ui::report::{Page, Report, Tone};

/// Write a promotion repository
///
/// It has a topology, workspaces, policies, a signed trust root, and keys of its own inside `.git`, where Git never
/// commits them. For real use move the keys to where your engines run, and add people with `promote trust add-key`.
/// `promote init project` adds a project to an organisation that is there.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_value_name = "PART")]
pub(crate) struct Args {
    #[command(subcommand)]
    part: Option<Part>,

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

/// What is added to an organisation that is there.
#[derive(Debug, clap::Subcommand)]
enum Part {
    /// Add a project, with workspaces like those of another or without any yet
    ///
    /// Writes files into the work tree. Look at them, add its people with `promote trust add-key`, and sign with
    /// `promote trust sign --commit`.
    Project(ProjectArgs),
}

#[derive(Debug, clap::Args)]
struct ProjectArgs {
    /// Its name
    name: ProjectName,

    /// The group that answers for it
    #[arg(long, value_name = "GROUP")]
    owner: GroupName,

    /// Who pays, as your accounts name it
    #[arg(long, value_name = "NAME")]
    cost_center: String,

    /// What it may cost, such as `1500 EUR/month`
    #[arg(long, value_name = "AMOUNT", value_parser = budget)]
    budget: Option<BudgetSpec>,

    /// The project whose workspaces it gets the like of
    #[arg(long, value_name = "PROJECT")]
    like: Option<ProjectName>,
}

/// Reads `1500 EUR/month`.
fn budget(text: &str) -> std::result::Result<BudgetSpec, String> {
    let wrong =
        || format!("`{text}` is not an amount, a currency and a period, such as `1500 EUR/month`");
    let (amount, rest) = text.split_once(' ').ok_or_else(wrong)?;
    let (currency, per) = rest.split_once('/').ok_or_else(wrong)?;
    let per = match per {
        "month" => BudgetPeriod::Month,
        "quarter" => BudgetPeriod::Quarter,
        "year" => BudgetPeriod::Year,
        _ => return Err(wrong()),
    };
    let is_code = currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase());
    let amount = amount.parse().ok().filter(|_| is_code).ok_or_else(wrong)?;
    Ok(BudgetSpec {
        amount,
        currency: currency.to_owned(),
        per,
    })
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
    if let Some(Part::Project(project)) = &args.part {
        let report = add_project(context, &project.request())?;
        terminal.report(&report).or_fail(FailureKind::Unavailable)?;
        return Ok(Exit::Done);
    }
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

impl ProjectArgs {
    fn request(&self) -> ProjectRequest {
        ProjectRequest {
            name: self.name.clone(),
            owner: self.owner.clone(),
            cost_center: self.cost_center.clone(),
            budget: self.budget.clone(),
            like: self.like.clone(),
        }
    }
}

impl Report for ProjectReport {
    fn render(&self, page: &mut Page) {
        let workspaces = match self.workspaces.len() {
            0 => "no workspaces yet".to_owned(),
            count => format!("{count} workspaces"),
        };
        page.mark(
            Tone::Good,
            "wrote",
            format!("the project {}, {workspaces}", self.name),
        );
        for file in &self.files {
            page.line(format!("  {file}"));
        }
        page.line("next: promote check, then promote trust sign --commit, which puts it in force");
    }

    fn names(&self) -> Vec<String> {
        self.files.clone()
    }
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
