//! Copying files, and writing them to disk early.

use std::fs::File;
use std::io;
use std::io::Read as _;
use std::num::NonZeroU64;

use rustix::fs::Advice;

/// After so many bytes the system is told to begin writing them to disk, so that the final `fsync` finds little left.
const WRITE_BACK_BYTES: u64 = 8 * 1024 * 1024;
/// How much is copied between two looks at whether to stop, in bytes.
const COPY_BYTES: u64 = 8 * 1024 * 1024;

/// Tells the system to begin writing to disk what has been written to a file so far.
///
/// Linux begins the write-back of a range that it is told will not be needed, and drops from memory only pages that
/// are clean, which those just written are not. `sync_file_range` would say the same more plainly, but there is no
/// safe wrapper for it.
#[derive(Debug, Default)]
pub struct WriteBack {
    begun: u64,
}

impl WriteBack {
    /// Notes that `written` bytes of the file have been written in all. Errors do not matter: it is only a hint.
    pub fn advance(&mut self, file: &File, written: u64) {
        let Some(length) = written.checked_sub(self.begun) else {
            return;
        };
        if length < WRITE_BACK_BYTES {
            return;
        }
        let _ = rustix::fs::fadvise(file, self.begun, NonZeroU64::new(length), Advice::DontNeed);
        self.begun = written;
    }
}

/// Copies a whole file: as a copy-on-write clone where the file system can, else byte by byte within the kernel.
/// Returns the number of bytes. `is_wanted` is asked from time to time whether to go on.
///
/// # Errors
///
/// When reading or writing fails; `Interrupted` when it is no longer wanted.
pub fn copy_reflink_or_bytes(
    source: &File,
    target: &File,
    is_wanted: &dyn Fn() -> bool,
) -> io::Result<u64> {
    if rustix::fs::ioctl_ficlone(target, source).is_ok() {
        return Ok(target.metadata()?.len());
    }
    let mut write_back = WriteBack::default();
    let mut copied = 0;
    loop {
        if !is_wanted() {
            return Err(io::Error::new(
                io::ErrorKind::Interrupted,
                "it was given up",
            ));
        }
        let mut target = target;
        let count = io::copy(&mut source.take(COPY_BYTES), &mut target)?;
        if count == 0 {
            return Ok(copied);
        }
        copied += count;
        write_back.advance(target, copied);
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests arrange files")]
mod tests {
    use super::*;
    use crate::fs::durable::{read_bounded, write_atomic};

    #[test]
    fn copies_hold_the_same_bytes() {
        let directory = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..20_000_000_u32)
            .map(|number| number.to_le_bytes()[1])
            .collect();
        let path = directory.path().join("source");
        write_atomic(&path, &bytes).unwrap();
        let target = File::create(directory.path().join("target")).unwrap();
        let source = File::open(&path).unwrap();
        let copied = copy_reflink_or_bytes(&source, &target, &|| true).unwrap();
        assert_eq!(copied, 20_000_000);
        let copy = read_bounded(&directory.path().join("target"), bytes.len()).unwrap();
        assert!(copy == bytes);
        let source = File::open(&path).unwrap();
        assert!(copy_reflink_or_bytes(&source, &target, &|| false).is_err());
    }
}
