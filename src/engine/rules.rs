//! What policies and freezes say must be something that the gates can judge by. Checked when files are checked and again
//! when they are adopted.

use crate::diagnostic::Diagnostic;
use crate::engine::witness::witness_keys;
use crate::gate::policy::validate_policy;
use crate::gate::quorum::check_quorum;
use crate::gate::window::Window;
use crate::gate::witnessed;
use crate::manifest::policy::{GateSpec, Policy};
use crate::manifest::repository::Repository;
use crate::manifest::yaml::Document;

/// Everything that a gate cannot judge by.
#[must_use]
pub fn check(manifests: &Repository) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for policy in manifests.policies.values() {
        let spec = &policy.value.spec;
        for (index, error) in validate_policy(&spec.gates) {
            let path = error.path.replace('.', "/");
            let loc = policy.at(format!("/spec/gates/{index}/{path}").trim_end_matches('/'));
            problems.push(Diagnostic::error("gate-parameter", loc, error.message));
        }
        problems.extend(check_witnesses(manifests, policy));
        if let Some(error) = spec
            .rollback
            .as_ref()
            .and_then(|rollback| check_quorum(&rollback.quorum).err())
        {
            problems.push(Diagnostic::error(
                "gate-parameter",
                policy.at("/spec/rollback/quorum"),
                error.message,
            ));
        }
    }
    for freeze in manifests.freezes.values() {
        for (index, window) in freeze.value.spec.windows.iter().enumerate() {
            if let Err(error) = Window::parse(window) {
                problems.push(Diagnostic::error(
                    "freeze-window",
                    freeze.at(&format!("/spec/windows/{index}")),
                    error.to_string(),
                ));
            }
        }
    }
    problems
}

/// More witnesses than there are can never be met.
fn check_witnesses(manifests: &Repository, policy: &Document<Policy>) -> Vec<Diagnostic> {
    let listed = witness_keys(&manifests.trust_root.value.spec).len();
    let gates = policy.value.spec.gates.iter().enumerate();
    let asked = gates.filter(|(_, spec)| spec.gate == witnessed::NAME);
    let problem = |(index, spec): (usize, &GateSpec)| {
        let threshold = spec.params.get("threshold")?.as_u64()?;
        let is_met = usize::try_from(threshold).is_ok_and(|threshold| threshold <= listed);
        let message =
            format!("{threshold} witnesses are asked for, and `trust/root.yaml` lists {listed}");
        let loc = policy.at(&format!("/spec/gates/{index}/threshold"));
        let problem = Diagnostic::error("impossible-threshold", loc, message);
        (!is_met).then(|| problem.hint("list more with `promote trust add-witness KEY`"))
    };
    asked.filter_map(problem).collect()
}
