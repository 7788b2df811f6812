//! Projects name groups and projects there are, stay within their quotas, and people from outside see one project alone.

use std::collections::BTreeMap;

use super::{Facts, item};
use crate::diagnostic::Diagnostic;
use crate::manifest::project::{Project, QuotaSpec};
use crate::manifest::yaml::Document;
use crate::model::id::ProjectName;

pub(super) fn check(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let usage = usage(facts);
    for (name, document) in &facts.repository.projects {
        let spec = &document.value.spec;
        found.extend(facts.group(&spec.owner, || document.at("/spec/owner")));
        for other in &spec.accepts {
            found.extend(facts.project(other, || item(document, "/spec/accepts", other)));
        }
        found.extend(collaborators(facts, document));
        if let (Some(quota), Some(usage)) = (&spec.quota, usage.get(name)) {
            found.extend(over(document, quota, *usage));
        }
    }
    // An organisation that declares its projects declares them all.
    if !facts.repository.projects.is_empty() {
        for (id, document) in &facts.repository.artifacts {
            found.extend(facts.project(&id.project, || document.at("/spec/project")));
        }
        for document in facts.repository.workspaces.values() {
            for name in &document.value.spec.projects {
                found.extend(facts.project(name, || item(document, "/spec/projects", name)));
            }
        }
    }
    found
}

/// The versions of each project, and their bytes, if any project has a quota.
fn usage<'a>(facts: &Facts<'a>) -> BTreeMap<&'a ProjectName, (u64, u64)> {
    let mut usage: BTreeMap<&ProjectName, (u64, u64)> = BTreeMap::new();
    let mut projects = facts.repository.projects.values();
    if !projects.any(|project| project.value.spec.quota.is_some()) {
        return usage;
    }
    for (id, version) in facts.repository.versions.iter() {
        let (versions, bytes) = usage.entry(&id.artifact.project).or_default();
        *versions += 1;
        *bytes = bytes.saturating_add(version.document.value.spec.size);
    }
    usage
}

/// A quota that is used up is a warning: what is registered stays. `promote register` adds nothing beyond it.
fn over(project: &Document<Project>, quota: &QuotaSpec, used: (u64, u64)) -> Vec<Diagnostic> {
    let limits = [
        ("versions", quota.versions, used.0),
        ("bytes", quota.bytes, used.1),
    ];
    let over = limits.into_iter().filter_map(|(what, limit, used)| {
        let limit = limit.filter(|limit| used > *limit)?;
        let message = format!("the project has {used} {what}, and its quota is {limit}");
        let loc = project.at(&format!("/spec/quota/{what}"));
        Some(
            Diagnostic::warning("over-quota", loc, message)
                .hint("raise the quota, or take versions out"),
        )
    });
    over.collect()
}

/// A person from outside who is in any other group sees more than the project.
fn collaborators(facts: &Facts<'_>, project: &Document<Project>) -> Vec<Diagnostic> {
    let groups = &facts.trust().groups;
    let outside = &project.value.spec.collaborators;
    let mut found = Vec::new();
    for name in outside {
        let loc = || item(project, "/spec/collaborators", name);
        found.extend(facts.group(name, loc));
        let members = groups.get(name).into_iter().flatten();
        for person in members {
            let others = groups.iter().filter(|(other, _)| !outside.contains(*other));
            let mut others = others.filter(|(_, members)| members.contains(person));
            if let Some((other, _)) = others.next() {
                let message = format!(
                    "`{person}` is from outside and sees this project alone, and is in the group `{other}` too"
                );
                let problem = Diagnostic::error("collaborator-sees-more", loc(), message);
                found.push(problem.hint(format!(
                    "take `{person}` out of one of the two groups in trust/root.yaml"
                )));
            }
        }
    }
    found
}
