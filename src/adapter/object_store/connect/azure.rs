//! Containers of Azure Blob Storage.

use std::sync::Arc;

use ::object_store::azure::{AzureConfigKey, MicrosoftAzure, MicrosoftAzureBuilder};

use crate::adapter::entra::Entra;
use crate::adapter::object_store::connect::token::Tokens;
use crate::adapter::object_store::connect::{ConnectError, Vault, ambient, no_retries};
use crate::adapter::object_store::line::Line;
use crate::model::platform::{AzureCloud, ObjectStoreCredentials, ObjectStoreSpec};

pub(super) fn connect(
    spec: &ObjectStoreSpec,
    line: Line,
    vault: &mut Vault<'_>,
) -> Result<Arc<MicrosoftAzure>, ConnectError> {
    let builder = MicrosoftAzureBuilder::new()
        .with_account(spec.url.account().unwrap_or_default())
        .with_container_name(spec.url.bucket())
        .with_retry(no_retries())
        .with_disable_tagging(true)
        .with_http_connector(line);
    let builder = match &spec.endpoint {
        Some(endpoint) => builder
            .with_endpoint(endpoint.to_string())
            .with_allow_http(true),
        None => builder,
    };
    let builder = match (&spec.endpoint, spec.cloud) {
        (None, AzureCloud::UsGovernment | AzureCloud::China) => {
            let account = spec.url.account().unwrap_or_default();
            let suffix = spec.cloud.endpoints().blob_suffix;
            builder.with_endpoint(format!("https://{account}.{suffix}"))
        }
        _ => builder,
    };
    let (builder, what) = credentials(builder, spec, vault)?;
    let store = builder.build().map_err(|_| ConnectError::Refused(what))?;
    Ok(Arc::new(store))
}

fn credentials(
    builder: MicrosoftAzureBuilder,
    spec: &ObjectStoreSpec,
    vault: &mut Vault<'_>,
) -> Result<(MicrosoftAzureBuilder, &'static str), ConnectError> {
    let other = |auth| ConnectError::Mismatch {
        auth,
        provider: "a container of Azure",
        instead: "use `accountKey`, `sharedAccessSignature`, `entra`, `ambient` or `anonymous`",
    };
    match &spec.auth {
        ObjectStoreCredentials::AccountKey { key } => {
            let key = vault.load(key)?;
            Ok((builder.with_access_key(key), "account key"))
        }
        ObjectStoreCredentials::SharedAccessSignature { query } => {
            let query = vault.load(query)?;
            let query = query.trim_start_matches('?');
            // The signature shows in addresses, encoded and not.
            for pair in query.split('&') {
                if let Some(signature) = pair.strip_prefix("sig=") {
                    vault.keep(signature);
                }
            }
            let builder = builder.with_config(AzureConfigKey::SasKey, query);
            Ok((builder, "shared access signature"))
        }
        ObjectStoreCredentials::Entra(credentials) => {
            let entra = Entra::new(
                credentials.clone(),
                spec.cloud,
                spec.authority.clone(),
                vault.environment.clone(),
            );
            let tokens = Arc::new(Tokens::new(entra));
            vault.tokens = Some(Arc::clone(&tokens));
            Ok((
                builder.with_credentials(tokens),
                "credentials of Microsoft Entra",
            ))
        }
        ObjectStoreCredentials::Ambient => {
            let mut builder = builder;
            for (name, value) in ambient::found(ambient::AZURE, vault) {
                let key: AzureConfigKey = name
                    .to_ascii_lowercase()
                    .parse()
                    .map_err(|_| ConnectError::Refused("environment"))?;
                builder = builder.with_config(key, value);
            }
            Ok((builder, "environment"))
        }
        ObjectStoreCredentials::Anonymous => Ok((builder.with_skip_signature(true), "address")),
        ObjectStoreCredentials::AccessKey { .. } => Err(other("accessKey")),
        ObjectStoreCredentials::ServiceAccount { .. } => Err(other("serviceAccount")),
    }
}
