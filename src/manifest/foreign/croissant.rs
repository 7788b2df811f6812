//! Croissant (ML Commons, JSON-LD): what a dataset is made of, with the SHA-256 of its files.

use super::Format;
use super::reader::{Reader, field, items, text};
use super::told::{ForeignDigest, Role, StatedDigest};
use crate::manifest::yaml::Node;

/// The row of the table.
pub(super) const FORMAT: Format = Format {
    name: "croissant",
    summary: "a dataset in Croissant, as JSON-LD",
    recognise: |_, root| {
        let is_croissant = |node: &Node| {
            let text = node.scalar_text();
            text.is_some_and(|text| text.contains("mlcommons.org/croissant"))
        };
        let is_dataset = ["Dataset", "sc:Dataset", "https://schema.org/Dataset"];
        text(root, "@type").is_some_and(|kind| is_dataset.contains(&kind))
            && items(field(root, "conformsTo")).iter().any(is_croissant)
    },
    read,
};

/// The fields that lead to where the dataset came from.
const SOURCES: [&str; 4] = [
    "isBasedOn",
    "sc:isBasedOn",
    "prov:wasDerivedFrom",
    "wasDerivedFrom",
];

fn read(reader: &mut Reader<'_>) {
    let root = reader.root;
    let mut is_placed = false;
    if let Some(node) = field(root, "url")
        && let Some(address) = node.scalar_text()
    {
        reader.input(Role::Data, node, address);
        is_placed = true;
    }
    for name in SOURCES {
        for source in items(field(root, name)) {
            let node = field(source, "@id").unwrap_or(source);
            if let Some(address) = node.scalar_text() {
                reader.input(Role::Data, node, address);
            }
        }
    }
    for file in items(field(root, "distribution")) {
        is_placed |= distribution(reader, file, is_placed);
    }
    if !is_placed {
        let message =
            "there is neither a `url` nor a `contentUrl`, so nothing tells where the data is";
        reader.problem("missing-field", root, message);
    }
}

/// A file of the dataset, with its address when it has one of its own.
fn distribution<'a>(reader: &mut Reader<'a>, file: &'a Node, is_below: bool) -> bool {
    let Some(node) = field(file, "contentUrl") else {
        return false;
    };
    let Some(address) = node.scalar_text().filter(|address| !address.is_empty()) else {
        reader.problem("wrong-type", node, "`contentUrl` is text, and this is not");
        return false;
    };
    if let Some(sha256) = field(file, "sha256") {
        let hex = sha256.scalar_text().unwrap_or("").to_lowercase();
        if hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let loc = reader.loc(sha256);
            reader.told.digests.push(StatedDigest {
                path: address.trim_start_matches("./").to_owned(),
                digest: ForeignDigest::Sha256(hex),
                loc,
            });
        } else {
            reader.problem("not-a-digest", sha256, "a SHA-256 has 64 digits of hex");
        }
    }
    // A path without a host is below the dataset's own address.
    if !is_below || address.contains("://") {
        reader.input(Role::Data, node, address);
    }
    true
}
