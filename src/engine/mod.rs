//! Makes workspaces hold what Git asks for, when the gates agree, and records why.
//!
//! [`Engine::observe`](Engine) looks at everything and changes nothing; [`Engine::reconcile`](Engine) acts. Both see the
//! same world and call the same rules.

pub mod acts;
pub mod attestations;
pub mod audit;
pub mod book;
mod carry;
pub mod datasets;
pub mod error;
pub mod evidence;
pub mod execute;
mod fresh;
pub mod heads;
pub mod holdings;
pub mod in_force;
pub mod inbox;
pub mod inbox_history;
pub mod incident;
pub mod kept_files;
mod known;
pub mod memory;
pub mod observe;
mod parse_cache;
pub mod pending;
pub mod people;
mod pins;
pub mod pipelines;
#[cfg(test)]
mod proof;
pub mod reconcile;
pub mod record;
pub mod recover;
pub mod registrations;
pub mod requests;
pub mod rules;
pub mod snapshots;
pub mod sources;
#[cfg(test)]
pub(crate) mod testing;
pub mod trust;
pub mod witness;
pub mod workspaces;
pub mod world;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::adapter::Adapter;
use crate::attest::engine_key::EngineKey;
use crate::clock::Clock;
use crate::config::Environment;
use crate::engine::book::{Book, trusted_engines};
use crate::engine::error::EngineError;
use crate::engine::parse_cache::ParseCache;
use crate::engine::record::TrustedEngine;
use crate::engine::requests::Requests;
use crate::engine::world::World;
use crate::git::branch::Branch;
use crate::git::identity::Identity;
use crate::git::repository::Repository;
use crate::git::snapshot::Snapshot;
use crate::ledger::signer::Signer;
use crate::ledger::store::Store;
use crate::ledger::store::branch::BranchStore;
use crate::ledger::store::directory::DirectoryStore;
use crate::manifest::MAX_MANIFEST_BYTES;
use crate::manifest::layout::{Place, TOPOLOGY_PATH, TRUST_ROOT_PATH};
use crate::manifest::parsed::parse_manifest;
use crate::manifest::topology::{LedgerSpec, LedgerStoreKind, Topology};
use crate::manifest::trust_root::{TrustRoot, TrustRootSpec};
use crate::model::id::{EngineName, WorkspaceName};
use crate::model::platform::Platform;
use crate::progress::Progress;

/// The branch that holds the ledger.
pub const LEDGER_BRANCH: &str = "promote-ledger";

/// What lets an engine record and act.
pub struct Keys {
    /// Signs entries.
    pub engine: EngineKey,
    /// Sign checkpoints: the key that counts, and the next or the one before while it is replaced.
    pub log: Vec<Signer>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Keys")
    }
}

/// Where an engine works, besides the repository.
#[derive(Debug, Clone)]
pub struct Places {
    /// The branch that is followed.
    pub branch: String,
    /// What relative paths of workspaces and of the ledger are relative to.
    pub base: PathBuf,
    /// The variables that workspaces' references to secrets may name.
    pub environment: Environment,
    /// A folder of the engine's own, for staged bytes, locks and caches.
    pub state: PathBuf,
    /// A checkpoint that was kept elsewhere, which the ledger must go on from. Who keeps no state from run to run needs
    /// one: the repository alone cannot tell that it names another ledger than before.
    pub pinned: Option<PathBuf>,
}

/// Is told when a step of an attempt is done. Tests break things there.
pub trait Watcher: fmt::Debug + Send + Sync {
    /// The step is done.
    fn reached(&self, step: Step);
}

/// The steps of an attempt, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The bytes are staged and are what was asked for.
    Staged,
    /// The intent is in the ledger.
    Intended,
    /// The bytes are written.
    Written,
    /// They were read back.
    ReadBack,
    /// The pointer holds the version.
    Pointed,
    /// The outcome is in the ledger.
    Ended,
}

impl Step {
    /// Every step.
    pub const ALL: [Self; 6] = [
        Self::Staged,
        Self::Intended,
        Self::Written,
        Self::ReadBack,
        Self::Pointed,
        Self::Ended,
    ];

