//! Writing files of the promotion repository as a commit, pushed only if nobody else was faster.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::attest::ssh::commit::GIT_NAMESPACE;
use crate::context::Context;
use crate::engine::Engine;
use crate::error::{Failure, FailureKind, Result};
use crate::git::advance::WorkTree;
use crate::git::commit::NewCommit;
use crate::ops::person::Person;

/// How often a commit is made again on top of somebody else's.
const TRIES: usize = 5;

/// What to commit, and where to.
#[derive(Debug, Clone)]
pub struct NewFiles {
    /// The files by path; `None` removes one.
    pub files: BTreeMap<String, Option<Vec<u8>>>,
    /// The message.
    pub message: String,
    /// A branch of its own, for a pull request; the followed branch when left out.
    pub branch: Option<String>,
}

/// The commit that was made.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Committed {
    /// The commit.
    pub commit: String,
    /// The branch that it is on.
    pub branch: String,
    /// Files of the work tree that somebody had changed, and that were left as they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_alone: Vec<String>,
}

/// Commits files on top of the followed branch. With a person the commit is signed.
///
/// # Errors
///
/// When it cannot be written or pushed, or others are faster again and again.
pub fn commit(
    context: &Context,
    engine: &Engine,
    person: Option<&Person>,
    new: &NewFiles,
) -> Result<Committed> {
    let repository = engine.repository();
    let author = context.committer(repository)?;
    let main = context.settings.branch.as_str();
    let branch = new.branch.as_deref().unwrap_or(main);
    let sign = |bytes: &[u8]| match person {
        Some(person) => person
            .sign(context, GIT_NAMESPACE, bytes)
            .map_err(|failure| failure.to_string()),
        None => Err("nobody signs".to_owned()),
    };
    for _ in 0..TRIES {
        let heads = repository.fetch(&[main, branch])?;
        let base = heads.get(main).copied().flatten();
        let expected = heads.get(branch).copied().flatten();
        if branch != main && expected.is_some() {
            let failure = Failure::new(
                FailureKind::Conflict,
                format!("branch `{branch}` exists already"),
            );
            return Err(failure.hint("name another with `--branch`"));
        }
        let commit = NewCommit {
            base,
            changes: &new.files,
            message: &new.message,
            author: &author,
            time: context.clock.now(),
            sign: person.map(|_| &sign as _),
        };
        let id = repository.commit_files(commit)?;
        match repository.advance(branch, expected, id) {
            Ok(work_tree) => {
                let left_alone = match work_tree {
                    WorkTree::LeftAlone(paths) => paths,
                    WorkTree::NotInvolved | WorkTree::Updated => Vec::new(),
                };
                return Ok(Committed {
                    commit: id.to_string(),
                    branch: branch.to_owned(),
                    left_alone,
                });
            }
            Err(crate::git::error::GitError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Failure::new(
        FailureKind::Conflict,
        format!("others push to `{branch}` faster than this can"),
    )
    .hint("try again"))
}
