//! Dev, QA and prod: gradual rollout, stricter downstream, production data only outside dev.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{PatternDef, demand_production, forbid_production};
use crate::diagnostic::Diagnostic;
use crate::manifest::policy::{GateSpec, Policy};
use crate::manifest::repository::Repository;
use crate::manifest::topology::PatternName;
use crate::manifest::yaml::Document;
use crate::model::id::{EnvironmentName, GroupName, PrincipalName};

/// The gate whose `quorum` names the groups that approve.
const APPROVALS_GATE: &str = "approvals";

pub(super) const PATTERN: PatternDef = PatternDef {
    name: PatternName::MultiEnvironment,
    summary: "ordered environments, production data outside the first only, approvals that get stricter",
    check,
};

pub(super) fn check(repository: &Repository) -> Vec<Diagnostic> {
    let topology = &repository.topology;
    let environments = &topology.value.spec.environments;
    let (Some(first), Some(last)) = (environments.first(), environments.last()) else {
        return Vec::new();
    };
    if environments.len() < 2 {
        let problem = Diagnostic::error(
            "too-few-environments",
            topology.at("/spec/environments"),
            "the pattern `multi-environment` has at least two environments",
        );
        return vec![
            problem.hint("list them from the least to the most trusted, such as [dev, qa, prod]"),
        ];
    }
    let mut found = forbid_production(repository, first);
    found.extend(demand_production(repository, environments.len() - 1, last));
    found.extend(check_approvers(repository));
    found.extend(check_retrain(repository));
    found
}

/// Who may approve for an environment: the members of the groups of its `approvals` gates.
struct Approvers<'a> {
    environment: &'a EnvironmentName,
    policy: &'a Arc<Document<Policy>>,
    /// The index of the last such gate; `None` when nobody is asked.
    gate: Option<usize>,
    members: BTreeSet<&'a PrincipalName>,
}

/// Approvers get no wider from one environment to the next.
///
/// Wider means more persons, not other persons: release managers need not be among the engineers who approve for QA, but
/// they may not be more. Asking nobody is the widest of all. Environments without a policy, which nothing can enter, are
/// left out.
fn check_approvers(repository: &Repository) -> Vec<Diagnostic> {
    let environments = &repository.topology.value.spec.environments;
    let approvers: Vec<Approvers<'_>> = environments
        .iter()
        .filter_map(|environment| approvers_of(repository, environment))
        .collect();
    let pairs = approvers.iter().zip(approvers.iter().skip(1));
    pairs
        .filter_map(|(before, after)| compare(before, after))
        .collect()
}

/// What is made in an environment is let in by no more persons than what comes up to it.
fn check_retrain(repository: &Repository) -> Vec<Diagnostic> {
    let environments = repository.topology.value.spec.environments.iter();
    let check = |environment| {
        let own = approvers_of(repository, environment)?;
        let retrain = own.policy.value.spec.retrain.as_ref()?;
        let made = approvers_among(repository, environment, &retrain.gates)?;
        own.gate?;
        let Some(gate) = made.gate else {
            let message = format!("`{environment}` asks nobody for approval of what is made there");
            let loc = made.policy.key_at("/spec/retrain/gates");
            let problem = Diagnostic::error("wider-approvers", loc, message);
            return Some(problem.hint("add an `approvals` gate, as for what comes up to it"));
        };
        let (count, own_count) = (made.members.len(), own.members.len());
        (count > own_count).then(|| {
            let message = format!("{count} persons can approve what is made in `{environment}`, and only {own_count} what comes up to it");
            let loc = made.policy.at(&format!("/spec/retrain/gates/{gate}/quorum"));
            Diagnostic::error("wider-approvers", loc, message).hint("name a smaller group")
        })
    };
    environments.filter_map(check).collect()
}

fn approvers_of<'a>(
    repository: &'a Repository,
    environment: &'a EnvironmentName,
) -> Option<Approvers<'a>> {
    let policy = repository.policies.get(environment)?;
    approvers_among(repository, environment, &policy.value.spec.gates)
}

/// Who is asked by some gates of an environment's policy.
fn approvers_among<'a>(
    repository: &'a Repository,
    environment: &'a EnvironmentName,
    gates: &'a [GateSpec],
) -> Option<Approvers<'a>> {
    let policy = repository.policies.get(environment)?;
    let gates = gates.iter().enumerate();
    let approvals = gates.filter(|(_, gate)| gate.gate == APPROVALS_GATE);
    let groups = &repository.trust_root.value.spec.groups;
    let mut approvers = Approvers {
        environment,
        policy,
        gate: None,
        members: BTreeSet::new(),
    };
    for (index, gate) in approvals {
        approvers.gate = Some(index);
        let named = group_names(gate)
            .filter_map(|name| groups.iter().find(|(group, _)| group.as_str() == name));
        approvers
            .members
            .extend(named.flat_map(|(_, members)| members));
    }
    Some(approvers)
}

/// The groups whose approval an environment asks for, as far as they exist.
pub(super) fn approver_groups(
    repository: &Repository,
    environment: &EnvironmentName,
) -> BTreeSet<GroupName> {
    let policy = repository.policies.get(environment).into_iter();
    let gates = policy.flat_map(|policy| &policy.value.spec.gates);
    let names = gates
        .filter(|gate| gate.gate == APPROVALS_GATE)
        .flat_map(group_names);
    let names: BTreeSet<&str> = names.collect();
    let groups = &repository.trust_root.value.spec.groups;
    let groups = groups.keys().filter(|name| names.contains(name.as_str()));
    groups.cloned().collect()
}

fn group_names(gate: &GateSpec) -> impl Iterator<Item = &str> {
    let quorum = gate
        .params
        .get("quorum")
        .and_then(serde_json::Value::as_object);
    quorum
        .into_iter()
        .flat_map(|quorum| quorum.keys().map(String::as_str))
}

fn compare(before: &Approvers<'_>, after: &Approvers<'_>) -> Option<Diagnostic> {
    let (Some(_), earlier) = (before.gate, before.environment) else {
        return None;
    };
    let environment = after.environment;
    let Some(gate) = after.gate else {
        let message =
            format!("`{environment}` asks nobody for approval, and `{earlier}` before it does");
        let problem = Diagnostic::error(
            "wider-approvers",
            after.policy.key_at("/spec/gates"),
            message,
        );
        return Some(problem.hint("add an `approvals` gate; approvals get stricter downstream"));
    };
    let (count, earlier_count) = (after.members.len(), before.members.len());
    (count > earlier_count).then(|| {
        let message = format!("{count} persons can approve for `{environment}`, and only {earlier_count} for `{earlier}` before it");
        let loc = after.policy.at(&format!("/spec/gates/{gate}/quorum"));
        Diagnostic::error("wider-approvers", loc, message).hint("name a smaller group; approvals get stricter downstream")
    })
}
