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
        self.engine.reconcile(&self.only).await
    }
}
