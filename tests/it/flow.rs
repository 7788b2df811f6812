//! Production data that would like to be in dev.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::hand::{event_types, events, expect_whole_ledger, gate, ledger_size, lines};
use crate::organisation::{Answer, Organisation};

const PENGUINS: &str = "wildlife/penguin-species";
const FIELD: &str = "wildlife/penguin-species-field";
const DENIED: &str =
    "the data behind it carries `production`, and workspace `dev` is not cleared for that";
const TRAIN_THERE: &str = "help: train it where that data may be used, and register it there; bytes that were seen with a label keep it under every name";
const SAY_INPUTS: &str = "help: say what it was made from with `--input`; what is not known counts as the highest it could be";
const NOBODY: &str = "needs: approvals: 1 more of group `reviewers`: `mia`, `omar` or `rita`";

/// An organisation with a model in dev and one in prod that was trained on the field data.
fn with_field_model() -> Organisation {
    let organisation = Organisation::new();
    register(&organisation, "1.0.0");
    // The two share a file, which belongs to whoever the ledger knows first.
    organisation.apply().expect_code(0);
    let from = Organisation::model("penguin-species-field/1.0.0");
    organisation
        .register(FIELD, "1.0.0", &from, "prod", "penguins-field")
        .expect_code(0);
    organisation
}

fn register(organisation: &Organisation, version: &str) {
    let from = Organisation::model(&format!("penguin-species/{version}"));
    organisation
        .register(PENGUINS, version, &from, "dev", "penguins-sample")
        .expect_code(0);
}

/// Every path below a workspace, with what is in it.
fn content(organisation: &Organisation, workspace: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    fn walk(folder: &Path, all: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                walk(&path, all);
            } else if !path.components().any(|part| part.as_os_str() == ".promote") {
                all.insert(path.clone(), std::fs::read(&path).unwrap_or_default());
            }
        }
    }
    let mut all = BTreeMap::new();
    walk(&organisation.workspace(workspace), &mut all);
    all
}

/// A registration in dev that must be refused: nothing is written, nothing is committed, nothing of prod is named.
#[track_caller]
fn refused_in_dev(organisation: &Organisation, arguments: &[String], help: &[&str]) {
    let (before, head) = (
        content(organisation, "dev"),
        organisation.git("dana", &["rev-parse", "main"]),
    );
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let answer = organisation.as_person("dana", &arguments).expect_code(3);
    let error = format!("error: {DENIED}");
    let expected: Vec<&str> = [error.as_str()].iter().chain(help).copied().collect();
    assert_eq!(answer.stderr.lines().collect::<Vec<_>>(), expected);
    assert_eq!(answer.stdout, "");
    names_nothing_of_prod(&answer);
    assert_eq!(content(organisation, "dev"), before);
    assert_eq!(organisation.git("dana", &["rev-parse", "main"]), head);
    expect_whole_ledger(organisation);
}

/// The tag itself may be named, nothing else that begins like the environment.
#[track_caller]
fn names_nothing_of_prod(answer: &Answer) {
    let said = answer.all().replace("`production`", "");
    for word in ["prod", "field", "qa"] {
        assert!(!said.contains(word), "{word}: {said}");
    }
}

fn arguments(name: &str, from: &Path, inputs: &[&str]) -> Vec<String> {
    let mut arguments = Organisation::register_arguments(name, "1.0.0", from, "dev", inputs[0]);
    for input in &inputs[1..] {
        arguments.extend(["--input".to_owned(), (*input).to_owned()]);
    }
    arguments
}

