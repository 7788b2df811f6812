//! A whole organisation in a temporary folder, driven through the program as its people would: own keys, own names, a
//! promotion repository, three workspaces.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// The people, with the groups that they are in.
const PEOPLE: [(&str, &[&str]); 5] = [
    ("ada", &["admins", "data-stewards"]),
    ("dana", &["data-scientists"]),
    ("rita", &["reviewers", "risk"]),
    ("omar", &["reviewers", "risk"]),
    ("mia", &["reviewers", "release-managers"]),
];

/// What a call of the program answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The exit code; -1 when a signal ended it.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Answer {
    /// Both outputs, for failing with.
    pub(crate) fn all(&self) -> String {
        format!(
            "exit {}\n--- stdout\n{}--- stderr\n{}",
            self.code, self.stdout, self.stderr
        )
    }

    /// Expects an exit code.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}", self.all());
        self
    }

    /// The data as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.all()))
    }
}

/// The organisation.
#[derive(Debug)]
pub(crate) struct Organisation {
    pub(crate) folder: TempDir,
}

impl Organisation {
    /// An organisation in the pattern `multi-environment` whose prod asks for no soak time; adopted and ready.
    pub(crate) fn new() -> Self {
        Self::in_pattern("multi-environment")
    }

    /// The same in another pattern.
    pub(crate) fn in_pattern(pattern: &str) -> Self {
        Self::begun(pattern, |_| {})
    }

    /// The same with its ledger in the folder `ledger` beside the repository.
    pub(crate) fn with_directory_ledger() -> Self {
        Self::begun("multi-environment", |organisation| {
            let ledger = "  environments: [dev, qa, prod]\n  ledger:\n    store: directory\n    path: ../ledger\n";
            organisation.edit("promote.yaml", "  environments: [dev, qa, prod]\n", ledger);
        })
    }

    /// An organisation whose files are edited before they are signed for the first time.
    pub(crate) fn begun(pattern: &str, edit: impl FnOnce(&Self)) -> Self {
        let organisation = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for folder in ["home", "keys"] {
            std::fs::create_dir(organisation.path(folder)).unwrap();
        }
        for (name, _) in PEOPLE {
            organisation.new_key(name);
        }
        let repository = organisation.repository();
        organisation
            .as_person(
                "ada",
                &[
                    "init",
                    repository.to_str().unwrap(),
                    "--pattern",
                    pattern,
                    "--name",
                    "wildlife",
                    "--as",
                    "ada",
                ],
            )
            .expect_code(0);
        organisation.share_out();
        if pattern == "multi-environment" {
            organisation.edit(
                "policies/prod.yaml",
                "    - gate: soak-time\n      environment: qa\n      duration: 24h\n",
                "",
            );
        }
        edit(&organisation);
        organisation
            .as_person("ada", &["trust", "sign", "--commit"])
            .expect_code(0);
        organisation.apply().expect_code(0);
        organisation
    }

    /// Everybody joins, and ada keeps what is hers.
    fn share_out(&self) {
        for (name, groups) in PEOPLE.into_iter().skip(1) {
            self.add(name, name, groups);
        }
        let key = self.key("ada.pub");
        let mut leave = vec!["trust", "add-key", "ada", "--key", key.to_str().unwrap()];
        for group in ["data-scientists", "reviewers", "risk", "release-managers"] {
            leave.extend(["--leave", group]);
        }
        self.as_person("ada", &leave).expect_code(0);
    }

    /// A path below the organisation's folder.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// The promotion repository.
    pub(crate) fn repository(&self) -> PathBuf {
        self.path("repository")
    }

    /// A workspace's folder.
    pub(crate) fn workspace(&self, name: &str) -> PathBuf {
        self.path("workspaces").join(name)
    }

    /// A key file.
    pub(crate) fn key(&self, name: &str) -> PathBuf {
        self.path("keys").join(name)
    }

    /// Makes an SSH key of that name.
    pub(crate) fn new_key(&self, name: &str) {
        let status = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
            .arg(self.key(name))
            .stdin(Stdio::null())
            .status();
        assert!(status.unwrap().success());
    }

    /// Adds a key to a person, and the person to groups. Not signed yet.
    pub(crate) fn add(&self, person: &str, key: &str, groups: &[&str]) {
        let (key, email) = (
            self.key(&format!("{key}.pub")),
            format!("{person}@wildlife.example"),
        );
        let mut arguments = vec![
            "trust",
            "add-key",
            person,
            "--key",
            key.to_str().unwrap(),
            "--email",
            &email,
        ];
        for group in groups {
            arguments.extend(["--group", group]);
        }
        self.as_person("ada", &arguments).expect_code(0);
    }

    /// Runs the program with a person's key and name.
    pub(crate) fn as_person(&self, person: &str, arguments: &[&str]) -> Answer {
        answer(self.command(person).args(arguments))
    }

    /// The program, ready to run as a person.
    pub(crate) fn command(&self, person: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_promote"));
        self.surround(&mut command, person);
        command
            .env("PROMOTE_REPOSITORY", self.repository())
            .env("PROMOTE_SIGNING_KEY", self.key(person))
            .arg("--quiet");
        command
    }

    /// Runs `git` in the repository, as a person.
    #[track_caller]
    pub(crate) fn git(&self, person: &str, arguments: &[&str]) -> String {
        let answer = answer(self.git_command(person).args(arguments)).expect_code(0);
        answer.stdout.trim().to_owned()
    }

