//! `promote history`: what happened, from the ledger alone.

mod filter;
mod row;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::context::Context;
use crate::engine::book::Book;
use crate::error::Result;
use crate::model::artifact::VersionId;
use crate::model::digest::TreeDigest;
use crate::model::event::Event;
use crate::model::id::{EnvironmentName, WorkspaceName};
use crate::model::promotion::PromotionId;
use crate::model::workspace::Slot;
pub use crate::ops::history::filter::HistoryFilter;
pub(crate) use crate::ops::history::filter::{Resolved, find_artifact};
use crate::ops::history::row::row;
pub use crate::ops::history::row::{HistoryRow, Who};
use crate::plan::state::State;

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

/// What every slot held at a moment.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HoldingsReport {
    /// The moment.
    pub at: Timestamp,
    /// The number of entries that the ledger had then.
    pub ledger_size: u64,
    /// The slots that held something.
    pub slots: Vec<HoldingRow>,
}

/// What one slot held.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HoldingRow {
    /// The environment.
    pub environment: EnvironmentName,
    /// The workspace.
    pub workspace: WorkspaceName,
    /// The version.
    pub version: VersionId,
    /// Its digest.
    pub digest: TreeDigest,
    /// Since when.
    pub since: Timestamp,
    /// The promotion that put it there.
    pub promotion: PromotionId,
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

/// What every slot held at a moment: the ledger folded up to then.
///
/// # Errors
///
/// When the ledger cannot be read or believed, or a filter names what it has never heard of.
pub fn holdings(
    context: &Context,
    at: Timestamp,
    filter: &HistoryFilter,
) -> Result<HoldingsReport> {
    let mut engine = context.observer()?;
    let book = engine.open_ledger()?;
    let filter = filter.resolve(book)?;
    let state = state_at(book, at);
    let slots = state.slots.iter().filter_map(|(slot, known)| {
        let held = known.held.as_ref()?;
        let row = HoldingRow {
            environment: environment_of(&state, &held.promotion)?,
            workspace: slot.workspace.clone(),
            version: held.version.clone(),
            digest: held.digest,
            since: held.since,
            promotion: held.promotion.clone(),
        };
        filter.matches_holding(&row).then_some(row)
    });
    Ok(HoldingsReport {
        at,
        ledger_size: state.size,
        slots: slots.collect(),
    })
}

fn state_at(book: &Book, at: Timestamp) -> State {
    let mut state = State::default();
    for entry in book
        .entries()
        .iter()
        .take_while(|entry| entry.recorded_at <= at)
    {
        // The whole ledger was folded when it was opened, so a part of it folds too.
        if state.apply(entry).is_err() {
            break;
        }
    }
    state
}

fn environment_of(state: &State, promotion: &PromotionId) -> Option<EnvironmentName> {
    let (_, _, outcome) = state.promotions.get(promotion)?.outcome.as_ref()?;
    Some(outcome.promotion.environment.clone())
}

impl Resolved {
    fn matches_holding(&self, row: &HoldingRow) -> bool {
        self.has_artifact(Some(&row.version.artifact), Some(&row.version.version))
            && self.has_environment(Some(&row.environment))
            && self.has_workspace(Some(&row.workspace))
            && self.has_digest(&[row.digest.sha256()])
    }
}

#[cfg(test)]
mod tests;
