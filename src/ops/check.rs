//! `promote check`: everything that is wrong with a repository, at once.

use std::path::Path;

use serde::Serialize;

use crate::context::Context;
use crate::diagnostic::{Diagnostic, Severity};
use crate::engine::error::EngineError;
use crate::engine::trust::TrustProblem;
use crate::engine::world::MAX_FILE_BYTES;
use crate::engine::{pipelines, rules};
use crate::error::{Failure, FailureKind, Result};
use crate::fs::durable;
use crate::manifest::layout::{classify, explain_unexpected};
use crate::manifest::repository::Repository;
use crate::ops::register::told::{OtherFiles, check_files};
use crate::ops::topology::read_listing;
use crate::topology::{self, azure::grants::RoleAssignment};

/// The most files and the deepest folders that are looked at.
const MAX_FILES: usize = 500_000;
const MAX_DEPTH: usize = 16;

/// What is wrong.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckReport {
    /// The number of manifests that were read.
    pub files: usize,
    /// What is wrong with them.
    #[serde(skip)]
    pub diagnostics: Vec<Diagnostic>,
    /// Why governed files of the last commit are not in force, if they are not.
    pub not_adopted: Vec<String>,
    /// Whether nothing is wrong.
    pub is_valid: bool,
}

/// Checks the work tree, or the branch when there is none, files of other tools against the branch, and the manifests against
/// a saved list of Azure's role assignments.
///
/// # Errors
///
/// When the files cannot be read at all, or the pattern has no rule about role assignments.
pub fn check(
    context: &Context,
    others: &OtherFiles,
    role_assignments: Option<&Path>,
) -> Result<CheckReport> {
    let repository = context.repository()?;
    let files = match repository.work_tree() {
        Some(tree) => read_tree(&tree)?,
        None => read_branch(context)?,
    };
    let count = files.len() + others.files.len();
    let mut engine = context.observer()?;
    let (diagnostics, not_adopted) = if others.files.is_empty() {
        let found = || diagnostics(files, role_assignments);
        let (found, not_adopted) = rayon::join(found, || engine.not_adopted());
        (found?, not_adopted)
    } else {
        let world = engine.observe()?;
        let mut found = diagnostics(files, role_assignments)?;
        found.extend(check_files(&world, others)?);
        (found, Ok(world.not_adopted))
    };
    let not_adopted = match not_adopted {
        Ok(problems) | Err(EngineError::NothingAdopted(problems)) => problems,
        // What is not valid is in the diagnostics; what cannot be believed stops other commands, and `verify` explains it.
        Err(EngineError::Invalid(_) | EngineError::NoBranch { .. }) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let not_adopted: Vec<String> = not_adopted.iter().map(TrustProblem::to_string).collect();
    let has_errors = diagnostics
        .iter()
        .any(|problem| problem.severity == Severity::Error);
    Ok(CheckReport {
        files: count,
        is_valid: !has_errors && not_adopted.is_empty(),
        diagnostics,
        not_adopted,
    })
}

/// What is wrong with the files of a repository.
fn diagnostics(
    files: Vec<(String, Vec<u8>)>,
    role_assignments: Option<&Path>,
) -> Result<Vec<Diagnostic>> {
    let (manifests, mut found) = Repository::parse(files);
    if let Some(manifests) = &manifests {
        found.extend(rules::check(manifests));
        found.extend(pipelines::check(manifests));
        if let Some(path) = role_assignments {
            found.extend(check_role_assignments(manifests, path)?);
        }
    }
    Ok(found)
}

fn check_role_assignments(manifests: &Repository, path: &Path) -> Result<Vec<Diagnostic>> {
    let listing = read_listing(path)?;
    let assignments = RoleAssignment::all(&listing).map_err(Failure::diagnostics)?;
    topology::check_assignments(manifests, &assignments).ok_or_else(|| {
        let pattern = manifests.topology.value.spec.pattern;
        let message = format!("the pattern `{pattern}` has no rule about role assignments");
        Failure::new(FailureKind::Usage, message)
            .hint("the pattern `single-environment` has: nobody may change production data")
    })
}

fn read_branch(context: &Context) -> Result<Vec<(String, Vec<u8>)>> {
    let repository = context.repository()?;
    let branch = context.settings.branch.as_str();
    let head = repository.fetch(&[branch])?.get(branch).copied().flatten();
    let head = head.ok_or_else(|| {
        Failure::new(
            FailureKind::Invalid,
            format!("`{}` has no branch `{branch}`", repository.name()),
        )
    })?;
    let snapshot = repository.snapshot(head)?;
    let mut files = Vec::new();
    for entry in snapshot
        .list("")?
        .into_iter()
        .filter(|entry| entry.kind.is_file() && is_ours(&entry.path))
    {
        files.extend(
            snapshot
                .read(&entry.path, MAX_FILE_BYTES)?
                .map(|bytes| (entry.path.clone(), bytes)),
        );
    }
    Ok(files)
}

fn read_tree(tree: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    let mut folders = vec![(String::new(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let directory = tree.join(&folder);
        let names = durable::read_dir_names(&directory, MAX_FILES)
            .map_err(|error| cannot_read(&directory, &error))?;
        for name in names.into_iter().filter(|name| name != ".git") {
            let path = if folder.is_empty() {
                name
            } else {
                format!("{folder}/{name}")
            };
            if tree.join(&path).is_dir() {
                if depth < MAX_DEPTH {
                    folders.push((path, depth + 1));
                }
            } else if is_ours(&path) {
                let bytes = durable::read_bounded(&tree.join(&path), MAX_FILE_BYTES)
                    .map_err(|error| cannot_read(&tree.join(&path), &error))?;
                files.push((path, bytes));
            }
        }
        if files.len() > MAX_FILES {
            return Err(Failure::new(
                FailureKind::Invalid,
                format!("there are more than {MAX_FILES} files"),
            ));
        }
    }
    files.sort();
    Ok(files)
}

fn is_ours(path: &str) -> bool {
    classify(path).is_some() || explain_unexpected(path).is_some()
}

fn cannot_read(path: &Path, error: &std::io::Error) -> Failure {
    Failure::of(FailureKind::Invalid, error).during(format!("`{}` cannot be read", path.display()))
}
