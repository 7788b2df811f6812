//! What a decision was made from, by digest: the list that its entry carries, and that an auditor makes again.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::evidence::Inputs;
use crate::engine::execute::version_of;
use crate::engine::world::World;
use crate::gate::evidence::{Evidence, HoldFacts};
use crate::manifest::layout::{Place, TOPOLOGY_PATH, path_of};
use crate::model::digest::{Sha256, TreeDigest, TreePath};
use crate::model::event::{Source, SourceKind};
use crate::model::lineage::Lineage;
use crate::model::promotion::Promotion;
use crate::model::snapshot::DataRef;
use crate::plan::state::State;

/// The most sources that an entry names. An entry has at most 65,535 bytes, and anybody known may say something about a
/// promotion as often as he likes: with more than these, only the essential ones are named, from which the rest can be found.
const MAX_SOURCES: usize = 48;

/// Everything that a decision was made from, sorted, each once. `facts` is the SHA-256 of `inputs` as they are kept, and
/// `state` the ledger before the decision.
#[must_use]
pub fn sources(
    state: &State,
    inputs: &Inputs,
    facts: Sha256,
    lineage: Option<&Lineage>,
) -> Vec<Source> {
    let mut all = BTreeSet::new();
    let mut add = |what, sha256| {
        all.insert(Source { what, sha256 });
    };
    let (evidence, promotion) = (&inputs.evidence, &inputs.promotion);
    add(SourceKind::Facts, facts);
    add(SourceKind::Release, promotion.release);
    if let Some(signature) = inputs.release_signature {
        add(SourceKind::ReleaseSignature, signature);
    }
    for policy in &inputs.policy_files {
        add(SourceKind::Policy, *policy);
    }
    for said in &evidence.approvals {
        add(SourceKind::Approval, said.statement);
    }
    let marks = state
        .marked_bad
        .get(&promotion.digest)
        .into_iter()
        .flatten();
    for (_, receipt) in marks {
        add(SourceKind::BadMark, receipt.statement);
    }
    said(evidence, &mut add);
    governed(state, inputs, lineage, &mut add);
    manifests(state, promotion, lineage, &mut add);
    add(SourceKind::Manifest, evidence.version.manifest);
    all.remove(&Source {
        what: SourceKind::OtherManifest,
        sha256: evidence.version.manifest,
    });
    if all.len() > MAX_SOURCES {
        all.retain(|source| source.what.is_essential());
    }
    all.into_iter().collect()
}

/// What people did besides answering, and what machines and witnesses said.
fn said(evidence: &Evidence, add: &mut dyn FnMut(SourceKind, Sha256)) {
    let acts = &evidence.acts;
    let declassified = acts.declassifications.iter().map(|said| said.statement);
    let overridden = acts.overrides.iter().map(|said| said.statement);
    let reviewed = acts.reviews.iter().flat_map(|review| &review.heard);
    let held = acts.holds.iter().map(|held| match held {
        HoldFacts::Hold(said) | HoldFacts::Resume(said) => said.statement,
    });
    let ended = reviewed.chain(&acts.aborts).map(|said| said.statement);
    for statement in declassified.chain(overridden).chain(held).chain(ended) {
        add(SourceKind::Act, statement);
    }
    for bundle in evidence.attestations.iter().filter_map(|said| said.bundle) {
        add(SourceKind::Attestation, bundle);
    }
    let retrain = evidence.retrain.iter();
    let made_by = retrain.flat_map(|facts| &facts.pipelines);
    let declared = made_by.filter_map(|pipeline| pipeline.declaration);
    let pipeline = evidence.pipeline.iter().map(|facts| facts.declaration);
    for declaration in declared.chain(pipeline) {
        add(SourceKind::Declaration, declaration);
    }
    let witnessed = evidence.witnessed.iter();
    for said in witnessed.flat_map(|facts| facts.witnesses.values().flatten()) {
        add(SourceKind::Cosignature, said.note);
    }
}

/// The trust files, and the governed files that the facts come from.
fn governed(
    state: &State,
    inputs: &Inputs,
    lineage: Option<&Lineage>,
    add: &mut dyn FnMut(SourceKind, Sha256),
) {
    let Some(adoption) = state.adoption() else {
        return;
    };
    add(SourceKind::TrustRoot, adoption.root);
    add(SourceKind::TrustIndex, adoption.index);
    let mut add_file = |what, path: &str| {
        let path = path.parse::<TreePath>().ok();
        if let Some(sha256) = path.and_then(|path| adoption.files.get(&path)) {
            add(what, *sha256);
        }
    };
    add_file(SourceKind::Topology, TOPOLOGY_PATH);
    let workspace = Place::Workspace(inputs.promotion.slot.workspace.clone());
    add_file(SourceKind::Workspace, &path_of(&workspace));
    for freeze in inputs.evidence.freezes.keys() {
        add_file(SourceKind::Freeze, &path_of(&Place::Freeze(freeze.clone())));
    }
    let evidence = &inputs.evidence;
    let retrain = evidence.retrain.iter();
    let made_by = retrain.flat_map(|facts| &facts.pipelines);
    let made_by = made_by.map(|pipeline| &pipeline.inputs);
    let pipeline = evidence.pipeline.iter().map(|facts| &facts.inputs);
    let bound = pipeline.chain(made_by).flat_map(BTreeMap::values);
    let bound = bound.filter_map(|binding| binding.dataset.as_ref());
    let bound = bound.map(DataRef::dataset);
    let read = lineage.into_iter().flat_map(Lineage::read);
    for dataset in read.chain(bound) {
        add_file(
            SourceKind::Dataset,
            &path_of(&Place::Dataset(dataset.clone())),
        );
    }
}

/// The manifests that were registered: of the version's digest under any name, of what it was derived from, and of what it
/// replaces.
fn manifests(
    state: &State,
    promotion: &Promotion,
    lineage: Option<&Lineage>,
    add: &mut dyn FnMut(SourceKind, Sha256),
) {
    let mut add_all = |what, digest: TreeDigest| {
        for (_, registration) in state.registrations_of(digest) {
            add(what, registration.manifest);
        }
    };
    add_all(SourceKind::OtherManifest, promotion.digest);
    for base in lineage.iter().flat_map(|lineage| &lineage.bases) {
        add_all(SourceKind::Base, base.digest);
    }
    if let Some(champion) = promotion.replaces {
        add_all(SourceKind::Champion, champion);
    }
}

/// The lineage that the manifest of a promotion's version has.
pub(crate) fn lineage_of<'w>(world: &'w World, promotion: &Promotion) -> Option<&'w Lineage> {
    let version = world.manifests.versions.get(&version_of(promotion))?;
    version.document.value.spec.lineage.as_ref()
}
