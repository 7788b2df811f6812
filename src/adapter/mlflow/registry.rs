//! Versions in the model registry. MLflow numbers them itself; which of ours one is, its tags say.

use std::collections::BTreeMap;

use crate::adapter::mlflow::MlflowAdapter;
use crate::adapter::mlflow::client::Call;
use crate::adapter::mlflow::place::Place;
use crate::adapter::mlflow::wire::{KeyValue, ModelVersion, ModelVersions};
use crate::adapter::{AdapterErrorKind, Record, Result};
use crate::model::artifact::VersionId;
use crate::model::digest::{Sha256, TreeDigest};

/// The tag with the artifact, such as `retail/model/churn`.
pub(super) const ARTIFACT: &str = "promote.artifact";
/// The tag with our version, such as `1.2.0`.
pub(super) const VERSION: &str = "promote.version";
/// The tag with the digest.
pub(super) const DIGEST: &str = "promote.digest";
/// The tag with the SHA-256 of the record, which is a file: file lists are longer than tags may be.
pub(super) const RECORD: &str = "promote.record";
/// The folder of a run that holds a version's files.
pub(super) const FILES: &str = "model";

/// How many versions a page of a search holds.
const PAGE: &str = "500";

/// A version that we wrote.
#[derive(Debug, Clone)]
pub(super) struct Held {
    /// Which of ours it is.
    pub(super) version: VersionId,
    /// Its digest, as its tag says.
    pub(super) digest: TreeDigest,
    /// The hash of its record.
    pub(super) record: Sha256,
    /// The folder that holds its files and its record.
    pub(super) folder: Place,
    /// It, as the server has it.
    pub(super) model: ModelVersion,
}

/// The tags of a new version.
pub(super) fn tags(record: &Record, hash: Sha256) -> Vec<KeyValue> {
    let mut tags = run_tags(record);
    tags.push(KeyValue::new(RECORD, &hash));
    tags
}

/// The tags of the run that a version is written in.
pub(super) fn run_tags(record: &Record) -> Vec<KeyValue> {
    vec![
        KeyValue::new(ARTIFACT, &record.version.artifact),
        KeyValue::new(VERSION, &record.version.version),
        KeyValue::new(DIGEST, &record.digest),
    ]
}

/// MLflow's own number, which only grows.
pub(super) fn number(model: &ModelVersion) -> u64 {
    model.version.parse().unwrap_or(u64::MAX)
}

/// Which of ours a version is, if any. What is not whole yet is none.
pub(super) fn claim(model: &ModelVersion) -> Option<VersionId> {
    let is_whole = matches!(model.status.as_str(), "READY" | "");
    let artifact = KeyValue::find(&model.tags, ARTIFACT).filter(|_| is_whole)?;
    let version = KeyValue::find(&model.tags, VERSION)?;
    Some(VersionId {
        artifact: artifact.parse().ok()?,
        version: version.parse().ok()?,
    })
}

/// Of the versions, those that are ours. Of two that are the same one of ours the lower number is meant, which was there
/// first: two writers at once cannot be kept apart, and so both see who won.
pub(super) fn ours(
    adapter: &MlflowAdapter,
    models: Vec<ModelVersion>,
) -> BTreeMap<VersionId, ModelVersion> {
    let mut ours: BTreeMap<VersionId, ModelVersion> = BTreeMap::new();
    for model in models {
        let claimed = claim(&model).filter(|version| {
            // Another workspace on the same server has other names.
            adapter.name_of(&version.artifact).as_ref() == Ok(&model.name)
        });
        let Some(version) = claimed else { continue };
        let is_first = |held: &ModelVersion| number(&model) < number(held);
        if ours.get(&version).is_none_or(is_first) {
            ours.insert(version, model);
        }
    }
    ours
}

impl Held {
    /// Reads the other tags.
    ///
    /// # Errors
    ///
    /// `Corrupt` when they do not say what we write.
    pub(super) fn of(call: Call<'_>, version: VersionId, model: ModelVersion) -> Result<Self> {
        let digest = KeyValue::find(&model.tags, DIGEST).and_then(|tag| tag.parse().ok());
        let record = KeyValue::find(&model.tags, RECORD).and_then(|tag| tag.parse().ok());
        let files = Place::of(&model.source, &call.server.url);
        let folder = files.and_then(|files| files.above(FILES));
        let (Some(digest), Some(record), Some(folder)) = (digest, record, folder) else {
            let message = format!(
                "version {} of `{}` says that it is `{version}`, and its tags or its source are not as we write them; somebody changed them",
                model.version, model.name
            );
            return Err(call.error(AdapterErrorKind::Corrupt, message));
        };
        Ok(Self {
            version,
            digest,
            record,
            folder,
            model,
        })
    }

    /// Where its files are.
    pub(super) fn files(&self) -> Place {
        self.folder.join(FILES)
    }
}

/// The version that is one of ours; `None` when there is none.
pub(super) async fn find(
    adapter: &MlflowAdapter,
    call: Call<'_>,
    version: &VersionId,
) -> Result<Option<Held>> {
    let name = adapter.checked_name(call, &version.artifact)?;
    let filter = format!("name='{name}' and tags.`{VERSION}`='{}'", version.version);
    let models = search(call, &filter).await?;
    let found = ours(adapter, models).remove(version);
    found
        .map(|model| Held::of(call, version.clone(), model))
        .transpose()
}

/// All versions that a filter names; all of the server when it is empty.
pub(super) async fn search(call: Call<'_>, filter: &str) -> Result<Vec<ModelVersion>> {
    let path = "model-versions/search";
    let ask = async |token: String| {
        let mut query = vec![
            ("max_results", PAGE),
            // New versions come last, so that none is missed between two pages.
            ("order_by", "creation_timestamp ASC"),
        ];
        if !filter.is_empty() {
            query.push(("filter", filter));
        }
        if !token.is_empty() {
            query.push(("page_token", &token));
        }
        call.get::<ModelVersions>(path, &query).await
    };
    call.pages(path, ask).await
}
