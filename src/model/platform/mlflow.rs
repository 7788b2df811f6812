//! MLflow servers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::platform::{AliasName, HttpAddress, HttpCredentials, NameRules, NameTemplate};

/// An MLflow tracking server with its model registry and its artifact proxy: 2.22 or later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MlflowSpec {
    /// The server.
    pub url: HttpAddress,
    /// Who asks; nobody when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<HttpCredentials>,
    /// The names of registered models: `{project}.{kind}.{name}` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<NameTemplate>,
    /// The alias that the pointer is: `champion` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<AliasName>,
    /// The experiment that runs of promotions are in: `promote` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub experiment: Option<String>,
    /// The server's workspace, where it has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"))]
    pub workspace: Option<String>,
    /// Whether an address without encryption is meant.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_http: bool,
}

impl MlflowSpec {
    /// A registered model's name has no `/` and no `:`; the server's column has room for 256 characters.
    pub const NAMES: NameRules = NameRules {
        what: "the name of a registered model in MLflow",
        max_bytes: 256,
        is_allowed: |byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte),
        is_first: |byte| byte.is_ascii_alphanumeric(),
        form: |_| None,
        folds_case: false,
    };

    /// How names are made.
    #[must_use]
    pub fn template(&self) -> NameTemplate {
        let given = self.names.clone();
        given.unwrap_or_else(|| NameTemplate::joined("."))
    }

    /// The alias that the pointer is.
    #[must_use]
    pub fn alias(&self) -> &str {
        self.alias.as_ref().map_or("champion", AliasName::as_str)
    }

    /// The experiment that runs of promotions are in.
    #[must_use]
    pub fn experiment(&self) -> &str {
        self.experiment.as_deref().unwrap_or("promote")
    }

    pub(super) fn name_space(&self) -> String {
        let workspace = self.workspace.as_deref().unwrap_or_default();
        format!("mlflow {} {workspace}", self.url)
    }
}
