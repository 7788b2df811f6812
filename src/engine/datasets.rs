//! Labels of datasets only grow: what one was labelled once, under signatures, it keeps. Lowering is a declassification,
//! for one digest and one workspace.

use std::sync::Arc;

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::flow::closure::highest;
use crate::git::snapshot::Entry;
use crate::manifest::layout::{Place, path_of};
use crate::manifest::parsed::Content;
use crate::manifest::repository::Repository;
use crate::model::digest::TreePath;
use crate::model::event::Adoption;

impl Engine {
    /// Raises the label of each dataset to all that it ever was while it was adopted. The last of `adoptions` is the one
    /// that `manifests` are of.
    ///
    /// # Errors
    ///
    /// When what was adopted before cannot be read.
    pub(crate) fn raise_labels(
        &mut self,
        manifests: &mut Repository,
        adoptions: &[(u64, Adoption)],
    ) -> Result<(), EngineError> {
        let Some(((_, current), before)) = adoptions.split_last() else {
            return Ok(());
        };
        for (name, document) in &mut manifests.datasets {
            let path = path_of(&Place::Dataset(name.clone()));
            let Ok(tree_path) = path.parse::<TreePath>() else {
                continue;
            };
            let now = current.files.get(&tree_path);
            let mut others: Vec<&Adoption> = Vec::new();
            for (_, adoption) in before {
                let pin = adoption.files.get(&tree_path);
                let is_read = others
                    .iter()
                    .any(|other| other.files.get(&tree_path) == pin);
                if pin.is_some() && pin != now && !is_read {
                    others.push(adoption);
                }
            }
            for adoption in others {
                let commit = adoption.commit.parse().map_err(|_| {
                    EngineError::Internal(format!("`{}` is not a commit", adoption.commit))
                })?;
                let snapshot = self.repository.snapshot(commit)?;
                let entry = snapshot.entry(&path)?;
                let entry = entry.map(|(kind, oid)| Entry {
                    path: path.clone(),
                    kind,
                    oid,
                });
                let parsed = self.cache.parse(&snapshot, entry.iter())?;
                for (_, file) in parsed {
                    let Some(Content::Dataset(earlier)) = &file.content else {
                        continue;
                    };
                    let now = &document.value.spec.label;
                    let labels = [&earlier.value.spec.label, now];
                    if let Some(label) = highest(labels.into_iter()).filter(|label| label != now) {
                        Arc::make_mut(document).value.spec.label = label;
                    }
                }
            }
        }
        Ok(())
    }
}
