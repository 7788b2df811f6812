//! `promote digest`: what a tree's bytes are.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use crate::context::Context;
use crate::error::{FailureKind, OrFail as _, Result};
use crate::fs::cache::DigestCache;
use crate::fs::tree::{Options, hash_tree};
use crate::model::digest::{FileList, TreeDigest};
use crate::progress::Progress;

/// The digest of a tree.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DigestReport {
    /// The digest.
    pub digest: TreeDigest,
    /// All bytes, counted.
    pub size: u64,
    /// The files.
    pub files: FileList,
}

/// Hashes a folder or a file.
///
/// # Errors
///
/// When something in it cannot be part of an artifact, or cannot be read.
pub fn digest(context: &Context, path: &Path, cache: Option<&Path>) -> Result<DigestReport> {
    let cache = cache.map(|directory| DigestCache::load(directory, Arc::clone(&context.clock)));
    let reporter = Reporter {
        progress: context.progress.as_ref(),
        what: format!("hashing {}", path.display()),
    };
    let options = Options {
        cache: cache.as_ref(),
        threads: 0,
        progress: Some(&reporter),
    };
    let files = hash_tree(path, &options);
    context.progress.end();
    let files = files.or_fail(FailureKind::Invalid)?;
    if let Some(cache) = &cache {
        // The cache only saves time; the digest is right without it.
        drop(cache.save());
    }
    Ok(DigestReport {
        digest: files.digest(),
        size: files.total_size(),
        files,
    })
}

struct Reporter<'a> {
    progress: &'a dyn Progress,
    what: String,
}

impl crate::fs::tree::Progress for Reporter<'_> {
    fn begin(&self, total: u64) {
        self.progress.begin(&self.what, Some(total));
    }

    fn advance(&self, bytes: u64) {
        self.progress.advance(bytes);
    }
}
