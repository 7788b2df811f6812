//! Pipelines go from environment to environment as code, and read what each environment binds to their inputs.

use crate::organisation::{Answer, Organisation};

pub(crate) const PIPELINE: &str = "wildlife/pipeline/train@1.0.0";
/// Where the manifest of the pipeline is, which binds its inputs.
pub(crate) const DECLARATION: &str = "pipelines/wildlife/train/pipeline.yaml";

/// Registers a folder of one file as an artifact of some kind, in dev.
#[track_caller]
pub(crate) fn register_code(
    organisation: &Organisation,
    (kind, name, version): (&str, &str, &str),
    (workspace, text): (&str, &str),
    inputs: &[&str],
) {
    let from = organisation.path(&format!("code-{kind}-{name}-{version}"));
    std::fs::create_dir_all(&from).unwrap();
    std::fs::write(from.join("main.py"), text).unwrap();
    let code = format!("https://git.example/wildlife@{}", "a".repeat(40));
    let (name, from) = (format!("wildlife/{name}"), from.to_str().unwrap());
    let mut arguments = vec!["register", &name, version, "--kind", kind, "--from", from];
    arguments.extend(["--workspace", workspace, "--code", &code]);
    arguments.extend(["--owner", "data-scientists", "--purpose", "tests"]);
    for input in inputs {
        arguments.extend(["--input", input]);
    }
    organisation.as_person("dana", &arguments).expect_code(0);
}

/// An organisation with the pipeline in dev.
pub(crate) fn with_pipeline() -> Organisation {
    let organisation = Organisation::new();
    register_code(
        &organisation,
        ("pipeline", "train", "1.0.0"),
        ("dev", "fit(penguins)\n"),
        &["penguins-sample"],
    );
    organisation
}

/// Binds inputs in the manifest of the pipeline, and commits that as dana: what nobody has to sign.
#[track_caller]
pub(crate) fn bind(organisation: &Organisation, lines: &str) {
    let path = organisation.repository().join(DECLARATION);
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.split("  inputs:\n").next().unwrap();
    std::fs::write(path, format!("{text}  inputs:\n{lines}")).unwrap();
    organisation.commit_all("dana", "bind");
}

/// The code, the place and the words of everything that `check` finds.
pub(crate) fn found(organisation: &Organisation) -> Vec<(String, String, String)> {
    let answer = organisation.as_person("dana", &["check", "-o", "json"]);
    let json = answer.json();
    let all = json["diagnostics"].as_array().unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    all.iter()
        .map(|one| {
            (
                text(&one["code"]),
                text(&one["path"]),
                text(&one["message"]),
            )
        })
        .collect()
}

/// What a gate says of a version for an environment.
#[track_caller]
pub(crate) fn verdict(
    organisation: &Organisation,
    (version, environment): (&str, &str),
    gate: &str,
) -> String {
    let explain = ["explain", version, "--to", environment, "-o", "json"];
    let json = organisation.as_person("dana", &explain).json();
    let gates = json["promotions"][0]["decision"]["gates"].as_array();
    let gates = gates.unwrap_or_else(|| panic!("{json}"));
    let of_gate = |one: &&serde_json::Value| one["gate"] == gate;
    let said = gates.iter().find(of_gate);
    said.unwrap_or_else(|| panic!("`{gate}` says nothing: {json}"))
        .to_string()
}

/// People say yes to the promotion of an artifact, and the engine acts.
#[track_caller]
pub(crate) fn promote(
    organisation: &Organisation,
    (version, environment): (&str, &str),
    people: &[&str],
) {
    organisation.request(version, environment).expect_code(0);
    let name = version.split(['/', '@']).nth(2).unwrap();
    let promotion = organisation.waiting(environment, name);
    for person in people {
        let approve = ["approve", &promotion, "--yes"];
        organisation.as_person(person, &approve).expect_code(0);
    }
    organisation.apply().expect_code(0);
}

#[track_caller]
fn refused(answer: Answer) {
    answer.expect_code(3);
}

