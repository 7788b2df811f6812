//! What workspaces hold, counted.

use crate::organisation::{Answer, Organisation};
use crate::support::{cells, files_under};

fn cost(organisation: &Organisation, arguments: &[&str]) -> Answer {
    let mut all = vec!["cost"];
    all.extend(arguments);
    organisation.as_person("dana", &all).expect_code(0)
}

/// The bytes that really are below the versions of a workspace.
fn bytes_in(organisation: &Organisation, workspace: &str) -> u64 {
    let files = files_under(&organisation.workspace(workspace).join("wildlife"));
    let is_content = |path: &str| path.contains("/content/") && !path.contains("/current/");
    let of_versions = files.iter().filter(|(path, _)| is_content(path));
    of_versions.map(|(_, bytes)| bytes.len() as u64).sum()
}

#[test]
fn every_copy_is_counted_with_the_bytes_that_are_there() {
    let organisation = Organisation::new();
    let nothing = cost(&organisation, &[]);
    assert_eq!(nothing.stdout, "nothing is held\n");
    organisation.promote_to_prod("1.0.0");
    organisation.promote_to_qa("1.1.0");
    // The same bytes under another version are another copy.
    let from = Organisation::model("penguin-species/1.0.0");
    organisation
        .register(
            "wildlife/penguin-species",
            "1.2.0",
            &from,
            "dev",
            "penguins-sample",
        )
        .expect_code(0);

    let json = cost(&organisation, &["--by", "workspace", "-o", "json"]).json();
    for row in json["rows"].as_array().unwrap() {
        let workspace = row["name"].as_str().unwrap();
        assert_eq!(row["bytes"], bytes_in(&organisation, workspace), "{row}");
    }
    assert_eq!(json["rows"].as_array().unwrap().len(), 3);
    let dev = &json["rows"][0];
    assert_eq!(
        (&dev["name"], &dev["copies"], &dev["duplicates"]),
        (&"dev".into(), &3.into(), &1.into())
    );
    // 1.0.0 is four times there, twice in dev; 1.1.0 twice.
    let (first, second) = (size("1.0.0"), size("1.1.0"));
    assert_eq!(dev["duplicateBytes"], first);
    let total = &json["total"];
    assert_eq!(
        (&total["copies"], &total["versions"]),
        (&6.into(), &3.into())
    );
    assert_eq!(total["bytes"], 4 * first + 2 * second);
    assert_eq!(total["duplicateBytes"], 3 * first + second);

    let csv = cost(&organisation, &["--by", "owner", "--format", "csv"]);
    let (bytes, spare) = (4 * first + 2 * second, 3 * first + second);
    assert_eq!(
        csv.stdout,
        format!(
            "\"owner\",\"artifacts\",\"versions\",\"workspaces\",\"copies\",\"bytes\",\"duplicates\",\"duplicate_bytes\"\r\n\
             \"data-scientists\",\"1\",\"3\",\"3\",\"6\",\"{bytes}\",\"2\",\"{spare}\"\r\n"
        )
    );
    let names = cost(&organisation, &["--by", "environment", "-o", "name"]);
    assert_eq!(names.stdout, "dev\nqa\nprod\n");
    let table = cost(&organisation, &["--by", "environment"]);
    let rows = cells(&table.stdout);
    assert_eq!(rows[3][..5], ["prod", "1", "1", "1", "1"]);
    assert_eq!(rows[4][..5], ["all", "1", "3", "3", "6"]);
}

/// The bytes of a version of the real model.
fn size(version: &str) -> u64 {
    let files = files_under(&Organisation::model(&format!("penguin-species/{version}")));
    files.iter().map(|(_, bytes)| bytes.len() as u64).sum()
}
