//! Writing what the ledger says as tags: only those that are missing, in an order that gives the same tags each time.

use std::collections::BTreeMap;

use semver::Version;
use serde::Serialize;

use crate::context::Context;
use crate::error::{Failure, FailureKind, Result};
use crate::git::Oid;
use crate::git::repository::Remote;
use crate::git::tags::NewTag;
use crate::manifest::layout::path_of_version;
use crate::model::artifact::VersionId;
use crate::model::gto::is_name;
use crate::ops::gto::registry::OWN_LINE;
use crate::ops::gto::{Held, StageLine, Standing, View};

/// How tags are written.
#[derive(Debug, Clone, Copy, Default)]
pub struct WriteRequest {
    /// Whether they are pushed.
    pub is_pushed: bool,
    /// Whether nothing is written, and only told.
    pub is_dry: bool,
    /// Whether what people wished is written over by what is so.
    pub settles: bool,
}

/// What was written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WriteReport {
    /// The tags that were made.
    pub made: Vec<String>,
    /// The tags that were here from before and were pushed now.
    pub caught_up: Vec<String>,
    /// Whether they were pushed.
    pub is_pushed: bool,
    /// Whether nothing was written.
    pub is_dry: bool,
    /// Tags of people that wish for something else, and were left.
    pub wishes: Vec<String>,
    /// What has no tag, and why.
    pub problems: Vec<String>,
}

/// Writes tags.
///
/// # Errors
///
/// When they cannot be written or pushed, or somebody else wrote one of them at the same time.
pub fn write(context: &Context, request: &WriteRequest) -> Result<WriteReport> {
    let view = View::open(context)?;
    let has_own = !matches!(view.repository.remote(), Remote::Url(_) | Remote::Offline);
    if !(has_own || request.is_pushed || request.is_dry) {
        let failure = Failure::new(
            FailureKind::Usage,
            "tags of a repository that is elsewhere are of no use unless they are pushed",
        );
        return Err(failure.hint("add `--push`, or run it in a clone"));
    }
    let mut writer = Writer::new(&view)?;
    writer.write_versions();
    writer.write_stages(request.settles);
    let Writer {
        new,
        wishes,
        problems,
        ..
    } = writer;
    let pushes = request.is_pushed && !matches!(view.repository.remote(), Remote::None);
    let caught_up = if pushes {
        view.unpushed.clone()
    } else {
        Vec::new()
    };
    if !request.is_dry {
        let by = context.committer(&view.repository)?;
        view.repository.make_tags(&new, &by, context.clock.now())?;
        if pushes {
            let made = new.iter().map(|tag| tag.name.as_str());
            let names: Vec<&str> = caught_up.iter().map(String::as_str).chain(made).collect();
            view.repository.push_tags(&names)?;
        }
    }
    Ok(WriteReport {
        made: new.into_iter().map(|tag| tag.name).collect(),
        caught_up,
        is_pushed: request.is_pushed && !request.is_dry,
        is_dry: request.is_dry,
        wishes,
        problems,
    })
}

struct Writer<'a> {
    view: &'a View,
    /// The commit of each version, by the tag that there is or will be.
    commits: BTreeMap<(String, Version), Oid>,
    /// The commits that made the manifests of versions without a tag.
    origins: BTreeMap<String, Oid>,
    new: Vec<NewTag>,
    wishes: Vec<String>,
    problems: Vec<String>,
}

impl<'a> Writer<'a> {
    fn new(view: &'a View) -> Result<Self> {
        let mut commits = BTreeMap::new();
        for (name, artifact) in &view.registry.0 {
            for (version, (commit, _)) in &artifact.versions {
                commits.insert((name.clone(), version.clone()), *commit);
            }
        }
        let mut paths = Vec::new();
        for (name, (artifact, versions)) in &view.artifacts {
            let missing = versions
                .iter()
                .filter(|version| !commits.contains_key(&(name.clone(), (*version).clone())));
            paths.extend(missing.map(|version| {
                path_of_version(&VersionId {
                    artifact: artifact.clone(),
                    version: version.clone(),
                })
            }));
        }
        let mut origins = BTreeMap::new();
        if !paths.is_empty() {
            let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
            let found = view.repository.origins(&paths, view.world.head.commit())?;
            let found = found.into_iter();
            origins.extend(found.filter_map(|(path, origin)| Some((path, origin.commit?))));
        }
        let unnamed = view.unnamed.iter();
        let unnamed = unnamed.map(|id| format!("`{id}`: GTO has no such name, for it has a dot"));
        let future = view.future.iter();
        let future = future.map(|tag| format!("`{tag}` is dated into the future and says nothing; `git tag --delete` it, here and at the remote"));
        let problems = unnamed.chain(future);
        Ok(Self {
            view,
            commits,
            origins,
            new: Vec::new(),
            wishes: Vec::new(),
            problems: problems.collect(),
        })
    }

