//! The file beside a version that says what it is, as it was written: version, digest and file list, as JSON.
//!
//! Each kind of workspace gives the file a place and the form a name of its own.

use std::io;

use serde::{Deserialize, Serialize};

use crate::adapter::Record;
use crate::model::artifact::VersionId;
use crate::model::digest::{FileList, FileRecord, TreeDigest};

/// The file as it is kept.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    format: String,
    version: VersionId,
    digest: TreeDigest,
    files: Vec<FileRecord>,
}

/// The bytes of the file. `format` names the form; another form gets another name.
///
/// # Errors
///
/// When there is not enough memory for the text.
pub(crate) fn encode(format: &str, record: &Record) -> io::Result<Vec<u8>> {
    let wire = Wire {
        format: format.to_owned(),
        version: record.version.clone(),
        digest: record.digest,
        files: record.files.records().to_vec(),
    };
    let mut bytes = serde_json::to_vec_pretty(&wire)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The record of a version out of the bytes of its file.
///
/// # Errors
///
/// The reason, when the file is of another form or of another version, or its files do not have its digest.
pub(crate) fn decode(format: &str, bytes: &[u8], version: &VersionId) -> Result<Record, String> {
    let wire: Wire = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if wire.format != format {
        return Err(format!("its format is not `{format}`"));
    }
    if wire.version != *version {
        return Err(format!("it is the record of `{}`", wire.version));
    }
    let files = FileList::new(wire.files).map_err(|error| error.to_string())?;
    if files.digest() != wire.digest {
        return Err("its files do not have its digest".to_owned());
    }
    Ok(Record {
        version: wire.version,
        digest: wire.digest,
        files,
    })
}
