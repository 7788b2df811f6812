//! An organisation for tests: a promotion repository in the layout `multi-environment` with real keys and people, whose
//! releases really go from dev to prod.
//!
//! | who | group |
//! | --- | --- |
//! | ann, ben | admins: both sign the trust root, one of them platform files |
//! | sue | data-stewards: signs datasets |
//! | eve, fay | data-scientists: eve registers and requests |
//! | bob | reviewers, risk |
//! | dan | reviewers, release-managers |

mod say;
mod start;
mod versions;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::attest::engine_key::EngineKey;
use crate::attest::ssh::commit::GIT_NAMESPACE;
use crate::attest::ssh::sign;
use crate::clock::{Clock as _, ManualClock};
use crate::config::Environment;
use crate::engine::error::EngineError;
use crate::engine::pending::Pending;
use crate::engine::reconcile::RunReport;
pub(crate) use crate::engine::testing::versions::Made;
use crate::engine::{Engine, Keys, Places};
use crate::git::commit::NewCommit;
use crate::git::identity::{Identity, init_repository};
use crate::git::program::GitProgram;
use crate::git::repository::Repository;
use crate::ledger::signer::Signer;
use crate::model::digest::TreeDigest;
use crate::model::event::Event;
use crate::progress::Silent;
use crate::redact::Secret;

/// Everyone.
pub(crate) const PEOPLE: [&str; 7] = ["ann", "ben", "bob", "dan", "eve", "fay", "sue"];
/// The name of the ledger.
pub(crate) const ORIGIN: &str = "ledger.test/wildlife";
/// The branch that is followed.
const MAIN: &str = "main";

/// Where an organisation keeps its ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LedgerAt {
    /// On the branch `promote-ledger`.
    Branch,
    /// In the folder `ledger` beside the repository.
    Directory,
}

/// An organisation in a temporary folder.
#[derive(Debug)]
pub(crate) struct TestOrganisation {
    folder: tempfile::TempDir,
    /// The time, which stands still until a test moves it.
    pub(crate) clock: ManualClock,
    environment: Environment,
    repository: Repository,
    engine_pem: Secret<Vec<u8>>,
    log_key: Secret<String>,
}

impl TestOrganisation {
    /// A signed start, with the ledger on a branch. It is the morning of 2026-09-01.
    pub(crate) fn new() -> Self {
        Self::with_ledger(LedgerAt::Branch)
    }

