//! An organisation for tests: a promotion repository in the layout `multi-environment` with real keys and people, whose
//! releases really go from dev to prod.
//!
//! | who | group |
//! | --- | --- |
//! | ann, ben | admins: both sign the trust root, one of them platform files |
//! | sue | data-stewards: signs datasets |
//! | eve, fay | data-scientists: eve registers and requests |
//! | bob | reviewers, risk |
//! | dan | reviewers, release-managers |

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::adapter::conformance::MemoryContent;
use crate::adapter::directory::DirectoryAdapter;
use crate::adapter::{Adapter as _, Record};
use crate::attest::engine_key::EngineKey;
use crate::attest::ssh::commit::GIT_NAMESPACE;
use crate::attest::ssh::sign;
use crate::clock::{Clock as _, ManualClock};
use crate::config::Environment;
use crate::engine::inbox::{INBOX_BRANCH, STATEMENTS_FOLDER};
use crate::engine::reconcile::RunReport;
use crate::engine::{Engine, Keys, Places};
use crate::flow::permit::{Origin, permit};
use crate::fs::durable;
use crate::git::commit::NewCommit;
use crate::git::identity::{Identity, init_repository};
use crate::git::program::GitProgram;
use crate::git::repository::Repository;
use crate::ledger::signer::Signer;
use crate::manifest::layout::{
    TRUST_INDEX_PATH, TRUST_ROOT_PATH, is_governed, path_of_checksums, path_of_principal_signature,
    path_of_release, path_of_signature, path_of_version,
};
use crate::model::approval::{
    APPROVAL_NAMESPACE, APPROVAL_TYPE, Approval, ApprovalDecision, MANIFEST_NAMESPACE,
    MARK_BAD_TYPE, MarkBad, RELEASE_NAMESPACE, TRUST_NAMESPACE,
};
use crate::model::artifact::VersionId;
use crate::model::attestation::{Statement, Subject};
use crate::model::digest::{Sha256, TreeDigest};
use crate::model::id::{EnvironmentName, WorkspaceName};
use crate::model::label::{Clearance, Label};
use crate::model::lineage::Lineage;
use crate::model::workspace::WorkspaceFacts;
use crate::plan::desired::Change;
use crate::progress::Silent;
use crate::redact::Secret;

/// Everyone.
pub(crate) const PEOPLE: [&str; 7] = ["ann", "ben", "bob", "dan", "eve", "fay", "sue"];
/// The name of the ledger.
pub(crate) const ORIGIN: &str = "ledger.test/wildlife";
/// The branch that is followed.
const MAIN: &str = "main";

/// Where an organisation keeps its ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LedgerAt {
    /// On the branch `promote-ledger`.
    Branch,
    /// In the folder `ledger` beside the repository.
    Directory,
}

/// An organisation in a temporary folder.
#[derive(Debug)]
pub(crate) struct TestOrganisation {
    folder: tempfile::TempDir,
    /// The time, which stands still until a test moves it.
    pub(crate) clock: ManualClock,
    environment: Environment,
    repository: Repository,
    engine_pem: Secret<Vec<u8>>,
    log_key: Secret<String>,
}

impl TestOrganisation {
    /// A signed start, with the ledger on a branch. It is the morning of 2026-09-01.
    pub(crate) fn new() -> Self {
        Self::with_ledger(LedgerAt::Branch)
    }

