//! MLflow servers as workspaces: versions in the model registry, files through the artifact proxy.
//!
//! ```text
//! registered model <project>.<kind>.<name>     by the workspace's template
//!   version 1, 2, …                            tags promote.artifact, .version, .digest and .record
//!     source <run's artifacts>/model           the files, plain, as MLflow loads them
//!   alias champion                             the pointer
//! experiment promote, a run for each version
//!   artifacts/model/…                          the files
//!   artifacts/promote/record.json              version, digest and file list
//! ```
//!
//! A version becomes visible by one call, after it was looked whether every file is there. MLflow neither refuses a second
//! version of ours nor compares before it moves an alias: both are looked at before and after.

mod arrived;
mod attempt;
mod auth;
mod client;
mod describe;
mod experiment;
mod foreign;
mod list;
mod long;
mod place;
mod pointer;
mod probe;
mod record;
mod refusal;
mod registry;
mod stored;
mod sweep;
mod upload;
mod wire;
mod write;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use reqwest::header::HeaderValue;
use tokio::sync::Semaphore;

use crate::adapter::foreign::Foreign;
use crate::adapter::mlflow::attempt::Unfinished;
use crate::adapter::mlflow::auth::Auth;
use crate::adapter::mlflow::client::{Call, Server};
use crate::adapter::mlflow::long::LongFiles;
use crate::adapter::mlflow::place::Place;
use crate::adapter::mlflow::registry::Held;
use crate::adapter::sweep::Found;
use crate::adapter::{
    Adapter, AdapterError, AdapterErrorKind, ByteStream, Capabilities, Content, Description, Info,
    Locator, Probe, Record, Result, Selector, Written,
};
use crate::config::Environment;
use crate::flow::permit::FlowPermit;
use crate::model::artifact::{ArtifactId, VersionId};
use crate::model::digest::{TreeDigest, TreePath};
use crate::model::id::WorkspaceName;
use crate::model::platform::{MlflowSpec, NameError, NameTemplate};
use crate::net::http::{self, Reuse};

/// Of how many versions it is remembered where their files are, so that each read need not ask.
const REMEMBERED: usize = 64;

/// What is remembered of a version.
#[derive(Debug, Clone)]
struct Known {
    version: VersionId,
    /// Where its files are.
    files: Place,
    /// Those that are read in parts.
    long: LongFiles,
}

/// An MLflow server, or one workspace of it.
#[derive(Debug)]
pub struct MlflowAdapter {
    server: Arc<Server>,
    template: NameTemplate,
    alias: String,
    experiment: String,
    experiment_id: Mutex<Option<String>>,
    known: Mutex<VecDeque<Known>>,
    /// Bounds the memory of long files that are read.
    ahead: Arc<Semaphore>,
    unfinished: Unfinished,
}

impl MlflowAdapter {
    /// A workspace on a server, which is not asked yet.
    ///
    /// # Errors
    ///
    /// When the machine has no certificates, or the server's workspace cannot be named in a header.
    pub fn new(
        workspace: WorkspaceName,
        spec: &MlflowSpec,
        environment: Environment,
    ) -> Result<Self> {
        let error = |message: String| {
            let kind = AdapterErrorKind::Unexpected;
            AdapterError::permanent(kind, workspace.as_str(), "open", message)
        };
        let header = spec.workspace.as_deref().map(HeaderValue::from_str);
        let header = header.transpose().map_err(|_| {
            error("the server's `workspace` is lowercase letters, digits and `-`".to_owned())
        })?;
        // Without encryption it is mostly MLflow itself that answers, in two small pieces; with it something before it
        // does, and there a new connection costs more.
        let reuse = match spec.url.as_str().starts_with("https://") {
            true => Reuse::Kept,
            false => Reuse::OneEach,
        };
        let client = http::client(reuse).map_err(|cause| error(cause.to_string()))?;
        let uploader = http::uploader(reuse).map_err(|cause| error(cause.to_string()))?;
        Ok(Self {
            template: spec.template(),
            alias: spec.alias().to_owned(),
            experiment: spec.experiment().to_owned(),
            experiment_id: Mutex::new(None),
            known: Mutex::new(VecDeque::new()),
            ahead: long::read_ahead(),
            unfinished: Unfinished::default(),
            server: Arc::new(Server {
                workspace,
                url: spec.url.clone(),
                header,
                auth: Auth::new(spec.auth.clone(), environment),
                client,
                uploader,
            }),
        })
    }

