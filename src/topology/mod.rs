//! The patterns of organising workspaces: one file each, one row each.
//!
//! They come from Microsoft's Cloud Adoption Framework, "Organize and set up Azure Machine Learning environments".

pub mod azure;
mod contoso;
mod multi_environment;
mod project;
mod regional_fine_tuning;
mod regional_serving;
mod regional_training;
mod restricted_data;
mod shared;
mod single_environment;
mod team;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::manifest::repository::Repository;
use crate::manifest::topology::PatternName;
use crate::manifest::workspace::Workspace;
use crate::manifest::yaml::Document;
use crate::model::id::{EnvironmentName, RegionName};
use crate::model::label::Tag;
use crate::topology::azure::grants::RoleAssignment;

/// A pattern and its rules.
#[derive(Debug)]
pub struct PatternDef {
    /// What `spec.pattern` of `promote.yaml` says.
    pub name: PatternName,
    /// What it means, in a line.
    pub summary: &'static str,
    /// Reports what the repository does against the pattern.
    pub check: fn(&Repository) -> Vec<Diagnostic>,
}

/// Every pattern.
pub static PATTERNS: [PatternDef; 10] = [
    team::PATTERN,
    project::PATTERN,
    shared::PATTERN,
    single_environment::PATTERN,
    multi_environment::PATTERN,
    restricted_data::PATTERN,
    regional_training::PATTERN,
    regional_serving::PATTERN,
    regional_fine_tuning::PATTERN,
    contoso::PATTERN,
];

/// Reports what a repository does against the pattern that it names.
#[must_use]
pub fn check(repository: &Repository) -> Vec<Diagnostic> {
    let name = repository.topology.value.spec.pattern;
    let pattern = PATTERNS.iter().find(|pattern| pattern.name == name);
    pattern
        .map(|pattern| (pattern.check)(repository))
        .unwrap_or_default()
}

/// Reports who may change what nobody may, by a saved list of Azure's role assignments. `None` when the pattern has no rule
/// about that.
#[must_use]
pub fn check_assignments(
    repository: &Repository,
    assignments: &[RoleAssignment<'_>],
) -> Option<Vec<Diagnostic>> {
    let is_ruled = repository.topology.value.spec.pattern == PatternName::SingleEnvironment;
    is_ruled.then(|| single_environment::check_assignments(repository, assignments))
}

/// The workspaces of an environment.
fn workspaces_of<'a>(
    repository: &'a Repository,
    environment: &EnvironmentName,
) -> impl Iterator<Item = &'a Arc<Document<Workspace>>> {
    repository
        .workspaces
        .values()
        .filter(move |workspace| workspace.value.spec.environment == *environment)
}

fn holds_production(workspace: &Document<Workspace>) -> bool {
    workspace
        .value
        .spec
        .clearance
        .tags()
        .contains(&Tag::production())
}

/// The regions that some workspaces are in.
fn regions_of<'a>(
    workspaces: impl Iterator<Item = &'a Arc<Document<Workspace>>>,
) -> BTreeSet<&'a RegionName> {
    workspaces
        .map(|workspace| &workspace.value.spec.region)
        .collect()
}

/// Reports every workspace of an environment that is cleared for `production`, and should not be.
fn forbid_production(repository: &Repository, environment: &EnvironmentName) -> Vec<Diagnostic> {
    let cleared =
        workspaces_of(repository, environment).filter(|workspace| holds_production(workspace));
    let report = |workspace: &Arc<Document<Workspace>>| {
        let message = format!(
            "`{environment}` must not hold production data, and this workspace is cleared for it"
        );
        let problem = Diagnostic::error(
            "production-in-first-environment",
            workspace.at("/spec/clearance"),
            message,
        );
        problem.hint("take `production` out of the clearance, or move the workspace to a more trusted environment")
    };
    cleared.map(report).collect()
}

/// Reports an environment none of whose workspaces may hold production data.
fn demand_production(
    repository: &Repository,
    index: usize,
    environment: &EnvironmentName,
) -> Option<Diagnostic> {
    let is_cleared =
        workspaces_of(repository, environment).any(|workspace| holds_production(workspace));
    (!is_cleared).then(|| {
        let loc = repository.topology.at(&format!("/spec/environments/{index}"));
        let message = format!("no workspace of `{environment}` is cleared for `production`, and this pattern keeps production data there");
        let problem = Diagnostic::error("no-production-workspace", loc, message);
        problem.hint(format!("add `production` to the clearance of a workspace of `{environment}`"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_has_one_row() {
        // Matched without `_`, so that a new pattern is noticed here.
        let row = |name: PatternName| match name {
            PatternName::Team => 0,
            PatternName::Project => 1,
            PatternName::Shared => 2,
            PatternName::SingleEnvironment => 3,
            PatternName::MultiEnvironment => 4,
            PatternName::RestrictedData => 5,
            PatternName::RegionalTraining => 6,
            PatternName::RegionalServing => 7,
            PatternName::RegionalFineTuning => 8,
            PatternName::Contoso => 9,
        };
        for (index, pattern) in PATTERNS.iter().enumerate() {
            assert_eq!(row(pattern.name), index);
            assert!(!pattern.summary.is_empty());
            let name = serde_json::to_value(pattern.name).unwrap();
            assert_eq!(name, pattern.name.as_str());
        }
    }
}
