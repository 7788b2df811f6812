//! Writing a version: the bytes, the record, and last the version itself.

use serde_json::{Value, json};

use crate::adapter::azure_ml::arm::Made;
use crate::adapter::azure_ml::held::{Standing, standing};
use crate::adapter::azure_ml::report::Call;
use crate::adapter::azure_ml::storage::{Place, Slot};
use crate::adapter::azure_ml::wire::Words;
use crate::adapter::azure_ml::{AzureMlAdapter, layout, upload};
use crate::adapter::{AdapterErrorKind, Content, Record, Result, Written, record_file};
use crate::flow::permit::FlowPermit;
use crate::model::artifact::ArtifactKind;
use crate::model::platform::AzureMlPlace;

/// What MLflow puts at the top of a model that it wrote.
const MLFLOW_MODEL: &str = "MLmodel";

pub(super) async fn write(
    adapter: &AzureMlAdapter,
    permit: &FlowPermit,
    record: &Record,
    content: &dyn Content,
) -> Result<Written> {
    let call = adapter.call("write");
    adapter.check(call, permit, record)?;
    let path = layout::version(call, &adapter.names, &record.version)?;
    if let Some(written) = adapter.existing(call, record, &path).await? {
        return Ok(written);
    }
    let Some(slot) = adapter.slot(call, record, &path).await? else {
        // The registry says that it is there. Who made it may have been quicker than the look before.
        return match adapter.existing(call, record, &path).await? {
            Some(written) => Ok(written),
            None => Err(call.temporary(
                AdapterErrorKind::Unexpected,
                format!(
                    "the registry says that `{}` is there, and does not show it",
                    record.version
                ),
            )),
        };
    };
    upload::upload(call, &slot.place, record, content).await?;
    let file = record_file::encode(layout::FORMAT, record);
    let file = file.map_err(|error| call.unexpected(error.to_string()))?;
    upload::upload_bytes(call, &slot.place, layout::RECORD, file).await?;
    let body = body(record, &slot.uri);
    let made = adapter.arm.put(call, &path, &body).await?;
    adapter.after_put(call, record, &path, made).await
}

impl AzureMlAdapter {
    /// Checks that permit and record speak of the same bytes and of this workspace, and that the record has room here.
    pub(super) fn check(&self, call: Call<'_>, permit: &FlowPermit, record: &Record) -> Result<()> {
        if permit.workspace() != &self.workspace || permit.digest() != record.digest {
            let message = format!(
                "the permit is for `{}` in `{}`, not for `{}`",
                permit.digest(),
                permit.workspace(),
                record.digest
            );
            return Err(call.error(AdapterErrorKind::PermissionDenied, message));
        }
        if record.files.digest() != record.digest {
            let message = format!("the files of `{}` do not have its digest", record.version);
            return Err(call.corrupt(message));
        }
        let is_taken = |path: &str| path.starts_with(layout::RECORD_FOLDER);
        let mut files = record.files.records().iter();
        if let Some(file) = files.find(|file| is_taken(file.path.as_str())) {
            let message = format!(
                "`{}`: the folder `.promote` holds the record here, and cannot hold files of an artifact",
                file.path
            );
            return Err(call.error(AdapterErrorKind::Unsupported, message));
        }
        Ok(())
    }

    /// Whether the version is there already: the same, another, or not. One that is being made is waited for.
    pub(super) async fn existing(
        &self,
        call: Call<'_>,
        record: &Record,
        path: &str,
    ) -> Result<Option<Written>> {
        let Some(asset) = self.arm.settled(call, path).await? else {
            return Ok(None);
        };
        let refuse = |message| Err(call.error(AdapterErrorKind::AlreadyExists, message));
        let version = &record.version;
        match standing(&asset, version) {
            Standing::Ours(digest) if digest == record.digest => Ok(Some(Written::Unchanged)),
            Standing::Ours(digest) => {
                refuse(format!("`{version}` is there with digest `{digest}`"))
            }
            Standing::Foreign => refuse(format!(
                "`{path}` is there and was registered by somebody else, with no digest of ours"
            )),
            Standing::UnderWay => {
                let message = format!("the service is still making `{path}`");
                Err(call.temporary(AdapterErrorKind::Unexpected, message))
            }
            // It may be put again.
            Standing::Failed => Ok(None),
        }
    }

    /// Where the bytes go; `None` when a registry says that the version is there.
    async fn slot(&self, call: Call<'_>, record: &Record, path: &str) -> Result<Option<Slot>> {
        let name = layout::name(call, &self.names, &record.version.artifact)?;
        let folder = layout::folder(record.digest, &name, &record.version);
        match self.spec.place {
            AzureMlPlace::Workspace => {
                let datastore = self.spec.datastore();
                let container = self.datastore(call, datastore).await?;
                let uri = layout::datastore_uri(&self.spec, datastore, &folder);
                let place = Place {
                    container,
                    path: folder,
                };
                Ok(Some(Slot { place, uri }))
            }
            AzureMlPlace::Registry => self.lend(call, path, &folder).await,
        }
    }

    /// What became of a version that was put: whoever was quicker shows in what is there now.
    pub(super) async fn after_put(
        &self,
        call: Call<'_>,
        record: &Record,
        path: &str,
        made: Made,
    ) -> Result<Written> {
        match (made, self.existing(call, record, path).await?) {
            (Made::Done, Some(_)) => Ok(Written::Created),
            (Made::Refused(_), Some(written)) => Ok(written),
            (Made::Refused(error), None) => Err(error),
            (Made::Done, None) => {
                let message = format!("the service took `{path}`, and does not show it");
                Err(call.temporary(AdapterErrorKind::Unexpected, message))
            }
        }
    }
}

/// The body that makes a version.
pub(super) fn body(record: &Record, uri: &str) -> Value {
    let version = &record.version;
    let mut properties = json!({
        "description": format!("{version}, put here by promote"),
        "properties": properties(record),
        "isAnonymous": false,
        "isArchived": false,
    });
    let specific = match version.artifact.kind {
        ArtifactKind::Model => {
            let files = record.files.records();
            let is_mlflow = files.iter().any(|file| file.path.as_str() == MLFLOW_MODEL);
            let kind = if is_mlflow {
                "mlflow_model"
            } else {
                "custom_model"
            };
            json!({ "modelType": kind, "modelUri": uri })
        }
        ArtifactKind::Runtime | ArtifactKind::Component | ArtifactKind::Pipeline => {
            json!({ "dataType": "uri_folder", "dataUri": format!("{uri}/") })
        }
    };
    if let (Some(all), Value::Object(specific)) = (properties.as_object_mut(), specific) {
        all.extend(specific);
    }
    json!({ "properties": properties })
}

/// The properties that say what a version is.
pub(super) fn properties(record: &Record) -> Words {
    [
        (layout::VERSION, record.version.to_string()),
        (layout::DIGEST, record.digest.to_string()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), Some(value)))
    .collect()
}
