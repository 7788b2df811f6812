//! Labels of datasets only grow: what one was labelled once, under signatures, it keeps. Lowering is a declassification,
//! for one digest and one workspace.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::flow::closure::highest;
use crate::manifest::dataset::{Dataset, DatasetSpec};
use crate::manifest::layout::{Place, path_of};
use crate::manifest::parsed::parse_manifest;
use crate::manifest::repository::Repository;
use crate::model::digest::{Sha256, TreePath};
use crate::model::event::Adoption;
use crate::model::id::DatasetName;

impl Engine {
    /// Raises the label of each dataset to all that it ever was while it was adopted. The last of `adoptions` is the one
    /// that `manifests` are of.
    ///
    /// # Errors
    ///
    /// When what was adopted before cannot be read.
    pub(crate) fn raise_labels(
        &self,
        manifests: &mut Arc<Repository>,
        adoptions: &[(u64, Adoption)],
    ) -> Result<(), EngineError> {
        let mut raised = Vec::new();
        for (name, document) in &manifests.datasets {
            let spec = self.raised(name, &document.value.spec, adoptions)?;
            if spec != document.value.spec {
                raised.push((name.clone(), spec));
            }
        }
        if raised.is_empty() {
            return Ok(());
        }
        let manifests = Arc::make_mut(manifests);
        for (name, spec) in raised {
            if let Some(document) = manifests.datasets.get_mut(&name) {
                Arc::make_mut(document).value.spec = spec;
            }
        }
        Ok(())
    }

    /// What a dataset is as of the last of some adoptions, raised to all that it was in those before.
    fn raised(
        &self,
        name: &DatasetName,
        spec: &DatasetSpec,
        adoptions: &[(u64, Adoption)],
    ) -> Result<DatasetSpec, EngineError> {
        let mut spec = spec.clone();
        let place = Place::Dataset(name.clone());
        let path = path_of(&place);
        let (Some(((_, current), before)), Ok(tree_path)) =
            (adoptions.split_last(), path.parse::<TreePath>())
        else {
            return Ok(spec);
        };
        let now = current.files.get(&tree_path);
        let mut others: BTreeMap<Sha256, (u64, &Adoption)> = BTreeMap::new();
        for (index, adoption) in before {
            if let Some(pin) = adoption.files.get(&tree_path)
                && Some(pin) != now
            {
                others.entry(*pin).or_insert((*index, adoption));
            }
        }
        for (pin, adoption) in others {
            let bytes = self.adopted_bytes(adoption, &path, pin)?;
            let earlier = parse_manifest::<Dataset>(&place, &path, &bytes);
            let earlier = earlier.map_err(EngineError::Invalid)?;
            raise(&mut spec, &earlier.value.spec);
        }
        Ok(spec)
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
