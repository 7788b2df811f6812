//! Where ledgers are kept. A store knows lines and bytes; what they mean is known above.

pub mod branch;
pub mod directory;
mod layout;

#[cfg(test)]
mod conformance;

use std::collections::BTreeMap;
use std::fmt::Debug;

/// The number of lines in each file of entries.
pub const LINES_PER_FILE: u64 = 256;

/// The longest entry line, in bytes without its newline: tiles of C2SP tlog-tiles hold lengths of 16 bits.
pub const MAX_LINE_BYTES: usize = 65_535;
/// The largest evidence file, in bytes.
pub const MAX_EVIDENCE_BYTES: usize = 16 * 1024 * 1024;

/// How much a ledger holds, and which state of the store that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The number of entries.
    pub size: u64,
    /// Names the state of the store; the next append is made against it.
    pub revision: String,
    /// The bytes of the newest checkpoint, when there is one.
    pub checkpoint: Option<Vec<u8>>,
}

/// Why a store could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else appended first. Read again, and decide again.
    #[error("the ledger grew meanwhile")]
    Conflict,
    /// It cannot be reached now.
    #[error("the ledger cannot be reached: {0}")]
    Unavailable(String),
    /// It is not what a ledger looks like; names the file.
    #[error("the ledger is damaged: `{file}`: {reason}")]
    Damaged {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It cannot be written, such as on a full disk.
    #[error("the ledger cannot be written: {0}")]
    Unwritable(String),
}

/// What is added in one step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// Entry lines, without their newlines.
    pub lines: Vec<Vec<u8>>,
    /// Evidence files by path below `evidence/`; the same path always has the same bytes.
    pub evidence: BTreeMap<String, Vec<u8>>,
    /// A new checkpoint; covers entries that are already in the store, never those of the same batch.
    pub checkpoint: Option<Vec<u8>>,
}

/// A place for a ledger.
pub trait Store: Debug + Send + Sync {
    /// What is there now; reads afresh.
    ///
    /// # Errors
    ///
    /// When it cannot be told.
    fn head(&mut self) -> Result<Head, StoreError>;

    /// The entry lines from index `from` up to the head's size, without their newlines.
    ///
    /// # Errors
    ///
    /// When they cannot be read or have the wrong shape.
    fn read(&self, head: &Head, from: u64) -> Result<Vec<Vec<u8>>, StoreError>;

    /// One evidence file by path below `evidence/`; `None` when it is not there.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    fn evidence(&self, head: &Head, path: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Adds a batch, all or nothing, durably, if the store is still at `expected`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] when it is not; then nothing was written.
    fn append(&mut self, expected: &Head, batch: &Batch) -> Result<Head, StoreError>;
}
