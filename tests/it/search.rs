//! Finding versions in all workspaces.

use serde_json::Value;

use crate::organisation::{Answer, Organisation};
use crate::support::cells;

const PENGUINS: &str = "wildlife/model/penguin-species";
const FIELD: &str = "wildlife/model/penguin-species-field";

/// 1.0.0 went to prod and was followed in qa by 1.1.0; the field model was made in prod on production data.
fn filled() -> Organisation {
    let organisation = Organisation::new();
    organisation.promote_to_prod("1.0.0");
    let from = Organisation::model("penguin-species-field/1.0.0");
    organisation
        .register(
            "wildlife/penguin-species-field",
            "1.0.0",
            &from,
            "prod",
            "penguins-field",
        )
        .expect_code(0);
    organisation.promote_to_qa("1.1.0");
    organisation
}

fn search(organisation: &Organisation, arguments: &[&str]) -> Answer {
    let mut all = vec!["search"];
    all.extend(arguments);
    // No key is needed to look.
    organisation.as_person("dana", &all)
}

/// The names that are found.
#[track_caller]
fn names(organisation: &Organisation, arguments: &[&str]) -> Vec<String> {
    let mut all = arguments.to_vec();
    all.extend(["-o", "name"]);
    let answer = search(organisation, &all).expect_code(0);
    answer.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn an_artifact_without_a_version_is_found_by_its_name_alone() {
    let organisation = Organisation::new();
    assert_eq!(names(&organisation, &["penguin"]), [PENGUINS]);
    assert_eq!(names(&organisation, &["--kind", "pipeline"]), [""; 0]);
    assert_eq!(names(&organisation, &["--held"]), [""; 0]);
    assert_eq!(names(&organisation, &["--tag", "internal"]), [""; 0]);
    let found = search(&organisation, &["-o", "json"]).expect_code(0).json();
    assert_eq!(found["found"][0]["version"], Value::Null);
}

#[test]
fn versions_are_found_wherever_they_are() {
    let organisation = filled();
    let (new, old) = (format!("{PENGUINS}@1.1.0"), format!("{PENGUINS}@1.0.0"));
    let field = format!("{FIELD}@1.0.0");
    let all = [&*new, &*old, &*field];
    let cases: [(&[&str], &[&str]); 12] = [
        (&[], &all),
        (&["Penguin", "@1.0"], &[&*old, &*field]),
        (&["--workspace", "dev"], &[&*new, &*old]),
        (&["--environment", "qa", "--held"], &[&*new]),
        (&["--held"], &[&*new, &*old]),
        // Held in prod, and there in qa, is not held in qa.
        (&["--held", "--workspace", "qa", "@1.0.0"], &[]),
        (
            &["--region", "westeurope", "--tag", "production"],
            &[&*field],
        ),
        (&["--tag", "production", "--tag", "internal"], &[&*field]),
        (
            &["--project", "wildlife", "--kind", "model", "field"],
            &[&*field],
        ),
        (&["--metric", "accuracy>0.97"], &[]),
        (
            &["--metric", "accuracy>=0.97", "--metric", "log-loss<0.4"],
            &all,
        ),
        (
            &["--metric", "accuracy>=0.97", "--metric", "log-loss>0.4"],
            &[],
        ),
    ];
    for (arguments, expected) in cases {
        assert_eq!(names(&organisation, arguments), expected, "{arguments:?}");
    }
    let all = search(&organisation, &["-o", "json"]).json();
    let digest = all["found"][1]["digest"].as_str().unwrap();
    let digits = digest.strip_prefix("dirhash1:").unwrap();
    for digest in [digest, &digits[..8]] {
        assert_eq!(names(&organisation, &["--digest", digest]), [&*old]);
    }
}

#[test]
fn it_is_told_how_each_workspace_has_a_version() {
    let organisation = filled();
    let json = search(&organisation, &["species@1.0.0", "-o", "json"])
        .expect_code(0)
        .json();
    let held = &json["found"][0]["held"];
    assert_eq!(held[0]["madeHere"], true, "{held}");
    assert_eq!(held[1]["heldSince"], Value::Null, "it was followed: {held}");
    assert!(held[2]["heldSince"].is_string(), "{held}");

    let table = search(
        &organisation,
        &["@1.0.0", "species", "--metric", "log-loss"],
    )
    .expect_code(0);
    let lines = cells(&table.stdout);
    assert_eq!(
        lines[0],
        ["VERSION", "DIGEST", "LABEL", "WHERE", "LOG-LOSS"]
    );
    let places = "dev (westeurope, made here), qa (westeurope, earlier), prod (westeurope, now)";
    assert_eq!(lines[1][2..], ["internal", places, "0.3"]);
    let label = "internal, production";
    assert_eq!(
        lines[2][2..],
        [label, "prod (westeurope, made here)", "0.3"]
    );
}

#[test]
fn what_is_left_out_is_counted_and_what_is_not_there_is_said() {
    let organisation = filled();
    let cut = search(&organisation, &["--limit", "1"]).expect_code(0);
    assert!(cut.stdout.contains("@1.1.0"), "{}", cut.all());
    assert!(
        cut.stdout
            .ends_with("… 2 more are left out; ask for less, or raise `--limit`\n"),
        "{}",
        cut.all()
    );
    let json = search(&organisation, &["--limit", "1", "-o", "json"]).json();
    assert_eq!(
        (json["found"].as_array().unwrap().len(), &json["leftOut"]),
        (1, &2.into())
    );

    let nothing = search(&organisation, &["pinguin"]).expect_code(0);
    assert_eq!(
        nothing.stdout,
        "nothing is found\nhelp: did you mean `penguin`?\n"
    );
    // Every word is somewhere, but not together.
    let nothing = search(&organisation, &["field", "@1.1.0"]).expect_code(0);
    assert_eq!(nothing.stdout, "nothing is found\n");

    for (arguments, message) in [
        (["--workspace", "prd"], "there is no workspace `prd`"),
        (["--environment", "prd"], "there is no environment `prd`"),
        (["--region", "westeurop"], "there is no region `westeurop`"),
        (["--project", "wildlive"], "there is no project `wildlive`"),
        (["--tag", "productio"], "there is no tag `productio`"),
        (["--metric", "acuracy>0"], "there is no metric `acuracy`"),
    ] {
        let answer = search(&organisation, &arguments).expect_code(1);
        assert!(answer.stderr.contains(message), "{}", answer.all());
        assert!(
            answer.stderr.contains("help: did you mean"),
            "{}",
            answer.all()
        );
    }
    for arguments in [
        ["--metric", "accuracy>=high"],
        ["--digest", "12"],
        ["--limit", "0"],
        ["--kind", "dataset"],
    ] {
        search(&organisation, &arguments).expect_code(2);
    }
}
