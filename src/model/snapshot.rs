//! Snapshots of datasets: data as it was, by digest.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::digest::TreeDigest;
use crate::model::id::{DatasetName, IdError, SnapshotName, text_type};

/// Names a snapshot of a dataset: `<dataset>/<snapshot>`, such as `sales/2026-06`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotId {
    /// The dataset.
    pub dataset: DatasetName,
    /// The snapshot of it.
    pub snapshot: SnapshotName,
}

/// Names a dataset as a whole, or one snapshot of it: `sales`, or `sales/2026-06`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DataRef {
    /// The dataset, with all its snapshots.
    Dataset(DatasetName),
    /// One snapshot.
    Snapshot(SnapshotId),
}

/// A snapshot that a version was made from.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReadSnapshot {
    /// The snapshot.
    pub snapshot: SnapshotId,
    /// Its digest, so that a name cannot be given other bytes later.
    pub digest: TreeDigest,
}

impl DataRef {
    /// The dataset, whether as a whole or in part.
    #[must_use]
    pub const fn dataset(&self) -> &DatasetName {
        match self {
            Self::Dataset(dataset) => dataset,
            Self::Snapshot(id) => &id.dataset,
        }
    }
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&format!("{}/{}", self.dataset, self.snapshot))
    }
}

impl FromStr for SnapshotId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let Some((dataset, snapshot)) = text.split_once('/') else {
            return Err(IdError::Form {
                what: "snapshot",
                text: text.chars().take(200).collect(),
                form: "`<dataset>/<snapshot>`, such as `sales/2026-06`",
            });
        };
        Ok(Self {
            dataset: dataset.parse()?,
            snapshot: snapshot.parse()?,
        })
    }
}

impl fmt::Display for DataRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dataset(dataset) => dataset.fmt(formatter),
            Self::Snapshot(id) => id.fmt(formatter),
        }
    }
}

impl FromStr for DataRef {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.contains('/') {
            text.parse().map(Self::Snapshot)
        } else {
            text.parse().map(Self::Dataset)
        }
    }
}

text_type!(
    SnapshotId,
    "SnapshotId",
    "^[a-z0-9][a-z0-9._-]*/[a-z0-9][a-z0-9._-]*$",
    "a snapshot of a dataset"
);
text_type!(
    DataRef,
    "DataRef",
    "^[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)?$",
    "a dataset, or a snapshot of one"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dataset_and_its_snapshot_are_told_apart_by_the_slash() {
        for text in ["sales", "sales/2026-06"] {
            assert_eq!(text.parse::<DataRef>().unwrap().to_string(), text);
        }
        assert!("sales".parse::<SnapshotId>().is_err());
        for text in ["", "/", "sales/", "/june", "a/b/c", "Sales/june"] {
            assert!(text.parse::<DataRef>().is_err(), "{text}");
        }
    }
}
