//! Lists that `az … list -o json` printed, saved in a file: bounded, whole, and with the place of every item.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Loc, SourceFile};
use crate::manifest::yaml::{Bounds, Node, Value, parse_json};

/// The largest file, in bytes.
pub const MAX_LIST_BYTES: usize = 32 << 20;
const BOUNDS: Bounds = Bounds {
    max_nodes: 1_000_000,
    one: "a list of Azure's",
    many: "lists of Azure's",
};

/// A list of objects.
#[derive(Debug)]
pub struct Listing {
    /// The file.
    source: Arc<SourceFile>,
    /// Its items.
    items: Vec<Node>,
}

impl Listing {
    /// Reads a list: what `az` prints, or one page of what the management API answers, when it is the only one.
    ///
    /// # Errors
    ///
    /// When it is too large, is no JSON, is no list of objects, or does not end where the list ends.
    pub fn parse(path: &str, bytes: Vec<u8>) -> Result<Self, Vec<Diagnostic>> {
        let whole = |text: String| Loc {
            file: Arc::new(SourceFile {
                path: path.to_owned(),
                text,
            }),
            span: 0..0,
        };
        if bytes.len() > MAX_LIST_BYTES {
            let message = format!(
                "the file has {} bytes, and a list of Azure's has at most {MAX_LIST_BYTES}",
                bytes.len()
            );
            return Err(vec![Diagnostic::error(
                "too-large",
                whole(String::new()),
                message,
            )]);
        }
        let text = String::from_utf8(bytes).map_err(|_| {
            vec![Diagnostic::error(
                "not-utf8",
                whole(String::new()),
                "the file is not UTF-8",
            )]
        })?;
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text).to_owned();
        let source = whole(text).file;
        let root = parse_json(&source, &BOUNDS)?;
        let wrong = |node: &Node, message: &str| {
            let problem = Diagnostic::error("not-a-list", place(&source, node), message);
            vec![problem.hint("save what `az … list -o json` prints")]
        };
        let next = root.field("nextLink").map(|(_, value)| value);
        if let Some(next) = next.filter(|next| *next.value() != Value::Null) {
            return Err(wrong(
                next,
                "the list goes on after this page, and what is missing is not known",
            ));
        }
        let list = root.field("value").map_or(&root, |(_, value)| value);
        let Value::List(items) = list.value() else {
            return Err(wrong(list, "a list is expected here"));
        };
        if let Some(item) = items
            .iter()
            .find(|item| !matches!(item.value(), Value::Mapping(_)))
        {
            return Err(wrong(item, "an object is expected here"));
        }
        let items = items.clone();
        Ok(Self { source, items })
    }

    /// Its items.
    pub fn items(&self) -> impl Iterator<Item = Item<'_>> {
        self.items.iter().map(|node| Item {
            listing: self,
            node,
        })
    }
}

/// The first line of a node.
fn place(source: &Arc<SourceFile>, node: &Node) -> Loc {
    let span = node.span();
    let text = source.text.get(span.clone()).unwrap_or("");
    let length = text.find('\n').unwrap_or(text.len());
    Loc {
        file: Arc::clone(source),
        span: span.start..span.start + length,
    }
}

/// An object of a list.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    listing: &'a Listing,
    node: &'a Node,
}

impl<'a> Item<'a> {
    /// The text of a field; nothing when it is missing or `null`.
    ///
    /// # Errors
    ///
    /// When it is there and no text.
    pub fn text(&self, name: &str) -> Result<Option<&'a str>, Diagnostic> {
        let Some((_, node)) = self.node.field(name) else {
            return Ok(None);
        };
        match node.value() {
            Value::Text(text) => Ok(Some(text)),
            Value::Null => Ok(None),
            _ => {
                let message = format!("`{name}` is text, and this is not");
                Err(Diagnostic::error(
                    "wrong-type",
                    place(&self.listing.source, node),
                    message,
                ))
            }
        }
    }

    /// The text of a field that every item has.
    ///
    /// # Errors
    ///
    /// When it is missing, empty or no text.
    pub fn required(&self, name: &str) -> Result<&'a str, Diagnostic> {
        let text = self.text(name)?.filter(|text| !text.is_empty());
        text.ok_or_else(|| {
            let message = format!("an object of this list has a field `{name}`");
            Diagnostic::error("missing-field", self.loc(), message)
        })
    }

    /// The texts of an object in a field; none when it is missing or `null`.
    ///
    /// # Errors
    ///
    /// When it is there and no object of texts.
    pub fn texts(&self, name: &str) -> Result<Vec<(&'a str, &'a str)>, Diagnostic> {
        let Some((_, node)) = self.node.field(name) else {
            return Ok(Vec::new());
        };
        let wrong = |node: &Node| {
            let message = format!("`{name}` is an object of texts, and this is not");
            Diagnostic::error("wrong-type", place(&self.listing.source, node), message)
        };
        let entries = match node.value() {
            Value::Null => return Ok(Vec::new()),
            Value::Mapping(entries) => entries,
            _ => return Err(wrong(node)),
        };
        let pair = |(key, value): &'a (Node, Node)| match (key.scalar_text(), value.value()) {
            (Some(key), Value::Text(value)) => Ok((key, value.as_str())),
            (Some(key), Value::Null) => Ok((key, "")),
            _ => Err(wrong(value)),
        };
        entries.iter().map(pair).collect()
    }

    /// Its place: the first line of the object, or of a field of it.
    #[must_use]
    pub fn loc(&self) -> Loc {
        place(&self.listing.source, self.node)
    }

    /// The place of a field; of the object when it is missing.
    #[must_use]
    pub fn loc_of(&self, name: &str) -> Loc {
        let node = self.node.field(name).map_or(self.node, |(_, value)| value);
        place(&self.listing.source, node)
    }
}
