//! Moves branches forward by compare-and-swap: locally under Git's own lock, remotely by a push with a lease.

use std::collections::BTreeMap;

use git2::{ErrorCode, Oid};

use crate::git::error::GitError;
use crate::git::repository::{
    Remote, Repository, TRACKING, checked_out, read_reference, reference,
};
pub use crate::git::transport::BranchMove;
use crate::git::work_tree::{Plan, plan};

/// What became of the work tree when its branch moved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum WorkTree {
    /// None of the branches is checked out in this repository.
    #[default]
    NotInvolved,
    /// The changed files were brought along.
    Updated,
    /// These paths had changes of somebody, and were left as they are; the others were brought along.
    LeftAlone(Vec<String>),
}

impl Repository {
    /// Moves one branch. See [`Repository::advance_many`].
    ///
    /// # Errors
    ///
    /// As [`Repository::advance_many`].
    pub fn advance(
        &self,
        branch: &str,
        expected: Option<Oid>,
        new: Oid,
    ) -> Result<WorkTree, GitError> {
        self.advance_many(&[BranchMove {
            branch: branch.to_owned(),
            expected,
            new,
        }])
    }

    /// Moves branches, all or none, each only if it holds what is expected and only forward. Of several who try at
    /// once, exactly one succeeds. When a branch is checked out here, files that nobody changed follow it.
    ///
    /// # Errors
    ///
    /// [`GitError::Conflict`] when a branch holds something else, [`GitError::NotDescendant`] when history would be
    /// dropped, [`GitError::Refused`] or [`GitError::Unavailable`] from the remote. After `Unavailable` a push may
    /// still have arrived: look at the branch before trying again.
    pub fn advance_many(&self, moves: &[BranchMove]) -> Result<WorkTree, GitError> {
        for each in moves {
            reference("refs/heads/", &each.branch)?;
            self.check_forward(each)?;
        }
        if moves.is_empty() {
            return Ok(WorkTree::NotInvolved);
        }
        if *self.remote() == Remote::None {
            return self.move_local(moves);
        }
        self.push_remote(moves)?;
        self.remember(moves)?;
        Ok(WorkTree::NotInvolved)
    }

    fn check_forward(&self, each: &BranchMove) -> Result<(), GitError> {
        let is_forward = match each.expected {
            Some(expected) => self.is_ancestor(expected, each.new)?,
            None => true,
        };
        if is_forward {
            return Ok(());
        }
        Err(GitError::NotDescendant {
            branch: each.branch.clone(),
            new: each.new,
        })
    }

    /// Keeps what was pushed, so that it need not be fetched and is not collected as garbage.
    fn remember(&self, moves: &[BranchMove]) -> Result<(), GitError> {
        let objects = self.objects();
        for each in moves {
            let name = reference(TRACKING, &each.branch)?;
            match objects.reference(&name, each.new, true, "promote: pushed") {
                // Another process notes the same, or something newer.
                Err(error) if error.code() == ErrorCode::Locked => {}
                noted => drop(noted.map_err(GitError::objects(self.name(), "noting a push"))?),
            }
        }
        Ok(())
    }

    fn move_local(&self, moves: &[BranchMove]) -> Result<WorkTree, GitError> {
        let objects = self.objects();
        let failed = || GitError::objects(self.name(), "moving a branch");
        // Sorted, so that two processes cannot wait for each other's locks; a branch is locked once.
        let sorted: BTreeMap<&str, &BranchMove> = moves
            .iter()
            .map(|each| (each.branch.as_str(), each))
            .collect();
        let mut transaction = objects.transaction().map_err(failed())?;
        for (branch, each) in &sorted {
            let name = reference("refs/heads/", branch)?;
            let conflict = || GitError::Conflict {
                branch: (*branch).to_owned(),
            };
            transaction
                .lock_ref(&name)
                .map_err(|error| match error.code() {
                    ErrorCode::Locked => conflict(),
                    _ => failed()(error),
                })?;
            if read_reference(&objects, self.name(), &name)? != each.expected {
                return Err(conflict());
            }
            transaction
                .set_target(&name, each.new, None, "promote: advance")
                .map_err(failed())?;
        }
        let checked_out = checked_out(&objects, self.name())?;
        let involved = checked_out
            .filter(|_| !objects.is_bare())
            .and_then(|branch| sorted.get(branch.as_str()).copied());
        // What is unmodified must be known before the branch moves: afterwards everything differs from it.
        let plan = match involved {
            Some(each) => self.plan_work_tree(&objects, each)?,
            None => None,
        };
        let is_updated = plan.as_ref().map(|plan| plan.carry_out(&objects));
        transaction.commit().map_err(failed())?;
        Ok(match (plan, is_updated) {
            (Some(plan), Some(outcome)) => plan.outcome(outcome),
            _ => WorkTree::NotInvolved,
        })
    }

    fn plan_work_tree(
        &self,
        objects: &git2::Repository,
        each: &BranchMove,
    ) -> Result<Option<Plan>, GitError> {
        let failed = || GitError::objects(self.name(), "reading a commit");
        let tree = |commit: Oid| objects.find_commit(commit).map(|commit| commit.tree_id());
        let old = each.expected.map(tree).transpose().map_err(failed())?;
        let new = tree(each.new).map_err(failed())?;
        let changes = crate::git::changes::between(objects, self.name(), old, Some(new))?;
        plan(objects, self.name(), new, &changes).map(Some)
    }
}
