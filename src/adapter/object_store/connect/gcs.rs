//! Buckets of Google Cloud Storage.

use std::sync::Arc;

use ::object_store::StaticCredentialProvider;
use ::object_store::gcp::{
    GcpCredential, GoogleCloudStorage, GoogleCloudStorageBuilder, GoogleConfigKey,
};

use crate::adapter::object_store::connect::{ConnectError, Vault, ambient, no_retries};
use crate::adapter::object_store::line::Line;
use crate::model::platform::{ObjectStoreCredentials, ObjectStoreSpec};

/// Always said, for a key of a service account can name another server.
const ADDRESS: &str = "https://storage.googleapis.com";

pub(super) fn connect(
    spec: &ObjectStoreSpec,
    line: Line,
    vault: &mut Vault<'_>,
) -> Result<Arc<GoogleCloudStorage>, ConnectError> {
    let endpoint = spec.endpoint.as_ref();
    let builder = GoogleCloudStorageBuilder::new()
        .with_bucket_name(spec.url.bucket())
        .with_base_url(endpoint.map_or(ADDRESS, |endpoint| endpoint.as_str()))
        .with_retry(no_retries())
        .with_http_connector(line);
    let (builder, what) = credentials(builder, spec, vault)?;
    let store = builder.build().map_err(|_| ConnectError::Refused(what))?;
    Ok(Arc::new(store))
}

fn credentials(
    builder: GoogleCloudStorageBuilder,
    spec: &ObjectStoreSpec,
    vault: &mut Vault<'_>,
) -> Result<(GoogleCloudStorageBuilder, &'static str), ConnectError> {
    let other = |auth| ConnectError::Mismatch {
        auth,
        provider: "a bucket of Google Cloud",
        instead: "use `serviceAccount`, `ambient` or `anonymous`",
    };
    match &spec.auth {
        ObjectStoreCredentials::ServiceAccount { key } => {
            let key = vault.load(key)?;
            keep_private_key(&key, vault);
            Ok((builder.with_service_account_key(key), "service account key"))
        }
        ObjectStoreCredentials::Ambient => {
            let mut builder = builder;
            for (name, value) in ambient::found(ambient::GCS, vault) {
                let key: GoogleConfigKey = name
                    .to_ascii_lowercase()
                    .parse()
                    .map_err(|_| ConnectError::Refused("environment"))?;
                builder = builder.with_config(key, value);
            }
            Ok((builder, "environment"))
        }
        ObjectStoreCredentials::Anonymous => {
            // Otherwise it would look for a key of this machine first.
            let nobody = StaticCredentialProvider::new(GcpCredential {
                bearer: String::new(),
            });
            let builder = builder.with_credentials(Arc::new(nobody));
            Ok((builder.with_skip_signature(true), "address"))
        }
        ObjectStoreCredentials::AccessKey { .. } => Err(other("accessKey")),
        ObjectStoreCredentials::AccountKey { .. } => Err(other("accountKey")),
        ObjectStoreCredentials::SharedAccessSignature { .. } => Err(other("sharedAccessSignature")),
        ObjectStoreCredentials::Entra(_) => Err(other("entra")),
    }
}

/// The key within the key, for messages would hold that alone.
fn keep_private_key(json: &str, vault: &mut Vault<'_>) {
    let value = serde_json::from_str::<serde_json::Value>(json);
    let value = value.unwrap_or_default();
    if let Some(key) = value.get("private_key").and_then(serde_json::Value::as_str) {
        vault.keep(key);
    }
}