    /// `git` in the repository, ready to run as a person.
    pub(crate) fn git_command(&self, person: &str) -> Command {
        let mut command = Command::new("git");
        self.surround(&mut command, person);
        command.current_dir(self.repository());
        command
    }

    /// Nothing of the machine's own settings reaches a call.
    fn surround(&self, command: &mut Command, person: &str) {
        command.env_clear().stdin(Stdio::null());
        command
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("home"));
        command
            .env("LC_ALL", "C.UTF-8")
            .env("NO_COLOR", "1")
            .env("GIT_CONFIG_NOSYSTEM", "1");
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), person).env(
                format!("GIT_{role}_EMAIL"),
                format!("{person}@wildlife.example"),
            );
        }
    }

    /// One run of the engine.
    pub(crate) fn apply(&self) -> Answer {
        self.as_person("ada", &["apply"])
    }

    /// Replaces text in a file of the work tree; it must be there.
    #[track_caller]
    pub(crate) fn edit(&self, path: &str, from: &str, to: &str) {
        let path = self.repository().join(path);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.contains(from),
            "`{from}` is not in {}:\n{text}",
            path.display()
        );
        std::fs::write(path, text.replace(from, to)).unwrap();
    }

    /// Commits the work tree as it is.
    pub(crate) fn commit_all(&self, person: &str, message: &str) {
        self.git(person, &["add", "-A"]);
        self.git(person, &["commit", "-q", "-m", message]);
    }

    /// A folder with a really trained model: `penguin-species/1.0.0`, `penguin-species/1.1.0`, `penguin-species-field/1.0.0`.
    pub(crate) fn model(path: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("src/ops/demo/penguins")
            .join(path)
    }

    /// The arguments that register a folder as a model of the project `wildlife`, with good metrics and a whole lineage.
    pub(crate) fn register_arguments(
        name: &str,
        version: &str,
        from: &Path,
        workspace: &str,
        dataset: &str,
    ) -> Vec<String> {
        let code = format!("https://git.example/wildlife@{}", "a".repeat(40));
        let from = from.to_str().unwrap();
        let arguments = [
            "register",
            name,
            version,
            "--from",
            from,
            "--workspace",
            workspace,
            "--input",
            dataset,
            "--code",
            &code,
            "--metric",
            "accuracy=0.97",
            "--metric",
            "log-loss=0.3",
            "--card",
            "MODEL_CARD.md",
            "--owner",
            "data-scientists",
            "--purpose",
            "tests",
        ];
        arguments.map(str::to_owned).to_vec()
    }

    /// Registers a folder as a model, as dana.
    pub(crate) fn register(
        &self,
        name: &str,
        version: &str,
        from: &Path,
        workspace: &str,
        dataset: &str,
    ) -> Answer {
        let arguments = Self::register_arguments(name, version, from, workspace, dataset);
        self.as_person(
            "dana",
            &arguments.iter().map(String::as_str).collect::<Vec<_>>(),
        )
    }

    /// Registers `wildlife/penguin-species` in dev from the real model of that version, and asks for it in an environment.
    #[track_caller]
    pub(crate) fn register_and_request(&self, version: &str, environment: &str) {
        let from = Self::model(&format!("penguin-species/{version}"));
        self.register(
            "wildlife/penguin-species",
            version,
            &from,
            "dev",
            "penguins-sample",
        )
        .expect_code(0);
        self.request(&format!("wildlife/penguin-species@{version}"), environment)
            .expect_code(0);
    }

    /// Asks for a version in an environment, as dana.
    pub(crate) fn request(&self, version: &str, environment: &str) -> Answer {
        self.as_person("dana", &["request", version, "--to", environment])
    }

    /// The short id of the promotion that waits for an artifact and environment.
    #[track_caller]
    pub(crate) fn waiting(&self, environment: &str, artifact: &str) -> String {
        let prefix = format!("{environment}-{artifact}-");
        let plan = self
            .as_person("dana", &["plan", "-o", "name"])
            .expect_code(0);
        plan.stdout
            .lines()
            .find(|id| id.starts_with(&prefix))
            .unwrap_or_else(|| panic!("nothing waits: {}", plan.all()))
            .to_owned()
    }

    /// A person approves the promotion of the penguins to an environment.
    #[track_caller]
    pub(crate) fn approve(&self, person: &str, environment: &str) {
        let promotion = self.waiting(environment, "penguin-species");
        self.as_person(person, &["approve", &promotion, "--yes"])
            .expect_code(0);
    }

    /// Takes a registered version of the penguins through qa.
    #[track_caller]
    pub(crate) fn promote_to_qa(&self, version: &str) {
        self.register_and_request(version, "qa");
        self.approve("rita", "qa");
        self.apply().expect_code(0);
    }

    /// Takes a version of the penguins all the way to prod.
    #[track_caller]
    pub(crate) fn promote_to_prod(&self, version: &str) {
        self.promote_to_qa(version);
        self.request(&format!("wildlife/penguin-species@{version}"), "prod")
            .expect_code(0);
        self.approve("omar", "prod");
        self.approve("mia", "prod");
        self.apply().expect_code(0);
    }

    /// What the pointer of the penguins holds in a workspace, as somebody who serves it would find it.
    pub(crate) fn served(&self, workspace: &str) -> Option<String> {
        let link = self
            .workspace(workspace)
            .join("wildlife/model/penguin-species/current");
        Some(std::fs::read_link(link).ok()?.to_str()?.to_owned())
    }
}

/// Runs a command to its end.
pub(crate) fn answer(command: &mut Command) -> Answer {
    let output = command.output().unwrap();
    Answer {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
