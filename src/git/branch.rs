//! A branch as files that change only as a whole: where the ledger and the inbox are.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use git2::Oid;

use crate::clock::Clock;
use crate::fs::versioned::{Revision, VersionedError, VersionedFiles};
use crate::git::commit::{NewCommit, Signer};
use crate::git::error::GitError;
use crate::git::identity::Identity;
use crate::git::repository::Repository;

/// One branch of a repository. Remembers the newest head it saw, and reports a history that no longer holds it.
pub struct Branch {
    repository: Repository,
    branch: String,
    author: Identity,
    clock: Arc<dyn Clock>,
    sign: Option<Arc<Signer<'static>>>,
    seen: Option<Oid>,
}

impl Branch {
    /// A branch that need not exist yet; who commits to it, and the clock that dates the commits.
    #[must_use]
    pub fn new(
        repository: Repository,
        branch: impl Into<String>,
        author: Identity,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            repository,
            branch: branch.into(),
            author,
            clock,
            sign: None,
            seen: None,
        }
    }

    /// Signs the commits.
    #[must_use]
    pub fn signed_by(mut self, sign: Arc<Signer<'static>>) -> Self {
        self.sign = Some(sign);
        self
    }

    /// Expects that the history holds a revision that was seen earlier, by another process perhaps.
    ///
    /// # Errors
    ///
    /// When the revision is none of Git's.
    pub fn following(mut self, seen: &Revision) -> Result<Self, VersionedError> {
        self.seen = Some(self.parse(seen)?);
        Ok(self)
    }

    /// The newest revision that was seen.
    #[must_use]
    pub fn seen(&self) -> Option<Revision> {
        self.seen.map(revision)
    }

    fn parse(&self, revision: &Revision) -> Result<Oid, VersionedError> {
        let is_whole = revision.0.len() == 40;
        let oid = Oid::from_str(&revision.0).ok().filter(|_| is_whole);
        oid.ok_or_else(|| VersionedError::Other {
            name: self.name(),
            reason: format!(
                "`{}` is not a commit in hex",
                revision.0.escape_debug().take(80).collect::<String>()
            ),
        })
    }

    /// Refuses a head that does not hold what was seen. What was seen stays, so that the refusal does too.
    fn check_history(&self, head: Option<Oid>) -> Result<(), VersionedError> {
        let Some(seen) = self.seen else {
            return Ok(());
        };
        let holds_seen = match head {
            Some(head) => self
                .repository
                .is_ancestor(seen, head)
                .map_err(|error| self.translate(error))?,
            None => false,
        };
        if holds_seen {
            return Ok(());
        }
        Err(VersionedError::Rewritten {
            name: self.name(),
            seen: seen.to_string(),
        })
    }

    fn translate(&self, error: GitError) -> VersionedError {
        let name = self.name();
        match error {
            GitError::Conflict { .. } => VersionedError::Conflict { name },
            GitError::Unavailable { reason, .. } => VersionedError::Unavailable { name, reason },
            other => VersionedError::Other {
                name,
                reason: other.to_string(),
            },
        }
    }
}

impl VersionedFiles for Branch {
    fn name(&self) -> String {
        format!("{} of {}", self.branch, self.repository.name())
    }

    fn head(&mut self) -> Result<Option<Revision>, VersionedError> {
        let heads = self
            .repository
            .fetch(&[&self.branch])
            .map_err(|error| self.translate(error))?;
        let head = heads.get(&self.branch).copied().flatten();
        self.check_history(head)?;
        self.seen = head;
        Ok(head.map(revision))
    }

    fn read(
        &self,
        revision: &Revision,
        path: &str,
        limit: usize,
    ) -> Result<Option<Vec<u8>>, VersionedError> {
        let commit = self.parse(revision)?;
        self.repository
            .snapshot(commit)
            .and_then(|snapshot| snapshot.read(path, limit))
            .map_err(|error| self.translate(error))
    }

