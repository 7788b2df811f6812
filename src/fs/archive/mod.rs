//! Tar files in one form: regular files one after the other, without times, owners, folders or links. The same files give the
//! same bytes, and what is not written so is refused when it is read: no two programs can then read it in two ways.
//!
//! The form is POSIX `ustar`; a file of 8 GiB and more has one `pax` header with its length (IEEE 1003.1-2017, `pax`).

use std::io;
use std::io::{Read, Write};

use crate::fs::tar::{Event, TarReader};
use crate::redact::printable;

/// The length of a block, in bytes.
const BLOCK: usize = 512;
/// The longest path, in bytes: what the field of a header holds.
const MAX_PATH_BYTES: usize = 100;
/// The first length that eleven octal digits do not hold.
const LONG: u64 = 1 << 33;
/// How much is read at once, in bytes.
const PIECE_BYTES: usize = 256 * 1024;
/// What a `pax` header is called.
const PAX_NAME: &str = "pax";

/// Why a tar file is refused.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is no tar file, or one of another form.
    #[error("{0}")]
    Form(String),
}

/// A file in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its path.
    pub path: String,
    /// Its length, in bytes.
    pub size: u64,
}

/// The one header that a file of this path and length has.
///
/// # Errors
///
/// When the path is longer than 100 bytes.
fn header_of(path: &str, size: u64) -> io::Result<Vec<u8>> {
    if size < LONG {
        return block(path, size, b'0');
    }
    let record = pax_record(size);
    let mut header = block(PAX_NAME, as_u64(record.len()), b'x')?;
    header.extend_from_slice(record.as_bytes());
    header.resize(2 * BLOCK, 0);
    header.extend(block(path, 0, b'0')?);
    Ok(header)
}

/// `<length> size=<size>\n`, where the length counts itself.
fn pax_record(size: u64) -> String {
    let rest = format!(" size={size}\n");
    // Two digits suffice: the record has fewer than 100 bytes.
    format!("{}{rest}", rest.len() + 2)
}

fn block(path: &str, size: u64, kind: u8) -> io::Result<Vec<u8>> {
    if path.len() > MAX_PATH_BYTES {
        let message = format!("`{path}` is too long for a header");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let mut block = Vec::with_capacity(BLOCK);
    let field = |block: &mut Vec<u8>, text: &str, end: usize| {
        block.extend_from_slice(text.as_bytes());
        block.resize(end, 0);
    };
    field(&mut block, path, 100);
    field(&mut block, "0000644", 108);
    field(&mut block, "0000000", 116);
    field(&mut block, "0000000", 124);
    field(&mut block, &format!("{size:011o}"), 136);
    field(&mut block, "00000000000", 148);
    // The field of the sum counts as spaces.
    field(&mut block, "        ", 156);
    block.push(kind);
    block.resize(257, 0);
    field(&mut block, "ustar", 263);
    field(&mut block, "00", 329);
    field(&mut block, "0000000", 337);
    field(&mut block, "0000000", 345);
    block.resize(BLOCK, 0);
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    let sum = format!("{sum:06o}\0 ");
    let at = block.get_mut(148..156).into_iter().flatten();
    for (place, byte) in at.zip(sum.bytes()) {
        *place = byte;
    }
    Ok(block)
}

/// Writes one file after the other.
#[derive(Debug)]
pub struct ArchiveWriter<W> {
    inner: W,
}

impl<W: Write> ArchiveWriter<W> {
    /// An archive without files.
    pub const fn new(inner: W) -> Self {
        Self { inner }
    }

    /// Adds a file.
    ///
    /// # Errors
    ///
    /// When it cannot be read or written, or has another length than was said.
    pub fn add(&mut self, path: &str, size: u64, from: &mut dyn Read) -> io::Result<()> {
        self.inner.write_all(&header_of(path, size)?)?;
        let mut piece = vec![0; PIECE_BYTES];
        let mut left = size;
        loop {
            let count = from.read(&mut piece)?;
            if count == 0 {
                break;
            }
            let Some(rest) = left.checked_sub(as_u64(count)) else {
                return Err(io::Error::other(format!("`{path}` is longer than it was")));
            };
            left = rest;
            self.inner
                .write_all(piece.get(..count).unwrap_or_default())?;
        }
        if left > 0 {
            return Err(io::Error::other(format!("`{path}` is shorter than it was")));
        }
        self.inner
            .write_all([0; BLOCK].get(..padding(size)).unwrap_or_default())
    }

    /// Ends the archive.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.inner.write_all(&[0; 2 * BLOCK])?;
        Ok(self.inner)
    }
}

