//! What several workspaces hold of one artifact: one version in several regions, or another in each.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use semver::Version;
use serde::Serialize;

use crate::context::Context;
use crate::engine::world::World;
use crate::error::{Failure, FailureKind, Result};
use crate::manifest::layout::path_of_release;
use crate::model::artifact::{ArtifactId, VersionId};
use crate::model::digest::TreeDigest;
use crate::model::id::{EnvironmentName, MetricName, RegionName, WorkspaceName};
use crate::model::label::Label;
use crate::ops::catalogue::{HeldAt, Specs, held, specs};
use crate::ops::history::find_artifact;
use crate::ops::plan::unknown;
use crate::plan::desired::Target;

/// What workspaces hold of an artifact.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlacesReport {
    /// The artifact.
    pub artifact: ArtifactId,
    /// The version that was asked about, if one was.
    pub version: Option<Version>,
    /// The workspaces, by environment.
    pub places: Vec<PlaceRow>,
    /// Whether all of them hold the same bytes now.
    pub is_same: bool,
}

/// What one workspace holds of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlaceRow {
    /// The workspace.
    pub workspace: WorkspaceName,
    /// Its environment.
    pub environment: EnvironmentName,
    /// Where it is.
    pub region: RegionName,
    /// What its slot holds now.
    pub holds: Option<Holding>,
    /// The version that its environment's release asks of it.
    pub asked: Option<Version>,
    /// Every version whose bytes are there, the newest first.
    pub has: Vec<Version>,
    /// How the version that was asked about is there: `now`, `earlier`, `made here`; `None` when it is not, or none was.
    pub is_there: Option<&'static str>,
}

/// What a slot holds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Holding {
    /// The version.
    pub version: Version,
    /// Its digest.
    pub digest: TreeDigest,
    /// Since when.
    pub since: Timestamp,
    /// Its label.
    pub label: Option<Label>,
    /// Its metrics.
    pub metrics: BTreeMap<MetricName, f64>,
}

/// Compares what workspaces hold of an artifact, or how they hold one version of it. Each name is that of an environment,
/// for all its workspaces, or else of a workspace; with none, every workspace that the artifact may be in or is in.
///
/// # Errors
///
/// When there is no such artifact, version, environment or workspace, or something cannot be read or believed.
pub fn compare_places(context: &Context, text: &str, names: &[String]) -> Result<PlacesReport> {
    let mut engine = context.observer()?;
    let world = engine.observe()?;
    let specs = specs(engine.book()?, &world)?;
    let held = held(&world);
    let (artifact, version) = find(text, &world, &specs)?;
    let mut of_workspace: BTreeMap<&WorkspaceName, Vec<(&VersionId, &HeldAt)>> = BTreeMap::new();
    for (id, places) in held.iter().filter(|(id, _)| id.artifact == artifact) {
        for place in places {
            of_workspace
                .entry(&place.workspace)
                .or_default()
                .push((id, place));
        }
    }
    let is_concerned = |target: &Target| {
        of_workspace.contains_key(&target.facts.name)
            || target.projects.is_empty()
            || target.projects.contains(&artifact.project)
    };
    let mut chosen = chosen(&world, names, &is_concerned)?;
    chosen.sort_by_key(|target| {
        let rank = world.environments.rank(&target.facts.environment);
        (rank, target.facts.name.clone())
    });
    let mut places = Vec::new();
    for target in chosen {
        let there = of_workspace
            .get(&target.facts.name)
            .map_or(&[][..], Vec::as_slice);
        places.extend(row(
            &world,
            &specs,
            target,
            there,
            (&artifact, version.as_ref()),
        ));
    }
    let digests: BTreeSet<Option<TreeDigest>> = places
        .iter()
        .map(|place| place.holds.as_ref().map(|holds| holds.digest))
        .collect();
    Ok(PlacesReport {
        is_same: digests.len() == 1 && !digests.contains(&None),
        artifact,
        version,
        places,
    })
}

