//! What policies and freezes say must be something that the gates can judge by. Checked when files are checked and again
//! when they are adopted.

use std::collections::BTreeSet;

use crate::attest::engine_key::EnginePublicKey;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::engine::witness::witness_keys;
use crate::gate::attestation;
use crate::gate::params;
use crate::gate::policy::{params_of, validate_policy};
use crate::gate::promoted_from;
use crate::gate::quorum::check_quorum;
use crate::gate::rollout;
use crate::gate::soak_time;
use crate::gate::window::Window;
use crate::gate::witnessed;
use crate::manifest::policy::{GateSpec, Policy};
use crate::manifest::repository::Repository;
use crate::manifest::yaml::Document;
use crate::model::id::WorkspaceName;

/// Everything that a gate cannot judge by.
#[must_use]
pub fn check(manifests: &Repository) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for policy in manifests.policies.values() {
        let spec = &policy.value.spec;
        for (pointer, gates) in spec.gate_lists() {
            for (index, error) in validate_policy(gates) {
                let path = error.path.replace('.', "/");
                let loc = policy.at(format!("{pointer}/{index}/{path}").trim_end_matches('/'));
                problems.push(Diagnostic::error("gate-parameter", loc, error.message));
            }
        }
        problems.extend(check_upstream(policy));
        problems.extend(check_witnesses(manifests, policy));
        problems.extend(check_waves(manifests, policy));
        let rollback = spec
            .rollback
            .as_ref()
            .map(|spec| ("rollback", &spec.quorum));
        let bypass = spec.bypass.as_ref().map(|spec| ("override", &spec.quorum));
        let access = spec.access.as_ref().map(|spec| ("access", &spec.quorum));
        for (field, quorum) in rollback.into_iter().chain(bypass).chain(access) {
            if let Err(error) = check_quorum(quorum) {
                let loc = policy.at(&format!("/spec/{field}/quorum"));
                problems.push(Diagnostic::error("gate-parameter", loc, error.message));
            }
        }
    }
    problems.extend(check_attesters(manifests));
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

/// What was made in the environment was never held before it, so a gate that asks for that waits for ever.
fn check_upstream(policy: &Document<Policy>) -> Vec<Diagnostic> {
    let gates = policy.value.spec.retrain.iter();
    let gates = gates.flat_map(|retrain| retrain.gates.iter().enumerate());
    let asks = |(_, spec): &(usize, &GateSpec)| {
        [promoted_from::GATE.name, soak_time::GATE.name].contains(&spec.gate.as_str())
    };
    let problem = |(index, spec): (usize, &GateSpec)| {
        let message = format!(
            "`{}` asks where it was held before, and what is made in `{}` never was",
            spec.gate, policy.value.metadata.name
        );
        let loc = policy.at(&format!("/spec/retrain/gates/{index}/gate"));
        let problem = Diagnostic::error("upstream-of-retrain", loc, message);
        problem.hint("ask that of the pipeline, in `spec.gates`")
    };
    gates.filter(asks).map(problem).collect()
}

/// Each gate of a policy, with its place as a JSON pointer.
fn gates_of(policy: &Document<Policy>) -> impl Iterator<Item = (String, &GateSpec)> {
    let lists = policy.value.spec.gate_lists();
    lists.flat_map(|(pointer, gates)| {
        let gates = gates.iter().enumerate();
        gates.map(move |(index, spec)| (format!("{pointer}/{index}"), spec))
    })
}

/// Attesters have keys that can be read, and policies name attesters that there are.
fn check_attesters(manifests: &Repository) -> Vec<Diagnostic> {
    let root = &manifests.trust_root;
    let attesters = &root.value.spec.attesters;
    let mut problems = Vec::new();
    for (name, attester) in attesters {
        if let Err(error) = EnginePublicKey::from_pem(&attester.key) {
            let loc = root.at(&format!("/spec/attesters/{name}/key"));
            problems.push(Diagnostic::error("attester-key", loc, error.to_string()));
        }
    }
    for policy in manifests.policies.values() {
        for (pointer, spec) in gates_of(policy) {
            let asked = (spec.gate == attestation::GATE.name)
                .then(|| params::parse::<attestation::Params>(&params_of(spec)).ok());
            let signers: BTreeSet<_> = asked
                .flatten()
                .map_or_else(BTreeSet::new, |params| params.signers);
            for signer in signers.iter().filter(|name| !attesters.contains_key(*name)) {
                let loc = policy.at(&format!("{pointer}/signers"));
                let message = format!("there is no attester `{signer}`");
                let names = attesters.keys().map(crate::model::id::AttesterName::as_str);
                let hint = did_you_mean(signer.as_str(), names).map_or_else(
                    || "add it with `promote trust add-attester`".to_owned(),
                    |meant| format!("did you mean `{meant}`?"),
                );
                problems.push(Diagnostic::error("unknown-attester", loc, message).hint(hint));
            }
        }
    }
    problems
}

/// A wave that names what is not there keeps all later ones waiting for ever.
fn check_waves(manifests: &Repository, policy: &Document<Policy>) -> Vec<Diagnostic> {
    let environment = &policy.value.metadata.name;
    let of_environment = manifests
        .workspaces
        .iter()
        .filter(|(_, workspace)| workspace.value.spec.environment == *environment);
    let names: BTreeSet<&WorkspaceName> = of_environment.map(|(name, _)| name).collect();
    let mut problems = Vec::new();
    for (pointer, spec) in gates_of(policy) {
        let asked = (spec.gate == rollout::GATE.name)
            .then(|| params::parse::<rollout::Params>(&params_of(spec)).ok())
            .flatten();
        let waves = asked.map(|params| params.waves).unwrap_or_default();
        for (wave, workspaces) in waves.iter().enumerate() {
            for name in workspaces.iter().filter(|name| !names.contains(name)) {
                let loc = policy.at(&format!("{pointer}/waves/{wave}"));
                let message = format!("`{environment}` has no workspace `{name}`");
                let known = names.iter().map(|name| name.as_str());
                let hint = did_you_mean(name.as_str(), known).map_or_else(
                    || "waves are of workspaces of the policy's own environment".to_owned(),
                    |meant| format!("did you mean `{meant}`?"),
                );
                problems.push(Diagnostic::error("unknown-workspace", loc, message).hint(hint));
            }
        }
    }
    problems
}

/// More witnesses than there are can never be met.
fn check_witnesses(manifests: &Repository, policy: &Document<Policy>) -> Vec<Diagnostic> {
    let listed = witness_keys(&manifests.trust_root.value.spec).len();
    let asked = gates_of(policy).filter(|(_, spec)| spec.gate == witnessed::NAME);
    let problem = |(pointer, spec): (String, &GateSpec)| {
        let threshold = spec.params.get("threshold")?.as_u64()?;
        let is_met = usize::try_from(threshold).is_ok_and(|threshold| threshold <= listed);
        let message =
            format!("{threshold} witnesses are asked for, and `trust/root.yaml` lists {listed}");
        let loc = policy.at(&format!("{pointer}/threshold"));
        let problem = Diagnostic::error("impossible-threshold", loc, message);
        (!is_met).then(|| problem.hint("list more with `promote trust add-witness KEY`"))
    };
    asked.filter_map(problem).collect()
}
