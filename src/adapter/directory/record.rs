//! `record.json`: what a version is, as it was written.

use std::io;
use std::os::fd::AsFd as _;

use serde::{Deserialize, Serialize};

use crate::adapter::directory::{DirectoryAdapter, layout};
use crate::adapter::{AdapterError, AdapterErrorKind, Record, Result};
use crate::fs::{beneath, durable};
use crate::model::artifact::VersionId;
use crate::model::digest::{FileList, FileRecord, TreeDigest};

/// Names the form of the file; another form gets another name.
const FORMAT: &str = "promote.dev/directory-record/v1";
/// The largest record read, in bytes: a million files with paths of usual length.
const MAX_RECORD_BYTES: usize = 256 * 1024 * 1024;

/// The file as it is on disk.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    format: String,
    version: VersionId,
    digest: TreeDigest,
    files: Vec<FileRecord>,
}

/// The bytes of the file.
pub(super) fn encode(record: &Record) -> io::Result<Vec<u8>> {
    let wire = Wire {
        format: FORMAT.to_owned(),
        version: record.version.clone(),
        digest: record.digest,
        files: record.files.records().to_vec(),
    };
    let mut bytes = serde_json::to_vec_pretty(&wire)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The record of a version; `None` when there is no such folder. A folder without a good record is `Corrupt`: we make
/// no such folder, so somebody changed it.
pub(super) fn load(
    adapter: &DirectoryAdapter,
    operation: &'static str,
    version: &VersionId,
) -> Result<Option<Record>> {
    let folder = layout::version(version);
    let path = adapter.root.join(&folder).join(layout::RECORD);
    let failed = |error| adapter.failed(operation, &path, error);
    let opened = beneath::open_directory(&adapter.root)
        .and_then(|root| beneath::open_directory_beneath(root.as_fd(), &folder));
    let folder = match opened {
        Ok(folder) => folder,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let corrupt = |reason: String| -> AdapterError {
        let message = format!("`{}`: {reason}", path.display());
        adapter.error(AdapterErrorKind::Corrupt, operation, message)
    };
    let read = beneath::open_file_beneath(folder.as_fd(), layout::RECORD)
        .and_then(|file| durable::read_file_bounded(&file, MAX_RECORD_BYTES));
    let bytes = match read {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(corrupt("the record is missing".to_owned()));
        }
        Err(error) => return Err(failed(error)),
    };
    decode(&bytes, version).map(Some).map_err(corrupt)
}

fn decode(bytes: &[u8], version: &VersionId) -> std::result::Result<Record, String> {
    let wire: Wire = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if wire.format != FORMAT {
        return Err(format!("its format is not `{FORMAT}`"));
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
