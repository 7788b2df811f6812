//! Where the credentials for a platform are. Everything here is a reference or a name; nothing is a secret.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::secret::SecretRef;

/// How a server is told who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum HttpCredentials {
    /// A name and a password (RFC 7617).
    #[serde(rename_all = "camelCase")]
    Basic {
        /// The name.
        username: String,
        /// Where the password is.
        password: SecretRef,
    },
    /// A token (RFC 6750). A file is read again for each run, so that whoever rotates it need not tell anyone.
    #[serde(rename_all = "camelCase")]
    Bearer {
        /// Where the token is.
        token: SecretRef,
    },
}

/// How Microsoft Entra is told who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum EntraCredentials {
    /// An application with a client secret.
    #[serde(rename_all = "camelCase")]
    ClientSecret {
        /// The tenant's id.
        tenant: String,
        /// The application's id.
        client: String,
        /// Where the secret is.
        secret: SecretRef,
    },
    /// An application with a certificate.
    #[serde(rename_all = "camelCase")]
    Certificate {
        /// The tenant's id.
        tenant: String,
        /// The application's id.
        client: String,
        /// Where certificate and private key are, as PEM.
        certificate: SecretRef,
    },
    /// A token of another issuer that the application trusts: workload identity of Kubernetes, or the OIDC token of a CI job.
    #[serde(rename_all = "camelCase")]
    Federated {
        /// The tenant's id.
        tenant: String,
        /// The application's id.
        client: String,
        /// Where the token is. It is read again each time one is needed.
        token: SecretRef,
    },
    /// The identity that the machine has in Azure.
    #[serde(rename_all = "camelCase")]
    ManagedIdentity {
        /// The client id of a user-assigned identity; the system's own when left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client: Option<String>,
    },
}

/// Which Azure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AzureCloud {
    /// The one for everybody.
    #[default]
    Public,
    /// The one of the government of the United States.
    UsGovernment,
    /// The one in China, which 21Vianet runs.
    China,
}

/// Whether it is the one for everybody.
pub(super) fn is_public(cloud: &AzureCloud) -> bool {
    *cloud == AzureCloud::Public
}

impl AzureCloud {
    /// Where tokens are issued, where resources are managed, and the end of the names of storage accounts.
    ///
    /// Source: <https://learn.microsoft.com/azure/developer/identity/national-cloud> and the settings of the Azure SDKs.
    #[must_use]
    pub const fn endpoints(self) -> AzureEndpoints {
        match self {
            Self::Public => AzureEndpoints {
                authority: "https://login.microsoftonline.com",
                management: "https://management.azure.com",
                blob_suffix: "blob.core.windows.net",
            },
            Self::UsGovernment => AzureEndpoints {
                authority: "https://login.microsoftonline.us",
                management: "https://management.usgovcloudapi.net",
                blob_suffix: "blob.core.usgovcloudapi.net",
            },
            Self::China => AzureEndpoints {
                authority: "https://login.chinacloudapi.cn",
                management: "https://management.chinacloudapi.cn",
                blob_suffix: "blob.core.chinacloudapi.cn",
            },
        }
    }
}

/// The addresses of one Azure cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AzureEndpoints {
    /// Where tokens are issued.
    pub authority: &'static str,
    /// Where resources are managed; also the audience of tokens for it.
    pub management: &'static str,
    /// The end of the names of storage accounts' Blob service.
    pub blob_suffix: &'static str,
}
