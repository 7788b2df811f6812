//! The files of a ledger, the same in every store: `ledger/entries/000.jsonl` and on, `ledger/checkpoint`,
//! `evidence/…`.

use std::collections::BTreeSet;

use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::note::Note;
use crate::ledger::store::{
    Batch, Head, LINES_PER_FILE, MAX_EVIDENCE_BYTES, MAX_LINE_BYTES, StoreError,
};
use crate::redact::printable;

/// The folder of the files of entries.
pub(super) const ENTRIES: &str = "ledger/entries";
/// The file of the newest checkpoint.
pub(super) const CHECKPOINT: &str = "ledger/checkpoint";
/// The largest file of entries: all lines of the greatest length, with their newlines.
pub(super) const MAX_FILE_BYTES: usize = 256 * (MAX_LINE_BYTES + 1);
/// The most files of entries: sixteen million entries, a hundred times the largest ledger that was tried.
const MAX_FILES: usize = 65_536;
/// The most bytes of entries that are read at once. What is larger does not fit the memory of a usual machine.
const MAX_READ_BYTES: usize = 4 * 1024 * 1024 * 1024;
/// The most lines that are added at once.
pub(super) const MAX_BATCH_LINES: u64 = 65_536;
/// The longest path of an evidence file.
const MAX_PATH_BYTES: usize = 255;

pub(super) fn damaged(file: &str, reason: impl Into<String>) -> StoreError {
    StoreError::Damaged {
        file: printable(file),
        reason: reason.into(),
    }
}

/// The path of a file of entries by number, from 0.
pub(super) fn entries_file(number: u64) -> String {
    format!("{ENTRIES}/{number:03}.jsonl")
}

/// Checks that these are the paths of files of entries from 0 on without a gap, and returns how many there are.
pub(super) fn count_files<'a>(paths: impl IntoIterator<Item = &'a str>) -> Result<u64, StoreError> {
    let mut numbers = BTreeSet::new();
    for path in paths {
        let name = path.strip_prefix(ENTRIES).unwrap_or_default();
        let name = name.strip_prefix('/').unwrap_or_default();
        let number = name
            .strip_suffix(".jsonl")
            .and_then(|number| number.parse().ok());
        let number = number.filter(|number| entries_file(*number) == path);
        numbers.insert(number.ok_or_else(|| damaged(path, "it is not a file of entries"))?);
        if numbers.len() > MAX_FILES {
            return Err(damaged(
                ENTRIES,
                format!("it holds more than {MAX_FILES} files"),
            ));
        }
    }
    for (expected, number) in (0..).zip(&numbers) {
        if expected != *number {
            return Err(damaged(
                &entries_file(expected),
                "it is missing, and later files are there",
            ));
        }
    }
    Ok(numbers.len() as u64)
}

/// Why a line cannot be an entry.
pub(super) fn check_line(line: &[u8]) -> Result<(), String> {
    if line.is_empty() {
        return Err("is empty".to_owned());
    }
    if line.len() > MAX_LINE_BYTES {
        return Err(format!(
            "has {} bytes, more than {MAX_LINE_BYTES}",
            line.len()
        ));
    }
    if line.contains(&b'\n') {
        return Err("holds a newline".to_owned());
    }
    Ok(())
}

/// The lines of a file of entries. Every one ends in a newline and has the right size; there are at most 256.
pub(super) fn split_lines(file: &str, bytes: &[u8]) -> Result<Vec<Vec<u8>>, StoreError> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let body = bytes.strip_suffix(b"\n");
    let body = body.ok_or_else(|| damaged(file, "it does not end in a newline"))?;
    let mut lines = Vec::new();
    for line in body.split(|byte| *byte == b'\n') {
        let number = lines.len() as u64 + 1;
        if number > LINES_PER_FILE {
            return Err(damaged(
                file,
                format!("it has more than {LINES_PER_FILE} lines"),
            ));
        }
        check_line(line).map_err(|reason| damaged(file, format!("line {number} {reason}")))?;
        lines.push(line.to_vec());
    }
    Ok(lines)
}

/// Reads the entries from index `from` up to the head's size, one file after the other.
pub(super) fn read_entries(
    head: &Head,
    from: u64,
    read_file: impl Fn(u64, &str) -> Result<Option<Vec<u8>>, StoreError>,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut lines = Vec::new();
    let (mut next, mut total) = (from, 0_usize);
    while next < head.size {
        let number = next / LINES_PER_FILE;
        let file = entries_file(number);
        let bytes = read_file(number, &file)?.ok_or_else(|| damaged(&file, "it is missing"))?;
        total = total.saturating_add(bytes.len());
        if total > MAX_READ_BYTES {
            return Err(damaged(
                &file,
                format!("the entries have more than {MAX_READ_BYTES} bytes"),
            ));
        }
        let found = split_lines(&file, &bytes)?;
        let first = number * LINES_PER_FILE;
        let wanted = (head.size - first).min(LINES_PER_FILE);
        if (found.len() as u64) < wanted {
            let reason = format!("it has {} lines instead of {wanted}", found.len());
            return Err(damaged(&file, reason));
        }
        let wanted_lines = (first..first + wanted).zip(found);
        lines.extend(
            wanted_lines
                .filter(|(index, _)| *index >= next)
                .map(|(_, line)| line),
        );
        next = first + wanted;
    }
    Ok(lines)
}

