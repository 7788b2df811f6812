//! What each pattern stands against, tried on the repository that `promote init` writes for it.

use std::collections::BTreeMap;
use std::process::Command;

use promote::manifest::repository::Repository;
use promote::topology::PATTERNS;

use crate::organisation::answer;
use crate::support::{files_under, root};

type Files = BTreeMap<String, Vec<u8>>;

/// The files that `promote init` writes for a pattern, as they would be committed.
fn written(pattern: &str) -> Files {
    let folder = tempfile::tempdir().unwrap();
    let repository = folder.path().join("repository");
    let mut command = Command::new(env!("CARGO_BIN_EXE_promote"));
    command
        .args(["init", repository.to_str().unwrap(), "--pattern", pattern])
        .env("HOME", folder.path());
    answer(&mut command).expect_code(0);
    let files = files_under(&repository).into_iter();
    files
        .filter(|(path, _)| !path.starts_with(".git/"))
        .collect()
}

/// The codes of what is said of some files, each with the file that it is about.
fn said(files: Files) -> Vec<(String, String)> {
    let (_, diagnostics) = Repository::parse(files);
    let said = diagnostics.into_iter();
    said.map(|problem| (problem.code.to_owned(), problem.loc.file.path.clone()))
        .collect()
}

/// Holds cases against a pattern, one a line: a file, what is replaced in it, by what, the code of the diagnostic, and the
/// file that it is about. `-` is nothing, `=` the same file, `·` a space; a file in which nothing is replaced is taken away.
#[track_caller]
fn refuses(pattern: &str, cases: &str) {
    let files = written(pattern);
    assert_eq!(said(files.clone()), [], "{pattern} as it is written");
    let lines = cases.lines().map(str::trim);
    for line in lines.filter(|line| !line.is_empty()) {
        let cells: Vec<String> = line
            .split(" | ")
            .map(|cell| cell.replace("\\n", "\n").replace('·', " "))
            .collect();
        let [file, from, to, code, about] = cells.as_slice() else {
            panic!("{line}");
        };
        let mut files = files.clone();
        if from == "-" {
            assert!(files.remove(file).is_some(), "{file}");
        } else {
            edit(&mut files, file, from, if to == "-" { "" } else { to });
        }
        let said = said(files);
        let about = if about == "=" { file } else { about };
        assert!(
            said.contains(&(code.clone(), about.clone())),
            "{line}: {said:?}"
        );
    }
}

#[track_caller]
fn edit(files: &mut Files, path: &str, from: &str, to: &str) {
    let text = String::from_utf8(files[path].clone()).unwrap();
    assert!(text.contains(from), "{from} is not in {path}: {text}");
    files.insert(path.to_owned(), text.replace(from, to).into_bytes());
}

#[test]
fn every_pattern_is_a_folder_and_a_page() {
    for pattern in &PATTERNS {
        let name = pattern.name.as_str();
        let topology = root().join("pipelines").join(name).join("promote.yaml");
        let text = std::fs::read_to_string(&topology).unwrap();
        assert!(text.contains(&format!("pattern: {name}\n")), "{name}");
        let page = root().join("docs/patterns").join(format!("{name}.md"));
        let text = std::fs::read_to_string(&page).unwrap();
        for part in [
            "```mermaid",
            "## When to choose it",
            "## What it asks of you",
            "## What `promote check` holds it to",
        ] {
            assert!(text.contains(part), "{} has no `{part}`", page.display());
        }
    }
}

#[test]
fn a_region_that_is_mistyped_is_found_in_every_pattern() {
    for pattern in &PATTERNS {
        let name = pattern.name.as_str();
        let mut files = written(name);
        let has_region = |(path, bytes): &(&String, &mut Vec<u8>)| {
            path.starts_with("workspaces/") && bytes.windows(8).any(|text| text == b"region: ")
        };
        let (path, bytes) = files.iter_mut().find(has_region).unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        let (before, after) = text.split_once("region: ").unwrap();
        *bytes = format!("{before}region: x{after}").into_bytes();
        let expected = ("unknown-region".to_owned(), path.clone());
        let said = said(files);
        assert!(said.contains(&expected), "{name}: {said:?}");
    }
}

