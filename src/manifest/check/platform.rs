//! Workspaces on one platform have names of their own, and nobody on the way reads what is sent to it.

use std::collections::BTreeMap;

use super::Facts;
use crate::diagnostic::Diagnostic;
use crate::manifest::workspace::Workspace;
use crate::manifest::yaml::Document;
use crate::model::artifact::ArtifactId;
use crate::model::id::WorkspaceName;
use crate::model::workspace::is_open_to;

/// What one name on a platform stands for.
type Taken<'r> = BTreeMap<(String, String), (&'r WorkspaceName, &'r ArtifactId)>;

pub(super) fn check(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut taken = Taken::new();
    let mut spaces = BTreeMap::new();
    for (name, document) in &facts.repository.workspaces {
        found.extend(unprotected(name, document));
        if let Some(problem) = shared(&mut spaces, name, document) {
            // Each of its names collides then, which is one thing to mend.
            found.push(problem);
            continue;
        }
        for artifact in facts.repository.artifacts.keys() {
            if is_open_to(&document.value.spec.projects, &artifact.project) {
                found.extend(named(&mut taken, name, document, artifact));
            }
        }
    }
    found
}

/// An address whose bytes and passwords anyone on the way can read.
fn unprotected(name: &WorkspaceName, document: &Document<Workspace>) -> Option<Diagnostic> {
    let platform = &document.value.spec.adapter;
    let address = platform.address()?;
    if address.is_protected() || platform.allows_http() {
        return None;
    }
    let loc = document.at(&format!("/spec/adapter/{}", platform.kind()));
    let message = format!("`{name}` is reached without encryption, at `{address}`");
    let problem = Diagnostic::error("unprotected-address", loc, message);
    Some(problem.hint(
        "anyone on the way can read and change what is sent, passwords too; use `https`, or say `allowHttp: true`",
    ))
}

/// Two workspaces with the same names in the same place: what is written to one would appear in the other.
fn shared<'r>(
    spaces: &mut BTreeMap<(String, String), &'r WorkspaceName>,
    name: &'r WorkspaceName,
    document: &Document<Workspace>,
) -> Option<Diagnostic> {
    let platform = &document.value.spec.adapter;
    let (template, _) = platform.names()?;
    let key = (platform.name_space()?, template.to_string());
    let other = spaces.insert(key, name)?;
    let loc = document.at(&format!("/spec/adapter/{}", platform.kind()));
    let message = format!("`{name}` and `{other}` are one place with the same names");
    let problem = Diagnostic::error("overlapping-workspaces", loc, message);
    Some(problem.hint(
        "what is written to one would appear in the other; give each a place of its own, or a template of names with its own text, such as `names: prod-{project}-{kind}-{name}`",
    ))
}

/// One artifact's name on the platform: one that it takes, and that nothing else has.
fn named<'r>(
    taken: &mut Taken<'r>,
    name: &'r WorkspaceName,
    document: &Document<Workspace>,
    artifact: &'r ArtifactId,
) -> Option<Diagnostic> {
    let platform = &document.value.spec.adapter;
    let (template, rules) = platform.names()?;
    let loc = || document.at(&format!("/spec/adapter/{}", platform.kind()));
    let platform_name =
        match template.name_of(artifact, &rules) {
            Ok(platform_name) => platform_name,
            Err(error) => {
                let message = format!("`{artifact}` has no name in `{name}`: {error}");
                let problem = Diagnostic::error("refused-name", loc(), message);
                return Some(problem.hint(
                    "choose another template under `names`, or another name for the artifact",
                ));
            }
        };
    let key = if rules.folds_case {
        platform_name.to_lowercase()
    } else {
        platform_name.clone()
    };
    let other = taken.insert((platform.name_space()?, key), (name, artifact))?;
    let (other_workspace, other_artifact) = other;
    let message = format!(
        "`{artifact}` in `{name}` and `{other_artifact}` in `{other_workspace}` are both called `{platform_name}` there"
    );
    let problem = Diagnostic::error("colliding-names", loc(), message);
    Some(problem.hint(
        "one would overwrite the other; choose a template under `names` that tells them apart",
    ))
}