    /// A signed start.
    pub(crate) fn with_ledger(ledger: LedgerAt) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().display().to_string();
        let variables = [
            ("HOME", home.as_str()),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
        ];
        let program = GitProgram {
            environment: variables
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
            ..GitProgram::default()
        };
        let path = Environment::from_process();
        let environment = Environment::from_iter(
            variables
                .into_iter()
                .chain(path.get("PATH").map(|path| ("PATH", path))),
        );
        let repository =
            init_repository(&folder.path().join("organisation"), MAIN, program).unwrap();
        let organisation = Self {
            clock: ManualClock::new("2026-09-01T08:00:00Z".parse().unwrap()),
            environment,
            repository,
            engine_pem: EngineKey::generate().unwrap(),
            log_key: Signer::generate(ORIGIN).unwrap().private_key(),
            folder,
        };
        organisation.write_keys();
        organisation.start(ledger);
        organisation
    }

    /// The temporary folder: the repository is in `organisation`, workspaces in `workspaces`, keys in `keys`.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The promotion repository.
    pub(crate) fn repository_path(&self) -> PathBuf {
        self.folder().join("organisation")
    }

    /// The SSH key of a person.
    pub(crate) fn key_path(&self, who: &str) -> PathBuf {
        self.folder().join("keys").join(who)
    }

    /// The environment variables that programs see.
    pub(crate) const fn environment(&self) -> &Environment {
        &self.environment
    }

    /// An engine that acts for all environments.
    pub(crate) fn engine(&self) -> Engine {
        let keys = Keys {
            engine: EngineKey::from_pem(&self.engine_pem).unwrap(),
            log: Signer::parse(&self.log_key).unwrap(),
        };
        self.build(Some(keys))
    }

    /// An engine that only looks.
    pub(crate) fn observer(&self) -> Engine {
        self.build(None)
    }

    fn build(&self, keys: Option<Keys>) -> Engine {
        let places = Places {
            branch: MAIN.to_owned(),
            base: self.repository_path(),
            state: self.folder().join("state"),
        };
        let clock = Arc::new(self.clock.clone());
        Engine::new(
            clock,
            self.repository.clone(),
            places,
            keys,
            Arc::new(Silent),
        )
    }

    /// Runs an engine once, over all environments.
    pub(crate) fn reconcile(&self) -> RunReport {
        let mut engine = self.engine();
        block_on(async move { engine.reconcile(&std::collections::BTreeSet::new()).await }).unwrap()
    }

    /// The time.
    pub(crate) fn clock_now(&self) -> jiff::Timestamp {
        self.clock.now()
    }

    /// Moves the clock forward.
    pub(crate) fn wait(&self, hours: i64) {
        self.clock.advance(hours * 3600);
    }

    /// Signs bytes with a person's key.
    pub(crate) fn sign(&self, who: &str, namespace: &str, message: &[u8]) -> Vec<u8> {
        let armored = sign::sign(&self.environment, &self.key_path(who), namespace, message);
        armored.unwrap().into_bytes()
    }

    /// Commits files to a branch, signed by a person. `None` removes a file.
    pub(crate) fn commit(
        &self,
        who: &str,
        branch: &str,
        changes: &BTreeMap<String, Option<Vec<u8>>>,
    ) {
        let base = self.repository.fetch(&[branch]).unwrap();
        let base = base.get(branch).copied().flatten();
        let sign = |bytes: &[u8]| {
            let armored = self.sign(who, GIT_NAMESPACE, bytes);
            String::from_utf8(armored).map_err(|error| error.to_string())
        };
        let commit = NewCommit {
            base,
            changes,
            message: "test: a change",
            author: &Identity::new(who, &format!("{who}@example.com")).unwrap(),
            time: self.clock.now(),
            sign: Some(&sign),
        };
        let id = self.repository.commit_files(commit).unwrap();
        self.repository.advance(branch, base, id).unwrap();
    }

    /// Signs the trust root again, as it is.
    pub(crate) fn sign_root_again(&self, who: &str) {
        let root = self.head_files().remove(TRUST_ROOT_PATH).unwrap();
        let path = path_of_principal_signature(TRUST_ROOT_PATH, &who.parse().unwrap());
        let changes = BTreeMap::from([(path, Some(self.sign(who, TRUST_NAMESPACE, &root)))]);
        self.commit(who, MAIN, &changes);
    }

    /// Changes governed files and has the index signed by `signers`, whose first commits.
    pub(crate) fn govern(&self, signers: &[&str], changes: &[(&str, Option<&str>)]) {
        let changes = changes.iter().map(|(path, text)| {
            let bytes = text.map(|text| text.as_bytes().to_vec());
            ((*path).to_owned(), bytes)
        });
        let mut changes: BTreeMap<String, Option<Vec<u8>>> = changes.collect();
        changes.extend(self.signed_index(&changes, signers));
        self.commit(signers.first().unwrap(), MAIN, &changes);
    }

    /// Writes a version into a workspace and registers it, as its producer. The files get a model card.
    pub(crate) fn register(&self, who: &str, version: &str, made: &Made<'_>) -> TreeDigest {
        let version: VersionId = version.parse().unwrap();
        let card: (&str, &[u8]) = ("README.md", b"# What it is for\n");
        let files: Vec<(&str, &[u8])> = made
            .files
            .iter()
            .map(|(path, text)| (*path, text.as_bytes()))
            .chain([card])
            .collect();
        let content = MemoryContent::new(&files).unwrap();
        let record = content.record(&version).unwrap();
        self.upload(made.workspace, &record, &content);
        let manifest = yaml(&json!({
            "apiVersion": "promote.dev/v1alpha1", "kind": "ModelVersion",
            "metadata": { "name": version.artifact.name },
            "spec": {
                "project": version.artifact.project, "version": version.version, "digest": record.digest,
                "size": record.files.total_size(), "workspace": made.workspace, "lineage": made.lineage,
                "metrics": { "accuracy": made.accuracy, "log-loss": 0.2 }, "card": "README.md",
            }
        }));
        let path = path_of_version(&version);
        let mut changes = BTreeMap::from([
            (
                path_of_checksums(&version),
                Some(record.files.checksum_lines().into_bytes()),
            ),
            (path.clone(), Some(manifest.clone())),
        ]);
        if made.is_signed {
            let signature = self.sign(who, MANIFEST_NAMESPACE, &manifest);
            changes.insert(path_of_signature(&path), Some(signature));
        }
        self.commit(who, MAIN, &changes);
        record.digest
    }

    /// Puts bytes where their producer made them.
    fn upload(&self, workspace: &str, record: &Record, content: &MemoryContent) {
        let name: WorkspaceName = workspace.parse().unwrap();
        let adapter = DirectoryAdapter::new(
            name.clone(),
            &self.folder().join("workspaces").join(workspace),
        );
        let facts = WorkspaceFacts {
            environment: workspace.parse().unwrap(),
            clearance: Clearance::new(["internal".parse().unwrap()]).unwrap(),
            accepts: std::collections::BTreeSet::new(),
            name,
        };
        let label = Label::new(["internal".parse().unwrap()]).unwrap();
        let permit = permit(record.digest, &label, &Origin::Producer, &facts).unwrap();
        block_on(async { adapter.write(&permit, record, content).await }).unwrap();
    }

    /// Writes the release that asks for a version, signed.
    pub(crate) fn request(&self, who: &str, version: &str, environment: &str) {
        let version: VersionId = version.parse().unwrap();
        let environment: EnvironmentName = environment.parse().unwrap();
        let world = self.observer().observe().unwrap();
        let digest = world
            .manifests
            .versions
            .get(&version)
            .unwrap()
            .document
            .value
            .spec
            .digest;
        let release = yaml(&json!({
            "apiVersion": "promote.dev/v1alpha1", "kind": "Release",
            "metadata": { "name": version.artifact.name },
            "spec": {
                "environment": environment, "artifact": version.artifact, "version": version.version, "digest": digest,
                "reason": format!("asked at {}", self.clock.now()),
            }
        }));
        let path = path_of_release(&environment, &version.artifact);
        let signature = self.sign(who, RELEASE_NAMESPACE, &release);
        let changes = BTreeMap::from([
            (path_of_signature(&path), Some(signature)),
            (path, Some(release)),
        ]);
        self.commit(who, MAIN, &changes);
    }

    /// Says yes to everything that waits for an environment.
    pub(crate) fn approve(&self, who: &str, environment: &str) {
        self.answer(who, environment, ApprovalDecision::Approve);
    }

    /// Says no to everything that waits for an environment.
    pub(crate) fn reject(&self, who: &str, environment: &str) {
        self.answer(who, environment, ApprovalDecision::Reject);
    }

    fn answer(&self, who: &str, environment: &str, decision: ApprovalDecision) {
        let mut engine = self.observer();
        let world = engine.observe().unwrap();
        for change in world.changes() {
            let Change::Promote(promotion) = change else {
                continue;
            };
            if promotion.environment.as_str() != environment {
                continue;
            }
            let judged = engine.judge(&world, promotion).unwrap();
            let digest = judged.promotion.digest;
            let issued_at = self.clock.now();
            let approval = Approval {
                decision,
                binding: judged.evidence.binding(&judged.promotion).unwrap(),
                meaning: "I have read the report".to_owned(),
                principal: who.parse().unwrap(),
                issued_at,
                expires_at: issued_at + SignedDuration::from_hours(48),
                nonce: format!("{who}-{issued_at}"),
            };
            let subject = Subject::artifact(judged.promotion.slot.to_string(), digest);
            self.say(who, &Statement::new(subject, APPROVAL_TYPE, approval));
        }
    }

    /// Says that a digest is bad.
    pub(crate) fn mark_bad(&self, who: &str, digest: TreeDigest, reason: &str) {
        let mark = MarkBad {
            ledger: ORIGIN.to_owned(),
            digest,
            reason: reason.to_owned(),
            principal: who.parse().unwrap(),
            issued_at: self.clock.now(),
            nonce: format!("{who}-{}", self.clock.now()),
        };
        let subject = Subject::artifact("a version".to_owned(), digest);
        self.say(who, &Statement::new(subject, MARK_BAD_TYPE, mark));
    }

    /// Signs a statement and puts it into the inbox.
    pub(crate) fn say<P: serde::Serialize>(&self, who: &str, statement: &Statement<P>) {
        self.say_bytes(who, &serde_json::to_vec(statement).unwrap());
    }

    /// Signs bytes as a statement and puts them into the inbox.
    pub(crate) fn say_bytes(&self, who: &str, bytes: &[u8]) {
        let name = Sha256::of(bytes);
        let signature = self.sign(who, APPROVAL_NAMESPACE, bytes);
        let key = sign::read_public_key(&self.key_path(who))
            .unwrap()
            .fingerprint();
        let path = format!("{STATEMENTS_FOLDER}/{name}.json");
        let changes = BTreeMap::from([
            (format!("{path}.{}.sig", key.file_name()), Some(signature)),
            (path, Some(bytes.to_vec())),
        ]);
        self.commit(who, INBOX_BRANCH, &changes);
    }

    /// A model of eve's goes all the way: registered in dev, a reviewer lets it into qa, and a day later two persons let
    /// it into prod.
    pub(crate) fn promote_to_prod(&self, version: &str, weights: &str) -> TreeDigest {
        let digest = self.register(
            "eve",
            version,
            &Made {
                files: &[("model.bin", weights)],
                ..Made::default()
            },
        );
        self.request("eve", version, "qa");
        self.approve("bob", "qa");
        self.reconcile();
        self.wait(25);
        self.request("eve", version, "prod");
        self.approve("bob", "prod");
        self.approve("dan", "prod");
        self.reconcile();
        digest
    }

    fn write_keys(&self) {
        let keys = self.folder().join("keys");
        durable::create_dir_all(&keys).unwrap();
        for who in PEOPLE {
            // Some keys never sign the same bytes the same way twice.
            let kind = if ["ben", "dan"].contains(&who) {
                "ecdsa"
            } else {
                "ed25519"
            };
            let mut command = self.environment.command("ssh-keygen");
            command
                .args(["-q", "-t", kind, "-N", "", "-C", who, "-f"])
                .arg(keys.join(who));
            assert!(command.status().unwrap().success());
        }
        durable::write_private(&keys.join("engine.pem"), self.engine_pem.expose()).unwrap();
        durable::write_private(&keys.join("log.key"), self.log_key.expose().as_bytes()).unwrap();
    }

    fn start(&self, ledger: LedgerAt) {
        let mut files: BTreeMap<String, Option<Vec<u8>>> = LAYOUT
            .iter()
            .map(|(path, text)| {
                (
                    (*path).to_owned(),
                    Some(text.replace("$NAME", "wildlife").into_bytes()),
                )
            })
            .collect();
        if ledger == LedgerAt::Directory {
            let topology = files
                .get_mut("promote.yaml")
                .and_then(Option::as_mut)
                .unwrap();
            topology
                .extend_from_slice(b"  ledger:\n    store: directory\n    path: ../ledger-store\n");
        }
        let root = self.trust_root();
        for who in ["ann", "ben"] {
            let path = path_of_principal_signature(TRUST_ROOT_PATH, &who.parse().unwrap());
            files.insert(path, Some(self.sign(who, TRUST_NAMESPACE, &root)));
        }
        files.insert(TRUST_ROOT_PATH.to_owned(), Some(root));
        files.extend(self.signed_index(&files, &["ann", "sue"]));
        self.commit("ann", MAIN, &files);
    }

    fn trust_root(&self) -> Vec<u8> {
        let key = |who: &str| {
            let bytes =
                durable::read_bounded(&self.key_path(&format!("{who}.pub")), 10_000).unwrap();
            let line = String::from_utf8(bytes).unwrap();
            line.split_whitespace()
                .take(2)
                .collect::<Vec<_>>()
                .join(" ")
        };
        let principal = |who: &str| json!({ "name": format!("{who} of Wildlife"), "keys": [key(who)], "emails": [format!("{who}@example.com")] });
        let principals: BTreeMap<&str, Value> =
            PEOPLE.iter().map(|who| (*who, principal(who))).collect();
        let engine = EngineKey::from_pem(&self.engine_pem).unwrap();
        let log = Signer::parse(&self.log_key).unwrap();
        yaml(&json!({
            "apiVersion": "promote.dev/v1alpha1", "kind": "TrustRoot", "metadata": { "name": "wildlife" },
            "spec": {
                "version": 1, "expires": "2028-01-01T00:00:00Z", "principals": principals,
                "groups": {
                    "admins": ["ann", "ben"], "data-stewards": ["sue"], "data-scientists": ["eve", "fay"],
                    "reviewers": ["bob", "dan"], "risk": ["bob"], "release-managers": ["dan"],
                },
                "roles": {
                    "root": { "threshold": 2, "groups": ["admins"] },
                    "platform": { "threshold": 1, "groups": ["admins"],
                        "paths": ["promote.yaml", "workspaces/", "policies/", "freezes/", "trust/allowed_signers"] },
                    "data": { "threshold": 1, "groups": ["data-stewards"], "paths": ["datasets/"] },
                },
                "engines": { "local": { "key": engine.public_key().to_pem(), "environments": ["dev", "qa", "prod"] } },
                "ledger": { "key": log.verifier().to_string() },
            }
        }))
    }

    /// The index over the head with changes, one version on, and its signatures.
    fn signed_index(
        &self,
        changes: &BTreeMap<String, Option<Vec<u8>>>,
        signers: &[&str],
    ) -> BTreeMap<String, Option<Vec<u8>>> {
        let mut files = self.head_files();
        let mut index = BTreeMap::new();
        for (path, bytes) in changes {
            match bytes {
                Some(bytes) => files.insert(path.clone(), bytes.clone()),
                None => files.remove(path),
            };
        }
        let pins: BTreeMap<&String, Sha256> = files
            .iter()
            .filter(|(path, _)| is_governed(path))
            .map(|(path, bytes)| (path, Sha256::of(bytes)))
            .collect();
        let version = self.index_version() + 1;
        let bytes = yaml(&json!({
            "apiVersion": "promote.dev/v1alpha1", "kind": "TrustIndex", "metadata": { "name": "wildlife" },
            "spec": { "version": version, "root": Sha256::of(files.get(TRUST_ROOT_PATH).unwrap()), "files": pins },
        }));
        for path in files
            .keys()
            .filter(|path| path.starts_with(TRUST_INDEX_PATH) && path.as_str() != TRUST_INDEX_PATH)
        {
            index.insert(path.clone(), None);
        }
        for who in signers {
            let path = path_of_principal_signature(TRUST_INDEX_PATH, &who.parse().unwrap());
            index.insert(path, Some(self.sign(who, TRUST_NAMESPACE, &bytes)));
        }
        index.insert(TRUST_INDEX_PATH.to_owned(), Some(bytes));
        index
    }

    fn index_version(&self) -> u64 {
        let files = self.head_files();
        let Some(bytes) = files.get(TRUST_INDEX_PATH) else {
            return 0;
        };
        let text = std::str::from_utf8(bytes).unwrap();
        let index: Value = serde_yaml::from_str(text).unwrap();
        index.pointer("/spec/version").unwrap().as_u64().unwrap()
    }

    /// All files of the followed branch.
    pub(crate) fn head_files(&self) -> BTreeMap<String, Vec<u8>> {
        self.files(MAIN)
    }

    /// All files of a branch.
    pub(crate) fn files(&self, branch: &str) -> BTreeMap<String, Vec<u8>> {
        let heads = self.repository.fetch(&[branch]).unwrap();
        let Some(head) = heads.get(branch).copied().flatten() else {
            return BTreeMap::new();
        };
        let snapshot = self.repository.snapshot(head).unwrap();
        let entries = snapshot.list("").unwrap().into_iter();
        entries
            .map(|entry| {
                let bytes = snapshot.read(&entry.path, 1 << 24).unwrap().unwrap();
                (entry.path, bytes)
            })
            .collect()
    }
}

