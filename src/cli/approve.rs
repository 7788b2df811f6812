//! `promote approve`, and what `promote reject` shares with it.

use std::io::{BufRead as _, IsTerminal as _};

use crate::cli::{Exit, names, render};
use crate::context::Context;
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::model::approval::ApprovalDecision;
use crate::model::id::EnvironmentName;
use crate::model::period::Period;
use crate::ops::approve::{Answer, Asked, DEFAULT_VALIDITY, Desk, Draft, HandedIn};
use crate::ui::Terminal;
use crate::ui::report::{Page, Report, Tone};

/// Sign that a promotion may go on
///
/// Shows what is signed first: the digest, the target, what it replaces, and every gate's answer. The statement is signed
/// with your SSH key and pushed to the branch `promote-inbox`; anyone can check it with `ssh-keygen -Y verify`. With a
/// version and `--in` it answers all promotions of a rollout at once, with one statement for each workspace.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    asked: AskedArgs,

    /// What you mean by it; auditors ask for the meaning of a signature
    #[arg(
        long,
        default_value = "I have reviewed this version and accept it for this environment.",
        value_name = "TEXT"
    )]
    meaning: String,

    /// How long the approval holds
    #[arg(long, default_value = DEFAULT_VALIDITY, value_name = "DURATION")]
    validity: Period,

    /// Sign without asking
    #[arg(long, short)]
    yes: bool,
}

/// Which promotions are meant.
#[derive(Debug, clap::Args)]
pub(crate) struct AskedArgs {
    /// The promotion, as `promote plan` prints it; with `--in` the version, such as `wildlife/penguin-species@1.0.0`
    #[arg(value_name = "PROMOTION")]
    what: String,

    /// All promotions of the version into this environment, whichever workspaces they are for
    #[arg(long = "in", value_name = "ENV")]
    environment: Option<EnvironmentName>,
}

impl AskedArgs {
    fn asked(&self) -> Result<Asked> {
        match &self.environment {
            None => Ok(Asked::One(self.what.clone())),
            Some(environment) => {
                let version = names::version(&self.what)?;
                Ok(Asked::All(version, environment.clone()))
            }
        }
    }
}

#[expect(clippy::unused_async, reason = "all commands have one shape")]
pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    let answer = Answer {
        decision: ApprovalDecision::Approve,
        meaning: args.meaning.clone(),
        validity: args.validity,
    };
    sign(terminal, context, &args.asked, &answer, args.yes)
}

/// Shows, asks once, signs, and hands in.
pub(crate) fn sign(
    terminal: &Terminal,
    context: &Context,
    asked: &AskedArgs,
    answer: &Answer,
    is_agreed: bool,
) -> Result<Exit> {
    let desk = Desk::open(context)?;
    let drafts = desk.drafts(&asked.asked()?)?;
    for draft in &drafts {
        terminal
            .note(&show(draft, answer))
            .or_fail(FailureKind::Unavailable)?;
    }
    if !is_agreed {
        ask(terminal)?;
    }
    let mut handed = Vec::new();
    let mut answers = drafts
        .iter()
        .map(|draft| desk.answer(context, draft, answer));
    let ended = answers.try_for_each(|answer| answer.map(|answer| handed.push(answer)));
    // What was handed in before something failed is said too.
    let told = match (&asked.environment, handed.as_slice()) {
        (None, [one]) => terminal.report(one),
        (_, []) => Ok(()),
        (_, _) => terminal.report(&handed),
    };
    told.or_fail(FailureKind::Unavailable)?;
    ended.map(|()| Exit::Done)
}

/// Asks whether to sign; anything but yes is no.
pub(crate) fn ask(terminal: &Terminal) -> Result<()> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::new(FailureKind::Usage, "nobody is there to ask")
            .hint("add `--yes` in scripts"));
    }
    terminal
        .note("sign this? [y/N]")
        .or_fail(FailureKind::Unavailable)?;
    let mut line = String::new();
    stdin
        .lock()
        .read_line(&mut line)
        .or_fail(FailureKind::Unavailable)?;
    match line.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::new(FailureKind::Denied, "nothing was signed")),
    }
}

fn show(draft: &Draft, answer: &Answer) -> String {
    let mut page = Page::default();
    let binding = &draft.binding;
    let word = match answer.decision {
        ApprovalDecision::Approve => "approve",
        ApprovalDecision::Reject => "reject",
        ApprovalDecision::Withdraw => "take back what you said of",
    };
    page.mark(
        Tone::Strong,
        &format!("you {word}"),
        binding.promotion.short(),
    );
    let mut row = |name: &str, value: String| page.line(format!("  {name:<10} {value}"));
    row(
        "version",
        format!("{}@{}", binding.to.artifact, draft.judged.promotion.version),
    );
    row("digest", binding.digest.to_string());
    row("from", binding.from.to_string());
    row(
        "to",
        format!("{} ({})", binding.to.workspace, binding.environment),
    );
    row(
        "replaces",
        binding
            .replaces
            .map_or_else(|| "nothing".to_owned(), |digest| digest.to_string()),
    );
    row("direction", binding.direction.to_string());
    row(
        "as",
        format!("{} ({})", draft.printed_name, draft.principal),
    );
    row("meaning", answer.meaning.clone());
    row("holds for", answer.validity.to_string());
    render::gates(&mut page, &draft.judged.decision);
    for warning in &draft.warnings {
        page.mark(Tone::Bad, "warning:", warning);
    }
    page.into_text().trim_end().to_owned()
}

impl Report for Vec<HandedIn> {
    fn render(&self, page: &mut Page) {
        for handed in self {
            handed.render(page);
        }
    }

    fn names(&self) -> Vec<String> {
        self.iter().flat_map(HandedIn::names).collect()
    }
}

impl Report for HandedIn {
    fn render(&self, page: &mut Page) {
        let about = self
            .promotion
            .as_ref()
            .map_or_else(String::new, |promotion| format!(" about {promotion}"));
        page.mark(
            Tone::Good,
            "signed",
            format!(
                "by {}{about}; the next `promote apply` takes it into the ledger",
                self.principal
            ),
        );
        page.line(format!("statement {}", self.statement));
    }

    fn names(&self) -> Vec<String> {
        vec![self.statement.to_string()]
    }
}
