//! Edges between workspaces: nobody takes from himself, in a circle, or from a more trusted environment.

use std::collections::BTreeMap;

use super::graph::find_cycle;
use super::{Facts, item};
use crate::diagnostic::Diagnostic;
use crate::model::id::WorkspaceName;

pub(super) fn check(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let workspaces = &facts.repository.workspaces;
    let mut found = Vec::new();
    for (name, document) in workspaces {
        let spec = &document.value.spec;
        for origin in &spec.accepts {
            let loc = || item(document, "/spec/accepts", origin);
            if origin == name {
                found.push(Diagnostic::error(
                    "self-accept",
                    loc(),
                    "a workspace cannot accept from itself",
                ));
            }
            let Some(origin) = workspaces.get(origin) else {
                continue;
            };
            let from = &origin.value.spec.environment;
            if facts.rank(from) > facts.rank(&spec.environment)
                && facts.rank(&spec.environment).is_some()
            {
                let message = format!(
                    "no edge leads back: a workspace of `{}` cannot accept from one of `{from}`, which is more trusted",
                    spec.environment
                );
                let problem = Diagnostic::error("backward-edge", loc(), message);
                found.push(problem.hint("data of a more trusted environment reaches a less trusted one only by declassification, never by an edge"));
            }
        }
    }
    found.extend(cycle(facts));
    found
}

fn cycle(facts: &Facts<'_>) -> Option<Diagnostic> {
    let workspaces = &facts.repository.workspaces;
    let others = |name: &WorkspaceName,
                  accepts: &'_ std::collections::BTreeSet<WorkspaceName>|
     -> Vec<WorkspaceName> {
        accepts
            .iter()
            .filter(|origin| *origin != name)
            .cloned()
            .collect()
    };
    let accepts: BTreeMap<&WorkspaceName, Vec<WorkspaceName>> = workspaces
        .iter()
        .map(|(name, document)| (name, others(name, &document.value.spec.accepts)))
        .collect();
    let edges = accepts
        .iter()
        .map(|(name, origins)| (*name, origins.iter().collect()))
        .collect();
    let cycle = find_cycle(&edges)?;
    let (first, next) = (*cycle.first()?, *cycle.get(1)?);
    let names: Vec<&str> = cycle
        .iter()
        .chain(cycle.first())
        .map(|name| name.as_str())
        .collect();
    let loc = item(workspaces.get(first)?, "/spec/accepts", next);
    let problem = Diagnostic::error(
        "cyclic-accepts",
        loc,
        format!(
            "workspaces accept from each other in a circle: {}",
            names.join(" from ")
        ),
    );
    Some(problem.hint("take one of the edges out; a promotion goes one way"))
}
