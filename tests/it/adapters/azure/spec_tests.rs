//! The judge of requests and answers is judged first: by the official examples, and by what is wrong.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use super::http::Request;
use super::spec::{Operation, Spec};
use crate::support::root;

/// Where the official examples contradict the official specification. The judge sides with the specification.
const WRONG_EXAMPLES: [&str; 20] = [
    "./examples/Registry/CodeVersion/list.json: `$skipToken` is no parameter",
    "./examples/Registry/ComponentContainer/list.json: `$skipToken` is no parameter",
    "./examples/Registry/ComponentVersion/list.json: `$skipToken` is no parameter",
    "./examples/Registry/DataContainer/registryList.json: `$skipToken` is no parameter",
    "./examples/Registry/DataVersionBase/registryList.json: `$skipToken` is no parameter",
    "./examples/Registry/EnvironmentContainer/list.json: `$skipToken` is no parameter",
    "./examples/Registry/EnvironmentVersion/list.json: `$skipToken` is no parameter",
    "./examples/Registry/ModelContainer/list.json: `name` is no parameter",
    "./examples/Registry/ModelVersion/list.json: `$skipToken` is no parameter",
    "./examples/Workspace/CodeVersion/list.json: `$skipToken` is no parameter",
    "./examples/Workspace/ComponentContainer/list.json: `$skipToken` is no parameter",
    "./examples/Workspace/ComponentVersion/list.json: `$skipToken` is no parameter",
    "./examples/Workspace/DataContainer/list.json: `name` is no parameter",
    "./examples/Workspace/DataContainer/get.json: 200: \"UriFile\" is not one of \"uri_file\", \"uri_folder\" or \"mltable\" at `/properties/dataType`",
    "./examples/Workspace/DataContainer/createOrUpdate.json: the body: \"UriFile\" is not one of \"uri_file\", \"uri_folder\" or \"mltable\" at `/properties/dataType`",
    "./examples/Workspace/DataVersionBase/list.json: `$skipToken` is no parameter",
    "./examples/Workspace/EnvironmentContainer/list.json: `$skipToken` is no parameter",
    "./examples/Workspace/EnvironmentVersion/list.json: `$skipToken` is no parameter",
    "./examples/Workspace/ModelContainer/list.json: `name` is no parameter",
    "./examples/Workspace/ModelVersion/list.json: `$skipToken` is no parameter",
];

fn example(file: &str) -> Option<Value> {
    let path = root()
        .join("tests/specs/azure-ml")
        .join(file.trim_start_matches("./"));
    let bytes = fs::read(path).ok()?;
    Some(serde_json::from_slice(&bytes).unwrap())
}

/// The parameters of an example: those of path and query as text, and the body.
fn parameters(example: &Value) -> (BTreeMap<String, String>, Value) {
    let mut texts = BTreeMap::new();
    let mut body = Value::Null;
    for (name, value) in example["parameters"].as_object().unwrap() {
        match value {
            Value::Object(_) => body = value.clone(),
            Value::String(text) => {
                texts.insert(name.clone(), text.clone());
            }
            other => {
                texts.insert(name.clone(), other.to_string());
            }
        }
    }
    (texts, body)
}

/// Why an example is not as its specification says.
fn problem(spec: &Spec, operation: &Operation, example: &Value) -> Option<String> {
    let (texts, body) = parameters(example);
    let is_hole = |name: &String| operation.template.contains(&format!("{{{name}}}"));
    let (path, query) = texts.into_iter().partition(|(name, _)| is_hole(name));
    if let Err(problem) = spec.check_request(operation, &path, &query, &body) {
        return Some(problem);
    }
    for (status, answer) in example["responses"].as_object().unwrap() {
        let body = answer.get("body").unwrap_or(&Value::Null);
        if let Err(problem) = spec.answer(operation, status.parse().unwrap(), body) {
            return Some(format!("{status}: {problem}"));
        }
    }
    None
}

#[test]
fn the_official_examples_are_as_the_specification_says() {
    let spec = Spec::load();
    let mut count = 0;
    let mut problems = Vec::new();
    for operation in spec.operations() {
        for file in Spec::examples(operation) {
            let Some(example) = example(&file) else {
                continue;
            };
            count += 1;
            if let Some(problem) = problem(&spec, operation, &example) {
                problems.push(format!("{file}: {problem}"));
            }
        }
    }
    assert_eq!(problems, WRONG_EXAMPLES);
    assert!(count >= 30, "only {count} examples");
}