#[test]
fn production_bytes_stay_out_of_dev_under_every_name() {
    let organisation = with_field_model();
    let field = Organisation::model("penguin-species-field/1.0.0");
    // Before and after the ledger knows of them.
    for _ in 0..2 {
        refused_in_dev(
            &organisation,
            &arguments("wildlife/harmless", &field, &["penguins-sample"]),
            &[TRAIN_THERE],
        );
        organisation.apply().expect_code(0);
    }

    // One file of it among others.
    let mixed = organisation.path("mixed");
    std::fs::create_dir_all(mixed.join("weights/old")).unwrap();
    std::fs::write(mixed.join("MODEL_CARD.md"), "# A model of our own\n").unwrap();
    std::fs::copy(
        field.join("model.onnx"),
        mixed.join("weights/old/backup.bin"),
    )
    .unwrap();
    refused_in_dev(
        &organisation,
        &arguments("wildlife/mixed", &mixed, &["penguins-sample"]),
        &[
            TRAIN_THERE,
            "help: seen before: `weights/old/backup.bin`; what tells nothing of the data, such as a licence, can be listed by its SHA-256 under `commonFiles` in promote.yaml",
        ],
    );

    // What is empty says nothing of where it came from, wherever else there is such a file.
    std::fs::write(mixed.join("weights/__init__.py"), "").unwrap();
    // The same without the file is nobody's.
    std::fs::remove_file(mixed.join("weights/old/backup.bin")).unwrap();
    let clean = arguments("wildlife/mixed", &mixed, &["penguins-sample"]);
    organisation
        .as_person(
            "dana",
            &clean.iter().map(String::as_str).collect::<Vec<_>>(),
        )
        .expect_code(0);
}

fn digest(organisation: &Organisation, path: &Path) -> String {
    let answer = organisation
        .as_person("dana", &["digest", path.to_str().unwrap(), "-o", "name"])
        .expect_code(0);
    answer.stdout.trim().to_owned()
}

/// A folder of a model that nobody has seen yet.
fn tuned_folder(organisation: &Organisation) -> PathBuf {
    let new = organisation.path("new");
    std::fs::create_dir(&new).unwrap();
    std::fs::write(new.join("MODEL_CARD.md"), "# Fine-tuned\n").unwrap();
    new
}

#[test]
fn a_lineage_carries_the_label_of_every_parent() {
    let organisation = with_field_model();
    let new = tuned_folder(&organisation);
    let base = |name: &str| {
        let from = Organisation::model(&format!("{name}/1.0.0"));
        format!(
            "wildlife/model/{name}@1.0.0={}",
            digest(&organisation, &from)
        )
    };
    let (clean, dirty) = (base("penguin-species"), base("penguin-species-field"));
    refused_in_dev(
        &organisation,
        &arguments("wildlife/tuned", &new, &[&clean, &dirty]),
        &[TRAIN_THERE],
    );
    refused_in_dev(
        &organisation,
        &arguments("wildlife/tuned", &new, &["penguins-sample", &dirty]),
        &[TRAIN_THERE],
    );
    refused_in_dev(
        &organisation,
        &arguments(
            "wildlife/tuned",
            &new,
            &["penguins-sample", "penguins-field"],
        ),
        &[TRAIN_THERE],
    );

    let tuned = arguments("wildlife/tuned", &new, &[&clean, "penguins-sample"]);
    let answer = organisation
        .as_person(
            "dana",
            &tuned.iter().map(String::as_str).collect::<Vec<_>>(),
        )
        .expect_code(0);
    assert!(
        answer
            .stdout
            .lines()
            .next()
            .unwrap()
            .ends_with(", label: internal"),
        "{}",
        answer.all()
    );
}

