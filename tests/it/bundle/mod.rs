//! `promote bundle`: one file from one organisation to another.

mod forged;
mod layout;
mod rules;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::bundle::layout::Members;
use crate::hand::ledger_size;
use crate::organisation::{Answer, Organisation, answer};
use crate::variants::with_file_limit;

const PENGUINS: &str = "wildlife/penguin-species";

/// A bundle with the key of the ledger that it is of.
struct Sent {
    file: PathBuf,
    key: String,
}

fn export(organisation: &Organisation, version: &str, more: &[&str]) -> Answer {
    let out = organisation.path("sent.bundle.tar");
    let arguments = ["bundle", "export", version, "--out", out.to_str().unwrap()];
    let arguments = [&arguments[..], &["-o", "json"], more].concat();
    organisation.as_person("ada", &arguments)
}

#[track_caller]
fn sent(organisation: &Organisation, version: &str) -> Sent {
    let report = export(organisation, version, &[]).expect_code(0).json();
    Sent {
        file: organisation.path("sent.bundle.tar"),
        key: report["key"].as_str().unwrap().to_owned(),
    }
}

/// An organisation with a version in qa, and the bundle of it.
fn penguins() -> (Organisation, Sent) {
    let organisation = Organisation::new();
    organisation.promote_to_qa("1.0.0");
    let sent = sent(&organisation, &format!("{PENGUINS}@1.0.0"));
    (organisation, sent)
}

fn show(file: &Path, key: Option<&str>) -> Answer {
    let mut command = Command::new(env!("CARGO_BIN_EXE_promote"));
    command.env_clear().current_dir("/");
    command.args(["--quiet", "bundle", "show", file.to_str().unwrap()]);
    if let Some(key) = key {
        command.args(["--key", key]);
    }
    answer(command.args(["-o", "json"]))
}

fn import(organisation: &Organisation, sent: &Sent, into: &str, more: &[&str]) -> Answer {
    let file = sent.file.to_str().unwrap();
    let arguments = ["bundle", "import", file, "--into", into, "--key", &sent.key];
    let owner = ["--owner", "data-scientists", "-o", "json"];
    organisation.as_person("dana", &[&arguments[..], &owner, more].concat())
}

/// What must be as it was after a refusal: the branch, the work tree, the workspaces, and nothing staged.
fn state(organisation: &Organisation) -> (String, String, Vec<String>) {
    let head = organisation.git("dana", &["rev-parse", "main"]);
    let status = organisation.git("dana", &["status", "--porcelain"]);
    let mut files = Vec::new();
    let staged = organisation.repository().join(".git/promote/bundle");
    for folder in [organisation.path("workspaces"), staged] {
        if folder.exists() {
            files.extend(
                crate::support::files_under(&folder)
                    .into_iter()
                    .map(|(path, _)| path),
            );
        }
    }
    files.retain(|path| !path.contains(".promote/"));
    (head, status, files)
}

/// A refusal that says why, and changes nothing.
#[track_caller]
fn refused(organisation: &Organisation, sent: &Sent, into: &str, code: i32, reason: &str) {
    let before = state(organisation);
    let answer = import(organisation, sent, into, &[]).expect_code(code);
    assert!(answer.stderr.contains(reason), "{reason}\n{}", answer.all());
    assert_eq!(state(organisation), before);
}

#[test]
fn a_version_goes_over_an_air_gap_and_needs_approvals_of_its_own_there() {
    let (_sender, sent) = penguins();
    let shown = what_is_shown(&sent);
    let receiver = Organisation::new();
    let named = ["--as", "wildlife/imported@2.0.0"];
    promoted_there(&receiver, &sent, &named, &shown);
    let kept = what_an_auditor_finds(&receiver, &sent, &shown);
    // It cannot be taken for the bundle itself.
    let again = Sent {
        file: kept,
        key: sent.key.clone(),
    };
    refused(&receiver, &again, "dev", 1, "what was kept from an import");
    // Once more changes nothing.
    let known = import(&receiver, &sent, "dev", &named)
        .expect_code(0)
        .json();
    assert_eq!(known["registered"]["committed"], json!(null));
}

