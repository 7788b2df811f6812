//! `promote gto`: tags as GTO writes them, for users of DVC. What the ledger says is written as tags, and an assignment that
//! somebody tagged is a wish: it becomes a release when a person signs it, and never an approval.

mod registry;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;
use serde::Serialize;

use crate::context::Context;
use crate::engine::world::World;
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::git::Oid;
use crate::git::repository::Repository;
use crate::git::tags::Tag;
use crate::manifest::layout::path_of_release;
use crate::model::artifact::{ArtifactId, VersionId};
use crate::model::gto::{GtoTag, name_of};
use crate::model::id::EnvironmentName;
use crate::ops::gto::registry::{Assigned, Registry, is_own};
use crate::ops::plan::unknown;
use crate::ops::release::{ReleaseReport, ReleaseRequest, request};

pub use write::{WriteReport, WriteRequest, write};

/// How far the clock of whoever makes a tag may be ahead of ours, in seconds.
const CLOCK_AHEAD: i64 = 300;

/// What tags say, beside what the ledger says.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GtoReport {
    /// Each artifact and stage that tags or the ledger know, by name.
    pub stages: Vec<StageLine>,
    /// How many tags of GTO there are.
    pub tags: usize,
    /// How many versions they register.
    pub versions: usize,
    /// Tags that are dated into the future, and say nothing.
    pub future: Vec<String>,
}

/// One stage of one artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StageLine {
    /// The artifact, as tags name it.
    pub artifact: String,
    /// The stage: an environment, if the topology has one of that name.
    pub stage: String,
    /// The version that the latest tag assigns.
    pub tagged: Option<Version>,
    /// That tag.
    pub tag: Option<String>,
    /// Who made it, as it says.
    pub by: Option<String>,
    /// The version that the ledger says is there.
    pub held: Option<Version>,
    /// What it means.
    pub standing: Standing,
}

/// What a stage means beside the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Tag and ledger say the same.
    Agrees,
    /// Somebody assigned another version: a wish that nobody has asked `promote` for.
    Wished,
    /// Somebody assigned another version, and a release asks for it.
    Asked,
    /// The ledger says something, and no tag does, or only an older one of ours.
    NotWritten,
    /// The tag is about something that is not registered, or about no environment.
    Unknown,
    /// The workspaces of the environment hold different versions.
    Differs,
}

impl Standing {
    /// The word for it, as `-o json` says it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::Wished => "wished",
            Self::Asked => "asked",
            Self::NotWritten => "not-written",
            Self::Unknown => "unknown",
            Self::Differs => "differs",
        }
    }
}

/// Says what tags say.
///
/// # Errors
///
/// When something cannot be read or believed.
pub fn show(context: &Context) -> Result<GtoReport> {
    let view = View::open(context)?;
    let versions = view
        .registry
        .0
        .values()
        .map(|artifact| artifact.versions.len());
    Ok(GtoReport {
        stages: view.stages(),
        tags: view.tags,
        versions: versions.sum(),
        future: view.future.into_iter().collect(),
    })
}

/// Asks for what people assigned by tags: all of it, or what some tags say. A release for each, signed by who runs this.
///
/// # Errors
///
/// When a tag is no open wish, or a release cannot be written.
pub fn ask(context: &Context, tags: &[String], branch: Option<&str>) -> Result<Vec<ReleaseReport>> {
    let view = View::open(context)?;
    let all = view.stages();
    let open = all.iter().filter(|line| line.standing == Standing::Wished);
    let open: BTreeMap<&str, &StageLine> = open
        .filter_map(|line| Some((line.tag.as_deref()?, line)))
        .collect();
    let names: Vec<&str> = open.keys().copied().collect();
    let meant: Vec<&str> = if tags.is_empty() {
        names.clone()
    } else {
        tags.iter().map(String::as_str).collect()
    };
    if branch.is_some() && meant.len() > 1 {
        let message = format!("a branch is for one tag, and these are {}", meant.len());
        let failure = Failure::new(FailureKind::Usage, message);
        return Err(failure.hint("name one tag, or leave `--branch` out"));
    }
    let mut asked = Vec::new();
    for tag in meant {
        let line = open
            .get(tag)
            .ok_or_else(|| unknown("open wish tagged", tag, &names))?;
        let (Some((artifact, _)), Some(version)) =
            (view.artifacts.get(&line.artifact), &line.tagged)
        else {
            continue;
        };
        let by = line.by.as_deref().unwrap_or("somebody");
        asked.push(ReleaseRequest {
            version: VersionId {
                artifact: artifact.clone(),
                version: version.clone(),
            },
            environment: line.stage.parse().or_fail(FailureKind::Internal)?,
            workspaces: BTreeSet::new(),
            reason: Some(format!("`{tag}`, tagged by {by}")),
            branch: branch.map(str::to_owned),
        });
    }
    asked.iter().map(|asked| request(context, asked)).collect()
}

/// Everything that is looked at.
struct View {
    repository: Repository,
    world: World,
    registry: Registry,
    /// The commits of versions that are part of the branch.
    reached: BTreeSet<Oid>,
    /// Tags that are dated into the future.
    future: BTreeSet<String>,
    tags: usize,
    /// Tags from the ledger that the remote does not have yet.
    unpushed: Vec<String>,
    /// Our artifacts by the name that tags have for them, each with its registered versions.
    artifacts: BTreeMap<String, (ArtifactId, BTreeSet<Version>)>,
    /// What environments hold.
    held: BTreeMap<(String, EnvironmentName), Held>,
    /// Artifacts that GTO has no name for.
    unnamed: BTreeSet<ArtifactId>,
}

