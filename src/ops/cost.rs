//! `promote cost`: what each team, project, environment and workspace holds, and how much of it more than once.
//!
//! A workspace keeps every version that was made in it or promoted to it. What is counted are those copies, by the ledger,
//! with the sizes that the manifests say; nothing is asked of a workspace.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::context::Context;
use crate::engine::world::World;
use crate::error::Result;
use crate::model::artifact::{ArtifactId, VersionId};
use crate::model::digest::TreeDigest;
use crate::model::id::WorkspaceName;
use crate::ops::catalogue::{HeldAt, held, specs};
use crate::ops::export::csv_row;

/// What copies are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// The project of the artifact.
    Project,
    /// The environment of the workspace.
    Environment,
    /// The workspace.
    Workspace,
    /// The group that answers for the artifact.
    Owner,
    /// Who pays: as the workspace is tagged, or else as the artifact's project says.
    CostCenter,
}

impl By {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Environment => "environment",
            Self::Workspace => "workspace",
            Self::Owner => "owner",
            Self::CostCenter => "cost-center",
        }
    }

    /// What a copy counts for; `None` when nobody says. The one place that knows, for every way of counting.
    fn key(self, world: &World, artifact: &ArtifactId, place: &HeldAt) -> Option<String> {
        match self {
            Self::Project => Some(artifact.project.to_string()),
            Self::Environment => Some(place.environment.to_string()),
            Self::Workspace => Some(place.workspace.to_string()),
            Self::Owner => {
                let known = world.manifests.artifacts.get(artifact);
                known.map(|document| document.value.spec.owner.to_string())
            }
            Self::CostCenter => {
                let workspace = world.manifests.workspaces.get(&place.workspace);
                let tagged =
                    workspace.and_then(|known| known.value.spec.resource_tags.get("cost-center"));
                let project = || world.manifests.projects.get(&artifact.project);
                tagged
                    .cloned()
                    .or_else(|| Some(project()?.value.spec.cost_center.clone()))
            }
        }
    }
}

/// What is held.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CostReport {
    /// What copies are counted by.
    pub by: By,
    /// The counts, the largest first.
    pub rows: Vec<CostRow>,
    /// All of it. A digest that two rows hold is distinct in each of them, and once here.
    pub total: CostRow,
}

/// What one of them holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CostRow {
    /// Whose; `None` when no manifest says who owns it.
    pub name: Option<String>,
    /// The artifacts.
    pub artifacts: usize,
    /// The versions.
    pub versions: usize,
    /// The workspaces.
    pub workspaces: usize,
    /// The copies: a version in two workspaces is two.
    pub copies: usize,
    /// The bytes of all copies.
    pub bytes: u64,
    /// The digests that are held more than once, under whichever names.
    pub duplicates: usize,
    /// The bytes that would be left out if each digest were held once.
    pub duplicate_bytes: u64,
}

/// Counts what is held.
///
/// # Errors
///
/// When something cannot be read or believed.
pub fn cost(context: &Context, by: By) -> Result<CostReport> {
    let mut engine = context.observer()?;
    let world = engine.observe()?;
    let specs = specs(engine.book()?, &world)?;
    let held = held(&world);
    let mut tallies: BTreeMap<Option<String>, Tally<'_>> = BTreeMap::new();
    let mut total = Tally::default();
    for (id, places) in &held {
        // INVARIANT: what is held is registered, and every registration has its manifest.
        let size = specs.get(id).map_or(0, |spec| spec.size);
        for place in places {
            let key = by.key(&world, &id.artifact, place);
            tallies.entry(key).or_default().add(id, place, size);
            total.add(id, place, size);
        }
    }
    let rows = tallies.into_iter();
    let mut rows: Vec<CostRow> = rows.map(|(name, tally)| tally.row(name)).collect();
    rows.sort_by(|left, right| {
        let by_name = || left.name.cmp(&right.name);
        right.bytes.cmp(&left.bytes).then_with(by_name)
    });
    Ok(CostReport {
        by,
        rows,
        total: total.row(None),
    })
}

