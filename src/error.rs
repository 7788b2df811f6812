//! How a command can end other than well: one type, rendered once for each surface.

use std::fmt::Display;

use serde::Serialize;

use crate::diagnostic::Diagnostic;
use crate::engine::book::BookError;
use crate::engine::error::EngineError;
use crate::git::error::GitError;
use crate::ledger::log::LedgerError;
use crate::ledger::store::StoreError;
use crate::manifest::layout::TRUST_INDEX_PATH;

/// What kind of end it is. Decides the exit code, which is interface: documented, tested, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// A file or a setting is wrong.
    Invalid,
    /// The command was used in a way that makes no sense.
    Usage,
    /// A rule or a person said no.
    Denied,
    /// Something is missing that can still come: an approval, time, the end of a freeze.
    Waiting,
    /// Something could not be reached, so nothing was decided.
    Unavailable,
    /// A promotion failed, or it could not be told how it ended.
    Failed,
    /// Somebody else was faster; try again.
    Conflict,
    /// A defect of this program.
    Internal,
}

impl FailureKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Invalid,
        Self::Usage,
        Self::Denied,
        Self::Waiting,
        Self::Unavailable,
        Self::Failed,
        Self::Conflict,
        Self::Internal,
    ];

    /// The exit code of the program.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Invalid => 1,
            Self::Usage => 2,
            Self::Denied => 3,
            Self::Waiting => 4,
            Self::Unavailable => 5,
            Self::Failed => 6,
            Self::Conflict => 7,
            Self::Internal => 70,
        }
    }
}

/// Why a command ended other than well.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What kind of end it is.
    pub kind: FailureKind,
    /// What failed, in one line.
    pub message: String,
    /// What caused it, outermost first, each in one line.
    pub causes: Vec<String>,
    /// What to do; whole commands where possible.
    pub hints: Vec<String>,
    /// Places in files, when it is about files.
    pub diagnostics: Vec<Diagnostic>,
}

/// The result of a use case.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// A failure of a kind, with what failed.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            causes: Vec::new(),
            hints: Vec::new(),
            diagnostics: Vec::new(),
        }
    }

    /// A failure whose message and causes are those of an error.
    pub fn of(kind: FailureKind, error: &dyn std::error::Error) -> Self {
        let mut failure = Self::new(kind, error.to_string());
        let mut source = error.source();
        while let Some(cause) = source {
            failure.causes.push(cause.to_string());
            source = cause.source();
        }
        failure
    }

    /// A failure that diagnostics of files make.
    #[must_use]
    pub fn diagnostics(diagnostics: Vec<Diagnostic>) -> Self {
        let errors = diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == crate::diagnostic::Severity::Error)
            .count();
        let message = if errors == 1 {
            "1 error in the repository".to_owned()
        } else {
            format!("{errors} errors in the repository")
        };
        Self {
            diagnostics,
            ..Self::new(FailureKind::Invalid, message)
        }
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Says what was being done when it happened; the message becomes a cause.
    #[must_use]
    pub fn during(mut self, what: impl Display) -> Self {
        let message = std::mem::replace(&mut self.message, what.to_string());
        self.causes.insert(0, message);
        self
    }
}

/// Turns errors into failures of a kind.
pub trait OrFail<T> {
    /// The value, or a failure of the kind with the error's message.
    ///
    /// # Errors
    ///
    /// When there was an error.
    fn or_fail(self, kind: FailureKind) -> Result<T>;
}

impl<T, E: std::error::Error> OrFail<T> for std::result::Result<T, E> {
    fn or_fail(self, kind: FailureKind) -> Result<T> {
        self.map_err(|error| Failure::of(kind, &error))
    }
}

impl From<GitError> for Failure {
    fn from(error: GitError) -> Self {
        let kind = match &error {
            GitError::Unavailable { .. } => FailureKind::Unavailable,
            GitError::Conflict { .. } | GitError::NotDescendant { .. } => FailureKind::Conflict,
            GitError::Refused { .. } => FailureKind::Denied,
            _ => FailureKind::Invalid,
        };
        Self::of(kind, &error)
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Git(error) => error.into(),
            EngineError::Invalid(diagnostics) => {
                Self::diagnostics(diagnostics).during("the governed files are not valid")
            }
            other => {
                let failure = Self::of(kind_of(&other), &other);
                match hint_of(&other) {
                    Some(hint) => failure.hint(hint),
                    None => failure,
                }
            }
        }
    }
}