#[test]
fn a_base_that_is_not_registered_so_is_refused() {
    let organisation = with_field_model();
    let new = tuned_folder(&organisation);
    let registered = digest(&organisation, &Organisation::model("penguin-species/1.0.0"));
    // A base that nobody registered so would be wrong in everybody's `check`.
    let other = format!("dirhash1:{}", "e".repeat(64));
    for (version, message, help) in [
        (
            "wildlife/model/penguin-species@1.0.0",
            "is registered with another digest",
            format!(
                "if it is what this was made from: `--input wildlife/model/penguin-species@1.0.0={registered}`"
            ),
        ),
        (
            "wildlife/model/penguin-species@7.7.7",
            "is not registered",
            "register what this was made from first".to_owned(),
        ),
    ] {
        let wrong = format!("{version}={other}");
        let wrong = arguments("wildlife/tuned", &new, &["penguins-sample", &wrong]);
        let before = (
            content(&organisation, "dev"),
            organisation.git("dana", &["rev-parse", "main"]),
        );
        let wrong: Vec<&str> = wrong.iter().map(String::as_str).collect();
        let answer = organisation.as_person("dana", &wrong).expect_code(1);
        assert_eq!(
            answer.stderr,
            format!("error: `{version}` {message}\nhelp: {help}\n")
        );
        let after = (
            content(&organisation, "dev"),
            organisation.git("dana", &["rev-parse", "main"]),
        );
        assert_eq!(after, before, "nothing is written");
    }
}

