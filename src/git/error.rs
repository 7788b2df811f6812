//! Why Git could not do it.

use std::path::{Path, PathBuf};

use git2::Oid;

use crate::git::snapshot::EntryKind;
use crate::redact::printable;

/// Why Git could not do it. Addresses in messages never show who logs in, or with what.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no repository at a path.
    #[error(
        "`{path}` is not a Git repository that can be opened ({reason}); make one with `git init`, or give the path of one"
    )]
    NotARepository {
        /// The path as given.
        path: PathBuf,
        /// What was wrong.
        reason: String,
    },
    /// The repository belongs to another user of this machine, who could make Git run commands.
    #[error(
        "`{path}` belongs to another user; if you trust it: `git config --global --add safe.directory {path}`"
    )]
    Owner {
        /// The path as given.
        path: PathBuf,
    },
    /// The repository has no remote of that name.
    #[error("`{repository}` has no remote `{remote}`; see `git remote -v`")]
    NoRemote {
        /// The repository.
        repository: String,
        /// The name that was looked for.
        remote: String,
    },
    /// An address that is not used.
    #[error("`{address}` is not used as the address of a repository: {reason}")]
    Address {
        /// The address, without credentials.
        address: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A name that no branch can have.
    #[error("`{name}` cannot be the name of a branch")]
    BranchName {
        /// The name.
        name: String,
    },
    /// A path that is not written or looked up.
    #[error("`{path}` cannot be the path of a file in a repository: {reason}")]
    Path {
        /// The path, with control characters escaped.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The remote cannot be reached now, or did not answer in time.
    #[error("`{remote}` cannot be reached: {reason}")]
    Unavailable {
        /// The remote, without credentials.
        remote: String,
        /// Why.
        reason: String,
    },
    /// The remote was reached and said no.
    #[error("`{remote}` refused the push of `{branch}`: {reason}")]
    Refused {
        /// The remote, without credentials.
        remote: String,
        /// The branch, or the first of several.
        branch: String,
        /// What it said.
        reason: String,
    },
    /// The branch is no longer where the change expected it. Read again, and decide again.
    #[error("branch `{branch}` was changed by somebody else meanwhile")]
    Conflict {
        /// The branch.
        branch: String,
    },
    /// A move of a branch that would drop history.
    #[error("branch `{branch}` cannot move to {new}, which does not follow what it holds")]
    NotDescendant {
        /// The branch.
        branch: String,
        /// Where it was to move.
        new: Oid,
    },
    /// A file is larger than the reader allows.
    #[error("`{path}` has {size} bytes, more than the {limit} that are read")]
    TooLarge {
        /// The path, or the object.
        path: String,
        /// Its size, in bytes.
        size: usize,
        /// The most that is read, in bytes.
        limit: usize,
    },
    /// More of something than is looked at.
    #[error("`{name}` has more than {limit} {what}")]
    TooMany {
        /// The repository or folder.
        name: String,
        /// What there is too much of.
        what: &'static str,
        /// The most that is looked at.
        limit: usize,
    },
    /// A path leads to something that has no bytes of its own.
    #[error("`{path}` is a {kind}, not a file")]
    NotAFile {
        /// The path.
        path: String,
        /// What it is.
        kind: EntryKind,
    },
    /// An object that Git itself would not have written.
    #[error("`{name}` holds an object that is not well formed: {reason}")]
    Malformed {
        /// The folder or object.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The history is cut off, so that questions about it would be answered wrongly.
    #[error("the history of `{repository}` is cut off; get the rest with `git fetch --unshallow`")]
    Shallow {
        /// The repository.
        repository: String,
    },
    /// A name or address that a commit cannot carry.
    #[error("`{text}` cannot be the name or mail address of an author")]
    Identity {
        /// The text, with control characters escaped.
        text: String,
    },
    /// A commit's message that Git would cut.
    #[error("the message of a commit in `{name}` holds a NUL")]
    Message {
        /// The repository.
        name: String,
    },
    /// A commit could not be signed.
    #[error("the commit could not be signed: {reason}")]
    Sign {
        /// What the signer said.
        reason: String,
    },
    /// The `git` program itself could not be run, or failed for reasons of its own.
    #[error("the `git` program failed: {reason}")]
    Program {
        /// Why.
        reason: String,
    },
    /// The repository's files could not be read or written.
    #[error("`{repository}`: {action} failed: {}", printable(source.message()))]
    Objects {
        /// The repository.
        repository: String,
        /// What was being done.
        action: &'static str,
        /// What libgit2 said.
        #[source]
        source: git2::Error,
    },
}

impl GitError {
    /// Names what was being done to which repository when libgit2 failed.
    pub(super) fn objects(
        repository: &str,
        action: &'static str,
    ) -> impl FnOnce(git2::Error) -> Self {
        move |source| Self::Objects {
            repository: repository.to_owned(),
            action,
            source,
        }
    }

    /// Says why a path could not be opened.
    pub(super) fn open(path: &Path, error: &git2::Error) -> Self {
        match error.code() {
            git2::ErrorCode::Owner => Self::Owner {
                path: path.to_owned(),
            },
            git2::ErrorCode::NotFound => Self::NotARepository {
                path: path.to_owned(),
                reason: "there is none".to_owned(),
            },
            _ => Self::NotARepository {
                path: path.to_owned(),
                reason: error.message().to_owned(),
            },
        }
    }
}
