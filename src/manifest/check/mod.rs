//! What must hold between the files of a repository.

mod address;
mod attestation;
mod directory;
mod edge;
mod freeze;
mod graph;
mod label;
mod lineage;
mod naming;
mod pipeline;
mod platform;
mod policy;
mod project;
mod reference;
mod region;
mod release;
mod residency;
mod same_path;
mod scope;
mod snapshot;
mod trust;
mod version;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt::Display;

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use crate::diagnostic::{Diagnostic, Loc, did_you_mean};
use crate::manifest::layout::{Place, path_of};
use crate::manifest::repository::{RegisteredVersion, Repository};
use crate::manifest::topology::TopologySpec;
use crate::manifest::trust_root::TrustRootSpec;
use crate::manifest::yaml::{Document, Value};
use crate::model::artifact::VersionId;
use crate::model::id::{DatasetName, EnvironmentName, GroupName, ProjectName, WorkspaceName};
use crate::model::label::Tag;

/// How many errors of each check are looked up for what was meant.
const MAX_SUGGESTIONS: usize = 64;
/// How many names are compared for one error.
const MAX_CANDIDATES: usize = 2_000;

/// Every check, in the order of the files that they look at.
const CHECKS: [fn(&Facts<'_>) -> Vec<Diagnostic>; 21] = [
    same_path::check,
    reference::check,
    project::check,
    scope::check,
    region::check,
    residency::check,
    naming::check,
    label::check,
    address::check,
    edge::check,
    directory::check,
    platform::check,
    version::check,
    attestation::check,
    lineage::check,
    pipeline::check,
    snapshot::check,
    release::check,
    policy::check,
    freeze::check,
    trust::check,
];

/// Reports all that files say against each other. The checks run beside each other and report in their order.
///
/// `unreadable` are the files that could not be read: what is broken is not reported as missing. With `only`, those are the
/// versions that can be wrong, and no others are looked at, but for what their lineage leads to.
pub(super) fn check(
    repository: &Repository,
    unreadable: &BTreeSet<Place>,
    only: Option<&BTreeSet<VersionId>>,
) -> Vec<Diagnostic> {
    let run = |check: &fn(&Facts<'_>) -> Vec<Diagnostic>| {
        check(&Facts {
            repository,
            unreadable,
            only,
            suggestions_left: Cell::new(MAX_SUGGESTIONS),
        })
    };
    let found: Vec<_> = CHECKS.par_iter().map(run).collect();
    found.concat()
}

/// What the checks look at.
struct Facts<'a> {
    repository: &'a Repository,
    unreadable: &'a BTreeSet<Place>,
    /// The versions that are looked at, if not all.
    only: Option<&'a BTreeSet<VersionId>>,
    /// Looking for what was meant is slow, so only the first errors get it.
    suggestions_left: Cell<usize>,
}

