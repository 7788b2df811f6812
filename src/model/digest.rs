//! What a version's bytes are: the `dirHash1` of a tree of files.
//!
//! The definition is in-toto's `dirHash1`, which is Go's `dirhash.Hash1` written in hex: SHA-256 over the lines
//! `<sha256 hex>␠␠<path>\n` of all regular files, sorted by path. Coreutils print the same for the same tree.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256 as Hasher};

use crate::model::id::{IdError, text_type};

/// The most files a tree may hold. Bounds memory; ten times the largest artifact seen in practice.
pub const MAX_FILES: usize = 1_000_000;
/// The longest path of a file, in bytes: what Linux accepts.
pub const MAX_PATH_BYTES: usize = 4096;

/// A SHA-256 value, written as 64 lowercase hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// Hashes bytes that are in memory.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Hasher::digest(bytes).into())
    }

    /// The hash of no bytes (FIPS 180-4).
    pub const EMPTY: Self = Self([
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9,
        0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52,
        0xb8, 0x55,
    ]);

    /// Takes a value that a hasher computed.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 64];
        hex::encode_to_slice(self.0, &mut text).map_err(|_| fmt::Error)?;
        formatter.pad(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Sha256 {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let error = || IdError::Form {
            what: "SHA-256",
            text: text.chars().take(80).collect(),
            form: "64 lowercase hex digits",
        };
        let is_lowercase_hex = text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let mut bytes = [0; 32];
        if !is_lowercase_hex || hex::decode_to_slice(text, &mut bytes).is_err() {
            return Err(error());
        }
        Ok(Self(bytes))
    }
}

text_type!(
    Sha256,
    "Sha256",
    "^[0-9a-f]{64}$",
    "SHA-256 in lowercase hex"
);

/// The digest of an artifact: `dirhash1:<64 hex>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeDigest(Sha256);

impl TreeDigest {
    /// The prefix that names the algorithm.
    pub const PREFIX: &'static str = "dirhash1:";

    /// The hash without its prefix: what coreutils print.
    #[must_use]
    pub const fn sha256(&self) -> Sha256 {
        self.0
    }

    /// The digest of files that are sorted by path, whatever they are called: also of what could not be an artifact.
    #[must_use]
    pub fn of_sorted<'a>(entries: impl Iterator<Item = (&'a TreePath, &'a Sha256)>) -> Self {
        Self(Sha256::of(lines_of(entries).as_bytes()))
    }

    /// The first twelve hex digits, for people. Never compare these.
    #[must_use]
    pub fn short(&self) -> String {
        self.0.to_string().chars().take(12).collect()
    }
}

impl fmt::Display for TreeDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&format!("{}{}", Self::PREFIX, self.0))
    }
}

impl fmt::Debug for TreeDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for TreeDigest {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let error = || IdError::Form {
            what: "digest",
            text: text.chars().take(100).collect(),
            form: "`dirhash1:` and 64 lowercase hex digits",
        };
        let hash = text.strip_prefix(Self::PREFIX).ok_or_else(error)?;
        hash.parse().map(Self).map_err(|_| error())
    }
}

text_type!(
    TreeDigest,
    "TreeDigest",
    "^dirhash1:[0-9a-f]{64}$",
    "digest of an artifact, in-toto dirHash1"
);

/// Why a path cannot be part of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` cannot be part of an artifact: {reason}")]
pub struct PathError {
    /// The path, with control characters escaped.
    pub path: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// The path of a file inside an artifact: relative, `/` between parts, the same on every store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(String);

impl TreePath {
    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl FromStr for TreePath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let refuse = |reason| {
            Err(PathError {
                path: text
                    .chars()
                    .take(200)
                    .flat_map(char::escape_default)
                    .collect(),
                reason,
            })
        };
        if text.is_empty() {
            return refuse("it is empty");
        }
        if text.len() > MAX_PATH_BYTES {
            return refuse("it is longer than 4096 bytes");
        }
        if text.starts_with('/') {
            return refuse("it is absolute");
        }
        if text.contains('\\') {
            return refuse("it holds a backslash, which other systems read as a separator");
        }
        if text.chars().any(char::is_control) {
            return refuse("it holds a control character");
        }
        let mut parts = text.split('/');
        if parts
            .clone()
            .any(|part| part.is_empty() || part == "." || part == "..")
        {
            return refuse("it has an empty part, `.` or `..`");
        }
        if parts
            .next()
            .is_some_and(|first| first.eq_ignore_ascii_case(".git"))
        {
            return refuse("a top-level `.git` would be read as a repository");
        }
        Ok(Self(text.to_owned()))
    }
}

text_type!(
    TreePath,
    "TreePath",
    "^[^/\\\\][^\\\\]*$",
    "path of a file inside an artifact"
);

