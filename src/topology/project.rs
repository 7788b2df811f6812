//! A workspace for each project in each environment: nothing moves between projects, and each pays for itself.

use super::PatternDef;
use crate::diagnostic::Diagnostic;
use crate::manifest::repository::Repository;
use crate::manifest::topology::PatternName;
use crate::manifest::workspace::Scope;

pub(super) const PATTERN: PatternDef = PatternDef {
    name: PatternName::Project,
    summary: "a workspace for each project, with its own access and cost",
    check,
};

fn check(repository: &Repository) -> Vec<Diagnostic> {
    let mut found = Vec::from_iter(demand_projects(repository));
    for (name, document) in &repository.workspaces {
        if document.value.spec.scope != Scope::Project {
            let message = format!(
                "`{name}` belongs to no project, and in the pattern `project` every workspace does"
            );
            let problem =
                Diagnostic::error("not-a-project-workspace", document.key_at("/spec"), message);
            found.push(problem.hint("write `scope: project` and the project in `projects`"));
        }
    }
    found
}

/// Reports that there are no projects, where somebody has to answer for each.
pub(super) fn demand_projects(repository: &Repository) -> Option<Diagnostic> {
    repository.projects.is_empty().then(|| {
        let topology = &repository.topology;
        let message =
            "there are no projects, and in this pattern each has an owner and a cost centre";
        let problem = Diagnostic::error("no-projects", topology.at("/spec/pattern"), message);
        problem.hint("write projects/<name>.yaml; `promote init project NAME` does")
    })
}
