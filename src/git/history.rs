//! Who changed what, and when they say they did. Dates and names in commits are claims of their authors.

use std::collections::{BTreeMap, BTreeSet};

use git2::Oid;
use jiff::Timestamp;

use crate::git::error::GitError;
use crate::git::repository::Repository;
use crate::git::trail::{Paths, Visits, Walk};

/// The most commits that one question visits.
pub const MAX_COMMITS: usize = 100_000;

/// Who a commit says it is by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Person {
    /// The name; what is not UTF-8 in it is replaced.
    pub name: String,
    /// The mail address, as written; what is not UTF-8 in it is replaced.
    pub email: String,
}

/// The signature in a commit, and the bytes that it is over. Not checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitSignature {
    /// The armoured signature.
    pub signature: String,
    /// The commit without it.
    pub payload: Vec<u8>,
}

/// What a commit says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitInfo {
    /// The commit.
    pub id: Oid,
    /// Who wrote the change.
    pub author: Person,
    /// Who made the commit.
    pub committer: Person,
    /// When the commit was made, as the committer's clock said.
    pub time: Timestamp,
    /// The first line of the message.
    pub summary: String,
    /// The commits it follows.
    pub parents: Vec<Oid>,
    /// Its signature, when it has exactly one.
    pub signature: Option<CommitSignature>,
}

impl Repository {
    /// What a commit says of itself.
    ///
    /// # Errors
    ///
    /// When it is not here.
    pub fn commit_info(&self, commit: Oid) -> Result<CommitInfo, GitError> {
        commit_info(&self.objects(), self.name(), commit)
    }

    /// The commit that made a path what it is at `from`; `None` when it never was anything. The answer of
    /// `git log -1 -- PATH`: of a merge, the side that the path came from is followed; moves are not.
    ///
    /// # Errors
    ///
    /// As [`Repository::last_changes`].
    pub fn last_change(&self, path: &str, from: Oid) -> Result<Option<CommitInfo>, GitError> {
        let commit = self.last_changes(&[path], from)?.remove(path);
        commit.map(|commit| self.commit_info(commit)).transpose()
    }

    /// [`Repository::last_change`] of many paths in one walk. Paths that never were anything are left out.
    ///
    /// # Errors
    ///
    /// When a path is refused, when the history is cut off, or when the answer is more than [`MAX_COMMITS`] away.
    pub fn last_changes(
        &self,
        paths: &[&str],
        from: Oid,
    ) -> Result<BTreeMap<String, Oid>, GitError> {
        let objects = self.objects();
        let mut walk = Walk::new(&objects, self.name(), Visits::AsNeeded)?;
        walk.visit([(from, Paths::parse(paths.iter().copied())?)])?;
        let mut found = BTreeMap::new();
        while let Some((commit, paths)) = walk.next()? {
            let step = walk.compare(&commit, paths)?;
            let changed = step.changed.to_list();
            found.extend(changed.into_iter().map(|path| (path, commit.id())));
            // A path that this commit changed is answered; the others are where the parents say.
            walk.visit(step.unchanged)?;
        }
        Ok(found)
    }

    /// The commits that changed a path, newest first, at most `limit`: the answer of `git log -- PATH`.
    ///
    /// # Errors
    ///
    /// As [`Repository::last_changes`].
    pub fn log(&self, path: &str, from: Oid, limit: usize) -> Result<Vec<CommitInfo>, GitError> {
        let whole = Paths::parse([path])?;
        let objects = self.objects();
        let mut walk = Walk::new(&objects, self.name(), Visits::Once)?;
        walk.visit([(from, whole.clone())])?;
        let mut log = Vec::new();
        while log.len() < limit
            && let Some((commit, paths)) = walk.next()?
        {
            let step = walk.compare(&commit, paths)?;
            if !step.changed.is_empty() {
                log.push(commit_info(&objects, self.name(), commit.id())?);
                walk.visit(commit.parent_ids().map(|parent| (parent, whole.clone())))?;
            }
            walk.visit(step.unchanged)?;
        }
        Ok(log)
    }

