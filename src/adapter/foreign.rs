//! What others put on a platform, whoever they are, by an address in the platform's own words, so that it can become a version.

use std::fmt;

use futures_util::stream::BoxStream;

use crate::adapter::{AdapterError, AdapterErrorKind, ByteStream, Info, Result};
use crate::model::digest::TreePath;

/// How many files are opened before they are read: few, since servers hang up on who does not read.
pub(super) const OPENED_AHEAD: usize = 2;

/// Something that others put on the platform, as it is now.
pub struct Foreign<'a> {
    /// Its files, each once, with its bytes. Those of an archive come one after the other: a file that is not read holds up
    /// the next.
    pub files: BoxStream<'a, Result<(TreePath, ByteStream)>>,
    /// What the platform tells of how it was made.
    pub told: Vec<Told>,
}

impl fmt::Debug for Foreign<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = &self.told;
        formatter
            .debug_struct("Foreign")
            .field("told", told)
            .finish_non_exhaustive()
    }
}

/// A document that lineage can be read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The format, as `promote register --lineage-format` calls it.
    pub format: &'static str,
    /// The document.
    pub bytes: Vec<u8>,
}

/// The answer of a platform that has no addresses of its own for what others put there.
pub(super) fn unsupported(info: Info, address: &str) -> AdapterError {
    let kind = info.kind;
    let message =
        format!("`{address}`: a workspace of kind `{kind}` takes folders and files alone");
    AdapterError::permanent(
        AdapterErrorKind::Unsupported,
        info.workspace,
        "foreign",
        message,
    )
}
