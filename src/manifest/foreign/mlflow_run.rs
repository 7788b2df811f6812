//! A run of MLflow: the answer of `runs/get`, what `mlflow runs describe` prints, or the `meta.yaml` of a run's folder.

use super::Format;
use super::reader::{Reader, at, field, items, tag, text};
use super::told::Role;
use crate::manifest::yaml::Node;

/// The row of the table.
pub(super) const FORMAT: Format = Format {
    name: "mlflow-run",
    summary: "a run of MLflow, from `runs/get` or `meta.yaml`",
    recognise: |_, root| {
        let run = field(root, "run").unwrap_or(root);
        at(run, &["info", "run_id"]).is_some()
            || field(root, "run_id").is_some() && field(root, "artifact_uri").is_some()
    },
    read,
};

/// Where in the JSON of a dataset's source its address may stand.
const SOURCE_FIELDS: [&str; 4] = ["uri", "url", "path", "table_name"];
/// The tag that says what a dataset was used for: no class of data.
const CONTEXT_TAG: &str = "mlflow.data.context";

fn read(reader: &mut Reader<'_>) {
    let run = field(reader.root, "run").unwrap_or(reader.root);
    let info = field(run, "info").unwrap_or(run);
    match field(info, "run_id") {
        Some(id) => reader.run(id, "mlflow"),
        None => reader.problem("missing-field", info, "the field `run_id` is missing"),
    }
    let tags = at(run, &["data", "tags"]);
    if let Some(commit) = tag(tags, "mlflow.source.git.commit") {
        let repository = tag(tags, "mlflow.source.git.repoURL").and_then(Node::scalar_text);
        reader.code(commit, commit.scalar_text().unwrap_or(""), repository);
    }
    let inputs = field(run, "inputs");
    for input in items(inputs.and_then(|inputs| field(inputs, "dataset_inputs"))) {
        dataset(reader, input);
    }
    for model in items(inputs.and_then(|inputs| field(inputs, "model_inputs"))) {
        if let Some((node, id)) = reader.required(model, "model_id") {
            reader.input(Role::Model, node, &format!("mlflow-model:{id}"));
        }
    }
}

fn dataset<'a>(reader: &mut Reader<'a>, input: &'a Node) {
    let dataset = field(input, "dataset").unwrap_or(input);
    let Some((name_node, name)) = reader.required(dataset, "name") else {
        return;
    };
    let source = field(dataset, "source");
    let is_hub = text(dataset, "source_type") == Some("hugging_face");
    let found = source
        .and_then(Node::scalar_text)
        .and_then(|source| address(source, is_hub));
    // Data that was made in code has no address; then its name is all there is.
    let (node, address) = match (source, found) {
        (Some(source), Some(address)) => (source, address),
        (_, _) => (name_node, name.to_owned()),
    };
    let pairs = items(field(input, "tags"));
    let classes = pairs
        .iter()
        .filter(|pair| text(pair, "key") != Some(CONTEXT_TAG))
        .filter_map(|pair| text(pair, "value"))
        .map(str::to_owned)
        .collect();
    reader.marked_input(Role::Data, node, &address, classes);
}

/// The address in the source of a dataset, which is JSON inside JSON.
fn address(source: &str, is_hub: bool) -> Option<String> {
    let source: serde_json::Value = serde_json::from_str(source).ok()?;
    let address = SOURCE_FIELDS
        .iter()
        .find_map(|name| source.get(name)?.as_str())?;
    Some(if is_hub {
        format!("hf://datasets/{address}")
    } else {
        address.to_owned()
    })
}
