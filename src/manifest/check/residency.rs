//! Parents whose data may meet nowhere: what is made of them can be promoted to no workspace.

use std::collections::{BTreeMap, BTreeSet};

use super::Facts;
use crate::diagnostic::Diagnostic;
use crate::manifest::repository::RegisteredVersion;
use crate::model::artifact::VersionId;
use crate::model::label::Tag;

/// The jurisdictions that each version's data belongs to, as tags.
type Residency<'a> = BTreeMap<&'a VersionId, BTreeSet<&'a Tag>>;

pub(super) fn check(facts: &Facts<'_>) -> Vec<Diagnostic> {
    if facts.topology().jurisdictions.len() < 2 {
        return Vec::new();
    }
    let residency = residency(facts);
    let fits = |tags: &BTreeSet<&Tag>| {
        let mut workspaces = facts.repository.workspaces.values();
        let clearance = |tag: &&Tag, cleared: &BTreeSet<Tag>| cleared.contains(*tag);
        tags.len() < 2
            || workspaces.any(|workspace| {
                let cleared = workspace.value.spec.clearance.tags();
                tags.iter().all(|tag| clearance(tag, cleared))
            })
    };
    let mut found = Vec::new();
    for (id, version) in facts.versions() {
        let Some(tags) = residency.get(id).filter(|tags| !fits(tags)) else {
            continue;
        };
        // Where a parent fits nowhere already, that is said there.
        let of_base = |base| residency.get(base);
        if bases(version).filter_map(of_base).any(|tags| !fits(tags)) {
            continue;
        }
        let names: Vec<String> = tags.iter().map(|tag| format!("`{tag}`")).collect();
        let message = format!(
            "what it was made from is {}, and no workspace is cleared for all of that",
            names.join(" and ")
        );
        let loc = version.document.key_at("/spec/lineage");
        let problem = Diagnostic::warning("no-common-region", loc, message);
        found.push(problem.hint(
            "it can be promoted nowhere; make one version for each jurisdiction, or have the owners of a tag let it go with `promote declassify`",
        ));
    }
    found
}

fn bases(version: &RegisteredVersion) -> impl Iterator<Item = &VersionId> {
    let lineage = version.document.value.spec.lineage.iter();
    lineage.flat_map(|lineage| lineage.bases.iter().map(|base| &base.version))
}

/// Parents before children, without recursion: who writes lineage decides how deep it is. What is on a circle is reported
/// elsewhere, and counts here with what is known of it so far.
fn residency<'a>(facts: &Facts<'a>) -> Residency<'a> {
    let versions = &facts.repository.versions;
    let mut known = Residency::new();
    let mut begun: BTreeSet<&VersionId> = BTreeSet::new();
    let mut stack: Vec<&VersionId> = facts.versions().map(|(id, _)| id).collect();
    while let Some(id) = stack.last().copied() {
        let Some(version) = versions.get(id).filter(|_| !known.contains_key(id)) else {
            stack.pop();
            continue;
        };
        let before = stack.len();
        if begun.insert(id) {
            let is_new = |base: &&VersionId| !begun.contains(base) && versions.contains_key(*base);
            stack.extend(bases(version).filter(is_new));
        }
        if stack.len() > before {
            continue;
        }
        stack.pop();
        let lineage = version.document.value.spec.lineage.iter();
        let datasets = lineage.flat_map(|lineage| &lineage.datasets);
        let datasets = datasets.filter_map(|name| facts.repository.datasets.get(name));
        let own = datasets.flat_map(|dataset| dataset.value.spec.label.tags());
        let own = own.filter(|tag| tag.jurisdiction().is_some());
        let of_bases = bases(version).filter_map(|base| known.get(base)).flatten();
        let tags = own.chain(of_bases.copied()).collect();
        known.insert(id, tags);
    }
    known
}
