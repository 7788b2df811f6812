//! What the commands of people share: show, ask, sign, hand in.

use crate::cli::{Exit, approve, names};
use crate::context::Context;
use crate::error::{FailureKind, OrFail as _, Result};
use crate::model::artifact::ArtifactKind;
use crate::model::id::EnvironmentName;
use crate::ops::act::{ActDraft, ActRequest, Scope, What};
use crate::ops::approve::Desk;
use crate::ui::Terminal;
use crate::ui::report::{Page, Tone};

/// Why, and whether to ask.
#[derive(Debug, clap::Args)]
pub(crate) struct Signed {
    /// Why; it is signed and stays in the ledger
    #[arg(long)]
    pub(crate) reason: String,

    /// Sign without asking
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// Which artifact, where.
#[derive(Debug, clap::Args)]
pub(crate) struct Held {
    /// The artifact, such as `wildlife/penguin-species`
    artifact: String,

    /// The environment
    #[arg(long = "in", value_name = "ENV")]
    environment: EnvironmentName,

    /// Only this digest, or its first digits
    #[arg(long)]
    digest: Option<String>,
}

impl Held {
    pub(crate) fn scope(&self) -> Result<Scope> {
        Ok(Scope {
            artifact: names::artifact(&self.artifact, ArtifactKind::Model)?,
            environment: self.environment.clone(),
            digest: self.digest.clone(),
        })
    }
}

/// Shows, asks, signs, and hands in.
pub(crate) fn sign(
    terminal: &Terminal,
    context: &Context,
    what: What,
    signed: &Signed,
) -> Result<Exit> {
    let request = ActRequest {
        what,
        reason: signed.reason.clone(),
    };
    let desk = Desk::open(context)?;
    let draft = desk.draft_act(&request)?;
    terminal
        .note(&show(&draft))
        .or_fail(FailureKind::Unavailable)?;
    if !signed.yes {
        approve::ask(terminal)?;
    }
    let handed = desk.sign_act(context, &draft)?;
    terminal.report(&handed).or_fail(FailureKind::Unavailable)?;
    Ok(Exit::Done)
}

fn show(draft: &ActDraft) -> String {
    let mut page = Page::default();
    let signing = draft.act.signing();
    page.mark(Tone::Strong, "you sign", draft.act.word());
    let mut row = |name: &str, value: &str| page.line(format!("  {name:<10} {value}"));
    for (name, value) in &draft.facts {
        row(name, value);
    }
    row(
        "as",
        &format!("{} ({})", draft.printed_name, signing.principal),
    );
    row("reason", &signing.reason);
    for warning in &draft.warnings {
        page.mark(Tone::Bad, "warning:", warning);
    }
    page.into_text().trim_end().to_owned()
}