    /// The word for the step.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Staged => "staged",
            Self::Intended => "intended",
            Self::Written => "written",
            Self::ReadBack => "read-back",
            Self::Pointed => "pointed",
            Self::Ended => "ended",
        }
    }
}

/// Watches nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Watcher for Unwatched {
    fn reached(&self, _: Step) {}
}

/// Workspaces that are open, each with what its manifest said.
type Opened = BTreeMap<WorkspaceName, (Platform, Arc<dyn Adapter>)>;

/// One promotion repository with its ledger and workspaces.
#[derive(Debug)]
pub struct Engine {
    clock: Arc<dyn Clock>,
    repository: Repository,
    places: Places,
    branch: String,
    keys: Option<EngineKey>,
    signers: Vec<Signer>,
    book: Option<Book>,
    ledger_store: Option<LedgerStoreKind>,
    trusts_memory: bool,
    requests: Option<Arc<Requests>>,
    history: requests::Known,
    start: Option<TrustRootSpec>,
    cache: ParseCache,
    opened: Mutex<Opened>,
    known: Option<registrations::Before>,
    trust_files: Option<observe::ReadTrustFiles>,
    progress: Arc<dyn Progress>,
    watcher: Arc<dyn Watcher>,
    stop: Arc<AtomicBool>,
}

impl Engine {
    /// An engine that can look, and with keys also act.
    #[must_use]
    pub fn new(
        clock: Arc<dyn Clock>,
        repository: Repository,
        places: Places,
        keys: Option<Keys>,
        progress: Arc<dyn Progress>,
    ) -> Self {
        let (keys, signers) = keys.map_or((None, Vec::new()), |keys| (Some(keys.engine), keys.log));
        let branch = places.branch.clone();
        Self {
            clock,
            repository,
            places,
            branch,
            keys,
            signers,
            book: None,
            ledger_store: None,
            trusts_memory: true,
            requests: None,
            history: requests::Known::default(),
            start: None,
            cache: ParseCache::default(),
            opened: Mutex::default(),
            known: None,
            trust_files: None,
            progress,
            watcher: Arc::new(Unwatched),
            stop: Arc::default(),
        }
    }

    /// The engine, with somebody who is told of each step.
    #[must_use]
    pub fn watched_by(mut self, watcher: Arc<dyn Watcher>) -> Self {
        self.watcher = watcher;
        self
    }

    /// The engine, with a flag that makes it begin nothing more once it is set. A run then ends the attempt it is at, and
    /// reports what is left as it stands.
    #[must_use]
    pub fn stopped_by(mut self, stop: Arc<AtomicBool>) -> Self {
        self.stop = stop;
        self
    }

    /// The engine, checking every signature of the ledger again, also those that were checked on this machine before.
    #[must_use]
    pub fn verifying_everything(mut self) -> Self {
        self.trusts_memory = false;
        self
    }

    /// Ends an engine and what it saw, on another thread: a large organisation takes a while to be forgotten.
    pub fn leave(self, world: World) {
        rayon::spawn(move || drop((world, self)));
    }

    /// Whether nothing more is to be begun.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// The promotion repository.
    #[must_use]
    pub const fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Opens the ledger alone, and reads what is new of it when it is open. Nothing else of the repository matters to it.
    ///
    /// # Errors
    ///
    /// When there is none, or it is not to be believed.
    pub fn open_ledger(&mut self) -> Result<&Book, EngineError> {
        let heads = self.repository.fetch(&[&self.branch])?;
        let Some(head) = heads.get(&self.branch).copied().flatten() else {
            return Err(EngineError::NoBranch {
                repository: self.repository.name().to_owned(),
                branch: self.branch.clone(),
            });
        };
        let head = self.repository.snapshot(head)?;
        self.open_or_refresh_book(&head)?;
        self.book()
    }

    /// The ledger; an error before the first look.
    ///
    /// # Errors
    ///
    /// When nothing was observed yet.
    pub fn book(&self) -> Result<&Book, EngineError> {
        self.book
            .as_ref()
            .ok_or_else(|| EngineError::Internal("the ledger was not opened yet".to_owned()))
    }