impl<'a> Facts<'a> {
    fn topology(&self) -> &'a TopologySpec {
        &self.repository.topology.value.spec
    }

    fn trust(&self) -> &'a TrustRootSpec {
        &self.repository.trust_root.value.spec
    }

    /// The versions to look at, by name.
    fn versions(&self) -> impl Iterator<Item = (&'a VersionId, &'a RegisteredVersion)> {
        let versions = &self.repository.versions;
        let all = self.only.is_none().then(|| versions.iter());
        let some = self.only.into_iter().flatten();
        let some = some.filter_map(|id| versions.get_key_value(id));
        all.into_iter().flatten().chain(some)
    }

    /// Whether there is a file at a place, readable or not.
    fn has(&self, place: &Place) -> bool {
        self.repository.has(place) || self.unreadable.contains(place)
    }

    /// The place of an environment in the order, from the least trusted.
    fn rank(&self, name: &EnvironmentName) -> Option<usize> {
        self.topology()
            .environments
            .iter()
            .position(|other| other == name)
    }

    fn environment(&self, name: &EnvironmentName, loc: impl FnOnce() -> Loc) -> Option<Diagnostic> {
        let names = &self.topology().environments;
        let place = "spec.environments of promote.yaml";
        (!names.contains(name)).then(|| {
            self.unknown(
                "unknown-environment",
                loc(),
                "environment",
                name,
                names.iter(),
                place,
            )
        })
    }

    fn tag(&self, tag: &Tag, loc: impl FnOnce() -> Loc) -> Option<Diagnostic> {
        let tags = &self.topology().tags;
        let place = "spec.tags of promote.yaml";
        (!tags.contains_key(tag))
            .then(|| self.unknown("unknown-tag", loc(), "tag", tag, tags.keys(), place))
    }

    fn group(&self, name: &GroupName, loc: impl FnOnce() -> Loc) -> Option<Diagnostic> {
        let groups = &self.trust().groups;
        let place = "spec.groups of trust/root.yaml";
        (!groups.contains_key(name))
            .then(|| self.unknown("unknown-group", loc(), "group", name, groups.keys(), place))
    }

    fn workspace(&self, name: &WorkspaceName, loc: impl FnOnce() -> Loc) -> Option<Diagnostic> {
        if self.repository.workspaces.contains_key(name) {
            return None;
        }
        let place = Place::Workspace(name.clone());
        let names = self.repository.workspaces.keys();
        (!self.has(&place)).then(|| {
            self.unknown(
                "unknown-workspace",
                loc(),
                "workspace",
                name,
                names,
                &path_of(&place),
            )
        })
    }

    fn project(&self, name: &ProjectName, loc: impl FnOnce() -> Loc) -> Option<Diagnostic> {
        if self.repository.projects.contains_key(name) {
            return None;
        }
        let place = Place::Project(name.clone());
        let names = self.repository.projects.keys();
        (!self.has(&place)).then(|| {
            self.unknown(
                "unknown-project",
                loc(),
                "project",
                name,
                names,
                &path_of(&place),
            )
        })
    }

    fn dataset(&self, name: &DatasetName, loc: impl FnOnce() -> Loc) -> Option<Diagnostic> {
        if self.repository.datasets.contains_key(name) {
            return None;
        }
        let place = Place::Dataset(name.clone());
        let names = self.repository.datasets.keys();
        (!self.has(&place)).then(|| {
            self.unknown(
                "unknown-dataset",
                loc(),
                "dataset",
                name,
                names,
                &path_of(&place),
            )
        })
    }

    /// A name that nothing has, with the name that was probably meant, or where to declare it.
    fn unknown<T: Display>(
        &self,
        code: &'static str,
        loc: Loc,
        what: &str,
        name: &impl Display,
        candidates: impl Iterator<Item = T>,
        declared_in: &str,
    ) -> Diagnostic {
        let name = name.to_string();
        let problem = Diagnostic::error(code, loc, format!("there is no {what} `{name}`"));
        let left = self.suggestions_left.get();
        self.suggestions_left.set(left.saturating_sub(1));
        let candidates: Vec<String> = candidates
            .take(if left == 0 { 0 } else { MAX_CANDIDATES })
            .map(|candidate| candidate.to_string())
            .collect();
        match did_you_mean(&name, candidates.iter().map(String::as_str)) {
            Some(meant) => problem.hint(format!("did you mean `{meant}`?")),
            None => problem.hint(format!("declare it in {declared_in}")),
        }
    }
}

/// The place of one item of a list that was read as a set, which has lost the order.
fn item<T>(document: &Document<T>, pointer: &str, item: &impl Display) -> Loc {
    let text = item.to_string();
    let tree = document.node(pointer);
    let index = tree.and_then(|node| match node.value() {
        Value::List(items) => items
            .iter()
            .position(|item| item.scalar_text() == Some(text.as_str())),
        _ => None,
    });
    document.at(&index.map_or_else(|| pointer.to_owned(), |index| format!("{pointer}/{index}")))
}
