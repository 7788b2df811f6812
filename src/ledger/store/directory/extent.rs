//! How far the entries in a folder are whole, found without reading what was read before.

use sha2::{Digest as _, Sha256 as Hasher};

use crate::ledger::store::directory::files::Folder;
use crate::ledger::store::layout::{
    ENTRIES, MAX_BATCH_LINES, MAX_FILE_BYTES, check_line, count_files, damaged, entries_file,
    pieces, read_entries,
};
use crate::ledger::store::{Head, LINES_PER_FILE, StoreError};
use crate::model::digest::Sha256;

/// Where the mark of the newest batch of several lines is.
const MARK: &str = "ledger/batch";
/// The longest mark: two numbers, two hashes, three spaces and a newline.
const MAX_MARK_BYTES: usize = 20 + 20 + 64 + 64 + 4;

/// A number of entries, and where the next one goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Extent {
    /// The number of entries.
    pub(super) size: u64,
    /// The bytes of whole lines in the file that the next entry goes to.
    pub(super) bytes: u64,
}

impl Extent {
    /// The number of the file that the next entry goes to.
    pub(super) const fn file(self) -> u64 {
        self.size / LINES_PER_FILE
    }

    /// The extent after some lines more.
    pub(super) fn after(self, lines: &[Vec<u8>]) -> Self {
        let size = self.size + lines.len() as u64;
        let added = pieces(self.size, lines);
        let in_file = added
            .iter()
            .find(|(number, _)| *number == size / LINES_PER_FILE);
        let added_bytes = in_file.map_or(0, |(_, bytes)| bytes.len() as u64);
        let bytes = if size / LINES_PER_FILE == self.file() {
            self.bytes
        } else {
            0
        };
        Self {
            size,
            bytes: bytes + added_bytes,
        }
    }

    /// The extent of what is whole now, given what was known before.
    pub(super) fn read(folder: &Folder, known: Self) -> Result<Self, StoreError> {
        if known.size > 0 {
            match folder
                .length(&entries_file(known.file()))?
                .unwrap_or_default()
            {
                length if length == known.bytes => return Ok(known),
                length if length > known.bytes => return Self::whole(folder, known),
                _ => {}
            }
        }
        Self::whole(folder, Self::default())
    }

    /// Counts whole lines of whole batches. The mark is read before and after: a batch that is being taken back while
    /// the lines are counted is in one of them, and counting too little is an earlier state, never a wrong one.
    fn whole(folder: &Folder, from: Self) -> Result<Self, StoreError> {
        let before = BatchMark::read(folder)?;
        let counted = Self::count(folder, from, u64::MAX)?;
        if from.size == 0 {
            check_files(folder, counted)?;
        }
        let after = BatchMark::read(folder)?;
        let mut end = counted.size;
        for mark in before.iter().chain(&after) {
            if mark.is_half_written(folder, counted.size)? {
                end = end.min(mark.start);
            }
        }
        match end {
            end if end == counted.size => Ok(counted),
            end if end < from.size => Self::count(folder, Self::default(), end),
            end => Self::count(folder, from, end),
        }
    }

    /// Counts whole lines, at most up to `limit` entries. Bytes after the last newline are not looked at.
    fn count(folder: &Folder, from: Self, limit: u64) -> Result<Self, StoreError> {
        let mut extent = from;
        while extent.size < limit {
            let file = entries_file(extent.file());
            let Some(bytes) = folder.read(&file, extent.bytes, MAX_FILE_BYTES)? else {
                break;
            };
            let filled = extent.count_file(&file, &bytes, limit)?;
            if !filled {
                break;
            }
        }
        Ok(extent)
    }

    /// Counts the whole lines of one file; tells whether that filled it.
    fn count_file(&mut self, file: &str, bytes: &[u8], limit: u64) -> Result<bool, StoreError> {
        let is_newline = |byte: &u8| *byte == b'\n';
        let lines = bytes
            .split_inclusive(is_newline)
            .filter_map(|line| line.strip_suffix(b"\n"));
        let mut number = self.size % LINES_PER_FILE;
        for line in lines {
            if self.size == limit {
                return Ok(false);
            }
            number += 1;
            if number > LINES_PER_FILE {
                return Err(damaged(
                    file,
                    format!("it has more than {LINES_PER_FILE} lines"),
                ));
            }
            check_line(line).map_err(|reason| damaged(file, format!("line {number} {reason}")))?;
            self.size += 1;
            self.bytes += line.len() as u64 + 1;
        }
        let is_full = number == LINES_PER_FILE;
        if is_full {
            if !bytes.ends_with(b"\n") {
                return Err(damaged(
                    file,
                    format!("it goes on after {LINES_PER_FILE} lines"),
                ));
            }
            self.bytes = 0;
        }
        Ok(is_full)
    }
}

