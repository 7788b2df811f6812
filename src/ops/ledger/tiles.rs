//! `promote ledger export --tiles`.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::engine::book::Book;
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::fs::durable;
use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::note::MAX_NOTE_BYTES;
use crate::ledger::tiles::tiles;

/// The largest tile: 256 entries of the greatest length.
const MAX_TILE_BYTES: usize = 256 * (65_535 + 2);

/// Tiles that were written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WrittenTiles {
    /// The folder.
    pub folder: PathBuf,
    /// The number of entries that they cover.
    pub size: u64,
    /// The files that are new.
    pub written: u64,
    /// The files that were there.
    pub kept: u64,
}

/// Writes the tiles of what the checkpoint covers, and the checkpoint last. A folder that has older tiles of the same
/// ledger is brought up to date; no file but the checkpoint ever changes.
///
/// # Errors
///
/// When there is no checkpoint, the folder has something else, or it cannot be written.
pub fn write_tiles(book: &Book, folder: &Path) -> Result<WrittenTiles> {
    let log = book.log();
    let (Some(checkpoint), Some(bytes)) = (log.checkpoint(), log.checkpoint_bytes()) else {
        return Err(Failure::new(
            FailureKind::Waiting,
            "the ledger has no checkpoint yet",
        ));
    };
    check_older(book, folder)?;
    let mut report = WrittenTiles {
        folder: folder.to_owned(),
        size: checkpoint.size,
        written: 0,
        kept: 0,
    };
    let files = tiles(log.entries(), log.tree(), checkpoint.size).or_fail(FailureKind::Internal)?;
    for (path, tile) in files {
        if write_tile(&folder.join(path), &tile)? {
            report.written += 1;
        } else {
            report.kept += 1;
        }
    }
    let path = folder.join("checkpoint");
    prepare(&path)?;
    durable::write_atomic(&path, bytes).map_err(|error| unwritable(&path, &error))?;
    Ok(report)
}

/// Holds the checkpoint of earlier tiles against the ledger.
fn check_older(book: &Book, folder: &Path) -> Result<()> {
    let path = folder.join("checkpoint");
    if !durable::exists(&path) {
        return Ok(());
    }
    let read = durable::read_bounded(&path, MAX_NOTE_BYTES);
    let older = read.map_err(|error| unwritable(&path, &error))?;
    let other = |error: &dyn std::error::Error| {
        let failure = Failure::of(FailureKind::Invalid, error);
        failure
            .during(format!(
                "`{}` has tiles of another ledger",
                folder.display()
            ))
            .hint("name another folder")
    };
    let older = Checkpoint::open(&older, book.log().verifier()).map_err(|error| other(&error))?;
    book.log()
        .check_pinned(&older)
        .map_err(|error| other(&error))
}

/// Writes one tile; false when it is there already.
fn write_tile(path: &Path, bytes: &[u8]) -> Result<bool> {
    if durable::exists(path) {
        let there = durable::read_bounded(path, MAX_TILE_BYTES);
        if there.map_err(|error| unwritable(path, &error))? == bytes {
            return Ok(false);
        }
        let failure = Failure::new(
            FailureKind::Invalid,
            format!(
                "`{}` has other bytes than this ledger's tile",
                path.display()
            ),
        );
        return Err(failure.hint("tiles never change; name another folder"));
    }
    prepare(path)?;
    durable::create_new_durable(path, bytes).map_err(|error| unwritable(path, &error))?;
    Ok(true)
}

fn prepare(path: &Path) -> Result<()> {
    let parent = path.parent().unwrap_or_else(|| Path::new("."));
    durable::create_dir_all(parent).map_err(|error| unwritable(parent, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::of(FailureKind::Invalid, error)
        .during(format!("`{}` cannot be written", path.display()))
}
