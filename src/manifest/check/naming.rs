//! Workspaces and artifacts are named and tagged as the topology says.

use super::Facts;
use crate::diagnostic::{Diagnostic, Loc};
use crate::manifest::naming::{Form, Word};
use crate::manifest::topology::NamingSpec;

pub(super) fn check(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let Some(naming) = &facts.topology().naming else {
        return Vec::new();
    };
    let mut found = Vec::new();
    match form(facts, "workspaces", &naming.workspaces, &Word::ALL) {
        Ok(form) => found.extend(workspaces(facts, naming, &form)),
        Err(problem) => found.push(problem),
    }
    match form(
        facts,
        "artifacts",
        &naming.artifacts,
        &[Word::Project, Word::Owner],
    ) {
        Ok(form) => found.extend(artifacts(facts, naming, &form)),
        Err(problem) => found.push(problem),
    }
    found.extend(missing_tags(facts, naming));
    found
}

fn form(facts: &Facts<'_>, field: &str, text: &str, words: &[Word]) -> Result<Form, Diagnostic> {
    Form::parse(text, words).map_err(|message| {
        let loc = facts
            .repository
            .topology
            .at(&format!("/spec/naming/{field}"));
        let words: Vec<String> = words
            .iter()
            .map(|word| format!("`{{{}}}`", word.as_str()))
            .collect();
        let hint = format!("words that stand for something are {}", words.join(", "));
        Diagnostic::error("naming-form", loc, message).hint(hint)
    })
}

fn workspaces(facts: &Facts<'_>, naming: &NamingSpec, form: &Form) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (name, document) in &facts.repository.workspaces {
        let spec = &document.value.spec;
        let value = |word| match word {
            Word::Environment => Some(spec.environment.to_string()),
            Word::Region => Some(spec.region.to_string()),
            Word::Owner => spec.owner.as_ref().map(ToString::to_string),
            Word::Project => spec.projects.first().map(ToString::to_string),
            Word::Scope => Some(spec.scope.as_str().to_owned()),
        };
        if !form.fits(name.as_str(), value) {
            let message = format!("`{name}` is not named like `{}`", naming.workspaces);
            found.push(misnamed(
                document.at("/metadata/name"),
                message,
                &form.example(value),
            ));
        }
    }
    found
}

fn artifacts(facts: &Facts<'_>, naming: &NamingSpec, form: &Form) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (id, document) in &facts.repository.artifacts {
        let spec = &document.value.spec;
        let value = |word| match word {
            Word::Owner => Some(spec.owner.to_string()),
            Word::Project => Some(spec.project.to_string()),
            Word::Environment | Word::Region | Word::Scope => None,
        };
        if !form.fits(id.name.as_str(), value) {
            let message = format!("`{id}` is not named like `{}`", naming.artifacts);
            found.push(misnamed(
                document.at("/metadata/name"),
                message,
                &form.example(value),
            ));
        }
    }
    found
}

fn misnamed(loc: Loc, message: String, example: &str) -> Diagnostic {
    let hint = format!("such as `{example}`; spec.naming of promote.yaml says so");
    Diagnostic::error("misnamed", loc, message).hint(hint)
}

fn missing_tags(facts: &Facts<'_>, naming: &NamingSpec) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (name, document) in &facts.repository.workspaces {
        let tags = &document.value.spec.resource_tags;
        for tag in naming
            .resource_tags
            .iter()
            .filter(|tag| !tags.contains_key(*tag))
        {
            let message = format!("the resources of `{name}` have no tag `{tag}`");
            let loc = document.key_at("/spec/resourceTags");
            let problem = Diagnostic::error("missing-resource-tag", loc, message);
            found.push(problem.hint(format!(
                "add `{tag}` to `resourceTags`; spec.naming of promote.yaml asks for it"
            )));
        }
    }
    found
}
