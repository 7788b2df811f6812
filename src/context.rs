//! What a use case works with: the clock, the environment, where the repository is and which keys there are.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::attest::engine_key::EngineKey;
use crate::clock::Clock;
use crate::config::Environment;
use crate::engine::{Engine, Keys, Places, Watcher};
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::fs::durable;
use crate::git::address::Address;
use crate::git::identity::Identity;
use crate::git::program::GitProgram;
use crate::git::repository::{Remote, Repository};
use crate::ledger::signer::Signer;
use crate::model::secret::SecretRef;
use crate::progress::Progress;
use crate::redact::Secret;

/// The folder below a repository's `.git` that holds keys that `promote init` made, staged bytes and locks. Git never
/// commits what is in there.
pub const LOCAL_FOLDER: &str = "promote";

/// What a use case works with.
#[derive(Debug, Clone)]
pub struct Context {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// The environment variables.
    pub environment: Environment,
    /// Hears how long work goes on.
    pub progress: Arc<dyn Progress>,
    /// Is told of each step of an attempt; tests break things there.
    pub watcher: Arc<dyn Watcher>,
    /// What the person asked for.
    pub settings: Settings,
}

/// Which repository, which keys: as the person asked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The promotion repository: a path or an address.
    pub repository: String,
    /// The remote whose branches count; `none` for those of the repository itself, `offline` for what was fetched of them
    /// before. `origin` when there is one.
    pub remote: Option<String>,
    /// The branch that is followed.
    pub branch: String,
    /// A folder for staged bytes, locks and mirrors.
    pub state: Option<PathBuf>,
    /// The engine's key.
    pub engine_key: Option<SecretRef>,
    /// The log's key.
    pub log_key: Option<SecretRef>,
    /// The SSH key of the person, or its public half when an agent holds it.
    pub signing_key: Option<PathBuf>,
    /// A checkpoint that was kept elsewhere, which the ledger must go on from.
    pub pinned: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            repository: ".".to_owned(),
            remote: None,
            branch: "main".to_owned(),
            state: None,
            engine_key: None,
            log_key: None,
            signing_key: None,
            pinned: None,
        }
    }
}

/// The remote that stands for none being asked.
const OFFLINE: &str = "offline";

/// The longest that one call of `git` may take.
const GIT_DEADLINE: Duration = Duration::from_secs(120);