    /// A signed start.
    pub(crate) fn with_ledger(ledger: LedgerAt) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().display().to_string();
        let variables = [
            ("HOME", home.as_str()),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
        ];
        let program = GitProgram {
            environment: variables
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
            ..GitProgram::default()
        };
        let path = Environment::from_process();
        let environment = Environment::from_iter(
            variables
                .into_iter()
                .chain(path.get("PATH").map(|path| ("PATH", path))),
        );
        let repository =
            init_repository(&folder.path().join("organisation"), MAIN, program).unwrap();
        let organisation = Self {
            clock: ManualClock::new("2026-09-01T08:00:00Z".parse().unwrap()),
            environment,
            repository,
            engine_pem: EngineKey::generate().unwrap(),
            log_key: Signer::generate(ORIGIN).unwrap().private_key(),
            folder,
        };
        organisation.write_keys();
        organisation.start(ledger);
        organisation
    }

    /// The temporary folder: the repository is in `organisation`, workspaces in `workspaces`, keys in `keys`.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The promotion repository.
    pub(crate) fn repository_path(&self) -> PathBuf {
        self.folder().join("organisation")
    }

    /// The SSH key of a person.
    pub(crate) fn key_path(&self, who: &str) -> PathBuf {
        self.folder().join("keys").join(who)
    }

    /// The environment variables that programs see.
    pub(crate) const fn environment(&self) -> &Environment {
        &self.environment
    }

    /// An engine that acts for all environments.
    pub(crate) fn engine(&self) -> Engine {
        self.engine_with(&[&self.log_key])
    }

    /// An engine that has these keys of the ledger.
    pub(crate) fn engine_with(&self, log: &[&Secret<String>]) -> Engine {
        let keys = Keys {
            engine: EngineKey::from_pem(&self.engine_pem).unwrap(),
            log: log.iter().map(|key| Signer::parse(key).unwrap()).collect(),
        };
        self.build(Some(keys))
    }

    /// The key that the ledger begins with.
    pub(crate) const fn log_key(&self) -> &Secret<String> {
        &self.log_key
    }

    /// An engine that only looks.
    pub(crate) fn observer(&self) -> Engine {
        self.build(None)
    }

    fn build(&self, keys: Option<Keys>) -> Engine {
        let places = Places {
            branch: MAIN.to_owned(),
            base: self.repository_path(),
            environment: Environment::default(),
            state: self.folder().join("state"),
            pinned: None,
        };
        let clock = Arc::new(self.clock.clone());
        Engine::new(
            clock,
            self.repository.clone(),
            places,
            keys,
            Arc::new(Silent),
        )
    }

    /// Runs an engine once, over all environments.
    pub(crate) fn reconcile(&self) -> RunReport {
        run(self.engine()).unwrap()
    }

    /// Records what would be recorded now, changed.
    pub(crate) fn record_changed(
        &self,
        change: impl Fn(&mut Event),
    ) -> Result<Engine, EngineError> {
        let mut engine = self.engine();
        let world = engine.observe()?;
        let (entries, evidence) = world.pending.into_entries();
        let first = entries.first().unwrap();
        let mut changed = Pending::new(
            engine.book()?.state().clone(),
            first.recorded_at,
            first.commit.clone(),
            first.engine.clone(),
        );
        for entry in entries {
            let mut event = entry.event;
            change(&mut event);
            changed.push(event)?;
        }
        for (path, bytes) in evidence {
            changed.add_evidence(path, bytes);
        }
        engine.append(changed)?;
        Ok(engine)
    }

    /// The time.
    pub(crate) fn clock_now(&self) -> jiff::Timestamp {
        self.clock.now()
    }

    /// Moves the clock forward.
    pub(crate) fn wait(&self, hours: i64) {
        self.clock.advance(hours * 3600);
    }

    /// Signs bytes with a person's key.
    pub(crate) fn sign(&self, who: &str, namespace: &str, message: &[u8]) -> Vec<u8> {
        let armored = sign::sign(&self.environment, &self.key_path(who), namespace, message);
        armored.unwrap().into_bytes()
    }

    /// Commits files to a branch, signed by a person. `None` removes a file.
    pub(crate) fn commit(
        &self,
        who: &str,
        branch: &str,
        changes: &BTreeMap<String, Option<Vec<u8>>>,
    ) {
        let base = self.repository.fetch(&[branch]).unwrap();
        let base = base.get(branch).copied().flatten();
        let sign = |bytes: &[u8]| {
            let armored = self.sign(who, GIT_NAMESPACE, bytes);
            String::from_utf8(armored).map_err(|error| error.to_string())
        };
        let commit = NewCommit {
            base,
            changes,
            message: "test: a change",
            author: &Identity::new(who, &format!("{who}@example.com")).unwrap(),
            time: self.clock.now(),
            sign: Some(&sign),
        };
        let id = self.repository.commit_files(commit).unwrap();
        self.repository.advance(branch, base, id).unwrap();
    }

    /// A model of eve's goes all the way: registered in dev, a reviewer lets it into qa, and a day later two persons let
    /// it into prod.
    pub(crate) fn promote_to_prod(&self, version: &str, weights: &str) -> TreeDigest {
        let digest = self.register(
            "eve",
            version,
            &Made {
                files: &[("model.bin", weights)],
                ..Made::default()
            },
        );
        self.request("eve", version, "qa");
        self.approve("bob", "qa");
        self.reconcile();
        self.wait(25);
        self.request("eve", version, "prod");
        self.approve("bob", "prod");
        self.approve("dan", "prod");
        self.reconcile();
        digest
    }

    /// All files of the followed branch.
    pub(crate) fn head_files(&self) -> BTreeMap<String, Vec<u8>> {
        self.files(MAIN)
    }

    /// All files of a branch.
    pub(crate) fn files(&self, branch: &str) -> BTreeMap<String, Vec<u8>> {
        let heads = self.repository.fetch(&[branch]).unwrap();
        let Some(head) = heads.get(branch).copied().flatten() else {
            return BTreeMap::new();
        };
        let snapshot = self.repository.snapshot(head).unwrap();
        let entries = snapshot.list("").unwrap().into_iter();
        entries
            .map(|entry| {
                let bytes = snapshot.read(&entry.path, 1 << 24).unwrap().unwrap();
                (entry.path, bytes)
            })
            .collect()
    }
}

/// Runs an engine once, over all environments.
pub(crate) fn run(mut engine: Engine) -> Result<RunReport, EngineError> {
    block_on(async move { engine.reconcile(&std::collections::BTreeSet::new()).await })
}

/// Waits for a future, with all that adapters need.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// A manifest as text.
pub(crate) fn yaml(value: &Value) -> Vec<u8> {
    serde_yaml::to_string(value).unwrap().into_bytes()
}

#[cfg(test)]
mod expiry;
#[cfg(test)]
mod incident;
#[cfg(test)]
mod revocation;
#[cfg(test)]
mod rotation;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod witness;
