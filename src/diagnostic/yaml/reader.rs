//! One node as a serde deserializer.

use serde::de::{DeserializeSeed, Visitor};

use super::EXTENSION_PREFIX;
use super::access::{Entries, Items, Variant};
use super::deserialize::State;
use super::fault::{Fault, missing_field, one_of};
use super::node::{Node, Value};
use crate::diagnostic::did_you_mean;
use crate::model::secret::may_be_secret;

/// Reads one node.
#[derive(Clone, Copy)]
pub(super) struct Reader<'s, 'a> {
    pub(super) state: &'s State<'a>,
    pub(super) node: &'a Node,
    /// The key whose value this is.
    pub(super) owner: Option<&'a Node>,
}

impl<'a> Reader<'_, 'a> {
    pub(super) fn at(self, node: &'a Node, owner: Option<&'a Node>) -> Self {
        Self {
            node,
            owner,
            ..self
        }
    }

    /// Reads the node as what the seed asks for; what it refuses afterwards is placed here too.
    pub(super) fn read<T: DeserializeSeed<'a>>(self, seed: T) -> Result<T::Value, Fault> {
        self.placed(seed.deserialize(self))
    }

    /// Puts the place to a fault that has none yet, and the text, where the message lacks it.
    pub(super) fn placed<T>(self, result: Result<T, Fault>) -> Result<T, Fault> {
        result.map_err(|fault| {
            if fault.node.is_some() {
                return fault;
            }
            if may_be_secret(&fault.message) {
                return Fault {
                    node: Some(self.node.id),
                    code: "pasted-secret",
                    ..fault
                };
            }
            let message = match &self.node.value {
                Value::Text(text)
                    if fault.code == "invalid-value" && !fault.message.contains(text.as_str()) =>
                {
                    let text: String = text.chars().take(80).collect();
                    format!("`{text}` cannot stand here: {}", fault.message)
                }
                _ => fault.message,
            };
            Fault {
                node: Some(self.node.id),
                message,
                ..fault
            }
        })
    }

    pub(super) fn refuse<T>(self, fault: Fault) -> Result<T, Fault> {
        self.placed(Err(fault))
    }

    pub(super) fn expected<T>(self, what: &str) -> Result<T, Fault> {
        self.refuse(Fault::new(
            "wrong-type",
            format!("expected {what}, found {}", self.node.describe()),
        ))
    }

    fn must_be_quoted<T>(self, text: &str, what: &str) -> Result<T, Fault> {
        let fault = Fault::new(
            "must-be-quoted",
            format!("text is expected here, and YAML takes `{text}` for {what}"),
        );
        self.refuse(fault.hint(format!("put it in quotes: \"{text}\"")))
    }

    pub(super) fn text(self) -> Result<&'a str, Fault> {
        match &self.node.value {
            Value::Text(text) => Ok(text),
            Value::Number(text) => self.must_be_quoted(text, "a number"),
            Value::Bool(value) => self.must_be_quoted(&value.to_string(), "a boolean"),
            Value::Ambiguous(text) => self.must_be_quoted(text, "something else, in some programs"),
            Value::Null | Value::List(_) | Value::Mapping(_) => self.expected("text"),
        }
    }

    fn whole_number<T: std::str::FromStr>(self, range: &str) -> Result<T, Fault> {
        let what = || format!("a whole number {range}");
        match &self.node.value {
            Value::Number(text) => text.parse().or_else(|_| self.expected(&what())),
            _ => self.expected(&what()),
        }
    }

    fn items(self) -> Result<&'a [Node], Fault> {
        match &self.node.value {
            Value::List(items) => Ok(items),
            _ => self.expected("a list"),
        }
    }

    fn entries(self) -> Result<&'a [(Node, Node)], Fault> {
        match &self.node.value {
            Value::Mapping(entries) => Ok(entries),
            _ => self.expected("a mapping of keys and values"),
        }
    }

    /// The entry of a mapping that has one, extensions aside.
    fn only_entry(self, entries: &'a [(Node, Node)]) -> Option<&'a (Node, Node)> {
        let is_extension = |key: &Node| {
            key.scalar_text()
                .is_some_and(|text| text.starts_with(EXTENSION_PREFIX))
        };
        let mut entries = entries.iter().filter(|(key, _)| !is_extension(key));
        let first = entries.next()?;
        entries.next().is_none().then_some(first)
    }

    /// Reports unknown and missing fields of a struct, once.
    fn check_fields(self, name: &str, fields: &[&str], entries: &'a [(Node, Node)]) {
        if !self.state.is_unchecked(self.node) {
            return;
        }
        let mut misspelt = Vec::new();
        for (key, _) in entries {
            if self.state.is_full() {
                break;
            }
            let text = key.scalar_text().unwrap_or("");
            if !fields.contains(&text) && !text.starts_with(EXTENSION_PREFIX) {
                misspelt.extend(did_you_mean(text, fields.iter().copied()));
                self.state.report(unknown_field(text, fields), key.span());
            }
        }
        for field in self.state.required.of(name) {
            if self.node.field(field).is_some() {
                continue;
            }
            self.state.set_incomplete(self.node);
            // A field that was written with a typo is not also missing.
            if !misspelt.contains(&field) {
                let place = self.owner.map_or_else(|| self.node.head(), Node::span);
                self.state.report(missing_field(field), place);
            }
        }
    }
}

