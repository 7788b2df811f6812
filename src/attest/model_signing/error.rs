//! What can be wrong with a statement.

use crate::attest::model_signing::MAX_TYPE_BYTES;
use crate::model::attestation::STATEMENT_TYPE;

/// Why a statement is not about a version.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// It is not an in-toto statement.
    #[error("it is signed, and is not an in-toto statement: {source}")]
    Json {
        /// Why.
        source: serde_json::Error,
    },
    /// It is a statement of another version.
    #[error("it is signed, and its `_type` is not `{STATEMENT_TYPE}`")]
    Type,
    /// The predicate type is too long to be one.
    #[error("its `predicateType` has {length} bytes, more than {MAX_TYPE_BYTES}")]
    LongType {
        /// The length.
        length: usize,
    },
    /// A model signature has another number of subjects than one.
    #[error("a model signature has one subject, this has {count}")]
    Subjects {
        /// How many it has.
        count: usize,
    },
    /// It was made in a way that lists no whole files.
    #[error("it lists `{found}`, and only whole files with their SHA-256 are read")]
    Method {
        /// What it lists.
        found: String,
    },
    /// A value is not a SHA-256.
    #[error("it gives `{file}` no SHA-256")]
    NoSha256 {
        /// The file.
        file: String,
    },
    /// The root of a model signature does not follow from its files.
    #[error("its subject is not the root of the files that it lists")]
    Root,
    /// It names another artifact.
    #[error("it is about another digest")]
    OtherDigest,
    /// It names a file twice.
    #[error("it lists `{file}` twice")]
    Twice {
        /// The file.
        file: String,
    },
    /// It names a file that the version does not have.
    #[error("it lists `{file}`, which is no file of the version")]
    Extra {
        /// The file.
        file: String,
    },
    /// It leaves a file of the version out.
    #[error("it does not list `{file}`, which is a file of the version")]
    Missing {
        /// The file.
        file: String,
    },
    /// It has another hash of a file.
    #[error("it has another SHA-256 of `{file}` than the version")]
    OtherFile {
        /// The file.
        file: String,
    },
}
