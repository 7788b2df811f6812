//! `promote plan` and `promote explain`: what would be done, and why or why not.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::context::Context;
use crate::diagnostic::Diagnostic;
use crate::engine::evidence::Judged;
use crate::engine::reconcile::RunReport;
use crate::engine::world::World;
use crate::error::{Failure, FailureKind, Result};
use crate::manifest::layout::{TRUST_ROOT_PATH, path_of_release};
use crate::model::artifact::VersionId;
use crate::model::digest::Sha256;
use crate::model::id::{EnvironmentName, GroupName};
use crate::model::label::Tag;
use crate::model::promotion::Promotion;
use crate::model::verdict::Decision;
use crate::ops::lineage::path::path_of_tag;
use crate::plan::desired::{Change, Wanted, plan_change};

/// What would be done.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanReport {
    /// The commit that was planned from.
    pub commit: String,
    /// Where every slot stands.
    #[serde(flatten)]
    pub run: RunReport,
}

/// Plans without changing anything.
///
/// # Errors
///
/// When something cannot be read or believed.
pub fn plan(context: &Context) -> Result<PlanReport> {
    let mut engine = context.observer()?;
    let world = engine.observe()?;
    let run = engine.survey(&world, Vec::new())?.run;
    let commit = world.head.commit().to_string();
    engine.leave(world);
    Ok(PlanReport { commit, run })
}

/// The verdicts on one version for one environment.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The version.
    pub version: VersionId,
    /// The environment.
    pub environment: EnvironmentName,
    /// Whether a release asks for it; otherwise this is what would be if one did.
    pub is_requested: bool,
    /// The promotion to each workspace, judged.
    pub promotions: Vec<ExplainedPromotion>,
}

/// One promotion, judged.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedPromotion {
    /// The promotion.
    pub promotion: Promotion,
    /// Every gate's answer.
    pub decision: Decision,
    /// For each tag that keeps it out, the way that it came by. Not for `production`: what is told about a workspace that
    /// is not cleared for it names nothing of production.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub paths: BTreeMap<Tag, Vec<String>>,
}

/// Judges a version for an environment, with the same code that the engine uses.
///
/// # Errors
///
/// When there is no such version or environment.
pub fn explain(
    context: &Context,
    version: &VersionId,
    environment: &EnvironmentName,
) -> Result<Explanation> {
    let mut engine = context.observer()?;
    let world = engine.observe()?;
    let (wanted, is_requested) = wanted(&world, version, environment)?;
    let mut promotions = Vec::new();
    for target in world
        .targets
        .values()
        .filter(|target| target.facts.environment == *environment)
    {
        let promotion = match plan_change(world.basis(), &wanted, target) {
            Change::Promote(promotion) | Change::Failed(promotion) => promotion,
            Change::UpToDate { .. } => continue,
        };
        let Judged {
            promotion,
            decision,
            ..
        } = engine.judge(&world, promotion)?;
        let known = world.labels.get(promotion.digest);
        let beyond = known.map(|known| known.label.beyond(&target.facts.clearance));
        let beyond = beyond.unwrap_or_default().into_iter();
        let path = |tag: Tag| {
            let path = path_of_tag(&world, promotion.digest, &tag);
            (tag, path)
        };
        promotions.push(ExplainedPromotion {
            paths: beyond
                .filter(|tag| *tag != Tag::production())
                .map(path)
                .collect(),
            promotion,
            decision,
        });
    }
    Ok(Explanation {
        version: version.clone(),
        environment: environment.clone(),
        is_requested,
        promotions,
    })
}

/// The release that asks for the version, or one that would.
fn wanted(
    world: &World,
    version: &VersionId,
    environment: &EnvironmentName,
) -> Result<(Wanted, bool)> {
    if world.environments.rank(environment).is_none() {
        let names: Vec<&str> = world
            .environments
            .names()
            .iter()
            .map(EnvironmentName::as_str)
            .collect();
        return Err(unknown("environment", environment.as_str(), &names));
    }
    let asked = world
        .wanted
        .get(&path_of_release(environment, &version.artifact));
    if let Some(asked) = asked.filter(|asked| asked.version == version.version) {
        return Ok((asked.clone(), true));
    }
    let known = find_version(world, version)?;
    let wanted = Wanted {
        release: Sha256::of(b""),
        environment: environment.clone(),
        artifact: version.artifact.clone(),
        version: version.version.clone(),
        digest: known.document.value.spec.digest,
        workspaces: std::collections::BTreeSet::new(),
    };
    Ok((wanted, false))
}

/// The manifest of a version.
///
/// # Errors
///
/// When there is none; says which there are.
pub fn find_version<'w>(
    world: &'w World,
    version: &VersionId,
) -> Result<&'w crate::manifest::repository::RegisteredVersion> {
    world.manifests.versions.get(version).ok_or_else(|| {
        if let Some(problem) = world
            .ignored
            .iter()
            .find(|problem| is_about(problem, version))
        {
            return Failure::diagnostics(vec![problem.clone()])
                .during(format!("`{version}` is not valid"));
        }
        let names: Vec<String> = world
            .manifests
            .versions
            .keys()
            .map(ToString::to_string)
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        unknown("version", &version.to_string(), &names)
    })
}

fn is_about(problem: &Diagnostic, version: &VersionId) -> bool {
    problem.loc.file.path == crate::manifest::layout::path_of_version(version)
}

/// A failure for a group that there is not, with how there would be one.
#[must_use]
pub fn unknown_group<'a>(group: &GroupName, known: impl Iterator<Item = &'a GroupName>) -> Failure {
    let names: Vec<&str> = known.map(GroupName::as_str).collect();
    unknown("group", group.as_str(), &names).hint(format!(
        "a new group is a line `{group}: []` under `groups` in {TRUST_ROOT_PATH}, signed with `promote trust sign`"
    ))
}

/// A failure for a name that there is not, with the nearest that there is.
#[must_use]
pub fn unknown(what: &str, name: &str, known: &[&str]) -> Failure {
    let failure = Failure::new(FailureKind::Invalid, format!("there is no {what} `{name}`"));
    match crate::diagnostic::did_you_mean(name, known.iter().copied()) {
        Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
        None if known.is_empty() => failure.hint(format!("there is no {what} at all yet")),
        None => failure.hint(format!(
            "there is: {}",
            known
                .iter()
                .take(20)
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ")
        )),
    }
}
