//! Two versions side by side: metrics, what they were made from, files, labels, sizes, and who has them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::Serialize;

use crate::context::Context;
use crate::engine::book::Book;
use crate::engine::world::World;
use crate::error::{Failure, FailureKind, Result};
use crate::manifest::version::VersionSpec;
use crate::model::artifact::VersionId;
use crate::model::digest::{Sha256, TreeDigest, TreePath};
use crate::model::id::MetricName;
use crate::model::label::Label;
use crate::ops::catalogue::{HeldAt, Specs, files, find_version, held, specs};
use crate::ops::compare::Shares;
use crate::ops::lineage::{EdgeKind, LineageReport, NodeKind, Way, follow, version_key};

/// Two versions side by side.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionsReport {
    /// The version that was named first.
    pub left: Side,
    /// The other.
    pub right: Side,
    /// Whether both are the same bytes.
    pub is_same_digest: bool,
    /// Every metric that one of them has.
    pub metrics: Vec<MetricRow>,
    /// The tags of their labels.
    pub tags: Shares,
    /// What they were made from, all the way up.
    pub lineage: LineageDifference,
    /// Their files.
    pub files: FileDifference,
}

/// One of the two versions.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Side {
    /// The version.
    pub version: VersionId,
    /// Its digest.
    pub digest: TreeDigest,
    /// Its bytes, counted.
    pub size: u64,
    /// Its label; `None` when nothing is known of it.
    pub label: Option<Label>,
    /// The workspaces that have it.
    pub held: Vec<HeldAt>,
}

/// One metric of both.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricRow {
    /// The metric.
    pub name: MetricName,
    /// Of the left version.
    pub left: Option<f64>,
    /// Of the right version.
    pub right: Option<f64>,
    /// Right less left, when both have it.
    pub difference: Option<f64>,
    /// What became of it from left to right.
    pub change: MetricChange,
}

/// What became of a metric. Which way is better, only the policy knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MetricChange {
    /// It is the same.
    Same,
    /// It is higher on the right.
    Higher,
    /// It is lower on the right.
    Lower,
    /// Only the left has it.
    OnlyLeft,
    /// Only the right has it.
    OnlyRight,
    /// One of them is no number, so nothing can be said.
    Unknown,
}

/// What two versions were made from: themselves, and what was behind that.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LineageDifference {
    /// The datasets.
    pub datasets: Shares,
    /// The versions that they were derived from.
    pub bases: Shares,
    /// The commits of code, each `<repository>@<commit>`.
    pub code: Shares,
    /// The runs.
    pub runs: Shares,
    /// The versions among the two that say nothing of what they were made from.
    pub unknown: BTreeSet<VersionId>,
    /// Whether there is more behind one of them than is followed.
    pub is_cut: bool,
}

/// The files of both, by path and checksum.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileDifference {
    /// How many are the same in both.
    pub same: usize,
    /// How many only the right has.
    pub added: usize,
    /// How many only the left has.
    pub removed: usize,
    /// How many have other bytes.
    pub changed: usize,
    /// Those that differ, by path.
    pub differing: Vec<FileRow>,
    /// How many more differ, and are left out.
    pub left_out: usize,
}

/// A file that differs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileRow {
    /// Its path.
    pub path: TreePath,
    /// How it differs.
    pub change: FileChange,
    /// Its hash on the left.
    pub left: Option<Sha256>,
    /// Its hash on the right.
    pub right: Option<Sha256>,
}

/// How a file differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileChange {
    /// Only the right has it.
    Added,
    /// Only the left has it.
    Removed,
    /// Both have it, with other bytes.
    Changed,
}

