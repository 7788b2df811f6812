//! Reading tar files piece by piece, from whom nobody trusts: nothing is allocated by what a header says.
//!
//! Understands the headers of POSIX `ustar` and `pax` (IEEE 1003.1-2017, `pax`) and of GNU tar (`tar.h` in its manual).

use std::fmt::Write as _;

/// The length of a block, in bytes.
const BLOCK: usize = 512;
/// The longest extended header that is kept, in bytes: paths of 4096 bytes and what goes along.
const MAX_EXTENDED_BYTES: u64 = 64 * 1024;

/// What comes next in a tar file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// A regular file begins.
    File {
        /// Its path as the archive has it.
        path: String,
        /// Its length, in bytes.
        size: u64,
    },
    /// Something that is no regular file and no folder, such as a link; it has no bytes of its own.
    Other {
        /// Its path as the archive has it.
        path: String,
    },
    /// Some bytes of the file.
    Bytes(&'a [u8]),
    /// The file is whole.
    End,
}

/// Why bytes are no tar file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the tar file is broken at byte {at}: {reason}")]
pub struct TarError {
    /// Where, in bytes from its start.
    pub at: u64,
    /// What is wrong.
    pub reason: &'static str,
}

/// What the bytes after a header are.
#[derive(Debug)]
enum Body {
    File,
    Skipped,
    /// The path of the next file, of GNU tar.
    LongName(Vec<u8>),
    /// Records about the next file, of `pax`.
    Extended(Vec<u8>),
}

/// Reads a tar file as it is pushed in.
#[derive(Debug)]
pub struct TarReader {
    at: u64,
    header: Vec<u8>,
    body: Option<Body>,
    left: u64,
    padding: u64,
    next_path: Option<String>,
    next_size: Option<u64>,
    is_over: bool,
}

impl Default for TarReader {
    fn default() -> Self {
        Self {
            at: 0,
            header: Vec::with_capacity(BLOCK),
            body: None,
            left: 0,
            padding: 0,
            next_path: None,
            next_size: None,
            is_over: false,
        }
    }
}

