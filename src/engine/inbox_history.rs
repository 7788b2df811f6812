//! Whether the inbox is what it was. A rejection that somebody could take away again would be none.

use std::collections::BTreeSet;

use git2::Oid;

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::inbox::STATEMENTS_FOLDER;
use crate::gate::evidence::InboxFacts;
use crate::git::changes::Change;

/// The most commits that the inbox may have grown by since a statement was last taken from it.
const MAX_INBOX_COMMITS: usize = 10_000;

impl Engine {
    /// The inbox only grows: what was accepted is part of its history, and no commit since takes a statement away.
    ///
    /// # Errors
    ///
    /// When the repository cannot be read.
    pub(crate) fn check_inbox(
        &self,
        seen: Option<&str>,
        head: Option<Oid>,
    ) -> Result<InboxFacts, EngineError> {
        let (seen, head) = match (seen.map(str::parse::<Oid>), head) {
            (None, None) => return Ok(InboxFacts::Intact),
            (None, Some(head)) => (None, head),
            (Some(Ok(seen)), Some(head)) => (Some(seen), head),
            (Some(_), _) => return Ok(InboxFacts::Rewritten),
        };
        let is_continued = match seen {
            Some(seen) => self.repository.is_ancestor(seen, head)?,
            None => true,
        };
        Ok(if is_continued && self.only_adds(seen, head)? {
            InboxFacts::Intact
        } else {
            InboxFacts::Rewritten
        })
    }

    /// Whether no commit after `seen` removes or changes a file of the inbox.
    fn only_adds(&self, seen: Option<Oid>, head: Oid) -> Result<bool, EngineError> {
        let mut visited = BTreeSet::new();
        let mut waiting = vec![head];
        while let Some(commit) = waiting.pop() {
            let is_seen = match seen {
                Some(seen) => self.repository.is_ancestor(commit, seen)?,
                None => false,
            };
            if is_seen || !visited.insert(commit) {
                continue;
            }
            if visited.len() > MAX_INBOX_COMMITS {
                return Ok(false);
            }
            let after = self.repository.snapshot(commit)?;
            for parent in self.repository.commit_info(commit)?.parents {
                let before = self.repository.snapshot(parent)?;
                let changes = self.repository.changed_paths(Some(&before), &after)?;
                if changes.iter().any(is_taken_away) {
                    return Ok(false);
                }
                waiting.push(parent);
            }
        }
        Ok(true)
    }
}

fn is_taken_away(change: &Change) -> bool {
    let mut parts = change.path.split('/');
    change.old.is_some() && parts.next() == Some(STATEMENTS_FOLDER)
}
