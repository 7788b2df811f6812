//! Names of environments, workspaces, groups, regions and tags lead somewhere.

use std::collections::BTreeSet;

use super::{Facts, item};
use crate::diagnostic::Diagnostic;

pub(super) fn check(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let mut found = topology(facts);
    for document in facts.repository.workspaces.values() {
        let spec = &document.value.spec;
        found.extend(facts.environment(&spec.environment, || document.at("/spec/environment")));
        for name in &spec.accepts {
            found.extend(facts.workspace(name, || item(document, "/spec/accepts", name)));
        }
    }
    for document in facts.repository.datasets.values() {
        let spec = &document.value.spec;
        found.extend(facts.group(&spec.owner, || document.at("/spec/owner")));
        let access = spec.access.clone().unwrap_or_default();
        for (field, groups) in [("read", access.read), ("write", access.write)] {
            let pointer = format!("/spec/access/{field}");
            for group in groups {
                found.extend(facts.group(&group, || item(document, &pointer, &group)));
            }
        }
    }
    for document in facts.repository.artifacts.values() {
        found.extend(facts.group(&document.value.spec.owner, || document.at("/spec/owner")));
    }
    found
}

fn topology(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let document = &facts.repository.topology;
    let spec = facts.topology();
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, name) in spec.environments.iter().enumerate() {
        if !seen.insert(name) {
            let loc = document.at(&format!("/spec/environments/{index}"));
            found.push(Diagnostic::error(
                "duplicate-environment",
                loc,
                format!("the environment `{name}` is listed twice"),
            ));
        }
    }
    if spec.environments.is_empty() {
        let loc = document.key_at("/spec/environments");
        found.push(Diagnostic::error(
            "no-environments",
            loc,
            "a topology has at least one environment",
        ));
    }
    for (tag, tag_spec) in &spec.tags {
        let key = tag.as_str().replace('~', "~0").replace('/', "~1");
        found.extend(facts.group(&tag_spec.owner, || {
            document.at(&format!("/spec/tags/{key}/owner"))
        }));
        let jurisdiction = tag
            .jurisdiction()
            .filter(|name| !spec.jurisdictions.contains_key(name));
        found.extend(jurisdiction.map(|name| {
            let loc = document.entry("/spec/tags", tag);
            facts.unknown(
                "unknown-jurisdiction",
                loc,
                "jurisdiction",
                &name,
                spec.jurisdictions.keys(),
                "spec.jurisdictions of promote.yaml",
            )
        }));
    }
    found
}