/// One file of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileRecord {
    /// Where the file is in the tree.
    pub path: TreePath,
    /// Its length, in bytes.
    pub size: u64,
    /// The SHA-256 of its bytes.
    pub sha256: Sha256,
}

/// Why records do not make a tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileListError {
    /// A tree needs at least one file.
    #[error("there are no files")]
    Empty,
    /// More files than [`MAX_FILES`].
    #[error("there are more than {MAX_FILES} files")]
    TooMany,
    /// Two paths are the same on a store that ignores case.
    #[error("`{first}` and `{second}` are one name where case is ignored")]
    Collision {
        /// The path that sorts first.
        first: TreePath,
        /// The other.
        second: TreePath,
    },
    /// A path is a file and also a folder of another file.
    #[error("`{0}` is a file and a folder at once")]
    FileAndFolder(TreePath),
    /// A line is not `<sha256>  <path>`.
    #[error("line {line} is not `<sha256>`, two spaces, a path")]
    Line {
        /// The line's number, from 1.
        line: usize,
    },
    /// A path of a line is refused.
    #[error(transparent)]
    Path(#[from] PathError),
}

/// All files of an artifact, sorted by the bytes of their paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FileList(Vec<FileRecord>);

impl FileList {
    /// Sorts the records and checks that they make one tree on every store.
    ///
    /// # Errors
    ///
    /// When there are none or too many, or when two names collide.
    pub fn new(mut records: Vec<FileRecord>) -> Result<Self, FileListError> {
        records.sort_by(|left, right| left.path.cmp(&right.path));
        check_paths(records.iter().map(|record| &record.path))?;
        Ok(Self(records))
    }

    /// The records, sorted.
    #[must_use]
    pub fn records(&self) -> &[FileRecord] {
        &self.0
    }

    /// The record of one path.
    #[must_use]
    pub fn get(&self, path: &TreePath) -> Option<&FileRecord> {
        let index = self
            .0
            .binary_search_by(|record| record.path.cmp(path))
            .ok()?;
        self.0.get(index)
    }

    /// All bytes of the tree.
    #[must_use]
    pub fn total_size(&self) -> u64 {
        self.0
            .iter()
            .fold(0, |sum, record| sum.saturating_add(record.size))
    }

    /// The lines whose SHA-256 is the digest; `sha256sum --check` reads them.
    #[must_use]
    pub fn checksum_lines(&self) -> String {
        lines_of(self.0.iter().map(|record| (&record.path, &record.sha256)))
    }

    /// The digest of the tree.
    #[must_use]
    pub fn digest(&self) -> TreeDigest {
        TreeDigest(Sha256::of(self.checksum_lines().as_bytes()))
    }
}

fn lines_of<'a>(entries: impl Iterator<Item = (&'a TreePath, &'a Sha256)>) -> String {
    let mut lines = String::new();
    for (path, sha256) in entries {
        // Writing to a String cannot fail.
        let _ = writeln!(lines, "{sha256}  {path}");
    }
    lines
}

/// The checksum lines of a tree, as kept beside a version's manifest: names and hashes, no sizes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksums {
    entries: Vec<(TreePath, Sha256)>,
    digest: TreeDigest,
}

impl Checksums {
    /// Parses what [`FileList::checksum_lines`] wrote; the digest of the result is that of the bytes.
    ///
    /// # Errors
    ///
    /// When a line has another form, a path is refused, or lines are not sorted.
    pub fn parse(text: &str) -> Result<Self, FileListError> {
        let mut entries = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let error = FileListError::Line { line: index + 1 };
            let (hash, path) = line.split_once("  ").ok_or_else(|| error.clone())?;
            let hash = hash.parse().map_err(|_| error)?;
            entries.push((path.parse::<TreePath>()?, hash));
        }
        let is_sorted = entries.is_sorted_by(|(left, _), (right, _)| left < right);
        if !is_sorted || !text.ends_with('\n') {
            return Err(FileListError::Line {
                line: entries.len(),
            });
        }
        check_paths(entries.iter().map(|(path, _)| path))?;
        let mut checksums = Self {
            entries,
            digest: TreeDigest(Sha256::of(b"")),
        };
        checksums.digest = TreeDigest(Sha256::of(checksums.to_string().as_bytes()));
        Ok(checksums)
    }

    /// Paths and hashes, sorted by path.
    #[must_use]
    pub fn entries(&self) -> &[(TreePath, Sha256)] {
        &self.entries
    }

    /// The digest of the tree that these lines describe.
    #[must_use]
    pub const fn digest(&self) -> TreeDigest {
        self.digest
    }
}

/// The lines that it was read from.
impl fmt::Display for Checksums {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = self.entries.iter();
        lines.try_for_each(|(path, hash)| writeln!(formatter, "{hash}  {path}"))
    }
}

