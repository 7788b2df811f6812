//! Azure Resource Manager as its specification says it: which requests there are, what they hold, what is answered.
//!
//! The files are those of `tests/specs/azure-ml`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::{Arc, Mutex};

use jsonschema::Validator;
use serde_json::{Value, json};

use super::http::{Request, decoded};
use super::schema::{Way, validator};
use crate::support::root;

const FILES: [&str; 8] = [
    "authorization.json",
    "mfe.json",
    "machineLearningServices.json",
    "registries.json",
    "types.json",
    "managedidentity.json",
    "privatelinks.json",
    "workspaceFeatures.json",
];
/// The specification.
#[derive(Debug)]
pub(super) struct Spec {
    pub(super) files: BTreeMap<String, Value>,
    operations: Vec<Operation>,
    /// Schemas that were built, by what they are of.
    validators: Mutex<BTreeMap<String, Arc<Validator>>>,
}

/// One operation of it.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    file: String,
    pub(super) template: String,
    pub(super) method: String,
    value: Value,
}

/// A request that is one of the specification.
#[derive(Debug, Clone)]
pub(super) struct Matched {
    pub(super) operation: Operation,
    pub(super) body: Value,
}

impl Spec {
    pub(super) fn load() -> Self {
        let read = |name: &str| -> Option<(String, Value)> {
            let path = root().join("tests/specs/azure-ml").join(name);
            let bytes = fs::read(path).ok()?;
            Some((name.to_owned(), serde_json::from_slice(&bytes).unwrap()))
        };
        let files = FILES.into_iter().filter_map(read).collect();
        Self {
            operations: operations(&files),
            files,
            validators: Mutex::default(),
        }
    }

    pub(super) fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The operation that a request is, when everything about it is as the specification says.
    pub(super) fn request(&self, request: &Request) -> Result<Matched, String> {
        let found = self
            .operations
            .iter()
            .filter(|operation| operation.method == request.method)
            .find_map(|operation| Some((holes(&operation.template, &request.path)?, operation)));
        let (path, operation) =
            found.ok_or_else(|| format!("no operation {} {}", request.method, request.path))?;
        let body = if request.body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&request.body).map_err(|error| error.to_string())?
        };
        self.check_request(operation, &path, &request.query, &body)?;
        Ok(Matched {
            operation: operation.clone(),
            body,
        })
    }

    pub(super) fn check_request(
        &self,
        operation: &Operation,
        path: &BTreeMap<String, String>,
        query: &BTreeMap<String, String>,
        body: &Value,
    ) -> Result<(), String> {
        let mut known = BTreeSet::new();
        let mut has_body = false;
        for parameter in operation.value["parameters"].as_array().unwrap() {
            let (file, parameter) = self.resolved(&operation.file, parameter);
            let name = parameter["name"].as_str().unwrap();
            let is_required = parameter["required"] == true;
            let value = match parameter["in"].as_str().unwrap() {
                "path" => path.get(name),
                "query" => {
                    known.insert(name.to_owned());
                    query.get(name)
                }
                "body" => {
                    has_body = true;
                    if body.is_null() && !is_required {
                        continue;
                    }
                    self.check(&file, &parameter["schema"], Way::Request, body)
                        .map_err(|error| format!("the body: {error}"))?;
                    continue;
                }
                other => panic!("a parameter in {other}"),
            };
            match value {
                None if is_required => return Err(format!("`{name}` is missing")),
                None => {}
                Some(text) => self
                    .check(&file, &parameter, Way::Request, &typed(&parameter, text))
                    .map_err(|error| format!("`{name}`: {error}"))?,
            }
        }
        if !has_body && !body.is_null() {
            return Err("a body where there is none".to_owned());
        }
        match query.keys().find(|name| !known.contains(*name)) {
            Some(name) => Err(format!("`{name}` is no parameter")),
            None => Ok(()),
        }
    }

    /// Whether an answer is one that the operation can have.
    pub(super) fn answer(
        &self,
        operation: &Operation,
        status: u16,
        body: &Value,
    ) -> Result<(), String> {
        let responses = &operation.value["responses"];
        let declared = responses.get(status.to_string());
        let declared = declared.or_else(|| responses.get("default").filter(|_| status >= 400));
        let declared = declared.ok_or_else(|| format!("{status} is no answer of it"))?;
        match declared.get("schema") {
            Some(schema) => self.check(&operation.file, schema, Way::Answer, body),
            None if body.is_null() => Ok(()),
            None => Err(format!("a body in an answer {status} that has none")),
        }
    }

    /// The examples of an operation, by the names of their files.
    pub(super) fn examples(operation: &Operation) -> Vec<String> {
        let examples = operation.value["x-ms-examples"].as_object();
        let files = examples.into_iter().flatten();
        files
            .map(|(_, example)| example["$ref"].as_str().unwrap().to_owned())
            .collect()
    }

    fn check(&self, file: &str, schema: &Value, way: Way, body: &Value) -> Result<(), String> {
        let key = format!("{file} {way:?} {schema}");
        let known = self.validators.lock().unwrap().get(&key).cloned();
        let validator = known.unwrap_or_else(|| Arc::new(validator(self, file, schema, way)));
        let mut validators = self.validators.lock().unwrap();
        validators.insert(key, Arc::clone(&validator));
        drop(validators);
        let errors = validator.iter_errors(body);
        let errors: Vec<String> = errors
            .map(|error| format!("{} at `{}`", error, error.instance_path()))
            .collect();
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors.join("; "))
        }
    }

    /// What a reference leads to, and the file that it is in.
    pub(super) fn resolved(&self, file: &str, value: &Value) -> (String, Value) {
        match value.get("$ref").and_then(Value::as_str) {
            None => (file.to_owned(), value.clone()),
            Some(reference) => {
                let (file, pointer) = split(file, reference);
                let found = self.files[&file].pointer(&pointer);
                let found = found.unwrap_or_else(|| panic!("{reference} in {file}"));
                (file, found.clone())
            }
        }
    }
}

