//! A workspace for everyone to explore in; what succeeds there graduates into the dev of a project.

use super::{PatternDef, forbid_production, workspaces_of};
use crate::diagnostic::Diagnostic;
use crate::manifest::repository::Repository;
use crate::manifest::topology::PatternName;
use crate::manifest::workspace::Scope;

pub(super) const PATTERN: PatternDef = PatternDef {
    name: PatternName::Shared,
    summary: "a workspace for everyone to explore in; what succeeds graduates into a project",
    check,
};

pub(super) fn check(repository: &Repository) -> Vec<Diagnostic> {
    let topology = &repository.topology;
    let Some(first) = topology.value.spec.environments.first() else {
        return Vec::new();
    };
    let mut found = forbid_production(repository, first);
    let mut shared = Vec::new();
    for workspace in workspaces_of(repository, first) {
        match workspace.value.spec.scope {
            Scope::Exploration | Scope::Shared => shared.push(workspace),
            Scope::Team | Scope::Project => {
                let message = format!("`{first}` is for everyone, and this workspace is not");
                let problem = Diagnostic::error("not-shared", workspace.at("/spec/scope"), message);
                found
                    .push(problem.hint("make it `exploration`, or move it to another environment"));
            }
        }
    }
    if shared.is_empty() {
        let message = format!("`{first}` has no workspace that is for everyone");
        let loc = topology.at("/spec/environments/0");
        let problem = Diagnostic::error("no-exploration-workspace", loc, message);
        found.push(problem.hint("write a workspace with `scope: exploration`"));
    }
    for workspace in shared {
        let name = &workspace.value.metadata.name;
        let mut all = repository.workspaces.values();
        if !all.any(|other| other.value.spec.accepts.contains(name)) {
            let message = format!("nothing can leave `{name}`: no workspace accepts from it");
            let problem = Diagnostic::error(
                "exploration-leads-nowhere",
                workspace.at("/metadata/name"),
                message,
            );
            found.push(problem.hint("let the dev workspace of a project accept from it"));
        }
    }
    found
}
