//! The in-toto statement, which everything signed here is.
//!
//! Format: <https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md>.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::digest::{Sha256, TreeDigest};

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
