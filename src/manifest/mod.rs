//! The files of a promotion repository: shapes, parsing with spans, and what must hold between them.

pub mod address;
pub mod artifact;
pub mod changed;
pub mod check;
pub mod dataset;
mod draft;
pub mod foreign;
pub mod freeze;
pub mod kept;
pub mod kind;
pub mod layout;
mod naming;
pub mod parsed;
pub mod policy;
pub mod project;
pub mod release;
pub mod repository;
pub mod topology;
pub mod trust_index;
pub mod trust_root;
pub mod version;
pub mod workspace;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::diagnostic::yaml;
pub use crate::diagnostic::yaml::MAX_MANIFEST_BYTES;

/// The one version of the format there is.
pub const API_VERSION: &str = "promote.dev/v1alpha1";

/// What every manifest looks like: a header, a name, and a specification of its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest<N, S> {
    /// Always `promote.dev/v1alpha1`.
    pub api_version: String,
    /// The kind of manifest.
    pub kind: String,
    /// Its name.
    pub metadata: Metadata<N>,
    /// What it says.
    pub spec: S,
}

impl<N> Metadata<N> {
    /// A name without words for people.
    pub const fn named(name: N) -> Self {
        Self {
            name,
            description: None,
        }
    }
}

/// The name of what a manifest describes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata<N> {
    /// The name; the file's path must agree with it.
    pub name: N,
    /// Words for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}