/// Checks that no file follows the one that the next entry goes to.
fn check_files(folder: &Folder, counted: Extent) -> Result<(), StoreError> {
    let paths = folder.list(ENTRIES)?;
    let count = count_files(paths.iter().map(String::as_str))?;
    if count <= counted.file() + 1 {
        return Ok(());
    }
    let lines = counted.size % LINES_PER_FILE;
    let reason =
        format!("it has {lines} lines instead of {LINES_PER_FILE}, and later files are there");
    Err(damaged(&entries_file(counted.file()), reason))
}

/// Reads the entries from index `from`, without bytes of a line that is being written.
pub(super) fn read(folder: &Folder, head: &Head, from: u64) -> Result<Vec<Vec<u8>>, StoreError> {
    read_entries(head, from, |number, file| {
        let mut bytes = folder.read(file, 0, MAX_FILE_BYTES)?;
        if let Some(bytes) = bytes
            .as_mut()
            .filter(|_| number == head.size / LINES_PER_FILE)
        {
            let whole = bytes
                .iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(0, |end| end + 1);
            bytes.truncate(whole);
        }
        Ok(bytes)
    })
}

/// Says which entries a batch of several lines adds, written before they are: what a crash leaves of such a batch is
/// recognised by it and is no part of the ledger. A batch of one line needs none, for half a line has no newline.
///
/// The file holds `<start> <end> <SHA-256 of the lines> <SHA-256 of all that before>` and a newline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BatchMark {
    /// The index of the batch's first entry.
    pub(super) start: u64,
    /// The index after its last entry.
    pub(super) end: u64,
    digest: Sha256,
}

impl BatchMark {
    /// The mark of lines that follow `size` entries.
    pub(super) fn new(size: u64, lines: &[Vec<u8>]) -> Self {
        let mut hasher = Hasher::new();
        for line in lines {
            hasher.update(line);
            hasher.update(b"\n");
        }
        Self {
            start: size,
            end: size + lines.len() as u64,
            digest: Sha256::from_bytes(hasher.finalize().into()),
        }
    }

    /// Reads the mark. One that is torn is none: then the batch was not begun.
    pub(super) fn read(folder: &Folder) -> Result<Option<Self>, StoreError> {
        let bytes = folder.read(MARK, 0, MAX_MARK_BYTES)?.unwrap_or_default();
        let parse = || {
            let text = std::str::from_utf8(&bytes).ok()?.strip_suffix('\n')?;
            let (body, checksum) = text.rsplit_once(' ')?;
            let mut words = body.split(' ');
            let (start, end) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
            let digest = words.next()?.parse().ok()?;
            let count = u64::checked_sub(end, start)?;
            let is_possible = (1..=MAX_BATCH_LINES).contains(&count);
            let is_whole = checksum.parse() == Ok(Sha256::of(body.as_bytes()));
            (is_whole && is_possible).then_some(Self { start, end, digest })
        };
        Ok(parse())
    }

    /// Writes the mark, durably.
    pub(super) fn write(&self, folder: &Folder) -> Result<(), StoreError> {
        let body = format!("{} {} {}", self.start, self.end, self.digest);
        let checksum = Sha256::of(body.as_bytes());
        folder.overwrite(MARK, format!("{body} {checksum}\n").as_bytes())
    }

    /// Removes the mark's content, durably, after what it marked is gone.
    pub(super) fn clear(folder: &Folder) -> Result<(), StoreError> {
        folder.cut(MARK, 0)
    }

    /// Whether of this batch a part is there and not all, when so many whole lines are.
    fn is_half_written(&self, folder: &Folder, size: u64) -> Result<bool, StoreError> {
        if size <= self.start || size > self.end {
            return Ok(false);
        }
        if size < self.end {
            return Ok(true);
        }
        let head = Head {
            size,
            revision: String::new(),
            checkpoint: None,
        };
        Ok(Self::new(self.start, &read(folder, &head, self.start)?) != *self)
    }
}
