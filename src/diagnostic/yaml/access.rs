//! Lists, mappings and choices as serde walks them, without what is masked.

use serde::de::{
    DeserializeSeed, EnumAccess, IntoDeserializer as _, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};

use super::fault::Fault;
use super::node::Node;
use super::reader::Reader;

/// The items of a list that are not masked.
pub(super) struct Items<'s, 'a> {
    reader: Reader<'s, 'a>,
    items: std::slice::Iter<'a, Node>,
}

impl<'s, 'a> Items<'s, 'a> {
    pub(super) const fn new(reader: Reader<'s, 'a>, items: std::slice::Iter<'a, Node>) -> Self {
        Self { reader, items }
    }
}

impl<'a> SeqAccess<'a> for Items<'_, 'a> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'a>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let state = self.reader.state;
        match self.items.find(|item| !state.is_masked(item)) {
            Some(item) => self.reader.at(item, None).read(seed).map(Some),
            None => Ok(None),
        }
    }
}

/// The entries of a mapping that are not masked and, for a struct, that it knows.
pub(super) struct Entries<'s, 'a> {
    reader: Reader<'s, 'a>,
    entries: std::slice::Iter<'a, (Node, Node)>,
    fields: Option<&'static [&'static str]>,
    current: Option<&'a (Node, Node)>,
}

impl<'s, 'a> Entries<'s, 'a> {
    pub(super) const fn new(
        reader: Reader<'s, 'a>,
        entries: std::slice::Iter<'a, (Node, Node)>,
        fields: Option<&'static [&'static str]>,
    ) -> Self {
        Self {
            reader,
            entries,
            fields,
            current: None,
        }
    }
}

impl<'a> MapAccess<'a> for Entries<'_, 'a> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'a>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let (state, fields) = (self.reader.state, self.fields);
        let is_wanted = |(key, value): &&(Node, Node)| {
            let is_known = fields
                .is_none_or(|fields| key.scalar_text().is_some_and(|text| fields.contains(&text)));
            is_known && !state.is_masked(key) && !state.is_masked(value)
        };
        self.current = self.entries.find(is_wanted);
        match self.current {
            Some((key, _)) => self.reader.at(key, None).read(seed).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        match self.current {
            Some((key, value)) => self.reader.at(value, Some(key)).read(seed),
            None => Err(Fault::new(
                "invalid-value",
                "a value was asked for before its key",
            )),
        }
    }
}

/// One variant of an enum: a word alone, or the one field of a mapping.
pub(super) struct Variant<'s, 'a> {
    pub(super) reader: Reader<'s, 'a>,
    pub(super) word: &'a str,
    pub(super) name: &'a Node,
    pub(super) value: Option<&'a Node>,
}

impl<'s, 'a> Variant<'s, 'a> {
    fn content(&self) -> Result<Reader<'s, 'a>, Fault> {
        match self.value {
            // Masked content is gone, like a masked field.
            Some(value) if self.reader.state.is_masked(value) => self
                .reader
                .refuse(Fault::new("invalid-value", "refused above")),
            Some(value) => Ok(self.reader.at(value, Some(self.name))),
            None => self.reader.expected(&format!(
                "the field `{}` with what belongs to it",
                self.word
            )),
        }
    }
}

impl<'a> EnumAccess<'a> for Variant<'_, 'a> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'a>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        let name = seed.deserialize(self.word.into_deserializer())?;
        Ok((name, self))
    }
}

impl<'a> VariantAccess<'a> for Variant<'_, 'a> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.value {
            None => Ok(()),
            Some(_) => self.reader.expected(&format!("`{}` alone", self.word)),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'a>>(self, seed: T) -> Result<T::Value, Fault> {
        self.content()?.read(seed)
    }

    fn tuple_variant<V: Visitor<'a>>(self, length: usize, visitor: V) -> Result<V::Value, Fault> {
        serde::Deserializer::deserialize_tuple(self.content()?, length, visitor)
    }

    fn struct_variant<V: Visitor<'a>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        serde::Deserializer::deserialize_struct(self.content()?, "", fields, visitor)
    }
}