/// What the bundle says to anybody. Without the key everything but the ledger itself is checked, and that is said.
fn what_is_shown(sent: &Sent) -> serde_json::Value {
    let shown = show(&sent.file, Some(&sent.key)).expect_code(0).json();
    assert_eq!(shown["version"], "wildlife/model/penguin-species@1.0.0");
    assert_eq!(shown["hasFiles"], true);
    assert_eq!(shown["label"], json!(["internal"]));
    assert_eq!(shown["approvals"][0]["who"]["principal"], "rita");
    assert_eq!(shown["places"][0]["outcome"], "succeeded");
    assert_eq!(shown["registered"]["producer"]["principal"], "dana");
    assert_eq!(shown["ledger"]["key"], sent.key.as_str());
    assert_eq!(shown["behind"][0]["path"], "datasets/penguins-sample.yaml");
    assert!(shown["behind"][0]["entry"].is_u64(), "{shown}");

    let unkeyed = show(&sent.file, None).expect_code(0).json();
    assert_eq!(unkeyed["ledger"]["key"], json!(null));
    let open = unkeyed["notVerified"][0].as_str().unwrap();
    assert!(open.contains("anybody can make one"), "{open}");
    shown
}

/// It is registered there under another name, and goes to qa with approvals of that place alone.
fn promoted_there(receiver: &Organisation, sent: &Sent, named: &[&str], shown: &serde_json::Value) {
    let imported = import(receiver, sent, "dev", named).expect_code(0).json();
    let registered = &imported["registered"];
    assert_eq!(registered["version"], "wildlife/model/imported@2.0.0");
    assert_eq!(registered["digest"], shown["digest"]);
    receiver.apply().expect_code(0);
    receiver
        .request("wildlife/imported@2.0.0", "qa")
        .expect_code(0);
    // What rita said there is nothing here, and the importer does not approve.
    receiver.apply().expect_code(4);
    let promotion = receiver.waiting("qa", "imported");
    receiver
        .as_person("rita", &["approve", &promotion, "--yes"])
        .expect_code(0);
    receiver.apply().expect_code(0);
    let link = receiver
        .workspace("qa")
        .join("wildlife/model/imported/current");
    assert_eq!(std::fs::read_link(link).unwrap(), Path::new("2.0.0"));
    receiver.as_person("rita", &["verify"]).expect_code(0);
    receiver.as_person("rita", &["check"]).expect_code(0);
}

/// Where it came from; the signed manifest says which file tells that.
fn what_an_auditor_finds(
    receiver: &Organisation,
    sent: &Sent,
    shown: &serde_json::Value,
) -> PathBuf {
    let kept = receiver
        .repository()
        .join("models/wildlife/imported/2.0.0.bundle.tar");
    let facts = show(&kept, Some(&sent.key)).expect_code(0).json();
    assert_eq!(facts["hasFiles"], false);
    for same in [
        "version",
        "digest",
        "approvals",
        "ledger",
        "registered",
        "entries",
    ] {
        assert_eq!(facts[same], shown[same], "{same}");
    }
    let manifest = std::fs::read_to_string(
        receiver
            .repository()
            .join("models/wildlife/imported/2.0.0.yaml"),
    );
    let sha256 = promote::model::digest::Sha256::of(&std::fs::read(&kept).unwrap());
    assert!(manifest.unwrap().contains(&sha256.to_string()));
    kept
}