fn unknown_field(text: &str, fields: &[&str]) -> Fault {
    let fault = Fault::new(
        "unknown-field",
        format!(
            "there is no field `{}` here",
            text.chars().take(80).collect::<String>()
        ),
    );
    match did_you_mean(text, fields.iter().copied()) {
        Some(meant) => fault.hint(format!("did you mean `{meant}`?")),
        None => fault.hint(format!(
            "the fields are {}; start a field of your own with `{EXTENSION_PREFIX}`",
            one_of(fields).replace(" or ", " and ")
        )),
    }
}

/// The numbers of a type, in words.
fn range(min: i128, max: i128) -> String {
    match (min, max) {
        (0, max) if max == i128::from(u64::MAX) => "of at least 0".to_owned(),
        _ => format!("from {min} to {max}"),
    }
}

macro_rules! whole_numbers {
    ($($method:ident $visit:ident $type:ty;)*) => {$(
        fn $method<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
            let range = range(<$type>::MIN.into(), <$type>::MAX.into());
            let number = self.whole_number::<$type>(&range)?;
            self.placed(visitor.$visit(number))
        }
    )*};
}

impl<'a> serde::Deserializer<'a> for Reader<'_, 'a> {
    type Error = Fault;

    whole_numbers! {
        deserialize_i8 visit_i8 i8;
        deserialize_i16 visit_i16 i16;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
    }

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Null => self.placed(visitor.visit_unit()),
            Value::Bool(value) => self.placed(visitor.visit_bool(*value)),
            Value::Number(text) => {
                if let Ok(number) = text.parse::<u64>() {
                    self.placed(visitor.visit_u64(number))
                } else if let Ok(number) = text.parse::<i64>() {
                    self.placed(visitor.visit_i64(number))
                } else {
                    self.deserialize_f64(visitor)
                }
            }
            Value::Text(_) | Value::Ambiguous(_) => self.deserialize_str(visitor),
            Value::List(_) => self.deserialize_seq(visitor),
            Value::Mapping(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Bool(value) => self.placed(visitor.visit_bool(*value)),
            _ => self.expected("`true` or `false`"),
        }
    }

    fn deserialize_f32<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Number(text) => match text.parse::<f64>() {
                Ok(number) => self.placed(visitor.visit_f64(number)),
                Err(_) => self.expected("a number"),
            },
            _ => self.expected("a number"),
        }
    }

    fn deserialize_char<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_str<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        let text = self.text()?;
        self.placed(visitor.visit_borrowed_str(text))
    }

    fn deserialize_string<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Null => self.placed(visitor.visit_none()),
            _ => self.placed(visitor.visit_some(self)),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'a>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.placed(visitor.visit_newtype_struct(self))
    }

    fn deserialize_seq<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        let items = self.items()?.iter();
        self.placed(visitor.visit_seq(Items::new(self, items)))
    }

    fn deserialize_tuple<V: Visitor<'a>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if self.items()?.len() == length {
            self.deserialize_seq(visitor)
        } else {
            self.expected(&format!("a list of {length}"))
        }
    }

    fn deserialize_map<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        let entries = self.entries()?.iter();
        self.placed(visitor.visit_map(Entries::new(self, entries, None)))
    }

    fn deserialize_struct<V: Visitor<'a>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let entries = self.entries()?;
        self.check_fields(name, fields, entries);
        self.placed(visitor.visit_map(Entries::new(self, entries.iter(), Some(fields))))
    }

    fn deserialize_enum<V: Visitor<'a>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let (name, value) = match &self.node.value {
            Value::Mapping(entries) => match self.only_entry(entries) {
                Some((key, value)) => (key, Some(value)),
                None => return self.expected(&format!("exactly one field: {}", one_of(variants))),
            },
            _ => (self.node, None),
        };
        let word = self.at(name, None).text()?;
        if !variants.contains(&word) {
            return self
                .at(name, None)
                .refuse(Fault::unknown_word(word, variants));
        }
        self.placed(visitor.visit_enum(Variant {
            reader: self,
            word,
            name,
            value,
        }))
    }

    fn deserialize_identifier<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.placed(visitor.visit_borrowed_str(self.node.scalar_text().unwrap_or("")))
    }

    fn deserialize_ignored_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        <V: Visitor<'a>>
        i128 u128 bytes byte_buf unit unit_struct tuple_struct
    }
}
