//! A job of Azure ML: the JSON of its resource (`GET …/jobs/NAME`), or what `az ml job show` prints.

use super::Format;
use super::azure::looks_like_address;
use super::reader::{Reader, at, entries, field, list, tag, text};
use super::told::Role;
use crate::manifest::yaml::Node;

/// The row of the table.
pub(super) const FORMAT: Format = Format {
    name: "azure-ml-job",
    summary: "a job of Azure ML that ran, as JSON",
    recognise: |_, root| {
        let is_resource = at(root, &["properties", "jobType"]).is_some();
        let is_shown = field(root, "creation_context").is_some() && field(root, "status").is_some();
        is_resource || is_shown
    },
    read,
};

/// The words for an input that is a value and no data, in both forms.
const LITERALS: [&str; 5] = ["literal", "string", "number", "integer", "boolean"];

fn read(reader: &mut Reader<'_>) {
    let root = reader.root;
    let job = field(root, "properties").filter(|job| field(job, "jobType").is_some());
    let job = job.unwrap_or(root);
    if let Some(name) = field(root, "name") {
        reader.run(name, "azure-ml");
    }
    let properties = field(job, "properties");
    let first = |names: [&str; 2]| names.iter().find_map(|name| tag(properties, name));
    if let Some(commit) = first(["azureml.git.commit", "mlflow.source.git.commit"]) {
        let repository = first(["azureml.git.repository_uri", "mlflow.source.git.repoURL"]);
        let repository = repository.and_then(Node::scalar_text);
        reader.code(commit, commit.scalar_text().unwrap_or(""), repository);
    }
    walk(reader, job);
}

/// Finds inputs wherever they stand: in the job, in the steps of a pipeline, in the data of an automated one.
fn walk<'a>(reader: &mut Reader<'a>, node: &'a Node) {
    for item in list(node) {
        walk(reader, item);
    }
    for (key, value) in entries(Some(node)) {
        match key.scalar_text().unwrap_or("") {
            // What it wrote, and what the platform keeps about it.
            "outputs" | "properties" | "services" | "tags" | "systemData" => {}
            "inputs" => {
                for (_, input) in entries(Some(value)) {
                    read_input(reader, input);
                }
            }
            "codeId" | "environmentId" | "componentId" | "code" | "environment" | "component" => {
                tool(reader, value);
            }
            _ if field(value, "jobInputType").is_some() => read_input(reader, value),
            _ => walk(reader, value),
        }
    }
}

fn tool<'a>(reader: &mut Reader<'a>, value: &'a Node) {
    match value.scalar_text().filter(|text| !text.is_empty()) {
        Some(address) => reader.input(Role::Tool, value, address),
        None => walk(reader, value),
    }
}

fn read_input<'a>(reader: &mut Reader<'a>, input: &'a Node) {
    let kind = text(input, "jobInputType").or_else(|| text(input, "type"));
    let address = ["uri", "path", "value"]
        .iter()
        .find_map(|name| field(input, name))
        .or_else(|| input.scalar_text().map(|_| input));
    let Some((node, address)) = address.and_then(|node| Some((node, node.scalar_text()?))) else {
        if kind.is_some_and(|kind| !LITERALS.contains(&kind)) {
            let message = "an input that is no value has a `uri` or a `path`";
            reader.problem("missing-field", input, message);
        }
        return;
    };
    // `${{parent.inputs.…}}` leads to an input that is read where it is bound.
    if address.starts_with("${{") {
        return;
    }
    let is_value = kind.is_none_or(|kind| LITERALS.contains(&kind));
    if is_value && !looks_like_address(address) {
        return;
    }
    let is_model = kind.is_some_and(|kind| kind.ends_with("_model"));
    let role = if is_model { Role::Model } else { Role::Data };
    reader.input(role, node, address);
}
