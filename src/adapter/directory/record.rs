//! `record.json`: what a version is, as it was written.

use std::io;
use std::os::fd::AsFd as _;

use crate::adapter::directory::{DirectoryAdapter, layout};
use crate::adapter::record_file;
use crate::adapter::{AdapterError, AdapterErrorKind, Record, Result};
use crate::fs::{beneath, durable};
use crate::model::artifact::VersionId;

/// Names the form of the file; another form gets another name.
pub(super) const FORMAT: &str = "promote.dev/directory-record/v1";
/// The largest record read, in bytes: a million files with paths of usual length.
const MAX_RECORD_BYTES: usize = 256 * 1024 * 1024;

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
    record_file::decode(FORMAT, &bytes, version)
        .map(Some)
        .map_err(corrupt)
}
