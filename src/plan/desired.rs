//! From what Git asks and what the ledger says to the promotions that would make them agree.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use crate::model::artifact::{ArtifactId, VersionId};
use crate::model::digest::{Sha256, TreeDigest};
use crate::model::environment::EnvironmentOrder;
use crate::model::id::{EnvironmentName, ProjectName, WorkspaceName};
use crate::model::promotion::{Direction, OutcomeKind, Promotion, PromotionId, PromotionIdInputs};
use crate::model::workspace::{Slot, WorkspaceFacts, is_open_to};
use crate::plan::state::{SlotState, State};

/// What one release file asks for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The SHA-256 of the file.
    pub release: Sha256,
    /// The environment that shall hold the version.
    pub environment: EnvironmentName,
    /// The artifact.
    pub artifact: ArtifactId,
    /// The version.
    pub version: Version,
    /// Its digest.
    pub digest: TreeDigest,
    /// The workspaces meant; all of the environment when empty.
    pub workspaces: BTreeSet<WorkspaceName>,
}

/// A workspace as planning sees it.
#[derive(Debug, Clone)]
pub struct Target {
    /// What the flow rule has to know of it.
    pub facts: WorkspaceFacts,
    /// The projects that may use it; all when empty.
    pub projects: BTreeSet<ProjectName>,
}

impl Target {
    /// Whether it may hold artifacts of a project.
    #[must_use]
    pub fn is_open_to(&self, project: &ProjectName) -> bool {
        is_open_to(&self.projects, project)
    }
}

/// What plans are made from.
#[derive(Debug, Clone, Copy)]
pub struct Basis<'a> {
    /// The environments in order.
    pub environments: &'a EnvironmentOrder,
    /// The workspaces.
    pub workspaces: &'a BTreeMap<WorkspaceName, Target>,
    /// What the ledger says.
    pub state: &'a State,
}

/// What has to happen so that one slot holds what Git asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Nothing: it does.
    UpToDate {
        /// The slot.
        slot: Slot,
        /// Its environment.
        environment: EnvironmentName,
        /// The version it holds.
        version: Version,
        /// Its digest.
        digest: TreeDigest,
    },
    /// A promotion.
    Promote(Promotion),
    /// Nothing, because the promotion that this release asks for has failed. A new release tries again.
    Failed(Promotion),
}

impl Change {
    /// The slot that it is about.
    #[must_use]
    pub const fn slot(&self) -> &Slot {
        match self {
            Self::UpToDate { slot, .. } => slot,
            Self::Promote(promotion) | Self::Failed(promotion) => &promotion.slot,
        }
    }
}

/// The changes that a set of releases asks for: less trusted environments first, and within one what others depend on
/// first.
#[must_use]
pub fn plan_changes(basis: Basis<'_>, wanted: &[Wanted]) -> Vec<Change> {
    let mut changes: Vec<(usize, Change)> = Vec::new();
    for release in wanted {
        let rank = basis
            .environments
            .rank(&release.environment)
            .unwrap_or(usize::MAX);
        changes.extend(
            targets(basis, release).map(|target| (rank, plan_change(basis, release, target))),
        );
    }
    changes.sort_by(|(left_rank, left), (right_rank, right)| {
        let order = |change: &Change| (change.slot().artifact.kind, change.slot().clone());
        left_rank
            .cmp(right_rank)
            .then_with(|| order(left).cmp(&order(right)))
    });
    changes.into_iter().map(|(_, change)| change).collect()
}

/// The workspaces that a release means.
fn targets<'a>(basis: Basis<'a>, release: &'a Wanted) -> impl Iterator<Item = &'a Target> {
    basis.workspaces.values().filter(|target| {
        let is_asked =
            release.workspaces.is_empty() || release.workspaces.contains(&target.facts.name);
        let is_open = target.is_open_to(&release.artifact.project);
        target.facts.environment == release.environment && is_asked && is_open
    })
}