#[test]
fn a_team_shares_one_workspace_whose_name_says_so() {
    refuses(
        "team",
        r#"
        workspaces/mlw-wildlife-team-dev.yaml | scope: team | scope: shared | not-a-team-workspace | =
        workspaces/mlw-wildlife-team-dev.yaml | owner: wildlife-team\n  region | region | team-without-owner | =
        workspaces/mlw-wildlife-team-dev.yaml | environment: dev | environment: prod | misnamed | =
        workspaces/mlw-wildlife-team-dev.yaml | environment: dev | environment: prod | two-workspaces-of-a-team | workspaces/mlw-wildlife-team-prod.yaml
        workspaces/mlw-wildlife-team-dev.yaml | ····cost-center: cc-1100\n | - | missing-resource-tag | =
        workspaces/mlw-wildlife-team-dev.yaml | owner: wildlife-team\n  region | owner: wildlife-tema\n  region | unknown-group | =
        promote.yaml | ··naming:\n    workspaces: mlw-{owner}-{environment}\n | - | no-naming-rules | =
        promote.yaml | {owner} | {team} | naming-form | =
        "#,
    );
}

#[test]
fn nothing_moves_between_projects_unless_the_receiving_one_says_so() {
    let prod = "workspaces/mlw-wildlife-prod.yaml";
    refuses(
        "project",
        r#"
        workspaces/mlw-wildlife-prod.yaml | accepts: [mlw-wildlife-dev] | accepts: [mlw-botany-dev] | undeclared-project-edge | =
        workspaces/mlw-wildlife-dev.yaml | projects: [wildlife] | projects: [wildlife, botany] | not-one-project | =
        workspaces/mlw-wildlife-dev.yaml | scope: project\n  projects: [wildlife]\n | scope: shared\n | not-a-project-workspace | =
        workspaces/mlw-wildlife-dev.yaml | projects: [wildlife] | projects: [forestry] | unknown-project | =
        projects/wildlife.yaml | - | - | unknown-project | models/wildlife/penguin-species/model.yaml
        projects/botany.yaml | owner: data-scientists | owner: botanists | unknown-group | =
        projects/botany.yaml | ··costCenter: cc-1200\n | - | missing-field | =
        projects/botany.yaml | costCenter: cc-1200\n | costCenter: cc-1200\n  collaborators: [risk]\n | collaborator-sees-more | =
        "#,
    );
    let mut files = written("project");
    edit(
        &mut files,
        prod,
        "accepts: [mlw-wildlife-dev]",
        "accepts: [mlw-botany-dev]",
    );
    edit(
        &mut files,
        "projects/wildlife.yaml",
        "  quota:",
        "  accepts: [botany]\n  quota:",
    );
    assert_eq!(said(files), [], "an edge that is declared");
}

#[test]
fn exploration_is_for_everyone_and_never_for_production_data() {
    refuses(
        "shared",
        r#"
        workspaces/exploration.yaml | clearance: [internal] | clearance: [internal, production] | exploration-holds-production | =
        workspaces/exploration.yaml | clearance: [internal] | clearance: [internal, production] | production-in-first-environment | =
        workspaces/exploration.yaml | scope: exploration | scope: project\n  projects: [wildlife] | not-shared | =
        workspaces/exploration.yaml | scope: exploration | scope: project\n  projects: [wildlife] | no-exploration-workspace | promote.yaml
        workspaces/dev.yaml | ··accepts: [exploration]\n | - | exploration-leads-nowhere | workspaces/exploration.yaml
        "#,
    );
}

#[test]
fn models_are_made_in_one_environment_and_nobody_writes_what_research_reads() {
    refuses(
        "single-environment",
        r#"
        workspaces/serving-staging.yaml | ··purpose: serving\n | - | training-beyond-the-first | =
        workspaces/serving-staging.yaml | environment: staging\n  purpose: serving | environment: research | two-training-workspaces | =
        workspaces/research.yaml | environment: research | environment: research\n  purpose: serving | no-training-workspace | promote.yaml
        datasets/penguins-field.yaml | read: [data-scientists] | write: [data-scientists] | writable-production-data | =
        datasets/penguins-field.yaml | read: [data-scientists] | read: [everyone] | unknown-group | =
        "#,
    );
}

#[test]
fn environments_keep_production_data_where_it_belongs() {
    refuses(
        "multi-environment",
        r#"
        policies/prod.yaml | ······- gate: approvals\n········quorum:\n··········risk: 1\n··········release-managers: 1\n | - | wider-approvers | =
        workspaces/dev.yaml | clearance: [internal] | clearance: [internal, production] | production-in-first-environment | =
        workspaces/dev.yaml | adapter: | accepts: [prod]\n  adapter: | backward-edge | =
        "#,
    );
    refuses(
        "restricted-data",
        r#"
        workspaces/limited.yaml | clearance: [internal] | clearance: [internal, production] | production-in-first-environment | =
        promote.yaml | [limited, production] | [limited, staging, production] | not-two-environments | =
        "#,
    );
}

