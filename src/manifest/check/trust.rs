//! The trust root agrees with itself and with the topology.

use std::collections::{BTreeMap, BTreeSet};

use super::{Facts, item};
use crate::diagnostic::Diagnostic;
use crate::manifest::trust_root::RoleSpec;

/// The role that signs the trust root itself.
const ROOT_ROLE: &str = "root";

pub(super) fn check(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let mut found = groups(facts);
    found.extend(roles(facts));
    found.extend(keys(facts));
    found.extend(attesters(facts));
    let document = &facts.repository.trust_root;
    for (name, engine) in &facts.trust().engines {
        let pointer = format!("/spec/engines/{name}/environments");
        for environment in &engine.environments {
            found.extend(facts.environment(environment, || item(document, &pointer, environment)));
        }
    }
    found
}

fn groups(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let document = &facts.repository.trust_root;
    let principals = &facts.trust().principals;
    let mut found = Vec::new();
    for (group, members) in &facts.trust().groups {
        for member in members
            .iter()
            .filter(|member| !principals.contains_key(*member))
        {
            let loc = item(document, &format!("/spec/groups/{group}"), member);
            found.push(facts.unknown(
                "unknown-principal",
                loc,
                "principal",
                member,
                principals.keys(),
                "spec.principals of trust/root.yaml",
            ));
        }
    }
    found
}

fn roles(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let document = &facts.repository.trust_root;
    let roles = &facts.trust().roles;
    let mut found = Vec::new();
    for (name, role) in roles {
        for group in &role.groups {
            found.extend(facts.group(group, || {
                item(document, &format!("/spec/roles/{name}/groups"), group)
            }));
        }
        let signers = signers(facts, role);
        let threshold = usize::try_from(role.threshold).unwrap_or(usize::MAX);
        let has_unknown = role
            .groups
            .iter()
            .any(|group| !facts.trust().groups.contains_key(group));
        if threshold == 0 || (threshold > signers && !has_unknown) {
            let message = format!(
                "{threshold} of the role `{name}` shall sign, and its groups have {signers} members"
            );
            let loc = document.at(&format!("/spec/roles/{name}/threshold"));
            found.push(Diagnostic::error("impossible-threshold", loc, message));
        }
    }
    if !roles.keys().any(|role| role.as_str() == ROOT_ROLE) {
        let problem = Diagnostic::error(
            "missing-role",
            document.key_at("/spec/roles"),
            format!("there is no role `{ROOT_ROLE}`, so nobody could sign this file"),
        );
        found.push(
            problem.hint("add it with the groups whose members sign changes of trust/root.yaml"),
        );
    }
    found
}

/// How many persons can sign for a role; one in several groups counts once.
fn signers(facts: &Facts<'_>, role: &RoleSpec) -> usize {
    let members = role
        .groups
        .iter()
        .filter_map(|group| facts.trust().groups.get(group));
    members.flatten().collect::<BTreeSet<_>>().len()
}

/// A key says one thing: it is one attester's, and no engine's, whose entries could pass as attestations.
fn attesters(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let document = &facts.repository.trust_root;
    let text = |key: &str| key.split_whitespace().collect::<String>();
    let mut owners: BTreeMap<String, String> = facts
        .trust()
        .engines
        .iter()
        .map(|(name, engine)| (text(&engine.key), format!("engine `{name}`")))
        .collect();
    let mut found = Vec::new();
    for (name, attester) in &facts.trust().attesters {
        let owner = owners.insert(text(&attester.key), format!("attester `{name}`"));
        if let Some(owner) = owner {
            let message = format!("the key is also that of {owner}, and an attester has its own");
            let loc = document.at(&format!("/spec/attesters/{name}/key"));
            found.push(Diagnostic::error("duplicate-key", loc, message));
        }
    }
    found
}

fn keys(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let document = &facts.repository.trust_root;
    let mut owners = BTreeMap::new();
    let mut found = Vec::new();
    for (name, principal) in &facts.trust().principals {
        for (index, key) in principal.keys.iter().enumerate() {
            // A comment behind the key does not make it another key.
            let parts: Vec<&str> = key.split_whitespace().take(2).collect();
            let Some(owner) = owners.insert(parts, name) else {
                continue;
            };
            let loc = document.at(&format!("/spec/principals/{name}/keys/{index}"));
            let message = if owner == name {
                format!("the key is listed twice for `{name}`")
            } else {
                format!("the key is also that of `{owner}`, and a key is one person's")
            };
            found.push(Diagnostic::error("duplicate-key", loc, message));
        }
    }
    found
}
