//! `promote check`: everything that is wrong with a repository, at once.

mod files;

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use crate::context::Context;
use crate::diagnostic::{Diagnostic, Severity};
use crate::engine::error::EngineError;
use crate::engine::kept_files::KeptFiles;
use crate::engine::trust::TrustProblem;
use crate::engine::{pipelines, rules};
use crate::error::{Failure, FailureKind, Result};
use crate::manifest::parsed::ParsedFile;
use crate::manifest::repository::Repository;
use crate::ops::register::told::{OtherFiles, check_files};
use crate::ops::topology::read_listing;
use crate::topology::{self, azure::grants::RoleAssignment};

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
    let mut engine = context.observer()?;
    let kept = engine.versions_path();
    let read = || files::read(context, &KeptFiles::load(kept));
    let (found, not_adopted) = if others.files.is_empty() {
        let found = || diagnostics(&read()?, role_assignments);
        rayon::join(found, || engine.not_adopted())
    } else {
        let files = read()?;
        let world = engine.observe()?;
        let found = diagnostics(&files, role_assignments).and_then(|(count, mut found)| {
            found.extend(check_files(&world, others)?);
            Ok((count + others.files.len(), found))
        });
        (found, Ok(world.not_adopted))
    };
    let (count, diagnostics) = found?;
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

/// The number of files of a repository, and what is wrong with them.
fn diagnostics(
    files: &[(String, Arc<ParsedFile>)],
    role_assignments: Option<&Path>,
) -> Result<(usize, Vec<Diagnostic>)> {
    let (manifests, mut found) =
        Repository::assemble(files.iter().map(|(_, file)| Arc::clone(file)));
    if let Some(manifests) = &manifests {
        found.extend(rules::check(manifests));
        found.extend(pipelines::check(manifests));
        if let Some(path) = role_assignments {
            found.extend(check_role_assignments(manifests, path)?);
        }
    }
    Ok((files.len(), found))
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