    /// The mail addresses of all authors and committers of commits in the whole history that changed a path, for
    /// each of some paths; a merge counts when the path is as on none of its sides. A path without any is left out.
    ///
    /// # Errors
    ///
    /// When a path is refused, when the history is cut off, or has more than [`MAX_COMMITS`].
    pub fn authors_of(
        &self,
        paths: &[&str],
        from: Oid,
    ) -> Result<BTreeMap<String, BTreeSet<String>>, GitError> {
        let whole = Paths::parse(paths.iter().copied())?;
        let objects = self.objects();
        let mut walk = Walk::new(&objects, self.name(), Visits::Once)?;
        walk.visit([(from, whole.clone())])?;
        let mut authors: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        while let Some((commit, paths)) = walk.next()? {
            let step = walk.compare(&commit, paths)?;
            for path in step.changed.to_list() {
                let emails = authors.entry(path).or_default();
                emails.insert(person(&commit.author()).email);
                emails.insert(person(&commit.committer()).email);
            }
            walk.visit(commit.parent_ids().map(|parent| (parent, whole.clone())))?;
        }
        Ok(authors)
    }
}

fn commit_info(
    objects: &git2::Repository,
    repository: &str,
    id: Oid,
) -> Result<CommitInfo, GitError> {
    let failed = || GitError::objects(repository, "reading a commit");
    let commit = objects.find_commit(id).map_err(failed())?;
    let raw = objects
        .odb()
        .and_then(|odb| odb.read(id).map(|object| object.data().to_owned()))
        .map_err(failed())?;
    let seconds = commit.time().seconds();
    let clamped = seconds.clamp(Timestamp::MIN.as_second() + 1, Timestamp::MAX.as_second());
    Ok(CommitInfo {
        id,
        author: person(&commit.author()),
        committer: person(&commit.committer()),
        time: Timestamp::from_second(clamped).unwrap_or(Timestamp::UNIX_EPOCH),
        summary: String::from_utf8_lossy(commit.summary_bytes().unwrap_or_default()).into_owned(),
        parents: commit.parent_ids().collect(),
        signature: split_signature(&raw),
    })
}

fn person(signature: &git2::Signature<'_>) -> Person {
    Person {
        name: String::from_utf8_lossy(signature.name_bytes()).into_owned(),
        email: String::from_utf8_lossy(signature.email_bytes()).into_owned(),
    }
}

