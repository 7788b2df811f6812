//! A base model of one region, made fit for another on the data there, from which it does not come back.

use super::regional_training::residencies;
use super::{PatternDef, workspaces_of};
use crate::diagnostic::Diagnostic;
use crate::manifest::repository::Repository;
use crate::manifest::topology::PatternName;

pub(super) const PATTERN: PatternDef = PatternDef {
    name: PatternName::RegionalFineTuning,
    summary: "a base model of one region, made fit for others on their data",
    check,
};

fn check(repository: &Repository) -> Vec<Diagnostic> {
    let topology = &repository.topology;
    let [base, tuning, ..] = topology.value.spec.environments.as_slice() else {
        let problem = Diagnostic::error(
            "no-tuning-environment",
            topology.at("/spec/environments"),
            "the pattern `regional-fine-tuning` has an environment for base models and one where they are tuned",
        );
        return vec![
            problem.hint("list the one for base models first, such as [base, tuning, serving]"),
        ];
    };
    let mut found = Vec::new();
    for workspace in workspaces_of(repository, tuning) {
        if residencies(workspace.value.spec.clearance.tags()).is_empty() {
            let message = format!(
                "models are tuned in `{tuning}` on the data of a jurisdiction, and this workspace is cleared for none"
            );
            let problem = Diagnostic::error(
                "tuning-without-residency",
                workspace.at("/spec/clearance"),
                message,
            );
            found
                .push(problem.hint("add `resident:<jurisdiction>` of its region to the clearance"));
        }
    }
    for workspace in workspaces_of(repository, base) {
        let own = residencies(workspace.value.spec.clearance.tags());
        let shared = workspaces_of(repository, tuning).find_map(|other| {
            let theirs = residencies(other.value.spec.clearance.tags());
            own.iter().find(|tag| theirs.contains(**tag)).copied()
        });
        if let Some(tag) = shared {
            let message =
                format!("a model that was tuned on `{tag}` data could come back to `{base}`");
            let problem = Diagnostic::error(
                "tuned-model-returns",
                workspace.at("/spec/clearance"),
                message,
            );
            found.push(problem.hint(format!("take `{tag}` out of the clearance")));
        }
    }
    found
}
