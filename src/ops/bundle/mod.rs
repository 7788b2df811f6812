//! `promote bundle`: a version with its lineage, approvals and proof in one file, for places that no network leads to.
//!
//! The file is a tar file that is an OCI image layout (decision 0018). Who makes one reads it back before it appears; who takes
//! one believes nothing that is in it before it was checked, and takes the version the way of `promote register`.

mod check;
mod collect;
mod contents;
mod export;
mod facts;
mod import;
mod ledger;
mod named;
mod opened;
mod show;

use std::fs::File;
use std::io;
use std::io::BufReader;
use std::path::Path;

pub use export::{ExportRequest, Exported, export};
pub use facts::{
    ActFacts, ApprovalFacts, AttestedFacts, BehindFacts, BundleFacts, DecisionFacts, LedgerFacts,
    PlaceFacts, RegisteredFacts,
};
pub use import::{ImportRequest, Imported, import};
pub use show::{ShowRequest, read, show};

use crate::error::{Failure, FailureKind, Result};
use crate::fs::archive::ArchiveError;
use crate::fs::beneath;

/// How much of a file is read at once, in bytes.
const BUFFER_BYTES: usize = 256 * 1024;

/// Why a bundle is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

impl From<String> for Refused {
    fn from(reason: String) -> Self {
        Self(reason)
    }
}

impl From<&str> for Refused {
    fn from(reason: &str) -> Self {
        Self(reason.to_owned())
    }
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<ArchiveError> for Refused {
    fn from(error: ArchiveError) -> Self {
        Self(error.to_string())
    }
}

/// A bundle that does not hold.
fn refused(path: &Path, refused: &Refused) -> Failure {
    let message = format!("`{}` does not hold: {refused}", path.display());
    Failure::new(FailureKind::Invalid, message).hint(
        "do not rely on it, and ask who sent it for another; `promote bundle export` makes one",
    )
}

/// Opens a file, with its length.
fn open(path: &Path) -> Result<(BufReader<File>, u64)> {
    let unreadable = |error: io::Error| {
        Failure::of(FailureKind::Invalid, &error)
            .during(format!("`{}` cannot be read", path.display()))
    };
    let file = beneath::open_file(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    Ok((BufReader::with_capacity(BUFFER_BYTES, file), length))
}
