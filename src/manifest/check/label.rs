//! Labels and clearances use declared tags.

use super::{Facts, item};
use crate::diagnostic::Diagnostic;

pub(super) fn check(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for document in facts.repository.datasets.values() {
        for tag in document.value.spec.label.tags() {
            found.extend(facts.tag(tag, || item(document, "/spec/label", tag)));
        }
    }
    for document in facts.repository.workspaces.values() {
        for tag in document.value.spec.clearance.tags() {
            found.extend(facts.tag(tag, || item(document, "/spec/clearance", tag)));
        }
    }
    found
}
