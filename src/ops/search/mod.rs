//! `promote search`: versions and artifacts, wherever they are.

mod metric;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::context::Context;
use crate::diagnostic::did_you_mean;
use crate::engine::world::World;
use crate::error::Result;
use crate::manifest::version::VersionSpec;
use crate::model::artifact::{ArtifactId, ArtifactKind, VersionId};
use crate::model::digest::TreeDigest;
use crate::model::id::{EnvironmentName, MetricName, ProjectName, RegionName, WorkspaceName};
use crate::model::label::{Label, Tag};
use crate::ops::catalogue::{HeldAt, Specs, held, specs};
use crate::ops::history::digits;
use crate::ops::plan::unknown;
pub use crate::ops::search::metric::{Comparison, MetricAsk};

/// What is looked for; nothing set means everything.
#[derive(Debug, Clone, Default)]
pub struct SearchRequest {
    /// Parts of names, all of which must be in `project/kind/name@version`.
    pub words: Vec<String>,
    /// One of these kinds.
    pub kinds: BTreeSet<ArtifactKind>,
    /// One of these projects.
    pub projects: BTreeSet<ProjectName>,
    /// All of these tags are on the label.
    pub tags: BTreeSet<Tag>,
    /// All of these are met.
    pub metrics: Vec<MetricAsk>,
    /// A digest, or its first digits.
    pub digest: Option<String>,
    /// In one of these workspaces.
    pub workspaces: BTreeSet<WorkspaceName>,
    /// In one of these environments.
    pub environments: BTreeSet<EnvironmentName>,
    /// In one of these regions.
    pub regions: BTreeSet<RegionName>,
    /// Only what a slot holds now.
    pub is_held_only: bool,
    /// The most that are shown.
    pub limit: usize,
}

/// What was found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SearchReport {
    /// The metrics that were asked for.
    pub metrics: Vec<MetricName>,
    /// What was found: by name, the newest version first.
    pub found: Vec<Found>,
    /// How many more were found, and are left out.
    pub left_out: usize,
    /// Names that are near to what was looked for, when nothing was found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub did_you_mean: Vec<String>,
}

/// A version, or an artifact that has none.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// The artifact.
    pub artifact: ArtifactId,
    /// The version; `None` for an artifact that has none yet.
    pub version: Option<semver::Version>,
    /// The digest of the version.
    pub digest: Option<TreeDigest>,
    /// Its bytes, counted.
    pub size: Option<u64>,
    /// Its label.
    pub label: Option<Label>,
    /// All its metrics.
    pub metrics: BTreeMap<MetricName, f64>,
    /// The workspaces that have it, of those that were asked for.
    pub held: Vec<HeldAt>,
}

impl Found {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.version {
            Some(version) => format!("{}@{version}", self.artifact),
            None => self.artifact.to_string(),
        }
    }
}

/// Looks for versions, and for artifacts that have none.
///
/// # Errors
///
/// When something cannot be read or believed, or a filter names what there is not.
pub fn search(context: &Context, request: &SearchRequest) -> Result<SearchReport> {
    let mut engine = context.observer()?;
    let world = engine.observe()?;
    let specs = specs(engine.book()?, &world)?;
    let held = held(&world);
    check_names(&world, &specs, &held, request)?;
    let search = Search {
        world: &world,
        words: request
            .words
            .iter()
            .map(|word| word.to_lowercase())
            .collect(),
        digits: request.digest.as_deref().map(digits).transpose()?,
        request,
    };
    let versions = specs.iter().filter_map(|(id, spec)| {
        let places = held.get(id).map_or(&[][..], Vec::as_slice);
        search.version(id, spec, places)
    });
    let with_versions: BTreeSet<&ArtifactId> = specs.keys().map(|id| &id.artifact).collect();
    let artifacts = world.manifests.artifacts.keys();
    let artifacts = artifacts.filter(|artifact| !with_versions.contains(artifact));
    let mut found: Vec<Found> = versions
        .chain(artifacts.filter_map(|artifact| search.artifact(artifact)))
        .collect();
    found.sort_by(|left, right| {
        let newest_first = || right.version.cmp(&left.version);
        left.artifact.cmp(&right.artifact).then_with(newest_first)
    });
    let left_out = found.len().saturating_sub(request.limit);
    found.truncate(request.limit);
    let did_you_mean = if found.is_empty() && left_out == 0 {
        search.near(
            specs
                .keys()
                .map(|id| &id.artifact)
                .chain(world.manifests.artifacts.keys()),
        )
    } else {
        Vec::new()
    };
    Ok(SearchReport {
        metrics: request.metrics.iter().map(|ask| ask.name.clone()).collect(),
        found,
        left_out,
        did_you_mean,
    })
}

/// A search under way.
struct Search<'a> {
    world: &'a World,
    request: &'a SearchRequest,
    /// The words in lower case, as names are.
    words: Vec<String>,
    digits: Option<String>,
}

