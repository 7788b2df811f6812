//! YAML of Azure ML's command line, version 2: a model, component, pipeline, environment or data asset, as a description
//! of an artifact and of what it is made from.

use std::collections::BTreeMap;

use super::Format;
use super::azure::looks_like_address;
use super::reader::{Reader, entries, field, list, text};
use super::told::{Described, Placed, Role};
use crate::manifest::yaml::Node;
use crate::model::artifact::ArtifactKind;
use crate::model::platform::{AzureMlThing, azure_ml_schema};

/// The row of the table.
pub(super) const FORMAT: Format = Format {
    name: "azure-ml",
    summary: "YAML of Azure ML: model, component, pipeline, environment or data",
    recognise: |_, root| schema(root).is_some() && field(root, "creation_context").is_none(),
    read,
};

/// The most tags that are read, and the longest text of one in characters.
const MAX_TAGS: usize = 64;
const MAX_TEXT: usize = 4096;

/// The name of the schema, without its address and ending.
fn schema(root: &Node) -> Option<&str> {
    azure_ml_schema(text(root, "$schema")?)
}

fn read(reader: &mut Reader<'_>) {
    let root = reader.root;
    let kind = AzureMlThing::of(text(root, "$schema"), text(root, "type"));
    let Some(kind) = kind else {
        let message = "this is no model, component, pipeline, environment or data of Azure ML";
        reader.problem("unknown-format", root, message);
        return;
    };
    match kind {
        AzureMlThing::Data => {
            let name = text(root, "name").zip(text(root, "version"));
            if let (Some((name, version)), Some(node)) = (name, field(root, "name")) {
                reader.input(Role::Data, node, &format!("azureml:{name}:{version}"));
            } else if let Some((node, path)) = reader.required(root, "path") {
                reader.input(Role::Data, node, path);
            }
        }
        AzureMlThing::Artifact(kind) => {
            describe(reader, kind);
            walk(reader, root);
            source(reader);
        }
    }
}

/// A model that comes out of a job or a run names it in its path.
fn source(reader: &mut Reader<'_>) {
    let Some(node) = field(reader.root, "path") else {
        return;
    };
    let path = node.scalar_text().unwrap_or("");
    let runs = [("runs:/", "mlflow"), ("azureml://jobs/", "azure-ml")];
    for (prefix, platform) in runs {
        if let Some(rest) = path.strip_prefix(prefix) {
            let id = rest.split('/').next().unwrap_or(rest).to_owned();
            reader.run_named(node, platform, &id);
        }
    }
}

fn describe(reader: &mut Reader<'_>, kind: ArtifactKind) {
    let root = reader.root;
    let mut placed = |name: &str| -> Option<Placed<String>> {
        let node = field(root, name)?;
        let text = node.scalar_text()?;
        if text.chars().count() > MAX_TEXT {
            let message = format!("`{name}` has at most {MAX_TEXT} characters");
            reader.problem("too-long", node, message);
            return None;
        }
        if !reader.is_plain(node, text) {
            return None;
        }
        let loc = reader.loc(node);
        let value = text.trim().to_owned();
        Some(Placed { value, loc })
    };
    let mut described = Described {
        kind,
        name: placed("name"),
        version: placed("version"),
        path: placed("path"),
        description: placed("description").map(|text| text.value),
        tags: BTreeMap::new(),
        parts: Vec::new(),
    };
    for (key, value) in entries(field(root, "tags")) {
        let pair = key.scalar_text().zip(value.scalar_text());
        let is_long = |text: &str| text.chars().count() > MAX_TEXT;
        match pair {
            Some((name, value)) if !is_long(name) && !is_long(value) => {
                if reader.is_plain(key, name) && reader.is_plain(key, value) {
                    described.tags.insert(name.to_owned(), value.to_owned());
                }
            }
            Some(_) => reader.problem("too-long", key, "a tag is too long"),
            None => reader.problem("wrong-type", value, "the value of a tag is text"),
        }
    }
    if described.tags.len() > MAX_TAGS {
        let message = format!("an artifact has at most {MAX_TAGS} tags");
        reader.problem("too-many-tags", root, message);
    }
    reader.told.described = Some(described);
}

/// Finds what it is bound to, in itself and in its steps.
fn walk<'a>(reader: &mut Reader<'a>, node: &'a Node) {
    for item in list(node) {
        walk(reader, item);
    }
    for (key, value) in entries(Some(node)) {
        match key.scalar_text().unwrap_or("") {
            // What is written there is free, whatever it is called.
            "outputs" | "tags" | "properties" => {}
            "environment_variables" => addresses(reader, value),
            "inputs" => inputs(reader, value),
            "environment" | "component" | "code" | "conda_file" => match value.scalar_text() {
                Some(address) if looks_like_address(address) => {
                    reader.input(Role::Tool, value, address);
                }
                Some(path) => part(reader, value, path),
                None => walk(reader, value),
            },
            _ => walk(reader, value),
        }
    }
}

/// Takes down the addresses among free values: what is read from there is read, and nothing else is said by them.
fn addresses<'a>(reader: &mut Reader<'a>, node: &'a Node) {
    for (_, value) in entries(Some(node)) {
        if let Some(address) = value.scalar_text().filter(|text| looks_like_address(text)) {
            reader.input(Role::Tool, value, address);
        }
    }
}

/// What stands in files of its own is part of the artifact.
fn part(reader: &mut Reader<'_>, node: &Node, path: &str) {
    let loc = reader.loc(node);
    let value = path.strip_prefix("file:").unwrap_or(path).to_owned();
    if let Some(described) = &mut reader.told.described {
        described.parts.push(Placed { value, loc });
    }
}

fn inputs<'a>(reader: &mut Reader<'a>, inputs: &'a Node) {
    for (_, input) in entries(Some(inputs)) {
        let bound = ["path", "default", "value"];
        let bound = bound
            .iter()
            .find_map(|name| field(input, name))
            .unwrap_or(input);
        let Some(address) = bound.scalar_text() else {
            continue;
        };
        let kind = text(input, "type").unwrap_or("");
        let is_path = field(input, "path").is_some();
        if address.starts_with("${{") || !is_path && !looks_like_address(address) {
            continue;
        }
        let role = if kind.ends_with("_model") {
            Role::Model
        } else {
            Role::Data
        };
        reader.input(role, bound, address);
    }
    // A list is no way to name inputs, but what is written there was read all the same.
    for item in list(inputs) {
        if let Some(address) = item.scalar_text() {
            reader.input(Role::Data, item, address);
        }
    }
}
