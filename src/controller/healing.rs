//! What can make an error go away.

use crate::adapter::{AdapterError, ErrorStatus};
use crate::engine::book::BookError;
use crate::engine::error::EngineError;
use crate::fs::versioned::VersionedError;
use crate::git::error::GitError;
use crate::ledger::log::LedgerError;
use crate::ledger::store::StoreError;

/// What can make an error go away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Healing {
    /// Time: a line that was cut, somebody who was faster.
    Time,
    /// A person: a push that puts files or history right, a file or a setting of the machine.
    Person,
    /// Nothing, as long as this process lives.
    Nothing,
}

impl Healing {
    /// What can make this error go away.
    #[must_use]
    pub fn of(error: &EngineError) -> Self {
        match error {
            EngineError::Git(error) => of_git(error),
            EngineError::Book(error) => of_book(error),
            EngineError::Log(error) => of_log(error),
            EngineError::Store(error) => of_store(error),
            EngineError::Versioned(error) => of_versioned(error),
            EngineError::Adapter(error) => of_adapter(error),
            EngineError::File { .. }
            | EngineError::Staging(_)
            | EngineError::LeaseOver(_)
            | EngineError::TakenOver(_)
            | EngineError::Internal(_) => Self::Time,
            EngineError::NoBranch { .. }
            | EngineError::OtherLedger { .. }
            | EngineError::OtherThanAdopted { .. }
            | EngineError::Rewritten { .. }
            | EngineError::SetBack { .. }
            | EngineError::NothingAdopted(_)
            | EngineError::Invalid(_)
            | EngineError::UnknownEngine { .. }
            | EngineError::NotYetTrusted { .. }
            | EngineError::Expired(_)
            | EngineError::NotAllowed { .. }
            | EngineError::NoEnvironment(_)
            | EngineError::RelativePath { .. }
            | EngineError::Secret(_)
            | EngineError::EngineKey(_)
            | EngineError::Fold(_)
            | EngineError::Record(_) => Self::Person,
            // The keys are read once, before anything is watched.
            EngineError::NoKeys => Self::Nothing,
        }
    }
}

fn of_git(error: &GitError) -> Healing {
    match error {
        GitError::Unavailable { .. }
        | GitError::Conflict { .. }
        | GitError::NotDescendant { .. }
        | GitError::Program { .. }
        | GitError::Objects { .. } => Healing::Time,
        GitError::NotARepository { .. }
        | GitError::Owner { .. }
        | GitError::NoRemote { .. }
        | GitError::Address { .. }
        | GitError::BranchName { .. }
        | GitError::Path { .. }
        | GitError::Refused { .. }
        | GitError::TooLarge { .. }
        | GitError::TooMany { .. }
        | GitError::NotAFile { .. }
        | GitError::Malformed { .. }
        | GitError::Shallow { .. }
        | GitError::Identity { .. }
        | GitError::Message { .. }
        | GitError::Sign { .. } => Healing::Person,
    }
}

fn of_book(error: &BookError) -> Healing {
    match error {
        BookError::Store(error) => of_store(error),
        BookError::Log(error) => of_log(error),
        BookError::LogKey(_)
        | BookError::Record { .. }
        | BookError::Fold(_)
        | BookError::Evidence { .. }
        | BookError::Adoption { .. }
        | BookError::Expired { .. }
        | BookError::Misstated { .. }
        | BookError::TrustFile { .. }
        | BookError::NoRoot => Healing::Person,
    }
}

fn of_log(error: &LedgerError) -> Healing {
    match error {
        LedgerError::Store(error) => of_store(error),
        LedgerError::Checkpoint(_)
        | LedgerError::NoCheckpoint { .. }
        | LedgerError::CutShort { .. }
        | LedgerError::Root { .. }
        | LedgerError::Rewritten { .. }
        | LedgerError::Pinned { .. } => Healing::Person,
        LedgerError::ReadOnly | LedgerError::WrongKey { .. } => Healing::Nothing,
    }
}

fn of_store(error: &StoreError) -> Healing {
    match error {
        StoreError::Conflict | StoreError::Unavailable(_) | StoreError::Unwritable(_) => {
            Healing::Time
        }
        StoreError::Damaged { .. } => Healing::Person,
    }
}

fn of_versioned(error: &VersionedError) -> Healing {
    match error {
        VersionedError::Conflict { .. }
        | VersionedError::Unavailable { .. }
        | VersionedError::Other { .. } => Healing::Time,
        VersionedError::Rewritten { .. } => Healing::Person,
    }
}

fn of_adapter(error: &AdapterError) -> Healing {
    match error.status {
        ErrorStatus::Permanent => Healing::Person,
        ErrorStatus::Temporary | ErrorStatus::Persistent => Healing::Time,
    }
}
