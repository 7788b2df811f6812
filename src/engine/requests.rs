//! Who asked for what, as Git tells it: for all releases, in one walk over the history. Asking again for each of them would
//! walk it once for each.
//!
//! The walk begins on a thread of its own as soon as it is known that somebody will ask, so that it is done by the time
//! that the first promotion is judged.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::execute::version_of;
use crate::engine::world::World;
use crate::git::Oid;
use crate::git::error::GitError;
use crate::git::history::CommitInfo;
use crate::git::origins::Origin;
use crate::git::repository::Repository;
use crate::manifest::layout::{path_of_checksums, path_of_release, path_of_version};
use crate::model::artifact::VersionId;
use crate::model::id::EnvironmentName;
use crate::model::promotion::Promotion;

/// Where the files at one head come from. They never change, because a commit never does.
#[derive(Debug)]
pub struct Requests {
    head: Oid,
    paths: BTreeSet<String>,
    /// `None` when the history could not be read.
    origins: OnceLock<Option<BTreeMap<String, Origin>>>,
}

impl Requests {
    /// Nothing known yet of the files that releases at a head are asked by and made from.
    pub(crate) fn new<'a>(
        head: Oid,
        releases: impl Iterator<Item = (&'a EnvironmentName, VersionId)>,
    ) -> Self {
        let paths = releases.flat_map(|(environment, version)| paths_of(environment, &version));
        Self {
            head,
            paths: paths.collect(),
            origins: OnceLock::new(),
        }
    }

    /// Whether these are of a head and of all the files that others are of.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.head == other.head && self.paths == other.paths
    }

    /// Begins to read the history.
    pub(crate) fn begin(self: &Arc<Self>, repository: &Repository) {
        let (requests, repository) = (Arc::clone(self), repository.clone());
        let read = move || requests.origins(&repository).map(BTreeMap::len);
        let begun = std::thread::Builder::new().spawn(read);
        if let Err(error) = begun {
            tracing::debug!(%error, "the history is read when it is asked for");
        }
    }

    /// The origins, read by whoever comes first.
    fn origins(&self, repository: &Repository) -> Option<&BTreeMap<String, Origin>> {
        let read = || self.read(repository).ok();
        self.origins.get_or_init(read).as_ref()
    }

    fn read(&self, repository: &Repository) -> Result<BTreeMap<String, Origin>, GitError> {
        let paths: Vec<&str> = self.paths.iter().map(String::as_str).collect();
        repository.origins(&paths, self.head)
    }
}

impl Engine {
    /// The commit that made the release file of a promotion what it is.
    ///
    /// # Errors
    ///
    /// When the history cannot be read.
    pub(crate) fn release_commit(
        &self,
        world: &World,
        path: &str,
    ) -> Result<Option<CommitInfo>, EngineError> {
        let origins = self.origins_of(world, &[path.to_owned()])?;
        let commit = origins.into_iter().find_map(|origin| origin.commit);
        Ok(commit
            .map(|commit| self.repository.commit_info(commit))
            .transpose()?)
    }

    /// The addresses of everyone who changed what a promotion is asked by and made from.
    ///
    /// # Errors
    ///
    /// When the history cannot be read.
    pub(crate) fn authors_of(
        &self,
        world: &World,
        promotion: &Promotion,
    ) -> Result<BTreeSet<String>, EngineError> {
        let paths = paths_of(&promotion.environment, &version_of(promotion));
        let origins = self.origins_of(world, &paths)?;
        Ok(origins
            .into_iter()
            .flat_map(|origin| origin.authors)
            .collect())
    }

    /// Where some paths come from; nothing for those that never were anything.
    fn origins_of(&self, world: &World, paths: &[String]) -> Result<Vec<Origin>, EngineError> {
        let requests = &world.requests;
        let is_known = paths.iter().all(|path| requests.paths.contains(path));
        if let Some(origins) = requests.origins(&self.repository).filter(|_| is_known) {
            let found = paths.iter().filter_map(|path| origins.get(path));
            return Ok(found.cloned().collect());
        }
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let origins = self.repository.origins(&paths, world.head.commit())?;
        Ok(origins.into_values().collect())
    }
}

/// The files that a promotion is asked by and made from.
fn paths_of(environment: &EnvironmentName, version: &VersionId) -> [String; 3] {
    [
        path_of_release(environment, &version.artifact),
        path_of_version(version),
        path_of_checksums(version),
    ]
}