/// What lines that follow `size` entries add to which files of entries.
pub(super) fn pieces(size: u64, lines: &[Vec<u8>]) -> Vec<(u64, Vec<u8>)> {
    let mut pieces: Vec<(u64, Vec<u8>)> = Vec::new();
    for (index, line) in (size..).zip(lines) {
        let number = index / LINES_PER_FILE;
        if pieces.last().is_none_or(|(last, _)| *last != number) {
            pieces.push((number, Vec::new()));
        }
        if let Some((_, bytes)) = pieces.last_mut() {
            bytes.extend_from_slice(line);
            bytes.push(b'\n');
        }
    }
    pieces
}

/// The path of an evidence file in the store, from its path below `evidence/`.
pub(super) fn evidence_file(path: &str) -> Result<String, StoreError> {
    let refuse = |reason| Err(damaged(&format!("evidence/{path}"), reason));
    if path.len() > MAX_PATH_BYTES {
        return refuse("its path is longer than 255 bytes");
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    if !path.bytes().all(is_plain) {
        return refuse(
            "its path holds other characters than letters, digits, `/`, `.`, `_` and `-`",
        );
    }
    // Hidden names are refused so that `.`, `..`, `.git` and the stores' own temporary files are.
    if path
        .split('/')
        .any(|part| part.is_empty() || part.starts_with('.'))
    {
        return refuse(
            "its path is not relative, or has an empty part or one that begins with `.`",
        );
    }
    Ok(format!("evidence/{path}"))
}

/// Checks everything about a batch that does not depend on the store.
pub(super) fn check_batch(expected: &Head, batch: &Batch) -> Result<(), StoreError> {
    let refuse = |reason: String| Err(StoreError::Unwritable(reason));
    if batch.lines.len() as u64 > MAX_BATCH_LINES {
        return refuse(format!("more than {MAX_BATCH_LINES} entries at once"));
    }
    for (index, line) in (expected.size..).zip(&batch.lines) {
        if let Err(reason) = check_line(line) {
            return refuse(format!("entry {index} {reason}"));
        }
    }
    for (path, bytes) in &batch.evidence {
        if let Err(error) = evidence_file(path) {
            return refuse(error.to_string());
        }
        if bytes.len() > MAX_EVIDENCE_BYTES {
            return refuse(format!(
                "`evidence/{path}` is larger than {MAX_EVIDENCE_BYTES} bytes"
            ));
        }
    }
    let Some(checkpoint) = &batch.checkpoint else {
        return Ok(());
    };
    let covered = Note::parse(checkpoint)
        .ok()
        .and_then(|note| Checkpoint::parse(note.text()).ok());
    match covered {
        Some(Checkpoint { size, .. }) if size <= expected.size => Ok(()),
        Some(Checkpoint { size, .. }) => refuse(format!(
            "the checkpoint covers {size} entries, and the ledger has {}",
            expected.size
        )),
        None => refuse("the checkpoint is not one".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_three_digits_and_then_more() {
        let paths: Vec<_> = (0..1001).map(entries_file).collect();
        assert_eq!(
            (paths[7].as_str(), paths[1000].as_str()),
            ("ledger/entries/007.jsonl", "ledger/entries/1000.jsonl")
        );
        assert_eq!(count_files(paths.iter().map(String::as_str)).unwrap(), 1001);
        for bad in [
            "ledger/entries/7.jsonl",
            "ledger/entries/0000.jsonl",
            "ledger/entries/+00.jsonl",
            "ledger/entries/000.json",
            "000.jsonl",
            "",
        ] {
            assert!(count_files([bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn evidence_stays_below_its_folder() {
        assert_eq!(
            evidence_file("sha256/ab/Cd-e_f.json.sig").unwrap(),
            "evidence/sha256/ab/Cd-e_f.json.sig"
        );
        for bad in [
            "",
            "/a",
            "a/",
            "a//b",
            "..",
            "a/../b",
            "./a",
            ".git/config",
            "a b",
            "a\\b",
            "ä",
            "a\n",
            &"a".repeat(256),
        ] {
            assert!(evidence_file(bad).is_err(), "{bad:?}");
        }
    }
}
