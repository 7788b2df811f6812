//! Files of other tools, looked at before anything is registered: what they name, and whether a workspace may hold it.

use std::path::PathBuf;

use crate::diagnostic::{Diagnostic, Severity};
use crate::engine::world::{World, workspace_facts};
use crate::error::Result;
use crate::flow::declassification::Lowered;
use crate::flow::permit::check_label;
use crate::manifest::foreign;
use crate::manifest::foreign::told::Input;
use crate::model::id::WorkspaceName;
use crate::model::label::Label;
use crate::model::workspace::WorkspaceFacts;
use crate::ops::plan::unknown;
use crate::ops::register::told::resolve::{Known, Resolver};
use crate::ops::register::told::{LineageFiles, bytes_of};

/// Files of other tools that are checked.
#[derive(Debug, Clone, Default)]
pub struct OtherFiles {
    /// The files.
    pub files: Vec<PathBuf>,
    /// The workspace that they are to run in or be registered in.
    pub workspace: Option<WorkspaceName>,
}

/// What is wrong with files of other tools: with themselves, with what they name, and with running it in a workspace, if
/// one is given. What no dataset claims is a warning, and an error where a workspace is given that may not hold everything.
///
/// # Errors
///
/// When a file cannot be read, or there is no such workspace.
pub fn check_files(world: &World, others: &OtherFiles) -> Result<Vec<Diagnostic>> {
    let target = others.workspace.as_ref();
    let target = target.map(|name| facts_of(world, name)).transpose()?;
    let said = LineageFiles::default();
    let mut problems = Vec::new();
    for file in &others.files {
        let bytes = bytes_of(file)?;
        let told = match foreign::read(&file.to_string_lossy(), &bytes, None, None) {
            Ok((_, told)) => told,
            Err(found) => {
                problems.extend(found);
                continue;
            }
        };
        let code = told.code.as_ref();
        let repository = code.and_then(|code| code.value.repository.as_deref());
        let mut resolver = Resolver::new(world, &said, repository);
        for input in &told.inputs {
            match resolver.know(input) {
                Ok(known) => {
                    problems.extend(resolver.check_classes(input, &known));
                    problems.extend(check_input(world, input, &known, target.as_ref()));
                }
                Err(problem) => problems.push(*problem),
            }
        }
    }
    Ok(problems)
}

fn facts_of(world: &World, name: &WorkspaceName) -> Result<WorkspaceFacts> {
    let document = world.manifests.workspaces.get(name);
    let document = document.ok_or_else(|| {
        let known = world.manifests.workspaces.keys();
        let known: Vec<&str> = known.map(WorkspaceName::as_str).collect();
        unknown("workspace", name.as_str(), &known)
    })?;
    Ok(workspace_facts(name, &document.value.spec))
}

fn check_input(
    world: &World,
    input: &Input,
    known: &Known,
    target: Option<&WorkspaceFacts>,
) -> Option<Diagnostic> {
    let top = Label::new(world.manifests.topology.value.spec.tags.keys().cloned());
    let (label, what) = match known {
        Known::Nothing => return None,
        Known::Dataset(name) => {
            let dataset = world.manifests.datasets.get(name);
            let label = dataset.map(|dataset| dataset.value.spec.label.clone());
            (label, format!("dataset `{name}`"))
        }
        Known::Base(base) => {
            let known = world.labels.get(base.digest);
            let label = known.map(|known| known.label.clone());
            (label, format!("`{}`", base.version))
        }
        Known::Unknown => {
            let message = format!(
                "`{}` is of no dataset, so it may be anything",
                input.address
            );
            let problem = Diagnostic::warning("unknown-address", input.loc.clone(), message);
            let problem = problem.hint("put the address into the `addresses` of a dataset");
            let is_refused = target.is_some_and(|target| denied(top.as_ref(), target).is_some());
            return Some(Diagnostic {
                severity: if is_refused {
                    Severity::Error
                } else {
                    problem.severity
                },
                ..problem
            });
        }
    };
    let target = target?;
    let denial = denied(label.or(top).as_ref(), target)?;
    let message = format!("`{}` is {what}: {denial}", input.address);
    let problem = Diagnostic::error("input-not-cleared", input.loc.clone(), message);
    Some(problem.hint("bind data that is fit for the workspace, or run it in another"))
}

/// Why something with a label may not be in a workspace. What has no label at all may not be anywhere.
fn denied(label: Option<&Label>, target: &WorkspaceFacts) -> Option<String> {
    match label {
        Some(label) => check_label(label, &Lowered::nothing(), target)
            .err()
            .map(|denial| denial.to_string()),
        None => Some("its label is not known".to_owned()),
    }
}