fn find(text: &str, world: &World, specs: &Specs<'_>) -> Result<(ArtifactId, Option<Version>)> {
    let of_versions = specs.keys().map(|id| &id.artifact);
    let artifacts = of_versions.chain(world.manifests.artifacts.keys()).cloned();
    let (artifact, version) = find_artifact(text, &artifacts.collect())?;
    if let Some(version) = &version {
        let id = VersionId {
            artifact: artifact.clone(),
            version: version.clone(),
        };
        if !specs.contains_key(&id) {
            let names: Vec<String> = specs.keys().map(ToString::to_string).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            return Err(unknown("version", &id.to_string(), &names));
        }
    }
    Ok((artifact, version))
}

/// The workspaces that names mean.
fn chosen<'w>(
    world: &'w World,
    names: &[String],
    is_concerned: &dyn Fn(&Target) -> bool,
) -> Result<Vec<&'w Target>> {
    let concerned = world.targets.values().filter(|target| is_concerned(target));
    if names.is_empty() {
        return Ok(concerned.collect());
    }
    let mut found: BTreeMap<&WorkspaceName, &Target> = BTreeMap::new();
    for name in names {
        let mut of_environment = concerned
            .clone()
            .filter(|target| target.facts.environment.as_str() == name)
            .peekable();
        let workspace = world
            .targets
            .values()
            .find(|target| target.facts.name.as_str() == name);
        if of_environment.peek().is_some() {
            found.extend(of_environment.map(|target| (&target.facts.name, target)));
        } else if let Some(target) = workspace {
            found.insert(&target.facts.name, target);
        } else {
            return Err(no_place(world, name));
        }
    }
    Ok(found.into_values().collect())
}

fn no_place(world: &World, name: &str) -> Failure {
    let environments = world.environments.names();
    if environments.iter().any(|known| known.as_str() == name) {
        let message = format!("no workspace of `{name}` takes artifacts of that project");
        return Failure::new(FailureKind::Invalid, message);
    }
    let names = world.targets.keys().map(WorkspaceName::as_str);
    let names = names.chain(environments.iter().map(EnvironmentName::as_str));
    let names: BTreeSet<&str> = names.collect();
    unknown(
        "workspace or environment",
        name,
        &names.into_iter().collect::<Vec<_>>(),
    )
}

/// What a workspace holds; `None` when its manifest is gone, which a target's never is.
fn row(
    world: &World,
    specs: &Specs<'_>,
    target: &Target,
    there: &[(&VersionId, &HeldAt)],
    (artifact, version): (&ArtifactId, Option<&Version>),
) -> Option<PlaceRow> {
    let facts = &target.facts;
    let workspace = world.manifests.workspaces.get(&facts.name)?;
    let now = there
        .iter()
        .find_map(|(id, place)| Some((*id, *place, place.held_since?)));
    let holds = now.map(|(id, place, since)| Holding {
        version: id.version.clone(),
        digest: place.digest,
        since,
        label: world
            .labels
            .get(place.digest)
            .map(|known| known.label.clone()),
        metrics: specs
            .get(id)
            .map(|spec| spec.metrics.clone())
            .unwrap_or_default(),
    });
    let release = world
        .wanted
        .get(&path_of_release(&facts.environment, artifact));
    let is_asked = |workspaces: &BTreeSet<WorkspaceName>| {
        workspaces.is_empty() || workspaces.contains(&facts.name)
    };
    let release = release.filter(|release| is_asked(&release.workspaces));
    let asked_about = version.and_then(|version| {
        let mut there = there.iter();
        there.find(|(id, _)| id.version == *version)
    });
    let mut has: Vec<Version> = there.iter().map(|(id, _)| id.version.clone()).collect();
    has.sort_by(|left, right| right.cmp(left));
    Some(PlaceRow {
        workspace: facts.name.clone(),
        environment: facts.environment.clone(),
        region: workspace.value.spec.region.clone(),
        holds,
        asked: release.map(|release| release.version.clone()),
        has,
        is_there: asked_about.map(|(_, place)| place.word()),
    })
}