#[test]
fn a_base_whose_manifest_was_removed_is_refused_though_the_ledger_knows_it() {
    let organisation = with_field_model();
    organisation.apply().expect_code(0);
    let path = manifest("penguin-species", "1.0.0");
    std::fs::remove_file(organisation.repository().join(&path)).unwrap();
    organisation.commit_all("dana", "remove");
    let model = Organisation::model("penguin-species/1.0.0");
    let version = "wildlife/model/penguin-species@1.0.0";
    let base = format!("{version}={}", digest(&organisation, &model));
    let new = tuned_folder(&organisation);
    let arguments = arguments("wildlife/tuned", &new, &["penguins-sample", &base]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let answer = organisation.as_person("dana", &arguments).expect_code(1);
    assert_eq!(
        answer.stderr,
        format!(
            "error: `{version}` was registered, and its manifest does not count any more\nhelp: put `{path}` back as it was\n"
        )
    );
}

/// The path of a version's manifest in the repository.
fn manifest(name: &str, version: &str) -> String {
    format!("models/wildlife/{name}/{version}.yaml")
}

/// Commits a version as `register` would have, without it and without a signature.
fn write_version(
    organisation: &Organisation,
    like: (&str, &str),
    name: (&str, &str),
    change: impl FnOnce(String) -> String,
) {
    let read = |path: &str| std::fs::read_to_string(organisation.repository().join(path)).unwrap();
    let write = |path: &str, text: &str| {
        let path = organisation.repository().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let text = read(&manifest(like.0, like.1));
    let text = text.replace(
        &format!("name: {}\n", like.0),
        &format!("name: {}\n", name.0),
    );
    let text = text.replace(
        &format!("version: {}\n", like.1),
        &format!("version: {}\n", name.1),
    );
    write(&manifest(name.0, name.1), &change(text));
    let checksums = |name: (&str, &str)| format!("models/wildlife/{}/{}.sha256", name.0, name.1);
    write(&checksums(name), &read(&checksums(like)));
    let about = format!("models/wildlife/{}/model.yaml", like.0);
    let to = format!("models/wildlife/{}/model.yaml", name.0);
    write(
        &to,
        &read(&about).replace(
            &format!("name: {}\n", like.0),
            &format!("name: {}\n", name.0),
        ),
    );
    organisation.commit_all("dana", "a version");
}

/// The registration of a version in the ledger.
#[track_caller]
fn registration(organisation: &Organisation, version: &str) -> Value {
    let events = events(organisation, 0);
    let found = events
        .iter()
        .find(|event| event["type"] == "registered" && event["version"] == version);
    found
        .unwrap_or_else(|| panic!("{version} is not among {events:?}"))
        .clone()
}

#[test]
fn an_unsigned_manifest_counts_as_everything_that_its_workspace_may_hold() {
    let organisation = with_field_model();
    organisation.apply().expect_code(0);
    // In prod it would be called a model of the sample. Other bytes than any that are known: one file less.
    write_version(
        &organisation,
        ("penguin-species", "1.0.0"),
        ("claims", "1.0.0"),
        |text| text.replace("workspace: dev", "workspace: prod"),
    );
    organisation.apply().expect_code(0);
    let claims = registration(&organisation, "wildlife/model/claims@1.0.0");
    assert_eq!(claims["producer"], Value::Null);
    assert_eq!(
        claims["label"],
        serde_json::json!(["internal", "production"])
    );

    // In dev nobody can say who made it, so nobody can approve it.
    let organisation = Organisation::new();
    register(&organisation, "1.0.0");
    std::fs::remove_file(
        organisation
            .repository()
            .join(manifest("penguin-species", "1.0.0") + ".sig"),
    )
    .unwrap();
    organisation.commit_all("dana", "no signature");
    organisation
        .request("wildlife/penguin-species@1.0.0", "qa")
        .expect_code(0);
    organisation.approve("rita", "qa");
    let answer = organisation.apply().expect_code(5);
    assert_eq!(
        gate(&answer, "separation-of-duties"),
        [
            "unknown: separation-of-duties: the manifest is not signed by a known producer, so its authors cannot be told"
        ],
        "{}",
        answer.all()
    );
    assert_eq!(organisation.served("qa"), None);
    expect_whole_ledger(&organisation);
}

#[test]
fn a_hand_written_manifest_of_production_bytes_in_dev_is_a_violation_and_goes_nowhere() {
    let organisation = with_field_model();
    organisation.apply().expect_code(0);
    write_version(
        &organisation,
        ("penguin-species-field", "1.0.0"),
        ("harmless", "1.0.0"),
        |text| {
            text.replace("workspace: prod", "workspace: dev")
                .replace("penguins-field", "penguins-sample")
        },
    );
    organisation
        .request("wildlife/harmless@1.0.0", "qa")
        .expect_code(0);
    let answer = organisation.apply().expect_code(3);
    let harmless = registration(&organisation, "wildlife/model/harmless@1.0.0");
    assert_eq!(harmless["violation"], DENIED);
    assert_eq!(
        harmless["label"],
        serde_json::json!(["internal", "production"])
    );
    assert_eq!(
        gate(&answer, "information-flow"),
        [
            "denied: information-flow: the data behind it carries `production`, and workspace `qa` is not cleared for that"
        ],
        "{}",
        answer.all()
    );
    assert_eq!(
        gate(&answer, "edge"),
        [
            "denied: edge: no workspace that `qa` accepts holds the digest; promote it to `dev` first"
        ],
        "{}",
        answer.all()
    );
    assert!(
        !organisation
            .workspace("qa")
            .join("wildlife/model/harmless")
            .exists()
    );

    // Not to prod either, whose clearance it has: nothing that prod accepts may hold it.
    organisation
        .request("wildlife/harmless@1.0.0", "prod")
        .expect_code(0);
    let answer = organisation
        .as_person("ada", &["apply", "--to", "prod"])
        .expect_code(3);
    assert_eq!(
        gate(&answer, "edge"),
        [
            "denied: edge: no workspace that `prod` accepts holds the digest; promote it to `qa` first"
        ],
        "{}",
        answer.all()
    );
    assert!(
        !organisation
            .workspace("prod")
            .join("wildlife/model/harmless")
            .exists()
    );
    expect_whole_ledger(&organisation);
}

#[test]
fn a_release_to_dev_of_what_was_trained_in_prod_is_denied_twice() {
    let organisation = with_field_model();
    organisation
        .request("wildlife/penguin-species-field@1.0.0", "dev")
        .expect_code(0);
    let before = content(&organisation, "dev");
    let size = ledger_size(&organisation);
    for _ in 0..2 {
        let answer = organisation.apply().expect_code(3);
        assert_eq!(
            gate(&answer, "information-flow"),
            [&format!("denied: information-flow: {DENIED}")],
            "{}",
            answer.all()
        );
        assert_eq!(
            gate(&answer, "edge"),
            [
                "denied: edge: workspace `dev` accepts nothing from anywhere; name the origin in its `accepts`"
            ],
            "{}",
            answer.all()
        );
        assert_eq!(
            answer.stdout.matches("from nowhere").count(),
            1,
            "where it is is not said: {}",
            answer.all()
        );
    }
    let decided = event_types(&organisation, size)
        .iter()
        .filter(|kind| *kind == "decided")
        .count();
    assert_eq!(decided, 1, "a denial is an entry once");
    assert_eq!(content(&organisation, "dev"), before);
    expect_whole_ledger(&organisation);
}

#[test]
fn labels_only_grow() {
    let organisation = with_field_model();
    organisation.apply().expect_code(0);
    // Lowered by a merge: nothing. Lowered with signatures: what is registered keeps its label.
    organisation.edit(
        "datasets/penguins-field.yaml",
        "label: [production]",
        "label: [internal]",
    );
    organisation.commit_all("dana", "lower");
    let field = Organisation::model("penguin-species-field/1.0.0");
    refused_in_dev(
        &organisation,
        &arguments("wildlife/harmless", &field, &["penguins-sample"]),
        &[TRAIN_THERE],
    );
    organisation
        .as_person("ada", &["trust", "sign", "--commit"])
        .expect_code(0);
    organisation.apply().expect_code(0);
    refused_in_dev(
        &organisation,
        &arguments("wildlife/harmless", &field, &["penguins-sample"]),
        &[TRAIN_THERE],
    );

    // A lineage that is edited in Git afterwards: the label of the first one stays.
    organisation.edit(
        &manifest("penguin-species-field", "1.0.0"),
        "penguins-field",
        "penguins-sample",
    );
    organisation.commit_all("dana", "it was the sample all along");
    organisation.apply().expect_code(0);
    // Nobody has signed the edited one, so the help speaks of what is not known.
    refused_in_dev(
        &organisation,
        &arguments("wildlife/harmless", &field, &["penguins-sample"]),
        &[SAY_INPUTS],
    );
}

#[test]
fn raising_the_label_of_a_dataset_stops_what_was_made_from_it() {
    let organisation = Organisation::new();
    organisation.register_and_request("1.0.0", "qa");
    organisation.approve("rita", "qa");
    organisation.edit(
        "datasets/penguins-sample.yaml",
        "label: [internal]",
        "label: [internal, production]",
    );
    organisation
        .as_person("ada", &["trust", "sign", "--commit"])
        .expect_code(0);
    let answer = organisation.apply().expect_code(3);
    let denied = "denied: information-flow: the data behind it carries `production`, and workspace `qa` is not cleared for that";
    assert_eq!(
        gate(&answer, "information-flow"),
        [denied],
        "{}",
        answer.all()
    );
    assert_eq!(organisation.served("qa"), None);

    // Lowered again, it is what the ledger has recorded meanwhile that counts.
    organisation.edit(
        "datasets/penguins-sample.yaml",
        "label: [internal, production]",
        "label: [internal]",
    );
    organisation
        .as_person("ada", &["trust", "sign", "--commit"])
        .expect_code(0);
    let recorded =
        registration(&organisation, "wildlife/model/penguin-species@1.0.0")["label"].clone();
    let answer = organisation.apply();
    let is_denied = gate(&answer, "information-flow") == [denied];
    assert_eq!(
        is_denied,
        recorded == serde_json::json!(["internal", "production"]),
        "{}",
        answer.all()
    );
    expect_whole_ledger(&organisation);
}

/// A file of a version in a workspace, made writable.
fn file_of(organisation: &Organisation, workspace: &str, version: &str, file: &str) -> PathBuf {
    let folder = organisation
        .workspace(workspace)
        .join("wildlife/model/penguin-species")
        .join(version)
        .join("content");
    let path = folder.join(file);
    for path in [&folder, &path] {
        let mut permissions = std::fs::metadata(path).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
        std::fs::set_permissions(path, permissions).unwrap();
    }
    path
}

#[test]
fn bytes_that_change_between_approval_and_apply_are_refused_once_and_nothing_is_half_done() {
    let organisation = Organisation::new();
    organisation.promote_to_qa("1.0.0");
    organisation.register_and_request("1.1.0", "qa");
    organisation.approve("rita", "qa");
    let file = file_of(&organisation, "dev", "1.1.0", "model.onnx");
    let good = std::fs::read(&file).unwrap();
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    std::fs::write(&file, &bad).unwrap();
    let before = content(&organisation, "qa");
    let size = ledger_size(&organisation);
    for _ in 0..2 {
        let answer = organisation.apply().expect_code(3);
        let said = gate(&answer, "digest");
        assert_eq!(said.len(), 1, "{}", answer.all());
        assert!(
            said[0].starts_with("denied: digest: ") && said[0].contains("model.onnx"),
            "{}",
            answer.all()
        );
        assert_eq!(organisation.served("qa").as_deref(), Some("1.0.0"));
        assert_eq!(content(&organisation, "qa"), before);
    }
    let types = event_types(&organisation, size);
    assert_eq!(
        types.iter().filter(|kind| *kind == "decided").count(),
        1,
        "{types:?}"
    );
    assert!(
        !types
            .iter()
            .any(|kind| kind == "intended" || kind == "ended"),
        "{types:?}"
    );

    std::fs::write(&file, &good).unwrap();
    organisation.apply().expect_code(0);
    assert_eq!(organisation.served("qa").as_deref(), Some("1.1.0"));
    expect_whole_ledger(&organisation);
}

#[test]
fn a_manifest_whose_digest_is_edited_is_passed_over_and_the_registration_stands() {
    let organisation = Organisation::new();
    organisation.promote_to_qa("1.0.0");
    register(&organisation, "1.1.0");
    organisation.apply().expect_code(0);
    let path = manifest("penguin-species", "1.1.0");
    let (old, new) = (
        digest(&organisation, &Organisation::model("penguin-species/1.1.0")),
        digest(&organisation, &Organisation::model("penguin-species/1.0.0")),
    );
    organisation.edit(&path, &old, &new);
    let checksums = |version: &str| {
        organisation
            .repository()
            .join(format!("models/wildlife/penguin-species/{version}.sha256"))
    };
    std::fs::copy(checksums("1.0.0"), checksums("1.1.0")).unwrap();
    organisation.commit_all("dana", "other bytes");
    let size = ledger_size(&organisation);
    let answer = organisation.apply().expect_code(0);
    let said = lines(&answer, "passed over:");
    assert_eq!(said.len(), 1, "{}", answer.all());
    assert!(
        said[0].starts_with(&format!("passed over: {path}:")),
        "{}",
        answer.all()
    );
    assert!(
        said[0].ends_with(": `wildlife/model/penguin-species@1.1.0` was registered with another digest; versions never change"),
        "{}",
        answer.all()
    );
    assert_eq!(ledger_size(&organisation), size);
    let answer = organisation
        .request("wildlife/penguin-species@1.1.0", "qa")
        .expect_code(1);
    assert!(
        answer
            .stderr
            .contains("register the new bytes under a new version"),
        "{}",
        answer.all()
    );
    assert_eq!(
        registration(&organisation, "wildlife/model/penguin-species@1.1.0")["digest"],
        old
    );

    organisation.git("dana", &["revert", "--no-edit", "HEAD"]);
    organisation
        .request("wildlife/penguin-species@1.1.0", "qa")
        .expect_code(0);
    let answer = organisation.apply().expect_code(4);
    assert_eq!(gate(&answer, "approvals"), [NOBODY], "{}", answer.all());
}
