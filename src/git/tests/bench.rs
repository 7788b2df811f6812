//! Repositories for tests, made with the `git` program under a configuration of their own.
#![expect(
    clippy::disallowed_methods,
    reason = "tests write files into folders of their own"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use git2::Oid;
use jiff::Timestamp;

use crate::git::commit::NewCommit;
use crate::git::identity::Identity;
use crate::git::program::GitProgram;
use crate::git::repository::{Remote, Repository};

/// A folder with repositories in it.
pub(in crate::git) struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    pub(in crate::git) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    pub(in crate::git) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// How `git` runs here: nothing of the machine's configuration.
    pub(in crate::git) fn program(&self) -> GitProgram {
        let home = self.folder.path().to_str().unwrap();
        let variables = [
            ("HOME", home),
            ("XDG_CONFIG_HOME", home),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("EMAIL", ""),
        ];
        GitProgram {
            environment: variables
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
            ..GitProgram::default()
        }
    }

    /// Runs `git` in a repository and returns what it prints.
    pub(in crate::git) fn git(&self, repository: &str, arguments: &[&str]) -> String {
        self.git_as("ann", 1_700_000_000, repository, arguments)
    }

    /// [`Bench::git`] as somebody, at a time.
    pub(in crate::git) fn git_as(
        &self,
        who: &str,
        seconds: i64,
        repository: &str,
        arguments: &[&str],
    ) -> String {
        let output = Command::new("git")
            .current_dir(self.path(repository))
            .envs(self.program().environment)
            .envs([
                ("GIT_AUTHOR_NAME", who),
                ("GIT_AUTHOR_EMAIL", &format!("{who}@example.com")),
                ("GIT_COMMITTER_NAME", who),
                ("GIT_COMMITTER_EMAIL", &format!("{who}@example.com")),
                ("GIT_AUTHOR_DATE", &format!("{seconds} +0000")),
                ("GIT_COMMITTER_DATE", &format!("{seconds} +0000")),
            ])
            .args(arguments)
            .output()
            .unwrap();
        let messages = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {messages}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Makes a repository with a work tree.
    pub(in crate::git) fn init(&self, name: &str) -> Repository {
        std::fs::create_dir(self.path(name)).unwrap();
        self.git(name, &["init", "--quiet", "--initial-branch=main"]);
        self.open(name, Remote::None)
    }

    /// Makes a bare repository with one commit on `main`.
    pub(in crate::git) fn init_bare(&self, name: &str) -> Repository {
        std::fs::create_dir(self.path(name)).unwrap();
        self.git(
            name,
            &["init", "--quiet", "--bare", "--initial-branch=main"],
        );
        let repository = self.open(name, Remote::None);
        let first = commit(&repository, None, &[("a.yaml", Some("1"))]);
        repository.advance("main", None, first).unwrap();
        repository
    }

    /// Clones a repository.
    pub(in crate::git) fn clone(&self, from: &str, to: &str, arguments: &[&str]) {
        let from = format!("file://{}", self.path(from).display());
        let mut all = vec!["clone", "--quiet"];
        all.extend(arguments);
        all.extend([from.as_str(), to]);
        self.git("", &all);
    }

    pub(in crate::git) fn open(&self, name: &str, remote: Remote) -> Repository {
        Repository::open(&self.path(name), remote, self.program()).unwrap()
    }

    /// Opens a mirror; each `name` is another place.
    pub(in crate::git) fn mirror(&self, address: &str, name: &str) -> Repository {
        let address = address.parse().unwrap();
        Repository::mirror(&address, &self.path(name), self.program()).unwrap()
    }

    pub(in crate::git) fn url(&self, name: &str) -> String {
        format!("file://{}", self.path(name).display())
    }

    pub(in crate::git) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(in crate::git) fn read(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.path(path)).ok()
    }

    pub(in crate::git) fn rename(&self, from: &str, to: &str) {
        std::fs::rename(self.path(from), self.path(to)).unwrap();
    }

    pub(in crate::git) fn link(&self, target: &str, path: &str) {
        std::os::unix::fs::symlink(target, self.path(path)).unwrap();
    }

    pub(in crate::git) fn executable(&self, path: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let permissions = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(self.path(path), permissions).unwrap();
    }

    /// Commits everything in a work tree, with `git`.
    pub(in crate::git) fn commit_all(&self, name: &str, message: &str) -> Oid {
        self.git(name, &["add", "--all"]);
        self.git(
            name,
            &["commit", "--quiet", "--allow-empty", "--message", message],
        );
        self.head(name)
    }

    pub(in crate::git) fn head(&self, name: &str) -> Oid {
        Oid::from_str(&self.git(name, &["rev-parse", "HEAD"])).unwrap()
    }
}

pub(in crate::git) fn author() -> Identity {
    Identity::new("Eve Engine", "engine@example.com").unwrap()
}

pub(in crate::git) fn changes(files: &[(&str, Option<&str>)]) -> BTreeMap<String, Option<Vec<u8>>> {
    let own = |text: &str| text.as_bytes().to_owned();
    files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), text.map(own)))
        .collect()
}

/// Writes a commit of ours.
pub(in crate::git) fn commit(
    repository: &Repository,
    base: Option<Oid>,
    files: &[(&str, Option<&str>)],
) -> Oid {
    repository
        .commit_files(NewCommit {
            base,
            changes: &changes(files),
            message: "test: a commit",
            author: &author(),
            time: Timestamp::from_second(1_700_000_000).unwrap(),
            sign: None,
        })
        .unwrap()
}
