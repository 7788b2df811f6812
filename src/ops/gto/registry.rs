//! What tags of GTO say together: the versions of each artifact and what is in its stages. Read as GTO reads them: the latest
//! tag about a stage counts, by the time that it says and then by its number.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use crate::git::Oid;
use crate::git::tags::Tag;
use crate::model::gto::{GtoTag, Says};

/// The line of a message by which our own tags are known. Nothing is believed for it: it only keeps them from being taken for
/// somebody's wish.
pub(super) const OWN_LINE: &str = "promote-ledger: ";

/// Whether a tag says that it was written from a ledger.
pub(super) fn is_own(tag: &Tag) -> bool {
    tag.message.lines().any(|line| line.starts_with(OWN_LINE))
}

/// All artifacts by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Registry(pub(super) BTreeMap<String, Registered>);

/// One artifact.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Registered {
    /// The commit of each version, and whether it still is one.
    pub(super) versions: BTreeMap<Version, (Oid, bool)>,
    /// What is in each stage, by the tag that says so.
    pub(super) stages: BTreeMap<String, Assigned>,
    /// The highest number of any tag of it.
    pub(super) counter: u64,
}

/// The latest tag about a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Assigned {
    /// The tag.
    pub(super) tag: String,
    /// The commit that it leads to.
    pub(super) commit: Oid,
    /// The version at the commit: the highest, if there are several. `None` for none, and for a stage that was emptied.
    pub(super) version: Option<Version>,
    /// Whether it empties the stage.
    pub(super) is_emptied: bool,
    /// Who made it, as it says.
    pub(super) by: String,
    /// Whether it was written from the ledger.
    pub(super) is_own: bool,
}

impl Registry {
    /// Reads tags. One of a clock that is a little ahead is of now, so that it does not stay the latest. Those that are
    /// dated into the future say nothing, and their numbers are taken all the same.
    pub(super) fn of(tags: &[Tag], future: &[Tag], now: i64) -> Self {
        let parsed = tags
            .iter()
            .filter_map(|tag| Some((tag, GtoTag::parse(&tag.name)?)));
        let mut parsed: Vec<(&Tag, GtoTag)> = parsed.collect();
        parsed.sort_by_key(|(tag, says)| (tag.time.min(now), says.counter));
        let mut registry = Self::default();
        for (tag, gto) in parsed {
            let artifact = registry.0.entry(gto.artifact).or_default();
            artifact.counter = artifact.counter.max(gto.counter.unwrap_or_default());
            match gto.says {
                Says::Registers(version) => {
                    artifact.versions.insert(version, (tag.commit, true));
                }
                Says::Deregisters(version) => {
                    artifact.versions.insert(version, (tag.commit, false));
                }
                Says::Assigns(stage) => {
                    artifact.stages.insert(stage, Assigned::of(tag, false));
                }
                Says::Unassigns(stage) => {
                    artifact.stages.insert(stage, Assigned::of(tag, true));
                }
                Says::Created | Says::Deprecated => {}
            }
        }
        for tag in future.iter().filter_map(|tag| GtoTag::parse(&tag.name)) {
            let artifact = registry.0.entry(tag.artifact).or_default();
            artifact.counter = artifact.counter.max(tag.counter.unwrap_or_default());
        }
        for artifact in registry.0.values_mut() {
            let versions = &artifact.versions;
            for assigned in artifact
                .stages
                .values_mut()
                .filter(|stage| !stage.is_emptied)
            {
                let at_commit = |(_, (commit, is_version)): &(&Version, &(Oid, bool))| {
                    *is_version && *commit == assigned.commit
                };
                let last = versions.iter().rfind(at_commit);
                assigned.version = last.map(|(version, _)| version.clone());
            }
        }
        registry
    }

    /// The commits of all versions.
    pub(super) fn commits(&self) -> BTreeSet<Oid> {
        let versions = self
            .0
            .values()
            .flat_map(|artifact| artifact.versions.values());
        versions.map(|(commit, _)| *commit).collect()
    }
}

impl Assigned {
    fn of(tag: &Tag, is_emptied: bool) -> Self {
        Self {
            tag: tag.name.clone(),
            commit: tag.commit,
            version: None,
            is_emptied,
            by: tag.by.clone(),
            is_own: is_own(tag),
        }
    }
}
