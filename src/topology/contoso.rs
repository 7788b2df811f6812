//! The reference implementation: projects with their own dev, QA and prod, exploration for everyone, one region.

use super::{
    PatternDef, forbid_production, multi_environment, project, regions_of, shared, workspaces_of,
};
use crate::diagnostic::Diagnostic;
use crate::manifest::repository::Repository;
use crate::manifest::topology::PatternName;
use crate::manifest::workspace::Scope;
use crate::model::id::EnvironmentName;

pub(super) const PATTERN: PatternDef = PatternDef {
    name: PatternName::Contoso,
    summary: "projects in dev, qa and prod, exploration for everyone, groups by role, one region",
    check,
};

fn check(repository: &Repository) -> Vec<Diagnostic> {
    let topology = &repository.topology;
    let environments = &topology.value.spec.environments;
    let [exploration, dev, .., prod] = environments.as_slice() else {
        let problem = Diagnostic::error(
            "no-exploration-environment",
            topology.at("/spec/environments"),
            "the pattern `contoso` has exploration before dev, and prod after it",
        );
        return vec![problem.hint("list them as [exploration, dev, qa, prod]")];
    };
    let mut found = multi_environment::check(repository);
    found.extend(forbid_production(repository, dev));
    // Both patterns forbid production data in the first environment; one report of it is enough.
    let of_exploration = shared::check(repository).into_iter();
    found
        .extend(of_exploration.filter(|problem| problem.code != "production-in-first-environment"));
    found.extend(project::demand_projects(repository));
    for environment in environments.iter().filter(|name| *name != exploration) {
        for workspace in workspaces_of(repository, environment) {
            if workspace.value.spec.scope != Scope::Project {
                let message = format!(
                    "workspaces of `{environment}` belong to projects, and this one does not"
                );
                let problem = Diagnostic::error(
                    "not-a-project-workspace",
                    workspace.key_at("/spec"),
                    message,
                );
                found.push(problem.hint("write `scope: project` and the project in `projects`"));
            }
        }
    }
    found.extend(incomplete_projects(repository, [dev, prod]));
    if regions_of(repository.workspaces.values()).len() > 1
        && let Some(workspace) = repository.workspaces.values().last()
    {
        let message = "the workspaces are in several regions, and in the pattern `contoso` in one";
        let problem = Diagnostic::error("several-regions", workspace.at("/spec/region"), message);
        found.push(problem.hint("choose one of the regional patterns for several regions"));
    }
    found
}

/// A project that has some workspaces has one in dev and in prod. One that has none yet is funded, and not begun.
fn incomplete_projects(repository: &Repository, needed: [&EnvironmentName; 2]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (name, project) in &repository.projects {
        let of_project = |environment| {
            workspaces_of(repository, environment)
                .any(|workspace| workspace.value.spec.projects.contains(name))
        };
        let mut all = repository.workspaces.values();
        let is_begun = all.any(|workspace| workspace.value.spec.projects.contains(name));
        let missing = needed
            .into_iter()
            .find(|environment| !of_project(environment));
        if let Some(environment) = missing.filter(|_| is_begun) {
            let message = format!("`{name}` has workspaces, and none in `{environment}`");
            let problem =
                Diagnostic::error("incomplete-project", project.at("/metadata/name"), message);
            found.push(problem.hint("a project has its own dev, qa and prod"));
        }
    }
    found
}
