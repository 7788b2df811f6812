//! `trust/index.yaml`: the governed files, pinned.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::manifest::Manifest;
use crate::model::digest::{Sha256, TreePath};
use crate::model::id::TopologyName;

/// The manifest of the trust index.
pub type TrustIndex = Manifest<TopologyName, TrustIndexSpec>;

/// The governed files by path and SHA-256. Signed by a threshold of each role whose files changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrustIndexSpec {
    /// Grows with each change.
    #[schemars(range(min = 1))]
    pub version: u64,
    /// From when on nothing is done under it; that of the trust root alone when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub expires: Option<Timestamp>,
    /// The SHA-256 of `trust/root.yaml`.
    pub root: Sha256,
    /// Path and SHA-256 of every governed file.
    pub files: BTreeMap<TreePath, Sha256>,
}