/// Checks paths: some, not too many, none twice, none a file and a folder at once.
fn check_paths<'a>(
    paths: impl ExactSizeIterator<Item = &'a TreePath>,
) -> Result<(), FileListError> {
    if paths.len() > MAX_FILES {
        return Err(FileListError::TooMany);
    }
    let mut folded: Vec<(String, &TreePath)> = paths
        .map(|path| (path.as_str().to_lowercase(), path))
        .collect();
    if folded.is_empty() {
        return Err(FileListError::Empty);
    }
    folded.sort_unstable();
    for ((left, first), (right, second)) in folded.iter().zip(folded.iter().skip(1)) {
        if left == right {
            return Err(FileListError::Collision {
                first: (*first).clone(),
                second: (*second).clone(),
            });
        }
    }
    // Files of one folder follow each other, so most folders above a path have just been looked for.
    let mut last = "";
    for (path, _) in &folded {
        let above = path
            .match_indices('/')
            .filter_map(|(end, _)| path.get(..end));
        for folder in above.filter(|folder| !lies_in(last, folder)) {
            if let Ok(index) = folded.binary_search_by(|(name, _)| name.as_str().cmp(folder)) {
                let file = folded.get(index).map(|(_, path)| (*path).clone());
                return file.map_or(Ok(()), |file| Err(FileListError::FileAndFolder(file)));
            }
        }
        last = path;
    }
    Ok(())
}

/// Whether a path is below a folder.
fn lies_in(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(path: &str, bytes: &[u8]) -> FileRecord {
        FileRecord {
            path: path.parse().unwrap(),
            size: bytes.len() as u64,
            sha256: Sha256::of(bytes),
        }
    }

    #[test]
    fn the_digest_is_the_hash_of_the_checksum_lines() {
        let files = FileList::new(vec![record("b/x", b"2"), record("a", b"1")]).unwrap();
        assert_eq!(files.records()[0].path.as_str(), "a");
        assert_eq!(
            files.digest().sha256(),
            Sha256::of(files.checksum_lines().as_bytes())
        );
        assert_eq!(
            Checksums::parse(&files.checksum_lines()).unwrap().digest(),
            files.digest()
        );
    }

    #[test]
    fn paths_that_differ_between_stores_are_refused() {
        for path in [
            "",
            "/a",
            "a//b",
            "a/./b",
            "../a",
            "a/..",
            "a\\b",
            "a\nb",
            "a\0b",
            ".git/config",
            ".GIT",
        ] {
            assert!(path.parse::<TreePath>().is_err(), "{path:?}");
        }
        for path in ["a", "a/.git/b", ".gitignore", "ä/ö ü", "...", "a..b"] {
            assert!(path.parse::<TreePath>().is_ok(), "{path:?}");
        }
    }

    #[test]
    fn colliding_names_are_refused() {
        let collision = FileList::new(vec![record("A", b""), record("a", b"")]).unwrap_err();
        assert_eq!(
            collision.to_string(),
            "`A` and `a` are one name where case is ignored"
        );
        let both = FileList::new(vec![
            record("a", b""),
            record("a.b", b""),
            record("a/b", b""),
        ])
        .unwrap_err();
        assert_eq!(both.to_string(), "`a` is a file and a folder at once");
        let deeper = FileList::new(vec![
            record("x/A/b/c", b""),
            record("x/a-b", b""),
            record("x/a/b", b""),
            record("x/a/d", b""),
        ])
        .unwrap_err();
        assert_eq!(deeper.to_string(), "`x/a/b` is a file and a folder at once");
        assert_eq!(FileList::new(vec![]).unwrap_err(), FileListError::Empty);
    }

    proptest::proptest! {
        #[test]
        fn a_list_is_refused_exactly_when_two_names_clash(
            paths in proptest::collection::vec("[aAb-]{1,2}(/[aAb-]{1,2}){0,3}", 1..8),
        ) {
            let folded: Vec<String> = paths.iter().map(|path| path.to_lowercase()).collect();
            let clash = |(left, one): (usize, &String)| {
                folded.iter().enumerate().any(|(right, other)| {
                    (left != right && one == other) || other.starts_with(&format!("{one}/"))
                })
            };
            let clashes = folded.iter().enumerate().any(clash);
            let records = paths.iter().map(|path| record(path, b"")).collect();
            proptest::prop_assert_eq!(FileList::new(records).is_err(), clashes);
        }
    }

    #[test]
    fn checksum_lines_must_be_sorted_and_complete() {
        let hash = Sha256::of(b"");
        assert!(Checksums::parse(&format!("{hash}  b\n{hash}  a\n")).is_err());
        assert!(Checksums::parse(&format!("{hash}  a")).is_err());
        assert!(Checksums::parse(&format!("{hash} a\n")).is_err());
        assert!(Checksums::parse("").is_err());
    }
}
