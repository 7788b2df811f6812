//! The in-toto statement, which everything signed here is.
//!
//! Format: <https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md>.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::digest::{Sha256, TreeDigest};
use crate::model::id::{IdError, text_type};

/// The value of `_type` in version 1 of the format.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// The media type of a statement inside a DSSE envelope.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// What a signature is about: subjects by digest, and a predicate of a named type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement<P> {
    /// Always [`STATEMENT_TYPE`].
    #[serde(rename = "_type")]
    pub statement_type: String,
    /// The things the predicate is about.
    pub subject: Vec<Subject>,
    /// The type of the predicate, matched exactly.
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    /// What is said about the subjects.
    pub predicate: P,
}

impl<P> Statement<P> {
    /// A statement about one subject.
    pub fn new(subject: Subject, predicate_type: &str, predicate: P) -> Self {
        Self {
            statement_type: STATEMENT_TYPE.to_owned(),
            subject: vec![subject],
            predicate_type: predicate_type.to_owned(),
            predicate,
        }
    }
}

/// A thing named by its digests; consumers match digests, never the name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// For people.
    pub name: String,
    /// Algorithm to hex value.
    pub digest: BTreeMap<String, String>,
}

impl Subject {
    /// A subject that is an artifact.
    #[must_use]
    pub fn artifact(name: String, digest: TreeDigest) -> Self {
        Self {
            name,
            digest: BTreeMap::from([("dirHash1".to_owned(), digest.sha256().to_string())]),
        }
    }

    /// A subject that is a file or a blob.
    #[must_use]
    pub fn file(name: String, sha256: Sha256) -> Self {
        Self {
            name,
            digest: BTreeMap::from([("sha256".to_owned(), sha256.to_string())]),
        }
    }

    /// The artifact digest, when this subject has one.
    #[must_use]
    pub fn tree_digest(&self) -> Option<TreeDigest> {
        format!("{}{}", TreeDigest::PREFIX, self.digest.get("dirHash1")?)
            .parse()
            .ok()
    }
}

/// Names one attestation among those of a version, such as `model-signing`. Without a dot, so that the file of an
/// attestation tells where the version in its name ends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttestationName(String);

impl AttestationName {
    /// The name of the attestation that `promote register --sign` makes.
    #[must_use]
    pub fn model_signing() -> Self {
        Self("model-signing".to_owned())
    }
}

impl fmt::Display for AttestationName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl FromStr for AttestationName {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let is_edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = text.as_bytes();
        let is_plain =
            |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(byte);
        let is_name = bytes.len() <= 63
            && bytes.iter().all(is_plain)
            && is_edge(bytes.first())
            && is_edge(bytes.last());
        if is_name {
            return Ok(Self(text.to_owned()));
        }
        Err(IdError::Form {
            what: "name of an attestation",
            text: text.chars().take(80).collect(),
            form: "at most 63 lowercase letters, digits, `-` and `_`, such as `model-signing`",
        })
    }
}

text_type!(
    AttestationName,
    "AttestationName",
    "^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$",
    "name of an attestation"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attestation_has_a_plain_name_without_a_dot() {
        for good in ["a", "model-signing", "slsa_1", &"a".repeat(63)] {
            assert_eq!(good.parse::<AttestationName>().unwrap().to_string(), good);
        }
        for bad in ["", "a.b", "-a", "a-", "A", "a/b", &"a".repeat(64), "a\n"] {
            assert!(bad.parse::<AttestationName>().is_err(), "{bad:?}");
        }
    }
}
