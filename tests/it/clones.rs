//! A bare repository as `origin`, and clones of it on as many machines.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::organisation::{Answer, Organisation, answer};

/// A bare repository that holds what the organisation's repository holds.
#[track_caller]
pub(crate) fn origin(organisation: &Organisation) -> PathBuf {
    let origin = organisation.path("origin.git");
    let path = origin.to_str().unwrap();
    organisation.git(
        "ada",
        &["init", "--quiet", "--bare", "--initial-branch=main", path],
    );
    organisation.git("ada", &["push", "--quiet", "--all", path]);
    origin
}

/// A machine: a clone, or nothing but an address.
#[derive(Debug)]
pub(crate) struct Machine<'o> {
    organisation: &'o Organisation,
    repository: String,
    state: PathBuf,
}

impl<'o> Machine<'o> {
    /// Clones a repository by path or URL.
    #[track_caller]
    pub(crate) fn cloning(organisation: &'o Organisation, name: &str, from: &str) -> Self {
        let folder = organisation.path(name);
        organisation.git("ada", &["clone", "--quiet", from, folder.to_str().unwrap()]);
        let repository = folder.to_str().unwrap().to_owned();
        Self {
            organisation,
            repository,
            state: folder.join(".git/promote"),
        }
    }

    /// Works on an address without any clone.
    pub(crate) fn without_clone(organisation: &'o Organisation, name: &str, url: &str) -> Self {
        Self {
            organisation,
            repository: url.to_owned(),
            state: organisation.path(name),
        }
    }

    /// Where a clone is.
    pub(crate) fn folder(&self) -> &Path {
        Path::new(&self.repository)
    }

    /// The program on this machine, ready to run as a person; the engine's keys are at hand.
    pub(crate) fn command(&self, person: &str, arguments: &[&str]) -> Command {
        let keys = self.organisation.repository().join(".git/promote");
        let mut command = self.organisation.command(person);
        let key = |file: &str| format!("file:{}", keys.join(file).display());
        command
            .env("PROMOTE_REPOSITORY", &self.repository)
            .env("PROMOTE_STATE", &self.state);
        command
            .env("PROMOTE_ENGINE_KEY", key("engine.pem"))
            .env("PROMOTE_LOG_KEY", key("log.key"));
        command.args(arguments);
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, person: &str, arguments: &[&str]) -> Answer {
        answer(&mut self.command(person, arguments))
    }

    /// The short id of the promotion to an environment that waits.
    #[track_caller]
    pub(crate) fn waiting(&self, environment: &str) -> String {
        let plan = self.run("dana", &["plan", "-o", "name"]).expect_code(0);
        let mut ids = plan.stdout.lines().filter(|id| id.starts_with(environment));
        ids.next()
            .unwrap_or_else(|| panic!("nothing waits: {}", plan.all()))
            .to_owned()
    }
}

/// Starts commands at once, and waits for all.
pub(crate) fn all_at_once(commands: Vec<Command>) -> Vec<Answer> {
    let start = |mut command: Command| {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let started: Vec<Child> = commands.into_iter().map(start).collect();
    started.into_iter().map(ended).collect()
}

/// Waits for the end of a program.
pub(crate) fn ended(child: Child) -> Answer {
    let output = child.wait_with_output().unwrap();
    Answer {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
