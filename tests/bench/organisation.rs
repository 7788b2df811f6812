//! A promotion repository with one person, made through the program.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::commits::header;
use crate::measure::folder;

/// The workspaces of a project: environment, clearance, and where it accepts from.
const WORKSPACES: [(&str, &str, Option<&str>); 3] = [
    ("dev", "[internal]", None),
    ("qa", "[internal]", Some("dev")),
    ("prod", "[internal, production]", Some("qa")),
];

/// A repository, its workspaces beside it, and a key.
#[derive(Debug)]
pub(crate) struct Organisation {
    folder: TempDir,
}

impl Organisation {
    /// An organisation that asks for approvals as its pattern does, or for nothing but what always counts.
    pub(crate) fn new(asks_for_approvals: bool) -> Self {
        let organisation = Self::begun();
        if !asks_for_approvals {
            let policy = "apiVersion: promote.dev/v1alpha1\nkind: Policy\nmetadata:\n  name: qa\nspec:\n  gates:\n    - gate: lineage-complete\n";
            std::fs::write(organisation.repository().join("policies/qa.yaml"), policy).unwrap();
            organisation.promote(&["trust", "sign", "--commit"]);
        }
        organisation.promote(&["apply"]);
        organisation
    }

    /// One that asks for approvals and keeps its ledger in the folder `ledger`.
    pub(crate) fn with_directory_ledger() -> Self {
        let organisation = Self::begun();
        let path = organisation.repository().join("promote.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        let layout = "  environments: [dev, qa, prod]\n";
        let ledger = format!("{layout}  ledger:\n    store: directory\n    path: ../ledger\n");
        std::fs::write(&path, text.replace(layout, &ledger)).unwrap();
        organisation.promote(&["trust", "sign", "--commit"]);
        organisation.promote(&["apply"]);
        organisation
    }

    /// One with so many projects, each with a workspace in dev, qa and prod.
    pub(crate) fn of_many_projects(projects: u64) -> Self {
        let organisation = Self::begun();
        let repository = organisation.repository();
        std::fs::create_dir_all(repository.join("projects")).unwrap();
        let wildlife =
            header("Project", "wildlife") + "  owner: data-scientists\n  costCenter: cc-1\n";
        std::fs::write(repository.join("projects/wildlife.yaml"), wildlife).unwrap();
        for project in 0..projects {
            let name = format!("p{project:03}");
            let text = header("Project", &name) + "  owner: data-scientists\n  costCenter: cc-1\n";
            std::fs::write(repository.join(format!("projects/{name}.yaml")), text).unwrap();
            for (environment, clearance, accepts) in WORKSPACES {
                let workspace = format!("{name}-{environment}");
                let accepts = accepts
                    .map(|from| format!("  accepts: [{name}-{from}]\n"))
                    .unwrap_or_default();
                let text = header("Workspace", &workspace)
                    + &format!(
                        "  environment: {environment}\n  projects: [{name}]\n  region: westeurope\n  clearance: {clearance}\n{accepts}"
                    )
                    + &format!(
                        "  adapter:\n    directory:\n      path: ../workspaces/{workspace}\n"
                    );
                std::fs::write(
                    repository.join(format!("workspaces/{workspace}.yaml")),
                    text,
                )
                .unwrap();
            }
        }
        organisation.promote(&["trust", "sign", "--commit"]);
        organisation.promote(&["apply"]);
        organisation
    }

    fn begun() -> Self {
        let organisation = Self { folder: folder() };
        std::fs::create_dir(organisation.path("home")).unwrap();
        let mut keygen = Command::new("ssh-keygen");
        run(keygen
            .args(["-q", "-t", "ed25519", "-N", "", "-C", "ada", "-f"])
            .arg(organisation.key()));
        let repository = organisation.repository();
        let repository = repository.to_str().unwrap();
        organisation.promote(&[
            "init",
            repository,
            "--pattern",
            "multi-environment",
            "--name",
            "wildlife",
            "--as",
            "ada",
        ]);
        organisation
    }

    /// A path below the organisation's folder.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// The promotion repository.
    pub(crate) fn repository(&self) -> PathBuf {
        self.path("repository")
    }

    /// The person's key.
    pub(crate) fn key(&self) -> PathBuf {
        self.path("key")
    }

    /// The program, ready to run as the person.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_promote"));
        self.surround(&mut command);
        command
            .env("PROMOTE_REPOSITORY", self.repository())
            .env("PROMOTE_SIGNING_KEY", self.key())
            .arg("--quiet")
            .args(arguments);
        command
    }

    /// Runs the program; it has to succeed.
    pub(crate) fn promote(&self, arguments: &[&str]) -> Output {
        run(&mut self.command(arguments))
    }

    /// `git` in the repository, ready to run.
    pub(crate) fn git(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        self.surround(&mut command);
        command.current_dir(self.repository()).args(arguments);
        command
    }

    /// Registers a folder or file in dev as a version of a model.
    pub(crate) fn register(&self, name: &str, version: &str, from: &Path) {
        let code = format!("https://git.example/wildlife@{}", "a".repeat(40));
        let from = from.to_str().unwrap();
        let mut arguments = vec![
            "register",
            name,
            version,
            "--from",
            from,
            "--workspace",
            "dev",
        ];
        arguments.extend([
            "--input",
            "penguins-sample",
            "--code",
            &code,
            "--owner",
            "data-scientists",
            "--purpose",
            "benchmarks",
        ]);
        self.promote(&arguments);
    }

    /// Nothing of the machine's own settings reaches a call.
    fn surround(&self, command: &mut Command) {
        let path = std::env::var_os("PATH").unwrap_or_default();
        command
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.path("home"))
            .env("GIT_CONFIG_NOSYSTEM", "1");
        for role in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{role}_NAME"), "ada")
                .env(format!("GIT_{role}_EMAIL"), "ada@wildlife.example");
        }
    }
}

/// Runs a command that has to succeed.
pub(crate) fn run(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}
