//! `promote ledger show`.

use serde::Serialize;

use crate::context::Context;
use crate::engine::record;
use crate::error::{Failure, FailureKind, Result};
use crate::ledger::merkle::leaf_hash;
use crate::model::digest::Sha256;
use crate::ops::history::{HistoryRow, rows};
use crate::ops::ledger::find::find;

/// One entry.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EntryReport {
    /// The name of the ledger.
    pub ledger: String,
    /// The entry, with what a table shows of it.
    #[serde(flatten)]
    pub row: HistoryRow,
    /// Its hash in the Merkle tree.
    pub leaf: Sha256,
    /// Whether the newest checkpoint covers it.
    pub is_signed: bool,
    /// The predicate type of its statement.
    pub predicate_type: String,
    /// The exact bytes of its line, without the newline: what is hashed.
    pub line: String,
}

/// Shows one entry.
///
/// # Errors
///
/// When the ledger cannot be read or believed, or has no such entry.
pub fn show(context: &Context, text: &str) -> Result<EntryReport> {
    let mut engine = context.observer()?;
    let book = engine.open_ledger()?;
    let index = find(book, text)?;
    let missing = || Failure::new(FailureKind::Internal, format!("entry {index} is not there"));
    let row = rows(book).into_iter().find(|row| row.index == index);
    let at = usize::try_from(index).map_err(|_| missing())?;
    let line = book.log().entries().get(at).ok_or_else(missing)?;
    let covered = book
        .log()
        .checkpoint()
        .map_or(0, |checkpoint| checkpoint.size);
    let row = row.ok_or_else(missing)?;
    Ok(EntryReport {
        ledger: book.log().verifier().name().to_owned(),
        leaf: leaf_hash(line),
        is_signed: index < covered,
        predicate_type: record::predicate_type(&row.entry.event).to_owned(),
        // Entries are JSON, so they are UTF-8.
        line: String::from_utf8_lossy(line).into_owned(),
        row,
    })
}