/// Compares two versions, written as people write them. At most `limit` files are listed.
///
/// # Errors
///
/// When there is no such version, or something cannot be read or believed.
pub fn compare_versions(
    context: &Context,
    (left, right): (&str, &str),
    limit: usize,
) -> Result<VersionsReport> {
    let mut engine = context.observer()?;
    let world = engine.observe()?;
    let book = engine.book()?;
    let specs = specs(book, &world)?;
    let mut held = held(&world);
    let left = find_version(left, specs.keys())?;
    let right = find_version(right, specs.keys())?;
    let (left_spec, right_spec) = (spec(&specs, &left)?, spec(&specs, &right)?);
    let mut side = |version: &VersionId, spec: &VersionSpec| {
        let known = world.labels.get(spec.digest);
        Side {
            version: version.clone(),
            digest: spec.digest,
            size: spec.size,
            label: known.map(|known| known.label.clone()),
            // Both sides may be the same version.
            held: held
                .get_mut(version)
                .map(|places| places.clone())
                .unwrap_or_default(),
        }
    };
    let sides = (side(&left, left_spec), side(&right, right_spec));
    Ok(VersionsReport {
        is_same_digest: left_spec.digest == right_spec.digest,
        metrics: metrics(&left_spec.metrics, &right_spec.metrics),
        tags: Shares::of(&tags(&sides.0), &tags(&sides.1)),
        lineage: lineage(book, &world, [(&left, left_spec), (&right, right_spec)])?,
        files: differences(
            &files(book, &world, &left)?,
            &files(book, &world, &right)?,
            limit,
        ),
        left: sides.0,
        right: sides.1,
    })
}

fn spec<'s>(specs: &'s Specs<'_>, id: &VersionId) -> Result<&'s VersionSpec> {
    let spec = specs.get(id).map(std::ops::Deref::deref);
    spec.ok_or_else(|| Failure::new(FailureKind::Internal, format!("`{id}` has no manifest")))
}

fn tags(side: &Side) -> BTreeSet<String> {
    let tags = side.label.iter().flat_map(Label::tags);
    tags.map(ToString::to_string).collect()
}

fn metrics(left: &BTreeMap<MetricName, f64>, right: &BTreeMap<MetricName, f64>) -> Vec<MetricRow> {
    let names: BTreeSet<&MetricName> = left.keys().chain(right.keys()).collect();
    let row = |name: &MetricName| {
        let (left, right) = (left.get(name).copied(), right.get(name).copied());
        let change = match (left, right) {
            (Some(left), Some(right)) => match right.partial_cmp(&left) {
                Some(std::cmp::Ordering::Equal) => MetricChange::Same,
                Some(std::cmp::Ordering::Greater) => MetricChange::Higher,
                Some(std::cmp::Ordering::Less) => MetricChange::Lower,
                None => MetricChange::Unknown,
            },
            (Some(_), None) => MetricChange::OnlyLeft,
            (None, _) => MetricChange::OnlyRight,
        };
        MetricRow {
            name: name.clone(),
            left,
            right,
            difference: left.zip(right).map(|(left, right)| right - left),
            change,
        }
    };
    names.into_iter().map(row).collect()
}

fn lineage(
    book: &Book,
    world: &World,
    sides: [(&VersionId, &VersionSpec); 2],
) -> Result<LineageDifference> {
    let says_nothing = |spec: &VersionSpec| {
        let lineage = spec.lineage.as_ref();
        lineage.is_none_or(crate::model::lineage::Lineage::names_no_data)
    };
    let unknown = sides.iter().filter(|(_, spec)| says_nothing(spec));
    let unknown = unknown.map(|(id, _)| (*id).clone()).collect();
    let [(left, _), (right, _)] = sides;
    let [left, right] = follow(book, world, [left, right], Way::Up)?;
    let (above_left, above_right) = (above(&left), above(&right));
    let of = |prefix: &str| {
        let of = |keys: &BTreeSet<String>| {
            let named = keys.iter().filter_map(|key| key.strip_prefix(prefix));
            named.map(str::to_owned).collect()
        };
        Shares::of(&of(&above_left), &of(&above_right))
    };
    Ok(LineageDifference {
        datasets: of(NodeKind::Dataset.prefix()),
        bases: of(NodeKind::Version.prefix()),
        code: of(NodeKind::Code.prefix()),
        runs: of(NodeKind::Run.prefix()),
        unknown,
        is_cut: left.is_cut || right.is_cut,
    })
}

