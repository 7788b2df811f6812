//! What an attestation is about: whether a signed statement is on exactly the files of one version.
//!
//! The OpenSSF model signature lists files in its predicate, since its subject hashes no names; what it calls the root
//! is only checked to agree. Other statements name the artifact by its `dirHash1`, or every file by its SHA-256. Formats:
//! <https://github.com/ossf/model-signing-spec>, <https://github.com/in-toto/attestation/tree/main/spec/v1>.

mod error;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256 as Hasher};

pub use crate::attest::model_signing::error::StatementError;
use crate::attest::object::Object;
use crate::model::attestation::STATEMENT_TYPE;
use crate::model::digest::{Sha256, TreeDigest, TreePath};
use crate::redact::printable;

/// The predicate type of an OpenSSF model signature.
pub const SIGNATURE_TYPE: &str = "https://model_signing/signature/v1.0";
/// The longest predicate type that is read, in bytes.
const MAX_TYPE_BYTES: usize = 256;

/// The statement that signs the files of a model, as `model_signing` writes it. The name is for people.
///
/// # Errors
///
/// When it cannot be written as JSON.
pub fn statement(name: &str, files: &[(TreePath, Sha256)]) -> Result<Vec<u8>, serde_json::Error> {
    let resources: Vec<_> = files
        .iter()
        .map(|(path, sha256)| json!({ "name": path, "algorithm": "sha256", "digest": sha256 }))
        .collect();
    let root = root_of(files.iter().map(|(_, sha256)| *sha256));
    serde_json::to_vec(&json!({
        "_type": STATEMENT_TYPE,
        "subject": [{ "name": name, "digest": { "sha256": root } }],
        "predicateType": SIGNATURE_TYPE,
        "predicate": {
            "serialization": {
                "method": "files", "hash_type": "sha256", "allow_symlinks": false, "ignore_paths": [],
            },
            "resources": resources,
        },
    }))
}

/// Reads a statement whose signature is good, and returns its predicate type when it is about exactly these files.
///
/// # Errors
///
/// When it is something else, or about other files.
pub fn check(
    statement: &[u8],
    digest: TreeDigest,
    files: &[(TreePath, Sha256)],
) -> Result<String, StatementError> {
    let Object(head): Object<Head> = read(statement)?;
    if head.statement_type != STATEMENT_TYPE {
        return Err(StatementError::Type);
    }
    let length = head.predicate_type.len();
    if length > MAX_TYPE_BYTES {
        return Err(StatementError::LongType { length });
    }
    let named = if head.predicate_type == SIGNATURE_TYPE {
        let Object(whole): Object<Whole> = read(statement)?;
        Some(signed_files(&head.subject, &whole.predicate.0)?)
    } else {
        attested_files(&head.subject, digest)?
    };
    if let Some(named) = named {
        compare(&named, files)?;
    }
    Ok(head.predicate_type)
}

fn read<'de, T: Deserialize<'de>>(statement: &'de [u8]) -> Result<T, StatementError> {
    serde_json::from_slice(statement).map_err(|source| StatementError::Json { source })
}

type Named = Vec<(String, Sha256)>;

/// The files of a model signature; its subject is the root of them.
fn signed_files(subjects: &[Object<Subject>], signed: &Signed) -> Result<Named, StatementError> {
    let [Object(subject)] = subjects else {
        let count = subjects.len();
        return Err(StatementError::Subjects { count });
    };
    let method = signed.serialization.0.method.as_str();
    if method != "files" {
        let found = shown(method);
        return Err(StatementError::Method { found });
    }
    let file = |Object(resource): &Object<Resource>| {
        let no_sha256 = || StatementError::NoSha256 {
            file: shown(&resource.name),
        };
        let sha256 = resource.digest.parse().map_err(|_| no_sha256())?;
        let is_sha256 = resource.algorithm == "sha256";
        is_sha256
            .then(|| (resource.name.clone(), sha256))
            .ok_or_else(no_sha256)
    };
    let files = signed.resources.iter().map(file);
    let files = files.collect::<Result<Named, _>>()?;
    let root = root_of(files.iter().map(|(_, sha256)| *sha256)).to_string();
    if subject.digest.0.sha256.as_deref() != Some(root.as_str()) {
        return Err(StatementError::Root);
    }
    Ok(files)
}

