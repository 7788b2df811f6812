//! What is watched: something that can be looked at cheaply, and reconciled.

use std::collections::BTreeSet;

use crate::controller::stop::Stop;
use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::heads::Heads;
use crate::engine::reconcile::RunReport;
use crate::model::id::EnvironmentName;

/// Something that can be looked at cheaply, and reconciled.
pub trait Reconcile {
    /// Where the branches are now. Cheap: asked at every interval.
    ///
    /// # Errors
    ///
    /// When it cannot be told.
    fn heads(&mut self) -> Result<Heads, EngineError>;

    /// Where the ledger was when a run last read or wrote it, as in [`Heads::ledger`]; `None` when no run has. Tells what
    /// we appended ourselves from what others did.
    fn ledger_revision(&self) -> Option<String>;

    /// Makes things as they are asked for. Everything is read afresh; nothing is known of what led to this. Once a stop is
    /// requested it begins nothing more and returns.
    ///
    /// # Errors
    ///
    /// When it could not be told, or not recorded, what is to be done. What gates and workspaces say is in the report.
    fn reconcile(&mut self) -> impl Future<Output = Result<RunReport, EngineError>>;
}

/// An engine that acts for some environments.
#[derive(Debug)]
pub struct Follower {
    engine: Engine,
    only: BTreeSet<EnvironmentName>,
}

impl Follower {
    /// Acts for the environments in `only`; for all that the engine's key may act for when it is empty. Begins nothing more
    /// once `stop` is requested.
    #[must_use]
    pub fn new(engine: Engine, only: BTreeSet<EnvironmentName>, stop: &Stop) -> Self {
        Self {
            engine: engine.stopped_by(stop.flag()),
            only,
        }
    }

    /// The engine.
    #[must_use]
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }
}

impl Reconcile for Follower {
    fn heads(&mut self) -> Result<Heads, EngineError> {
        self.engine.heads()
    }

    fn ledger_revision(&self) -> Option<String> {
        self.engine.ledger_revision()
    }

    async fn reconcile(&mut self) -> Result<RunReport, EngineError> {
        let report = self.engine.reconcile(&self.only).await?;
        self.engine.read_history_ahead();
        Ok(report)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::clock::ManualClock;
    use crate::config::Environment;
    use crate::controller::event::WatchEvent;
    use crate::controller::settings::WatchSettings;
    use crate::controller::watch::watch;
    use crate::engine::{Keys, Places};
    use crate::git::program::GitProgram;
    use crate::git::repository::{Remote, Repository};
    use crate::progress::Silent;

    /// Adds a commit to a branch, and returns it.
    fn commit(folder: &Path, branch: &str) -> git2::Oid {
        let repository = git2::Repository::open(folder).unwrap();
        let signature = git2::Signature::new("ann", "ann@example.com", &git2::Time::new(0, 0));
        let signature = signature.unwrap();
        let tree = repository.treebuilder(None).unwrap().write().unwrap();
        let tree = repository.find_tree(tree).unwrap();
        let name = format!("refs/heads/{branch}");
        let parent = repository.find_reference(&name).ok();
        let parent = parent.map(|parent| parent.peel_to_commit().unwrap());
        let parents: Vec<&git2::Commit<'_>> = parent.iter().collect();
        let commit = repository.commit(Some(&name), &signature, &signature, "x", &tree, &parents);
        commit.unwrap()
    }

    fn engine(folder: &Path, keys: Option<Keys>) -> Engine {
        let repository = Repository::open(folder, Remote::None, GitProgram::default()).unwrap();
        let places = Places {
            branch: "main".to_owned(),
            base: folder.to_owned(),
            environment: Environment::default(),
            state: folder.join("state"),
            pinned: None,
        };
        let clock = ManualClock::new("2026-06-01T12:00:00Z".parse().unwrap());
        Engine::new(Arc::new(clock), repository, places, keys, Arc::new(Silent))
    }

    #[test]
    fn heads_are_those_of_the_four_branches() {
        let folder = tempfile::tempdir().unwrap();
        git2::Repository::init_bare(folder.path()).unwrap();
        let mut follower =
            Follower::new(engine(folder.path(), None), BTreeSet::new(), &Stop::new());
        assert_eq!(follower.heads().unwrap(), Heads::default());
        let expected = Heads {
            branch: Some(commit(folder.path(), "main")),
            inbox: Some(commit(folder.path(), "promote-inbox")),
            witnesses: Some(commit(folder.path(), "promote-witness")),
            ledger: Some(commit(folder.path(), "promote-ledger").to_string()),
        };
        commit(folder.path(), "topic");
        assert_eq!(follower.heads().unwrap(), expected);
        assert_eq!(follower.ledger_revision(), None);
        commit(folder.path(), "main");
        assert_ne!(follower.heads().unwrap(), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn an_engine_without_trust_waits_for_a_push() {
        let folder = tempfile::tempdir().unwrap();
        git2::Repository::init_bare(folder.path()).unwrap();
        commit(folder.path(), "main");
        let stop = Stop::new();
        let mut follower = Follower::new(engine(folder.path(), None), BTreeSet::new(), &stop);
        let clock = ManualClock::new("2026-06-01T12:00:00Z".parse().unwrap());
        let mut failures = Vec::new();
        let mut looks = 0;
        let start = tokio::time::Instant::now();
        let mut listener = |event: &WatchEvent<'_>| match event {
            WatchEvent::Looked { .. } => {
                looks += 1;
                match looks {
                    2 => drop(commit(folder.path(), "main")),
                    4 => stop.request(),
                    _ => {}
                }
            }
            WatchEvent::Failed { error, is_news, .. } => {
                failures.push((start.elapsed().as_secs(), error.to_string(), *is_news));
            }
            WatchEvent::Reconciling { .. }
            | WatchEvent::Reconciled { .. }
            | WatchEvent::Waiting { .. }
            | WatchEvent::Stopped(_) => {}
        };
        let settings = WatchSettings::every(Duration::from_secs(10)).unwrap();
        let summary = watch(&mut follower, settings, &clock, &stop, &mut listener)
            .await
            .unwrap();
        let text =
            "the ledger is empty, and the repository has no `trust/root.yaml` to begin one with";
        assert_eq!(
            failures,
            [(0, text.to_owned(), true), (20, text.to_owned(), false)]
        );
        assert_eq!((summary.runs, summary.failures), (0, 2));
    }
}