/// The keys of all that a version says it was made from, and of what is behind that. Sharing a file says nothing.
fn above(graph: &LineageReport) -> BTreeSet<String> {
    let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let said = graph.edges.iter();
    for edge in said.filter(|edge| edge.kind != EdgeKind::File) {
        next.entry(&edge.from).or_default().push(&edge.to);
    }
    let start = version_key(&graph.version);
    let mut found = BTreeSet::new();
    let mut waiting = VecDeque::from([start.as_str()]);
    while let Some(key) = waiting.pop_front() {
        for to in next.get(key).into_iter().flatten() {
            if found.insert((*to).to_owned()) {
                waiting.push_back(to);
            }
        }
    }
    found
}

fn differences(
    left: &[(TreePath, Sha256)],
    right: &[(TreePath, Sha256)],
    limit: usize,
) -> FileDifference {
    let (left, right): (BTreeMap<_, _>, BTreeMap<_, _>) = (
        left.iter().cloned().collect(),
        right.iter().cloned().collect(),
    );
    let paths: BTreeSet<&TreePath> = left.keys().chain(right.keys()).collect();
    let mut found = FileDifference::default();
    for path in paths {
        let (left, right) = (left.get(path).copied(), right.get(path).copied());
        let change = match (left, right) {
            (Some(left), Some(right)) if left == right => {
                found.same += 1;
                continue;
            }
            (Some(_), Some(_)) => FileChange::Changed,
            (Some(_), None) => FileChange::Removed,
            (None, _) => FileChange::Added,
        };
        let count = match change {
            FileChange::Added => &mut found.added,
            FileChange::Removed => &mut found.removed,
            FileChange::Changed => &mut found.changed,
        };
        *count += 1;
        if found.differing.len() < limit {
            found.differing.push(FileRow {
                path: path.clone(),
                change,
                left,
                right,
            });
        } else {
            found.left_out += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(left: Option<f64>, right: Option<f64>) -> (MetricChange, Option<f64>) {
        let of = |value: Option<f64>| value.map(|value| ("m".parse().unwrap(), value));
        let rows = metrics(
            &of(left).into_iter().collect(),
            &of(right).into_iter().collect(),
        );
        (rows[0].change, rows[0].difference)
    }

    #[test]
    fn a_metric_that_is_no_number_is_neither_higher_nor_lower() {
        assert_eq!(row(Some(1.0), Some(1.5)), (MetricChange::Higher, Some(0.5)));
        assert_eq!(row(Some(1.5), Some(1.0)), (MetricChange::Lower, Some(-0.5)));
        assert_eq!(row(Some(1.0), Some(1.0)), (MetricChange::Same, Some(0.0)));
        assert_eq!(row(Some(1.0), None), (MetricChange::OnlyLeft, None));
        assert_eq!(row(None, Some(1.0)), (MetricChange::OnlyRight, None));
        assert_eq!(row(Some(f64::NAN), Some(1.0)).0, MetricChange::Unknown);
    }

    #[test]
    fn files_are_counted_beyond_the_limit() {
        let hash = |text: &str| Sha256::of(text.as_bytes());
        let files = |names: &[(&str, &str)]| -> Vec<(TreePath, Sha256)> {
            let files = names.iter();
            files
                .map(|(path, text)| (path.parse().unwrap(), hash(text)))
                .collect()
        };
        let left = files(&[("a", "1"), ("b", "1"), ("c", "1")]);
        let right = files(&[("b", "1"), ("c", "2"), ("d", "1")]);
        let found = differences(&left, &right, 2);
        let counts = (found.same, found.added, found.removed, found.changed);
        assert_eq!((counts, found.left_out), ((1, 1, 1, 1), 1));
        let listed: Vec<_> = found
            .differing
            .iter()
            .map(|row| (row.path.as_str(), row.change))
            .collect();
        assert_eq!(
            listed,
            [("a", FileChange::Removed), ("c", FileChange::Changed)]
        );
    }
}
