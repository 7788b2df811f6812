//! What the server knows about a version: where it came from and how good it is.
//!
//! | key | value |
//! | --- | --- |
//! | `model.name`, `model.version`, `model.aliases` | the registered model, MLflow's number, aliases with spaces between |
//! | `model.tag.<key>` | tags of the version |
//! | `run.id`, `run.status`, `run.tag.<key>` | the run that trained it when the server has it, else the run that wrote it; Git commit and source are tags of it |
//! | `metric.<key>`, `param.<key>` | what the run logged; of a metric the last value |
//! | `dataset.<n>.name`, `.digest`, `.sourceType`, `.source`, `.uri`, `.tag.<key>` | what the run read, from 1 |
//! | `baseModel.<n>` | the ids of logged models that the run read, from 1 |
//!
//! A model that was promoted names the run that trained it in its file `MLmodel`.

use std::collections::BTreeMap;

use crate::adapter::mlflow::client::Call;
use crate::adapter::mlflow::registry::{self, Held};
use crate::adapter::mlflow::wire::{DatasetInput, ModelVersion, OneRun, OneVersion, Run};
use crate::adapter::mlflow::{MlflowAdapter, record};
use crate::adapter::{AdapterErrorKind, Description, Result};
use crate::model::artifact::VersionId;
use crate::model::digest::TreePath;
use crate::net::http;

/// The most properties.
const MAX_PROPERTIES: usize = 5_000;
/// The longest value, in bytes. Longer ones are left out: half of a value says something else.
const MAX_VALUE_BYTES: usize = 5_000;
/// The longest `MLmodel` that is looked into, in bytes.
const MAX_MLMODEL_BYTES: usize = 1 << 20;

pub(super) async fn describe(adapter: &MlflowAdapter, version: &VersionId) -> Result<Description> {
    let call = adapter.call("describe");
    let Some(held) = registry::find(adapter, call, version).await? else {
        let message = format!("there is no `{version}`");
        return Err(call.error(AdapterErrorKind::NotFound, message));
    };
    let mut properties = Properties::default();
    // Answers to searches leave aliases out.
    let query = [
        ("name", held.model.name.as_str()),
        ("version", held.model.version.as_str()),
    ];
    let whole = call.get::<OneVersion>("model-versions/get", &query).await?;
    properties.model(&whole.model_version);
    let trained = match trained_by(call, &held).await? {
        Some(run) => run_of(call, &run).await?,
        None => None,
    };
    let run = match trained {
        Some(run) => Some(run),
        None => run_of(call, &held.model.run_id).await?,
    };
    if let Some(run) = &run {
        properties.run(run);
    }
    Ok(Description {
        properties: properties.0,
    })
}

/// A run; `None` when the server does not have it.
async fn run_of(call: Call<'_>, id: &str) -> Result<Option<Run>> {
    if id.is_empty() {
        return Ok(None);
    }
    match call.get::<OneRun>("runs/get", &[("run_id", id)]).await {
        Ok(found) => Ok(Some(found.run)),
        Err(error) if error.kind == AdapterErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The run that the file `MLmodel` names.
async fn trained_by(call: Call<'_>, held: &Held) -> Result<Option<String>> {
    let Ok(path) = "MLmodel".parse::<TreePath>() else {
        return Ok(None);
    };
    let record = record::load(call, held).await?;
    let is_short = |size: u64| usize::try_from(size).is_ok_and(|size| size <= MAX_MLMODEL_BYTES);
    if !record
        .files
        .get(&path)
        .is_some_and(|file| is_short(file.size))
    {
        return Ok(None);
    }
    let place = held.files().join(path.as_str());
    let answer = call.download(&place).await?;
    let bytes = http::body(answer, MAX_MLMODEL_BYTES).await;
    let bytes = bytes.map_err(|error| call.http(place.as_str(), error))?;
    Ok(run_id(&String::from_utf8_lossy(&bytes)))
}

/// The value of the key `run_id` at the top of the file.
fn run_id(text: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.strip_prefix("run_id:"))?;
    let id = line.trim().trim_matches(['\'', '"']);
    let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| id.to_owned())
}

/// Names and values, bounded.
#[derive(Debug, Default)]
struct Properties(BTreeMap<String, String>);

impl Properties {
    fn put(&mut self, key: &str, value: &str) {
        let is_short = key.len() <= MAX_VALUE_BYTES && value.len() <= MAX_VALUE_BYTES;
        if is_short && !value.is_empty() && self.0.len() < MAX_PROPERTIES {
            self.0.insert(key.to_owned(), value.to_owned());
        }
    }

    fn model(&mut self, model: &ModelVersion) {
        self.put("model.name", &model.name);
        self.put("model.version", &model.version);
        self.put("model.aliases", &model.aliases.join(" "));
        for tag in &model.tags {
            self.put(&format!("model.tag.{}", tag.key), &tag.value);
        }
    }

    fn run(&mut self, run: &Run) {
        self.put("run.id", &run.info.run_id);
        self.put("run.status", &run.info.status);
        for tag in &run.data.tags {
            self.put(&format!("run.tag.{}", tag.key), &tag.value);
        }
        for metric in &run.data.metrics {
            let value = match &metric.value {
                serde_json::Value::String(text) => text.clone(),
                value => value.to_string(),
            };
            self.put(&format!("metric.{}", metric.key), &value);
        }
        for param in &run.data.params {
            self.put(&format!("param.{}", param.key), &param.value);
        }
        for (index, input) in run.inputs.dataset_inputs.iter().enumerate() {
            self.dataset(&format!("dataset.{}", index + 1), input);
        }
        for (index, input) in run.inputs.model_inputs.iter().enumerate() {
            self.put(&format!("baseModel.{}", index + 1), &input.model_id);
        }
    }

    fn dataset(&mut self, prefix: &str, input: &DatasetInput) {
        let dataset = &input.dataset;
        let source: Option<serde_json::Value> = serde_json::from_str(&dataset.source).ok();
        let uri = source.as_ref().and_then(|source| {
            let mut keys = ["uri", "url", "path"].into_iter();
            keys.find_map(|key| source.get(key)?.as_str())
        });
        for (key, value) in [
            ("name", dataset.name.as_str()),
            ("digest", &dataset.digest),
            ("sourceType", &dataset.source_type),
            ("source", &dataset.source),
            ("uri", uri.unwrap_or_default()),
        ] {
            self.put(&format!("{prefix}.{key}"), value);
        }
        for tag in &input.tags {
            self.put(&format!("{prefix}.tag.{}", tag.key), &tag.value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_run_at_the_top_of_the_file_counts() {
        let id = "5278a32fbe3a4e44972f594d3d862110";
        let file = format!("artifact_path: model\nflavors:\n  x:\n    run_id: no\nrun_id: {id}\n");
        assert_eq!(run_id(&file).as_deref(), Some(id));
        assert_eq!(run_id(&format!("run_id: '{id}'")).as_deref(), Some(id));
        assert_eq!(run_id(&format!("  run_id: {id}")), None);
        assert_eq!(run_id("run_id: ../../x"), None);
    }
}