const PLACE: &str = "/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/test-rg/providers/Microsoft.MachineLearningServices/workspaces/dev";

fn request(method: &str, path: &str, query: &str, body: &Value) -> Request {
    Request {
        method: method.to_owned(),
        path: format!("{PLACE}{path}"),
        query: super::http::pairs(query),
        headers: BTreeMap::new(),
        body: if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        },
    }
}

const VERSION: &str = "/models/m/versions/1";
const API: &str = "api-version=2024-04-01";

fn good() -> Value {
    json!({ "properties": { "modelUri": "azureml://x", "modelType": "custom_model", "tags": { "a": null } } })
}

/// Fails when a request is taken, or refused for something else.
fn refused(method: &str, path: &str, query: &str, body: &Value, reason: &str) {
    let refused = Spec::load().request(&request(method, path, query, body));
    let refused = refused.unwrap_err();
    assert!(
        refused.contains(reason),
        "{method} {path}?{query} {body}: {refused}"
    );
}

#[test]
fn requests_at_wrong_addresses_are_refused() {
    let (good, none) = (good(), Value::Null);
    let spec = Spec::load();
    spec.request(&request("PUT", VERSION, API, &good)).unwrap();
    let all = format!("{API}&listViewType=All");
    spec.request(&request("GET", "/models", &all, &none))
        .unwrap();
    for (method, path, query, body, reason) in [
        ("PATCH", VERSION, API, &good, "no operation"),
        ("PUT", "/models/m/version/1", API, &good, "no operation"),
        ("PUT", VERSION, "", &good, "`api-version` is missing"),
        (
            "PUT",
            VERSION,
            "api-version=2024-04-01&x=1",
            &good,
            "`x` is no parameter",
        ),
        (
            "GET",
            "/models",
            "api-version=2024-04-01&listViewType=Some",
            &none,
            "`listViewType`",
        ),
        ("GET", "/models", API, &good, "a body where there is none"),
    ] {
        refused(method, path, query, body, reason);
    }
}

#[test]
fn requests_with_wrong_bodies_are_refused() {
    let data = "/data/d/versions/1";
    for (path, body, reason) in [
        (VERSION, Value::Null, "the body"),
        (VERSION, json!({}), "\"properties\" is a required property"),
        (
            VERSION,
            json!({ "properties": { "modeluri": "x" } }),
            "'modeluri' was unexpected",
        ),
        (
            VERSION,
            json!({ "properties": { "tags": { "a": 1 } } }),
            "at `/properties/tags`",
        ),
        (
            VERSION,
            json!({ "properties": { "provisioningState": "Succeeded" } }),
            "at `/properties/provisioningState`",
        ),
        (VERSION, json!({ "id": "x", "properties": {} }), "at `/id`"),
        (
            data,
            json!({ "properties": { "dataType": "folder", "dataUri": "x" } }),
            "\"folder\" is not one of",
        ),
        (
            data,
            json!({ "properties": { "dataType": "uri_folder" } }),
            "\"dataUri\" is a required property",
        ),
    ] {
        refused("PUT", path, API, &body, reason);
    }
    let publish = format!("{VERSION}/publish");
    let body = json!({ "registry": "r" });
    refused("POST", &publish, API, &body, "'registry' was unexpected");
}

#[test]
fn wrong_answers_are_refused_too() {
    let spec = Spec::load();
    let matched = spec
        .request(&request(
            "GET",
            "/models/m/versions/1",
            "api-version=2024-04-01",
            &Value::Null,
        ))
        .unwrap();
    let check = |status, body: Value| spec.answer(&matched.operation, status, &body);
    assert_eq!(check(200, json!({ "name": "1", "properties": {} })), Ok(()));
    assert_eq!(
        check(404, json!({ "error": { "code": "NotFound" } })),
        Ok(())
    );
    assert!(check(202, json!({ "properties": {} })).is_err());
    assert!(check(200, json!({ "properties": { "digest": "x" } })).is_err());
    assert!(check(404, json!({ "error": "x" })).is_err());
}
