//! Projects: funded before they have workspaces, given workspaces like those of another, and held to their quota.

use crate::organisation::{Answer, Organisation};

fn add(organisation: &Organisation, words: &str) -> Answer {
    let mut arguments = vec!["init", "project"];
    // An underscore stands for a space inside a word.
    let words: Vec<String> = words
        .split(' ')
        .map(|word| word.replace('_', " "))
        .collect();
    arguments.extend(words.iter().map(String::as_str));
    organisation.as_person("ada", &arguments)
}

#[track_caller]
fn adopt(organisation: &Organisation) {
    organisation
        .as_person("ada", &["trust", "sign", "--commit"])
        .expect_code(0);
    organisation.apply().expect_code(0);
}

#[test]
fn a_project_is_funded_before_it_has_workspaces() {
    let organisation = Organisation::in_pattern("contoso");
    let funded = "bees --owner data-scientists --cost-center cc-1400 --budget 700_EUR/month";
    let added = add(&organisation, funded).expect_code(0);
    assert!(
        added.stdout.contains("the project bees, no workspaces yet"),
        "{}",
        added.all()
    );
    adopt(&organisation);
    organisation.as_person("ada", &["check"]).expect_code(0);
    let again = add(&organisation, funded).expect_code(7);
    let reason = "`projects/bees.yaml` is there already";
    assert!(again.stderr.contains(reason), "{}", again.all());
}

#[test]
fn a_project_gets_workspaces_like_those_of_another_and_promotes_through_them() {
    let organisation = Organisation::in_pattern("contoso");
    let begun = "ants --owner data-scientists --cost-center cc-1500 --like wildlife";
    let added = add(&organisation, begun).expect_code(0);
    assert!(
        added.stdout.contains("the project ants, 3 workspaces"),
        "{}",
        added.all()
    );
    adopt(&organisation);
    organisation.as_person("ada", &["check"]).expect_code(0);
    let from = Organisation::model("penguin-species/1.0.0");
    organisation
        .register(
            "ants/castes",
            "1.0.0",
            &from,
            "mlw-ants-dev",
            "penguins-sample",
        )
        .expect_code(0);
    organisation
        .request("ants/castes@1.0.0", "qa")
        .expect_code(0);
    let promotion = organisation.waiting("qa", "castes");
    organisation
        .as_person("rita", &["approve", &promotion, "--yes"])
        .expect_code(0);
    organisation.apply().expect_code(0);
    let served = organisation.workspace("mlw-ants-qa");
    assert!(served.join("ants/model/castes/current").exists());
}

#[test]
fn what_is_wrong_with_a_new_project_is_told() {
    let organisation = Organisation::in_pattern("contoso");
    for (words, code, reason) in [
        (
            "cats --owner nobody --cost-center x",
            1,
            "a new group is a line `nobody: []` under `groups` in trust/root.yaml",
        ),
        (
            "cats --owner risk --cost-center x --like dogs",
            1,
            "there is no project `dogs`",
        ),
        (
            "cats --owner risk --cost-center x --like forestry",
            1,
            "`forestry` has no workspaces",
        ),
        (
            "cats --owner risk --cost-center x --budget much",
            2,
            "such as `1500 EUR/month`",
        ),
    ] {
        let refused = add(&organisation, words).expect_code(code);
        assert!(refused.stderr.contains(reason), "{}", refused.all());
    }
    assert!(
        !organisation
            .repository()
            .join("projects/cats.yaml")
            .exists()
    );
}

#[test]
fn a_quota_that_is_used_up_takes_nothing_more() {
    let organisation = Organisation::in_pattern("project");
    let (file, limit) = ("projects/wildlife.yaml", "versions: 1000");
    organisation.edit(file, limit, "versions: 1");
    adopt(&organisation);
    let register = |name: &str| {
        let from = Organisation::model("penguin-species/1.0.0");
        organisation.register(name, "1.0.0", &from, "mlw-wildlife-dev", "penguins-sample")
    };
    register("wildlife/penguin-species").expect_code(0);
    let second = register("wildlife/second").expect_code(3);
    let reason = "`wildlife` would have 2 versions, and its quota is 1";
    assert!(second.stderr.contains(reason), "{}", second.all());
    // The same version again is no further one.
    register("wildlife/penguin-species").expect_code(0);
    // A larger quota that nobody signed is none, though it was merged.
    organisation.edit(file, "versions: 1", "versions: 9");
    organisation.commit_all("dana", "more room");
    register("wildlife/second").expect_code(3);
    // A smaller one takes nothing away, and is told; it is not signed either.
    organisation.edit(file, "versions: 9", "versions: 0");
    let check = organisation.as_person("ada", &["check"]).expect_code(1);
    let reason = "the project has 1 versions, and its quota is 0";
    assert!(check.all().contains(reason), "{}", check.all());
}

#[test]
fn a_version_that_was_put_into_the_workspace_of_another_project_is_passed_over() {
    let organisation = Organisation::in_pattern("project");
    let from = Organisation::model("penguin-species/1.0.0");
    let refused = organisation.register(
        "wildlife/penguin-species",
        "1.0.0",
        &from,
        "mlw-botany-dev",
        "penguins-sample",
    );
    let reason = "the workspace `mlw-botany-dev` is not for the project `wildlife`";
    let refused = refused.expect_code(1);
    assert!(refused.stderr.contains(reason), "{}", refused.all());
    organisation
        .register(
            "wildlife/penguin-species",
            "1.0.0",
            &from,
            "mlw-wildlife-dev",
            "penguins-sample",
        )
        .expect_code(0);
    let manifest = "models/wildlife/penguin-species/1.0.0.yaml";
    organisation.edit(manifest, "mlw-wildlife-dev", "mlw-botany-dev");
    let check = organisation.as_person("ada", &["check"]).expect_code(1);
    assert!(
        check.stdout.contains("error[foreign-project]"),
        "{}",
        check.all()
    );
    assert!(check.stdout.contains(reason), "{}", check.all());
}
