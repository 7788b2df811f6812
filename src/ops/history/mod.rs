//! `promote history`: what happened, from the ledger alone.

mod approvals;
mod filter;
mod holdings;
mod row;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::context::Context;
use crate::engine::book::Book;
use crate::error::Result;
use crate::model::digest::TreeDigest;
use crate::model::event::Event;
use crate::model::promotion::PromotionId;
use crate::model::workspace::Slot;
pub use crate::ops::history::approvals::{ApprovalRow, ApprovalsReport, approvals};
pub use crate::ops::history::filter::HistoryFilter;
pub(crate) use crate::ops::history::filter::{Resolved, digits, find_artifact, principal_of};
pub use crate::ops::history::holdings::{HoldingRow, HoldingsReport, holdings};
use crate::ops::history::row::row;
pub use crate::ops::history::row::{HistoryRow, Who};

/// What happened, oldest first.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryReport {
    /// The number of entries in the ledger.
    pub ledger_size: u64,
    /// The entries that were asked for.
    pub entries: Vec<HistoryRow>,
    /// How many older ones were asked for too, and left out because of the limit.
    pub left_out: usize,
}

/// Lists entries, the newest last.
///
/// # Errors
///
/// When the ledger cannot be read or believed, or a filter names what it has never heard of.
pub fn history(context: &Context, filter: &HistoryFilter) -> Result<HistoryReport> {
    let mut engine = context.observer()?;
    let book = engine.open_ledger()?;
    let filter = filter.resolve(book)?;
    let mut entries = rows(book);
    entries.retain(|row| filter.matches(row));
    let left_out = filter
        .limit()
        .map_or(0, |limit| entries.len().saturating_sub(limit));
    Ok(HistoryReport {
        ledger_size: book.state().size,
        entries: entries.into_iter().skip(left_out).collect(),
        left_out,
    })
}

/// Every entry as a row.
pub(crate) fn rows(book: &Book) -> Vec<HistoryRow> {
    let mut promotions = BTreeMap::new();
    let root = book.root().map(AsRef::as_ref);
    let entries = (0..).zip(book.entries());
    let all = entries.map(|(index, entry)| {
        note_promotion(&mut promotions, &entry.event);
        row(index, entry, &promotions, root)
    });
    all.collect()
}

/// Entries that name a promotion by its id alone are about its slot too.
fn note_promotion(promotions: &mut BTreeMap<PromotionId, Promoted>, event: &Event) {
    let promotion = match event {
        Event::Decided(judgement) => &judgement.promotion,
        Event::Intended(intent) => &intent.promotion,
        Event::Ended(outcome) => &outcome.promotion,
        Event::Adopted(_)
        | Event::Registered(_)
        | Event::Received(_)
        | Event::Refused { .. }
        | Event::TakenOver { .. } => return,
    };
    promotions.insert(
        promotion.id.clone(),
        Promoted {
            slot: promotion.slot.clone(),
            version: promotion.version.clone(),
            digest: promotion.digest,
        },
    );
}

/// What is known of a promotion.
#[derive(Debug, Clone)]
pub(crate) struct Promoted {
    slot: Slot,
    version: semver::Version,
    digest: TreeDigest,
}

#[cfg(test)]
mod tests;
