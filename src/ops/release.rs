//! `promote request` and `promote rollback`: asking for a version.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::context::Context;
use crate::engine::Engine;
use crate::engine::reconcile::SlotReport;
use crate::engine::world::World;
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::manifest::layout::{path_of_release, path_of_signature};
use crate::manifest::release::ReleaseSpec;
use crate::manifest::{API_VERSION, Manifest, Metadata};
use crate::model::approval::RELEASE_NAMESPACE;
use crate::model::artifact::{ArtifactId, VersionId};
use crate::model::digest::TreeDigest;
use crate::model::event::Event;
use crate::model::id::{EnvironmentName, WorkspaceName};
use crate::model::promotion::OutcomeKind;
use crate::ops::commit::{Committed, NewFiles, commit};
use crate::ops::person::Person;
use crate::ops::plan::{find_version, unknown};
use crate::plan::desired::Target;

/// What to ask for.
#[derive(Debug, Clone)]
pub struct ReleaseRequest {
    /// The version.
    pub version: VersionId,
    /// The environment that shall hold it.
    pub environment: EnvironmentName,
    /// The workspaces meant; all of the environment when empty.
    pub workspaces: BTreeSet<WorkspaceName>,
    /// Why, for people.
    pub reason: Option<String>,
    /// A branch of its own, for a pull request.
    pub branch: Option<String>,
}

/// What was asked for.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseReport {
    /// The version.
    pub version: VersionId,
    /// Its digest.
    pub digest: TreeDigest,
    /// The environment.
    pub environment: EnvironmentName,
    /// The release file.
    pub path: String,
    /// The commit; `None` when the release file says so already.
    pub committed: Option<Committed>,
    /// Where the slots stand that the release means.
    pub slots: Vec<SlotReport>,
}

/// Writes and commits a release.
///
/// # Errors
///
/// When there is no such version, environment or workspace, or the commit cannot be pushed.
pub fn request(context: &Context, asked: &ReleaseRequest) -> Result<ReleaseReport> {
    let mut engine = context.observer()?;
    let world = engine.observe()?;
    check_environment(&world, &asked.environment)?;
    check_workspaces(&world, asked)?;
    let version = find_version(&world, &asked.version)?;
    let digest = version.document.value.spec.digest;
    write_release(context, &mut engine, &world, asked, digest)
}

/// Writes and commits a release of an earlier version.
///
/// # Errors
///
/// When the environment never held another one.
pub fn rollback(
    context: &Context,
    artifact: &ArtifactId,
    environment: &EnvironmentName,
    to: Option<&semver::Version>,
    reason: Option<String>,
) -> Result<ReleaseReport> {
    let mut engine = context.observer()?;
    let world = engine.observe()?;
    check_environment(&world, environment)?;
    let held = held_before(&engine, artifact, environment)?;
    let Some((version, digest)) = choose(&held, to) else {
        let names: Vec<String> = held
            .iter()
            .map(|(version, _)| version.to_string())
            .collect();
        let failure = Failure::new(
            FailureKind::Invalid,
            format!("`{environment}` has held no other version of `{artifact}` to go back to"),
        );
        return Err(if names.is_empty() {
            failure
        } else {
            failure.hint(format!("it has held: {}", names.join(", ")))
        });
    };
    let version = VersionId {
        artifact: artifact.clone(),
        version,
    };
    let asked = ReleaseRequest {
        version,
        environment: environment.clone(),
        workspaces: BTreeSet::new(),
        reason,
        branch: None,
    };
    write_release(context, &mut engine, &world, &asked, digest)
}

/// The versions that an environment has held, newest first; the first is what it holds now.
fn held_before(
    engine: &Engine,
    artifact: &ArtifactId,
    environment: &EnvironmentName,
) -> Result<Vec<(semver::Version, TreeDigest)>> {
    let mut held: Vec<(semver::Version, TreeDigest)> = Vec::new();
    for entry in engine.book()?.entries().iter().rev() {
        let Event::Ended(outcome) = &entry.event else {
            continue;
        };
        let promotion = &outcome.promotion;
        let is_meant =
            promotion.slot.artifact == *artifact && promotion.environment == *environment;
        if is_meant
            && outcome.outcome == OutcomeKind::Succeeded
            && held
                .last()
                .is_none_or(|(_, digest)| *digest != promotion.digest)
        {
            held.push((promotion.version.clone(), promotion.digest));
        }
    }
    Ok(held)
}