/// Reads one file after the other. Nothing is allocated by what a header says.
#[derive(Debug)]
pub struct ArchiveReader<R> {
    inner: R,
    at: u64,
    current: Option<Member>,
}

impl<R: Read> ArchiveReader<R> {
    /// Reads from the first byte on.
    pub const fn new(inner: R) -> Self {
        Self {
            inner,
            at: 0,
            current: None,
        }
    }

    /// The next file; `None` after the last one. The bytes of the one before must have been read.
    ///
    /// # Errors
    ///
    /// When there is no file, and no end either; when anything follows the end.
    pub fn next_member(&mut self) -> Result<Option<Member>, ArchiveError> {
        let mut header = self.block()?;
        if header.iter().all(|byte| *byte == 0) {
            return self.end();
        }
        if header.get(156) == Some(&b'x') {
            header.extend(self.block()?);
            header.extend(self.block()?);
        }
        let member = self.parse(&header)?;
        if header_of(&member.path, member.size)? != header {
            let path = printable(&member.path);
            return Err(self.error(&format!(
                "the header of `{path}` is not one of a plain file without times and owners"
            )));
        }
        self.current = Some(member.clone());
        Ok(Some(member))
    }

    /// Gives the bytes of the file away, piece by piece.
    ///
    /// # Errors
    ///
    /// When the archive ends before the file does, or `take` says so.
    pub fn read<E: From<ArchiveError>>(
        &mut self,
        take: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(member) = self.current.take() else {
            return Ok(());
        };
        let mut piece = vec![0; PIECE_BYTES];
        let mut left = member.size;
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE_BYTES);
            let count = self
                .inner
                .read(piece.get_mut(..wanted).unwrap_or_default())
                .map_err(|error| E::from(error.into()))?;
            if count == 0 {
                return Err(self.error("it ends early").into());
            }
            take(piece.get(..count).unwrap_or_default())?;
            left = left.saturating_sub(as_u64(count));
            self.at = self.at.saturating_add(as_u64(count));
        }
        let mut rest = vec![0; padding(member.size)];
        self.fill(&mut rest)?;
        if rest.iter().any(|byte| *byte != 0) {
            let message = format!("there are bytes behind `{}`", printable(&member.path));
            return Err(self.error(&message).into());
        }
        Ok(())
    }

    fn parse(&self, header: &[u8]) -> Result<Member, ArchiveError> {
        let mut found = Vec::new();
        let mut reader = TarReader::default();
        let pushed = reader.push(header, &mut |event| match event {
            Event::File { path, size } => found.push(Ok(Member { path, size })),
            Event::Other { path } => found.push(Err(path)),
            Event::Bytes(_) | Event::End => {}
        });
        pushed.map_err(|error| self.error(error.reason))?;
        match found.pop() {
            Some(Ok(member)) => Ok(member),
            Some(Err(path)) => {
                let path = printable(&path);
                Err(self.error(&format!("`{path}` is a link or another special file")))
            }
            None => Err(self.error("a header is not one of a file")),
        }
    }

    fn end(&mut self) -> Result<Option<Member>, ArchiveError> {
        let second = self.block()?;
        let is_end = second.iter().all(|byte| *byte == 0);
        if !is_end || self.inner.read(&mut [0])? != 0 {
            return Err(self.error("there are bytes behind its end"));
        }
        Ok(None)
    }

    fn block(&mut self) -> Result<Vec<u8>, ArchiveError> {
        let mut block = vec![0; BLOCK];
        self.fill(&mut block)?;
        Ok(block)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), ArchiveError> {
        self.inner.read_exact(bytes).map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                self.error("it ends early")
            } else {
                error.into()
            }
        })?;
        self.at = self.at.saturating_add(as_u64(bytes.len()));
        Ok(())
    }

    fn error(&self, reason: &str) -> ArchiveError {
        ArchiveError::Form(format!("at byte {}: {reason}", self.at))
    }
}

/// How many bytes fill the last block of a file.
fn padding(size: u64) -> usize {
    let block = as_u64(BLOCK);
    let over = size.next_multiple_of(block).saturating_sub(size);
    usize::try_from(over).unwrap_or(0)
}

fn as_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