fn operations(files: &BTreeMap<String, Value>) -> Vec<Operation> {
    let mut all = Vec::new();
    for (file, content) in files {
        for (template, methods) in content["paths"].as_object().unwrap() {
            for (method, value) in methods.as_object().unwrap() {
                all.push(Operation {
                    file: file.clone(),
                    template: template.clone(),
                    method: method.to_uppercase(),
                    value: value.clone(),
                });
            }
        }
    }
    all
}

pub(super) fn split(file: &str, reference: &str) -> (String, String) {
    let (path, pointer) = reference.split_once('#').unwrap();
    let name = path.rsplit('/').next().unwrap();
    let name = if name.is_empty() { file } else { name };
    (name.to_owned(), pointer.to_owned())
}

fn typed(parameter: &Value, text: &str) -> Value {
    match parameter["type"].as_str() {
        Some("integer") => text
            .parse::<i64>()
            .map_or_else(|_| json!(text), |n| json!(n)),
        Some("boolean") => text
            .parse::<bool>()
            .map_or_else(|_| json!(text), |b| json!(b)),
        _ => json!(text),
    }
}

/// The values of the holes of a template, when a path is one of it.
fn holes(template: &str, path: &str) -> Option<BTreeMap<String, String>> {
    let (wanted, found): (Vec<_>, Vec<_>) =
        (template.split('/').collect(), path.split('/').collect());
    if wanted.len() != found.len() {
        return None;
    }
    let mut holes = BTreeMap::new();
    for (wanted, found) in wanted.into_iter().zip(found) {
        match wanted
            .strip_prefix('{')
            .and_then(|hole| hole.strip_suffix('}'))
        {
            Some(hole) => {
                holes.insert(hole.to_owned(), decoded(found));
            }
            None if wanted == found => {}
            None => return None,
        }
    }
    Some(holes)
}
