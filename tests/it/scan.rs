//! Finding what is where it may not be: data that was labelled higher later, and bytes under other names.

use crate::organisation::{Answer, Organisation};
use crate::variants::{MODEL, variant};

fn scan(organisation: &Organisation, arguments: &[&str]) -> Answer {
    let mut all = vec!["scan"];
    all.extend(arguments);
    organisation.as_person("ada", &all)
}

#[track_caller]
fn is_clean(organisation: &Organisation) {
    let answer = scan(organisation, &[]).expect_code(0);
    let clean = "clean every workspace is cleared for all that it holds";
    assert!(answer.stdout.contains(clean), "{}", answer.all());
}

#[test]
fn data_that_is_labelled_higher_later_is_found_wherever_it_went() {
    let organisation = Organisation::new();
    organisation.promote_to_prod("1.0.0");
    is_clean(&organisation);
    organisation.edit(
        "datasets/penguins-sample.yaml",
        "label: [internal]",
        "label: [internal, production]",
    );
    // Not before the stewards have signed it.
    organisation.commit_all("dana", "relabel");
    is_clean(&organisation);
    organisation
        .as_person("ada", &["trust", "sign", "--commit"])
        .expect_code(0);
    organisation.apply();
    let found = scan(&organisation, &["--ledger-only"]).expect_code(3);
    assert_eq!(
        found.stdout,
        "found dev: holds wildlife/model/penguin-species@1.0.0, as the ledger says: `production`\n\
         found qa: holds wildlife/model/penguin-species@1.0.0, as the ledger says: `production`\n\
         scanned dev: 0 files\nscanned prod: 0 files\nscanned qa: 0 files\n"
    );
    let json = organisation
        .as_person("ada", &["scan", "--workspace", "dev", "-o", "json"])
        .expect_code(3)
        .json();
    let paths: Vec<&str> = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|finding| finding["path"].as_str())
        .collect();
    let model = "wildlife/model/penguin-species/1.0.0/content/MODEL_CARD.md";
    assert!(paths.contains(&model), "{json:#}");
    assert!(json["workspaces"].get("qa").is_none(), "{json:#}");
    // Lowering the label again takes nothing back: what was raised stays raised.
    organisation.edit(
        "datasets/penguins-sample.yaml",
        "label: [internal, production]",
        "label: [internal]",
    );
    organisation
        .as_person("ada", &["trust", "sign", "--commit"])
        .expect_code(0);
    organisation.apply();
    scan(&organisation, &["--ledger-only"]).expect_code(3);
}

/// A disk that is not mounted looks like a workspace that is clean.
#[test]
fn a_workspace_that_lost_everything_is_not_clean() {
    let organisation = Organisation::new();
    is_clean(&organisation);
    organisation.promote_to_qa("1.0.0");
    is_clean(&organisation);
    std::fs::remove_dir_all(organisation.workspace("qa")).unwrap();
    let unread = scan(&organisation, &[]).expect_code(5);
    let says = "not read qa: `.`: there is no file, and the ledger says that it holds 1 versions\n";
    assert!(unread.stdout.contains(says), "{}", unread.all());
    scan(&organisation, &["--ledger-only"]).expect_code(0);
}

#[test]
fn a_version_that_somebody_changed_or_removed_is_drift() {
    let organisation = Organisation::new();
    organisation.promote_to_qa("1.0.0");
    is_clean(&organisation);
    let version = "wildlife/model/penguin-species/1.0.0";
    let folder = organisation.workspace("qa").join(version);
    let card = folder.join("content/MODEL_CARD.md");
    let text = std::fs::read_to_string(&card).unwrap();
    std::fs::remove_file(&card).unwrap();
    std::fs::write(&card, text.replace("penguin", "pigeon")).unwrap();
    let found = scan(&organisation, &[]).expect_code(3);
    let says = "drift qa: wildlife/model/penguin-species@1.0.0 is dirhash1:";
    assert!(found.stdout.contains(says), "{}", found.all());
    let json = scan(&organisation, &["-o", "json"]).expect_code(3).json();
    let drift = json["drift"].as_array().unwrap();
    assert_eq!(drift.len(), 1, "{json:#}");
    assert_ne!(drift[0]["found"], drift[0]["recorded"]);
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(organisation.workspace("qa").join("kept"), "").unwrap();
    let found = scan(&organisation, &[]).expect_code(3);
    let says = "penguin-species@1.0.0 is not there any more; the ledger says dirhash1:";
    assert!(found.stdout.contains(says), "{}", found.all());
}

#[test]
fn production_bytes_are_found_in_dev_under_any_name() {
    let organisation = Organisation::new();
    organisation.promote_to_prod("1.0.0");
    let made_in_prod = variant(&organisation, "2.0.0");
    organisation
        .register(MODEL, "2.0.0", &made_in_prod, "prod", "penguins-field")
        .expect_code(0);
    organisation.apply();
    is_clean(&organisation);
    let dev = organisation.workspace("dev");
    let hidden = dev.join("holiday pictures/.cache");
    std::fs::create_dir_all(&hidden).unwrap();
    // This file is known from dev, where it was first; the note was only ever in prod.
    std::fs::copy(made_in_prod.join("MODEL_CARD.md"), hidden.join("card.jpg")).unwrap();
    is_clean(&organisation);
    std::fs::copy(made_in_prod.join("notes.txt"), hidden.join("beach.jpg")).unwrap();
    let found = scan(&organisation, &["--workspace", "dev"]).expect_code(3);
    assert!(
        found.stdout.starts_with(
            "found dev: `holiday pictures/.cache/beach.jpg` is a file of wildlife/model/penguin-species@2.0.0: `production`\nscanned dev: "
        ),
        "{}",
        found.all()
    );
    // One changed byte is another file: what is known is known by its bytes.
    std::fs::write(hidden.join("beach.jpg"), "2.0.1\n").unwrap();
    is_clean(&organisation);
    let unknown = scan(&organisation, &["--workspace", "devv"]).expect_code(1);
    assert!(
        unknown.stderr.contains("did you mean `dev`?"),
        "{}",
        unknown.all()
    );
}
