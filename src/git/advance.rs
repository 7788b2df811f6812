//! Moves branches forward by compare-and-swap: locally under Git's own lock, remotely by a push with a lease.

use std::collections::BTreeMap;
use std::time::Duration;

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
        if matches!(self.remote(), Remote::None | Remote::Offline) {
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
            match lock(&mut transaction, &name) {
                Err(error) if error.code() == ErrorCode::Locked => {
                    return Err(self.locked(&objects, each, &name));
                }
                locked => locked.map_err(failed())?,
            }
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

    /// What a lock that somebody keeps means: that the branch moves, or that a process died while it held it.
    fn locked(&self, objects: &git2::Repository, each: &BranchMove, name: &str) -> GitError {
        match read_reference(objects, self.name(), name) {
            Ok(head) if head == each.expected => GitError::Unavailable {
                remote: self.name().to_owned(),
                reason: format!("`{name}.lock` is there; if no `git` or `promote` runs, remove it"),
            },
            _ => GitError::Conflict {
                branch: each.branch.clone(),
            },
        }
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

/// How often, and how long apart, a lock is tried: two seconds, in which another process can write its work tree.
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

fn lock(transaction: &mut git2::Transaction<'_>, name: &str) -> Result<(), git2::Error> {
    for _ in 1..LOCK_TRIES {
        match transaction.lock_ref(name) {
            Err(error) if error.code() == ErrorCode::Locked => std::thread::sleep(LOCK_PAUSE),
            locked => return locked,
        }
    }
    transaction.lock_ref(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::tests::bench::{Bench, commit};

    fn named() -> Remote {
        Remote::Named("origin".to_owned())
    }

    #[test]
    fn branches_move_forward_from_what_is_expected_and_not_otherwise() {
        let bench = Bench::new();
        let origin = bench.init_bare("origin");
        bench.clone("origin", "clone", &[]);
        let ways = [
            origin,
            bench.open("clone", named()),
            bench.mirror(&bench.url("origin"), "state"),
        ];
        for (number, repository) in ways.iter().enumerate() {
            let branch = format!("b{number}");
            let of = |expected, new| repository.advance(&branch, expected, new);
            let first = commit(repository, None, &[("a", Some("1"))]);
            let second = commit(repository, Some(first), &[("a", Some("2"))]);
            let side = commit(repository, Some(first), &[("a", Some("3"))]);
            let conflict = |result: Result<WorkTree, GitError>| {
                let error = result.unwrap_err();
                assert!(matches!(error, GitError::Conflict { .. }), "{error}");
            };
            conflict(of(Some(first), second));
            assert_eq!(of(None, first).unwrap(), WorkTree::NotInvolved);
            conflict(of(None, second));
            of(Some(first), second).unwrap();
            conflict(of(Some(first), side));
            conflict(of(Some(first), first));
            of(Some(second), second).unwrap();
            for back in [first, side] {
                let error = of(Some(second), back).unwrap_err();
                assert!(matches!(error, GitError::NotDescendant { .. }), "{error}");
            }
            assert_eq!(repository.fetch(&[&branch]).unwrap()[&branch], Some(second));
        }
    }

    #[test]
    fn of_many_who_push_at_once_exactly_one_wins() {
        let bench = Bench::new();
        let origin = bench.init_bare("origin");
        let main = origin.remote_heads(&["main"]).unwrap()["main"];
        for (round, is_new) in [(0, false), (1, true), (2, false)] {
            let branch = if is_new { "new" } else { "main" };
            let expected = origin.remote_heads(&[branch]).unwrap()[branch];
            assert_eq!(expected.is_none(), is_new);
            let race = |number: usize| {
                let repository = match round {
                    2 => bench.open("origin", Remote::None),
                    _ => bench.mirror(&bench.url("origin"), &format!("state{number}")),
                };
                repository.fetch(&["main"]).unwrap();
                let text = format!("{round} {number}");
                let new = commit(&repository, expected.or(main), &[("a", Some(&text))]);
                (repository, new)
            };
            let racers: Vec<_> = (0..4).map(race).collect();
            let barrier = std::sync::Barrier::new(racers.len());
            let results: Vec<_> = std::thread::scope(|scope| {
                let run = |(repository, new): &(Repository, Oid)| {
                    barrier.wait();
                    repository.advance(branch, expected, *new).map(|_| *new)
                };
                let threads: Vec<_> = racers
                    .iter()
                    .map(|racer| scope.spawn(move || run(racer)))
                    .collect();
                threads
                    .into_iter()
                    .map(|thread| thread.join().unwrap())
                    .collect()
            });
            let winners: Vec<&Oid> = results.iter().flatten().collect();
            assert_eq!(winners.len(), 1, "{results:?}");
            for error in results.iter().filter_map(|result| result.as_ref().err()) {
                assert!(matches!(error, GitError::Conflict { .. }), "{error}");
            }
            assert_eq!(
                origin.remote_heads(&[branch]).unwrap()[branch].as_ref(),
                Some(winners[0])
            );
        }
    }

    #[test]
    fn several_branches_move_together_or_not_at_all() {
        let bench = Bench::new();
        let origin = bench.init_bare("origin");
        let main = origin.remote_heads(&["main"]).unwrap()["main"];
        for repository in [
            bench.open("origin", Remote::None),
            bench.mirror(&bench.url("origin"), "state"),
        ] {
            repository.fetch(&["main", "ledger"]).unwrap();
            let main = repository.remote_heads(&["main"]).unwrap()["main"];
            let before = repository.remote_heads(&["main", "ledger"]).unwrap();
            let new = commit(&repository, main, &[("b", Some(&format!("{main:?}")))]);
            let entry = commit(
                &repository,
                before["ledger"],
                &[("e", Some(&format!("{main:?}")))],
            );
            let moves = |expected: Option<Oid>| {
                [("main", main, new), ("ledger", expected, entry)].map(|(branch, expected, new)| {
                    BranchMove {
                        branch: branch.to_owned(),
                        expected,
                        new,
                    }
                })
            };
            let wrong = if before["ledger"].is_none() {
                Some(entry)
            } else {
                None
            };
            let error = repository.advance_many(&moves(wrong)).unwrap_err();
            let expected = "branch `ledger` was changed by somebody else meanwhile";
            assert_eq!(error.to_string(), expected);
            assert_eq!(
                repository.remote_heads(&["main", "ledger"]).unwrap(),
                before
            );
            repository.advance_many(&moves(before["ledger"])).unwrap();
            let after = repository.remote_heads(&["main", "ledger"]).unwrap();
            assert_eq!((after["main"], after["ledger"]), (Some(new), Some(entry)));
        }
        assert_ne!(origin.remote_heads(&["main"]).unwrap()["main"], main);
    }

    #[test]
    fn a_remote_that_says_no_is_quoted_and_one_that_is_away_is_unavailable() {
        let bench = Bench::new();
        bench.init_bare("origin");
        let repository = bench.mirror(&bench.url("origin"), "state");
        let main = repository.fetch(&["main"]).unwrap()["main"];
        let new = commit(&repository, main, &[("a", Some("2"))]);
        bench.write(
            "origin/hooks/pre-receive",
            "#!/bin/sh\necho main is protected >&2\nexit 1\n",
        );
        bench.executable("origin/hooks/pre-receive");
        let error = repository.advance("main", main, new).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "`{}` refused the push of `main`: [remote rejected] (pre-receive hook declined); remote: main is protected; error: failed to push some refs to '{}'",
                bench.url("origin"),
                bench.url("origin")
            )
        );
        bench.rename("origin", "elsewhere");
        let error = repository.advance("main", main, new).unwrap_err();
        assert!(matches!(error, GitError::Unavailable { .. }), "{error}");
    }

    #[test]
    fn a_push_that_arrived_although_the_line_broke_is_a_success() {
        let bench = Bench::new();
        let origin = bench.init_bare("origin");
        bench.write("git", "#!/bin/sh\nfor a; do [ \"$a\" = push ] && { git \"$@\" >/dev/null; exit 128; }; done\nexec git \"$@\"\n");
        bench.executable("git");
        let program = crate::git::program::GitProgram {
            program: bench.path("git"),
            ..bench.program()
        };
        let address = bench.url("origin").parse().unwrap();
        let repository = Repository::mirror(&address, &bench.path("state"), program).unwrap();
        let main = repository.fetch(&["main"]).unwrap()["main"];
        let new = commit(&repository, main, &[("a", Some("2"))]);
        repository.advance("main", main, new).unwrap();
        assert_eq!(origin.remote_heads(&["main"]).unwrap()["main"], Some(new));
    }

    #[test]
    fn a_lock_that_was_left_behind_is_named() {
        let bench = Bench::new();
        let repository = bench.init_bare("r");
        let main = repository.remote_heads(&["main"]).unwrap()["main"];
        let new = commit(&repository, main, &[("a", Some("2"))]);
        bench.write("r/refs/heads/main.lock", "");
        let message = repository
            .advance("main", main, new)
            .unwrap_err()
            .to_string();
        let name = repository.name();
        let expected = format!(
            "`{name}` cannot be reached: `refs/heads/main.lock` is there; if no `git` or `promote` runs, remove it"
        );
        assert_eq!(message, expected);
        assert_eq!(repository.remote_heads(&["main"]).unwrap()["main"], main);
    }
}