/// Copies while they are counted.
#[derive(Default)]
struct Tally<'a> {
    artifacts: BTreeSet<&'a ArtifactId>,
    versions: BTreeSet<&'a VersionId>,
    workspaces: BTreeSet<&'a WorkspaceName>,
    copies: usize,
    bytes: u64,
    /// How often each digest is there, and its size.
    digests: BTreeMap<TreeDigest, (u64, u64)>,
}

impl<'a> Tally<'a> {
    fn add(&mut self, id: &'a VersionId, place: &'a HeldAt, size: u64) {
        self.artifacts.insert(&id.artifact);
        self.versions.insert(id);
        self.workspaces.insert(&place.workspace);
        self.copies += 1;
        // Sizes are what somebody wrote; a sum of them must not wrap.
        self.bytes = self.bytes.saturating_add(size);
        let (count, known) = self.digests.entry(place.digest).or_default();
        *count += 1;
        *known = size.max(*known);
    }

    fn row(self, name: Option<String>) -> CostRow {
        let repeated = self.digests.values().filter(|(count, _)| *count > 1);
        let spare = |(count, size): &(u64, u64)| size.saturating_mul(count.saturating_sub(1));
        CostRow {
            name,
            artifacts: self.artifacts.len(),
            versions: self.versions.len(),
            workspaces: self.workspaces.len(),
            copies: self.copies,
            bytes: self.bytes,
            duplicates: repeated.clone().count(),
            duplicate_bytes: repeated.map(spare).fold(0, u64::saturating_add),
        }
    }
}

impl CostReport {
    /// The rows as comma-separated values (RFC 4180), safe to open in a spreadsheet; without the total.
    #[must_use]
    pub fn csv(&self) -> String {
        let header = [
            self.by.word(),
            "artifacts",
            "versions",
            "workspaces",
            "copies",
            "bytes",
            "duplicates",
            "duplicate_bytes",
        ];
        let mut text = csv_row(header.into_iter().map(str::to_owned));
        for row in &self.rows {
            let name = row.name.clone().unwrap_or_default();
            let counts = [row.artifacts, row.versions, row.workspaces, row.copies];
            let counts = counts.iter().map(ToString::to_string);
            let rest = [
                row.bytes.to_string(),
                row.duplicates.to_string(),
                row.duplicate_bytes.to_string(),
            ];
            text.push_str(&csv_row([name].into_iter().chain(counts).chain(rest)));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(workspace: &str, digest: char) -> HeldAt {
        HeldAt {
            workspace: workspace.parse().unwrap(),
            environment: "dev".parse().unwrap(),
            region: None,
            digest: format!("dirhash1:{}", digest.to_string().repeat(64))
                .parse()
                .unwrap(),
            made_here: true,
            held_since: None,
        }
    }

    #[test]
    fn copies_are_counted_and_spare_ones_told_apart() {
        let ids: Vec<VersionId> = ["a/model/x@1.0.0", "a/model/x@1.1.0", "a/model/y@1.0.0"]
            .map(|id| id.parse().unwrap())
            .to_vec();
        let places = [place("dev", 'a'), place("qa", 'a'), place("dev", 'b')];
        let mut tally = Tally::default();
        // One version in two workspaces, the same bytes under another name, and something else.
        tally.add(&ids[0], &places[0], 10);
        tally.add(&ids[0], &places[1], 10);
        tally.add(&ids[2], &places[0], 10);
        tally.add(&ids[1], &places[2], 7);
        let expected = CostRow {
            name: None,
            artifacts: 2,
            versions: 3,
            workspaces: 2,
            copies: 4,
            bytes: 37,
            duplicates: 1,
            duplicate_bytes: 20,
        };
        assert_eq!(tally.row(None), expected);
    }

    #[test]
    fn sizes_that_nobody_has_do_not_wrap() {
        let id: VersionId = "a/model/x@1.0.0".parse().unwrap();
        let places = [place("dev", 'a'), place("qa", 'a'), place("prod", 'a')];
        let mut tally = Tally::default();
        for place in &places {
            tally.add(&id, place, u64::MAX);
        }
        let row = tally.row(None);
        assert_eq!((row.bytes, row.duplicate_bytes), (u64::MAX, u64::MAX));
    }
}
