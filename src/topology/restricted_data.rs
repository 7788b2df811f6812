//! One environment with limited data access, one with production data.

use super::{PatternDef, demand_production, forbid_production};
use crate::diagnostic::Diagnostic;
use crate::manifest::repository::Repository;
use crate::manifest::topology::PatternName;

pub(super) const PATTERN: PatternDef = PatternDef {
    name: PatternName::RestrictedData,
    summary: "two environments: one with limited data access, one with production data",
    check,
};

fn check(repository: &Repository) -> Vec<Diagnostic> {
    let topology = &repository.topology;
    let [limited, production] = topology.value.spec.environments.as_slice() else {
        let problem = Diagnostic::error(
            "not-two-environments",
            topology.at("/spec/environments"),
            "the pattern `restricted-data` has exactly two environments",
        );
        return vec![problem.hint(
            "list the one with limited data access first, then the one with production data",
        )];
    };
    let mut found = forbid_production(repository, limited);
    found.extend(demand_production(repository, 1, production));
    found
}
