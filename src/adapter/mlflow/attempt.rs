//! A run that is being filled, and the version that it becomes.
//!
//! Files that the server took need not go again: when a write is cut, its run is remembered, and the next write of the same
//! bytes by the same adapter goes on with it. A run belongs to one writer at a time, and never to two processes.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Method;
use serde::de::IgnoredAny;
use serde_json::json;

use crate::adapter::layer::compare;
use crate::adapter::mlflow::client::Call;
use crate::adapter::mlflow::experiment::experiment;
use crate::adapter::mlflow::place::{Place, shown_place};
use crate::adapter::mlflow::registry::{self, FILES, Held};
use crate::adapter::mlflow::wire::{OneRun, OneVersion, Page as _, Runs};
use crate::adapter::mlflow::{MlflowAdapter, arrived, record as record_of, upload};
use crate::adapter::{
    AdapterError, AdapterErrorKind, Content, Record, Result, Written, record_file,
};
use crate::clock::{Clock as _, SystemClock};
use crate::model::artifact::VersionId;
use crate::model::digest::{Sha256, TreeDigest, TreePath};

/// How many runs are remembered.
const REMEMBERED: usize = 4;

/// A run that is not a version yet.
#[derive(Debug)]
struct Begun {
    version: VersionId,
    digest: TreeDigest,
    run: String,
    experiment: String,
    artifact_uri: String,
    folder: Place,
    /// The files that the server took.
    done: Mutex<BTreeSet<TreePath>>,
    is_taken: AtomicBool,
    /// Whether a version may need it.
    is_needed: AtomicBool,
}

/// The runs of an adapter that are not versions yet.
#[derive(Debug, Default)]
pub(super) struct Unfinished(Mutex<VecDeque<Arc<Begun>>>);

impl Unfinished {
    /// The run of a write of the same bytes that was cut.
    fn take(&self, record: &Record) -> Option<Arc<Begun>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut same = all
            .iter()
            .filter(|begun| begun.version == record.version && begun.digest == record.digest);
        let free = same.find(|begun| !begun.is_taken.swap(true, Ordering::SeqCst));
        free.cloned()
    }

    fn add(&self, begun: &Arc<Begun>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push_front(Arc::clone(begun));
        all.truncate(REMEMBERED);
    }

    fn remove(&self, run: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|begun| begun.run != run);
    }

    /// A version that is there needs none.
    pub(super) fn forget(&self, version: &VersionId) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|begun| begun.version != *version);
    }
}

/// One write at work. Its run is free for the next one when this is dropped.
#[derive(Debug)]
pub(super) struct Attempt<'a> {
    adapter: &'a MlflowAdapter,
    call: Call<'a>,
    begun: Arc<Begun>,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.begun.is_taken.store(false, Ordering::SeqCst);
    }
}

/// What a write comes to when the version is there.
pub(super) async fn existing(call: Call<'_>, held: &Held, record: &Record) -> Result<Written> {
    let there = record_of::load(call, held).await?;
    compare(call.server.workspace.as_str(), Some(&there), record)
}

impl<'a> Attempt<'a> {
    /// A run to write in: a new one, or that of a write that was cut.
    pub(super) async fn begin(
        adapter: &'a MlflowAdapter,
        call: Call<'a>,
        record: &Record,
    ) -> Result<Self> {
        if let Some(begun) = adapter.unfinished.take(record) {
            return Ok(Self {
                adapter,
                call,
                begun,
            });
        }
        let experiment = experiment(adapter, call).await?;
        let body = json!({
            "experiment_id": experiment,
            "run_name": record.version.to_string(),
            "start_time": SystemClock.now().as_millisecond(),
            "tags": registry::run_tags(record),
        });
        let made: OneRun = call.tell(Method::POST, "runs/create", &body).await?;
        let info = made.run.info;
        let Some(folder) = Place::of(&info.artifact_uri, &call.server.url) else {
            let message = format!(
                "files of experiment `{}` do not go through the server but to `{}`; start it with `--serve-artifacts`, or name another experiment",
                adapter.experiment,
                shown_place(&info.artifact_uri)
            );
            return Err(call.error(AdapterErrorKind::Unsupported, message));
        };
        let begun = Arc::new(Begun {
            version: record.version.clone(),
            digest: record.digest,
            run: info.run_id,
            experiment,
            artifact_uri: info.artifact_uri,
            folder,
            done: Mutex::default(),
            is_taken: AtomicBool::new(true),
            is_needed: AtomicBool::new(false),
        });
        adapter.unfinished.add(&begun);
        Ok(Self {
            adapter,
            call,
            begun,
        })
    }

