//! Who a workspace is for: exploration holds no production data, a team's workspace has an owner, a project's has one
//! project, and nothing moves between projects unless the receiving one says so.

use super::{Facts, item};
use crate::diagnostic::Diagnostic;
use crate::manifest::workspace::{Scope, Workspace};
use crate::manifest::yaml::Document;
use crate::model::id::ProjectName;
use crate::model::label::Tag;

pub(super) fn check(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (name, document) in &facts.repository.workspaces {
        let spec = &document.value.spec;
        found.extend(
            spec.owner
                .iter()
                .filter_map(|owner| facts.group(owner, || document.at("/spec/owner"))),
        );
        let production = Tag::production();
        match spec.scope {
            Scope::Exploration if spec.clearance.tags().contains(&production) => {
                let problem = Diagnostic::error(
                    "exploration-holds-production",
                    item(document, "/spec/clearance", &production),
                    format!("`{name}` is for exploration, which never holds production data"),
                );
                found.push(problem.hint("work on production data in a workspace of a project"));
            }
            Scope::Team if spec.owner.is_none() => {
                let problem = Diagnostic::error(
                    "team-without-owner",
                    document.at("/spec/scope"),
                    format!("`{name}` belongs to a team, and no group owns it"),
                );
                found.push(problem.hint("name the team's group in `owner`"));
            }
            Scope::Project if spec.projects.len() != 1 => {
                let problem = Diagnostic::error(
                    "not-one-project",
                    document.at("/spec/scope"),
                    format!(
                        "`{name}` belongs to one project, and names {}",
                        spec.projects.len()
                    ),
                );
                found.push(
                    problem.hint("name the one project in `projects`, or make the scope `shared`"),
                );
            }
            Scope::Exploration | Scope::Team | Scope::Project | Scope::Shared => {}
        }
        found.extend(edges_between_projects(facts, document));
    }
    found
}

/// The project of a workspace that belongs to one.
fn project(workspace: &Document<Workspace>) -> Option<&ProjectName> {
    let spec = &workspace.value.spec;
    spec.projects
        .first()
        .filter(|_| spec.scope == Scope::Project)
}

fn edges_between_projects(facts: &Facts<'_>, workspace: &Document<Workspace>) -> Vec<Diagnostic> {
    let Some(own) = project(workspace) else {
        return Vec::new();
    };
    let accepted = facts
        .repository
        .projects
        .get(own)
        .map(|project| &project.value.spec.accepts);
    let edge = |origin| {
        let other = project(facts.repository.workspaces.get(origin)?)?;
        let is_declared = other == own || accepted.is_some_and(|accepted| accepted.contains(other));
        (!is_declared).then(|| {
            let problem = Diagnostic::error(
                "undeclared-project-edge",
                item(workspace, "/spec/accepts", origin),
                format!(
                    "`{origin}` belongs to the project `{other}`, from which `{own}` takes nothing"
                ),
            );
            problem.hint(format!(
                "list `{other}` in `accepts` of projects/{own}.yaml, if that is meant"
            ))
        })
    };
    workspace
        .value
        .spec
        .accepts
        .iter()
        .filter_map(edge)
        .collect()
}
