//! What a bundle may bring, and where to.

use serde_json::json;

use crate::bundle::{PENGUINS, Sent, import, penguins, refused, sent, show, state};
use crate::organisation::Organisation;

const FIELD: &str = "wildlife/penguin-species-field";

/// The field model, which saw production data.
fn field() -> (Organisation, Sent) {
    let organisation = Organisation::new();
    let from = Organisation::model("penguin-species-field/1.0.0");
    organisation
        .register(FIELD, "1.0.0", &from, "prod", "penguins-field")
        .expect_code(0);
    organisation.apply().expect_code(0);
    let sent = sent(&organisation, &format!("{FIELD}@1.0.0"));
    (organisation, sent)
}

#[test]
fn production_data_stays_out_of_dev_whoever_sent_it() {
    let (_sender, sent) = field();
    let receiver = Organisation::new();
    let reason =
        "the data behind it carries `production`, and workspace `dev` is not cleared for that";
    refused(&receiver, &sent, "dev", 3, reason);
    import(&receiver, &sent, "prod", &[]).expect_code(0);
    receiver.apply().expect_code(0);
    receiver.as_person("rita", &["verify"]).expect_code(0);
}

#[test]
fn nobody_makes_data_harmless_by_labelling_it_lower_elsewhere() {
    let (_sender, sent) = field();
    let lower = |organisation: &Organisation| {
        let dataset = "datasets/penguins-field.yaml";
        organisation.edit(dataset, "label: [production]", "label: [internal]");
    };
    let receiver = Organisation::begun("multi-environment", lower);
    for into in ["dev", "prod"] {
        let before = state(&receiver);
        let answer = import(&receiver, &sent, into, &[]).expect_code(3);
        assert!(
            answer.stderr.contains("carries `production` in")
                && answer.stderr.contains("and what is declared here gives it `internal`")
                && answer.stderr.contains(
                    "there the dataset `penguins-field` carries it: declare that with `production` here too"
                ),
            "{}",
            answer.all()
        );
        assert_eq!(state(&receiver), before);
    }
}

#[test]
fn data_that_nobody_declared_here_is_refused_with_the_way_out() {
    let (_sender, sent) = field();
    let without = |organisation: &Organisation| {
        let path = organisation
            .repository()
            .join("datasets/penguins-field.yaml");
        std::fs::remove_file(path).unwrap();
    };
    let receiver = Organisation::begun("multi-environment", without);
    let reason = "it was made from the dataset `penguins-field`, which is not declared here";
    refused(&receiver, &sent, "prod", 3, reason);
    let answer = import(&receiver, &sent, "prod", &[]);
    let hint = "declare it in `datasets/penguins-field.yaml` with label [production]";
    assert!(answer.stderr.contains(hint), "{}", answer.all());
}

#[test]
fn a_base_comes_first_and_may_have_another_name() {
    let (sender, base) = penguins();
    let base_file = sender.path("base.bundle.tar");
    std::fs::rename(&base.file, &base_file).unwrap();
    let digest = show(&base_file, None).json()["digest"].clone();
    let derived = sender.path("derived");
    crate::variants::copy(&Organisation::model("penguin-species/1.1.0"), &derived);
    let input = format!(
        "wildlife/model/penguin-species@1.0.0={}",
        digest.as_str().unwrap()
    );
    let from = derived.to_str().unwrap();
    let arguments = [
        "register",
        "wildlife/tuned",
        "1.0.0",
        "--from",
        from,
        "--workspace",
        "dev",
    ];
    let owner = [
        "--input",
        &input,
        "--owner",
        "data-scientists",
        "--purpose",
        "tests",
    ];
    sender
        .as_person("dana", &[&arguments[..], &owner].concat())
        .expect_code(0);
    sender.apply().expect_code(0);
    let tuned = sent(&sender, "wildlife/tuned@1.0.0");
    let shown = show(&tuned.file, Some(&tuned.key)).expect_code(0).json();
    let behind = shown["behind"].as_array().unwrap();
    let paths: Vec<_> = behind
        .iter()
        .map(|file| file["path"].as_str().unwrap())
        .collect();
    assert_eq!(
        paths,
        [
            "datasets/penguins-sample.yaml",
            "models/wildlife/penguin-species/1.0.0.yaml"
        ]
    );

    let receiver = Organisation::new();
    let reason = "it was derived from `wildlife/model/penguin-species@1.0.0`";
    refused(&receiver, &tuned, "dev", 3, reason);
    let base = Sent {
        file: base_file,
        key: base.key,
    };
    import(
        &receiver,
        &base,
        "dev",
        &["--as", "wildlife/from-afar@1.0.0"],
    )
    .expect_code(0);
    let imported = import(&receiver, &tuned, "dev", &[]).expect_code(0);
    assert_eq!(imported.json()["registered"]["label"], json!(["internal"]));
    let manifest = receiver
        .repository()
        .join("models/wildlife/tuned/1.0.0.yaml");
    let manifest = std::fs::read_to_string(manifest).unwrap();
    assert!(
        manifest.contains("wildlife/model/from-afar@1.0.0"),
        "{manifest}"
    );
    receiver.apply().expect_code(0);
    receiver.as_person("rita", &["check"]).expect_code(0);
}

#[test]
fn what_the_sender_marked_bad_is_not_taken() {
    let (sender, _) = penguins();
    let digest = show(&sender.path("sent.bundle.tar"), None).json()["digest"].clone();
    let mark = [
        "mark-bad",
        digest.as_str().unwrap(),
        "--reason",
        "it guesses",
        "--yes",
    ];
    let marked = sender.as_person("rita", &mark);
    assert_eq!(marked.code, 0, "{}", marked.all());
    sender.apply();
    let sent = sent(&sender, &format!("{PENGUINS}@1.0.0"));
    let receiver = Organisation::new();
    refused(&receiver, &sent, "dev", 3, "was marked bad in");
}
