//! Azure Machine Learning.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::platform::credentials::is_public;
use crate::model::platform::{AzureCloud, EntraCredentials, HttpAddress, NameRules, NameTemplate};

/// A workspace or a registry of Azure Machine Learning, reached through Azure Resource Manager.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AzureMlSpec {
    /// The subscription's id.
    pub subscription: String,
    /// The resource group.
    pub resource_group: String,
    /// Its name.
    pub name: String,
    /// Which of the two it is.
    #[serde(rename = "type", default)]
    pub place: AzureMlPlace,
    /// Who asks.
    pub auth: EntraCredentials,
    /// Which Azure it is in.
    #[serde(default, skip_serializing_if = "is_public")]
    pub cloud: AzureCloud,
    /// The datastore of a workspace that bytes go to: `workspaceblobstore` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub datastore: Option<String>,
    /// The names of assets: `{project}-{kind}-{name}` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<NameTemplate>,
    /// The version of the interface: `2024-04-01` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?$"))]
    pub api_version: Option<String>,
    /// Azure Resource Manager at another address than the cloud's own, for a private link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<HttpAddress>,
    /// Microsoft Entra at another address than the cloud's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<HttpAddress>,
    /// Whether an address without encryption is meant.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_http: bool,
}

/// Workspaces and registries have the same assets, and take their bytes in different ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AzureMlPlace {
    /// A workspace.
    #[default]
    Workspace,
    /// A registry, which several workspaces share.
    Registry,
}

impl AzureMlSpec {
    /// The names of assets, by the interface's description: `^[a-zA-Z0-9][a-zA-Z0-9\-_]{0,254}$`.
    pub const NAMES: NameRules = NameRules {
        what: "the name of an asset in Azure Machine Learning",
        max_bytes: 255,
        is_allowed: |byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte),
        is_first: |byte| byte.is_ascii_alphanumeric(),
        form: |_| None,
        folds_case: false,
    };

    /// How names are made.
    #[must_use]
    pub fn template(&self) -> NameTemplate {
        let given = self.names.clone();
        given.unwrap_or_else(|| NameTemplate::joined("-"))
    }

    /// The datastore that bytes go to.
    #[must_use]
    pub fn datastore(&self) -> &str {
        self.datastore.as_deref().unwrap_or("workspaceblobstore")
    }

    /// The version of the interface.
    #[must_use]
    pub fn api_version(&self) -> &str {
        self.api_version.as_deref().unwrap_or("2024-04-01")
    }

    pub(super) fn name_space(&self) -> String {
        let (subscription, group, name) = (&self.subscription, &self.resource_group, &self.name);
        let parts = format!("azure-ml {:?} {subscription} {group} {name}", self.place);
        // Azure Resource Manager does not tell capitals apart in what a resource is called.
        parts.to_ascii_lowercase()
    }
}
