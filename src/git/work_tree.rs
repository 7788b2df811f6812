//! Brings the files of a checked-out branch along when it moves, without touching anybody's changes.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use git2::build::CheckoutBuilder;
use git2::{CheckoutNotificationType, Oid, Status, StatusOptions};

use crate::git::advance::WorkTree;
use crate::git::changes::Change;
use crate::git::error::GitError;

/// What is to be done with the work tree.
#[derive(Debug)]
pub(super) struct Plan {
    tree: Oid,
    follow: BTreeSet<String>,
    leave: BTreeSet<String>,
}

/// Sorts the paths that change into those that nobody touched and those that are left alone. Looks at the work tree
/// while `HEAD` still is the old commit.
pub(super) fn plan(
    objects: &git2::Repository,
    repository: &str,
    tree: Oid,
    changes: &[Change],
) -> Result<Plan, GitError> {
    let mut plan = Plan {
        tree,
        follow: changes.iter().map(|change| change.path.clone()).collect(),
        leave: BTreeSet::new(),
    };
    if changes.is_empty() {
        return Ok(plan);
    }
    let mut options = StatusOptions::new();
    options
        .include_untracked(true)
        .recurse_untracked_dirs(true)
        .include_ignored(true)
        .recurse_ignored_dirs(true)
        .disable_pathspec_match(true);
    for change in changes {
        options.pathspec(&change.path);
    }
    let statuses = objects
        .statuses(Some(&mut options))
        .map_err(GitError::objects(repository, "looking at the work tree"))?;
    for entry in statuses
        .iter()
        .filter(|entry| entry.status() != Status::CURRENT)
    {
        let path = String::from_utf8_lossy(entry.path_bytes()).into_owned();
        plan.follow.remove(&path);
        plan.leave.insert(path);
    }
    Ok(plan)
}

impl Plan {
    /// Writes the files that follow, and their index entries. A failure leaves the rest for the user to look at: the
    /// commit is what counts, and is not held back by it.
    pub(super) fn carry_out(&self, objects: &git2::Repository) -> Result<Vec<String>, git2::Error> {
        let conflicts = RefCell::new(Vec::new());
        if self.follow.is_empty() {
            return Ok(Vec::new());
        }
        let tree = objects.find_object(self.tree, None)?;
        let mut checkout = CheckoutBuilder::new();
        checkout
            .safe()
            .allow_conflicts(true)
            .disable_pathspec_match(true)
            .notify_on(CheckoutNotificationType::CONFLICT)
            .notify(|_, path: Option<&Path>, _, _, _| {
                let path = path.unwrap_or(Path::new("")).display().to_string();
                conflicts.borrow_mut().push(path);
                true
            });
        for path in &self.follow {
            checkout.path(path.as_str());
        }
        objects.checkout_tree(&tree, Some(&mut checkout))?;
        drop(checkout);
        Ok(conflicts.into_inner())
    }

    /// What to tell of it.
    pub(super) fn outcome(mut self, outcome: Result<Vec<String>, git2::Error>) -> WorkTree {
        match outcome {
            Ok(conflicts) => self.leave.extend(conflicts),
            Err(_) => self.leave.append(&mut self.follow),
        }
        match self.leave.is_empty() {
            true => WorkTree::Updated,
            false => WorkTree::LeftAlone(self.leave.into_iter().collect()),
        }
    }
}
