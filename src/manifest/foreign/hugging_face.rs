//! The front matter of a model card of the Hugging Face hub: `datasets` and `base_model`.

use super::Format;
use super::reader::{Reader, field, items};
use super::told::Role;

/// The row of the table.
pub(super) const FORMAT: Format = Format {
    name: "hugging-face",
    summary: "the front matter of a model card, `README.md`",
    recognise: |name, _| is_card(name),
    read,
};

/// Whether a file of the name is a card, of which the front matter is read alone.
pub(super) fn is_card(name: &str) -> bool {
    let end = name.rsplit('.').next().unwrap_or("");
    end.eq_ignore_ascii_case("md")
}

/// The front matter of a card, with an empty line for the one that begins it, so that lines keep their numbers; `None`
/// when there is none, or it does not end.
pub(super) fn front_matter(bytes: &[u8]) -> Option<Vec<u8>> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
    let is_fence = |line: &[u8]| line.trim_ascii_end() == b"---";
    lines.next().filter(|line| is_fence(line))?;
    let mut text = vec![b'\n'];
    for line in lines {
        if is_fence(line) {
            return Some(text);
        }
        text.extend_from_slice(line);
    }
    None
}

fn read(reader: &mut Reader<'_>) {
    let root = reader.root;
    for (name, role, prefix) in [
        ("base_model", Role::Model, "hf://"),
        ("datasets", Role::Data, "hf://datasets/"),
    ] {
        for item in items(field(root, name)) {
            match item.scalar_text() {
                Some(id) if id.contains("://") => reader.input(role, item, id),
                Some(id) => reader.input(role, item, &format!("{prefix}{id}")),
                None => reader.problem("wrong-type", item, named(name)),
            }
        }
    }
}

fn named(name: &str) -> String {
    format!("`{name}` is the name of one or a list of names")
}