fn kind_of(error: &EngineError) -> FailureKind {
    match error {
        EngineError::TakenOver(_) | EngineError::LeaseOver(_) => FailureKind::Conflict,
        EngineError::Store(error)
        | EngineError::Log(LedgerError::Store(error))
        | EngineError::Book(BookError::Store(error) | BookError::Log(LedgerError::Store(error))) => {
            of_store(error)
        }
        EngineError::Versioned(_)
        | EngineError::Adapter(_)
        | EngineError::Staging(_)
        | EngineError::File { .. } => FailureKind::Unavailable,
        EngineError::NotAllowed { .. }
        | EngineError::OtherLedger { .. }
        | EngineError::OtherThanAdopted { .. }
        | EngineError::Rewritten { .. }
        | EngineError::Expired(_)
        | EngineError::NothingAdopted(_) => FailureKind::Denied,
        EngineError::Internal(_) | EngineError::Fold(_) | EngineError::Record(_) => {
            FailureKind::Internal
        }
        EngineError::Git(_)
        | EngineError::Book(_)
        | EngineError::Log(_)
        | EngineError::Invalid(_) => FailureKind::Invalid,
        EngineError::Secret(_) | EngineError::EngineKey(_) | EngineError::NoBranch { .. } => {
            FailureKind::Invalid
        }
        EngineError::UnknownEngine { .. }
        | EngineError::NotYetTrusted { .. }
        | EngineError::NoEnvironment(_)
        | EngineError::RelativePath { .. }
        | EngineError::SetBack { .. }
        | EngineError::NoKeys => FailureKind::Invalid,
    }
}

fn of_store(error: &StoreError) -> FailureKind {
    match error {
        StoreError::Conflict => FailureKind::Conflict,
        StoreError::Unavailable(_) | StoreError::Unwritable(_) => FailureKind::Unavailable,
        // It was read, and it is not a ledger.
        StoreError::Damaged { .. } => FailureKind::Invalid,
    }
}

fn hint_of(error: &EngineError) -> Option<&'static str> {
    match error {
        EngineError::Rewritten { .. } => {
            Some("put the old history back; nothing is promoted from a history that was rewritten")
        }
        EngineError::OtherThanAdopted { .. } => Some(
            "an engine recorded it so: `promote history` says which; have the files signed anew with `promote trust sign`, and replace that engine's key with `promote trust rotate`",
        ),
        EngineError::SetBack { .. } => {
            Some("put the ledger back; if it was begun afresh on purpose, remove that file")
        }
        EngineError::NothingAdopted(_) => {
            Some("`promote trust status` says what is missing; `promote trust sign` signs")
        }
        EngineError::UnknownEngine { .. } => Some(
            "add the key to `engines` in `trust/root.yaml` and sign it with `promote trust sign`",
        ),
        EngineError::NotYetTrusted { .. } => Some(
            "run `promote apply` once with the key of an engine that is in force; it adopts the trust root",
        ),
        EngineError::Expired(expiry) if expiry.file == TRUST_INDEX_PATH => {
            Some("sign it anew with `promote trust sign --valid-for DURATION --commit`")
        }
        EngineError::Expired(_) => Some(
            "set `expires` to a later time, raise `version`, and sign it with `promote trust sign`",
        ),
        EngineError::NotAllowed { .. } => Some(
            "run this where the key of an engine for that environment is, or ask for another with `--to`",
        ),
        EngineError::NoBranch { .. } => {
            Some("commit the repository first, or name another branch with `--main-branch`")
        }
        EngineError::RelativePath { .. } => Some(
            "write the absolute path in its manifest, or name a clone with `--repository PATH`",
        ),
        EngineError::NoEnvironment(_) => Some("`promote status` lists the environments"),
        EngineError::Log(LedgerError::WrongKey { .. }) => Some(
            "name the key that counts now with `--log-key`; while it is replaced a key file may hold both, one a line",
        ),
        EngineError::Book(_) => {
            Some("`promote verify` says more; nothing is done on a ledger that does not add up")
        }
        EngineError::LeaseOver(_) | EngineError::TakenOver(_) => {
            Some("run `promote apply` again: it finds out from the workspace what was done")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_interface() {
        let codes: Vec<u8> = FailureKind::ALL
            .iter()
            .map(|kind| kind.exit_code())
            .collect();
        assert_eq!(codes, [1, 2, 3, 4, 5, 6, 7, 70]);
    }
}
