//! What policies and freezes say must be something that the gates can judge by. Checked when files are checked and again
//! when they are adopted.

use crate::diagnostic::Diagnostic;
use crate::gate::policy::validate_policy;
use crate::gate::quorum::check_quorum;
use crate::gate::window::Window;
use crate::manifest::repository::Repository;

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
        let rollback = spec
            .rollback
            .as_ref()
            .map(|spec| ("rollback", &spec.quorum));
        let bypass = spec.bypass.as_ref().map(|spec| ("override", &spec.quorum));
        for (field, quorum) in rollback.into_iter().chain(bypass) {
            if let Err(error) = check_quorum(quorum) {
                let loc = policy.at(&format!("/spec/{field}/quorum"));
                problems.push(Diagnostic::error("gate-parameter", loc, error.message));
            }
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