#[test]
fn other_tools_read_the_unpacked_bundle_with_the_same_digest() {
    let (sender, sent) = penguins();
    let first = std::fs::read(&sent.file).unwrap();
    export(&sender, &format!("{PENGUINS}@1.0.0"), &["--from", "qa"]).expect_code(0);
    assert!(std::fs::read(&sent.file).unwrap() == first, "same bytes");

    let folder = sender.path("unpacked");
    std::fs::create_dir(&folder).unwrap();
    let mut tar = Command::new("tar");
    tar.args(["xf", sent.file.to_str().unwrap(), "-C"])
        .arg(&folder);
    answer(&mut tar).expect_code(0);
    let name = "wildlife/model/penguin-species:1.0.0";
    let copy = sender.path("copied");
    let mut skopeo = Command::new("skopeo");
    skopeo.args(["--insecure-policy", "copy", "--preserve-digests", "--quiet"]);
    skopeo.arg(format!("oci:{}:{name}", folder.display()));
    skopeo.arg(format!("oci:{}:{name}", copy.display()));
    answer(&mut skopeo).expect_code(0);
    let manifest = show(&sent.file, None).json()["manifest"].clone();
    let index = std::fs::read_to_string(copy.join("index.json")).unwrap();
    assert!(index.contains(manifest.as_str().unwrap()), "{index}");
    let members = Members::read(&first);
    assert_eq!(members.manifests()[0], manifest.as_str().unwrap());
    for (path, bytes) in &members.0 {
        assert!(
            std::fs::read(folder.join(path)).unwrap() == *bytes,
            "{path}"
        );
    }
    // As the page says, with sha256sum.
    let mut sums = Command::new("sh");
    sums.args([
        "-c",
        "for f in blobs/sha256/*; do echo \"$(basename $f)  $f\"; done | sha256sum -c --quiet",
    ]);
    answer(sums.current_dir(&folder)).expect_code(0);
}

#[test]
fn what_the_ledger_does_not_know_is_not_exported() {
    let organisation = Organisation::new();
    let from = Organisation::model("penguin-species/1.0.0");
    organisation
        .register(PENGUINS, "1.0.0", &from, "dev", "penguins-sample")
        .expect_code(0);
    let size = ledger_size(&organisation);
    let waits = export(&organisation, &format!("{PENGUINS}@1.0.0"), &[]).expect_code(4);
    let reason = "the ledger does not know `wildlife/model/penguin-species@1.0.0` yet";
    assert!(waits.stderr.contains(reason), "{}", waits.all());
    let unknown = export(&organisation, &format!("{PENGUINS}@9.0.0"), &[]).expect_code(1);
    assert!(unknown.stderr.contains("9.0.0"), "{}", unknown.all());
    organisation.apply().expect_code(0);
    // Bytes that somebody changed do not leave.
    let files = organisation
        .workspace("dev")
        .join("wildlife/model/penguin-species/1.0.0/content");
    let mut chmod = Command::new("chmod");
    answer(chmod.args(["-R", "u+w", files.to_str().unwrap()])).expect_code(0);
    std::fs::write(files.join("MODEL_CARD.md"), "another card").unwrap();
    let changed = export(&organisation, &format!("{PENGUINS}@1.0.0"), &[]);
    assert_ne!(changed.code, 0);
    assert!(
        changed.stderr.contains("MODEL_CARD.md"),
        "{}",
        changed.all()
    );
    assert!(!organisation.path("sent.bundle.tar").exists());
    assert!(ledger_size(&organisation) > size);
}

#[test]
fn a_disk_that_is_full_leaves_no_half_bundle_and_no_half_version() {
    let (sender, sent) = penguins();
    let size = std::fs::metadata(&sent.file).unwrap().len();
    let path = sender.path("other.bundle.tar");
    let mut command = sender.command("dana");
    let version = format!("{PENGUINS}@1.0.0");
    command
        .args(["bundle", "export", &version, "--out"])
        .arg(&path);
    let full = with_file_limit(&command, size / 2 / 1024);
    assert_ne!(full.code, 0, "{}", full.all());
    assert!(!path.exists());

    let receiver = Organisation::new();
    let before = state(&receiver);
    let mut command = receiver.command("dana");
    command.args([
        "bundle",
        "import",
        sent.file.to_str().unwrap(),
        "--into",
        "dev",
    ]);
    command.args(["--key", &sent.key, "--owner", "data-scientists"]);
    let full = with_file_limit(&command, 2);
    assert_ne!(full.code, 0, "{}", full.all());
    assert_eq!(state(&receiver), before);
    import(&receiver, &sent, "dev", &[]).expect_code(0);
}
