//! Lineage: what a version was made from.

use serde::{Deserialize, Serialize};

use crate::model::artifact::VersionId;
use crate::model::digest::TreeDigest;
use crate::model::id::DatasetName;
use crate::model::snapshot::ReadSnapshot;

/// The datasets, base artifacts, code and run that a version was made from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lineage {
    /// The datasets that were read. All of them: one left out is a false statement that its author signed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub datasets: Vec<DatasetName>,
    /// The snapshots of datasets that were read, where it is known which. They need not be among the datasets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    pub snapshots: Vec<ReadSnapshot>,
    /// The versions that this one was derived from: base models, the pipeline that ran, the runtime it ran in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bases: Vec<Base>,
    /// The commit of the code that ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<CodeCommit>,
    /// The run that made it, as its platform names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub run: Option<String>,
    /// Addresses of data that no dataset claims. While one is left, the version also counts as everything that its workspace
    /// may hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000), inner(length(min = 1, max = 2048)))]
    pub unknown: Vec<String>,
}

/// A version that another was derived from.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Base {
    /// The version.
    pub version: VersionId,
    /// Its digest, so that a name cannot be given other bytes later.
    pub digest: TreeDigest,
}

/// Where code came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CodeCommit {
    /// The repository's address.
    pub repository: String,
    /// The commit, in full.
    #[schemars(regex(pattern = "^[0-9a-f]{40}([0-9a-f]{24})?$"))]
    pub commit: String,
}

impl Lineage {
    /// Whether nothing at all is said about the data: then its origin is unknown, which is not the same as "none".
    #[must_use]
    pub const fn names_no_data(&self) -> bool {
        self.datasets.is_empty() && self.snapshots.is_empty() && self.bases.is_empty()
    }

    /// The datasets that were read, as a whole or in snapshots.
    pub fn read(&self) -> impl Iterator<Item = &DatasetName> {
        let snapshots = self.snapshots.iter();
        let snapshots = snapshots.map(|read| &read.snapshot.dataset);
        self.datasets.iter().chain(snapshots)
    }

    /// Whether some of its data may be anything: none is named, or an address is of no dataset.
    #[must_use]
    pub const fn leaves_data_unknown(&self) -> bool {
        self.names_no_data() || !self.unknown.is_empty()
    }
}
