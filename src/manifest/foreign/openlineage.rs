//! `OpenLineage` run events (2-0-2): one, or a list of them.

use super::Format;
use super::reader::{Reader, at, field, items, text};
use super::told::Role;
use crate::manifest::yaml::Node;

/// The row of the table.
pub(super) const FORMAT: Format = Format {
    name: "openlineage",
    summary: "run events of OpenLineage, as JSON",
    recognise: |_, root| {
        items(Some(root)).first().is_some_and(|event| {
            at(event, &["run", "runId"]).is_some() && field(event, "job").is_some()
        })
    },
    read,
};

fn read(reader: &mut Reader<'_>) {
    let events = items(Some(reader.root));
    if events.is_empty() {
        reader.problem("missing-field", reader.root, "there is no event");
    }
    for event in events {
        match at(event, &["run", "runId"]) {
            Some(id) => {
                // Each event of a list may be of another run; the first one names the artifact's.
                reader.run(id, "openlineage");
            }
            None => reader.problem("missing-field", event, "the field `run.runId` is missing"),
        }
        if let Some(location) = at(event, &["job", "facets", "sourceCodeLocation"])
            && let Some(version) = field(location, "version")
        {
            let repository = text(location, "repoUrl").or_else(|| text(location, "url"));
            reader.code(version, version.scalar_text().unwrap_or(""), repository);
        }
        for input in items(field(event, "inputs")) {
            dataset(reader, input);
        }
    }
}

fn dataset<'a>(reader: &mut Reader<'a>, input: &'a Node) {
    let (Some((_, namespace)), Some((node, name))) = (
        reader.required(input, "namespace"),
        reader.required(input, "name"),
    ) else {
        return;
    };
    let address = format!(
        "{}/{}",
        namespace.trim_end_matches('/'),
        name.trim_start_matches('/')
    );
    let facets = field(input, "facets");
    let kind = facets.and_then(|facets| at(facets, &["datasetType", "datasetType"]));
    let is_model = kind
        .and_then(Node::scalar_text)
        .is_some_and(|kind| kind.eq_ignore_ascii_case("model"));
    let role = if is_model { Role::Model } else { Role::Data };
    let tags = facets.and_then(|facets| at(facets, &["tags", "tags"]));
    // A tag is a key, a value, or both: `classification: restricted`, or `pii` alone.
    let classes = items(tags)
        .iter()
        .flat_map(|tag| [text(tag, "key"), text(tag, "value")])
        .flatten()
        .map(str::to_owned)
        .collect();
    reader.marked_input(role, node, &address, classes);
}
