//! A cheap look: where the branches are that a run depends on. Says whether a run is worth it, and nothing else.

use git2::Oid;

use crate::engine::error::EngineError;
use crate::engine::inbox::INBOX_BRANCH;
use crate::engine::witness::WITNESS_BRANCH;
use crate::engine::{Engine, LEDGER_BRANCH};
use crate::manifest::topology::LedgerStoreKind;

/// Where things are that a run depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heads {
    /// The commit of the branch that is followed.
    pub branch: Option<Oid>,
    /// The commit of the inbox.
    pub inbox: Option<Oid>,
    /// The commit of the witnesses.
    pub witnesses: Option<Oid>,
    /// What the ledger's store calls its newest state; a commit when the ledger is on a branch. `None` while it is empty.
    pub ledger: Option<String>,
}

impl Engine {
    /// Asks where the branches are, in one question; nothing is fetched. A ledger elsewhere is asked too, once a run has
    /// opened it.
    ///
    /// # Errors
    ///
    /// When it cannot be told.
    pub fn heads(&mut self) -> Result<Heads, EngineError> {
        let heads = self.repository.remote_heads(&[
            &self.branch,
            INBOX_BRANCH,
            LEDGER_BRANCH,
            WITNESS_BRANCH,
        ])?;
        let head = |branch: &str| heads.get(branch).copied().flatten();
        let (branch, inbox) = (head(&self.branch), head(INBOX_BRANCH));
        let ledger = match (self.ledger_store, self.book.as_mut()) {
            (Some(LedgerStoreKind::Directory), Some(book)) => {
                Some(book.log_mut().newest_revision()?).filter(|revision| !revision.is_empty())
            }
            (Some(LedgerStoreKind::Branch) | None, _) | (_, None) => {
                head(LEDGER_BRANCH).map(|commit| commit.to_string())
            }
        };
        Ok(Heads {
            branch,
            inbox,
            witnesses: head(WITNESS_BRANCH),
            ledger,
        })
    }

    /// Where the ledger was when this engine last read or wrote it, as in [`Heads::ledger`]; `None` before that.
    #[must_use]
    pub fn ledger_revision(&self) -> Option<String> {
        let revision = self.book.as_ref()?.log().revision();
        (!revision.is_empty()).then(|| revision.to_owned())
    }
}
