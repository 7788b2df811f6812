//! `promote search`.

use crate::cli::{Exit, render};
use crate::context::Context;
use crate::error::{FailureKind, OrFail as _, Result};
use crate::model::artifact::ArtifactKind;
use crate::model::id::{EnvironmentName, ProjectName, RegionName, WorkspaceName};
use crate::model::label::Tag;
use crate::ops::search::{Found, MetricAsk, SearchReport, SearchRequest, search};
use crate::ui::Terminal;
use crate::ui::report::{Page, Report, Tone};

/// Find versions and artifacts in all workspaces
///
/// Words are parts of PROJECT/KIND/NAME@VERSION, and all of them must be in it. Filters are whole
/// names: give one more than once for either of two; of `--tag` and `--metric` all must be met.
/// Several filters of places are about one workspace.
///
/// A workspace that has a version holds it `now` in a slot, held it `earlier`, or is where it was
/// `made here`. Bytes that were held earlier are still there.
///
/// Ends with 0 also when nothing is found.
///
/// Examples:
///   promote search penguin
///   promote search --environment prod --held
///   promote search --metric 'accuracy>=0.9' --metric log-loss --tag internal
///   promote search --digest 3f9a01 -o json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Parts of names
    #[arg(value_name = "WORD")]
    words: Vec<String>,

    /// Of this kind: model, pipeline, component or runtime
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<ArtifactKind>,

    /// Of this project
    #[arg(long = "project", value_name = "PROJECT")]
    projects: Vec<ProjectName>,

    /// With this tag on the label
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<Tag>,

    /// With this metric: NAME>=NUMBER, also with <=, >, < or =; or NAME to show it
    #[arg(long = "metric", value_name = "METRIC")]
    metrics: Vec<MetricAsk>,

    /// With this digest; its first six digits are enough
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,

    /// In this workspace
    #[arg(long = "workspace", value_name = "WORKSPACE")]
    workspaces: Vec<WorkspaceName>,

    /// In this environment
    #[arg(long = "environment", value_name = "ENVIRONMENT")]
    environments: Vec<EnvironmentName>,

    /// In this region
    #[arg(long = "region", value_name = "REGION")]
    regions: Vec<RegionName>,

    /// Only what a slot holds now
    #[arg(long)]
    held: bool,

    /// Show at most this many
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

#[expect(clippy::unused_async, reason = "all commands have one shape")]
pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    let request = SearchRequest {
        words: args.words.clone(),
        kinds: args.kinds.iter().copied().collect(),
        projects: args.projects.iter().cloned().collect(),
        tags: args.tags.iter().cloned().collect(),
        metrics: args.metrics.clone(),
        digest: args.digest.clone(),
        workspaces: args.workspaces.iter().cloned().collect(),
        environments: args.environments.iter().cloned().collect(),
        regions: args.regions.iter().cloned().collect(),
        is_held_only: args.held,
        limit: usize::try_from(args.limit).unwrap_or(usize::MAX),
    };
    terminal
        .report(&search(context, &request)?)
        .or_fail(FailureKind::Unavailable)?;
    Ok(Exit::Done)
}

impl Report for SearchReport {
    fn render(&self, page: &mut Page) {
        let metrics: Vec<&str> = self.metrics.iter().map(|name| name.as_str()).collect();
        let mut header = vec!["version", "digest", "label", "where"];
        header.extend(&metrics);
        let row = |found: &Found| {
            let mut row = vec![
                found.name(),
                found
                    .digest
                    .map_or_else(render::dash, |digest| digest.short()),
                found
                    .label
                    .as_ref()
                    .map_or_else(render::dash, ToString::to_string),
                render::places(&found.held),
            ];
            row.extend(self.metrics.iter().map(|name| {
                let value = found.metrics.get(name);
                value.map_or_else(render::dash, ToString::to_string)
            }));
            row
        };
        page.table(
            &header,
            self.found.iter().map(row).collect(),
            "nothing is found",
        );
        for name in &self.did_you_mean {
            page.mark(Tone::Waiting, "help:", format!("did you mean `{name}`?"));
        }
        if self.left_out > 0 {
            let text = format!(
                "{} more are left out; ask for less, or raise `--limit`",
                self.left_out
            );
            page.mark(Tone::Faint, "…", text);
        }
    }

    fn names(&self) -> Vec<String> {
        self.found.iter().map(Found::name).collect()
    }
}
