//! Workspaces and the slots in them.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::artifact::ArtifactId;
use crate::model::id::{EnvironmentName, ProjectName, WorkspaceName};
use crate::model::label::Clearance;

/// What the flow rule has to know of a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceFacts {
    /// Its name.
    pub name: WorkspaceName,
    /// The environment it belongs to.
    pub environment: EnvironmentName,
    /// What it may hold.
    pub clearance: Clearance,
    /// The workspaces it takes artifacts from.
    pub accepts: BTreeSet<WorkspaceName>,
}

/// Whether a workspace that may hold artifacts of these projects may hold those of one. None named means all.
#[must_use]
pub fn is_open_to(projects: &BTreeSet<ProjectName>, project: &ProjectName) -> bool {
    projects.is_empty() || projects.contains(project)
}

/// One artifact's place in one workspace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Slot {
    /// The workspace.
    pub workspace: WorkspaceName,
    /// The artifact.
    pub artifact: ArtifactId,
}

impl fmt::Display for Slot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&format!("{} in {}", self.artifact, self.workspace))
    }
}