    /// Links and submodules are left out: they are not files, and anyone who may push could have put them there.
    fn list(&self, revision: &Revision, folder: &str) -> Result<Vec<String>, VersionedError> {
        let commit = self.parse(revision)?;
        let entries = self
            .repository
            .snapshot(commit)
            .and_then(|snapshot| snapshot.list(folder))
            .map_err(|error| self.translate(error))?;
        Ok(entries
            .into_iter()
            .filter(|entry| entry.kind.is_file())
            .map(|entry| entry.path)
            .collect())
    }

    fn is_ancestor(&self, older: &Revision, newer: &Revision) -> Result<bool, VersionedError> {
        self.repository
            .is_ancestor(self.parse(older)?, self.parse(newer)?)
            .map_err(|error| self.translate(error))
    }

    fn commit(
        &mut self,
        expected: Option<&Revision>,
        files: &BTreeMap<String, Vec<u8>>,
        message: &str,
    ) -> Result<Revision, VersionedError> {
        let expected = expected.map(|revision| self.parse(revision)).transpose()?;
        let changes = files
            .iter()
            .map(|(path, bytes)| (path.clone(), Some(bytes.clone())))
            .collect();
        let new = self.repository.commit_files(NewCommit {
            base: expected,
            changes: &changes,
            message,
            author: &self.author,
            time: self.clock.now(),
            sign: self.sign.as_deref(),
        });
        let new = new.map_err(|error| self.translate(error))?;
        self.check_history(Some(new))?;
        self.repository
            .advance(&self.branch, expected, new)
            .map_err(|error| self.translate(error))?;
        self.seen = Some(new);
        Ok(revision(new))
    }
}

impl fmt::Debug for Branch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Branch")
            .field("repository", &self.repository)
            .field("branch", &self.branch)
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}