impl Search<'_> {
    fn version(&self, id: &VersionId, spec: &VersionSpec, places: &[HeldAt]) -> Option<Found> {
        let request = self.request;
        let known = self.world.labels.get(spec.digest);
        let label = known.map(|known| &known.label);
        let has = |tag| label.is_some_and(|label| label.tags().contains(tag));
        let is_met = |ask: &MetricAsk| ask.is_met(spec.metrics.get(&ask.name).copied());
        let mut digits = self.digits.iter();
        let is_meant = self.is_named(&id.artifact, &id.to_string())
            && request.tags.iter().all(has)
            && request.metrics.iter().all(is_met)
            && digits.all(|digits| spec.digest.sha256().to_string().starts_with(digits));
        if !is_meant {
            return None;
        }
        let held: Vec<HeldAt> = places
            .iter()
            .filter(|place| self.has_place(place))
            .cloned()
            .collect();
        if held.is_empty() && self.asks_for_place() {
            return None;
        }
        Some(Found {
            artifact: id.artifact.clone(),
            version: Some(id.version.clone()),
            digest: Some(spec.digest),
            size: Some(spec.size),
            label: label.cloned(),
            metrics: spec.metrics.clone(),
            held,
        })
    }

    /// An artifact without a version has nothing but its name.
    fn artifact(&self, artifact: &ArtifactId) -> Option<Found> {
        let request = self.request;
        let asks_for_more = self.asks_for_place()
            || self.digits.is_some()
            || !request.tags.is_empty()
            || request.metrics.iter().any(|ask| ask.bar.is_some());
        let is_meant = !asks_for_more && self.is_named(artifact, &artifact.to_string());
        is_meant.then(|| Found {
            artifact: artifact.clone(),
            version: None,
            digest: None,
            size: None,
            label: None,
            metrics: BTreeMap::new(),
            held: Vec::new(),
        })
    }

    fn is_named(&self, artifact: &ArtifactId, name: &str) -> bool {
        let request = self.request;
        (request.kinds.is_empty() || request.kinds.contains(&artifact.kind))
            && (request.projects.is_empty() || request.projects.contains(&artifact.project))
            && self.words.iter().all(|word| name.contains(word.as_str()))
    }

    fn asks_for_place(&self) -> bool {
        let request = self.request;
        let is_anywhere = request.workspaces.is_empty()
            && request.environments.is_empty()
            && request.regions.is_empty();
        request.is_held_only || !is_anywhere
    }

    /// Whether one workspace is all that was asked for.
    fn has_place(&self, place: &HeldAt) -> bool {
        let request = self.request;
        let is_region = |region| request.regions.contains(region);
        (request.workspaces.is_empty() || request.workspaces.contains(&place.workspace))
            && (request.environments.is_empty()
                || request.environments.contains(&place.environment))
            && (request.regions.is_empty() || place.region.as_ref().is_some_and(is_region))
            && (!request.is_held_only || place.held_since.is_some())
    }

    /// For each word that is in no name, the nearest name or part of one.
    fn near<'a>(&self, artifacts: impl Iterator<Item = &'a ArtifactId>) -> Vec<String> {
        let names: BTreeSet<String> = artifacts.map(ToString::to_string).collect();
        let parts: BTreeSet<&str> = names
            .iter()
            .flat_map(|name| {
                let whole = name.split('/');
                whole.chain(name.split(['/', '-', '_', '.']))
            })
            .chain(names.iter().map(String::as_str))
            .collect();
        let strange = self.words.iter();
        let strange = strange.filter(|word| !names.iter().any(|name| name.contains(word.as_str())));
        let near = strange.filter_map(|word| did_you_mean(word, parts.iter().copied()));
        near.map(str::to_owned).collect()
    }
}

/// Filters are names, not parts of names: one that there is not is a mistake.
fn check_names(
    world: &World,
    specs: &Specs<'_>,
    held: &BTreeMap<VersionId, Vec<HeldAt>>,
    request: &SearchRequest,
) -> Result<()> {
    let places: Vec<&HeldAt> = held.values().flatten().collect();
    let manifests = &world.manifests;
    let workspaces = places.iter().map(|place| &place.workspace);
    check(
        "workspace",
        &request.workspaces,
        world.targets.keys().chain(workspaces),
    )?;
    let environments = places.iter().map(|place| &place.environment);
    check(
        "environment",
        &request.environments,
        world.environments.names().iter().chain(environments),
    )?;
    let regions = manifests.workspaces.values();
    let regions = regions.map(|document| &document.value.spec.region);
    let of_jurisdictions = manifests
        .topology
        .value
        .spec
        .jurisdictions
        .values()
        .flatten();
    check("region", &request.regions, regions.chain(of_jurisdictions))?;
    let projects = specs.keys().map(|id| &id.artifact);
    let projects = projects.chain(manifests.artifacts.keys());
    check(
        "project",
        &request.projects,
        projects.map(|artifact| &artifact.project),
    )?;
    check(
        "tag",
        &request.tags,
        manifests.topology.value.spec.tags.keys(),
    )?;
    let asked = request.metrics.iter().map(|ask| ask.name.clone());
    let metrics = specs.values().flat_map(|spec| spec.metrics.keys());
    check("metric", &asked.collect(), metrics)
}

fn check<'a, T: Ord + ToString + 'a>(
    what: &str,
    asked: &BTreeSet<T>,
    known: impl Iterator<Item = &'a T>,
) -> Result<()> {
    if asked.is_empty() {
        return Ok(());
    }
    let known: BTreeSet<&T> = known.collect();
    let Some(strange) = asked.iter().find(|name| !known.contains(name)) else {
        return Ok(());
    };
    let names: Vec<String> = known.iter().map(|name| name.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Err(unknown(what, &strange.to_string(), &names))
}
