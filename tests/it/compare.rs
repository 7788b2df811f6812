//! Two versions side by side, and one artifact in several workspaces.

use serde_json::Value;

use crate::organisation::{Answer, Organisation};
use crate::support::cells;
use crate::variants::variant;

const PENGUINS: &str = "wildlife/penguin-species";

fn compare(organisation: &Organisation, arguments: &[&str]) -> Answer {
    let mut all = vec!["compare"];
    all.extend(arguments);
    organisation.as_person("dana", &all)
}

/// 1.0.0 in dev, from the sample; 2.0.0 in prod, tuned on it with field data, with one file more, one less and one other.
fn with_tuned() -> Organisation {
    let organisation = Organisation::new();
    organisation.promote_to_prod("1.0.0");
    let folder = variant(&organisation, "2.0.0");
    std::fs::write(folder.join("MODEL_CARD.md"), "# Another\n").unwrap();
    std::fs::remove_file(folder.join("labels.json")).unwrap();
    let mut arguments =
        Organisation::register_arguments(PENGUINS, "2.0.0", &folder, "prod", "penguins-field");
    for argument in &mut arguments {
        *argument = argument
            .replace("accuracy=0.97", "accuracy=0.985")
            .replace("log-loss=0.3", "brier=0.1")
            .replace("wildlife@aaaa", "wildlife@bbbb");
    }
    let found = organisation.as_person("dana", &["search", "@1.0.0", "-o", "json"]);
    let found = found.json();
    let digest = found["found"][0]["digest"].as_str().unwrap();
    let base = format!("{PENGUINS}@1.0.0={digest}");
    arguments.extend(["--input".to_owned(), base]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    organisation.as_person("dana", &arguments).expect_code(0);
    organisation
}

#[test]
fn two_versions_are_compared_in_all_that_is_known_of_them() {
    let organisation = with_tuned();
    let names = ["penguin-species@1.0.0", "wildlife/penguin-species@2.0.0"];
    let answer = compare(&organisation, &names).expect_code(0);
    let (table, rest) = answer.stdout.split_once("\n\n").unwrap();
    let rows = cells(table);
    assert_eq!(rows[0], ["LEFT", "RIGHT"]);
    assert_eq!(rows[4], ["label", "internal", "internal, production"]);
    assert_eq!(
        rows[5],
        [
            "where",
            "dev (westeurope, made here), qa (westeurope, now), prod (westeurope, now)",
            "prod (westeurope, made here)"
        ]
    );
    assert_eq!(
        rows[6..],
        [
            ["accuracy", "0.97", "0.985 (higher by 0.015)"],
            ["brier", "-", "0.1"],
            ["log-loss", "0.3", "-"],
        ]
    );
    let (left, right) = ("a".repeat(40), format!("bbbb{}", "a".repeat(36)));
    assert_eq!(
        rest,
        format!(
            "tags:\n  = internal\n  + production\n\
             datasets:\n  = penguins-sample\n  + penguins-field\n\
             bases:\n  + wildlife/model/penguin-species@1.0.0\n\
             code:\n  = https://git.example/wildlife@{left}\n  + https://git.example/wildlife@{right}\n\
             files: 2 same, 1 changed, 1 removed, 1 added\n  ~ MODEL_CARD.md\n  - labels.json\n  + notes.txt\n"
        )
    );
    let json = compare(
        &organisation,
        &[names[0], names[1], "-o", "json", "--limit", "1"],
    );
    let json = json.expect_code(0).json();
    assert_eq!(json["isSameDigest"], false);
    assert_eq!(json["metrics"][0]["change"], "higher");
    assert_eq!(json["files"]["differing"][0]["change"], "changed");
    assert_eq!(json["files"]["leftOut"], 2);
}

#[test]
fn lineage_that_nobody_states_is_said_to_be_unknown() {
    let organisation = Organisation::new();
    let from = Organisation::model("penguin-species/1.0.0");
    let from = from.to_str().unwrap();
    let arguments = [
        "register",
        PENGUINS,
        "1.0.0",
        "--from",
        from,
        "--workspace",
        "dev",
        "--owner",
        "data-scientists",
        "--purpose",
        "tests",
    ];
    organisation.as_person("dana", &arguments).expect_code(0);
    let name = "penguin-species@1.0.0";
    let answer = compare(&organisation, &[name, name]).expect_code(0);
    let unknown =
        "unknown: nobody says what data `wildlife/model/penguin-species@1.0.0` was made from\n";
    assert!(answer.stdout.contains(unknown), "{}", answer.all());
}

#[test]
fn a_version_is_the_same_as_itself() {
    let organisation = Organisation::new();
    organisation.register_and_request("1.0.0", "qa");
    let name = "penguin-species@1.0.0";
    let answer = compare(&organisation, &[name, name]).expect_code(0);
    assert!(
        answer.stdout.ends_with(
            "files: 4 same, 0 changed, 0 removed, 0 added\nsame: both are the same bytes\n"
        ),
        "{}",
        answer.all()
    );
    let json = compare(&organisation, &[name, name, "-o", "json"]).json();
    assert_eq!(json["left"], json["right"]);
    assert_eq!(json["tags"]["onlyLeft"], Value::Array(Vec::new()));
}

#[test]
fn what_workspaces_hold_of_one_artifact_is_seen_side_by_side() {
    let organisation = Organisation::new();
    organisation.promote_to_prod("1.0.0");
    let name = "penguin-species@1.0.0";
    let same = compare(&organisation, &[name, "--in", "qa,prod"]).expect_code(0);
    let rows = cells(&same.stdout);
    assert_eq!(rows[1][..4], ["qa", "qa", "westeurope", "1.0.0"]);
    assert_eq!(rows[2][6..], ["1.0.0", "1.0.0", "now"]);
    assert_eq!(rows[3], ["same: all of them hold the same bytes now"]);

    organisation.promote_to_qa("1.1.0");
    let all = compare(&organisation, &[name, "-o", "json"])
        .expect_code(0)
        .json();
    assert_eq!(all["isSame"], false);
    let of = |field: &str| -> Vec<Value> {
        let places = all["places"].as_array().unwrap();
        places.iter().map(|place| place[field].clone()).collect()
    };
    assert_eq!(of("workspace"), ["dev", "qa", "prod"]);
    assert_eq!(of("isThere"), ["made here", "earlier", "now"]);
    assert_eq!(all["places"][0]["holds"], Value::Null);
    assert_eq!(all["places"][1]["holds"]["version"], "1.1.0");
    assert_eq!(
        all["places"][1]["has"],
        serde_json::json!(["1.1.0", "1.0.0"])
    );
}

#[test]
fn what_cannot_be_compared_is_said() {
    let organisation = Organisation::new();
    organisation.register_and_request("1.0.0", "qa");
    let name = "penguin-species@1.0.0";
    for (arguments, code, message) in [
        (
            &[name, "penguin-species@9.0.0"][..],
            1,
            "there is no version `wildlife/model/penguin-species@9.0.0`",
        ),
        (
            &[name, "penguin-species"],
            2,
            "`penguin-species` names no version",
        ),
        (
            &["penguin-specie"],
            1,
            "there is no artifact `penguin-specie`",
        ),
        (
            &["penguin-species@9.0.0"],
            1,
            "there is no version `wildlife/model/penguin-species@9.0.0`",
        ),
        (
            &[name, "--in", "prd"],
            1,
            "there is no workspace or environment `prd`",
        ),
    ] {
        let answer = compare(&organisation, arguments).expect_code(code);
        assert!(answer.stderr.contains(message), "{}", answer.all());
        assert!(answer.stderr.contains("help: "), "{}", answer.all());
    }
    compare(&organisation, &[name, name, "--in", "qa"]).expect_code(2);
}