fn revision(commit: Oid) -> Revision {
    Revision(commit.to_string())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::clock::ManualClock;
    use crate::git::repository::Remote;
    use crate::git::tests::bench::{Bench, author};

    fn ledger(repository: &Repository) -> Branch {
        let clock = ManualClock::new(Timestamp::from_second(1_700_000_000).unwrap());
        Branch::new(
            repository.clone(),
            "promote-ledger",
            author(),
            Arc::new(clock),
        )
    }

    fn files(text: &str) -> BTreeMap<String, Vec<u8>> {
        BTreeMap::from([(
            "ledger/entries/000.jsonl".to_owned(),
            text.as_bytes().to_owned(),
        )])
    }

    #[test]
    fn two_clones_share_a_branch_and_the_slower_one_is_told() {
        let bench = Bench::new();
        bench.init_bare("origin");
        bench.clone("origin", "clone", &[]);
        let one = bench.open("clone", Remote::Named("origin".to_owned()));
        let mut one = ledger(&one);
        let mut two = ledger(&bench.mirror(&bench.url("origin"), "state"));
        assert_eq!((one.head().unwrap(), two.head().unwrap()), (None, None));
        let first = one.commit(None, &files("1\n"), "ledger: 1").unwrap();
        let late = two.commit(None, &files("x\n"), "ledger: x").unwrap_err();
        assert!(matches!(late, VersionedError::Conflict { .. }), "{late}");
        assert_eq!(two.head().unwrap(), Some(first.clone()));
        let more = BTreeMap::from([("evidence/a".to_owned(), b"e".to_vec())]);
        let second = two.commit(Some(&first), &more, "ledger: 2").unwrap();
        let late = one
            .commit(Some(&first), &files("2\n"), "ledger: 3")
            .unwrap_err();
        assert!(matches!(late, VersionedError::Conflict { .. }), "{late}");
        assert_eq!(one.head().unwrap(), Some(second.clone()));
        assert_eq!(one.seen(), Some(second));
    }

    #[test]
    fn revisions_are_read_listed_and_compared() {
        let bench = Bench::new();
        let mut one = ledger(&bench.init_bare("r"));
        let first = one.commit(None, &files("1\n"), "ledger: 1").unwrap();
        let more = BTreeMap::from([("evidence/a".to_owned(), b"e".to_vec())]);
        let second = one.commit(Some(&first), &more, "ledger: 2").unwrap();
        assert!(one.is_ancestor(&first, &second).unwrap());
        assert!(!one.is_ancestor(&second, &first).unwrap());
        let path = "ledger/entries/000.jsonl";
        assert_eq!(one.read(&second, path, 9).unwrap().unwrap(), b"1\n");
        assert_eq!(one.read(&second, "absent", 9).unwrap(), None);
        assert!(one.read(&second, path, 1).is_err());
        assert_eq!(one.list(&second, "").unwrap(), ["evidence/a", path]);
        assert_eq!(one.list(&first, "evidence").unwrap(), Vec::<String>::new());
        for text in ["", "1", "main", "--all"] {
            assert!(one.list(&Revision(text.to_owned()), "").is_err(), "{text}");
        }
    }

    #[test]
    fn a_rewritten_or_removed_branch_is_reported_and_stays_so() {
        let bench = Bench::new();
        let origin = bench.init_bare("origin");
        let mut branch = ledger(&bench.mirror(&bench.url("origin"), "state"));
        let first = branch.commit(None, &files("1\n"), "1").unwrap();
        let second = branch.commit(Some(&first), &files("2\n"), "2").unwrap();
        let is_rewritten = |branch: &mut Branch| {
            let error = branch.head().unwrap_err();
            assert!(
                matches!(&error, VersionedError::Rewritten { seen, .. } if *seen == second.0),
                "{error}"
            );
        };
        let name = "refs/heads/promote-ledger";
        bench.git("origin", &["update-ref", name, &first.0]);
        is_rewritten(&mut branch);
        is_rewritten(&mut branch);
        bench.git("origin", &["update-ref", "-d", name]);
        is_rewritten(&mut branch);
        // An engine that starts afresh knows what its checkpoint tells it, though it never saw the commit.
        bench.git("origin", &["update-ref", name, &first.0]);
        let fresh = bench.mirror(&bench.url("origin"), "other");
        let mut fresh = ledger(&fresh).following(&second).unwrap();
        is_rewritten(&mut fresh);
        bench.git("origin", &["update-ref", name, &second.0]);
        assert_eq!(branch.head().unwrap(), Some(second.clone()));
        assert_eq!(fresh.head().unwrap(), Some(second.clone()));
        assert_eq!(ledger(&origin).head().unwrap(), Some(second.clone()));
    }

    #[test]
    fn a_remote_that_is_away_is_unavailable() {
        let bench = Bench::new();
        bench.init_bare("origin");
        let mut branch = ledger(&bench.mirror(&bench.url("origin"), "state"));
        let first = branch.commit(None, &files("1\n"), "1").unwrap();
        bench.rename("origin", "away");
        let error = branch.head().unwrap_err();
        assert!(
            matches!(error, VersionedError::Unavailable { .. }),
            "{error}"
        );
        let error = branch.commit(Some(&first), &files("2\n"), "2").unwrap_err();
        assert!(
            matches!(error, VersionedError::Unavailable { .. }),
            "{error}"
        );
        bench.rename("away", "origin");
        assert_eq!(branch.head().unwrap(), Some(first));
    }

    #[test]
    fn links_are_not_listed_as_files() {
        let bench = Bench::new();
        let repository = bench.init("r");
        bench.link("/etc/passwd", "r/link");
        bench.write("r/a", "1");
        let head = Revision(bench.commit_all("r", "x").to_string());
        let branch = ledger(&repository);
        assert_eq!(branch.list(&head, "").unwrap(), ["a"]);
        assert!(branch.read(&head, "link", 9).is_err());
    }
}
