//! Releases that go out in waves: region by region, with a pause, and no further than the first that fails.

use crate::organisation::Organisation;
use crate::pattern_stories::{FIRST, register, register_other, serves, verifies};

#[test]
fn a_release_goes_out_region_by_region() {
    let organisation = Organisation::in_pattern("regional-serving");
    organisation.edit("policies/serving.yaml", "      pause: 1h\n", "");
    organisation
        .as_person("ada", &["trust", "sign", "--commit"])
        .expect_code(0);
    // A release is judged by the rules before it too, so they are adopted first.
    organisation.apply().expect_code(0);
    register(&organisation, "dev", "penguins-sample");
    organisation.request(FIRST, "serving").expect_code(0);
    approve_all(&organisation);
    let first = organisation.apply();
    assert_eq!(
        organisation.served("serving-eu").as_deref(),
        Some("1.0.0"),
        "{}",
        first.all()
    );
    // The other two waited for the first wave, and go together in the next run.
    organisation.apply().expect_code(0);
    serves(&organisation, &["serving-eu", "serving-us", "serving-asia"]);
    let requests = register_other(&organisation, "wildlife/field", "dev", "requests-us");
    let requests = requests.expect_code(3);
    assert!(
        requests.stderr.contains("resident:us"),
        "{}",
        requests.all()
    );
    verifies(&organisation);
}

/// Everyone agrees to everything that waits for the endpoints.
#[track_caller]
fn approve_all(organisation: &Organisation) {
    for person in ["omar", "mia"] {
        let approve = ["approve", FIRST, "--in", "serving"];
        let call = [&approve[..], &["--yes", "-o", "name"]].concat();
        let signed = organisation.as_person(person, &call).expect_code(0);
        assert_eq!(signed.stdout.lines().count(), 3, "{}", signed.all());
    }
}

#[test]
fn a_failed_wave_stops_those_after_it() {
    let organisation = Organisation::in_pattern("regional-serving");
    register(&organisation, "dev", "penguins-sample");
    organisation.request(FIRST, "serving").expect_code(0);
    let explain = ["explain", FIRST, "--to", "serving"];
    let why = organisation.as_person("dana", &explain).expect_code(0);
    assert!(
        why.stdout.contains("it is in the first wave"),
        "{}",
        why.all()
    );
    approve_all(&organisation);
    // A file stands where the first workspace should keep the project.
    let first = organisation.workspace("serving-eu").join("wildlife");
    std::fs::create_dir_all(first.parent().unwrap()).unwrap();
    std::fs::write(&first, "").unwrap();
    let failed = organisation.apply();
    assert!([5, 6].contains(&failed.code), "{}", failed.all());
    let waits = "the waves before it: `serving-eu` to hold the digest";
    assert!(failed.stdout.contains(waits), "{}", failed.all());
    for workspace in ["serving-us", "serving-asia"] {
        assert_eq!(organisation.served(workspace), None);
    }
    std::fs::remove_file(&first).unwrap();
    let paused = organisation.apply().expect_code(4);
    serves(&organisation, &["serving-eu"]);
    let waits = "needs: rollout: 1h after the wave before it";
    assert!(paused.stdout.contains(waits), "{}", paused.all());
    assert_eq!(organisation.served("serving-us"), None);
}

#[test]
fn a_wave_names_workspaces_of_its_environment() {
    let organisation = Organisation::in_pattern("regional-serving");
    for (wrong, hint) in [
        ("serving-euu", "did you mean `serving-eu`?"),
        (
            "dev",
            "waves are of workspaces of the policy's own environment",
        ),
    ] {
        let (file, right) = ("policies/serving.yaml", "- [serving-eu]");
        organisation.edit(file, right, &format!("- [{wrong}]"));
        let check = organisation.as_person("ada", &["check"]).expect_code(1);
        let message = format!("`serving` has no workspace `{wrong}`");
        assert!(check.stdout.contains(&message), "{}", check.all());
        assert!(check.stdout.contains(hint), "{}", check.all());
        organisation.edit(file, &format!("- [{wrong}]"), right);
    }
}