#[test]
fn a_pipeline_bound_to_production_data_stays_out_of_where_that_may_not_be() {
    let organisation = with_pipeline();
    bind(
        &organisation,
        "    birds:\n      dev: penguins-sample\n      qa: penguins-field\n      prod: penguins-field\n",
    );
    let said = "`qa` may not read `penguins-field`: the data behind it carries `production`, and workspace `qa` is not cleared for that";
    let expected = (
        "binding-not-cleared".to_owned(),
        DECLARATION.to_owned(),
        said.to_owned(),
    );
    assert_eq!(found(&organisation), [expected]);
    organisation.request(PIPELINE, "qa").expect_code(0);
    refused(organisation.apply());
    let reason = verdict(&organisation, (PIPELINE, "qa"), "bound-inputs");
    assert_eq!(
        reason,
        r#"{"gate":"bound-inputs","reasons":["input `birds`: the data behind it carries `production`, and workspace `qa` is not cleared for that"],"verdict":"deny"}"#
    );
    let copy = organisation.workspace("qa").join("wildlife/pipeline/train");
    assert!(!copy.exists());
    bind(
        &organisation,
        "    birds:\n      dev: penguins-sample\n      qa: penguins-sample\n      prod: penguins-field\n",
    );
    assert_eq!(found(&organisation), []);
    promote(&organisation, (PIPELINE, "qa"), &["rita"]);
    promote(&organisation, (PIPELINE, "prod"), &["omar", "mia"]);
    assert!(
        organisation
            .workspace("prod")
            .join("wildlife/pipeline/train/current")
            .exists()
    );
    // What was denied and what was allowed can be decided again, from the bindings as they were.
    organisation.as_person("ada", &["verify"]).expect_code(0);
}

#[test]
fn an_input_without_a_dataset_is_told_where_the_pipeline_is_released() {
    let organisation = with_pipeline();
    bind(
        &organisation,
        "    birds:\n      dev: penguins-sample\n    weather: {}\n",
    );
    assert_eq!(found(&organisation), [], "nobody asks for it anywhere yet");
    organisation.request(PIPELINE, "qa").expect_code(0);
    let messages: Vec<String> = found(&organisation)
        .into_iter()
        .map(|(code, _, message)| format!("{code}: {message}"))
        .collect();
    assert_eq!(
        messages,
        ["birds", "weather"].map(|input| format!(
            "unbound-input: input `{input}` has no dataset in `qa`, and `wildlife/pipeline/train` is released there"
        ))
    );
    refused(organisation.apply());
    let reason = verdict(&organisation, (PIPELINE, "qa"), "bound-inputs");
    let expected = ["birds", "weather"].map(|input| {
        format!("input `{input}` has no dataset in `qa`; bind one in `spec.inputs` of the pipeline")
    });
    let expected =
        serde_json::json!({ "gate": "bound-inputs", "reasons": expected, "verdict": "deny" });
    assert_eq!(reason, expected.to_string());
}

/// A label that rises later closes what was open when the pipeline went up.
#[test]
fn a_dataset_that_turns_out_to_be_of_production_stops_the_pipelines_that_read_it() {
    let organisation = with_pipeline();
    bind(&organisation, "    birds:\n      qa: penguins-sample\n");
    organisation.request(PIPELINE, "qa").expect_code(0);
    let promotion = organisation.waiting("qa", "train");
    let approve = ["approve", &promotion, "--yes"];
    organisation.as_person("rita", &approve).expect_code(0);
    organisation.edit(
        "datasets/penguins-sample.yaml",
        "[internal]",
        "[internal, production]",
    );
    let sign = ["trust", "sign", "--commit"];
    organisation.as_person("ada", &sign).expect_code(0);
    refused(organisation.apply());
    // And what was labelled so once stays so, whatever the file says later.
    organisation.edit(
        "datasets/penguins-sample.yaml",
        "[internal, production]",
        "[internal]",
    );
    organisation.as_person("ada", &sign).expect_code(0);
    refused(organisation.apply());
    let reason = verdict(&organisation, (PIPELINE, "qa"), "bound-inputs");
    assert!(
        reason.contains("input `birds`: the data behind it carries `production`"),
        "{reason}"
    );
    organisation.as_person("ada", &["verify"]).expect_code(0);
}

const RUNTIME: &str = "wildlife/runtime/python@3.12.0";
const COMPONENT: &str = "wildlife/component/prepare@1.0.0";

