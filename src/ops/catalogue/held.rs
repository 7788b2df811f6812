//! Which workspaces have which versions, as the ledger says: promoted to them, or made there. A workspace keeps the bytes
//! of what its slots held earlier.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::engine::world::World;
use crate::model::artifact::VersionId;
use crate::model::digest::TreeDigest;
use crate::model::id::{EnvironmentName, RegionName, WorkspaceName};
use crate::model::promotion::OutcomeKind;

/// A workspace that has a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldAt {
    /// The workspace.
    pub workspace: WorkspaceName,
    /// Its environment: that of now, or the one that the ledger names when there is no such workspace any more.
    pub environment: EnvironmentName,
    /// Where it is; `None` when there is no such workspace any more.
    pub region: Option<RegionName>,
    /// The digest of the bytes there.
    #[serde(skip)]
    pub digest: TreeDigest,
    /// Whether the version was made and registered there.
    pub made_here: bool,
    /// Since when a slot holds it; `None` when none does now.
    pub held_since: Option<Timestamp>,
}

impl HeldAt {
    /// How it is there, in words: held by a slot now, held earlier, or only made there.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match (self.held_since, self.made_here) {
            (Some(_), _) => "now",
            (None, true) => "made here",
            (None, false) => "earlier",
        }
    }
}

/// The workspaces of every version that any has, each sorted by environment, then by name.
pub(crate) fn held(world: &World) -> BTreeMap<VersionId, Vec<HeldAt>> {
    let mut all: BTreeMap<VersionId, BTreeMap<WorkspaceName, HeldAt>> = BTreeMap::new();
    let state = world.state();
    for (id, registrations) in state.registrations.iter() {
        for (_, registration) in registrations {
            let place = at(
                world,
                &registration.workspace,
                &registration.environment,
                registration.digest,
            );
            let places = all.entry(id.clone()).or_default();
            let place = places.entry(place.workspace.clone()).or_insert(place);
            place.made_here = true;
        }
    }
    let outcomes = state.promotions.values();
    let outcomes = outcomes.filter_map(|promotion| promotion.outcome.as_ref());
    for (_, _, outcome) in outcomes {
        if outcome.outcome != OutcomeKind::Succeeded {
            continue;
        }
        let promotion = &outcome.promotion;
        let id = VersionId {
            artifact: promotion.slot.artifact.clone(),
            version: promotion.version.clone(),
        };
        let (workspace, environment) = (&promotion.slot.workspace, &promotion.environment);
        let place = at(world, workspace, environment, promotion.digest);
        let slot = state.slots.get(&promotion.slot);
        let now = slot.and_then(|slot| slot.held.as_ref());
        let now = now.filter(|now| now.version == id);
        let places = all.entry(id).or_default();
        let place = places.entry(place.workspace.clone()).or_insert(place);
        place.held_since = now.map(|now| now.since);
    }
    let sorted = |(id, places): (VersionId, BTreeMap<WorkspaceName, HeldAt>)| {
        let mut places: Vec<HeldAt> = places.into_values().collect();
        let rank = |place: &HeldAt| world.environments.rank(&place.environment);
        places.sort_by_key(|place| (rank(place), place.workspace.clone()));
        (id, places)
    };
    all.into_iter().map(sorted).collect()
}

fn at(
    world: &World,
    workspace: &WorkspaceName,
    recorded: &EnvironmentName,
    digest: TreeDigest,
) -> HeldAt {
    let known = world.manifests.workspaces.get(workspace);
    let spec = known.map(|document| &document.value.spec);
    HeldAt {
        workspace: workspace.clone(),
        environment: spec.map_or_else(|| recorded.clone(), |spec| spec.environment.clone()),
        region: spec.map(|spec| spec.region.clone()),
        digest,
        made_here: false,
        held_since: None,
    }
}
