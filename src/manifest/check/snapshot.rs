//! Snapshots come of data there is, say how they were made and by whom, and are read by the digest that they have.

use std::collections::BTreeMap;

use super::graph::find_cycle;
use super::{Facts, item};
use crate::diagnostic::{Diagnostic, Loc};
use crate::manifest::dataset::{Dataset, SnapshotSpec};
use crate::manifest::yaml::Document;
use crate::model::id::SnapshotName;
use crate::model::snapshot::{DataRef, SnapshotId};

pub(super) fn check(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for document in facts.repository.datasets.values() {
        for (name, snapshot) in &document.value.spec.snapshots {
            found.extend(declared(facts, document, name, snapshot));
        }
    }
    found.extend(cycle(facts));
    found.extend(read(facts));
    found
}

fn declared(
    facts: &Facts<'_>,
    document: &Document<Dataset>,
    name: &SnapshotName,
    snapshot: &SnapshotSpec,
) -> Vec<Diagnostic> {
    let pointer = format!("/spec/snapshots/{name}");
    let mut found = Vec::new();
    for data in &snapshot.derived_from {
        let loc = || item(document, &format!("{pointer}/derivedFrom"), data);
        found.extend(match data {
            DataRef::Dataset(dataset) => facts.dataset(dataset, loc),
            DataRef::Snapshot(id) => unknown_snapshot(facts, id, loc),
        });
    }
    for tag in snapshot.label.iter().flat_map(|label| label.tags()) {
        found.extend(facts.tag(tag, || item(document, &format!("{pointer}/label"), tag)));
    }
    let principals = &facts.trust().principals;
    if let Some(maker) = snapshot
        .made_by
        .as_ref()
        .filter(|name| !principals.contains_key(*name))
    {
        let loc = document.at(&format!("{pointer}/madeBy"));
        let place = "spec.principals of trust/root.yaml";
        found.push(facts.unknown(
            "unknown-principal",
            loc,
            "principal",
            maker,
            principals.keys(),
            place,
        ));
    }
    let is_derived = !snapshot.derived_from.is_empty();
    let key = || document.entry("/spec/snapshots", name);
    if is_derived && snapshot.transformation.is_none() {
        let message = format!("`{name}` was made out of other data, and does not say how");
        let problem = Diagnostic::error("snapshot-without-transformation", key(), message);
        found.push(problem.hint("add `transformation`: what was masked, drawn or made up"));
    }
    if is_derived && snapshot.made_by.is_none() {
        let message = format!("`{name}` was made out of other data, and does not say by whom");
        let problem = Diagnostic::error("snapshot-without-maker", key(), message);
        found.push(problem.hint("add `madeBy`; who made it cannot let its tags through"));
    }
    found
}

/// A snapshot that nobody declared.
pub(super) fn unknown_snapshot(
    facts: &Facts<'_>,
    id: &SnapshotId,
    loc: impl FnOnce() -> Loc,
) -> Option<Diagnostic> {
    let Some(dataset) = facts.repository.datasets.get(&id.dataset) else {
        return facts.dataset(&id.dataset, loc);
    };
    let names = &dataset.value.spec.snapshots;
    if names.contains_key(&id.snapshot) {
        return None;
    }
    let all = names.keys().map(|name| format!("{}/{name}", id.dataset));
    let place = format!("spec.snapshots of {}", dataset.source.path);
    Some(facts.unknown("unknown-snapshot", loc(), "snapshot", id, all, &place))
}

fn cycle(facts: &Facts<'_>) -> Option<Diagnostic> {
    let mut derived: BTreeMap<SnapshotId, Vec<SnapshotId>> = BTreeMap::new();
    for (dataset, document) in &facts.repository.datasets {
        for (name, snapshot) in &document.value.spec.snapshots {
            let id = SnapshotId {
                dataset: dataset.clone(),
                snapshot: name.clone(),
            };
            let from = snapshot.derived_from.iter().filter_map(|data| match data {
                DataRef::Snapshot(id) => Some(id.clone()),
                DataRef::Dataset(_) => None,
            });
            derived.insert(id, from.collect());
        }
    }
    let edges = derived
        .iter()
        .map(|(id, from)| (id, from.iter().collect()))
        .collect();
    let cycle = find_cycle(&edges)?;
    let first = *cycle.first()?;
    let document = facts.repository.datasets.get(&first.dataset)?;
    let names: Vec<String> = cycle
        .iter()
        .chain(cycle.first())
        .map(ToString::to_string)
        .collect();
    let message = format!(
        "snapshots are derived in a circle: {}",
        names.join(" from ")
    );
    let loc = document.key_at(&format!("/spec/snapshots/{}/derivedFrom", first.snapshot));
    Some(Diagnostic::error("cyclic-snapshots", loc, message))
}

/// Lineage reads snapshots there are, by their digest.
fn read(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (_, version) in facts.versions() {
        let document = &version.document;
        let lineage = document.value.spec.lineage.iter();
        for (index, read) in lineage.flat_map(|lineage| lineage.snapshots.iter().enumerate()) {
            let at = |field: &str| document.at(&format!("/spec/lineage/snapshots/{index}/{field}"));
            found.extend(unknown_snapshot(facts, &read.snapshot, || at("snapshot")));
            let dataset = facts.repository.datasets.get(&read.snapshot.dataset);
            let known = dataset
                .and_then(|dataset| dataset.value.spec.snapshots.get(&read.snapshot.snapshot));
            if let Some(known) = known.filter(|known| known.digest != read.digest) {
                let message = format!("`{}` has another digest: {}", read.snapshot, known.digest);
                found.push(Diagnostic::error("digest-mismatch", at("digest"), message));
            }
        }
    }
    found
}
