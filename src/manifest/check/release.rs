//! Releases name versions there are, by their digest, for workspaces of their environment.

use super::lineage::unknown_version;
use super::{Facts, item};
use crate::diagnostic::Diagnostic;
use crate::manifest::layout::Place;
use crate::manifest::release::Release;
use crate::manifest::yaml::Document;
use crate::model::artifact::VersionId;

pub(super) fn check(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for document in facts.repository.releases.values() {
        let spec = &document.value.spec;
        found.extend(facts.environment(&spec.environment, || document.at("/spec/environment")));
        found.extend(version(facts, document));
        for name in &spec.workspaces {
            let loc = || item(document, "/spec/workspaces", name);
            found.extend(facts.workspace(name, loc));
            let Some(workspace) = facts.repository.workspaces.get(name) else {
                continue;
            };
            let workspace = &workspace.value.spec;
            if facts.rank(&workspace.environment).is_none() {
                continue;
            }
            if workspace.environment != spec.environment {
                let message = format!(
                    "the workspace `{name}` is in `{}`, and this is a release for `{}`",
                    workspace.environment, spec.environment
                );
                found.push(Diagnostic::error(
                    "workspace-of-other-environment",
                    loc(),
                    message,
                ));
            } else if !workspace.projects.is_empty()
                && !workspace.projects.contains(&spec.artifact.project)
            {
                let message = format!(
                    "the workspace `{name}` is not for the project `{}`",
                    spec.artifact.project
                );
                found.push(Diagnostic::error(
                    "workspace-of-other-project",
                    loc(),
                    message,
                ));
            }
        }
    }
    found
}

fn version(facts: &Facts<'_>, document: &Document<Release>) -> Option<Diagnostic> {
    let spec = &document.value.spec;
    let id = VersionId {
        artifact: spec.artifact.clone(),
        version: spec.version.clone(),
    };
    let Some(known) = facts.repository.versions.get(&id) else {
        let is_broken = facts.has(&Place::Version(id.clone()));
        return (!is_broken).then(|| unknown_version(facts, &id, document.at("/spec/version")));
    };
    let digest = known.document.value.spec.digest;
    (digest != spec.digest).then(|| {
        let message = format!("`{id}` has another digest: {digest}");
        let problem = Diagnostic::error("digest-mismatch", document.at("/spec/digest"), message);
        problem.hint("a release names the bytes it asks for; `promote request` writes them down")
    })
}
