//! The way that a tag came by, from a digest up to where it began.

use crate::engine::world::World;
use crate::flow::closure::Reason;
use crate::model::digest::TreeDigest;
use crate::model::label::Tag;
use crate::ops::lineage::words;

/// The most steps that are told.
const MAX_STEPS: usize = 20;

/// Why a digest carries a tag, step by step: each a reason of the thing before it. The last step is where the tag began,
/// unless it is more than twenty steps away.
#[must_use]
pub fn path_of_tag(world: &World, digest: TreeDigest, tag: &Tag) -> Vec<String> {
    let mut steps = Vec::new();
    let mut at = digest;
    while steps.len() < MAX_STEPS {
        let Some(reasons) = world
            .labels
            .get(at)
            .and_then(|known| known.reasons.get(tag))
        else {
            break;
        };
        // What the ledger recorded follows from another reason, where there is one.
        let Some(reason) = reasons
            .iter()
            .find(|reason| **reason != Reason::Recorded)
            .or(reasons.first())
        else {
            break;
        };
        steps.push(words(reason));
        let next = match reason {
            Reason::Base(version) | Reason::KnownFile { first: version, .. } => {
                world.manifests.versions.get(version)
            }
            Reason::Dataset(_)
            | Reason::UnknownDataset(_)
            | Reason::Snapshot(_)
            | Reason::UnknownSnapshot(_)
            | Reason::UnknownBase(_)
            | Reason::UnknownLineage
            | Reason::UnknownProducer
            | Reason::Recorded
            | Reason::Cycle => None,
        };
        let Some(next) = next else { break };
        at = next.document.value.spec.digest;
    }
    steps
}
