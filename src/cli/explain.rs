//! `promote explain`.

use serde::Serialize;

use crate::cli::{Exit, render};
use crate::context::Context;
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::gate;
use crate::model::artifact::VersionId;
use crate::model::id::EnvironmentName;
use crate::ops::plan::{Explanation, explain};
use crate::ui::Terminal;
use crate::ui::report::{Page, Report, Tone};

/// Say why a version may enter an environment, or why not; or what a gate does
///
/// `promote explain wildlife/model/penguin-species@1.0.0 --to prod` prints every gate's answer, with the same code that the
/// engine uses. `promote explain soak-time` prints what that gate does. `promote explain --gates` lists them all.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A version, such as `wildlife/model/penguin-species@1.0.0`, or the name of a gate
    #[arg(required_unless_present = "gates")]
    subject: Option<String>,

    /// The environment
    #[arg(long = "to", value_name = "ENV")]
    environment: Option<EnvironmentName>,

    /// List all gates
    #[arg(long)]
    gates: bool,
}

#[expect(clippy::unused_async, reason = "all commands have one shape")]
pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    let subject = args.subject.as_deref().unwrap_or("");
    if args.gates {
        let list = GateList(
            gate::GATES
                .iter()
                .map(|gate| GateLine {
                    name: gate.name,
                    summary: gate.summary,
                    always: gate.is_invariant,
                })
                .collect(),
        );
        terminal.report(&list).or_fail(FailureKind::Unavailable)?;
        return Ok(Exit::Done);
    }
    let Some(environment) = &args.environment else {
        let gate = gate::find(subject).ok_or_else(|| {
            let failure = Failure::new(FailureKind::Usage, gate::unknown_gate(subject));
            failure.hint("for a version, say where to: `--to ENV`")
        })?;
        terminal
            .data(&format!("{}\n", gate.docs.trim()))
            .or_fail(FailureKind::Unavailable)?;
        return Ok(Exit::Done);
    };
    let version: VersionId = crate::cli::names::version(subject)?;
    let explanation = explain(context, &version, environment)?;
    terminal
        .report(&explanation)
        .or_fail(FailureKind::Unavailable)?;
    Ok(Exit::Done)
}

/// All gates.
#[derive(Debug, Serialize)]
struct GateList(Vec<GateLine>);

/// One gate.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct GateLine {
    name: &'static str,
    summary: &'static str,
    always: bool,
}

impl Report for GateList {
    fn render(&self, page: &mut Page) {
        let row = |line: &GateLine| {
            vec![
                line.name.to_owned(),
                if line.always { "always" } else { "by policy" }.to_owned(),
                line.summary.to_owned(),
            ]
        };
        page.table(
            &["gate", "runs", "what it does"],
            self.0.iter().map(row).collect(),
            "there are no gates",
        );
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|line| line.name.to_owned()).collect()
    }
}

impl Report for Explanation {
    fn render(&self, page: &mut Page) {
        let how = if self.is_requested {
            "is asked for"
        } else {
            "is not asked for; this is what would be"
        };
        page.line(format!("{} in {} {how}", self.version, self.environment));
        if self.promotions.is_empty() {
            page.mark(
                Tone::Good,
                "held",
                "every workspace of the environment holds it",
            );
        }
        for explained in &self.promotions {
            page.gap();
            let promotion = &explained.promotion;
            page.mark(
                Tone::Strong,
                &format!("{}:", explained.decision.result),
                format!(
                    "to {}: {}",
                    promotion.slot.workspace,
                    render::movement(promotion)
                ),
            );
            render::gates(page, &explained.decision);
            for (tag, path) in &explained.paths {
                page.line(format!("  `{tag}` came by: {}", path.join("; and there ")));
            }
        }
    }

    fn names(&self) -> Vec<String> {
        self.promotions
            .iter()
            .map(|explained| explained.promotion.id.short())
            .collect()
    }
}