    fn book_mut(&mut self) -> Result<&mut Book, EngineError> {
        self.book
            .as_mut()
            .ok_or_else(|| EngineError::Internal("the ledger was not opened yet".to_owned()))
    }

    /// This engine as the trust root knows it; `None` without a key, or with one that is not in it.
    #[must_use]
    pub fn identity(&self) -> Option<TrustedEngine> {
        let key = self.keys.as_ref()?.public_key();
        let root = self.book.as_ref()?.root()?;
        trusted_engines(root)
            .into_iter()
            .find(|engine| engine.key == *key)
    }

    /// The name that pending entries carry: this engine's, or a stand-in for who only looks.
    fn name(&self) -> Result<EngineName, EngineError> {
        let root = self
            .book
            .as_ref()
            .and_then(|book| book.root())
            .map(Arc::as_ref)
            .or(self.start.as_ref());
        let key = self.keys.as_ref().map(EngineKey::public_key);
        let mut engines = root.map(trusted_engines).unwrap_or_default().into_iter();
        let own = engines
            .find(|engine| Some(&engine.key) == key)
            .map(|engine| engine.name);
        own.map_or_else(
            || {
                "observer"
                    .parse()
                    .map_err(|_| EngineError::Internal("no name".to_owned()))
            },
            Ok,
        )
    }

    /// Opens the ledger at the first look, and reads what is new at each further one.
    fn open_or_refresh_book(&mut self, head: &Snapshot) -> Result<(), EngineError> {
        if let Some(book) = self.book.as_mut() {
            book.refresh()?;
            self.remember();
            return Ok(());
        }
        let root = head.read(TRUST_ROOT_PATH, MAX_MANIFEST_BYTES)?;
        let root = root.and_then(|bytes| {
            parse_manifest::<TrustRoot>(&Place::TrustRoot, TRUST_ROOT_PATH, &bytes).ok()
        });
        self.start = root.map(|document| document.value.spec);
        let topology = head.read(TOPOLOGY_PATH, MAX_MANIFEST_BYTES)?;
        let topology = topology.and_then(|bytes| {
            parse_manifest::<Topology>(&Place::Topology, TOPOLOGY_PATH, &bytes).ok()
        });
        let spec = topology
            .map(|document| document.value.spec.ledger)
            .unwrap_or_default();
        let seen = self.read_memory()?;
        let store = self.open_store(&spec)?;
        let verified = seen.as_deref().filter(|_| self.may_trust_memory());
        let mut book = Book::open(store, self.start.as_ref(), verified)?;
        self.check_memory(seen.as_deref(), &book)?;
        self.check_pin(&book)?;
        // Only now, so that a look that fails here does not cost the key.
        for signer in self.signers.drain(..) {
            book.log_mut().sign_with(signer);
        }
        self.book = Some(book);
        self.ledger_store = Some(spec.store);
        self.remember();
        Ok(())
    }

    fn open_store(&self, spec: &LedgerSpec) -> Result<Box<dyn Store>, EngineError> {
        match (spec.store, &spec.path) {
            (LedgerStoreKind::Directory, Some(path)) => {
                // INVARIANT: whoever can push to the head must not be able to send an engine to an empty ledger, where it
                // would begin again under their trust root.
                let heads = self.repository.fetch(&[LEDGER_BRANCH])?;
                if heads.values().any(Option::is_some) {
                    return Err(EngineError::OtherLedger { path: path.clone() });
                }
                let path = self.local_path("the ledger", path)?;
                Ok(Box::new(DirectoryStore::new(path)))
            }
            (LedgerStoreKind::Directory, None) => Err(EngineError::Internal(
                "`spec.ledger.path` is missing in `promote.yaml`".to_owned(),
            )),
            (LedgerStoreKind::Branch, _) => {
                let author = Identity::new("promote engine", "engine@promote.dev")?;
                let branch = Branch::new(
                    self.repository.clone(),
                    LEDGER_BRANCH,
                    author,
                    Arc::clone(&self.clock),
                );
                Ok(Box::new(BranchStore::new(Box::new(branch))))
            }
        }
    }
}
