//! Where ledgers are kept. A store knows lines and bytes; what they mean is known above.

pub mod branch;
pub mod directory;

use std::collections::BTreeMap;
use std::fmt::Debug;

/// The number of lines in each file of entries.
pub const LINES_PER_FILE: u64 = 256;

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
pub trait Store: Debug + Send {
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

/// The folder of the files of entries.
pub(crate) const ENTRIES_FOLDER: &str = "ledger/entries";
/// The path of the checkpoint.
pub(crate) const CHECKPOINT_PATH: &str = "ledger/checkpoint";
/// The longest line, in bytes: what an entry bundle of C2SP tlog-tiles can hold.
pub const MAX_LINE_BYTES: usize = 65_535;
/// The largest file that is read, in bytes: a full file of the longest lines.
pub(crate) const MAX_FILE_BYTES: usize = 256 * (MAX_LINE_BYTES + 1) + (64 << 20);

/// The path of a file of entries.
pub(crate) fn entries_path(number: u64) -> String {
    format!("{ENTRIES_FOLDER}/{number:03}.jsonl")
}

/// The path of a piece of evidence.
pub(crate) fn evidence_file(path: &str) -> String {
    format!("evidence/{path}")
}

/// Splits a file of entries into lines and checks their shape.
pub(crate) fn split_lines(file: &str, bytes: &[u8]) -> Result<Vec<Vec<u8>>, StoreError> {
    let damaged = |reason: String| StoreError::Damaged {
        file: file.to_owned(),
        reason,
    };
    let Some(body) = bytes.strip_suffix(b"\n") else {
        return Err(damaged("its last line has no end".to_owned()));
    };
    let lines: Vec<Vec<u8>> = body
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    for (number, line) in lines.iter().enumerate() {
        if line.is_empty() || line.len() > MAX_LINE_BYTES {
            return Err(damaged(format!("line {} is empty or too long", number + 1)));
        }
    }
    if u64::try_from(lines.len()).is_ok_and(|count| count <= LINES_PER_FILE) {
        Ok(lines)
    } else {
        Err(damaged(format!("it has more than {LINES_PER_FILE} lines")))
    }
}

/// Checks what is to be appended.
pub(crate) fn check_batch(batch: &Batch) -> Result<(), StoreError> {
    let is_line =
        |line: &Vec<u8>| !line.is_empty() && line.len() <= MAX_LINE_BYTES && !line.contains(&b'\n');
    if !batch.lines.iter().all(is_line) {
        return Err(StoreError::Unwritable(format!(
            "an entry is empty, has a line break, or is longer than {MAX_LINE_BYTES} bytes"
        )));
    }
    batch
        .evidence
        .keys()
        .try_for_each(|path| check_evidence_path(path))
}

/// Checks that a path of evidence stays below its folder.
pub(crate) fn check_evidence_path(path: &str) -> Result<(), StoreError> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    let is_part = |part: &str| !part.is_empty() && part != "." && part != "..";
    if path.bytes().all(is_allowed) && path.split('/').all(is_part) {
        Ok(())
    } else {
        Err(StoreError::Unwritable(format!(
            "`{path}` is not a path of evidence"
        )))
    }
}
