//! `promote scan`: what workspaces hold that they may not.
//!
//! Twice: by the ledger, under the labels of now, so that data that was labelled higher later is found everywhere; and by the
//! bytes, file by file, whatever they are called now and whoever put them there. The bytes also tell which version is no
//! longer what the ledger says.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::context::Context;
use crate::engine::holdings::{Holder, Holdings, holders};
use crate::engine::world::World;
use crate::error::Result;
use crate::flow::permit::{FlowDenial, check_label};
use crate::model::artifact::VersionId;
use crate::model::digest::{Sha256, TreeDigest};
use crate::model::id::WorkspaceName;
use crate::model::label::Tag;
use crate::model::workspace::WorkspaceFacts;
use crate::ops::catalogue::held;
use crate::ops::plan::unknown;

/// What to look at.
#[derive(Debug, Clone, Default)]
pub struct ScanRequest {
    /// Only these workspaces; all when empty.
    pub workspaces: BTreeSet<WorkspaceName>,
    /// Only what the ledger says, without reading workspaces.
    pub is_ledger_only: bool,
}

/// What was found.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScanReport {
    /// The workspaces that were looked at, each with the number of files that were hashed.
    pub workspaces: BTreeMap<WorkspaceName, usize>,
    /// What may not be where it is.
    pub findings: Vec<Finding>,
    /// Versions that are not what the ledger says that they are.
    pub drift: Vec<Drift>,
    /// What could not be read, so that nothing is known of it.
    pub unread: Vec<Unread>,
}

/// A version that somebody changed or removed behind our back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// The workspace.
    pub workspace: WorkspaceName,
    /// The version.
    pub version: VersionId,
    /// Its digest, as the ledger says.
    pub recorded: TreeDigest,
    /// The digest of its files as they are now; `None` when there is none of them.
    pub found: Option<TreeDigest>,
}

impl ScanReport {
    /// Whether nothing was found in what could be read.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.drift.is_empty()
    }
}

/// Something that a workspace holds and may not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The workspace.
    pub workspace: WorkspaceName,
    /// The version, or the first version that had the file.
    pub version: VersionId,
    /// Its digest.
    pub digest: TreeDigest,
    /// The file in the workspace; `None` when the ledger says that it holds the version.
    pub path: Option<String>,
    /// The file's hash.
    pub file: Option<Sha256>,
    /// The tags that the workspace is not cleared for.
    pub tags: BTreeSet<Tag>,
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unread {
    /// The workspace.
    pub workspace: WorkspaceName,
    /// What.
    pub path: String,
    /// Why not.
    pub reason: String,
}

/// Looks at workspaces.
///
/// # Errors
///
/// When the repository or the ledger cannot be read, or there is no such workspace. What cannot be read of a workspace is
/// in the report.
pub async fn scan(context: &Context, request: &ScanRequest) -> Result<ScanReport> {
    let mut engine = context.observer()?;
    let world = engine.observe()?;
    let names: Vec<&str> = world.targets.keys().map(WorkspaceName::as_str).collect();
    if let Some(name) = request
        .workspaces
        .iter()
        .find(|name| world.workspace(name).is_none())
    {
        return Err(unknown("workspace", name.as_str(), &names));
    }
    let holders = holders(engine.book()?, &world)?;
    let mut held_by_workspace = held_by_workspace(&world);
    let mut report = ScanReport::default();
    for (name, target) in &world.targets {
        if !request.workspaces.is_empty() && !request.workspaces.contains(name) {
            continue;
        }
        let held = held_by_workspace.remove(name).unwrap_or_default();
        report
            .findings
            .extend(by_ledger(&world, &target.facts, &held));
        let mut count = 0;
        if !request.is_ledger_only {
            let mut holdings = engine.holdings(&world, name).await?;
            count = holdings.files.len();
            // A disk that is not mounted is empty too.
            if count == 0 && holdings.unread.is_empty() && !held.is_empty() {
                let versions = held.len();
                let reason = format!(
                    "there is no file, and the ledger says that it holds {versions} versions"
                );
                holdings.unread.insert(".".to_owned(), reason);
            }
            report.drift.extend(drifted(name, &held, &holdings));
            let files = holdings.files.into_iter();
            let found = files.filter_map(|(path, file)| {
                by_file(&world, &target.facts, holders.get(&file)?, (path, file))
            });
            report.findings.extend(found);
            let unread = |(path, reason)| Unread {
                workspace: name.clone(),
                path,
                reason,
            };
            report
                .unread
                .extend(holdings.unread.into_iter().map(unread));
        }
        report.workspaces.insert(name.clone(), count);
    }
    report.findings.sort();
    Ok(report)
}

/// The versions whose files are others than the ledger says. Where something could not be read, what seems to be missing may
/// be there all the same, and nothing is said of it.
fn drifted(
    workspace: &WorkspaceName,
    held: &BTreeSet<(VersionId, TreeDigest)>,
    holdings: &Holdings,
) -> Vec<Drift> {
    if !holdings.unread.is_empty() {
        return Vec::new();
    }
    let differs = |(version, recorded): &(VersionId, TreeDigest)| {
        let files = holdings.versions.get(version);
        let found = files.map(|files| TreeDigest::of_sorted(files.iter()));
        (found != Some(*recorded)).then(|| Drift {
            workspace: workspace.clone(),
            version: version.clone(),
            recorded: *recorded,
            found,
        })
    };
    held.iter().filter_map(differs).collect()
}

/// The versions that the ledger says each workspace holds: promoted to it, or made there.
fn held_by_workspace(world: &World) -> BTreeMap<WorkspaceName, BTreeSet<(VersionId, TreeDigest)>> {
    let mut all: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (id, places) in held(world) {
        for place in places {
            let of_workspace = all.entry(place.workspace).or_default();
            of_workspace.insert((id.clone(), place.digest));
        }
    }
    all
}

/// What of it the workspace may not hold under the labels of now.
fn by_ledger(
    world: &World,
    target: &WorkspaceFacts,
    held: &BTreeSet<(VersionId, TreeDigest)>,
) -> Vec<Finding> {
    let finding = |(version, digest): (VersionId, TreeDigest)| {
        let tags = beyond(world, target, digest)?;
        Some(Finding {
            workspace: target.name.clone(),
            version,
            digest,
            path: None,
            file: None,
            tags,
        })
    };
    held.iter().cloned().filter_map(finding).collect()
}

fn by_file(
    world: &World,
    target: &WorkspaceFacts,
    holder: &Holder,
    (path, file): (String, Sha256),
) -> Option<Finding> {
    let tags = beyond(world, target, holder.digest)?;
    Some(Finding {
        workspace: target.name.clone(),
        version: holder.version.clone(),
        digest: holder.digest,
        path: Some(path),
        file: Some(file),
        tags,
    })
}

/// The tags of a digest that a workspace may not hold; `None` when it may hold all. The same rule that lets bytes in.
fn beyond(world: &World, target: &WorkspaceFacts, digest: TreeDigest) -> Option<BTreeSet<Tag>> {
    let label = &world.labels.get(digest)?.label;
    match check_label(label, &world.lowered(digest, target), target) {
        Ok(()) | Err(FlowDenial::Edge { .. }) => None,
        Err(FlowDenial::Label { tags, .. }) => Some(tags),
    }
}
