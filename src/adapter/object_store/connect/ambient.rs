//! Credentials as the providers' own tools find them: variables of the environment, files that these name, and what the
//! machine says of itself. Addresses are not taken from there: the manifest says where the bucket is.

use crate::adapter::object_store::connect::Vault;

/// A variable, and whether its value is itself a secret.
pub(super) type Variable = (&'static str, bool);

/// What the AWS tools read.
///
/// Source: <https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html>
pub(super) const S3: &[Variable] = &[
    ("AWS_ACCESS_KEY_ID", true),
    ("AWS_SECRET_ACCESS_KEY", true),
    ("AWS_SESSION_TOKEN", true),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", false),
    ("AWS_ROLE_ARN", false),
    ("AWS_ROLE_SESSION_NAME", false),
    ("AWS_ENDPOINT_URL_STS", false),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", false),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", false),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", false),
];

/// What the Azure tools read.
///
/// Source: <https://learn.microsoft.com/azure/developer/python/sdk/authentication/credential-chains>
pub(super) const AZURE: &[Variable] = &[
    ("AZURE_STORAGE_ACCOUNT_KEY", true),
    ("AZURE_STORAGE_SAS_TOKEN", true),
    ("AZURE_TENANT_ID", false),
    ("AZURE_CLIENT_ID", false),
    ("AZURE_CLIENT_SECRET", true),
    ("AZURE_FEDERATED_TOKEN_FILE", false),
    ("AZURE_AUTHORITY_HOST", false),
    ("IDENTITY_ENDPOINT", false),
];

/// What the Google tools read.
///
/// Source: <https://cloud.google.com/docs/authentication/application-default-credentials>
pub(super) const GCS: &[Variable] = &[
    ("GOOGLE_APPLICATION_CREDENTIALS", false),
    ("GOOGLE_SERVICE_ACCOUNT_KEY", true),
];

/// The variables that are set, with their values.
pub(super) fn found(
    variables: &'static [Variable],
    vault: &mut Vault<'_>,
) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    for (name, is_secret) in variables {
        let value = vault
            .environment
            .get(name)
            .filter(|value| !value.is_empty());
        let Some(value) = value.map(str::to_owned) else {
            continue;
        };
        if *is_secret {
            vault.keep(&value);
        }
        found.push((*name, value));
    }
    vault.asks_machine = found.is_empty();
    found
}
