//! One workspace for a team in each environment: members share its data, and its name says whose it is.

use std::collections::BTreeMap;

use super::PatternDef;
use crate::diagnostic::Diagnostic;
use crate::manifest::repository::Repository;
use crate::manifest::topology::PatternName;
use crate::manifest::workspace::Scope;

pub(super) const PATTERN: PatternDef = PatternDef {
    name: PatternName::Team,
    summary: "one workspace for a team, whose members share data access",
    check,
};

fn check(repository: &Repository) -> Vec<Diagnostic> {
    let topology = &repository.topology;
    let mut found = Vec::new();
    if topology.value.spec.naming.is_none() {
        let problem = Diagnostic::error(
            "no-naming-rules",
            topology.key_at("/spec"),
            "the pattern `team` names workspaces after teams, and there are no rules for names",
        );
        found.push(problem.hint("add `naming: {}`, which stands for Azure's conventions"));
    }
    let mut first = BTreeMap::new();
    for (name, document) in &repository.workspaces {
        let spec = &document.value.spec;
        if spec.scope != Scope::Team {
            let message = format!(
                "`{name}` belongs to no team, and in the pattern `team` every workspace does"
            );
            let problem =
                Diagnostic::error("not-a-team-workspace", document.key_at("/spec"), message);
            found.push(problem.hint("write `scope: team` and the team's group as `owner`"));
            continue;
        }
        if let Some(other) = first.insert((&spec.environment, &spec.owner, spec.purpose), name) {
            let message = format!(
                "`{other}` is the workspace of that team in `{}` already",
                spec.environment
            );
            let problem = Diagnostic::error(
                "two-workspaces-of-a-team",
                document.at("/metadata/name"),
                message,
            );
            found.push(problem.hint("a team shares one; what has to be apart belongs to projects"));
        }
    }
    found
}
