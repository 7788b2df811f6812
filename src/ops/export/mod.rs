//! `promote ledger export`: the record of every promotion, for programs, for spreadsheets, and as a page for a regulator.

mod csv;
mod html;
mod words;

pub(crate) use csv::row as csv_row;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use crate::context::Context;
use crate::engine::book::Book;
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::fs::durable;
use crate::model::digest::Sha256;
use crate::model::event::{Event, Said};
use crate::ops::history::{HistoryFilter, HistoryRow, Resolved, rows};
use crate::ops::ledger::{WrittenTiles, write_tiles};
use crate::ops::records::{PromotionRecord, records};

/// The largest file that is written, in bytes.
const MAX_EXPORT_BYTES: usize = 512 << 20;
/// The most promotions on one page: more than a browser or a printer copes with.
const MAX_PAGE_PROMOTIONS: usize = 10_000;

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// JSON Lines: one record a line, with every field.
    Jsonl,
    /// Comma-separated values as RFC 4180 has them: one record a row, for spreadsheets.
    Csv,
    /// One self-contained page, for people.
    Html,
}

/// What is to be written.
#[derive(Debug, Clone, Default)]
pub struct ExportRequest {
    /// The file of records, and how.
    pub file: Option<(Format, PathBuf)>,
    /// A folder for C2SP tiles.
    pub tiles: Option<PathBuf>,
    /// Which promotions, by artifact, environment, workspace, digest and time.
    pub filter: HistoryFilter,
}

/// What was written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportReport {
    /// The name of the ledger.
    pub ledger: String,
    /// The number of its entries.
    pub ledger_size: u64,
    /// The file of records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<WrittenFile>,
    /// The tiles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tiles: Option<WrittenTiles>,
}

/// A file of records.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WrittenFile {
    /// Where it is.
    pub path: PathBuf,
    /// How the records are written.
    pub format: Format,
    /// The number of promotions in it.
    pub promotions: usize,
    /// Its length in bytes.
    pub bytes: usize,
    /// Its SHA-256, to name it by.
    pub sha256: Sha256,
}

/// All that goes into a file.
struct Export<'a> {
    ledger: &'a str,
    ledger_size: u64,
    checkpoint: Option<(u64, Sha256)>,
    first_root: Option<Sha256>,
    at: Timestamp,
    /// What was asked for, in words; empty when everything.
    asked: Vec<String>,
    records: Vec<PromotionRecord>,
    /// The entries that are about no promotion.
    others: Vec<HistoryRow>,
}

/// Writes the records of promotions, tiles, or both.
///
/// # Errors
///
/// When the ledger cannot be read or believed, a filter names what there is not, there is more than fits, or something cannot
/// be written.
pub fn export(context: &Context, request: &ExportRequest) -> Result<ExportReport> {
    let mut engine = context.observer()?;
    let book = engine.open_ledger()?;
    let filter = request.filter.resolve(book)?;
    let file = match &request.file {
        Some((format, path)) => {
            let export = gather(context, book, &request.filter, &filter);
            Some(write(&export, *format, path)?)
        }
        None => None,
    };
    let tiles = request.tiles.as_deref();
    Ok(ExportReport {
        ledger: book.log().verifier().name().to_owned(),
        ledger_size: book.state().size,
        file,
        tiles: tiles.map(|folder| write_tiles(book, folder)).transpose()?,
    })
}

fn gather<'a>(
    context: &Context,
    book: &'a Book,
    asked: &HistoryFilter,
    filter: &Resolved,
) -> Export<'a> {
    let log = book.log();
    let mut records = records(book);
    records.retain(|record| is_asked(record, filter));
    let mut others = rows(book);
    others.retain(|row| is_other(&row.entry.event) && filter.matches(row));
    let first = book.entries().first().map(|entry| &entry.event);
    let checkpoint = log.checkpoint();
    Export {
        ledger: log.verifier().name(),
        ledger_size: book.state().size,
        checkpoint: checkpoint.map(|checkpoint| (checkpoint.size, checkpoint.root)),
        first_root: match first {
            Some(Event::Adopted(adoption)) => Some(adoption.root),
            Some(_) | None => None,
        },
        at: context.clock.now(),
        asked: words::filter(asked),
        records,
        others,
    }
}

fn is_asked(record: &PromotionRecord, filter: &Resolved) -> bool {
    let replaced = record.replaces.as_ref().map(|replaced| replaced.digest);
    let digests = [Some(record.what.digest), replaced];
    let hashes: Vec<Sha256> = digests
        .iter()
        .flatten()
        .map(|digest| digest.sha256())
        .collect();
    filter.has_artifact(Some(&record.what.artifact), record.what.version.as_ref())
        && filter.has_environment(record.to.environment.as_ref())
        && filter.has_workspace(Some(&record.to.workspace))
        && filter.has_digest(&hashes)
        && filter.has_time(record.last_recorded_at)
}

/// Whether an event is in no record of a promotion.
const fn is_other(event: &Event) -> bool {
    match event {
        Event::Adopted(_) | Event::Registered(_) | Event::Refused { .. } => true,
        Event::Received(receipt) => match &receipt.said {
            Said::Approval(_) => false,
            Said::MarkBad(_) | Said::Act(_) => true,
        },
        Event::Decided(_) | Event::Intended(_) | Event::TakenOver { .. } | Event::Ended(_) => false,
    }
}

fn write(export: &Export<'_>, format: Format, path: &Path) -> Result<WrittenFile> {
    let text = match format {
        Format::Jsonl => jsonl(export)?,
        Format::Csv => csv::render(&export.records)?,
        Format::Html if export.records.len() > MAX_PAGE_PROMOTIONS => {
            return Err(too_much(&format!(
                "{} promotions, and a page takes {MAX_PAGE_PROMOTIONS}",
                export.records.len()
            )));
        }
        Format::Html => html::render(export)?,
    };
    let failed = |error: std::io::Error| {
        Failure::of(FailureKind::Invalid, &error)
            .during(format!("`{}` cannot be written", path.display()))
    };
    durable::write_atomic(path, text.as_bytes()).map_err(failed)?;
    Ok(WrittenFile {
        path: path.to_owned(),
        format,
        promotions: export.records.len(),
        bytes: text.len(),
        sha256: Sha256::of(text.as_bytes()),
    })
}

fn jsonl(export: &Export<'_>) -> Result<String> {
    let mut text = String::new();
    for record in &export.records {
        text.push_str(&serde_json::to_string(record).or_fail(FailureKind::Internal)?);
        text.push('\n');
        check_size(&text)?;
    }
    Ok(text)
}

/// Stops before the machine does.
fn check_size(text: &str) -> Result<()> {
    if text.len() <= MAX_EXPORT_BYTES {
        return Ok(());
    }
    Err(too_much(&format!("more than {MAX_EXPORT_BYTES} bytes")))
}

fn too_much(what: &str) -> Failure {
    let failure = Failure::new(
        FailureKind::Invalid,
        format!("there is too much for one file: {what}"),
    );
    failure
        .hint("write several, with `--since` and `--until`, or by `--environment` or `--artifact`")
}

#[cfg(test)]
mod tests;
