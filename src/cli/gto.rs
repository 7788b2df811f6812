//! `promote gto`.

use clap::Subcommand;

use crate::cli::{Exit, render};
use crate::context::Context;
use crate::error::{FailureKind, OrFail as _, Result};
use crate::ops::gto::{GtoReport, Standing, WriteReport, WriteRequest, ask, show, write};
use crate::ops::release::ReleaseReport;
use crate::ui::Terminal;
use crate::ui::report::{Page, Report, Tone};

/// Write and read the Git tags of GTO, so that users of DVC keep their tools
///
/// GTO keeps a registry in tags of the repository: `wildlife/penguin@v1.2.3` registers a version, `wildlife/penguin#prod#4`
/// assigns the version at its commit to a stage. `export` writes what the ledger says as such tags, for `gto show`. What
/// somebody assigns with `gto assign` is a wish: `show` tells it, and `request` asks for it, signed by you. It never approves
/// anything: tags are not signed by anybody that the trust root knows.
///
/// A model is `PROJECT/NAME` there, other kinds `PROJECT/KIND/NAME`; a stage is an environment.
///
/// Examples:
///   promote gto export --push
///   promote gto show
///   promote gto request 'wildlife/penguin#prod#4'
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say what the tags say, beside what the ledger says
    ///
    /// `wished` is what somebody assigned and nobody has asked for yet, `asked` what a release asks for, `not-written` what the
    /// ledger says and no tag does.
    Show,
    /// Write what the ledger says as annotated tags; those that are there are left as they are
    ///
    /// A version's tag is at the commit that made its manifest. Numbers go on after the highest there is. Where somebody
    /// wishes for something else in a stage, the wish is left; `--settle` writes what is so after it.
    Export {
        /// Push them to the remote, with those of earlier exports that it does not have
        #[arg(long)]
        push: bool,

        /// Write what is so also where somebody wishes for something else
        #[arg(long)]
        settle: bool,

        /// Write nothing, and say what would be written
        #[arg(long)]
        dry_run: bool,
    },
    /// Ask for what people assigned: a signed release for each wish
    ///
    /// Whoever asks for a version does not approve it. Gates and approvals are those of every promotion.
    Request {
        /// The tags; all that are wished and not asked for when left out
        #[arg(value_name = "TAG")]
        tags: Vec<String>,

        /// Commit to a new branch, for a pull request; for one tag
        #[arg(long, value_name = "NAME")]
        branch: Option<String>,
    },
}

#[expect(clippy::unused_async, reason = "all commands have one shape")]
pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    let shown = match &args.action {
        Action::Show => terminal.report(&show(context)?),
        Action::Export {
            push,
            settle,
            dry_run,
        } => {
            let request = WriteRequest {
                is_pushed: *push,
                is_dry: *dry_run,
                settles: *settle,
            };
            terminal.report(&write(context, &request)?)
        }
        Action::Request { tags, branch } => {
            terminal.report(&Asked(ask(context, tags, branch.as_deref())?))
        }
    };
    shown.or_fail(FailureKind::Unavailable)?;
    Ok(Exit::Done)
}

impl Report for GtoReport {
    fn render(&self, page: &mut Page) {
        let version = |version: &Option<semver::Version>| {
            version
                .as_ref()
                .map_or_else(render::dash, ToString::to_string)
        };
        let rows = self.stages.iter().map(|line| {
            vec![
                line.artifact.clone(),
                line.stage.clone(),
                version(&line.tagged),
                version(&line.held),
                line.standing.word().to_owned(),
                line.tag.clone().unwrap_or_else(render::dash),
                line.by.clone().unwrap_or_else(render::dash),
            ]
        });
        let header = [
            "artifact", "stage", "tagged", "ledger", "standing", "tag", "by",
        ];
        page.table(
            &header,
            rows.collect(),
            "no stage is tagged, and nothing is held",
        );
        page.line(format!(
            "{} tags of GTO, {} versions",
            self.tags, self.versions
        ));
        for tag in &self.future {
            let text = format!("`{tag}` is dated into the future and says nothing");
            page.mark(Tone::Bad, "future:", text);
        }
        for line in self
            .stages
            .iter()
            .filter(|line| line.standing == Standing::Wished)
        {
            let tag = line.tag.as_deref().unwrap_or_default();
            page.mark(
                Tone::Waiting,
                "wished:",
                format!("ask for it with `promote gto request '{tag}'`"),
            );
        }
    }

    fn names(&self) -> Vec<String> {
        self.stages
            .iter()
            .filter_map(|line| line.tag.clone())
            .collect()
    }
}

impl Report for WriteReport {
    fn render(&self, page: &mut Page) {
        let word = match (self.is_dry, self.is_pushed) {
            (true, _) => "would write",
            (false, true) => "pushed",
            (false, false) => "wrote",
        };
        for tag in &self.made {
            page.mark(Tone::Good, word, tag);
        }
        let word = if self.is_dry { "would push" } else { "pushed" };
        for tag in &self.caught_up {
            page.mark(Tone::Good, word, tag);
        }
        if self.made.is_empty() && self.caught_up.is_empty() {
            page.line("every tag is there already");
        }
        for tag in &self.wishes {
            page.mark(
                Tone::Waiting,
                "left:",
                format!("`{tag}` wishes for something else (`promote gto request`)"),
            );
        }
        for problem in &self.problems {
            page.mark(Tone::Bad, "no tag:", problem);
        }
    }

    fn names(&self) -> Vec<String> {
        self.made.iter().chain(&self.caught_up).cloned().collect()
    }
}

/// What was asked for.
#[derive(serde::Serialize)]
#[serde(transparent)]
struct Asked(Vec<ReleaseReport>);

impl Report for Asked {
    fn render(&self, page: &mut Page) {
        if self.0.is_empty() {
            page.line("nobody wishes for anything that was not asked for");
        }
        for report in &self.0 {
            report.render(page);
        }
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().flat_map(Report::names).collect()
    }
}
