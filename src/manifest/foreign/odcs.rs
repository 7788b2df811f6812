//! A data contract (Open Data Contract Standard 3): where data is, and how it is classified.

use super::Format;
use super::reader::{Reader, entries, field, items, list, text};
use super::told::Role;
use crate::manifest::yaml::Node;

/// The row of the table.
pub(super) const FORMAT: Format = Format {
    name: "odcs",
    summary: "a data contract (ODCS)",
    recognise: |_, root| text(root, "kind") == Some("DataContract"),
    read,
};

/// The fields of a server that are its address as a whole.
const WHOLE: [&str; 3] = ["location", "path", "endpointUrl"];
/// The fields that an address is put together from, from the outside in.
const PARTS: [&str; 8] = [
    "host", "account", "project", "catalog", "database", "dataset", "schema", "topic",
];

fn read(reader: &mut Reader<'_>) {
    let root = reader.root;
    let mut classes = Vec::new();
    collect_classes(field(root, "schema"), &mut classes);
    classes.extend(
        items(field(root, "tags"))
            .iter()
            .filter_map(Node::scalar_text),
    );
    classes.sort_unstable();
    classes.dedup();
    let servers = items(field(root, "servers"));
    if servers.is_empty() {
        let message = "the contract has no `servers`, so it does not tell where the data is";
        reader.problem("missing-field", root, message);
    }
    // The contract does not tell which of its servers was read, so all of them count.
    for server in servers {
        let whole = WHOLE.iter().find_map(|name| field(server, name));
        let whole = whole.and_then(|node| Some((node, node.scalar_text()?.to_owned())));
        let Some((node, address)) = whole.or_else(|| put_together(server)) else {
            let message = "the server names no `location`, `path` or `host`";
            reader.problem("missing-field", server, message);
            continue;
        };
        let classes = classes.iter().map(|class| (*class).to_owned());
        // What its environment is called may be a tag too, such as `production`.
        let environment = text(server, "environment").map(str::to_owned);
        let classes = classes.chain(environment).collect();
        reader.marked_input(Role::Data, node, &address, classes);
    }
}

fn put_together(server: &Node) -> Option<(&Node, String)> {
    let parts = PARTS.iter().filter_map(|name| {
        let node = field(server, name)?;
        Some((node, node.scalar_text()?))
    });
    let parts: Vec<(&Node, &str)> = parts.collect();
    let (node, _) = parts.first()?;
    let kind = text(server, "type").unwrap_or("server");
    let texts: Vec<&str> = parts.iter().map(|(_, text)| *text).collect();
    Some((node, format!("{kind}://{}", texts.join("/"))))
}

/// Every `classification` below a node; the tree is no deeper than what is read.
fn collect_classes<'a>(node: Option<&'a Node>, classes: &mut Vec<&'a str>) {
    for item in node.map_or(&[][..], list) {
        collect_classes(Some(item), classes);
    }
    for (key, value) in entries(node) {
        match (key.scalar_text(), value.scalar_text()) {
            (Some("classification"), Some(class)) => classes.push(class),
            (_, Some(_)) => {}
            (_, None) => collect_classes(Some(value), classes),
        }
    }
}
