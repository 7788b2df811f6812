//! Who asked for what, as Git tells it: for all releases, in one walk over the history. Asking again for each of them would
//! walk it once for each.
//!
//! What is found out of each commit is kept on this machine, since it never changes (decision 0011). The walk begins on a thread of its own as soon as it is known that somebody will ask, so that it is done by the time
//! that the first promotion is judged.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::execute::version_of;
use crate::engine::world::World;
use crate::fs::kept;
use crate::git::Oid;
use crate::git::error::GitError;
use crate::git::history::CommitInfo;
use crate::git::origins::{History, Origin};
use crate::git::repository::Repository;
use crate::manifest::layout::{path_of_checksums, path_of_release, path_of_version};
use crate::model::artifact::VersionId;
use crate::model::id::EnvironmentName;
use crate::model::promotion::Promotion;

/// How many commits may be new without being kept: they are read again in less time than a large file is written.
const KEEP_FROM: usize = 64;
/// The largest file that is kept, in bytes.
const MAX_KEPT_BYTES: usize = 64 << 20;

/// What an engine knows of commits, from one look to the next.
pub(crate) type Known = Arc<Mutex<Option<History>>>;

/// Where the files at one head come from. They never change, because a commit never does.
#[derive(Debug)]
pub struct Requests {
    head: Oid,
    paths: BTreeSet<String>,
    /// Where what is known of commits is kept, if it is to be believed.
    kept: Option<PathBuf>,
    /// What this engine knows of commits.
    known: Known,
    /// `None` when the history could not be read.
    origins: OnceLock<Option<BTreeMap<String, Origin>>>,
}

impl Requests {
    /// Nothing known yet of the files that releases at a head are asked by and made from.
    pub(crate) fn new<'a>(
        head: Oid,
        releases: impl Iterator<Item = (&'a EnvironmentName, VersionId)>,
        kept: Option<PathBuf>,
        known: Known,
    ) -> Self {
        let paths = releases.flat_map(|(environment, version)| paths_of(environment, &version));
        Self {
            head,
            paths: paths.collect(),
            kept,
            known,
            origins: OnceLock::new(),
        }
    }

    /// Whether these are of a head and of all the files that others are of.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.head == other.head && self.paths == other.paths
    }

    /// Begins to read the history, on a thread that nobody has to wait for.
    pub(crate) fn begin(self: &Arc<Self>, repository: &Repository) -> Option<JoinHandle<()>> {
        let (requests, repository) = (Arc::clone(self), repository.clone());
        let read = move || {
            requests.origins(&repository);
        };
        let begun = std::thread::Builder::new().spawn(read);
        begun
            .inspect_err(
                |error| tracing::debug!(%error, "the history is read when it is asked for"),
            )
            .ok()
    }

    /// The origins, read by whoever comes first.
    fn origins(&self, repository: &Repository) -> Option<&BTreeMap<String, Origin>> {
        let read = || self.read(repository).ok();
        self.origins.get_or_init(read).as_ref()
    }

    fn read(&self, repository: &Repository) -> Result<BTreeMap<String, Origin>, GitError> {
        let kept = self.kept.as_deref();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // Whatever fails from here on, nothing is known of it the next time.
        let history = known.take();
        let load = || kept.and_then(|path| load(path).ok()?);
        let mut history = history.or_else(load).unwrap_or_default();
        let new = history.learn(repository, self.head)?;
        if let Some(path) = kept.filter(|_| new >= KEEP_FROM)
            && let Err(error) = keep(path, &history)
        {
            let path = path.display();
            tracing::debug!(%path, %error, "what is known of the history is not kept");
        }
        let paths: Vec<&str> = self.paths.iter().map(String::as_str).collect();
        let origins = history.origins(repository, &paths, self.head)?;
        *known = Some(history);
        Ok(origins)
    }
}

/// What was kept; `None` when it is damaged, or somebody else could have written it.
fn load(path: &Path) -> io::Result<Option<History>> {
    let bytes = kept::load(path, MAX_KEPT_BYTES)?;
    Ok(bytes.and_then(|bytes| History::decode(&bytes)))
}

fn keep(path: &Path, history: &History) -> io::Result<()> {
    kept::keep(path, &history.encode(), MAX_KEPT_BYTES)
}

impl Engine {
    /// Begins to read the history of what was observed last, on a thread that nobody has to wait for, so that the first release
    /// to come need not wait for all of it.
    pub fn read_history_ahead(&self) -> Option<JoinHandle<()>> {
        self.requests.as_ref()?.begin(&self.repository)
    }

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

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests arrange files")]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::engine::testing::{Made, TestOrganisation};
    use crate::model::digest::Sha256;
    use crate::plan::desired::Change;

    /// The authors of what is asked, with what is kept.
    fn authors(mut engine: Engine) -> BTreeSet<String> {
        let world = engine.observe().unwrap();
        let Some(Change::Promote(promotion)) = world.changes().into_iter().next() else {
            panic!("nothing is asked");
        };
        engine.authors_of(&world, &promotion).unwrap()
    }

    #[test]
    fn the_history_is_read_before_the_first_release_comes() {
        let organisation = TestOrganisation::new();
        let mut engine = organisation.observer();
        let head = engine.observe().unwrap().head.commit();
        assert!(engine.history.lock().unwrap().is_none(), "nothing is asked");
        engine.read_history_ahead().unwrap().join().unwrap();
        let mut known = engine.history.lock().unwrap().take().unwrap();
        assert_eq!(
            known.learn(engine.repository(), head).unwrap(),
            0,
            "new commits"
        );
    }

    #[test]
    fn what_is_kept_of_the_history_counts_only_when_nobody_else_could_have_written_it() {
        let organisation = TestOrganisation::new();
        let version = "wildlife/model/penguin-species@1.0.0";
        organisation.register("eve", version, &Made::default());
        organisation.request("eve", version, "qa");
        organisation.reconcile();
        let right = authors(organisation.observer());
        assert!(!right.is_empty());

        let mut engine = organisation.observer();
        let path = engine.history_path().unwrap();
        let head = engine.observe().unwrap().head.commit();
        let mut history = History::default();
        history.learn(engine.repository(), head).unwrap();
        keep(&path, &history).unwrap();
        assert_eq!(authors(organisation.observer()), right);

        let text = String::from_utf8(history.encode()).unwrap();
        let (_, json) = text.split_once('\n').unwrap();
        let forged = json.replace('@', "@forged.");
        let forged = format!("{}\n{forged}", Sha256::of(forged.as_bytes()));
        std::fs::write(&path, &forged).unwrap();
        let believed = authors(organisation.observer());
        assert!(
            believed.iter().all(|author| author.contains("@forged.")),
            "{believed:?}"
        );
        assert_eq!(
            authors(organisation.observer().verifying_everything()),
            right
        );
        std::fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        assert_eq!(authors(organisation.observer()), right);
        std::fs::remove_file(&path).unwrap();
        keep(&path, &history).unwrap();
        std::fs::write(&path, &forged.as_bytes()[..forged.len() - 1]).unwrap();
        assert_eq!(authors(organisation.observer()), right);
    }
}