    /// A tag for each version that has none, at the commit that made its manifest.
    fn write_versions(&mut self) {
        for (name, (artifact, versions)) in &self.view.artifacts {
            let of_artifact = self.commits.iter().filter(|((known, _), _)| known == name);
            let mut taken: BTreeMap<Oid, Version> = of_artifact
                .map(|((_, version), commit)| (*commit, version.clone()))
                .collect();
            for version in versions {
                let key = (name.clone(), version.clone());
                let tag = format!("{name}@v{version}");
                if self.commits.contains_key(&key) || self.view.future.contains(&tag) {
                    continue;
                }
                let id = VersionId {
                    artifact: artifact.clone(),
                    version: version.clone(),
                };
                let Some(commit) = self.origins.get(&path_of_version(&id)).copied() else {
                    self.problems
                        .push(format!("`{id}`: no commit of the branch has its manifest"));
                    continue;
                };
                // GTO tells versions by their commits, so two at one commit would be one to it.
                if let Some(other) = taken.insert(commit, version.clone()) {
                    self.problems.push(format!("`{id}`: its commit is that of {other} already, and GTO tells versions by commits"));
                    taken.insert(commit, other);
                    continue;
                }
                let message = format!("Registering artifact {name} version v{version}");
                self.add(tag, commit, &message);
                self.commits.insert(key, commit);
            }
        }
    }

    /// A tag for each stage whose latest tag is not what the ledger says.
    fn write_stages(&mut self, settles: bool) {
        let mut counters: BTreeMap<&str, u64> = BTreeMap::new();
        for line in self.view.stages() {
            let is_wish = matches!(line.standing, Standing::Wished | Standing::Asked);
            let is_written = match line.standing {
                Standing::Agrees | Standing::Unknown => false,
                Standing::Differs => {
                    let (name, stage) = (&line.artifact, &line.stage);
                    self.problems.push(format!(
                        "`{name}` in `{stage}`: its workspaces hold different versions"
                    ));
                    false
                }
                Standing::NotWritten => true,
                Standing::Wished | Standing::Asked => settles,
            };
            if is_wish && !is_written {
                self.wishes.extend(line.tag.clone());
            }
            let Some((name, _)) = self.view.artifacts.get_key_value(&line.artifact) else {
                continue;
            };
            let Some(Held::One(version)) =
                self.view.held_in(name, &line.stage).filter(|_| is_written)
            else {
                continue;
            };
            if !is_name(&line.stage) {
                self.problems
                    .push(format!("`{}`: GTO has no stage of that name", line.stage));
                continue;
            }
            let Some(commit) = self.commits.get(&(name.clone(), version.clone())).copied() else {
                continue;
            };
            let known = self.view.registry.0.get(name);
            if let Some(problem) = self.refusal(name, version, commit, &line) {
                self.problems.push(problem);
                continue;
            }
            let counter = counters
                .entry(name)
                .or_insert_with(|| known.map_or(0, |known| known.counter));
            *counter = counter.saturating_add(1);
            let tag = format!("{name}#{}#{counter}", line.stage);
            let message = format!(
                "Assigning stage {} to artifact {name} version v{version}",
                line.stage
            );
            self.add(tag, commit, &message);
        }
    }

    /// Why no tag is written for a stage, though GTO does not show what the ledger says.
    fn refusal(
        &self,
        name: &str,
        version: &Version,
        commit: Oid,
        line: &StageLine,
    ) -> Option<String> {
        let known = self.view.registry.0.get(name)?;
        let stage = &line.stage;
        let is_tagged = known
            .versions
            .get(version)
            .is_some_and(|(of, _)| *of == commit);
        if is_tagged && !self.view.reached.contains(&commit) {
            return Some(format!(
                "`{name}` in `{stage}`: the tag `{name}@v{version}` is at the commit {commit}, which is not of the branch"
            ));
        }
        let last = known.stages.get(stage)?;
        let is_there = last.is_own && !last.is_emptied && last.commit == commit;
        is_there.then(|| format!("`{name}` in `{stage}`: `{}` is there, but v{version} is deregistered by a tag, or another version is at its commit", last.tag))
    }

    fn add(&mut self, name: String, commit: Oid, message: &str) {
        let message = format!("{message}\n\n{OWN_LINE}{}\n", self.view.world.ledger);
        self.new.push(NewTag {
            name,
            commit,
            message,
        });
    }
}
