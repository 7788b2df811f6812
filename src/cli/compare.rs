//! `promote compare`.

use crate::cli::{Exit, render};
use crate::context::Context;
use crate::error::{FailureKind, OrFail as _, Result};
use crate::ops::compare::{
    FileChange, FileRow, MetricChange, MetricRow, PlaceRow, PlacesReport, Shares, Side,
    VersionsReport, compare_places, compare_versions,
};
use crate::ui::Terminal;
use crate::ui::report::{Page, Report, Tone};

/// The most versions that a cell names.
const MAX_VERSIONS: usize = 5;

/// Compare two versions, or what several workspaces hold of one artifact
///
/// Of two versions: metrics, labels, what they were made from all the way up, files by checksum, and
/// the workspaces that have them. What is on one side alone stands behind `-` (left) or `+` (right).
///
/// With one version or artifact: what each workspace holds of it, so that regions can be held side by
/// side. `--in` takes environments, for all their workspaces, and workspaces; without it, every
/// workspace that the artifact may be in.
///
/// Ends with 0 whenever it could compare, whether or not there is a difference: `isSameDigest` and
/// `isSame` of `-o json` say that.
///
/// Examples:
///   promote compare penguin-species@1.0.0 penguin-species@1.1.0
///   promote compare wildlife/penguin-species --in prod
///   promote compare penguin-species@1.0.0 --in prod-eu,prod-us -o json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// A version: PROJECT/KIND/NAME@VERSION, PROJECT/NAME@VERSION or NAME@VERSION; with one alone, also an artifact
    #[arg(value_name = "NAME[@VERSION]")]
    left: String,

    /// The version to compare it with
    #[arg(value_name = "NAME@VERSION")]
    right: Option<String>,

    /// Environments or workspaces to compare
    #[arg(
        long = "in",
        value_name = "NAME",
        value_delimiter = ',',
        conflicts_with = "right"
    )]
    places: Vec<String>,

    /// List at most this many files
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

#[expect(clippy::unused_async, reason = "all commands have one shape")]
pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let shown = match &args.right {
        Some(right) => terminal.report(&compare_versions(context, (&args.left, right), limit)?),
        None => terminal.report(&compare_places(context, &args.left, &args.places)?),
    };
    shown.or_fail(FailureKind::Unavailable)?;
    Ok(Exit::Done)
}

impl Report for VersionsReport {
    fn render(&self, page: &mut Page) {
        let row = |name: &str, cell: &dyn Fn(&Side) -> String| {
            vec![name.to_owned(), cell(&self.left), cell(&self.right)]
        };
        let label = |side: &Side| {
            side.label
                .as_ref()
                .map_or_else(render::dash, ToString::to_string)
        };
        let mut rows = vec![
            row("version", &|side| side.version.to_string()),
            row("digest", &|side| side.digest.short()),
            row("bytes", &|side| side.size.to_string()),
            row("label", &label),
            row("where", &|side| render::places(&side.held)),
        ];
        rows.extend(self.metrics.iter().map(metric_row));
        page.table(&["", "left", "right"], rows, "");
        page.gap();
        shares(page, "tags", &self.tags);
        shares(page, "datasets", &self.lineage.datasets);
        shares(page, "bases", &self.lineage.bases);
        shares(page, "code", &self.lineage.code);
        shares(page, "runs", &self.lineage.runs);
        for version in &self.lineage.unknown {
            page.mark(
                Tone::Waiting,
                "unknown:",
                format!("nobody says what data `{version}` was made from"),
            );
        }
        if self.lineage.is_cut {
            page.mark(
                Tone::Waiting,
                "cut:",
                "there is more behind them than is followed here",
            );
        }
        files(page, self);
    }

    fn names(&self) -> Vec<String> {
        let rows = self.files.differing.iter();
        rows.map(|row| row.path.to_string()).collect()
    }
}

