//! Buckets.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::id::text_type;
use crate::model::platform::credentials::is_public;
use crate::model::platform::{AzureCloud, EntraCredentials, HttpAddress, NameRules, NameTemplate};
use crate::model::secret::SecretRef;

/// A bucket, or what lies below a prefix of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ObjectStoreSpec {
    /// The bucket and a prefix.
    pub url: BucketAddress,
    /// The server, where it is not the provider's own: S3-compatible stores, emulators, private links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<HttpAddress>,
    /// Which Azure a container is in.
    #[serde(default, skip_serializing_if = "is_public")]
    pub cloud: AzureCloud,
    /// Microsoft Entra at another address than the cloud's own, for `auth: entra`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<HttpAddress>,
    /// The region of an S3 bucket: `us-east-1` when left out, as every tool has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[a-z0-9-]{1,64}$"))]
    pub region: Option<String>,
    /// Who asks.
    #[serde(default)]
    pub auth: ObjectStoreCredentials,
    /// The folders of artifacts below the prefix: `{project}/{kind}/{name}` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<NameTemplate>,
    /// Whether an address without encryption is meant.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_http: bool,
    /// Whether the server at `endpoint` is known to decide who is first when several write at once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trust_conditions: bool,
}

/// How a store is told who asks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum ObjectStoreCredentials {
    /// As the provider's own tools find it: the variables that they read, the token file of a pod, the machine's identity.
    #[default]
    Ambient,
    /// A key pair of S3.
    #[serde(rename_all = "camelCase")]
    AccessKey {
        /// Where the key's id is.
        id: SecretRef,
        /// Where the secret key is.
        secret: SecretRef,
        /// Where the session's token is, for keys that are lent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session_token: Option<SecretRef>,
    },
    /// The key of an Azure storage account.
    #[serde(rename_all = "camelCase")]
    AccountKey {
        /// Where the key is.
        key: SecretRef,
    },
    /// A shared access signature of Azure.
    #[serde(rename_all = "camelCase")]
    SharedAccessSignature {
        /// Where the signature's query is.
        query: SecretRef,
    },
    /// Microsoft Entra.
    #[serde(rename_all = "camelCase")]
    Entra(EntraCredentials),
    /// A key of a Google service account.
    #[serde(rename_all = "camelCase")]
    ServiceAccount {
        /// Where the key is, as JSON.
        key: SecretRef,
    },
    /// Nobody: the store is open.
    Anonymous,
}

/// Whose bucket it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BucketProvider {
    /// S3, or what speaks like it.
    S3,
    /// Azure Blob Storage.
    Azure,
    /// Google Cloud Storage.
    Gcs,
}

/// A bucket and a prefix: `s3://BUCKET[/PREFIX]`, `gs://BUCKET[/PREFIX]`, or `az://ACCOUNT/CONTAINER[/PREFIX]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BucketAddress {
    provider: BucketProvider,
    account: Option<String>,
    bucket: String,
    prefix: String,
}

/// The text is no address of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a bucket's address is `s3://BUCKET[/PREFIX]`, `gs://BUCKET[/PREFIX]` or `az://ACCOUNT/CONTAINER[/PREFIX]`"
)]
pub struct BucketAddressError;

impl BucketAddress {
    /// Whose bucket it is.
    #[must_use]
    pub const fn provider(&self) -> BucketProvider {
        self.provider
    }

    /// The storage account of Azure.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// The bucket; in Azure, the container.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// What all names of objects begin with, without slashes around it; empty for all of the bucket.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}

impl fmt::Display for BucketAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.provider {
            BucketProvider::S3 => "s3",
            BucketProvider::Azure => "az",
            BucketProvider::Gcs => "gs",
        };
        write!(formatter, "{scheme}://")?;
        if let Some(account) = &self.account {
            write!(formatter, "{account}/")?;
        }
        formatter.write_str(&self.bucket)?;
        if !self.prefix.is_empty() {
            write!(formatter, "/{}", self.prefix)?;
        }
        Ok(())
    }
}

impl FromStr for BucketAddress {
    type Err = BucketAddressError;

    fn from_str(text: &str) -> Result<Self, BucketAddressError> {
        let (scheme, rest) = text.split_once("://").ok_or(BucketAddressError)?;
        let (provider, account, rest) = match scheme {
            "s3" => (BucketProvider::S3, None, rest),
            "gs" => (BucketProvider::Gcs, None, rest),
            "az" => {
                let (account, rest) = rest.split_once('/').ok_or(BucketAddressError)?;
                (BucketProvider::Azure, Some(account), rest)
            }
            _ => return Err(BucketAddressError),
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_part = |part: &str| {
            (1..=255).contains(&part.len())
                && !matches!(part, "." | "..")
                && part.bytes().all(is_plain)
        };
        let prefix = prefix.trim_end_matches('/');
        let is_prefix =
            prefix.is_empty() || (prefix.len() <= 255 && prefix.split('/').all(is_part));
        if !is_part(bucket) || !account.is_none_or(is_part) || !is_prefix {
            return Err(BucketAddressError);
        }
        Ok(Self {
            provider,
            account: account.map(str::to_owned),
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
        })
    }
}

text_type!(
    BucketAddress,
    "BucketAddress",
    "^(s3|gs|az)://[A-Za-z0-9._/-]+$",
    "a bucket and a prefix: `s3://BUCKET[/PREFIX]`, `gs://BUCKET[/PREFIX]` or `az://ACCOUNT/CONTAINER[/PREFIX]`"
);

impl ObjectStoreSpec {
    /// Folders of objects, which other tools and people can read too.
    pub const NAMES: NameRules = NameRules {
        what: "the folder of an artifact in a bucket",
        max_bytes: 255,
        is_allowed: |byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-/".contains(&byte)
        },
        is_first: |byte| byte.is_ascii_alphanumeric(),
        form: |name| {
            let mut parts = name.split('/');
            let is_wrong = parts.any(|part| matches!(part, "" | "." | ".."));
            is_wrong.then_some("it has an empty, `.` or `..` part")
        },
        folds_case: false,
    };

    /// How folders are named.
    #[must_use]
    pub fn template(&self) -> NameTemplate {
        let given = self.names.clone();
        given.unwrap_or_else(|| NameTemplate::joined("/"))
    }

    pub(super) fn name_space(&self) -> String {
        let endpoint = self.endpoint.as_ref().map_or("", HttpAddress::as_str);
        format!("object-store {endpoint} {}", self.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_buckets_are_written_as_they_were_read() {
        for text in [
            "s3://b",
            "s3://models.prod/team-a/x",
            "gs://b/p",
            "az://acct/cont/p/q",
        ] {
            assert_eq!(text.parse::<BucketAddress>().unwrap().to_string(), text);
        }
        let address: BucketAddress = "az://acct/cont/p/q/".parse().unwrap();
        assert_eq!(
            (address.account(), address.bucket(), address.prefix()),
            (Some("acct"), "cont", "p/q")
        );
    }

    #[test]
    fn what_leads_elsewhere_is_no_address_of_a_bucket() {
        for text in [
            "b",
            "s3://",
            "s3:///p",
            "az://acct",
            "ftp://b",
            "s3://b/../c",
            "s3://b//c",
            "s3://b/c?d",
            "s3://key:secret@b",
            "gs://./x",
        ] {
            assert_eq!(
                text.parse::<BucketAddress>(),
                Err(BucketAddressError),
                "{text}"
            );
        }
    }
}
