//! What versions say, kept on this machine (decision 0015), and read from there for files that are in no commit yet.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use crate::fs::kept;
use crate::git::snapshot::name_of_bytes;
use crate::manifest::kept::{KeptVersions, encode, is_kept, text_of};
use crate::manifest::parsed::{Content, ParsedFile, parse_file};

/// How many files may be new without being kept: they are read again in less time than a large file is written.
pub(super) const KEEP_FROM: usize = 256;
/// The largest file that is kept, in bytes: some 300,000 versions.
pub(super) const MAX_KEPT_BYTES: usize = 512 << 20;

/// What versions say that was kept on this machine; nothing when that is damaged, or somebody else could have written it.
pub(super) fn load(path: &Path) -> KeptVersions {
    let bytes = kept::load(path, MAX_KEPT_BYTES).ok().flatten();
    let opened = bytes.and_then(|bytes| {
        let start = bytes.len().checked_sub(kept::open(&bytes)?.len())?;
        Some(KeptVersions::open(bytes, start))
    });
    opened.unwrap_or_default()
}

/// Keeps files of versions. That they cannot be kept stops nobody.
pub(super) fn store(path: &Path, files: &[(&str, String, &ParsedFile)]) {
    let bytes = kept::seal(&encode(files));
    if let Err(error) = kept::keep(path, &bytes, MAX_KEPT_BYTES) {
        let path = path.display();
        tracing::debug!(%path, %error, "what versions say is not kept");
    }
}

/// What versions say that was kept on this machine, for files that are in no commit yet.
#[derive(Debug)]
pub struct KeptFiles {
    path: Option<PathBuf>,
    kept: KeptVersions,
}

impl KeptFiles {
    /// What an engine that keeps it at `path` has kept; nothing without one.
    #[must_use]
    pub fn load(path: Option<PathBuf>) -> Self {
        let kept = path.as_deref().map(load).unwrap_or_default();
        Self { path, kept }
    }

    /// Reads a file as [`parse_file`] does, and says whether that is worth keeping.
    #[must_use]
    pub fn parse(&self, path: &str, bytes: &[u8]) -> Option<(ParsedFile, bool)> {
        if let Some(file) = self.kept.same(path, bytes) {
            return Some((file, false));
        }
        let file = parse_file(path, bytes)?;
        // Checksum lines are never taken from what is kept, so they do not tell whether they are new.
        let is_new = is_kept(&file) && !matches!(file.content, Some(Content::Checksums(_)));
        Some((file, is_new))
    }

    /// Keeps the files of versions among `files`, if enough of them are `new`.
    pub fn keep(&self, files: &[(String, Arc<ParsedFile>)], new: usize) {
        let Some(path) = self.path.as_deref().filter(|_| new >= KEEP_FROM) else {
            return;
        };
        store(
            path,
            &files.par_iter().filter_map(named).collect::<Vec<_>>(),
        );
    }
}

/// A file of a version with the name of its bytes.
fn named((path, file): &(String, Arc<ParsedFile>)) -> Option<(&str, String, &ParsedFile)> {
    let oid = name_of_bytes(text_of(file)?.as_bytes()).ok()?;
    Some((path, oid.to_string(), file))
}