#[test]
fn what_is_resident_lies_in_its_jurisdiction() {
    refuses(
        "regional-training",
        r#"
        workspaces/prod-eu.yaml | storageRegion: northeurope | storageRegion: eastus | outside-jurisdiction | =
        workspaces/prod-eu.yaml | storageRegion: northeurope | metadataRegion: westus | outside-jurisdiction | =
        workspaces/prod-eu.yaml | storageRegion: northeurope | endpointRegion: westus | outside-jurisdiction | =
        workspaces/prod-eu.yaml | storageRegion: northeurope | storageRegion: northeurop | unknown-region | =
        promote.yaml | us: [eastus, westus] | us: [eastus, westus2] | unknown-region | =
        datasets/penguins-sample-eu.yaml | region: westeurope | region: eastus | dataset-outside-jurisdiction | =
        datasets/penguins-sample-eu.yaml | label: [internal, "resident:eu"] | label: [internal] | dataset-without-residency | =
        workspaces/dev-eu.yaml | clearance: [internal, "resident:eu"] | clearance: [internal, "resident:eu", "resident:us"] | several-residencies | =
        workspaces/dev-us.yaml | environment: dev | environment: prod | one-training-region | promote.yaml
        "#,
    );
}

#[test]
fn one_region_trains_and_several_serve_in_waves() {
    refuses(
        "regional-serving",
        r#"
        workspaces/serving-us.yaml | ··purpose: serving\n | - | several-training-regions | =
        policies/serving.yaml | ····- gate: rollout\n      waves:\n        - [serving-eu]\n        - [serving-us, serving-asia]\n      pause: 1h\n | - | no-waves | =
        promote.yaml | [dev, serving] | [serving, dev] | one-serving-region | =
        "#,
    );
}

#[test]
fn what_was_tuned_on_the_data_of_a_region_has_no_way_back() {
    refuses(
        "regional-fine-tuning",
        r#"
        workspaces/tuning-eu.yaml | clearance: [internal, "resident:eu"] | clearance: [internal] | tuning-without-residency | =
        workspaces/base.yaml | clearance: [internal] | clearance: [internal, "resident:eu"] | tuned-model-returns | =
        workspaces/base.yaml | adapter: | accepts: [tuning-eu]\n  adapter: | backward-edge | =
        "#,
    );
}

#[test]
fn a_pattern_of_several_environments_is_not_one_of_one() {
    for (pattern, only, code) in [
        ("regional-fine-tuning", "base", "no-tuning-environment"),
        ("contoso", "exploration", "no-exploration-environment"),
        ("multi-environment", "dev", "too-few-environments"),
    ] {
        let mut files = written(pattern);
        files.retain(|path, _| {
            !["policies/", "freezes/"]
                .iter()
                .any(|folder| path.starts_with(folder))
        });
        let is_of_only = |path: &str, bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            !path.starts_with("workspaces/") || text.contains(&format!("environment: {only}\n"))
        };
        files.retain(|path, bytes| is_of_only(path, bytes));
        for path in ["promote.yaml", "trust/root.yaml"] {
            let text = String::from_utf8(files[path].clone()).unwrap();
            let (before, after) = text.split_once("environments: [").unwrap();
            let (_, after) = after.split_once(']').unwrap();
            let changed = format!("{before}environments: [{only}]{after}");
            files.insert(path.to_owned(), changed.into_bytes());
        }
        let said = said(files);
        assert!(
            said.contains(&(code.to_owned(), "promote.yaml".to_owned())),
            "{pattern}: {said:?}"
        );
    }
}

#[test]
fn contoso_keeps_all_of_it_at_once() {
    refuses(
        "contoso",
        r#"
        workspaces/mlw-everyone-exploration.yaml | clearance: [internal] | clearance: [internal, production] | production-in-first-environment | =
        workspaces/mlw-wildlife-dev.yaml | clearance: [internal] | clearance: [internal, production] | production-in-first-environment | =
        workspaces/mlw-wildlife-dev.yaml | scope: project\n  projects: [wildlife]\n | scope: shared\n | not-a-project-workspace | =
        workspaces/mlw-wildlife-dev.yaml | environment: dev | environment: qa | incomplete-project | projects/wildlife.yaml
        workspaces/mlw-wildlife-qa.yaml | accepts: [mlw-wildlife-dev] | accepts: [mlw-botany-dev] | undeclared-project-edge | =
        workspaces/mlw-wildlife-qa.yaml | region: westeurope | region: northeurope | unknown-region | =
        workspaces/mlw-wildlife-qa.yaml | ····env: qa\n | - | missing-resource-tag | =
        "#,
    );
    let mut files = written("contoso");
    for project in ["wildlife", "botany", "forestry"] {
        files.remove(&format!("projects/{project}.yaml"));
    }
    let expected = ("no-projects".to_owned(), "promote.yaml".to_owned());
    assert!(said(files).contains(&expected));
}
