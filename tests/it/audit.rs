//! What an auditor does: from a plain clone, with no keys and no network, and by the page that tells how.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use promote::ledger::merkle::{leaf_hash, root};
use promote::model::digest::Sha256;
use serde_json::Value;

use crate::clones::origin;
use crate::organisation::{Answer, Organisation, answer};
use crate::support::{files_under, root as project};

/// Somebody from outside, in a folder of their own.
struct Auditor {
    folder: PathBuf,
}

impl Auditor {
    fn new(organisation: &Organisation) -> Self {
        let folder = organisation.path("auditor");
        fs::create_dir(&folder).unwrap();
        Self { folder }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// A shell with the program in its path, and nothing of ours in its environment.
    fn shell(&self, script: &str, variables: &[(&str, &str)]) -> Command {
        let program = Path::new(env!("CARGO_BIN_EXE_promote")).parent().unwrap();
        let path = std::env::var("PATH").unwrap();
        let mut shell = Command::new("bash");
        shell
            .env_clear()
            .env("PATH", format!("{}:{path}", program.display()))
            .env("HOME", &self.folder)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("NO_COLOR", "1")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .current_dir(&self.folder)
            .args(["-c", &format!("set -euo pipefail\n{script}")]);
        shell
    }

    fn promote(&self, arguments: &[&str]) -> Answer {
        let mut command = Command::new(env!("CARGO_BIN_EXE_promote"));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", &self.folder)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .current_dir(self.path("repository"))
            .args(arguments);
        answer(&mut command)
    }

    /// Clones, and then takes the network away: what was cloned from is gone.
    fn clone_and_go(&self, from: &Path) {
        let script = format!("git clone --quiet '{}' repository", from.display());
        answer(&mut self.shell(&script, &[])).expect_code(0);
        fs::remove_dir_all(from).unwrap();
    }
}

/// The checkpoint on the ledger's branch.
fn checkpoint(organisation: &Organisation) -> String {
    let text = organisation.git("ada", &["show", "promote-ledger:ledger/checkpoint"]);
    format!("{text}\n")
}

#[test]
fn a_plain_clone_is_verified_without_keys_and_without_a_network() {
    let organisation = Organisation::new();
    organisation.promote_to_qa("1.0.0");
    let auditor = Auditor::new(&organisation);
    fs::write(auditor.path("kept"), checkpoint(&organisation)).unwrap();
    organisation.promote_to_prod("1.1.0");
    auditor.clone_and_go(&origin(&organisation));
    let verify = |more: &[&str]| {
        let arguments = [
            &["verify", "--offline", "--pinned", "../kept", "-o", "json"],
            more,
        ]
        .concat();
        auditor.promote(&arguments)
    };
    let report = verify(&["--replay"]).expect_code(0).json();
    assert_eq!(report["verdict"], "passed");
    let replays = report["replays"].as_array().unwrap();
    assert_eq!(replays.len() as u64, report["decisions"].as_u64().unwrap());
    for replay in replays {
        assert_eq!(
            (&replay["recorded"], &replay["holds"]),
            (&replay["again"], &Value::from(true))
        );
        assert!(replay["sources"].as_u64().unwrap() >= 10, "{replay}");
    }
    // Without the flag the decisions are made again all the same.
    let report = verify(&[]).expect_code(0).json();
    assert!(report.get("replays").is_none() && report["decisions"].as_u64().unwrap() >= 3);
    // With a network that is gone, and no `--offline`, it says so instead of verifying something old.
    auditor.promote(&["verify"]).expect_code(5);
    let other = Organisation::new();
    fs::write(auditor.path("kept"), checkpoint(&other)).unwrap();
    let report = verify(&[]).expect_code(1).json();
    let reason = report["problems"][0]["reason"].as_str().unwrap();
    assert!(
        reason.contains("does not go on from the checkpoint"),
        "{reason}"
    );
}

#[test]
fn decisions_are_verification_summaries_that_name_files_of_the_evidence() {
    let organisation = Organisation::new();
    organisation.promote_to_qa("1.0.0");
    let lines = organisation.git("ada", &["show", "promote-ledger:ledger/entries/000.jsonl"]);
    let mut summaries = 0;
    for line in lines.lines() {
        let envelope: Value = serde_json::from_str(line).unwrap();
        let body = STANDARD
            .decode(envelope["payload"].as_str().unwrap())
            .unwrap();
        let statement: Value = serde_json::from_slice(&body).unwrap();
        if statement["predicateType"] != "https://slsa.dev/verification_summary/v1" {
            continue;
        }
        summaries += 1;
        let inputs = statement["predicate"]["inputAttestations"]
            .as_array()
            .unwrap();
        let mut kinds = BTreeSet::new();
        for input in inputs {
            let path = input["uri"].as_str().unwrap();
            kinds.insert(path.rsplit('.').next().unwrap().to_owned());
            let file = format!("promote-ledger:evidence/{path}");
            let mut git = Command::new("git");
            git.arg("-C")
                .arg(organisation.repository())
                .args(["cat-file", "blob", &file]);
            let bytes = git.output().unwrap().stdout;
            let digest = input["digest"]["sha256"].as_str().unwrap();
            assert_eq!(Sha256::of(&bytes).to_string(), digest, "{path}");
        }
        let expected = ["json", "sig", "yaml"].map(str::to_owned);
        assert_eq!(kinds, BTreeSet::from(expected));
    }
    assert!(summaries > 0);
}

#[test]
fn tiles_are_read_by_somebody_who_knows_the_specification_alone() {
    let organisation = Organisation::new();
    organisation.promote_to_qa("1.0.0");
    let folder = organisation.path("tiles");
    let arguments = ["ledger", "export", "--tiles", folder.to_str().unwrap()];
    organisation.as_person("rita", &arguments).expect_code(0);
    let note = fs::read_to_string(folder.join("checkpoint")).unwrap();
    let mut head = note.lines().skip(1);
    let size: usize = head.next().unwrap().parse().unwrap();
    let expected = head.next().unwrap();
    let tile = fs::read(folder.join(format!("tile/0/000.p/{size}"))).unwrap();
    let hashes: Vec<Sha256> = tile
        .chunks(32)
        .map(|hash| Sha256::from_bytes(hash.try_into().unwrap()))
        .collect();
    assert_eq!(STANDARD.encode(root(&hashes).as_bytes()), expected);
    let bundle = fs::read(folder.join(format!("tile/entries/000.p/{size}"))).unwrap();
    let mut rest = bundle.as_slice();
    let mut entries = Vec::new();
    while !rest.is_empty() {
        let length = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
        entries.push(&rest[2..2 + length]);
        rest = &rest[2 + length..];
    }
    let leaves: Vec<Sha256> = entries.iter().map(|entry| leaf_hash(entry)).collect();
    assert_eq!(leaves, hashes);
    assert_eq!(files_under(&folder).len(), 3);
}

/// The blocks of commands on the page, one script each.
fn blocks(page: &str) -> Vec<String> {
    let parts = page.split("```sh\n").skip(1);
    parts
        .map(|part| part.split("```").next().unwrap().to_owned())
        .collect()
}

/// What the page leaves to its reader, by variable.
fn variables(organisation: &Organisation, origin: &Path) -> Vec<(&'static str, String)> {
    let told = |arguments: &[&str]| {
        organisation
            .as_person("rita", arguments)
            .expect_code(0)
            .json()
    };
    let history = told(&["history", "-o", "json"]);
    let last = history["entries"].as_array().unwrap().last().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let trust = fs::read_to_string(organisation.repository().join("trust/root.yaml")).unwrap();
    let mut keys = trust
        .lines()
        .filter_map(|line| line.trim().strip_prefix("key: "));
    let log_key = keys.rfind(|key| key.contains('+')).unwrap();
    vec![
        ("ORIGIN", origin.to_str().unwrap().to_owned()),
        ("ROOT", text(&told(&["verify", "-o", "json"])["root"])),
        ("DAY", text(&last["recordedAt"])[..10].to_owned()),
        ("DIGEST", text(&last["digest"])),
        ("LOG_KEY", log_key.to_owned()),
        // The first block exports it, and each runs in a shell of its own.
        ("PROMOTE_REMOTE", "offline".to_owned()),
    ]
}

#[test]
fn the_page_for_auditors_does_what_it_says() {
    let organisation = Organisation::new();
    organisation.promote_to_qa("1.0.0");
    let auditor = Auditor::new(&organisation);
    fs::write(auditor.path("kept.checkpoint"), checkpoint(&organisation)).unwrap();
    organisation.promote_to_prod("1.1.0");
    let origin = origin(&organisation);
    let variables = variables(&organisation, &origin);
    let variables: Vec<(&str, &str)> = variables
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let page = fs::read_to_string(project().join("docs/audit.md")).unwrap();
    let blocks = blocks(&page);
    assert_eq!(blocks.len(), 6);
    // The first one clones and goes into the clone; all others begin there.
    answer(&mut auditor.shell(&blocks[0], &variables)).expect_code(0);
    fs::remove_dir_all(&origin).unwrap();
    let run = |block: &str| {
        answer(&mut auditor.shell(&format!("cd repository\n{block}"), &variables)).expect_code(0)
    };
    let verified = run(&blocks[1]).stdout;
    assert_eq!(
        verified
            .matches("everything that was checked holds")
            .count(),
        3
    );
    assert!(verified.contains("agrees") && !verified.contains("differs"));
    let told = run(&blocks[2]).stdout;
    for part in ["1.1.0", "mia", "omar", "penguins-sample"] {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
    run(&blocks[3]);
    let digest = variables
        .iter()
        .find(|(name, _)| *name == "DIGEST")
        .unwrap()
        .1;
    for file in ["promotions.html", "promotions.csv", "promotions.jsonl"] {
        let text = fs::read_to_string(auditor.path(file)).unwrap();
        assert!(text.contains(digest), "{file}");
    }
    let proved = run(&blocks[4]).stdout;
    assert!(proved.contains("holds entry 0 is in"), "{proved}");
    run(&blocks[5]);
}
