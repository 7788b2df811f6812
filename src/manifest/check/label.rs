//! Labels and clearances use declared tags, and a place cleared for a jurisdiction lies in it.

use super::{Facts, item};
use crate::diagnostic::Diagnostic;

pub(super) fn check(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for document in facts.repository.datasets.values() {
        for tag in document.value.spec.label.tags() {
            found.extend(facts.tag(tag, || item(document, "/spec/label", tag)));
        }
    }
    let jurisdictions = &facts.topology().jurisdictions;
    for document in facts.repository.workspaces.values() {
        let spec = &document.value.spec;
        for tag in spec.clearance.tags() {
            found.extend(facts.tag(tag, || item(document, "/spec/clearance", tag)));
            let Some((name, regions)) = tag
                .jurisdiction()
                .and_then(|name| jurisdictions.get_key_value(&name))
            else {
                continue;
            };
            if !regions.contains(&spec.region) {
                let message = format!(
                    "the region `{}` is not in the jurisdiction `{name}`, so nothing here can be cleared for `{tag}`",
                    spec.region
                );
                let regions: Vec<String> =
                    regions.iter().map(|region| format!("`{region}`")).collect();
                let problem =
                    Diagnostic::error("outside-jurisdiction", document.at("/spec/region"), message);
                found.push(problem.hint(format!(
                    "the regions of `{name}` are {}; or take `{tag}` out of the clearance",
                    regions.join(", ")
                )));
            }
        }
    }
    found
}