    /// Writes files and record, and ends the run. Returns the hash of the record.
    pub(super) async fn fill(&self, record: &Record, content: &dyn Content) -> Result<Sha256> {
        let folder = self.begun.folder.join(FILES);
        upload::files(self.call, &folder, record, content, &self.begun.done).await?;
        arrived::check(self.call, &folder, record).await?;
        let encoded = record_file::encode(record_of::FORMAT, record);
        let unwritten = |error: std::io::Error| {
            self.call
                .error(AdapterErrorKind::Unexpected, error.to_string())
        };
        let place = self.begun.folder.join(record_of::PATH);
        let hash = upload::bytes(self.call, &place, encoded.map_err(unwritten)?).await?;
        let body = json!({
            "run_id": self.begun.run,
            "status": "FINISHED",
            "end_time": SystemClock.now().as_millisecond(),
        });
        let _: IgnoredAny = self.call.tell(Method::POST, "runs/update", &body).await?;
        Ok(hash)
    }

    /// Makes the version, unless another writer was faster.
    pub(super) async fn register(&self, record: &Record, hash: Sha256) -> Result<Written> {
        let name = self
            .adapter
            .checked_name(self.call, &record.version.artifact)?;
        let body = json!({ "name": name });
        let made = self
            .call
            .tell(Method::POST, "registered-models/create", &body);
        let made: Result<IgnoredAny> = made.await;
        or_exists(made)?;
        if let Some(held) = registry::find(self.adapter, self.call, &record.version).await? {
            return existing(self.call, &held, record).await;
        }
        let body = json!({
            "name": name,
            "source": format!("{}/{FILES}", self.begun.artifact_uri.trim_end_matches('/')),
            "run_id": self.begun.run,
            "tags": registry::tags(record, hash),
        });
        let made = self.call.tell(Method::POST, "model-versions/create", &body);
        let made: OneVersion = made.await?;
        let made = made.model_version;
        self.begun.is_needed.store(true, Ordering::SeqCst);
        let Some(held) = registry::find(self.adapter, self.call, &record.version).await? else {
            let message = format!("`{}` is not there after it was made", record.version);
            return Err(self.call.error(AdapterErrorKind::Unexpected, message));
        };
        if held.model.version == made.version {
            return Ok(Written::Created);
        }
        let body = json!({ "name": name, "version": made.version });
        let delete = "model-versions/delete";
        let deleted = self.call.tell::<IgnoredAny>(Method::DELETE, delete, &body);
        // What stays is not meant by anyone: the lower number is.
        let stays = deleted.await.is_err() || held.folder == self.begun.folder;
        self.begun.is_needed.store(stays, Ordering::SeqCst);
        existing(self.call, &held, record).await
    }

    /// Takes its own run away, unless a version needs it.
    pub(super) async fn give_up(&self) {
        self.adapter.unfinished.remove(&self.begun.run);
        if !self.begun.is_needed.load(Ordering::SeqCst) {
            self.withdraw(&self.begun.run).await;
        }
    }

    /// Takes a run away, where that is allowed. `mlflow gc` then frees its files.
    async fn withdraw(&self, run: &str) {
        let body = json!({ "run_id": run });
        let delete = "runs/delete";
        let deleted = self.call.tell::<IgnoredAny>(Method::POST, delete, &body);
        // It is not visible as a version, so what stays only takes room.
        drop(deleted.await);
    }

    /// Takes away what writes of the same version left that were cut.
    pub(super) async fn clean_up(&self, record: &Record) {
        self.adapter.unfinished.remove(&self.begun.run);
        let filter = format!(
            "tags.`{}`='{}' and tags.`{}`='{}'",
            registry::ARTIFACT,
            record.version.artifact,
            registry::VERSION,
            record.version.version
        );
        let body = json!({
            "experiment_ids": [self.begun.experiment],
            "filter": filter,
            "max_results": 100,
        });
        let found: Result<Runs> = self.call.tell(Method::POST, "runs/search", &body).await;
        // Another time, then: they are not visible as versions.
        let Ok(found) = found else { return };
        let (runs, _) = found.split();
        for run in runs.iter().filter(|run| run.info.run_id != self.begun.run) {
            self.withdraw(&run.info.run_id).await;
        }
    }
}

fn or_exists(made: Result<IgnoredAny>) -> std::result::Result<(), AdapterError> {
    match made {
        Err(error) if error.kind != AdapterErrorKind::AlreadyExists => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}