impl Context {
    /// Opens the promotion repository.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn repository(&self) -> Result<Repository> {
        if self.settings.remote.as_deref() == Some(OFFLINE) {
            let mut online = self.clone();
            online.settings.remote = None;
            return Ok(online.repository()?.offline()?);
        }
        let text = &self.settings.repository;
        if Address::is_meant(text) {
            let address: Address = text.parse().or_fail(FailureKind::Invalid)?;
            return Ok(Repository::mirror(
                &address,
                &self.state_home()?.join("mirrors"),
                self.git_program(),
            )?);
        }
        let path = Path::new(text);
        let remote = match self.settings.remote.as_deref() {
            Some("none") => Remote::None,
            Some(name) => Remote::Named(name.to_owned()),
            None if Repository::open(
                path,
                Remote::Named("origin".to_owned()),
                self.git_program(),
            )
            .is_ok() =>
            {
                Remote::Named("origin".to_owned())
            }
            None => Remote::None,
        };
        let repository = Repository::open(path, remote, self.git_program());
        repository.map_err(|error| Failure::from(error).hint("name the promotion repository with `--repository PATH`, or make one with `promote init DIR`"))
    }

    /// The same, without contacting any remote.
    #[must_use]
    pub fn offline(&self) -> Self {
        let mut offline = self.clone();
        offline.settings.remote = Some(OFFLINE.to_owned());
        offline
    }

    /// The `git` program, with the identity that the environment names.
    #[must_use]
    pub fn git_program(&self) -> GitProgram {
        let names = [
            "GIT_AUTHOR_NAME",
            "GIT_AUTHOR_EMAIL",
            "GIT_COMMITTER_NAME",
            "GIT_COMMITTER_EMAIL",
        ];
        let value = |name: &str| Some((name.to_owned(), self.environment.get(name)?.to_owned()));
        GitProgram {
            deadline: GIT_DEADLINE,
            environment: names.into_iter().filter_map(value).collect(),
            ..GitProgram::default()
        }
    }

    /// An engine that can only look.
    ///
    /// # Errors
    ///
    /// When there is no repository.
    pub fn observer(&self) -> Result<Engine> {
        let repository = self.repository()?;
        let places = self.places(&repository)?;
        Ok(Engine::new(
            Arc::clone(&self.clock),
            repository,
            places,
            None,
            Arc::clone(&self.progress),
        ))
    }

    /// An engine that can record and act.
    ///
    /// # Errors
    ///
    /// When there is no repository, or a key cannot be read.
    pub fn engine(&self) -> Result<Engine> {
        let repository = self.repository()?;
        let places = self.places(&repository)?;
        let keys = self.keys(&repository)?;
        let engine = Engine::new(
            Arc::clone(&self.clock),
            repository,
            places,
            Some(keys),
            Arc::clone(&self.progress),
        );
        Ok(engine.watched_by(Arc::clone(&self.watcher)))
    }

    fn places(&self, repository: &Repository) -> Result<Places> {
        let state = match (
            &self.settings.state,
            Address::is_meant(&self.settings.repository),
        ) {
            (Some(state), _) => state.clone(),
            (None, true) => self.state_home()?,
            (None, false) => repository.git_directory().join(LOCAL_FOLDER),
        };
        let base = repository
            .work_tree()
            .unwrap_or_else(|| repository.git_directory().to_owned());
        Ok(Places {
            branch: self.settings.branch.clone(),
            base,
            environment: self.environment.clone(),
            state,
            pinned: self.settings.pinned.clone(),
        })
    }

    /// The folder for what is kept between runs, as the XDG base directory specification says.
    fn state_home(&self) -> Result<PathBuf> {
        if let Some(state) = &self.settings.state {
            return Ok(state.clone());
        }
        let home = self.environment.get("XDG_STATE_HOME").map(PathBuf::from);
        let home =
            home.or_else(|| Some(Path::new(self.environment.get("HOME")?).join(".local/state")));
        let home = home.ok_or_else(|| {
            Failure::new(FailureKind::Invalid, "there is no folder to keep state in")
                .hint("name one with `--state DIR`")
        })?;
        Ok(home.join("promote"))
    }

    fn keys(&self, repository: &Repository) -> Result<Keys> {
        let local = repository.git_directory().join(LOCAL_FOLDER);
        let engine = self.key(
            self.settings.engine_key.as_ref(),
            &local.join("engine.pem"),
            "engine",
            "PROMOTE_ENGINE_KEY",
        )?;
        let log = self.key(
            self.settings.log_key.as_ref(),
            &local.join("log.key"),
            "log",
            "PROMOTE_LOG_KEY",
        )?;
        let log = String::from_utf8(log.expose().clone())
            .map_err(|_| Failure::new(FailureKind::Invalid, "the log key is not text"))?;
        Ok(Keys {
            engine: EngineKey::from_pem(&engine).or_fail(FailureKind::Invalid)?,
            log: Signer::parse_all(&Secret::new(log)).or_fail(FailureKind::Invalid)?,
        })
    }

    fn key(
        &self,
        asked: Option<&SecretRef>,
        local: &Path,
        what: &str,
        variable: &str,
    ) -> Result<Secret<Vec<u8>>> {
        let reference = match asked {
            Some(reference) => reference.clone(),
            None if durable::exists(local) => format!("file:{}", local.display())
                .parse()
                .or_fail(FailureKind::Invalid)?,
            None => {
                let failure = Failure::new(
                    FailureKind::Invalid,
                    format!("there is no {what} key here, so this can only look"),
                );
                return Err(failure.hint(format!("set `{variable}` to `file:PATH`, `env:NAME` or `command:PROGRAM`; who approves needs no such key")));
            }
        };
        reference
            .load(&self.environment)
            .or_fail(FailureKind::Invalid)
    }

    /// The SSH key that the person signs with.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn signing_key(&self) -> Result<PathBuf> {
        if let Some(key) = &self.settings.signing_key {
            return Ok(key.clone());
        }
        let home = self.environment.get("HOME").map(PathBuf::from);
        let default = home
            .map(|home| home.join(".ssh/id_ed25519"))
            .filter(|path| durable::exists(path));
        default.ok_or_else(|| {
            let failure = Failure::new(FailureKind::Invalid, "this has to be signed, and there is no SSH key");
            failure.hint("name yours with `--signing-key PATH` or `PROMOTE_SIGNING_KEY`; make one with `ssh-keygen -t ed25519`")
        })
    }

    /// Who commits, as Git is configured.
    ///
    /// # Errors
    ///
    /// When Git cannot be asked.
    pub fn committer(&self, repository: &Repository) -> Result<Identity> {
        let fallback = Identity::new("promote", "promote@localhost")?;
        Ok(repository.committer(&fallback)?)
    }
}