/// The files that a statement of another kind is about; `None` when it names the artifact as a whole.
fn attested_files(
    subjects: &[Object<Subject>],
    digest: TreeDigest,
) -> Result<Option<Named>, StatementError> {
    let wholes: Vec<&str> = subjects
        .iter()
        .filter_map(|Object(subject)| subject.digest.0.dir_hash.as_deref())
        .collect();
    if !wholes.is_empty() {
        let digest = digest.sha256().to_string();
        return if wholes.contains(&digest.as_str()) {
            Ok(None)
        } else {
            Err(StatementError::OtherDigest)
        };
    }
    let file = |Object(subject): &Object<Subject>| {
        let sha256 = subject.digest.0.sha256.as_deref();
        let sha256 = sha256.and_then(|text| text.parse().ok());
        let sha256 = sha256.ok_or_else(|| StatementError::NoSha256 {
            file: shown(&subject.name),
        })?;
        Ok((subject.name.clone(), sha256))
    };
    subjects
        .iter()
        .map(file)
        .collect::<Result<_, _>>()
        .map(Some)
}

/// The same names with the same hashes, none left out and none more.
fn compare(named: &Named, files: &[(TreePath, Sha256)]) -> Result<(), StatementError> {
    let mut left: BTreeMap<&str, Sha256> = files
        .iter()
        .map(|(path, sha256)| (path.as_str(), *sha256))
        .collect();
    for (name, sha256) in named {
        let file = || shown(name);
        match left.remove(name.as_str()) {
            Some(expected) if expected == *sha256 => {}
            Some(_) => return Err(StatementError::OtherFile { file: file() }),
            None if files.iter().any(|(path, _)| path.as_str() == name) => {
                return Err(StatementError::Twice { file: file() });
            }
            None => return Err(StatementError::Extra { file: file() }),
        }
    }
    match left.keys().next() {
        Some(name) => Err(StatementError::Missing { file: shown(name) }),
        None => Ok(()),
    }
}

/// The root of a model signature: the SHA-256 of the hashes one after the other, in the order that they are listed.
fn root_of(hashes: impl Iterator<Item = Sha256>) -> Sha256 {
    let mut hasher = Hasher::new();
    for hash in hashes {
        hasher.update(hash.as_bytes());
    }
    Sha256::from_bytes(hasher.finalize().into())
}

/// A name that somebody else wrote, made safe to put into a message.
fn shown(name: &str) -> String {
    printable(&name.chars().take(200).collect::<String>()).replace('\n', "\\n")
}

/// The part of a statement that all have. Other fields are passed over, as the format asks.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    #[serde(rename = "_type")]
    statement_type: String,
    subject: Vec<Object<Subject>>,
    predicate_type: String,
}

#[derive(Deserialize)]
struct Subject {
    #[serde(default)]
    name: String,
    digest: Object<Digests>,
}

/// The algorithms that are taken; others are passed over, since matching them would prove nothing.
#[derive(Deserialize)]
struct Digests {
    sha256: Option<String>,
    #[serde(rename = "dirHash1")]
    dir_hash: Option<String>,
}

/// A model signature.
#[derive(Deserialize)]
struct Whole {
    predicate: Object<Signed>,
}

#[derive(Deserialize)]
struct Signed {
    serialization: Object<Serialization>,
    resources: Vec<Object<Resource>>,
}

#[derive(Deserialize)]
struct Serialization {
    method: String,
}

#[derive(Deserialize)]
struct Resource {
    name: String,
    algorithm: String,
    digest: String,
}

#[cfg(test)]
mod tests;