fn metric_row(row: &MetricRow) -> Vec<String> {
    let cell = |value: Option<f64>| value.map_or_else(render::dash, |value| value.to_string());
    let change = match row.change {
        MetricChange::Same => " (same)".to_owned(),
        MetricChange::Higher => format!(" (higher{})", by(row.difference)),
        MetricChange::Lower => format!(" (lower{})", by(row.difference)),
        MetricChange::OnlyLeft | MetricChange::OnlyRight => String::new(),
        MetricChange::Unknown => " (not comparable)".to_owned(),
    };
    vec![
        row.name.to_string(),
        cell(row.left),
        format!("{}{change}", cell(row.right)),
    ]
}

/// A difference without the noise of binary fractions.
fn by(difference: Option<f64>) -> String {
    let Some(difference) = difference else {
        return String::new();
    };
    let text = format!("{:.6}", difference.abs());
    match text.trim_end_matches('0').trim_end_matches('.') {
        // Too small for six digits, and still there.
        "0" => String::new(),
        digits => format!(" by {digits}"),
    }
}

fn shares(page: &mut Page, what: &str, shares: &Shares) {
    let Shares {
        both,
        only_left,
        only_right,
    } = shares;
    if both.is_empty() && only_left.is_empty() && only_right.is_empty() {
        return;
    }
    page.line(format!("{what}:"));
    for (tone, sign, names) in [
        (Tone::Faint, "  =", both),
        (Tone::Bad, "  -", only_left),
        (Tone::Good, "  +", only_right),
    ] {
        for name in names {
            page.mark(tone, sign, name);
        }
    }
}

fn files(page: &mut Page, report: &VersionsReport) {
    let files = &report.files;
    page.line(format!(
        "files: {} same, {} changed, {} removed, {} added",
        files.same, files.changed, files.removed, files.added
    ));
    for FileRow { path, change, .. } in &files.differing {
        let (tone, sign) = match change {
            FileChange::Added => (Tone::Good, "  +"),
            FileChange::Removed => (Tone::Bad, "  -"),
            FileChange::Changed => (Tone::Waiting, "  ~"),
        };
        page.mark(tone, sign, path.to_string());
    }
    if files.left_out > 0 {
        let text = format!("{} more differ; raise `--limit`", files.left_out);
        page.mark(Tone::Faint, "  …", text);
    }
    if report.is_same_digest {
        page.mark(Tone::Good, "same:", "both are the same bytes");
    }
}

impl Report for PlacesReport {
    fn render(&self, page: &mut Page) {
        let mut header = vec![
            "environment",
            "workspace",
            "region",
            "holds",
            "digest",
            "since",
            "asked",
            "has",
        ];
        if self.version.is_some() {
            header.push("the version is");
        }
        let row = |row: &PlaceRow| {
            let holds = row.holds.as_ref();
            let mut cells = vec![
                row.environment.to_string(),
                row.workspace.to_string(),
                row.region.to_string(),
                holds.map_or_else(render::dash, |holds| holds.version.to_string()),
                holds.map_or_else(render::dash, |holds| holds.digest.short()),
                holds.map_or_else(render::dash, |holds| holds.since.to_string()),
                row.asked
                    .as_ref()
                    .map_or_else(render::dash, ToString::to_string),
                has(row),
            ];
            if self.version.is_some() {
                cells.push(row.is_there.unwrap_or("not there").to_owned());
            }
            cells
        };
        page.table(
            &header,
            self.places.iter().map(row).collect(),
            "no workspace may hold it",
        );
        if self.is_same {
            page.mark(Tone::Good, "same:", "all of them hold the same bytes now");
        } else {
            page.mark(
                Tone::Waiting,
                "different:",
                "not all of them hold the same bytes now",
            );
        }
    }

    fn names(&self) -> Vec<String> {
        let rows = self.places.iter();
        rows.map(|row| row.workspace.to_string()).collect()
    }
}

fn has(row: &PlaceRow) -> String {
    let versions: Vec<String> = row.has.iter().map(ToString::to_string).collect();
    let versions: Vec<&str> = versions.iter().map(String::as_str).collect();
    render::some(&versions, MAX_VERSIONS)
}
