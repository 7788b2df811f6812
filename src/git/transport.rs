//! What is asked of a remote, through the `git` program.

use std::collections::BTreeMap;

use git2::Oid;

use crate::git::address::without_credentials;
use crate::git::error::GitError;
use crate::git::program::Output;
use crate::git::repository::{Remote, Repository, TRACKING, reference};

/// One branch to move: where it is expected, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchMove {
    /// The branch.
    pub branch: String,
    /// What it must hold now; `None` when it must not exist.
    pub expected: Option<Oid>,
    /// What it is to hold; a descendant of `expected`.
    pub new: Oid,
}

impl Repository {
    /// Asks the remote for references by their full names.
    pub(super) fn list_remote(
        &self,
        references: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, Option<Oid>>, GitError> {
        let mut arguments = words(&["ls-remote", "--refs", "--quiet", "--"]);
        arguments.push(self.remote_argument());
        arguments.extend(references.keys().cloned());
        let output = self.call(&arguments)?;
        if !output.is_success {
            return Err(self.unavailable(output.reason()));
        }
        let absent = references.values().map(|branch| (branch.clone(), None));
        let mut heads: BTreeMap<String, Option<Oid>> = absent.collect();
        for line in output.text.lines() {
            // Patterns match the ends of names, so other references may be listed too.
            let Some((oid, branch)) = line
                .split_once('\t')
                .and_then(|(oid, name)| Some((oid, references.get(name)?)))
            else {
                continue;
            };
            let oid = Oid::from_str(oid)
                .map_err(|_| self.unavailable("it named a commit that is none".to_owned()))?;
            heads.insert(branch.clone(), Some(oid));
        }
        Ok(heads)
    }

    /// Fetches branches that exist, also when they were rewritten, so that this can be seen.
    pub(super) fn fetch_remote(&self, branches: &[&str], is_shallow: bool) -> Result<(), GitError> {
        let mut arguments = words(&["fetch", "--quiet", "--no-tags", "--no-write-fetch-head"]);
        arguments.extend(words(&["--no-recurse-submodules", "--refmap="]));
        if is_shallow {
            // Who touched a file can only be told from the whole history.
            arguments.push("--unshallow".to_owned());
        }
        arguments.extend(["--".to_owned(), self.remote_argument()]);
        for branch in branches {
            let from = reference("refs/heads/", branch)?;
            let to = reference(TRACKING, branch)?;
            arguments.push(format!("+{from}:{to}"));
        }
        let mut output = self.call(&arguments)?;
        if !output.is_success && output.messages.contains("cannot lock ref") {
            // Another process fetched the same branch at the same time. It is done now, or nearly.
            output = self.call(&arguments)?;
        }
        if output.is_success {
            return Ok(());
        }
        Err(self.unavailable(output.reason()))
    }

    /// Fetches all references below a folder to below another, also those that were moved there.
    pub(super) fn fetch_tags(&self, from: &str, to: &str) -> Result<(), GitError> {
        let mut arguments = words(&[
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--prune",
        ]);
        arguments.extend(words(&["--no-recurse-submodules", "--refmap=", "--"]));
        arguments.extend([self.remote_argument(), format!("+{from}*:{to}*")]);
        let output = self.call(&arguments)?;
        if output.is_success {
            return Ok(());
        }
        Err(self.unavailable(output.reason()))
    }

    /// Pushes references to the same names, all or none, none of which may be there with something else.
    pub(super) fn push_references(&self, names: &[String]) -> Result<(), GitError> {
        let mut arguments = words(&["push", "--porcelain", "--no-verify", "--no-follow-tags"]);
        arguments.extend(words(&[
            "--recurse-submodules=no",
            "--no-progress",
            "--atomic",
            "--",
        ]));
        arguments.push(self.remote_argument());
        arguments.extend(names.iter().map(|name| format!("{name}:{name}")));
        let output = self.call(&arguments)?;
        if output.is_success {
            return Ok(());
        }
        Err(self.push_failure(&[], &output))
    }

    /// Pushes branches, all or none, each only if the remote still holds what is expected.
    pub(super) fn push_remote(&self, moves: &[BranchMove]) -> Result<(), GitError> {
        let mut arguments = words(&["push", "--porcelain", "--no-verify", "--no-follow-tags"]);
        arguments.extend(words(&["--recurse-submodules=no", "--no-progress"]));
        if moves.len() > 1 {
            arguments.push("--atomic".to_owned());
        }
        let mut refspecs = Vec::new();
        for BranchMove {
            branch,
            expected,
            new,
        } in moves
        {
            let name = reference("refs/heads/", branch)?;
            let expected = expected.map_or_else(String::new, |oid| oid.to_string());
            arguments.push(format!("--force-with-lease={name}:{expected}"));
            refspecs.push(format!("{new}:{name}"));
        }
        arguments.extend(["--".to_owned(), self.remote_argument()]);
        arguments.extend(refspecs);
        let output = self.call(&arguments)?;
        if output.is_success {
            return Ok(());
        }
        self.look_after_push(moves, &output)
    }

    /// What a failed push means: it may have arrived, lost a race, been refused, or never reached the remote.
    fn look_after_push(&self, moves: &[BranchMove], output: &Output) -> Result<(), GitError> {
        let failure = self.push_failure(moves, output);
        let branches: Vec<&str> = moves.iter().map(|each| each.branch.as_str()).collect();
        let Ok(heads) = self.remote_heads(&branches) else {
            return Err(failure);
        };
        let head = |each: &BranchMove| heads.get(&each.branch).copied().flatten();
        if moves.iter().all(|each| head(each) == Some(each.new)) {
            return Ok(());
        }
        match moves.iter().find(|each| head(each) != each.expected) {
            Some(moved) => Err(GitError::Conflict {
                branch: moved.branch.clone(),
            }),
            None => Err(failure),
        }
    }

    /// What a failed push says about itself.
    fn push_failure(&self, moves: &[BranchMove], output: &Output) -> GitError {
        let rejected = output.text.lines().find(|line| line.starts_with("!\t"));
        let Some(rejected) = rejected else {
            return self.unavailable(output.reason());
        };
        let branch = moves
            .iter()
            .find(|each| rejected.contains(&format!(":refs/heads/{}\t", each.branch)))
            .or(moves.first())
            .map(|each| each.branch.clone())
            .unwrap_or_default();
        let is_race = RACES
            .iter()
            .any(|words| rejected.contains(words) || output.messages.contains(words));
        if is_race {
            return GitError::Conflict { branch };
        }
        let summary = rejected.rsplit('\t').next().unwrap_or_default();
        let summary = crate::redact::printable(&without_credentials(summary));
        GitError::Refused {
            remote: self.remote_name(),
            branch,
            reason: format!("{summary}; {}", output.reason()),
        }
    }

    /// The remote as an argument of `git`; it never starts with `-`.
    fn remote_argument(&self) -> String {
        match self.remote() {
            // Callers have answered from the repository itself before they get here.
            Remote::None | Remote::Offline => ".".to_owned(),
            Remote::Named(name) => name.clone(),
            Remote::Url(address) => address.expose().to_owned(),
        }
    }

    /// The remote in messages.
    fn remote_name(&self) -> String {
        match self.remote() {
            Remote::None | Remote::Offline => self.name().to_owned(),
            Remote::Named(name) => format!("{name} of {}", self.name()),
            Remote::Url(address) => address.to_string(),
        }
    }

    fn unavailable(&self, reason: String) -> GitError {
        GitError::Unavailable {
            remote: self.remote_name(),
            reason,
        }
    }

    fn call(&self, arguments: &[String]) -> Result<Output, GitError> {
        self.program()
            .run(self.git_directory(), self.folder(), arguments)
            .map_err(|error| error.about(&self.remote_name()))
    }
}

/// What `git push` and servers say to the loser of a race: the lease is stale, or the reference moved or was locked
/// between the look and the write.
const RACES: [&str; 8] = [
    "(stale info)",
    "(fetch first)",
    "(non-fast-forward)",
    "but expected",
    "incorrect old value",
    "reference already exists",
    "unable to resolve reference",
    ".lock': File exists",
];

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}