    fn call(&self, operation: &'static str) -> Call<'_> {
        Call {
            server: &self.server,
            operation,
        }
    }

    /// The registered model of an artifact.
    fn name_of(&self, artifact: &ArtifactId) -> std::result::Result<String, NameError> {
        self.template.name_of(artifact, &MlflowSpec::NAMES)
    }

    fn checked_name(&self, call: Call<'_>, artifact: &ArtifactId) -> Result<String> {
        let name = self.name_of(artifact);
        name.map_err(|error| call.error(AdapterErrorKind::Unsupported, error.to_string()))
    }

    fn experiment_id(&self) -> Option<String> {
        let known = self.experiment_id.lock();
        known.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn know_experiment(&self, id: &str) {
        let known = self.experiment_id.lock();
        *known.unwrap_or_else(PoisonError::into_inner) = Some(id.to_owned());
    }

    fn known(&self, version: &VersionId) -> Option<Known> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.iter().find(|known| known.version == *version);
        found.cloned()
    }

    /// Remembers where the files of a version are, and which are long when its record is there, until it is looked up again.
    fn know(&self, held: &Held, record: Option<&Record>) -> Known {
        let new = Known {
            version: held.version.clone(),
            files: held.files(),
            long: record.map(long::long_files).unwrap_or_default(),
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|known| known.version != new.version);
        known.push_front(new.clone());
        known.truncate(REMEMBERED);
        new
    }

    fn forget(&self, version: &VersionId) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|known| known.version != *version);
    }

    async fn stat_version(&self, version: &VersionId) -> Result<Option<Record>> {
        let call = self.call("stat");
        self.forget(version);
        let Some(held) = registry::find(self, call, version).await? else {
            return Ok(None);
        };
        let record = record::load(call, &held).await?;
        self.know(&held, Some(&record));
        Ok(Some(record))
    }

    async fn read_file(&self, version: &VersionId, path: &TreePath) -> Result<ByteStream> {
        let call = self.call("read");
        let known = match self.known(version) {
            Some(known) => known,
            None => {
                let Some(held) = registry::find(self, call, version).await? else {
                    let message = format!("there is no `{version}`");
                    return Err(call.error(AdapterErrorKind::NotFound, message));
                };
                self.know(&held, None)
            }
        };
        let absent = |reason| call.error(AdapterErrorKind::NotFound, reason);
        let place = known.files.file(path).map_err(absent)?;
        let answer = match known.long.get(path) {
            Some(size) => long::read(&self.server, &place, *size, &self.ahead).await,
            None => call.download(&place).await.map(http::stream),
        };
        if answer.is_err() {
            // It may have been removed, and written again elsewhere.
            self.forget(version);
        }
        answer
    }
}

impl Adapter for MlflowAdapter {
    fn info(&self) -> Info {
        let workspace = self.server.header.as_ref();
        let workspace = workspace.and_then(|name| name.to_str().ok());
        Info {
            workspace: self.server.workspace.to_string(),
            kind: "mlflow",
            location: match workspace {
                None => self.server.url.to_string(),
                Some(workspace) => format!("{}, workspace {workspace}", self.server.url),
            },
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            create_only: false,
            compare_and_set: false,
            immutable: false,
        }
    }

    fn list(&self, selector: Selector) -> BoxFuture<'_, Result<BoxStream<'_, Result<Record>>>> {
        Box::pin(list::list(self, selector))
    }

    fn stat<'a>(&'a self, locator: Locator<'a>) -> BoxFuture<'a, Result<Option<Record>>> {
        match locator {
            Locator::Version(version) => Box::pin(self.stat_version(version)),
            Locator::Current(artifact) => {
                Box::pin(pointer::load(self, self.call("stat"), artifact))
            }
        }
    }

    fn read<'a>(
        &'a self,
        version: &'a VersionId,
        path: &'a TreePath,
    ) -> BoxFuture<'a, Result<ByteStream>> {
        Box::pin(self.read_file(version, path))
    }

    fn write<'a>(
        &'a self,
        permit: &'a FlowPermit,
        record: &'a Record,
        content: &'a dyn Content,
    ) -> BoxFuture<'a, Result<Written>> {
        Box::pin(write::write(self, permit, record, content))
    }

    fn point<'a>(
        &'a self,
        version: &'a VersionId,
        expected: Option<TreeDigest>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(pointer::point(self, version, expected))
    }

    fn describe<'a>(&'a self, version: &'a VersionId) -> BoxFuture<'a, Result<Description>> {
        Box::pin(describe::describe(self, version))
    }

    fn foreign<'a>(&'a self, address: &'a str) -> BoxFuture<'a, Result<Foreign<'a>>> {
        Box::pin(foreign::foreign(self, address))
    }

    /// All versions of all registered models, whoever made them.
    fn sweep(&self) -> BoxFuture<'_, Result<BoxStream<'_, Result<Found>>>> {
        Box::pin(sweep::sweep(self))
    }

    fn probe(&self) -> BoxFuture<'_, Result<Probe>> {
        Box::pin(probe::probe(self))
    }
}
