//! Every environment that something can enter has a policy, and policies name groups that can answer.

use std::collections::BTreeSet;

use super::Facts;
use crate::diagnostic::Diagnostic;
use crate::manifest::layout::{Place, path_of};

pub(super) fn check(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (name, document) in &facts.repository.policies {
        found.extend(facts.environment(name, || document.at("/metadata/name")));
        let quorum = document
            .value
            .spec
            .rollback
            .iter()
            .flat_map(|rollback| &rollback.quorum);
        for (group, count) in quorum {
            found.extend(facts.group(group, || document.entry("/spec/rollback/quorum", group)));
            let members = facts
                .trust()
                .groups
                .get(group)
                .map_or(usize::MAX, BTreeSet::len);
            let count = usize::try_from(*count).unwrap_or(usize::MAX);
            if count == 0 || count > members {
                let message = format!(
                    "the group `{group}` has {members} members, so from 1 to {members} of them can be asked for, not {count}"
                );
                let loc = document.at(&format!("/spec/rollback/quorum/{group}"));
                found.push(Diagnostic::error("impossible-quorum", loc, message));
            }
        }
    }
    found.extend(missing(facts));
    found
}

fn missing(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for (name, document) in &facts.repository.workspaces {
        let spec = &document.value.spec;
        let place = Place::Policy(spec.environment.clone());
        let is_needed = !spec.accepts.is_empty() && facts.rank(&spec.environment).is_some();
        if is_needed && !facts.places.contains(&place) && seen.insert(&spec.environment) {
            let message = format!(
                "the workspace `{name}` accepts artifacts, and its environment `{}` has no policy",
                spec.environment
            );
            let problem =
                Diagnostic::error("missing-policy", document.key_at("/spec/accepts"), message);
            found.push(problem.hint(format!("write {}", path_of(&place))));
        }
    }
    found
}
