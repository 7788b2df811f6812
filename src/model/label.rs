//! Labels and clearances: what the data behind a thing is, and what a workspace may hold.
//!
//! A label is a set of tags and joining is union, so labels form a lattice; a thing may enter a workspace only if
//! its label is a subset of the workspace's clearance. Neither type has a default: nothing becomes public because
//! somebody forgot to say what it is.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::id::{IdError, JurisdictionName, TopologyName, text_type};

/// One mark on data, such as `production` or `resident:eu`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

impl Tag {
    /// The prefix of tags that name a jurisdiction.
    pub const RESIDENT: &'static str = "resident:";

    /// The built-in tag of data that came out of production.
    #[must_use]
    pub fn production() -> Self {
        Self("production".to_owned())
    }

    /// The built-in tag of data that must stay under one law.
    #[must_use]
    pub fn resident(jurisdiction: &JurisdictionName) -> Self {
        Self(format!("{}{jurisdiction}", Self::RESIDENT))
    }

    /// The tag as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The jurisdiction that the tag names, when it names one.
    #[must_use]
    pub fn jurisdiction(&self) -> Option<JurisdictionName> {
        self.0.strip_prefix(Self::RESIDENT)?.parse().ok()
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl FromStr for Tag {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let name = text.strip_prefix(Self::RESIDENT).unwrap_or(text);
        // A tag follows the grammar that all names share; the topology's name is as good a witness as any.
        name.parse::<TopologyName>().map_err(|_| IdError::Form {
            what: "tag",
            text: text.chars().take(100).collect(),
            form: "a lowercase name such as `production`, or `resident:<jurisdiction>`",
        })?;
        Ok(Self(text.to_owned()))
    }
}

text_type!(
    Tag,
    "Tag",
    "^(resident:)?[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$",
    "a mark on data"
);

macro_rules! tag_sets {
    ($($(#[$doc:meta])* $type:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $type(BTreeSet<Tag>);

        impl $type {
            /// Takes tags; `None` when there are none, because an empty set would mean "public" by accident.
            pub fn new(tags: impl IntoIterator<Item = Tag>) -> Option<Self> {
                let tags: BTreeSet<Tag> = tags.into_iter().collect();
                (!tags.is_empty()).then_some(Self(tags))
            }

            /// The tags, sorted.
            #[must_use]
            pub const fn tags(&self) -> &BTreeSet<Tag> {
                &self.0
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let tags = Vec::<Tag>::deserialize(deserializer)?;
                let count = tags.len();
                let set = Self::new(tags).ok_or_else(|| serde::de::Error::custom("name at least one tag; an empty set would mean `public`"))?;
                if set.0.len() == count { Ok(set) } else { Err(serde::de::Error::custom("a tag is listed twice")) }
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let tag = generator.subschema_for::<Tag>();
                schemars::json_schema!({ "type": "array", "items": tag, "minItems": 1, "uniqueItems": true })
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                let tags: Vec<&str> = self.0.iter().map(Tag::as_str).collect();
                formatter.pad(&tags.join(", "))
            }
        }
    )*};
}

tag_sets! {
    /// The tags that the data behind a thing carries. Never empty, only grows.
    Label;
    /// The tags that a workspace may hold. Never empty.
    Clearance;
}

impl Label {
    /// The join of two labels: their union.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }

    /// The tags that the clearance lacks; empty when the flow is allowed.
    #[must_use]
    pub fn beyond(&self, clearance: &Clearance) -> BTreeSet<Tag> {
        self.0.difference(&clearance.0).cloned().collect()
    }
}

impl Clearance {
    /// The label of something about which only the place it was made in is known: everything the place may hold.
    #[must_use]
    pub fn as_label(&self) -> Label {
        Label(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn label() -> impl Strategy<Value = Label> {
        prop::collection::btree_set(
            prop::sample::select(vec!["internal", "production", "resident:eu", "pii"]),
            1..4,
        )
        .prop_map(|tags| Label::new(tags.into_iter().map(|tag| tag.parse().unwrap())).unwrap())
    }

    proptest! {
        #[test]
        fn joining_is_a_semilattice(a in label(), b in label(), c in label()) {
            prop_assert_eq!(a.join(&b), b.join(&a));
            prop_assert_eq!(a.join(&b).join(&c), a.join(&b.join(&c)));
            prop_assert_eq!(a.join(&a), a);
        }

        #[test]
        fn joining_never_allows_more(a in label(), b in label(), c in label()) {
            let clearance = Clearance::new(c.tags().iter().cloned()).unwrap();
            if !a.beyond(&clearance).is_empty() {
                prop_assert!(!a.join(&b).beyond(&clearance).is_empty());
            }
        }
    }

    #[test]
    fn a_label_is_never_empty_in_any_input_form() {
        assert!(Label::new([]).is_none());
        for text in ["[]", "null", "\"\"", "[\"\"]", "{}"] {
            assert!(serde_json::from_str::<Label>(text).is_err(), "{text}");
        }
    }
}
