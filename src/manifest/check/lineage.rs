//! Lineage leads to datasets and versions there are, and not in a circle.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::Facts;
use super::graph::find_cycle;
use crate::diagnostic::Diagnostic;
use crate::manifest::layout::{Place, path_of_version};
use crate::manifest::repository::RegisteredVersion;
use crate::model::artifact::VersionId;

pub(super) fn check(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (_, version) in facts.versions() {
        let Some(lineage) = &version.document.value.spec.lineage else {
            continue;
        };
        for (index, name) in lineage.datasets.iter().enumerate() {
            let loc = || {
                version
                    .document
                    .at(&format!("/spec/lineage/datasets/{index}"))
            };
            found.extend(facts.dataset(name, loc));
        }
        found.extend(bases(facts, version));
    }
    found.extend(cycle(facts));
    found
}

fn bases(facts: &Facts<'_>, version: &RegisteredVersion) -> Vec<Diagnostic> {
    let document = &version.document;
    let bases = document
        .value
        .spec
        .lineage
        .iter()
        .flat_map(|lineage| lineage.bases.iter().enumerate());
    let mut found = Vec::new();
    for (index, base) in bases {
        let at = |field: &str| document.at(&format!("/spec/lineage/bases/{index}/{field}"));
        match facts.repository.versions.get(&base.version) {
            Some(known) if known.document.value.spec.digest != base.digest => {
                let message = format!(
                    "`{}` has another digest: {}",
                    base.version, known.document.value.spec.digest
                );
                found.push(Diagnostic::error("digest-mismatch", at("digest"), message));
            }
            Some(_) => {}
            None if facts.has(&Place::Version(base.version.clone())) => {}
            None => found.push(unknown_version(facts, &base.version, at("version"))),
        }
    }
    found
}

/// A version that is not registered, with a version of the same artifact when one is near.
pub(super) fn unknown_version(
    facts: &Facts<'_>,
    id: &VersionId,
    loc: crate::diagnostic::Loc,
) -> Diagnostic {
    // Versions of the same artifact, when there are any; else the names of artifacts.
    let versions = facts.repository.versions.keys();
    let candidates = versions.filter(|version| version.artifact.project == id.artifact.project);
    facts.unknown(
        "unknown-version",
        loc,
        "version",
        id,
        candidates,
        &path_of_version(id),
    )
}

fn cycle(facts: &Facts<'_>) -> Option<Diagnostic> {
    let versions = &facts.repository.versions;
    let mut edges: BTreeMap<&VersionId, Vec<&VersionId>> = BTreeMap::new();
    let mut next: Vec<_> = facts.versions().map(|(id, _)| id).collect();
    while let Some(id) = next.pop() {
        if let (Some(version), Entry::Vacant(entry)) = (versions.get(id), edges.entry(id)) {
            let lineage = version.document.value.spec.lineage.iter();
            let bases = lineage.flat_map(|lineage| lineage.bases.iter().map(|base| &base.version));
            let bases = entry.insert(bases.collect());
            if facts.only.is_some() {
                next.extend(bases.iter());
            }
        }
    }
    let cycle = find_cycle(&edges)?;
    let first = versions.get(*cycle.first()?)?;
    let names: Vec<String> = cycle
        .iter()
        .chain(cycle.first())
        .map(|id| id.to_string())
        .collect();
    let message = format!("lineage goes in a circle: {}", names.join(" from "));
    Some(Diagnostic::error(
        "cyclic-lineage",
        first.document.key_at("/spec/lineage/bases"),
        message,
    ))
}
