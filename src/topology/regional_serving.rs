//! Trained in one region, served near those who ask: one release goes out to several workspaces, in waves.

use super::{PatternDef, regions_of, workspaces_of};
use crate::diagnostic::Diagnostic;
use crate::manifest::repository::Repository;
use crate::manifest::topology::PatternName;
use crate::manifest::workspace::Purpose;

/// The gate that lets workspaces in wave by wave.
const ROLLOUT_GATE: &str = "rollout";

pub(super) const PATTERN: PatternDef = PatternDef {
    name: PatternName::RegionalServing,
    summary: "trained in one region, served in several, one wave after another",
    check,
};

fn check(repository: &Repository) -> Vec<Diagnostic> {
    let topology = &repository.topology;
    let environments = &topology.value.spec.environments;
    let Some(last) = environments.last() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let training = || {
        let all = repository.workspaces.values();
        all.filter(|workspace| workspace.value.spec.purpose == Purpose::Training)
    };
    if regions_of(training()).len() > 1
        && let Some(workspace) = training().next_back()
    {
        let message = "models are made in one region in this pattern, and there are workspaces to make them in several";
        let problem = Diagnostic::error(
            "several-training-regions",
            workspace.at("/spec/region"),
            message,
        );
        found.push(
            problem.hint("write `purpose: serving`, or choose the pattern `regional-training`"),
        );
    }
    let loc = || topology.at(&format!("/spec/environments/{}", environments.len() - 1));
    let serving = workspaces_of(repository, last)
        .filter(|workspace| workspace.value.spec.purpose == Purpose::Serving);
    if regions_of(serving).len() < 2 {
        let message = format!("the serving workspaces of `{last}` are not in several regions");
        let problem = Diagnostic::error("one-serving-region", loc(), message);
        found.push(problem.hint("write a workspace with `purpose: serving` for each audience"));
    }
    if let Some(policy) = repository.policies.get(last) {
        let mut gates = policy.value.spec.gates.iter();
        if !gates.any(|gate| gate.gate == ROLLOUT_GATE) {
            let message = format!(
                "`{last}` is entered everywhere at once, and this pattern goes wave by wave"
            );
            let problem = Diagnostic::error("no-waves", policy.key_at("/spec/gates"), message);
            found.push(problem.hint("add the gate `rollout` with its waves"));
        }
    }
    found
}
