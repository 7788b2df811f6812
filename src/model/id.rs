//! Names and ids. Each has a type of its own and comes into being only by parsing.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The longest name accepted, in bytes: the length of a DNS label, which every store we write to can hold.
const MAX_NAME_BYTES: usize = 63;

/// Why a text is not a name or an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text is empty.
    #[error("a {what} cannot be empty")]
    Empty {
        /// What was being parsed.
        what: &'static str,
    },
    /// The text is too long.
    #[error("a {what} has at most {MAX_NAME_BYTES} characters, this has {length}")]
    TooLong {
        /// What was being parsed.
        what: &'static str,
        /// The length found, in bytes.
        length: usize,
    },
    /// The text holds a character that no name may hold.
    #[error(
        "a {what} is lowercase letters, digits, `-`, `_` and `.`, and starts and ends with a letter or digit; `{text}` is not"
    )]
    Character {
        /// What was being parsed.
        what: &'static str,
        /// The text.
        text: String,
    },
    /// The text does not have the form asked for.
    #[error("`{text}` is not a {what}; write {form}")]
    Form {
        /// What was being parsed.
        what: &'static str,
        /// The text.
        text: String,
        /// The form, with an example.
        form: &'static str,
    },
}

/// Checks the one grammar that all names share.
fn check_name(what: &'static str, text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty { what });
    }
    if text.len() > MAX_NAME_BYTES {
        return Err(IdError::TooLong {
            what,
            length: text.len(),
        });
    }
    let is_edge = |byte: Option<&u8>| {
        byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let bytes = text.as_bytes();
    let is_inner =
        |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(byte);
    if is_edge(bytes.first())
        && is_edge(bytes.last())
        && bytes.iter().all(is_inner)
        && !text.contains("..")
    {
        Ok(())
    } else {
        Err(IdError::Character {
            what,
            text: text.to_owned(),
        })
    }
}

/// Implements what every type that is written as text needs: display, serde through the text, and its JSON Schema.
macro_rules! text_type {
    ($type:ty, $schema_name:expr, $pattern:expr, $description:expr) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $schema_name.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": $pattern, "description": $description })
            }
        }
    };
}
pub(crate) use text_type;

/// The pattern of [`check_name`], for JSON Schemas.
pub(crate) const NAME_PATTERN: &str = "^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$";

// Names are in every key of every map, and maps of large organisations are copied: a copy of a name is another reference.
macro_rules! names {
    ($($(#[$doc:meta])* $type:ident, $what:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Arc<str>);

        impl $type {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.pad(&self.0)
            }
        }

        impl FromStr for $type {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                check_name($what, text)?;
                Ok(Self(text.into()))
            }
        }

        text_type!($type, stringify!($type), NAME_PATTERN, $what);
    )*};
}

names! {
    /// Names a topology: the whole organisation that one promotion repository describes.
    TopologyName, "topology name";
    /// Names an environment: a zone of trust.
    EnvironmentName, "environment name";
    /// Names a workspace: a place that holds artifacts.
    WorkspaceName, "workspace name";
    /// Names a project: what owns artifacts.
    ProjectName, "project name";
    /// Names an artifact within its project and kind.
    ArtifactName, "artifact name";
    /// Names a dataset.
    DatasetName, "dataset name";
    /// Names an input of a pipeline.
    InputName, "name of an input";
    /// Names a snapshot of a dataset.
    SnapshotName, "snapshot name";
    /// Names a group of principals.
    GroupName, "group name";
    /// Names a person or a machine that signs; the stable id, not the printed name.
    PrincipalName, "principal name";
    /// Names a role of the trust root, such as `platform`.
    RoleName, "role name";
    /// Names a freeze.
    FreezeName, "freeze name";
    /// Names an engine key of the trust root.
    EngineName, "engine name";
    /// Names an attestation key of the trust root.
    AttesterName, "attester name";
    /// Names a region, such as `westeurope`.
    RegionName, "region name";
    /// Names a jurisdiction: a set of regions under one law.
    JurisdictionName, "jurisdiction name";
    /// Names a metric of a version, such as `accuracy`.
    MetricName, "metric name";
}

/// One attempt at a promotion: a ULID, so that attempts sort in the order they were made.
///
/// Format: <https://github.com/ulid/spec>.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttemptId(String);

/// Crockford's base 32, as the ULID specification asks.
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl AttemptId {
    /// Builds the id from a time in milliseconds since 1970 and 80 random bits.
    #[must_use]
    pub fn new(milliseconds: u64, random: [u8; 10]) -> Self {
        let random = random
            .iter()
            .fold(0_u128, |sum, byte| (sum << 8) | u128::from(*byte));
        let bits = (u128::from(milliseconds & 0xFFFF_FFFF_FFFF) << 80) | random;
        let digit = |position: u32| {
            let index = usize::try_from((bits >> (5 * position)) & 31).unwrap_or(0);
            char::from(CROCKFORD.get(index).copied().unwrap_or(b'0'))
        };
        Self((0..26).rev().map(digit).collect())
    }

    /// The id as text: 26 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_refused_with_the_reason() {
        for (text, reason) in [
            ("", "a project name cannot be empty"),
            (
                "Retail",
                "a project name is lowercase letters, digits, `-`, `_` and `.`, and starts and ends with a letter or digit; `Retail` is not",
            ),
            (
                "a..b",
                "a project name is lowercase letters, digits, `-`, `_` and `.`, and starts and ends with a letter or digit; `a..b` is not",
            ),
            (
                "../x",
                "a project name is lowercase letters, digits, `-`, `_` and `.`, and starts and ends with a letter or digit; `../x` is not",
            ),
        ] {
            assert_eq!(text.parse::<ProjectName>().unwrap_err().to_string(), reason);
        }
        assert!("a".repeat(63).parse::<ProjectName>().is_ok());
        assert!("a".repeat(64).parse::<ProjectName>().is_err());
    }

    #[test]
    fn attempt_ids_sort_by_time_and_match_the_specification() {
        assert_eq!(
            AttemptId::new(1_469_918_176_385, [0; 10]).as_str(),
            "01ARYZ6S410000000000000000"
        );
        assert!(AttemptId::new(1, [255; 10]) < AttemptId::new(2, [0; 10]));
    }
}
