//! Regions are declared ones, and what is resident in a jurisdiction lies in it: all that a workspace holds and serves, and
//! every dataset.

use super::Facts;
use crate::diagnostic::{Diagnostic, Loc};
use crate::model::id::{JurisdictionName, RegionName};
use crate::model::label::Tag;

pub(super) fn check(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let mut found = undeclared_members(facts);
    for document in facts.repository.workspaces.values() {
        let spec = &document.value.spec;
        for (field, region) in spec.regions() {
            let loc = || document.at(&format!("/spec/{field}"));
            found.extend(declared(facts, region, loc));
            for tag in spec.clearance.tags() {
                let Some((name, regions)) =
                    jurisdiction(facts, tag).filter(|(_, regions)| !regions.contains(region))
                else {
                    continue;
                };
                let message = format!(
                    "the region `{region}` is not in the jurisdiction `{name}`, so nothing here can be cleared for `{tag}`"
                );
                let problem = Diagnostic::error("outside-jurisdiction", loc(), message);
                found.push(problem.hint(format!(
                    "the regions of `{name}` are {}; or take `{tag}` out of the clearance",
                    list(regions)
                )));
            }
        }
    }
    for document in facts.repository.datasets.values() {
        let spec = &document.value.spec;
        let loc = || document.at("/spec/region");
        found.extend(declared(facts, &spec.region, loc));
        for tag in spec.label.tags() {
            let Some((name, regions)) =
                jurisdiction(facts, tag).filter(|(_, regions)| !regions.contains(&spec.region))
            else {
                continue;
            };
            let message = format!(
                "data that is `{tag}` lies in `{}`, which is not in the jurisdiction `{name}`",
                spec.region
            );
            let problem = Diagnostic::error("dataset-outside-jurisdiction", loc(), message);
            found.push(problem.hint(format!(
                "the regions of `{name}` are {}; data that was brought elsewhere was let go before it was labelled",
                list(regions)
            )));
        }
    }
    found
}

/// The jurisdiction that a tag names, with its regions.
fn jurisdiction<'a>(
    facts: &Facts<'a>,
    tag: &Tag,
) -> Option<(&'a JurisdictionName, &'a Vec<RegionName>)> {
    let name = tag.jurisdiction()?;
    facts.topology().jurisdictions.get_key_value(&name)
}

/// Regions of jurisdictions that the topology does not list.
fn undeclared_members(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let topology = &facts.repository.topology;
    let mut found = Vec::new();
    for (name, regions) in &facts.topology().jurisdictions {
        for (index, region) in regions.iter().enumerate() {
            let loc = || topology.at(&format!("/spec/jurisdictions/{name}/{index}"));
            found.extend(declared(facts, region, loc));
        }
    }
    found
}

fn declared(
    facts: &Facts<'_>,
    region: &RegionName,
    loc: impl FnOnce() -> Loc,
) -> Option<Diagnostic> {
    let regions = &facts.topology().regions;
    (!regions.is_empty() && !regions.contains(region)).then(|| {
        let place = "spec.regions of promote.yaml";
        facts.unknown(
            "unknown-region",
            loc(),
            "region",
            region,
            regions.iter(),
            place,
        )
    })
}

fn list(regions: &[RegionName]) -> String {
    let regions: Vec<String> = regions.iter().map(|region| format!("`{region}`")).collect();
    regions.join(", ")
}
