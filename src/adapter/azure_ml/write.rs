//! Writing a version: the bytes, the record, and last what makes it show.

use serde_json::{Value, json};

use crate::adapter::azure_ml::arm::Made;
use crate::adapter::azure_ml::held::{Standing, standing};
use crate::adapter::azure_ml::report::Call;
use crate::adapter::azure_ml::shape::{Shape, Source};
use crate::adapter::azure_ml::storage::{Place, Slot};
use crate::adapter::azure_ml::wire::Words;
use crate::adapter::azure_ml::{AzureMlAdapter, layout, upload};
use crate::adapter::{AdapterErrorKind, Content, Record, Result, Written, record_file};
use crate::flow::permit::FlowPermit;
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
    if let Some(written) = adapter.existing(call, record).await? {
        return Ok(written);
    }
    let shape = adapter
        .shape(call, record, &Source::Staged(content))
        .await?;
    let home = Home::of(adapter, call, record, &shape)?;
    if !home.is_part() {
        let made = adapter.put_home(call, record, content, &home).await?;
        return match made {
            Some(made) => adapter.after_put(call, record, &home.path, made).await,
            None => adapter.late(call, record).await,
        };
    }
    let place = match adapter.kept(call, record, &home).await? {
        Some(place) => place,
        None => {
            // Whoever was quicker made the same, or something else; what is there now says.
            let made = adapter.put_home(call, record, content, &home).await?;
            let place = adapter.kept(call, record, &home).await?;
            place.ok_or_else(|| match made {
                Some(Made::Refused(error)) => error,
                Some(Made::Done) | None => unseen(call, &home.path),
            })?
        }
    };
    adapter.show(call, record, &shape, &place).await
}

/// What has the bytes of a version: the version itself, or what it is made of.
#[derive(Debug)]
pub(super) struct Home {
    /// Its path.
    pub(super) path: String,
    collection: &'static str,
    /// What else it says of itself.
    pub(super) more: Words,
    /// Why it is no more than bytes.
    reason: Option<String>,
}

impl Home {
    pub(super) fn of(
        adapter: &AzureMlAdapter,
        call: Call<'_>,
        record: &Record,
        shape: &Shape,
    ) -> Result<Self> {
        let kind = record.version.artifact.kind;
        let mut more = Words::new();
        let mut add =
            |name: &str, value: &str| more.insert(name.to_owned(), Some(value.to_owned()));
        let collection = match shape {
            Shape::Bytes(_) => layout::collections(kind)
                .last()
                .copied()
                .unwrap_or(layout::DATA),
            Shape::Component { code, .. } => {
                add(layout::PART_OF, layout::COMPONENTS);
                if let Some(code) = code.as_deref().filter(|code| !code.is_empty()) {
                    add(layout::CODE, code);
                }
                layout::CODES
            }
            Shape::Environment { .. } => {
                add(layout::PART_OF, layout::ENVIRONMENTS);
                layout::DATA
            }
        };
        let reason = match shape {
            Shape::Bytes(reason) => reason.clone(),
            Shape::Component { .. } | Shape::Environment { .. } => None,
        };
        Ok(Self {
            path: layout::version(call, &adapter.names, collection, &record.version)?,
            collection,
            more,
            reason,
        })
    }

    /// Whether a version shows elsewhere.
    pub(super) fn is_part(&self) -> bool {
        self.more.contains_key(layout::PART_OF)
    }

