//! A workspace in each region where data is; what is made from data stays where that is.

use std::collections::BTreeSet;

use super::{PatternDef, regions_of, workspaces_of};
use crate::diagnostic::Diagnostic;
use crate::manifest::repository::Repository;
use crate::manifest::topology::PatternName;
use crate::model::label::Tag;

pub(super) const PATTERN: PatternDef = PatternDef {
    name: PatternName::RegionalTraining,
    summary: "a workspace in each region where data is; models stay with their data",
    check,
};

fn check(repository: &Repository) -> Vec<Diagnostic> {
    let topology = &repository.topology;
    let mut found = Vec::new();
    for (name, dataset) in &repository.datasets {
        if residencies(dataset.value.spec.label.tags()).is_empty() {
            let message =
                format!("`{name}` belongs to no jurisdiction, and in this pattern all data does");
            let problem = Diagnostic::error(
                "dataset-without-residency",
                dataset.at("/spec/label"),
                message,
            );
            found.push(problem.hint("add `resident:<jurisdiction>` to its label"));
        }
    }
    for (name, workspace) in &repository.workspaces {
        let residencies = residencies(workspace.value.spec.clearance.tags());
        if residencies.len() > 1 {
            let list: Vec<String> = residencies.iter().map(|tag| format!("`{tag}`")).collect();
            let message = format!(
                "`{name}` may hold data of several jurisdictions: {}",
                list.join(", ")
            );
            let problem = Diagnostic::error(
                "several-residencies",
                workspace.at("/spec/clearance"),
                message,
            );
            found.push(
                problem.hint(
                    "keep one; data of two jurisdictions meets only after a declassification",
                ),
            );
        }
    }
    if let Some(first) = topology.value.spec.environments.first()
        && regions_of(workspaces_of(repository, first)).len() < 2
    {
        let message = format!(
            "all workspaces of `{first}` are in one region, and this pattern trains in several"
        );
        let loc = topology.at("/spec/environments/0");
        let problem = Diagnostic::error("one-training-region", loc, message);
        found
            .push(problem.hint(
                "write a workspace for each region with data, or choose `multi-environment`",
            ));
    }
    found
}

/// The tags among some that name jurisdictions.
pub(super) fn residencies(tags: &BTreeSet<Tag>) -> BTreeSet<&Tag> {
    tags.iter()
        .filter(|tag| tag.jurisdiction().is_some())
        .collect()
}
