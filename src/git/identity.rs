//! Who makes commits, and new repositories for them.

use std::path::Path;

use git2::RepositoryInitOptions;
use jiff::Timestamp;

use crate::git::error::GitError;
use crate::git::program::GitProgram;
use crate::git::repository::{Remote, Repository, reference};

/// Who makes a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    name: String,
    email: String,
}

impl Identity {
    /// A name and a mail address as a commit can carry them.
    ///
    /// # Errors
    ///
    /// When one is empty, longer than 256 bytes, or holds `<`, `>` or a control character.
    pub fn new(name: &str, email: &str) -> Result<Self, GitError> {
        let trimmed = [name.trim(), email.trim()];
        let is_refused = |text: &&str| {
            text.is_empty()
                || text.len() > 256
                || text.contains(['<', '>'])
                || text.chars().any(char::is_control)
        };
        match trimmed.iter().find(|text| is_refused(text)) {
            Some(text) => Err(GitError::Identity {
                text: text.escape_debug().take(200).collect(),
            }),
            None => Ok(Self {
                name: name.trim().to_owned(),
                email: email.trim().to_owned(),
            }),
        }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The mail address.
    #[must_use]
    pub fn email(&self) -> &str {
        &self.email
    }

    pub(super) fn at(&self, time: Timestamp) -> Result<git2::Signature<'static>, GitError> {
        let time = git2::Time::new(time.as_second(), 0);
        git2::Signature::new(&self.name, &self.email, &time).map_err(|_| GitError::Identity {
            text: self.name.clone(),
        })
    }
}

impl Repository {
    /// Who commits here, as `git` itself would tell it from its configuration and environment; `fallback` when it
    /// knows no name or address. Git's own guess from the machine's name is not used.
    ///
    /// # Errors
    ///
    /// When `git` cannot be run, or its configuration cannot be read.
    pub fn committer(&self, fallback: &Identity) -> Result<Identity, GitError> {
        let arguments = [
            "-c",
            "user.useConfigOnly=true",
            "var",
            "GIT_COMMITTER_IDENT",
        ];
        let arguments = arguments.map(str::to_owned);
        let output = self
            .program()
            .run(self.git_directory(), self.folder(), &arguments)
            .map_err(|error| error.about(self.name()))?;
        if !output.is_success {
            let is_unset = ["auto-detection is disabled", "empty ident name"]
                .iter()
                .any(|words| output.messages.contains(words));
            return match is_unset {
                true => Ok(fallback.clone()),
                false => Err(GitError::Program {
                    reason: output.reason(),
                }),
            };
        }
        let unreadable = || GitError::Program {
            reason: "`git var` did not answer with a name and an address".to_owned(),
        };
        let (name, rest) = output.text.split_once(" <").ok_or_else(unreadable)?;
        let (email, _) = rest.split_once('>').ok_or_else(unreadable)?;
        Identity::new(name, email)
    }
}

impl Repository {
    /// Makes the index hold what a commit holds, so that files of the work tree with the same bytes count as unchanged.
    ///
    /// # Errors
    ///
    /// When the commit is not here, or the index cannot be written.
    pub fn reset_index(&self, commit: git2::Oid) -> Result<(), GitError> {
        let objects = self.objects();
        let reset = || {
            let tree = objects.find_commit(commit)?.tree()?;
            let mut index = objects.index()?;
            index.read_tree(&tree)?;
            index.write()
        };
        reset().map_err(GitError::objects(self.name(), "writing the index"))
    }
}

/// Makes a repository with a work tree at a path, or opens the one that is there. The first commit will be on
/// `branch`. Templates of the user are not used: they may bring hooks.
///
/// # Errors
///
/// When the name is refused, or the folder cannot be written.
pub fn init_repository(
    path: &Path,
    branch: &str,
    program: GitProgram,
) -> Result<Repository, GitError> {
    reference("refs/heads/", branch)?;
    let mut options = RepositoryInitOptions::new();
    options
        .mkpath(true)
        .external_template(false)
        .initial_head(branch);
    git2::Repository::init_opts(path, &options).map_err(|error| GitError::open(path, &error))?;
    Repository::open(path, Remote::None, program)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::tests::bench::{Bench, author, commit};

    #[test]
    fn the_committer_is_whom_git_knows_or_else_the_fallback() {
        let bench = Bench::new();
        let repository = bench.init("r");
        assert_eq!(repository.committer(&author()).unwrap(), author());
        bench.git("r", &["config", "user.name", "Ann Ärmel"]);
        assert_eq!(repository.committer(&author()).unwrap(), author());
        bench.git("r", &["config", "user.email", "ann@example.com"]);
        let committer = repository.committer(&author()).unwrap();
        assert_eq!(
            (committer.name(), committer.email()),
            ("Ann Ärmel", "ann@example.com")
        );
        bench.write("r/.git/config", "[broken");
        let error = repository.committer(&author()).unwrap_err();
        assert!(matches!(error, GitError::Program { .. }), "{error}");
    }

    #[test]
    fn names_that_would_forge_a_header_are_refused() {
        for (name, email) in [
            ("", "a@b"),
            ("a", " "),
            ("a\nb", "a@b"),
            ("a", "a@b>"),
            ("a <b", "c"),
        ] {
            assert!(Identity::new(name, email).is_err(), "{name:?} {email:?}");
        }
        assert_eq!(Identity::new(" a ", "b").unwrap().name(), "a");
    }

    #[test]
    fn a_new_repository_takes_its_first_commit_on_the_named_branch() {
        let bench = Bench::new();
        let path = bench.path("new/folder");
        let repository = init_repository(&path, "trunk", bench.program()).unwrap();
        let first = commit(&repository, None, &[("promote.yaml", Some("1"))]);
        repository.advance("trunk", None, first).unwrap();
        assert_eq!(bench.head("new/folder"), first);
        assert_eq!(bench.read("new/folder/promote.yaml").unwrap(), "1");
        let again = init_repository(&path, "main", bench.program()).unwrap();
        assert_eq!(again.checked_out().unwrap().unwrap(), "trunk");
        assert!(init_repository(&path, "-x", bench.program()).is_err());
    }
}