/// Takes the signature out of a commit's bytes, as Git does (`commit.c`, `parse_signed_commit`): the headers `gpgsig`
/// and `gpgsig-sha256` with their continuation lines. libgit2's own function also finds "signatures" in messages.
fn split_signature(raw: &[u8]) -> Option<CommitSignature> {
    let mut signatures = Vec::new();
    let mut payload = Vec::with_capacity(raw.len());
    let mut lines = raw.split_inclusive(|byte| *byte == b'\n');
    let mut is_signature = false;
    for line in lines.by_ref() {
        if line == b"\n" {
            payload.push(b'\n');
            break;
        }
        let continuation = line.strip_prefix(b" ").filter(|_| is_signature);
        if let Some(text) = continuation {
            signatures
                .last_mut()
                .map(|last: &mut Vec<u8>| last.extend(text));
            continue;
        }
        is_signature = line.starts_with(b"gpgsig ") || line.starts_with(b"gpgsig-sha256 ");
        match line.strip_prefix(b"gpgsig ") {
            Some(text) => signatures.push(text.to_owned()),
            None if is_signature => signatures.push(Vec::new()),
            None => payload.extend(line),
        }
    }
    payload.extend(lines.flatten());
    let [signature] = <[Vec<u8>; 1]>::try_from(signatures).ok()?;
    let signature = String::from_utf8(signature).ok()?;
    Some(CommitSignature { signature, payload })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::git::testing::{Bench, commit};

    const PATHS: [&str; 7] = ["a", "b", "d/a", "d/e/a", "d/e", "x/y", "never"];

    /// Numbers that look random and are the same in every run (Knuth's MMIX generator).
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, limit: u64) -> u64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % limit
        }
    }

    /// A history of edits, removals, changes of mode, empty commits, merges of two and three, with clocks that jump.
    fn random_history(bench: &Bench, seed: u64) {
        let mut numbers = Numbers(seed);
        let mut tips: Vec<String> = Vec::new();
        for step in 0..40 {
            let who = ["ann", "bob", "cleo"][usize::try_from(numbers.below(3)).unwrap()];
            let seconds = 1_700_000_000 + step * 60 - i64::try_from(numbers.below(4)).unwrap() * 45;
            let mut parents: Vec<String> = Vec::new();
            for _ in 0..[1, 1, 1, 2, 2, 3][usize::try_from(numbers.below(6)).unwrap()] {
                let recent = tips.iter().rev().take(4).collect::<Vec<_>>();
                let Some(count) = u64::try_from(recent.len()).ok().filter(|count| *count > 0)
                else {
                    continue;
                };
                let parent = recent[usize::try_from(numbers.below(count)).unwrap()].clone();
                if !parents.contains(&parent) {
                    parents.push(parent);
                }
            }
            let mut read = vec!["read-tree", "--empty"];
            if let Some(first) = parents.first() {
                read = vec!["read-tree", first];
            }
            bench.git("r", &read);
            if let (Some(other), true) = (parents.get(1), numbers.below(2) == 0) {
                // Take one path from the other side, as a merge does.
                let listed = bench.git("r", &["ls-tree", "-r", other]);
                if let Some(line) = listed.lines().next() {
                    let (meta, path) = line.split_once('\t').unwrap();
                    let words: Vec<&str> = meta.split(' ').collect();
                    let info = format!("{},{},{path}", words[0], words[2]);
                    bench.git(
                        "r",
                        &["update-index", "--add", "--replace", "--cacheinfo", &info],
                    );
                }
            }
            for _ in 0..numbers.below(3) {
                let path =
                    ["a", "b", "d/a", "d/e/a", "x/y"][usize::try_from(numbers.below(5)).unwrap()];
                if numbers.below(5) == 0 {
                    bench.git("r", &["update-index", "--force-remove", path]);
                    continue;
                }
                bench.write("r/scratch", &numbers.below(3).to_string());
                let blob = bench.git("r", &["hash-object", "-w", "scratch"]);
                let mode =
                    ["100644", "100644", "100755"][usize::try_from(numbers.below(3)).unwrap()];
                let info = format!("{mode},{blob},{path}");
                bench.git(
                    "r",
                    &["update-index", "--add", "--replace", "--cacheinfo", &info],
                );
            }
            let tree = bench.git("r", &["write-tree"]);
            let message = format!("step {step}");
            let mut arguments = vec!["commit-tree", &tree, "-m", &message];
            for parent in &parents {
                arguments.extend(["-p", parent]);
            }
            tips.push(bench.git_as(who, seconds, "r", &arguments));
        }
        bench.git(
            "r",
            &["update-ref", "refs/heads/main", tips.last().unwrap()],
        );
    }

    fn log_of(bench: &Bench, format: &str, path: &str, more: &[&str]) -> Vec<String> {
        let format = format!("--format={format}");
        let mut arguments = vec!["log", &format];
        arguments.extend(more);
        arguments.extend(["main", "--", path]);
        let text = bench.git("r", &arguments);
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn history_of_paths_is_that_of_git_log() {
        for seed in 1..5 {
            let bench = Bench::new();
            let repository = bench.init("r");
            random_history(&bench, seed);
            let from = bench.head("r");
            let last = repository.last_changes(&PATHS, from).unwrap();
            let authors = repository.authors_of(&PATHS, from).unwrap();
            for path in PATHS {
                let theirs = log_of(&bench, "%H", path, &[]);
                let ours = last.get(path).map(Oid::to_string);
                assert_eq!(
                    ours.as_ref(),
                    theirs.first(),
                    "seed {seed}, last change of {path}"
                );
                let alone = repository.last_change(path, from).unwrap();
                assert_eq!(alone.map(|info| info.id.to_string()), ours);
                let log = repository.log(path, from, 1000).unwrap();
                let log: Vec<String> = log.iter().map(|info| info.id.to_string()).collect();
                assert_eq!(log, theirs, "seed {seed}, log of {path}");
                let short = repository.log(path, from, 2).unwrap();
                assert_eq!(short.len(), theirs.len().min(2));
                let touched = log_of(&bench, "%ae", path, &["--full-history", "--no-merges"]);
                let ours = authors.get(path).cloned().unwrap_or_default();
                assert!(touched.iter().all(|email| ours.contains(email)), "{path}");
                let all = log_of(&bench, "%ae", path, &["--full-history", "-m"]);
                assert!(ours.iter().all(|email| all.contains(email)), "{path}");
            }
        }
    }

    #[test]
    fn ancestry_is_told_and_unknown_commits_are_part_of_no_history() {
        let bench = Bench::new();
        let repository = bench.init_bare("r");
        let first = commit(&repository, None, &[("a", Some("1"))]);
        let second = commit(&repository, Some(first), &[("a", Some("2"))]);
        let side = commit(&repository, Some(first), &[("a", Some("3"))]);
        let unknown = Oid::from_str("1234567890123456789012345678901234567890").unwrap();
        assert!(repository.is_ancestor(first, second).unwrap());
        assert!(repository.is_ancestor(second, second).unwrap());
        assert!(!repository.is_ancestor(second, first).unwrap());
        assert!(!repository.is_ancestor(side, second).unwrap());
        assert!(!repository.is_ancestor(unknown, second).unwrap());
        assert!(repository.is_ancestor(second, unknown).is_err());
    }

    #[test]
    fn a_history_that_is_cut_off_is_refused_until_the_rest_is_fetched() {
        let bench = Bench::new();
        bench.init("origin");
        bench.write("origin/a", "1");
        let first = bench.commit_all("origin", "first");
        bench.write("origin/b", "1");
        bench.commit_all("origin", "second");
        bench.clone("origin", "r", &["--depth", "1"]);
        let alone = bench.open("r", crate::git::repository::Remote::None);
        let head = bench.head("r");
        for error in [
            alone.last_changes(&["a"], head).unwrap_err(),
            alone.authors_of(&["a"], head).unwrap_err(),
            alone.log("a", head, 1).unwrap_err(),
        ] {
            assert!(matches!(error, GitError::Shallow { .. }), "{error}");
        }
        let named = crate::git::repository::Remote::Named("origin".to_owned());
        let repository = bench.open("r", named);
        assert_eq!(repository.fetch(&["main"]).unwrap()["main"], Some(head));
        assert_eq!(repository.last_changes(&["a"], head).unwrap()["a"], first);
        assert!(repository.is_ancestor(first, head).unwrap());
    }

    #[test]
    fn the_signature_of_a_commit_is_what_ssh_keygen_accepts() {
        let bench = Bench::new();
        let repository = bench.init("r");
        let key = bench.path("key");
        let key = key.to_str().unwrap();
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", "ann", "-f", key])
            .status()
            .unwrap();
        assert!(made.success());
        bench.write("r/a", "1");
        bench.git("r", &["add", "a"]);
        let signing_key = format!("user.signingKey={key}");
        let commit = [
            "commit",
            "--quiet",
            "-S",
            "-m",
            "signed\n\ngpgsig not a header",
        ];
        let mut arguments = vec!["-c", "gpg.format=ssh", "-c", &signing_key];
        arguments.extend(commit);
        bench.git("r", &arguments);
        let info = repository.commit_info(bench.head("r")).unwrap();
        assert_eq!(info.author.email, "ann@example.com");
        assert_eq!(info.time.to_string(), "2023-11-14T22:13:20Z");
        assert_eq!(info.summary, "signed");
        let signature = info.signature.unwrap();
        let objects = repository.objects();
        let (theirs, payload) = objects.extract_signature(&info.id, None).unwrap();
        assert_eq!(signature.signature.trim_end().as_bytes(), &*theirs);
        assert_eq!(signature.payload, &*payload);
        bench.write("signature", &signature.signature);
        bench.write("payload", std::str::from_utf8(&signature.payload).unwrap());
        let public = bench.read("key.pub").unwrap();
        bench.write("allowed", &format!("ann namespaces=\"git\" {public}"));
        let script = format!(
            "cd {} && ssh-keygen -Y verify -f allowed -I ann -n git -s signature <payload",
            bench.path("").display()
        );
        let verified = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert!(verified.status.success(), "{verified:?}");
    }

    #[test]
    fn text_in_a_message_and_doubled_headers_are_no_signature() {
        let headers = "tree 1\nauthor a\ncommitter a\n";
        let of = |text: String| split_signature(text.as_bytes());
        assert_eq!(of(format!("{headers}\ngpgsig fake\n")), None);
        assert_eq!(of(format!("{headers}gpgsig a\n b\ngpgsig c\n\nx\n")), None);
        assert_eq!(
            of(format!("{headers}gpgsig a\ngpgsig-sha256 c\n\nx\n")),
            None
        );
        let one = of(format!("{headers}gpgsig a\n b\n c\nother d\n e\n\nx\n\ny")).unwrap();
        assert_eq!(one.signature, "a\nb\nc\n");
        assert_eq!(
            one.payload,
            format!("{headers}other d\n e\n\nx\n\ny").into_bytes()
        );
    }
}
