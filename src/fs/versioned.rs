//! A set of files that changes only as a whole, by compare-and-swap: what a branch of a Git repository is.

use std::collections::BTreeMap;
use std::fmt::Debug;

/// Names one state of the files. Opaque; for a branch, the commit in hex.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision(pub String);

/// Why files could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum VersionedError {
    /// The files are no longer at the revision that the change was made for. Read again, and decide again.
    #[error("`{name}` was changed by somebody else meanwhile")]
    Conflict {
        /// What the files are called, such as the branch.
        name: String,
    },
    /// A revision that was seen before is no longer part of the history.
    #[error("the history of `{name}` was rewritten: {seen} is no longer part of it")]
    Rewritten {
        /// What the files are called.
        name: String,
        /// The revision that is missing.
        seen: String,
    },
    /// They cannot be reached now.
    #[error("`{name}` cannot be reached: {reason}")]
    Unavailable {
        /// What the files are called.
        name: String,
        /// Why.
        reason: String,
    },
    /// Something else.
    #[error("`{name}`: {reason}")]
    Other {
        /// What the files are called.
        name: String,
        /// What happened.
        reason: String,
    },
}

/// Files that change only as a whole.
pub trait VersionedFiles: Debug + Send + Sync {
    /// What the files are called in messages, such as the branch.
    fn name(&self) -> String;

    /// The newest revision, fetched afresh; `None` when there are no files yet.
    ///
    /// # Errors
    ///
    /// When it cannot be told.
    fn head(&mut self) -> Result<Option<Revision>, VersionedError>;

    /// One file at a revision; `None` when it is not there. At most `limit` bytes, more is an error.
    ///
    /// # Errors
    ///
    /// When it cannot be read or is too large.
    fn read(
        &self,
        revision: &Revision,
        path: &str,
        limit: usize,
    ) -> Result<Option<Vec<u8>>, VersionedError>;

    /// The paths of all files below a folder at a revision, sorted.
    ///
    /// # Errors
    ///
    /// When they cannot be listed.
    fn list(&self, revision: &Revision, folder: &str) -> Result<Vec<String>, VersionedError>;

    /// Whether `older` is `newer` or part of its history.
    ///
    /// # Errors
    ///
    /// When it cannot be told.
    fn is_ancestor(&self, older: &Revision, newer: &Revision) -> Result<bool, VersionedError>;

    /// Writes files on top of `expected`, all or none; others stay. Returns the new revision.
    ///
    /// # Errors
    ///
    /// [`VersionedError::Conflict`] when the head is no longer `expected`; others when nothing was written.
    fn commit(
        &mut self,
        expected: Option<&Revision>,
        files: &BTreeMap<String, Vec<u8>>,
        message: &str,
    ) -> Result<Revision, VersionedError>;
}
