//! Versions name workspaces there are, and the files beside them have their digest.

use std::collections::{BTreeMap, BTreeSet};

use super::Facts;
use crate::diagnostic::Diagnostic;
use crate::manifest::layout::{Place, path_of_artifact, path_of_checksums};
use crate::manifest::version::ArtifactVersion;
use crate::manifest::yaml::Document;
use crate::model::artifact::VersionId;
use crate::model::id::{ProjectName, WorkspaceName};
use crate::model::workspace::is_open_to;

pub(super) fn check(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut open = BTreeMap::new();
    for (id, version) in facts.versions() {
        let document = &version.document;
        let spec = &document.value.spec;
        if let Some(problem) = facts.workspace(&spec.workspace, || document.at("/spec/workspace")) {
            found.push(problem);
        }
        found.extend(foreign_project(facts, id, document, &mut open));
        let has_artifact = facts.repository.artifacts.contains_key(&id.artifact);
        if !has_artifact && !facts.has(&Place::Artifact(id.artifact.clone())) {
            let path = path_of_artifact(&id.artifact);
            let problem = Diagnostic::error(
                "unknown-artifact",
                document.key_at("/metadata/name"),
                format!("there is no artifact `{}`", id.artifact),
            );
            found.push(problem.hint(format!("say what it is for in {path}")));
        }
        match &version.checksums {
            Some(checksums) if checksums.digest() != spec.digest => {
                let message = format!(
                    "the digest is not that of the files listed in {}, which is {}",
                    path_of_checksums(id),
                    checksums.digest()
                );
                let problem =
                    Diagnostic::error("digest-mismatch", document.at("/spec/digest"), message);
                found.push(
                    problem.hint("one of the two was changed by hand; register the version again"),
                );
            }
            None if !facts.has(&Place::Checksums(id.clone())) => {
                let message = format!(
                    "{} is missing, which lists the files of this digest",
                    path_of_checksums(id)
                );
                let problem =
                    Diagnostic::error("missing-checksums", document.at("/spec/digest"), message);
                found.push(problem.hint("`promote register` writes it"));
            }
            Some(_) | None => {}
        }
        if let (Some(card), Some(checksums)) = (&spec.card, &version.checksums)
            && !checksums.entries().iter().any(|(path, _)| path == card)
        {
            let message = format!("the version has no file `{card}`");
            found.push(Diagnostic::error(
                "unknown-card",
                document.at("/spec/card"),
                message,
            ));
        }
    }
    found
}

/// A version in a workspace that is not for its project. `open` are the projects of the workspaces that were asked about.
fn foreign_project<'a>(
    facts: &Facts<'_>,
    id: &VersionId,
    document: &'a Document<ArtifactVersion>,
    open: &mut BTreeMap<&'a WorkspaceName, BTreeSet<ProjectName>>,
) -> Option<Diagnostic> {
    let name = &document.value.spec.workspace;
    let workspace = facts.repository.workspaces.get(name)?;
    let projects = open
        .entry(name)
        .or_insert_with(|| facts.repository.projects_of(&workspace.value.spec));
    let project = &id.artifact.project;
    (!is_open_to(projects, project)).then(|| {
        let message = format!("the workspace `{name}` is not for the project `{project}`");
        let loc = document.at("/spec/workspace");
        let problem = Diagnostic::error("foreign-project", loc, message);
        problem.hint("register it in a workspace of its project")
    })
}
