//! `promote trust status`.

use jiff::Timestamp;
use serde::Serialize;

use crate::context::Context;
use crate::engine::error::EngineError;
use crate::engine::trust::{TrustProblem, changed_paths, role_of};
use crate::error::Result;

/// What is in force, and what stands in the way of the rest.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TrustReport {
    /// The version of the trust root in force; nothing before the first `apply`.
    pub root_version: Option<u64>,
    /// The version of the trust index in force.
    pub index_version: Option<u64>,
    /// The commit that governed files are read from.
    pub commit: Option<String>,
    /// When the trust root or the index expires, whichever is first.
    pub expires: Option<Timestamp>,
    /// The governed files of the head that differ from those in force.
    pub changed: Vec<ChangedFile>,
    /// Why the head's governed files are not in force.
    pub problems: Vec<String>,
}

/// A governed file that differs from what is in force.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangedFile {
    /// The file.
    pub path: String,
    /// The role whose signatures it needs.
    pub role: Option<String>,
}

/// Says what is in force.
///
/// # Errors
///
/// When the repository or the ledger cannot be read.
pub fn status(context: &Context) -> Result<TrustReport> {
    let mut engine = context.observer()?;
    let world = match engine.observe() {
        Ok(world) => world,
        Err(EngineError::NothingAdopted(problems)) => {
            let problems = problems.iter().map(TrustProblem::to_string).collect();
            return Ok(TrustReport {
                root_version: None,
                index_version: None,
                commit: None,
                expires: None,
                changed: Vec::new(),
                problems,
            });
        }
        Err(error) => return Err(error.into()),
    };
    let adoption = world.state().adoption();
    let pinned = adoption
        .map(|adoption| adoption.files.clone())
        .unwrap_or_default();
    let head = engine.governed_files(&world.head)?;
    let changed = changed_paths(&pinned, &head)
        .into_iter()
        .map(|path| ChangedFile {
            role: role_of(&world.root, path.as_str()).map(|(name, _)| name.to_string()),
            path: path.to_string(),
        });
    Ok(TrustReport {
        root_version: adoption.map(|adoption| adoption.root_version),
        index_version: adoption.map(|adoption| adoption.index_version),
        commit: adoption.map(|adoption| adoption.commit.clone()),
        expires: Some(world.expiry.at),
        changed: changed.collect(),
        problems: world
            .not_adopted
            .iter()
            .map(TrustProblem::to_string)
            .collect(),
    })
}
