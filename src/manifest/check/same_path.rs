//! A manifest's name and its path say the same, and the trust root is that of this topology.

use std::fmt::Display;

use super::Facts;
use crate::diagnostic::{Diagnostic, Loc};
use crate::manifest::yaml::Document;
use crate::model::id::TopologyName;

pub(super) fn check(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let repository = facts.repository;
    let mut found = Vec::new();
    for (name, document) in &repository.workspaces {
        found.extend(agree(&document.value.metadata.name, name, || {
            document.at("/metadata/name")
        }));
    }
    for (name, document) in &repository.datasets {
        found.extend(agree(&document.value.metadata.name, name, || {
            document.at("/metadata/name")
        }));
    }
    for (name, document) in &repository.policies {
        found.extend(agree(&document.value.metadata.name, name, || {
            document.at("/metadata/name")
        }));
    }
    for (name, document) in &repository.freezes {
        found.extend(agree(&document.value.metadata.name, name, || {
            document.at("/metadata/name")
        }));
    }
    found.extend(trust(facts));
    found.extend(artifacts(facts));
    found.extend(releases(facts));
    found
}

/// The trust root and its index are those of this topology, not of another one.
fn trust(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let name = &facts.repository.topology.value.metadata.name;
    let report = |said: &TopologyName, loc: Loc| {
        let message =
            format!("this is for the topology `{said}`, and promote.yaml describes `{name}`");
        Diagnostic::error("other-topology", loc, message)
            .hint(format!("write `{name}`, and have it signed again"))
    };
    let mut found = Vec::new();
    let root = &facts.repository.trust_root;
    if root.value.metadata.name != *name {
        found.push(report(&root.value.metadata.name, root.at("/metadata/name")));
    }
    // Only then is it found out where the name stands: an index has a line for each governed file.
    if let Some(index) = &facts.repository.trust_index
        && index.value.metadata.name != *name
    {
        found.push(report(
            &index.value.metadata.name,
            index.at("/metadata/name"),
        ));
    }
    found
}

fn artifacts(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (id, document) in &facts.repository.artifacts {
        found.extend(agree(&document.value.metadata.name, &id.name, || {
            document.at("/metadata/name")
        }));
        found.extend(agree(&document.value.spec.project, &id.project, || {
            document.at("/spec/project")
        }));
    }
    for (id, version) in facts.versions() {
        let document = &version.document;
        found.extend(agree(
            &document.value.metadata.name,
            &id.artifact.name,
            || document.at("/metadata/name"),
        ));
        found.extend(agree(
            &document.value.spec.project,
            &id.artifact.project,
            || document.at("/spec/project"),
        ));
        found.extend(agree(&document.value.spec.version, &id.version, || {
            document.at("/spec/version")
        }));
    }
    found
}

fn releases(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (id, document) in &facts.repository.releases {
        let at = |pointer: &'static str| move || Document::at(document, pointer);
        found.extend(agree(
            &document.value.metadata.name,
            &id.artifact.name,
            at("/metadata/name"),
        ));
        found.extend(agree(
            &document.value.spec.environment,
            &id.environment,
            at("/spec/environment"),
        ));
        found.extend(agree(
            &document.value.spec.artifact,
            &id.artifact,
            at("/spec/artifact"),
        ));
    }
    found
}

fn agree<T: PartialEq + Display>(
    said: &T,
    path: &T,
    loc: impl FnOnce() -> Loc,
) -> Option<Diagnostic> {
    (said != path).then(|| {
        let message = format!("this says `{said}`, and the file's path says `{path}`");
        Diagnostic::error("path-mismatch", loc(), message)
            .hint(format!("write `{path}`, or move the file"))
    })
}