fn choose(
    held: &[(semver::Version, TreeDigest)],
    to: Option<&semver::Version>,
) -> Option<(semver::Version, TreeDigest)> {
    let now = held.first()?;
    let mut earlier = held.iter().filter(|(_, digest)| *digest != now.1);
    earlier
        .find(|(version, _)| to.is_none_or(|to| to == version))
        .cloned()
}

fn check_environment(world: &World, environment: &EnvironmentName) -> Result<()> {
    if world.environments.rank(environment).is_some() {
        return Ok(());
    }
    let names: Vec<&str> = world
        .environments
        .names()
        .iter()
        .map(EnvironmentName::as_str)
        .collect();
    Err(unknown("environment", environment.as_str(), &names))
}

/// A release that names a workspace that it cannot mean would be passed over, and nobody would be told.
fn check_workspaces(world: &World, asked: &ReleaseRequest) -> Result<()> {
    let of_environment: BTreeMap<&str, &Target> = world
        .targets
        .iter()
        .filter(|(_, target)| target.facts.environment == asked.environment)
        .map(|(name, target)| (name.as_str(), target))
        .collect();
    let project = &asked.version.artifact.project;
    for name in &asked.workspaces {
        let Some(target) = of_environment.get(name.as_str()) else {
            let names: Vec<&str> = of_environment.into_keys().collect();
            let what = format!("workspace in `{}` called", asked.environment);
            return Err(unknown(&what, name.as_str(), &names));
        };
        if !target.is_open_to(project) {
            let message = format!("the workspace `{name}` is not for the project `{project}`");
            let failure = Failure::new(FailureKind::Invalid, message);
            return Err(failure.hint(format!(
                "leave `--workspace {name}` out, or add the project to its `projects`"
            )));
        }
    }
    Ok(())
}

fn write_release(
    context: &Context,
    engine: &mut Engine,
    world: &World,
    asked: &ReleaseRequest,
    digest: TreeDigest,
) -> Result<ReleaseReport> {
    let artifact = &asked.version.artifact;
    let path = path_of_release(&asked.environment, artifact);
    let is_asked = world.wanted.get(&path).is_some_and(|wanted| {
        wanted.digest == digest
            && wanted.version == asked.version.version
            && wanted.workspaces == asked.workspaces
    });
    let committed = if is_asked {
        None
    } else {
        let person = Person::of(context, &world.people)?;
        Some(commit_release(context, engine, &person, asked, digest)?)
    };
    let world = engine.observe()?;
    let survey = engine.survey(&world, Vec::new())?;
    let is_meant = |slot: &SlotReport| {
        slot.slot.artifact == *artifact && slot.environment == asked.environment
    };
    Ok(ReleaseReport {
        version: asked.version.clone(),
        digest,
        environment: asked.environment.clone(),
        path,
        committed,
        slots: survey.run.slots.into_iter().filter(is_meant).collect(),
    })
}

/// Writes, signs and commits the release file.
fn commit_release(
    context: &Context,
    engine: &Engine,
    person: &Person,
    asked: &ReleaseRequest,
    digest: TreeDigest,
) -> Result<Committed> {
    let release = Manifest {
        api_version: API_VERSION.to_owned(),
        kind: "Release".to_owned(),
        metadata: Metadata {
            name: asked.version.artifact.name.clone(),
            description: None,
        },
        spec: ReleaseSpec {
            environment: asked.environment.clone(),
            artifact: asked.version.artifact.clone(),
            version: asked.version.version.clone(),
            digest,
            workspaces: asked.workspaces.clone(),
            reason: asked.reason.clone(),
        },
    };
    let text = serde_yaml::to_string(&release)
        .or_fail(FailureKind::Internal)?
        .into_bytes();
    let signature = person.sign(context, RELEASE_NAMESPACE, &text)?;
    let path = path_of_release(&asked.environment, &asked.version.artifact);
    let new = NewFiles {
        files: BTreeMap::from([
            (path_of_signature(&path), Some(signature.into_bytes())),
            (path, Some(text)),
        ]),
        message: format!("release: {} to {}", asked.version, asked.environment),
        branch: asked.branch.clone(),
    };
    commit(context, engine, Some(person), &new)
}
