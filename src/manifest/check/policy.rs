//! Every environment that something can enter has a policy, and policies name groups that can answer.

use std::collections::{BTreeMap, BTreeSet};

use super::Facts;
use crate::diagnostic::Diagnostic;
use crate::manifest::layout::{Place, path_of};
use crate::manifest::policy::Policy;
use crate::manifest::yaml::Document;
use crate::model::id::GroupName;

pub(super) fn check(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (name, document) in &facts.repository.policies {
        found.extend(facts.environment(name, || document.at("/metadata/name")));
        let spec = &document.value.spec;
        let rollback = spec.rollback.iter().map(|rollback| &rollback.quorum);
        let bypass = spec.bypass.iter().map(|bypass| &bypass.quorum);
        let access = spec.access.iter().map(|access| &access.quorum);
        for quorum in access {
            let at = "/spec/access/quorum";
            found.extend(check_quorum(facts, document, at, quorum));
        }
        for quorum in rollback {
            found.extend(check_quorum(
                facts,
                document,
                "/spec/rollback/quorum",
                quorum,
            ));
        }
        for quorum in bypass {
            found.extend(check_quorum(
                facts,
                document,
                "/spec/override/quorum",
                quorum,
            ));
            let persons: u64 = quorum.values().map(|count| u64::from(*count)).sum();
            if persons < 2 {
                let message = "an override takes two persons at least";
                let loc = document.at("/spec/override/quorum");
                found.push(Diagnostic::error("impossible-quorum", loc, message));
            }
        }
    }
    found.extend(missing(facts));
    found
}

fn check_quorum(
    facts: &Facts<'_>,
    document: &Document<Policy>,
    at: &str,
    quorum: &BTreeMap<GroupName, u32>,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (group, count) in quorum {
        found.extend(facts.group(group, || document.entry(at, group)));
        let members = facts.trust().groups.get(group);
        let members = members.map_or(usize::MAX, BTreeSet::len);
        let count = usize::try_from(*count).unwrap_or(usize::MAX);
        if count == 0 || count > members {
            let message = format!(
                "the group `{group}` has {members} members, so from 1 to {members} of them can be asked for, not {count}"
            );
            let loc = document.at(&format!("{at}/{group}"));
            found.push(Diagnostic::error("impossible-quorum", loc, message));
        }
    }
    found
}

fn missing(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for (name, document) in &facts.repository.workspaces {
        let spec = &document.value.spec;
        let place = Place::Policy(spec.environment.clone());
        let is_needed = !spec.accepts.is_empty() && facts.rank(&spec.environment).is_some();
        if is_needed && !facts.has(&place) && seen.insert(&spec.environment) {
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