    /// The body that makes it.
    pub(super) fn body(&self, record: &Record, slot: &Slot) -> Value {
        let version = &record.version;
        let mut description = format!("{version}, put here by promote");
        if let Some(reason) = &self.reason {
            description.push_str(&format!(
                ", as files alone, since Azure Machine Learning cannot be told what it is: {reason}"
            ));
        }
        let mut words = properties(record);
        words.extend(self.more.clone());
        let mut body = json!({
            "description": description, "properties": words, "isAnonymous": false, "isArchived": false,
        });
        let specific = match self.collection {
            layout::MODELS => {
                let files = record.files.records();
                let is_mlflow = files.iter().any(|file| file.path.as_str() == MLFLOW_MODEL);
                let kind = if is_mlflow {
                    "mlflow_model"
                } else {
                    "custom_model"
                };
                json!({ "modelType": kind, "modelUri": slot.uri })
            }
            layout::CODES => {
                let code = self.more.get(layout::CODE).cloned().flatten();
                json!({ "codeUri": slot.place.url(&code.unwrap_or_default()) })
            }
            _ => json!({ "dataType": "uri_folder", "dataUri": format!("{}/", slot.uri) }),
        };
        if let (Some(all), Value::Object(specific)) = (body.as_object_mut(), specific) {
            all.extend(specific);
        }
        json!({ "properties": body })
    }
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
    ) -> Result<Option<Written>> {
        let version = &record.version;
        let Some(held) = self.held(call, version).await? else {
            return Ok(None);
        };
        let Some(asset) = self.arm.settled(call, &held.path).await? else {
            return Ok(None);
        };
        match standing(&asset, version) {
            Standing::Ours(digest) if digest == record.digest => {
                if held.is_more_than_bytes() {
                    // It says what it should, or is `Corrupt`.
                    self.record_of(call, version, &held.path, &asset, digest)
                        .await?;
                }
                Ok(Some(Written::Unchanged))
            }
            // It may be put again.
            Standing::Failed => Ok(None),
            other => Err(taken(call, record, &held.path, other)),
        }
    }

    /// Makes what has the bytes; `None` when a registry says that it is there.
    async fn put_home(
        &self,
        call: Call<'_>,
        record: &Record,
        content: &dyn Content,
        home: &Home,
    ) -> Result<Option<Made>> {
        let Some(slot) = self.slot(call, record, &home.path).await? else {
            return Ok(None);
        };
        upload::upload(call, &slot.place, record, content).await?;
        let file = record_file::encode(layout::FORMAT, record);
        let file = file.map_err(|error| call.unexpected(error.to_string()))?;
        upload::upload_bytes(call, &slot.place, layout::RECORD, file).await?;
        let body = home.body(record, &slot);
        self.arm.put(call, &home.path, &body).await.map(Some)
    }

    /// Where the bytes of a version are that does not show yet; `None` when they are nowhere.
    pub(super) async fn kept(
        &self,
        call: Call<'_>,
        record: &Record,
        home: &Home,
    ) -> Result<Option<Place>> {
        let Some(asset) = self.arm.settled(call, &home.path).await? else {
            return Ok(None);
        };
        match standing(&asset, &record.version) {
            Standing::Ours(digest) if digest == record.digest => {
                let is_part = asset.properties.property(layout::PART_OF).is_some();
                let place = self.place_of(call, &home.path, &asset).await?;
                Ok(is_part.then_some(place))
            }
            Standing::Failed => Ok(None),
            other => Err(taken(call, record, &home.path, other)),
        }
    }

    /// A registry says that a version is there. Who made it may have been quicker than the look before.
    async fn late(&self, call: Call<'_>, record: &Record) -> Result<Written> {
        match self.existing(call, record).await? {
            Some(written) => Ok(written),
            None => Err(call.temporary(
                AdapterErrorKind::Unexpected,
                format!(
                    "the registry says that `{}` is there, and does not show it",
                    record.version
                ),
            )),
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
        match (made, self.existing(call, record).await?) {
            (Made::Done, Some(_)) => Ok(Written::Created),
            (Made::Refused(_), Some(written)) => Ok(written),
            (Made::Refused(error), None) => Err(error),
            (Made::Done, None) => Err(unseen(call, path)),
        }
    }
}

fn unseen(call: Call<'_>, path: &str) -> crate::adapter::AdapterError {
    let message = format!("the service took `{path}`, and does not show it");
    call.temporary(AdapterErrorKind::Unexpected, message)
}

/// What is in the way.
fn taken(
    call: Call<'_>,
    record: &Record,
    path: &str,
    standing: Standing,
) -> crate::adapter::AdapterError {
    let refuse = |message| call.error(AdapterErrorKind::AlreadyExists, message);
    match standing {
        Standing::Ours(digest) => refuse(format!(
            "`{}` is there with digest `{digest}`",
            record.version
        )),
        Standing::Foreign => refuse(format!(
            "`{path}` is there and was registered by somebody else, with no digest of ours"
        )),
        Standing::UnderWay | Standing::Failed => {
            let message = format!("the service is still making `{path}`");
            call.temporary(AdapterErrorKind::Unexpected, message)
        }
    }
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
