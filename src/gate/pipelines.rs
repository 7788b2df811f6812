//! What gates may know of pipelines: the part of the evidence that only pipelines and what they made have.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::artifact::VersionId;
use crate::model::digest::{Sha256, TreeDigest};
use crate::model::id::{InputName, WorkspaceName};
use crate::model::label::Label;
use crate::model::snapshot::DataRef;

/// The version of the rules that these facts came with.
pub const SINCE: u32 = 4;

/// What is known of a pipeline that is to be promoted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PipelineFacts {
    /// The SHA-256 of the manifest that declares its inputs; it is in the evidence.
    pub declaration: Sha256,
    /// Its inputs, with what the target's environment binds to each.
    pub inputs: BTreeMap<InputName, BindingFacts>,
}

/// What an environment binds to an input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BindingFacts {
    /// The dataset, or the snapshot of one; `None` when the environment binds none.
    pub dataset: Option<DataRef>,
    /// Its label as it counts in the target workspace; `None` when nobody declared it.
    pub label: Option<Label>,
}

/// A version that has to be there first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NeedFacts {
    /// The version.
    pub version: VersionId,
    /// Its digest.
    pub digest: TreeDigest,
    /// The workspaces of the target's environment that it was promoted into, and not rolled back from.
    pub held: BTreeSet<WorkspaceName>,
    /// Whether somebody marked it as bad.
    pub is_marked_bad: bool,
}

/// What is known of a model that was made in the workspace that it is to be released in, and says that a pipeline made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RetrainFacts {
    /// Whether every policy that judges says by which gates such a model is let in.
    pub is_foreseen: bool,
    /// Whether some of its data is of no dataset.
    pub has_unknown_data: bool,
    /// The datasets and snapshots that its lineage names.
    pub read: BTreeSet<DataRef>,
    /// The pipelines that its lineage names.
    pub pipelines: Vec<MadeByFacts>,
}

/// A pipeline that made something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MadeByFacts {
    /// Its version.
    pub version: VersionId,
    /// The digest that the lineage names.
    pub digest: TreeDigest,
    /// The SHA-256 of its manifest, which is in the evidence; `None` when there is none.
    pub declaration: Option<Sha256>,
    /// Whether the manifest says that it is retrained where it is released.
    pub is_retrain: bool,
    /// Its inputs, with what the target's environment binds to each.
    pub inputs: BTreeMap<InputName, BindingFacts>,
    /// The workspaces of the target's environment whose slot holds the version, by a promotion.
    pub held: BTreeSet<WorkspaceName>,
}