/// What an environment holds of an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Held {
    /// All its workspaces that hold any hold this one.
    One(Version),
    /// They hold different ones.
    Several,
}

impl View {
    fn open(context: &Context) -> Result<Self> {
        let mut engine = context.observer()?;
        let world = engine.observe()?;
        let repository = engine.repository().clone();
        let tags = repository.tags(|name| GtoTag::parse(name).is_some())?;
        let now = context.clock.now().as_second();
        let is_past = |tag: &Tag| tag.time <= now.saturating_add(CLOCK_AHEAD);
        let count = tags.len();
        let (tags, future): (Vec<Tag>, Vec<Tag>) = tags.into_iter().partition(is_past);
        let registry = Registry::of(&tags, &future, now);
        let reached = repository.reached(&registry.commits(), world.head.commit())?;
        let unpushed = tags.iter().filter(|tag| is_own(tag) && !tag.is_remote);
        let mut view = Self {
            registry,
            reached,
            future: future.into_iter().map(|tag| tag.name).collect(),
            tags: count,
            unpushed: unpushed.map(|tag| tag.name.clone()).collect(),
            artifacts: BTreeMap::new(),
            held: BTreeMap::new(),
            unnamed: BTreeSet::new(),
            repository,
            world,
        };
        view.find_artifacts();
        view.find_held();
        Ok(view)
    }

    fn find_artifacts(&mut self) {
        for id in self.world.state().registrations.keys() {
            match name_of(&id.artifact) {
                Some(name) => {
                    let entry = || (id.artifact.clone(), BTreeSet::new());
                    let (_, versions) = self.artifacts.entry(name).or_insert_with(entry);
                    versions.insert(id.version.clone());
                }
                None => {
                    self.unnamed.insert(id.artifact.clone());
                }
            }
        }
    }

    fn find_held(&mut self) {
        for (slot, state) in self.world.state().slots.iter() {
            let (Some(name), Some(holding)) = (name_of(&slot.artifact), &state.held) else {
                continue;
            };
            let Some(target) = self.world.workspace(&slot.workspace) else {
                continue;
            };
            let version = &holding.version.version;
            let held = self.held.entry((name, target.environment.clone()));
            let held = held.or_insert_with(|| Held::One(version.clone()));
            if *held != Held::One(version.clone()) {
                *held = Held::Several;
            }
        }
    }

    /// Every stage that tags or the ledger know.
    fn stages(&self) -> Vec<StageLine> {
        let mut places: BTreeSet<(String, String)> = BTreeSet::new();
        for (name, artifact) in &self.registry.0 {
            places.extend(
                artifact
                    .stages
                    .keys()
                    .map(|stage| (name.clone(), stage.clone())),
            );
        }
        let held = self.held.keys();
        places.extend(held.map(|(name, stage)| (name.clone(), stage.to_string())));
        places
            .into_iter()
            .map(|(name, stage)| self.line(name, stage))
            .collect()
    }

    fn line(&self, artifact: String, stage: String) -> StageLine {
        let assigned = self.registry.0.get(&artifact);
        let assigned = assigned.and_then(|artifact| artifact.stages.get(&stage));
        let held = self.held_in(&artifact, &stage);
        StageLine {
            tagged: assigned.and_then(|assigned| assigned.version.clone()),
            tag: assigned.map(|assigned| assigned.tag.clone()),
            by: assigned.map(|assigned| assigned.by.clone()),
            standing: self.standing(&artifact, &stage, assigned),
            held: match held {
                Some(Held::One(version)) => Some(version.clone()),
                Some(Held::Several) | None => None,
            },
            artifact,
            stage,
        }
    }

    fn held_in(&self, artifact: &str, stage: &str) -> Option<&Held> {
        let environment = stage.parse().ok()?;
        self.held.get(&(artifact.to_owned(), environment))
    }

    fn standing(&self, artifact: &str, stage: &str, assigned: Option<&Assigned>) -> Standing {
        let environments = &self.world.environments;
        let environment = stage.parse::<EnvironmentName>().ok();
        let environment = environment.filter(|name| environments.rank(name).is_some());
        let held = self.held_in(artifact, stage);
        let (Some(environment), Some((id, versions))) = (environment, self.artifacts.get(artifact))
        else {
            return Standing::Unknown;
        };
        let Some(assigned) = assigned else {
            return match held {
                Some(Held::Several) => Standing::Differs,
                Some(Held::One(_)) | None => Standing::NotWritten,
            };
        };
        let Some(version) = &assigned.version else {
            // A stage that somebody emptied, or a commit that is no version: no wish that could be asked for.
            return if held.is_some() {
                Standing::NotWritten
            } else {
                Standing::Unknown
            };
        };
        match held {
            Some(Held::One(held)) if held == version => {
                // At a commit that is not of the branch are files that nobody here looked at.
                return if self.reached.contains(&assigned.commit) {
                    Standing::Agrees
                } else {
                    Standing::NotWritten
                };
            }
            Some(Held::Several) => return Standing::Differs,
            Some(Held::One(_)) if assigned.is_own => return Standing::NotWritten,
            None if assigned.is_own => return Standing::NotWritten,
            Some(Held::One(_)) | None => {}
        }
        if !versions.contains(version) {
            return Standing::Unknown;
        }
        let wanted = self.world.wanted.get(&path_of_release(&environment, id));
        if wanted.is_some_and(|wanted| wanted.version == *version) {
            Standing::Asked
        } else {
            Standing::Wished
        }
    }
}
