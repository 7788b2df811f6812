//! The one way to get leave to write into a workspace.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::flow::declassification::Lowered;
use crate::model::digest::TreeDigest;
use crate::model::id::WorkspaceName;
use crate::model::label::{Label, Tag};
use crate::model::planted::planted;
use crate::model::workspace::WorkspaceFacts;

/// Where bytes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin<'a> {
    /// A workspace, over an edge that the target must declare.
    Workspace(&'a WorkspaceName),
    /// Outside: bytes that a producer registers where they were made. There is no edge to check, only the label.
    Producer,
}

/// Leave to write one digest into one workspace. Only [`permit`] makes one, and adapters write nothing without.
#[derive(Debug)]
pub struct FlowPermit {
    digest: TreeDigest,
    workspace: WorkspaceName,
}

impl FlowPermit {
    /// The digest that may be written.
    #[must_use]
    pub const fn digest(&self) -> TreeDigest {
        self.digest
    }

    /// The workspace that it may be written to.
    #[must_use]
    pub const fn workspace(&self) -> &WorkspaceName {
        &self.workspace
    }
}

/// Why bytes may not enter a workspace. Its text names only the target and tags, nothing of where the bytes have been,
/// because who reads it may not be allowed to know.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, thiserror::Error,
)]
#[serde(rename_all = "kebab-case")]
pub enum FlowDenial {
    /// The label has tags that the workspace is not cleared for.
    #[error(
        "the data behind it carries {}, and workspace `{workspace}` is not cleared for that",
        Tags(tags)
    )]
    Label {
        /// The workspace.
        workspace: WorkspaceName,
        /// The tags that its clearance lacks.
        tags: BTreeSet<Tag>,
    },
    /// The target does not name the origin.
    #[error("workspace `{workspace}` does not accept anything from `{origin}`")]
    Edge {
        /// The workspace.
        workspace: WorkspaceName,
        /// The origin it does not name.
        origin: WorkspaceName,
    },
}

struct Tags<'a>(&'a BTreeSet<Tag>);

impl fmt::Display for Tags<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tags: Vec<String> = self.0.iter().map(|tag| format!("`{tag}`")).collect();
        formatter.write_str(&tags.join(", "))
    }
}

/// Checks the label, as far as it was not let through, against the clearance.
///
/// # Errors
///
/// When the label has tags beyond it.
pub fn check_label(
    label: &Label,
    lowered: &Lowered,
    target: &WorkspaceFacts,
) -> Result<(), FlowDenial> {
    let mut tags = label.beyond(&target.clearance);
    tags.retain(|tag| !lowered.contains(tag));
    if tags.is_empty() {
        Ok(())
    } else {
        Err(FlowDenial::Label {
            workspace: target.name.clone(),
            tags,
        })
    }
}

/// Checks that the target accepts the origin.
///
/// # Errors
///
/// When it does not name it.
pub fn check_edge(origin: &WorkspaceName, target: &WorkspaceFacts) -> Result<(), FlowDenial> {
    if target.accepts.contains(origin) || planted!(EdgeUnchecked) {
        Ok(())
    } else {
        Err(FlowDenial::Edge {
            workspace: target.name.clone(),
            origin: origin.clone(),
        })
    }
}

/// Checks both and gives leave to write. `label` and `lowered` must be freshly computed: a permit is used at once and
/// never kept.
///
/// # Errors
///
/// When either defence says no.
pub fn permit(
    digest: TreeDigest,
    label: &Label,
    lowered: &Lowered,
    origin: &Origin<'_>,
    target: &WorkspaceFacts,
) -> Result<FlowPermit, FlowDenial> {
    check_label(label, lowered, target)?;
    match origin {
        Origin::Workspace(origin) => check_edge(origin, target)?,
        Origin::Producer => {}
    }
    Ok(FlowPermit {
        digest,
        workspace: target.name.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::label::Clearance;

    fn workspace(name: &str, clearance: &[&str], accepts: &[&str]) -> WorkspaceFacts {
        WorkspaceFacts {
            name: name.parse().unwrap(),
            environment: name.parse().unwrap(),
            clearance: Clearance::new(clearance.iter().map(|tag| tag.parse().unwrap())).unwrap(),
            accepts: accepts.iter().map(|name| name.parse().unwrap()).collect(),
        }
    }

    fn digest() -> TreeDigest {
        format!("dirhash1:{}", "0".repeat(64)).parse().unwrap()
    }

    #[test]
    fn both_defences_are_needed() {
        let dev = workspace("dev", &["internal"], &[]);
        let prod = workspace("prod", &["internal", "production"], &["dev"]);
        let nothing = Lowered::nothing();
        let internal = Label::new(["internal".parse().unwrap()]).unwrap();
        let production = internal.join(&Label::new([Tag::production()]).unwrap());
        assert!(
            permit(
                digest(),
                &internal,
                &nothing,
                &Origin::Workspace(&dev.name),
                &prod
            )
            .is_ok()
        );
        assert!(
            permit(
                digest(),
                &production,
                &nothing,
                &Origin::Workspace(&dev.name),
                &prod
            )
            .is_ok()
        );
        let backwards = permit(
            digest(),
            &internal,
            &nothing,
            &Origin::Workspace(&prod.name),
            &dev,
        )
        .unwrap_err();
        assert_eq!(
            backwards.to_string(),
            "workspace `dev` does not accept anything from `prod`"
        );
        let labelled =
            permit(digest(), &production, &nothing, &Origin::Producer, &dev).unwrap_err();
        assert_eq!(
            labelled.to_string(),
            "the data behind it carries `production`, and workspace `dev` is not cleared for that"
        );
    }
}