/// What `--input` says of a version that [`register_code`] registered.
#[track_caller]
pub(crate) fn input(organisation: &Organisation, version: &str) -> String {
    let folder = version.replace(['/', '@'], "-");
    let from = organisation.path(&folder.replacen("wildlife", "code", 1));
    let digest = organisation.as_person("dana", &["digest", from.to_str().unwrap()]);
    format!("{version}={}", digest.expect_code(0).stdout.trim())
}

/// A runtime, a component in it and a pipeline of both, in dev.
#[track_caller]
fn with_parts() -> Organisation {
    let organisation = Organisation::new();
    let register = |kind, name, version, inputs: &[&str]| {
        let place = ("dev", &*format!("# {kind} {name}\n"));
        register_code(&organisation, (kind, name, version), place, inputs);
    };
    register("runtime", "python", "3.12.0", &["penguins-sample"]);
    let runtime = input(&organisation, RUNTIME);
    register("component", "prepare", "1.0.0", &[&runtime]);
    let component = input(&organisation, COMPONENT);
    register("pipeline", "train", "1.0.0", &[&component, &runtime]);
    organisation
}

#[test]
fn what_a_pipeline_needs_goes_first_and_until_then_it_waits() {
    let organisation = with_parts();
    organisation.request(PIPELINE, "qa").expect_code(0);
    let release = "releases/qa/wildlife/pipeline/train.yaml";
    let expected = [COMPONENT, RUNTIME].map(|needed| {
        let message = format!("`{PIPELINE}` needs `{needed}`, and nothing asks for that in `qa`");
        (
            "unreleased-dependency".to_owned(),
            release.to_owned(),
            message,
        )
    });
    assert_eq!(found(&organisation), expected);
    let yes = |artifact: &str| {
        let promotion = organisation.waiting("qa", artifact);
        let approve = ["approve", &promotion, "--yes"];
        organisation.as_person("rita", &approve).expect_code(0);
    };
    yes("train");
    organisation.apply().expect_code(4);
    let waits = serde_json::json!({ "gate": "dependencies", "needs": [
        format!("`{COMPONENT}` to be promoted into `qa` first"),
        format!("`{RUNTIME}` to be promoted into `qa` first"),
    ], "verdict": "pending" });
    let said = verdict(&organisation, (PIPELINE, "qa"), "dependencies");
    assert_eq!(said, waits.to_string());
    for (version, artifact) in [(COMPONENT, "prepare"), (RUNTIME, "python")] {
        organisation.request(version, "qa").expect_code(0);
        yes(artifact);
    }
    // One run, in the order of what needs what.
    let promoted = organisation.as_person("ada", &["apply", "-o", "json"]);
    let promoted = promoted.expect_code(0).json();
    let slots = promoted["slots"].as_array().unwrap();
    let promoted = slots.iter().filter(|slot| slot["status"] == "promoted");
    let artifacts: Vec<&str> = promoted
        .map(|slot| slot["slot"]["artifact"].as_str().unwrap())
        .collect();
    let order = ["runtime/python", "component/prepare", "pipeline/train"];
    assert_eq!(artifacts, order.map(|name| format!("wildlife/{name}")));
    assert_eq!(found(&organisation), []);
    organisation.as_person("ada", &["verify"]).expect_code(0);
}

#[test]
fn a_pipeline_does_not_go_up_with_a_part_that_is_bad() {
    let organisation = with_parts();
    for version in [RUNTIME, COMPONENT] {
        promote(&organisation, (version, "qa"), &["rita"]);
    }
    let digest = input(&organisation, RUNTIME);
    let digest = digest.split_once('=').unwrap().1;
    let mark = ["mark-bad", digest, "--reason", "a hole in it", "--yes"];
    organisation.as_person("rita", &mark).expect_code(0);
    organisation.request(PIPELINE, "qa").expect_code(0);
    organisation.apply().expect_code(3);
    let said = verdict(&organisation, (PIPELINE, "qa"), "dependencies");
    let expected = format!(
        r#"{{"gate":"dependencies","reasons":["it needs `{RUNTIME}`, which is marked as bad"],"verdict":"deny"}}"#
    );
    assert_eq!(said, expected);
    organisation.as_person("ada", &["verify"]).expect_code(0);
}