/// How a version was made.
#[derive(Debug)]
pub(crate) struct Made<'a> {
    /// The workspace.
    pub(crate) workspace: &'a str,
    /// The files, besides the model card.
    pub(crate) files: &'a [(&'a str, &'a str)],
    /// What it was made from.
    pub(crate) lineage: Option<Lineage>,
    /// One of its metrics; the other is always good.
    pub(crate) accuracy: f64,
    /// Whether its producer signs it.
    pub(crate) is_signed: bool,
}

impl Default for Made<'_> {
    /// Made in dev, well, from the sample.
    fn default() -> Self {
        Self {
            workspace: "dev",
            files: &[("model.bin", "weights")],
            lineage: Some(Lineage {
                datasets: vec!["penguins-sample".parse().unwrap()],
                bases: Vec::new(),
                code: Some(crate::model::lineage::CodeCommit {
                    repository: "https://git.example.com/penguins".to_owned(),
                    commit: "1".repeat(40),
                }),
                run: Some("run-7".to_owned()),
            }),
            accuracy: 0.97,
            is_signed: true,
        }
    }
}

/// Waits for a future, with all that adapters need.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// A manifest as text.
pub(crate) fn yaml(value: &Value) -> Vec<u8> {
    serde_yaml::to_string(value).unwrap().into_bytes()
}

