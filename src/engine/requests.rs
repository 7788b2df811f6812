//! Who asked for what, as Git tells it: for all promotions that are to be made, in one walk over the history. Asking again
//! for each of them would walk it once for each.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::execute::version_of;
use crate::engine::world::World;
use crate::git::history::CommitInfo;
use crate::manifest::layout::{path_of_checksums, path_of_release, path_of_version};
use crate::model::promotion::Promotion;
use crate::plan::desired::Change;

/// Facts about files at one head. They never change, because a commit never does.
#[derive(Debug, Default)]
pub struct Requests {
    changes: BTreeMap<String, git2::Oid>,
    authors: BTreeMap<String, BTreeSet<String>>,
    paths: BTreeSet<String>,
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
        let requests = self.requests(world)?;
        if !requests.paths.contains(path) {
            return Ok(self.repository.last_change(path, world.head.commit())?);
        }
        let commit = requests.changes.get(path);
        Ok(commit
            .map(|commit| self.repository.commit_info(*commit))
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
        let requests = self.requests(world)?;
        let paths = paths_of(promotion);
        if paths.iter().all(|path| requests.paths.contains(path)) {
            let known = paths.iter().filter_map(|path| requests.authors.get(path));
            return Ok(known.flatten().cloned().collect());
        }
        let paths = paths.each_ref().map(String::as_str);
        let authors = self.repository.authors_of(&paths, world.head.commit())?;
        Ok(authors.into_values().flatten().collect())
    }

    fn requests<'w>(&self, world: &'w World) -> Result<&'w Requests, EngineError> {
        if let Some(requests) = world.requests.get() {
            return Ok(requests);
        }
        let requests = self.walk(world)?;
        Ok(world.requests.get_or_init(|| requests))
    }

    fn walk(&self, world: &World) -> Result<Requests, EngineError> {
        let promotions = world
            .changes()
            .into_iter()
            .filter_map(|change| match change {
                Change::Promote(promotion) | Change::Failed(promotion) => Some(promotion),
                Change::UpToDate { .. } => None,
            });
        let paths: BTreeSet<String> = promotions
            .flat_map(|promotion| paths_of(&promotion))
            .collect();
        let all: Vec<&str> = paths.iter().map(String::as_str).collect();
        let head = world.head.commit();
        Ok(Requests {
            changes: self.repository.last_changes(&all, head)?,
            authors: self.repository.authors_of(&all, head)?,
            paths,
        })
    }
}

/// The files that a promotion is asked by and made from.
fn paths_of(promotion: &Promotion) -> [String; 3] {
    let version = version_of(promotion);
    [
        path_of_release(&promotion.environment, &promotion.slot.artifact),
        path_of_version(&version),
        path_of_checksums(&version),
    ]
}
