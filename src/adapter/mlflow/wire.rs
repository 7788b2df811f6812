//! What the server answers, as far as it is used. Fields that are not named here are passed over.
//!
//! Source: MLflow's REST API, <https://mlflow.org/docs/latest/rest-api.html>, and answers of 2.22.4 and 3.17.2.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A tag, a parameter.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct KeyValue {
    /// Its name.
    pub(super) key: String,
    /// What it says.
    #[serde(default)]
    pub(super) value: String,
}

impl KeyValue {
    /// A tag to send.
    pub(super) fn new(key: &str, value: &impl ToString) -> Self {
        Self {
            key: key.to_owned(),
            value: value.to_string(),
        }
    }

    /// The value of a key.
    pub(super) fn find<'t>(tags: &'t [Self], key: &str) -> Option<&'t str> {
        let found = tags.iter().find(|tag| tag.key == key);
        found.map(|tag| tag.value.as_str())
    }
}

/// A list in pages.
pub(super) trait Page {
    /// What it is a list of.
    type Item;
    /// Its items, and the token of the next page when there is one.
    fn split(self) -> (Vec<Self::Item>, Option<String>);
}

macro_rules! page {
    ($(#[$doc:meta])* $page:ident, $field:ident: $item:ty) => {
        $(#[$doc])*
        #[derive(Debug, Deserialize)]
        pub(super) struct $page {
            #[serde(default)]
            $field: Vec<$item>,
            #[serde(default)]
            next_page_token: Option<String>,
        }

        impl Page for $page {
            type Item = $item;

            fn split(self) -> (Vec<$item>, Option<String>) {
                (self.$field, self.next_page_token.filter(|token| !token.is_empty()))
            }
        }
    };
}

page!(
    /// Versions of registered models.
    ModelVersions, model_versions: ModelVersion
);
page!(
    /// Runs.
    Runs, runs: Run
);

/// One version of a registered model.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ModelVersion {
    /// The registered model.
    pub(super) name: String,
    /// A number, as text.
    pub(super) version: String,
    /// Where its files were said to be.
    #[serde(default)]
    pub(super) source: String,
    /// The run that made it.
    #[serde(default)]
    pub(super) run_id: String,
    /// `READY` when it is whole.
    #[serde(default)]
    pub(super) status: String,
    /// Its tags.
    #[serde(default)]
    pub(super) tags: Vec<KeyValue>,
    /// The aliases that point to it; answers to searches leave them out.
    #[serde(default)]
    pub(super) aliases: Vec<String>,
}

/// An answer with one version.
#[derive(Debug, Deserialize)]
pub(super) struct OneVersion {
    /// It.
    pub(super) model_version: ModelVersion,
}

/// An answer with one registered model.
#[derive(Debug, Deserialize)]
pub(super) struct OneModel {
    /// It.
    pub(super) registered_model: RegisteredModel,
}

/// A registered model.
#[derive(Debug, Deserialize)]
pub(super) struct RegisteredModel {
    /// Its aliases.
    #[serde(default)]
    pub(super) aliases: Vec<Alias>,
}

/// A name for one of its versions.
#[derive(Debug, Deserialize)]
pub(super) struct Alias {
    /// The name.
    pub(super) alias: String,
    /// The version's number, as text.
    pub(super) version: String,
}

/// An answer with an experiment.
#[derive(Debug, Deserialize)]
pub(super) struct OneExperiment {
    /// It.
    pub(super) experiment: Experiment,
}

/// An experiment.
#[derive(Debug, Deserialize)]
pub(super) struct Experiment {
    /// Its id.
    pub(super) experiment_id: String,
    /// `active`, or `deleted`.
    #[serde(default)]
    pub(super) lifecycle_stage: String,
}

/// The answer to a new experiment.
#[derive(Debug, Deserialize)]
pub(super) struct NewExperiment {
    /// Its id.
    pub(super) experiment_id: String,
}

/// An answer with one run.
#[derive(Debug, Deserialize)]
pub(super) struct OneRun {
    /// It.
    pub(super) run: Run,
}

/// A run.
#[derive(Debug, Deserialize)]
pub(super) struct Run {
    /// What it is.
    pub(super) info: RunInfo,
    /// What it logged.
    #[serde(default)]
    pub(super) data: RunData,
    /// What it read.
    #[serde(default)]
    pub(super) inputs: RunInputs,
}

/// What a run is.
#[derive(Debug, Deserialize)]
pub(super) struct RunInfo {
    /// Its id.
    pub(super) run_id: String,
    /// Where its files are.
    #[serde(default)]
    pub(super) artifact_uri: String,
    /// `FINISHED` when it ended well.
    #[serde(default)]
    pub(super) status: String,
}

/// What a run logged.
#[derive(Debug, Default, Deserialize)]
pub(super) struct RunData {
    /// The last value of each metric.
    #[serde(default)]
    pub(super) metrics: Vec<Metric>,
    /// Its parameters.
    #[serde(default)]
    pub(super) params: Vec<KeyValue>,
    /// Its tags.
    #[serde(default)]
    pub(super) tags: Vec<KeyValue>,
}

/// A value of a metric. A number, or `NaN` and the infinities as text.
#[derive(Debug, Deserialize)]
pub(super) struct Metric {
    /// Its name.
    pub(super) key: String,
    /// The value.
    #[serde(default)]
    pub(super) value: Value,
}

/// What a run read.
#[derive(Debug, Default, Deserialize)]
pub(super) struct RunInputs {
    /// Datasets.
    #[serde(default)]
    pub(super) dataset_inputs: Vec<DatasetInput>,
    /// Logged models, from 3.0 on.
    #[serde(default)]
    pub(super) model_inputs: Vec<ModelInput>,
}

/// A dataset that a run read.
#[derive(Debug, Deserialize)]
pub(super) struct DatasetInput {
    /// Such as `mlflow.data.context`.
    #[serde(default)]
    pub(super) tags: Vec<KeyValue>,
    /// It.
    pub(super) dataset: Dataset,
}

/// A dataset.
#[derive(Debug, Deserialize)]
pub(super) struct Dataset {
    /// Its name.
    #[serde(default)]
    pub(super) name: String,
    /// What MLflow calls its digest: eight hex digits, which identify and prove nothing.
    #[serde(default)]
    pub(super) digest: String,
    /// Such as `s3`.
    #[serde(default)]
    pub(super) source_type: String,
    /// Where it is, mostly as JSON.
    #[serde(default)]
    pub(super) source: String,
}

/// A logged model that a run read.
#[derive(Debug, Deserialize)]
pub(super) struct ModelInput {
    /// Its id.
    #[serde(default)]
    pub(super) model_id: String,
}

/// Where the files of a version are.
#[derive(Debug, Deserialize)]
pub(super) struct DownloadUri {
    /// The place.
    pub(super) artifact_uri: String,
}

/// A logged model.
#[derive(Debug, Deserialize)]
pub(super) struct OneLoggedModel {
    /// It.
    pub(super) model: LoggedModel,
}

/// A logged model.
#[derive(Debug, Deserialize)]
pub(super) struct LoggedModel {
    /// What it is.
    pub(super) info: LoggedModelInfo,
}

/// What a logged model is.
#[derive(Debug, Deserialize)]
pub(super) struct LoggedModelInfo {
    /// Where its files are.
    pub(super) artifact_uri: String,
}

/// A folder's content.
#[derive(Debug, Deserialize)]
pub(super) struct Listing {
    /// Files and folders.
    #[serde(default)]
    pub(super) files: Vec<Listed>,
}

/// A file or a folder.
#[derive(Debug, Deserialize)]
pub(super) struct Listed {
    /// Its name in the folder that was asked for.
    pub(super) path: String,
    /// Whether it is a folder.
    #[serde(default)]
    pub(super) is_dir: bool,
    /// Its length in bytes, where the store says it: a number, or a text that is one.
    #[serde(default)]
    pub(super) file_size: Option<Value>,
}

impl Listed {
    /// Its length in bytes, when the store says it.
    pub(super) fn size(&self) -> Option<u64> {
        let size = self.file_size.as_ref()?;
        size.as_u64().or_else(|| size.as_str()?.parse().ok())
    }
}

/// What went wrong.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Refusal {
    /// Such as `RESOURCE_DOES_NOT_EXIST`.
    #[serde(default)]
    pub(super) error_code: String,
    /// For people. The part of 3.x that serves files calls it `detail`.
    #[serde(default, alias = "detail")]
    pub(super) message: String,
}
