//! A typed value together with the text that it came from.

use std::sync::{Arc, OnceLock};

use super::node::{Node, Value};
use super::parse::parse;
use crate::diagnostic::{Loc, SourceFile};

/// A file's value, its text, and where in the text each part of the value stands.
#[derive(Debug, Clone)]
pub struct Document<T> {
    /// The file.
    pub source: Arc<SourceFile>,
    /// The value.
    pub value: T,
    /// The tree that the value was read from: five times as large as the text, and only asked for when something is wrong,
    /// so it is made again then.
    tree: OnceLock<Node>,
}

impl<T: PartialEq> PartialEq for Document<T> {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && self.value == other.value
    }
}

impl<T: Eq> Eq for Document<T> {}

impl<T> Document<T> {
    /// The value that was read from a text.
    pub(crate) const fn new(source: Arc<SourceFile>, value: T) -> Self {
        Self {
            source,
            value,
            tree: OnceLock::new(),
        }
    }

    fn tree(&self) -> &Node {
        // The text was read before, so it can be read again.
        let read = || parse(&self.source).unwrap_or_else(|_| Node::nothing());
        self.tree.get_or_init(read)
    }

    /// The place of the value that a JSON pointer names (RFC 6901), or of the nearest parent there is.
    ///
    /// Of a value that spans lines, the place is its first line.
    #[must_use]
    pub fn at(&self, pointer: &str) -> Loc {
        let (_, node, is_whole) = self.walk(pointer);
        let span = match (&node.value, is_whole) {
            (Value::Mapping(_), _) | (_, false) => {
                self.walk(pointer).0.map_or_else(|| node.head(), Node::span)
            }
            _ => node.span(),
        };
        self.loc(span)
    }

    /// The place of the key of the value that a JSON pointer names, or of the nearest parent that has one.
    #[must_use]
    pub fn key_at(&self, pointer: &str) -> Loc {
        let (key, node, _) = self.walk(pointer);
        self.loc(key.map_or_else(|| node.head(), Node::span))
    }

    /// The place of a key of a mapping, by its text, which may hold any character.
    #[must_use]
    pub fn entry(&self, pointer: &str, key: &impl ToString) -> Loc {
        self.key_at(&format!("{pointer}/{}", escape(&key.to_string())))
    }

    /// The node that a JSON pointer names.
    #[must_use]
    pub fn node(&self, pointer: &str) -> Option<&Node> {
        let (_, node, is_whole) = self.walk(pointer);
        is_whole.then_some(node)
    }

    /// The nearest key, the node, and whether the whole pointer was found.
    fn walk(&self, pointer: &str) -> (Option<&Node>, &Node, bool) {
        let mut found = (None, self.tree(), true);
        for part in pointer.split('/').skip(1) {
            let part = part.replace("~1", "/").replace("~0", "~");
            let next = match &found.1.value {
                Value::List(items) => part
                    .parse()
                    .ok()
                    .and_then(|index: usize| items.get(index))
                    .map(|item| (None, item)),
                _ => found.1.field(&part).map(|(key, value)| (Some(key), value)),
            };
            match next {
                Some((key, node)) => found = (key, node, true),
                None => return (found.0, found.1, false),
            }
        }
        found
    }

    /// A place of this file, cut to its first line so that a printed excerpt stays short.
    fn loc(&self, span: std::ops::Range<usize>) -> Loc {
        let text = self.source.text.get(span.clone()).unwrap_or("");
        let length = text.find('\n').unwrap_or(text.len());
        Loc {
            file: Arc::clone(&self.source),
            span: span.start..span.start + length,
        }
    }
}

/// A key as part of a JSON pointer.
fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::yaml::source_file;

    #[test]
    fn pointers_lead_to_the_text() {
        let source = source_file(
            "a.yaml",
            b"spec:\n  tags: [x, 'y z']\n  a/b: {c: 1}\n  list:\n    - d: 2\n",
        )
        .unwrap();
        let document = Document::new(source, ());
        let at = |pointer: &str| document.at(pointer).text().to_owned();
        assert_eq!(at("/spec/tags/1"), "'y z'");
        assert_eq!(at("/spec/tags"), "[x, 'y z']");
        assert_eq!(at("/spec/a~1b/c"), "1");
        assert_eq!(at("/spec/list/0/d"), "2");
        assert_eq!(at("/spec/list/0"), "d");
        assert_eq!(at("/spec/missing/more"), "spec");
        assert_eq!(at("/spec/tags/7"), "tags");
        assert_eq!(document.key_at("/spec/list/0/d").text(), "d");
        assert_eq!(document.entry("/spec", &"a/b").text(), "a/b");
    }
}
