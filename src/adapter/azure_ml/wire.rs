//! The shapes of Azure Resource Manager that are read. Fields that are not known are passed over: later versions of the
//! interface add some.
//!
//! Source: the specification `Microsoft.MachineLearningServices/stable/2024-04-01`, of which `tests/specs/azure-ml` holds
//! the part that is used.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::adapter::azure_ml::report::Call;
use crate::adapter::{AdapterError, Result};

/// Names and values; a value may be `null`.
pub(super) type Words = BTreeMap<String, Option<String>>;

/// One page of a listing.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    #[serde(default)]
    pub(super) value: Vec<Asset>,
    #[serde(default)]
    pub(super) next_link: Option<String>,
}

/// A container of versions, or one version.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asset {
    #[serde(default)]
    pub(super) name: Option<String>,
    pub(super) properties: AssetProperties,
    #[serde(default)]
    pub(super) system_data: Option<BTreeMap<String, serde_json::Value>>,
}

/// What all collections have, taken together.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AssetProperties {
    #[serde(default)]
    pub(super) description: Option<String>,
    #[serde(default)]
    pub(super) tags: Option<Words>,
    #[serde(default)]
    pub(super) properties: Option<Words>,
    #[serde(default)]
    pub(super) is_archived: Option<bool>,
    #[serde(default)]
    pub(super) provisioning_state: Option<String>,
    #[serde(default)]
    pub(super) model_type: Option<String>,
    #[serde(default)]
    pub(super) model_uri: Option<String>,
    #[serde(default)]
    pub(super) data_uri: Option<String>,
    #[serde(default)]
    pub(super) data_type: Option<String>,
    #[serde(default)]
    pub(super) code_uri: Option<String>,
    #[serde(default)]
    pub(super) component_spec: Option<serde_json::Value>,
    #[serde(default)]
    pub(super) image: Option<String>,
    #[serde(default)]
    pub(super) conda_file: Option<String>,
    #[serde(default)]
    pub(super) build: Option<serde_json::Value>,
    #[serde(default)]
    pub(super) os_type: Option<String>,
    #[serde(default)]
    pub(super) inference_config: Option<serde_json::Value>,
    #[serde(default)]
    pub(super) job_name: Option<String>,
    #[serde(default)]
    pub(super) stage: Option<String>,
}

/// How far the service is with what it was asked to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Provisioning {
    /// It is there. A state that is not said means the same.
    Done,
    /// It is being made.
    UnderWay,
    /// It was given up.
    Failed,
}

impl AssetProperties {
    pub(super) fn provisioning(&self) -> Provisioning {
        match self.provisioning_state.as_deref() {
            None => Provisioning::Done,
            Some(state) => provisioning(state),
        }
    }

    /// The value of a property.
    pub(super) fn property(&self, name: &str) -> Option<&str> {
        self.properties.as_ref()?.get(name)?.as_deref()
    }

    /// The value of a tag.
    pub(super) fn tag(&self, name: &str) -> Option<&str> {
        self.tags.as_ref()?.get(name)?.as_deref()
    }

    /// Where the bytes are.
    pub(super) fn uri(&self) -> Option<&str> {
        let uris = [&self.model_uri, &self.data_uri, &self.code_uri];
        uris.into_iter().find_map(|uri| uri.as_deref())
    }
}

/// A state that nobody knows is one that is not done.
pub(super) fn provisioning(state: &str) -> Provisioning {
    match state.to_ascii_lowercase().as_str() {
        "succeeded" => Provisioning::Done,
        "failed" | "canceled" | "cancelled" => Provisioning::Failed,
        _ => Provisioning::UnderWay,
    }
}

/// A datastore of a workspace.
#[derive(Debug, Deserialize)]
pub(super) struct Datastore {
    pub(super) properties: DatastoreProperties,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DatastoreProperties {
    pub(super) datastore_type: String,
    #[serde(default)]
    pub(super) account_name: Option<String>,
    #[serde(default)]
    pub(super) container_name: Option<String>,
    #[serde(default)]
    pub(super) endpoint: Option<String>,
    #[serde(default)]
    pub(super) protocol: Option<String>,
    #[serde(default)]
    pub(super) credentials: Option<DatastoreCredentials>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DatastoreCredentials {
    pub(super) credentials_type: String,
}

/// The secrets of a datastore. Not `Debug`: the two fields are the secrets.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DatastoreSecrets {
    pub(super) secrets_type: String,
    #[serde(default)]
    pub(super) key: Option<String>,
    #[serde(default)]
    pub(super) sas_token: Option<String>,
}

/// The answer to a wish to upload, and to one to read. Not `Debug`: the credential is a secret.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlobReferenceAnswer {
    #[serde(default)]
    pub(super) blob_reference_for_consumption: Option<BlobReference>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlobReference {
    #[serde(default)]
    pub(super) blob_uri: Option<String>,
    #[serde(default)]
    pub(super) credential: Option<BlobCredential>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlobCredential {
    pub(super) credential_type: String,
    #[serde(default)]
    pub(super) sas_uri: Option<String>,
}

/// The state of a long-running operation.
#[derive(Debug, Deserialize)]
pub(super) struct OperationStatus {
    #[serde(default)]
    pub(super) status: Option<String>,
    #[serde(default)]
    pub(super) error: Option<OperationError>,
}

#[derive(Debug, Deserialize)]
pub(super) struct OperationError {
    #[serde(default)]
    pub(super) code: Option<String>,
    #[serde(default)]
    pub(super) message: Option<String>,
}

/// Reads a body. What does not parse is not quoted, since some bodies hold secrets.
pub(super) fn decode<T: DeserializeOwned>(call: Call<'_>, what: &str, body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|error| unreadable(call, what, &error))
}

fn unreadable(call: Call<'_>, what: &str, error: &serde_json::Error) -> AdapterError {
    let (line, column) = (error.line(), error.column());
    call.unexpected(format!(
        "{what}: the answer has another form than expected, at line {line}, column {column}"
    ))
}
