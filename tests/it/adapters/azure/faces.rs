//! What the fake makes of components and environments: what a live service was seen to make of them.

use serde_json::{Map, Value, json};

use super::blobs::Blobs;
use super::fake::{Answer, PROVIDER, REGISTRY, State, WORKSPACE, refuse};
use super::routes::{asset, found};

impl State {
    pub(super) fn put_component(&mut self, path: &str, body: &Value) -> Answer {
        let mut properties = body["properties"].clone();
        if let Some(refused) = self.unknown(&properties["componentSpec"]) {
            return refused;
        }
        properties["componentSpec"] = said_anew(&properties["componentSpec"]);
        self.put_face(path, properties, &["componentSpec"])
    }

    pub(super) fn put_environment(&mut self, blobs: &Blobs, path: &str, body: &Value) -> Answer {
        let mut properties = body["properties"].clone();
        if let Some(uri) = properties["build"]["contextUri"].as_str() {
            let (container, folder) = self.bytes_at(blobs, uri);
            if blobs.names(&container, &folder).is_empty() {
                return refuse(400, "UserError", &format!("there is nothing at {uri}"));
            }
        }
        // The service writes the specification of conda anew, as JSON.
        if let Some(conda) = properties["condaFile"].as_str() {
            let packages = conda
                .lines()
                .filter_map(|line| line.trim().strip_prefix("- "));
            let packages: Vec<&str> = packages.collect();
            let anew = json!({ "dependencies": packages });
            properties["condaFile"] = json!(serde_json::to_string_pretty(&anew).unwrap());
        }
        for (name, value) in [
            ("osType", json!("Linux")),
            ("environmentType", json!("UserCreated")),
        ] {
            if properties.get(name).is_none() {
                properties[name] = value;
            }
        }
        self.put_face(path, properties, &["image", "condaFile", "build"])
    }

    /// Creates, or changes what may be changed.
    fn put_face(&mut self, path: &str, mut properties: Value, fixed: &[&str]) -> Answer {
        let held = self.assets.get(path);
        let held = held.filter(|held| held["provisioningState"] != "Failed");
        if let Some(held) = held {
            if fixed
                .iter()
                .any(|name| held.get(name) != properties.get(name))
            {
                return refuse(400, "UserError", "it cannot be changed");
            }
            properties["provisioningState"] = held["provisioningState"].clone();
            self.assets.insert(path.to_owned(), properties.clone());
            return found(asset(path, &properties));
        }
        self.made(path, path.contains("/registries/"), properties)
    }

    /// A reference to what is not there.
    fn unknown(&self, spec: &Value) -> Option<Answer> {
        let mut names = Vec::new();
        references(spec, &mut names);
        let is_known = |name: &str| {
            let registry = format!("azureml://registries/{REGISTRY}/");
            let path = match name.strip_prefix(&registry) {
                Some(rest) => format!("{PROVIDER}/registries/{REGISTRY}/{rest}"),
                // What other registries have is not known here.
                None if name.starts_with("azureml://registries/") => return true,
                None => name.strip_prefix("azureml:").unwrap_or(name).to_owned(),
            };
            let place = format!("{PROVIDER}/workspaces/{WORKSPACE}/");
            (path.starts_with(&place) || name.starts_with(&registry))
                && self.assets.contains_key(&path)
        };
        let name = names.into_iter().find(|name| !is_known(name))?;
        Some(refuse(400, "UserError", &format!("there is no {name}")))
    }
}

fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        match (name.as_str(), value) {
            ("code" | "environment" | "componentId", Value::String(text)) => found.push(text),
            (_, value) => references(value, found),
        }
    }
}

/// A specification as the service answers it: every value is text, nothing has a capital less, and what goes without saying is
/// said.
fn said_anew(spec: &Value) -> Value {
    let mut anew = as_text(spec);
    for (name, value) in [
        ("is_deterministic", json!("True")),
        ("display_name", spec["name"].clone()),
        ("resources", json!({ "instance_count": "1" })),
    ] {
        if anew.get(name).is_none() {
            anew[name] = value;
        }
    }
    anew
}

fn as_text(value: &Value) -> Value {
    match value {
        Value::Bool(value) => json!(if *value { "True" } else { "False" }),
        Value::Number(number) => json!(number.to_string()),
        Value::Array(items) => items.iter().map(as_text).collect(),
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| (name.clone(), as_text(value)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        Value::Null | Value::String(_) => value.clone(),
    }
}
