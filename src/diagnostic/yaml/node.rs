//! The tree of a document, with the place of every key and value.

use std::ops::Range;

/// A value of a document and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its number in the order of the text.
    pub(super) id: u32,
    /// The number after that of its last descendant.
    pub(super) end: u32,
    /// Its bytes in the text.
    pub(super) span: Range<usize>,
    /// What it is.
    pub(super) value: Value,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing: `~`, `null`, or no text at all.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it is written.
    Number(String),
    /// Text.
    Text(String),
    /// Plain text that some readers of YAML take for something else, such as `yes` or `0x10`. It has to be quoted.
    Ambiguous(String),
    /// A list.
    List(Vec<Node>),
    /// Keys and values, in the order of the text; no key twice.
    Mapping(Vec<(Node, Node)>),
}

impl Node {
    /// What an empty text holds.
    pub(super) const fn nothing() -> Self {
        Self {
            id: 0,
            end: 1,
            span: 0..0,
            value: Value::Null,
        }
    }

    /// What it is.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// Its bytes in the text.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Its text, when it is a scalar that can be a key.
    #[must_use]
    pub fn scalar_text(&self) -> Option<&str> {
        match &self.value {
            Value::Number(text) | Value::Text(text) | Value::Ambiguous(text) => Some(text),
            Value::Bool(true) => Some("true"),
            Value::Bool(false) => Some("false"),
            Value::Null | Value::List(_) | Value::Mapping(_) => None,
        }
    }

    /// The key and the value of a field, when this is a mapping that has it.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<(&Self, &Self)> {
        let Value::Mapping(entries) = &self.value else {
            return None;
        };
        let entry = entries
            .iter()
            .find(|(key, _)| key.scalar_text() == Some(name))?;
        Some((&entry.0, &entry.1))
    }

    /// The same value as JSON.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(text) => serde_json::from_str(text.trim_start_matches('+'))
                .unwrap_or_else(|_| text.as_str().into()),
            Value::Text(text) | Value::Ambiguous(text) => text.as_str().into(),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Mapping(entries) => {
                let pairs = entries.iter().map(|(key, value)| {
                    (key.scalar_text().unwrap_or("").to_owned(), value.to_json())
                });
                serde_json::Value::Object(pairs.collect())
            }
        }
    }

    /// What it is, in words, for "expected …, found …".
    pub(super) fn describe(&self) -> String {
        let quoted = |text: &str| text.chars().take(80).collect::<String>();
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Bool(value) => format!("`{value}`"),
            Value::Number(text) => format!("the number `{}`", quoted(text)),
            Value::Text(text) | Value::Ambiguous(text) => format!("the text `{}`", quoted(text)),
            Value::List(_) => "a list".to_owned(),
            Value::Mapping(_) => "a mapping".to_owned(),
        }
    }

    /// The bytes to point at when the node as a whole is meant: of a mapping, its first key.
    pub(super) fn head(&self) -> Range<usize> {
        match &self.value {
            Value::Mapping(entries) => entries
                .first()
                .map_or_else(|| self.span(), |(key, _)| key.span()),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Text(_)
            | Value::Ambiguous(_)
            | Value::List(_) => self.span(),
        }
    }
}
