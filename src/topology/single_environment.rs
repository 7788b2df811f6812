//! One place to do research; only services are released through further environments.

use super::PatternDef;
use crate::diagnostic::Diagnostic;
use crate::manifest::repository::Repository;
use crate::manifest::topology::PatternName;
use crate::manifest::workspace::Purpose;
use crate::model::label::Tag;

pub(super) const PATTERN: PatternDef = PatternDef {
    name: PatternName::SingleEnvironment,
    summary: "one environment to make models in; only services are released through others",
    check,
};

fn check(repository: &Repository) -> Vec<Diagnostic> {
    let topology = &repository.topology;
    let Some(first) = topology.value.spec.environments.first() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut made_in = None;
    for (name, workspace) in &repository.workspaces {
        let spec = &workspace.value.spec;
        if spec.purpose != Purpose::Training {
            continue;
        }
        if spec.environment != *first {
            let message = format!(
                "models are made in `{first}` alone, and `{name}` of `{}` is a workspace to make them in",
                spec.environment
            );
            let problem = Diagnostic::error(
                "training-beyond-the-first",
                workspace.at("/spec/environment"),
                message,
            );
            found.push(
                problem.hint("write `purpose: serving`, or move it to the first environment"),
            );
        } else if let Some(other) = made_in.replace(name) {
            let message = format!("there is one workspace to make models in, and `{other}` is it");
            let problem = Diagnostic::error(
                "two-training-workspaces",
                workspace.at("/metadata/name"),
                message,
            );
            found.push(problem.hint("take one of the two away, or choose the pattern `project`"));
        }
    }
    if made_in.is_none() {
        let message = format!("`{first}` has no workspace to make models in");
        let loc = topology.at("/spec/environments/0");
        let problem = Diagnostic::error("no-training-workspace", loc, message);
        found.push(problem.hint("write a workspace with `purpose: training`"));
    }
    found.extend(writable_production(repository));
    found
}

/// Research reads production data here, so nobody may change it.
fn writable_production(repository: &Repository) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (name, dataset) in &repository.datasets {
        let spec = &dataset.value.spec;
        let mut writers = spec.access.iter().flat_map(|access| &access.write);
        let writer = writers.find(|_| spec.label.tags().contains(&Tag::production()));
        if let Some(group) = writer {
            let message = format!(
                "`{group}` may change `{name}`, which is production data that research reads"
            );
            let problem = Diagnostic::error(
                "writable-production-data",
                dataset.at("/spec/access/write"),
                message,
            );
            found.push(problem.hint("grant `read` alone, and let another system write"));
        }
    }
    found
}