/// The change that makes one slot hold what one release asks for.
#[must_use]
pub fn plan_change(basis: Basis<'_>, release: &Wanted, target: &Target) -> Change {
    let slot = Slot {
        workspace: target.facts.name.clone(),
        artifact: release.artifact.clone(),
    };
    let now = basis.state.slot(&slot);
    let held = now.held.as_ref().map(|held| held.digest);
    if held == Some(release.digest) {
        let (environment, version) = (release.environment.clone(), release.version.clone());
        return Change::UpToDate {
            slot,
            environment,
            version,
            digest: release.digest,
        };
    }
    let promotion = promotion(basis, release, target, slot, &now);
    if has_failed(basis.state, &now, release) {
        Change::Failed(promotion)
    } else {
        Change::Promote(promotion)
    }
}

fn promotion(
    basis: Basis<'_>,
    release: &Wanted,
    target: &Target,
    slot: Slot,
    now: &SlotState,
) -> Promotion {
    let replaces = now.held.as_ref().map(|held| held.digest);
    let direction = if now.ever_held.contains(&release.digest) {
        Direction::Rollback
    } else {
        Direction::Forward
    };
    let id = VersionId {
        artifact: release.artifact.clone(),
        version: release.version.clone(),
    };
    // The target's own copy comes first: then nothing crosses an edge.
    let has_own_copy = direction == Direction::Rollback
        || holds(basis.state, &slot.workspace, &id, release.digest);
    let from = if has_own_copy {
        Some(slot.workspace.clone())
    } else {
        source(basis, &id, release.digest, &target.facts)
    };
    let inputs = PromotionIdInputs {
        digest: release.digest,
        slot: &slot,
        replaces,
        release: release.release,
        last_outcome: now.last_outcome,
    };
    Promotion {
        id: PromotionId::derive(&release.environment, &inputs),
        environment: release.environment.clone(),
        version: release.version.clone(),
        digest: release.digest,
        from,
        replaces,
        direction,
        release: release.release,
        slot,
    }
}

/// The accepted workspace that holds the digest and is the most trusted; ties go to the first by name.
fn source(
    basis: Basis<'_>,
    id: &VersionId,
    digest: TreeDigest,
    target: &WorkspaceFacts,
) -> Option<WorkspaceName> {
    let holders = target
        .accepts
        .iter()
        .filter(|name| holds(basis.state, name, id, digest));
    let rank = |name: &WorkspaceName| {
        basis
            .workspaces
            .get(name)
            .and_then(|known| basis.environments.rank(&known.facts.environment))
    };
    holders
        .max_by(|left, right| rank(left).cmp(&rank(right)).then_with(|| right.cmp(left)))
        .cloned()
}

/// Whether a workspace has the bytes of a version: promoted there, or lawfully registered there.
#[must_use]
pub fn holds(state: &State, workspace: &WorkspaceName, id: &VersionId, digest: TreeDigest) -> bool {
    let slot = Slot {
        workspace: workspace.clone(),
        artifact: id.artifact.clone(),
    };
    let is_promoted = state
        .slots
        .get(&slot)
        .is_some_and(|slot| slot.ever_held.contains(&digest));
    let registrations = state.registrations.get(id).into_iter().flatten();
    is_promoted
        || registrations
            .map(|(_, registration)| registration)
            .any(|registration| {
                registration.digest == digest
                    && registration.workspace == *workspace
                    && registration.violation.is_none()
            })
}

/// Whether the last thing that happened to the slot is that this very release failed.
fn has_failed(state: &State, now: &SlotState, release: &Wanted) -> bool {
    let Some(last) = now.last_outcome else {
        return false;
    };
    let outcomes = state
        .promotions
        .values()
        .filter_map(|promotion| promotion.outcome.as_ref());
    outcomes
        .filter(|(index, _, _)| *index == last)
        .any(|(_, time, outcome)| {
            outcome.outcome == OutcomeKind::Failed
                && !state.acts.is_retried(&outcome.promotion.id, *time)
                && outcome.promotion.release == release.release
                && outcome.promotion.digest == release.digest
        })
}
