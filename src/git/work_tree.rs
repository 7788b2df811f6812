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
    if let Some(root) = objects.workdir() {
        // libgit2 writes through a link that is not tracked, to wherever it leads.
        let (leave, follow) = std::mem::take(&mut plan.follow)
            .into_iter()
            .partition::<BTreeSet<_>, _>(|path| is_below_other(root, path));
        plan.follow = follow;
        plan.leave.extend(leave);
    }
    Ok(plan)
}

/// Whether one of a path's folders is something else in the work tree, such as a link.
fn is_below_other(root: &Path, path: &str) -> bool {
    let folders = Path::new(path).ancestors().skip(1);
    folders
        .filter(|folder| !folder.as_os_str().is_empty())
        .any(|folder| {
            let found = root.join(folder).symlink_metadata();
            found.is_ok_and(|found| !found.is_dir())
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::tests::bench::{Bench, commit};

    #[test]
    fn files_of_the_checked_out_branch_follow_it() {
        let bench = Bench::new();
        let repository = bench.init("r");
        // The first commit of all: the branch is not born yet.
        let first = commit(
            &repository,
            None,
            &[("a", Some("1")), ("d/b", Some("1")), ("d/c", Some("1"))],
        );
        assert_eq!(
            repository.advance("main", None, first).unwrap(),
            WorkTree::Updated
        );
        assert_eq!(bench.read("r/d/b").unwrap(), "1");
        assert_eq!(bench.git("r", &["status", "--porcelain"]), "");
        let edit = [
            ("a", Some("2")),
            ("d/b", None),
            ("d/c", None),
            ("e/f", Some("1")),
        ];
        let second = commit(&repository, Some(first), &edit);
        assert_eq!(
            repository.advance("main", Some(first), second).unwrap(),
            WorkTree::Updated
        );
        assert_eq!(bench.git("r", &["status", "--porcelain"]), "");
        assert_eq!(
            (bench.read("r/a").unwrap(), bench.read("r/e/f").unwrap()),
            ("2".to_owned(), "1".to_owned())
        );
        assert_eq!(bench.read("r/d/b"), None);
        // Another branch, and a detached head, leave the files alone.
        let third = commit(&repository, Some(second), &[("a", Some("3"))]);
        assert_eq!(
            repository.advance("other", None, third).unwrap(),
            WorkTree::NotInvolved
        );
        bench.git("r", &["checkout", "--quiet", "--detach"]);
        assert_eq!(
            repository.advance("main", Some(second), third).unwrap(),
            WorkTree::NotInvolved
        );
        assert_eq!(bench.read("r/a").unwrap(), "2");
    }

    #[test]
    fn changes_of_people_are_left_alone_and_told() {
        let bench = Bench::new();
        let repository = bench.init("r");
        let names = ["clean", "edited", "staged", "removed", "untouched"];
        let start: Vec<(&str, Option<&str>)> = names.map(|name| (name, Some("1"))).to_vec();
        let first = commit(&repository, None, &start);
        repository.advance("main", None, first).unwrap();
        bench.write("r/edited", "mine");
        bench.write("r/staged", "mine");
        bench.git("r", &["add", "staged"]);
        bench.write("r/staged", "1");
        bench.git("r", &["rm", "--quiet", "--cached", "removed"]);
        bench.write("r/untracked", "mine");
        bench.write("r/untouched", "mine");
        bench.write("r/.git/info/exclude", "ignored\n");
        bench.write("r/ignored", "mine");
        bench.write("r/plain", "mine");
        bench.write("elsewhere/x", "mine");
        bench.link("../elsewhere", "r/link");
        let edit = [
            ("clean", Some("2")),
            ("edited", Some("2")),
            ("staged", Some("2")),
            ("removed", Some("2")),
            ("untracked", Some("2")),
            ("ignored", Some("2")),
            ("link/x", Some("2")),
            ("plain/x", Some("2")),
            ("fresh", Some("2")),
        ];
        let second = commit(&repository, Some(first), &edit);
        let outcome = repository.advance("main", Some(first), second).unwrap();
        let WorkTree::LeftAlone(left) = outcome else {
            panic!("{outcome:?}");
        };
        for path in [
            "edited",
            "staged",
            "removed",
            "untracked",
            "ignored",
            "link/x",
            "plain/x",
        ] {
            assert!(left.iter().any(|each| each == path), "{path} in {left:?}");
        }
        assert!(
            !left
                .iter()
                .any(|path| ["clean", "fresh", "untouched"].contains(&path.as_str()))
        );
        for path in ["edited", "untracked", "untouched", "ignored", "plain"] {
            assert_eq!(bench.read(&format!("r/{path}")).unwrap(), "mine", "{path}");
        }
        assert_eq!(bench.git("r", &["show", ":staged"]), "mine");
        assert_eq!(bench.read("elsewhere/x").unwrap(), "mine");
        assert_eq!(bench.read("r/clean").unwrap(), "2");
        assert_eq!(bench.read("r/fresh").unwrap(), "2");
        assert_eq!(bench.head("r"), second);
    }

    #[test]
    fn a_race_that_is_lost_leaves_the_files_alone() {
        let bench = Bench::new();
        let repository = bench.init("r");
        let first = commit(&repository, None, &[("a", Some("1"))]);
        repository.advance("main", None, first).unwrap();
        let second = commit(&repository, Some(first), &[("a", Some("2"))]);
        repository.advance("main", Some(first), second).unwrap();
        let third = commit(&repository, Some(first), &[("a", Some("3"))]);
        assert!(repository.advance("main", Some(first), third).is_err());
        assert_eq!(bench.read("r/a").unwrap(), "2");
        assert_eq!(bench.git("r", &["status", "--porcelain"]), "");
    }
}
