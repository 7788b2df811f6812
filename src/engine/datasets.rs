//! Labels of datasets only grow: what one was labelled once, under signatures, it keeps. Lowering is a declassification,
//! for one digest and one workspace.

use std::sync::Arc;

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::pins;
use crate::flow::closure::highest;
use crate::git::snapshot::Entry;
use crate::manifest::dataset::DatasetSpec;
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
                if let Some(pin) = adoption.files.get(&tree_path) {
                    pins::read(&snapshot, &path, *pin)?;
                }
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
                    let mut spec = document.value.spec.clone();
                    raise(&mut spec, &earlier.value.spec);
                    if spec != document.value.spec {
                        Arc::make_mut(document).value.spec = spec;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Raises a dataset to all that it was: its label, and what its snapshots carry and come from. A snapshot that is no longer
/// declared still is what it was; one whose name was given to other bytes is these now, and whatever read the old ones reads
/// what nobody declares.
pub(crate) fn raise(now: &mut DatasetSpec, earlier: &DatasetSpec) {
    if let Some(label) = highest([&earlier.label, &now.label].into_iter()) {
        now.label = label;
    }
    for (name, before) in &earlier.snapshots {
        let Some(snapshot) = now.snapshots.get_mut(name) else {
            now.snapshots.insert(name.clone(), before.clone());
            continue;
        };
        if snapshot.digest != before.digest {
            continue;
        }
        snapshot
            .derived_from
            .extend(before.derived_from.iter().cloned());
        let labels = snapshot.label.iter().chain(&before.label);
        snapshot.label = highest(labels);
        if snapshot.made_by != before.made_by {
            // Then it is not known who made it, and nobody lets anything of it through.
            snapshot.made_by = None;
        }
    }
}