impl TarReader {
    /// Takes the next bytes and tells what is in them.
    ///
    /// # Errors
    ///
    /// When they are no tar file.
    pub fn push(&mut self, bytes: &[u8], tell: &mut dyn FnMut(Event<'_>)) -> Result<(), TarError> {
        let mut rest = bytes;
        while !rest.is_empty() && !self.is_over {
            let taken = if self.body.is_some() {
                self.push_body(rest, tell)
            } else if self.padding > 0 {
                let length = fitting(self.padding, rest.len());
                self.padding = self.padding.saturating_sub(as_u64(length));
                length
            } else {
                let length = BLOCK.saturating_sub(self.header.len()).min(rest.len());
                self.header
                    .extend_from_slice(rest.get(..length).unwrap_or_default());
                length
            };
            self.at = self.at.saturating_add(as_u64(taken));
            rest = rest.get(taken..).unwrap_or_default();
            if self.header.len() == BLOCK {
                self.begin(tell)?;
            }
        }
        Ok(())
    }

    /// Says that there are no more bytes.
    ///
    /// # Errors
    ///
    /// When it ends in the middle of something.
    pub fn finish(&self) -> Result<(), TarError> {
        let is_whole = self.is_over || (self.body.is_none() && self.header.is_empty());
        if is_whole {
            Ok(())
        } else {
            Err(self.error("it ends early"))
        }
    }

    const fn error(&self, reason: &'static str) -> TarError {
        TarError {
            at: self.at,
            reason,
        }
    }

    fn push_body(&mut self, rest: &[u8], tell: &mut dyn FnMut(Event<'_>)) -> usize {
        let length = fitting(self.left, rest.len());
        let piece = rest.get(..length).unwrap_or_default();
        match &mut self.body {
            Some(Body::File) => tell(Event::Bytes(piece)),
            Some(Body::LongName(kept) | Body::Extended(kept)) => kept.extend_from_slice(piece),
            Some(Body::Skipped) | None => {}
        }
        self.left = self.left.saturating_sub(as_u64(length));
        if self.left == 0 {
            self.end_body(tell);
        }
        length
    }

    fn end_body(&mut self, tell: &mut dyn FnMut(Event<'_>)) {
        match self.body.take() {
            Some(Body::File) => tell(Event::End),
            Some(Body::LongName(name)) => {
                self.next_path = Some(text(
                    name.split(|byte| *byte == 0).next().unwrap_or_default(),
                ));
            }
            Some(Body::Extended(records)) => self.take_records(&records),
            Some(Body::Skipped) | None => {}
        }
    }

    /// `<length> <key>=<value>\n`, again and again.
    fn take_records(&mut self, records: &[u8]) {
        let mut rest = records;
        while let Some(space) = rest.iter().position(|byte| *byte == b' ') {
            let length = std::str::from_utf8(rest.get(..space).unwrap_or_default());
            let length = length.ok().and_then(|length| length.parse::<usize>().ok());
            let Some(record) = length.and_then(|length| rest.get(space + 1..length)) else {
                return;
            };
            let record = record.strip_suffix(b"\n").unwrap_or(record);
            if let Some(path) = record.strip_prefix(b"path=") {
                self.next_path = Some(text(path));
            } else if let Some(size) = record.strip_prefix(b"size=") {
                self.next_size = std::str::from_utf8(size)
                    .ok()
                    .and_then(|size| size.parse().ok());
            }
            rest = rest.get(length.unwrap_or(usize::MAX)..).unwrap_or_default();
        }
    }

    /// Reads a header.
    fn begin(&mut self, tell: &mut dyn FnMut(Event<'_>)) -> Result<(), TarError> {
        let header = std::mem::replace(&mut self.header, Vec::with_capacity(BLOCK));
        if header.iter().all(|byte| *byte == 0) {
            self.is_over = true;
            return Ok(());
        }
        let field = |from: usize, to: usize| header.get(from..to).unwrap_or_default();
        let sum: u64 = header.iter().map(|byte| u64::from(*byte)).sum();
        // The field of the sum itself counts as spaces.
        let own: u64 = field(148, 156).iter().map(|byte| u64::from(*byte)).sum();
        let said = number(field(148, 156));
        if said != Some(sum.saturating_sub(own).saturating_add(8 * 32)) {
            return Err(self.error("a header's sum is wrong"));
        }
        let Some(size) = self.next_size.take().or_else(|| number(field(124, 136))) else {
            return Err(self.error("a header has no length"));
        };
        let kind = field(156, 157).first().copied().unwrap_or(0);
        let is_about_next = matches!(kind, b'L' | b'x');
        if is_about_next && size > MAX_EXTENDED_BYTES {
            return Err(self.error("a header about the next file is too long"));
        }
        let named = || path_of(&header);
        let body = match kind {
            b'L' => Body::LongName(Vec::new()),
            b'x' => Body::Extended(Vec::new()),
            b'K' | b'g' => Body::Skipped,
            0 | b'0' | b'7' => {
                let path = self.next_path.take().unwrap_or_else(named);
                tell(Event::File { path, size });
                Body::File
            }
            b'5' => {
                self.next_path = None;
                Body::Skipped
            }
            _ => {
                let path = self.next_path.take().unwrap_or_else(named);
                tell(Event::Other { path });
                Body::Skipped
            }
        };
        // Links have no bytes, whatever their header says.
        let size = if matches!(kind, b'1'..=b'6') { 0 } else { size };
        let block = as_u64(BLOCK);
        self.padding = size.next_multiple_of(block).saturating_sub(size);
        self.left = size;
        self.body = Some(body);
        if size == 0 {
            self.end_body(tell);
        }
        Ok(())
    }
}

/// The path that a header has itself.
fn path_of(header: &[u8]) -> String {
    let until_nul = |from: usize, to: usize| {
        let field = header.get(from..to).unwrap_or_default();
        text(field.split(|byte| *byte == 0).next().unwrap_or_default())
    };
    let mut path = until_nul(0, 100);
    let is_posix = header.get(257..263) == Some(b"ustar\0");
    let prefix = if is_posix {
        until_nul(345, 500)
    } else {
        String::new()
    };
    if !prefix.is_empty() {
        path = format!("{prefix}/{path}");
    }
    path
}

/// Text that may be in any encoding; what is not UTF-8 shows as escapes.
fn text(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// A number in octal digits, or in base 256 as GNU tar writes large ones.
fn number(field: &[u8]) -> Option<u64> {
    if let Some((first, rest)) = field.split_first().filter(|(first, _)| **first & 0x80 != 0) {
        let mut value = u64::from(first & 0x7f);
        for byte in rest {
            value = value.checked_mul(256)?.checked_add(u64::from(*byte))?;
        }
        return Some(value);
    }
    let digits = std::str::from_utf8(field).ok()?;
    let digits = digits.trim_matches([' ', '\0']);
    u64::from_str_radix(digits, 8).ok()
}

fn fitting(left: u64, length: usize) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(length)
}

fn as_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A header as POSIX has it.
    pub(crate) fn header(path: &str, size: u64, kind: u8) -> Vec<u8> {
        let mut header = vec![0; BLOCK];
        header[..path.len()].copy_from_slice(path.as_bytes());
        header[100..107].copy_from_slice(b"0000644");
        header[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
        header[156] = kind;
        header[257..265].copy_from_slice(b"ustar\x0000");
        header[148..156].copy_from_slice(b"        ");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        header
    }

    fn entry(path: &str, bytes: &[u8], kind: u8) -> Vec<u8> {
        let mut entry = header(path, bytes.len().try_into().unwrap(), kind);
        entry.extend_from_slice(bytes);
        entry.resize(entry.len().next_multiple_of(BLOCK), 0);
        entry
    }

    fn files(archive: &[u8], piece: usize) -> Result<Vec<(String, Vec<u8>)>, TarError> {
        let mut reader = TarReader::default();
        let mut files: Vec<(String, Vec<u8>)> = Vec::new();
        for piece in archive.chunks(piece) {
            reader.push(piece, &mut |event| match event {
                Event::File { path, .. } => files.push((path, Vec::new())),
                Event::Other { path } => files.push((format!("({path})"), Vec::new())),
                Event::Bytes(bytes) => files.last_mut().unwrap().1.extend_from_slice(bytes),
                Event::End => {}
            })?;
        }
        reader.finish().map(|()| files)
    }

    #[test]
    fn files_come_out_whatever_the_pieces() {
        let long = "long/".repeat(60) + "name";
        let record = format!("{} path={long}\n", long.len() + 6 + 4);
        let archive = [
            entry("folder/", b"", b'5'),
            entry("a", b"one", b'0'),
            entry("empty", b"", b'0'),
            entry("link", b"", b'2'),
            entry("x", record.as_bytes(), b'x'),
            entry("short", &[7; 1000], b'0'),
            entry("././@LongLink", format!("{long}\0").as_bytes(), b'L'),
            entry("short", b"gnu", b'0'),
            vec![0; 2 * BLOCK],
            b"what follows is no part of it".to_vec(),
        ]
        .concat();
        let expected = vec![
            ("a".to_owned(), b"one".to_vec()),
            ("empty".to_owned(), Vec::new()),
            ("(link)".to_owned(), Vec::new()),
            (long.clone(), vec![7; 1000]),
            (long, b"gnu".to_vec()),
        ];
        for piece in [1, 7, 511, 512, 513, 100_000] {
            assert_eq!(files(&archive, piece).unwrap(), expected, "{piece}");
        }
    }

    #[test]
    fn what_is_cut_or_no_tar_file_is_told() {
        let archive = entry("a", b"one", b'0');
        let reason = |bytes: &[u8]| files(bytes, 100).unwrap_err().reason;
        assert_eq!(reason(&archive[..514]), "it ends early");
        assert_eq!(reason(&archive[..100]), "it ends early");
        assert_eq!(reason(&[1; BLOCK]), "a header's sum is wrong");
        let bomb = header("x", 1 << 30, b'x');
        assert_eq!(reason(&bomb), "a header about the next file is too long");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..2000), kind in any::<u8>()) {
            let mut archive = header("a", 600, kind);
            archive.append(&mut bytes);
            drop(files(&archive, 99));
        }
    }
}
