//! Writing a version: files into a run of their own, read back; then the version, which makes them visible.
//!
//! Until the registry has the version, nothing shows: what a cut write leaves is a run that is not finished, in the
//! experiment of promotions. The next write of the same version removes it.

use reqwest::Method;
use serde::de::IgnoredAny;
use serde_json::json;

use crate::adapter::admit::admit;
use crate::adapter::layer::compare;
use crate::adapter::mlflow::client::Call;
use crate::adapter::mlflow::place::Place;
use crate::adapter::mlflow::registry::{self, FILES, Held};
use crate::adapter::mlflow::wire::{NewExperiment, OneExperiment, OneRun, OneVersion, Runs};
use crate::adapter::mlflow::{MlflowAdapter, record as record_of, upload};
use crate::adapter::{
    AdapterError, AdapterErrorKind, Content, ErrorStatus, Record, Result, Written, record_file,
};
use crate::clock::{Clock as _, SystemClock};
use crate::flow::permit::FlowPermit;
use crate::model::digest::Sha256;

/// The run that a version is written in.
#[derive(Debug)]
struct Attempt<'a> {
    call: Call<'a>,
    run: String,
    experiment: String,
    artifact_uri: String,
    folder: Place,
}

pub(super) async fn write(
    adapter: &MlflowAdapter,
    permit: &FlowPermit,
    record: &Record,
    content: &dyn Content,
) -> Result<Written> {
    let call = adapter.call("write");
    admit(call.server.workspace.as_str(), permit, record)?;
    adapter.checked_name(call, &record.version.artifact)?;
    if let Some(held) = registry::find(adapter, call, &record.version).await? {
        return existing(call, &held, record).await;
    }
    let attempt = Attempt::begin(adapter, call, record).await?;
    let filled = match attempt.fill(record, content).await {
        Ok(hash) => attempt.register(adapter, record, hash).await,
        Err(error) => Err(error),
    };
    match &filled {
        Ok(Written::Created) => attempt.clean_up(record).await,
        // It may have been registered all the same; the next write sees.
        Err(error) if error.status != ErrorStatus::Permanent => {}
        Ok(Written::Unchanged) | Err(_) => attempt.withdraw(&attempt.run).await,
    }
    filled
}

/// What a write comes to when the version is there.
async fn existing(call: Call<'_>, held: &Held, record: &Record) -> Result<Written> {
    let there = record_of::load(call, held).await?;
    compare(call.server.workspace.as_str(), Some(&there), record)
}

impl<'a> Attempt<'a> {
    async fn begin(adapter: &MlflowAdapter, call: Call<'a>, record: &Record) -> Result<Self> {
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
        Ok(Self {
            call,
            run: info.run_id,
            experiment,
            artifact_uri: info.artifact_uri,
            folder,
        })
    }

    /// Writes files and record, and ends the run. Returns the hash of the record.
    async fn fill(&self, record: &Record, content: &dyn Content) -> Result<Sha256> {
        upload::files(self.call, &self.folder.join(FILES), record, content).await?;
        let encoded = record_file::encode(record_of::FORMAT, record);
        let unwritten = |error: std::io::Error| {
            self.call
                .error(AdapterErrorKind::Unexpected, error.to_string())
        };
        let place = self.folder.join(record_of::PATH);
        let hash = upload::bytes(self.call, &place, encoded.map_err(unwritten)?).await?;
        let body = json!({
            "run_id": self.run,
            "status": "FINISHED",
            "end_time": SystemClock.now().as_millisecond(),
        });
        let _: IgnoredAny = self.call.tell(Method::POST, "runs/update", &body).await?;
        Ok(hash)
    }

    /// Makes the version, unless another writer was faster.
    async fn register(
        &self,
        adapter: &MlflowAdapter,
        record: &Record,
        hash: Sha256,
    ) -> Result<Written> {
        let name = adapter.checked_name(self.call, &record.version.artifact)?;
        let body = json!({ "name": name });
        let made = self
            .call
            .tell(Method::POST, "registered-models/create", &body);
        let made: Result<IgnoredAny> = made.await;
        or_exists(made)?;
        if let Some(held) = registry::find(adapter, self.call, &record.version).await? {
            return existing(self.call, &held, record).await;
        }
        let body = json!({
            "name": name,
            "source": format!("{}/{FILES}", self.artifact_uri.trim_end_matches('/')),
            "run_id": self.run,
            "tags": registry::tags(record, hash),
        });
        let made = self.call.tell(Method::POST, "model-versions/create", &body);
        let made: OneVersion = made.await?;
        let made = made.model_version;
        let Some(held) = registry::find(adapter, self.call, &record.version).await? else {
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
        drop(deleted.await);
        existing(self.call, &held, record).await
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
    async fn clean_up(&self, record: &Record) {
        let filter = format!(
            "tags.`{}`='{}' and tags.`{}`='{}'",
            registry::ARTIFACT,
            record.version.artifact,
            registry::VERSION,
            record.version.version
        );
        let body = json!({
            "experiment_ids": [self.experiment],
            "filter": filter,
            "max_results": 100,
        });
        let found: Result<Runs> = self.call.tell(Method::POST, "runs/search", &body).await;
        // Another time, then: they are not visible as versions.
        let Ok(found) = found else { return };
        let (runs, _) = crate::adapter::mlflow::wire::Page::split(found);
        for run in runs.iter().filter(|run| run.info.run_id != self.run) {
            self.withdraw(&run.info.run_id).await;
        }
    }
}

/// The id of the experiment of promotions, which is made when it is missing.
async fn experiment(adapter: &MlflowAdapter, call: Call<'_>) -> Result<String> {
    if let Some(known) = adapter.experiment_id() {
        return Ok(known);
    }
    let body = json!({ "name": adapter.experiment });
    let id = match find_experiment(adapter, call).await? {
        Some(id) => id,
        None => match call.tell(Method::POST, "experiments/create", &body).await {
            Ok(NewExperiment { experiment_id }) => experiment_id,
            Err(error) if error.kind == AdapterErrorKind::AlreadyExists => {
                find_experiment(adapter, call).await?.ok_or(error)?
            }
            Err(error) => return Err(error),
        },
    };
    adapter.know_experiment(&id);
    Ok(id)
}

async fn find_experiment(adapter: &MlflowAdapter, call: Call<'_>) -> Result<Option<String>> {
    let name = adapter.experiment.as_str();
    let query = [("experiment_name", name)];
    match call
        .get::<OneExperiment>("experiments/get-by-name", &query)
        .await
    {
        Ok(found) if found.experiment.lifecycle_stage == "deleted" => {
            let message = format!(
                "the experiment `{name}` was deleted; restore it, or name another under `experiment`"
            );
            Err(call.error(AdapterErrorKind::Precondition, message))
        }
        Ok(found) => Ok(Some(found.experiment.experiment_id)),
        Err(error) if error.kind == AdapterErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn or_exists(made: Result<IgnoredAny>) -> std::result::Result<(), AdapterError> {
    match made {
        Err(error) if error.kind != AdapterErrorKind::AlreadyExists => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// An address of an artifact store without what may follow its host: it can hold a key.
pub(super) fn shown_place(uri: &str) -> String {
    let (scheme, rest) = uri.split_once(':').unwrap_or(("", uri));
    let host = rest.trim_start_matches('/').split(['/', '?']).next();
    let host = host.unwrap_or_default().rsplit('@').next();
    let shown: String = format!("{scheme}://{}/…", host.unwrap_or_default());
    crate::redact::printable(&shown.chars().take(100).collect::<String>())
}