macro_rules! layout {
    ($($path:literal),* $(,)?) => {
        [$(($path, include_str!(concat!("../../pipelines/multi-environment/", $path)))),*]
    };
}

/// The files of the pattern, but for the trust root, which names its people.
const LAYOUT: [(&str, &str); 10] = layout![
    "promote.yaml",
    "workspaces/dev.yaml",
    "workspaces/qa.yaml",
    "workspaces/prod.yaml",
    "policies/qa.yaml",
    "policies/prod.yaml",
    "datasets/penguins-sample.yaml",
    "datasets/penguins-field.yaml",
    "models/wildlife/penguin-species/model.yaml",
    "freezes/year-end.yaml",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::reconcile::SlotStatus;

    const FIRST: &str = "wildlife/model/penguin-species@1.0.0";

    #[test]
    fn a_model_goes_from_dev_to_prod() {
        for ledger in [LedgerAt::Branch, LedgerAt::Directory] {
            let organisation = TestOrganisation::with_ledger(ledger);
            let digest = organisation.promote_to_prod(FIRST, "weights");
            let report = organisation.reconcile();
            assert_eq!(report.worst(), SlotStatus::UpToDate, "{report:#?}");
            assert_eq!(report.slots.len(), 2);
            assert!(report.slots.iter().all(|slot| slot.digest == digest));
            assert!(report.not_adopted.is_empty());
        }
    }

    #[test]
    fn nothing_goes_on_without_two_persons() {
        let organisation = TestOrganisation::new();
        organisation.register("eve", FIRST, &Made::default());
        organisation.request("eve", FIRST, "qa");
        assert_eq!(organisation.reconcile().worst(), SlotStatus::Waiting);
        organisation.approve("eve", "qa");
        assert_eq!(organisation.reconcile().worst(), SlotStatus::Waiting);
        organisation.approve("dan", "qa");
        let report = organisation.reconcile();
        assert_eq!(report.worst(), SlotStatus::Promoted, "{report:#?}");
    }

    #[test]
    fn one_no_or_a_bad_mark_stops_it() {
        let organisation = TestOrganisation::new();
        let digest = organisation.register("eve", FIRST, &Made::default());
        organisation.request("eve", FIRST, "qa");
        organisation.approve("bob", "qa");
        organisation.reject("dan", "qa");
        assert_eq!(organisation.reconcile().worst(), SlotStatus::Denied);
        organisation.approve("dan", "qa");
        organisation.mark_bad("sue", digest, "the labels were mixed up");
        assert_eq!(organisation.reconcile().worst(), SlotStatus::Denied);
    }

    #[test]
    fn what_is_signed_again_does_not_replace_what_is_recorded() {
        let organisation = TestOrganisation::new();
        organisation.reconcile();
        organisation.sign_root_again("ben");
        organisation.govern(&["ben"], &[("freezes/year-end.yaml", None)]);
        assert_eq!(organisation.reconcile().not_adopted.len(), 0);
        // The ledger is opened afresh, and every adoption judged again.
        assert_eq!(organisation.reconcile().not_adopted.len(), 0);
    }

    #[test]
    fn a_statement_counts_once_for_each_key_and_never_under_a_wrong_name() {
        let organisation = TestOrganisation::new();
        let digest = organisation.register("eve", FIRST, &Made::default());
        let size = organisation.reconcile().ledger_size;
        organisation.mark_bad("dan", digest, "the labels were mixed up");
        let inbox = organisation.files(INBOX_BRANCH);
        let (path, statement) = inbox
            .iter()
            .find(|(path, _)| path.ends_with(".json"))
            .unwrap();
        let (wrong, again) = (Sha256::of(b"other"), "statements/".len());
        let again = path.get(again..).unwrap().strip_suffix(".json").unwrap();
        let signature = || Some(organisation.sign("dan", APPROVAL_NAMESPACE, statement));
        let changes = BTreeMap::from([
            (format!("statements/{again}.json.second.sig"), signature()),
            (format!("statements/{wrong}.json"), Some(statement.clone())),
            (format!("statements/{wrong}.json.x.sig"), signature()),
        ]);
        organisation.commit("dan", INBOX_BRANCH, &changes);
        assert_eq!(organisation.reconcile().ledger_size, size + 1);
        assert_eq!(organisation.reconcile().ledger_size, size + 1);
    }

    #[test]
    fn governed_files_change_with_the_right_signatures_alone() {
        let organisation = TestOrganisation::new();
        organisation.reconcile();
        let policy = LAYOUT
            .iter()
            .find(|(path, _)| *path == "policies/qa.yaml")
            .unwrap()
            .1
            .replace("0.9", "0.99");
        organisation.govern(&["sue"], &[("policies/qa.yaml", Some(&policy))]);
        assert_eq!(organisation.reconcile().not_adopted.len(), 1);
        organisation.govern(&["ben"], &[("policies/qa.yaml", Some(&policy))]);
        assert_eq!(organisation.reconcile().not_adopted.len(), 0);
        organisation.register("eve", FIRST, &Made::default());
        organisation.request("eve", FIRST, "qa");
        assert_eq!(organisation.reconcile().worst(), SlotStatus::Denied);
    }
}
