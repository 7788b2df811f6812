//! What is kept on this machine so that it need not be found out again: a line with the SHA-256 of the rest, and the rest.
//!
//! Whatever is wrong with such a file, nothing is known then: it may cost time, never a wrong answer. It counts only when
//! nobody else could have written it.

use std::io;
use std::path::Path;

use crate::fs::durable;
use crate::model::digest::Sha256;

/// The first line with its end: 64 digits and a line break.
const LINE_BYTES: usize = 65;

/// The bytes of a file that keeps `rest`.
#[must_use]
pub fn seal(rest: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{}\n", Sha256::of(rest)).into_bytes();
    bytes.extend(rest);
    bytes
}

/// What such a file keeps; `None` when it is damaged, or not one.
#[must_use]
pub fn open(bytes: &[u8]) -> Option<&[u8]> {
    let (line, rest) = bytes.split_at_checked(LINE_BYTES)?;
    (line == format!("{}\n", Sha256::of(rest)).as_bytes()).then_some(rest)
}

/// The bytes of a file of at most `limit`; `None` when somebody else could have written it.
///
/// # Errors
///
/// When it cannot be read.
pub fn load(path: &Path, limit: usize) -> io::Result<Option<Vec<u8>>> {
    if !durable::is_private(path)? {
        return Ok(None);
    }
    durable::read_bounded(path, limit).map(Some)
}

/// Keeps bytes, at most `limit` of them, where nobody else may write.
///
/// # Errors
///
/// When there are more, or they cannot be written.
pub fn keep(path: &Path, bytes: &[u8], limit: usize) -> io::Result<()> {
    if bytes.len() > limit {
        return Err(io::Error::from(io::ErrorKind::FileTooLarge));
    }
    if let Some(folder) = path.parent() {
        durable::create_dir_all(folder)?;
    }
    durable::write_private(path, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_damaged_keeps_nothing() {
        let bytes = seal(b"what is known");
        assert_eq!(open(&bytes), Some(&b"what is known"[..]));
        for index in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[index] ^= 1;
            assert_eq!(open(&damaged), None, "byte {index}");
            assert_eq!(open(&bytes[..index]), None, "cut at {index}");
        }
    }
}
