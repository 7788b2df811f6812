//! `promote history --at`: what ran where at a moment, or on a day.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::context::Context;
use crate::error::Result;
use crate::model::artifact::VersionId;
use crate::model::digest::TreeDigest;
use crate::model::id::{EnvironmentName, WorkspaceName};
use crate::model::promotion::{OutcomeKind, PromotionId};
use crate::model::workspace::Slot;
use crate::ops::history::filter::Resolved;
use crate::ops::history::{HistoryFilter, Who};
use crate::ops::records::{Effect, PromotionRecord, records};

/// What every slot held in a span of time.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HoldingsReport {
    /// The first moment.
    pub from: Timestamp,
    /// The last moment; the first one again when one moment was asked for.
    pub at: Timestamp,
    /// The number of entries that the ledger had at the last moment.
    pub ledger_size: u64,
    /// What was held, by slot; a slot that changed in that time is there once for each.
    pub slots: Vec<HoldingRow>,
}

/// What one slot held, who asked for it and who approved it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HoldingRow {
    /// The environment.
    pub environment: EnvironmentName,
    /// The workspace.
    pub workspace: WorkspaceName,
    /// The version.
    pub version: VersionId,
    /// Its digest, which was read back there.
    pub digest: TreeDigest,
    /// Since when.
    pub since: Timestamp,
    /// When it was replaced; `None` while it is not.
    pub until: Option<Timestamp>,
    /// The promotion that put it there.
    pub promotion: PromotionId,
    /// The entry of that promotion's outcome.
    pub entry: u64,
    /// Who signed the release that asked for it.
    pub requested_by: Option<Who>,
    /// Whose approvals counted.
    pub approved_by: Vec<Who>,
}

/// What every slot held between two moments, both of them included.
///
/// # Errors
///
/// When the ledger cannot be read or believed, or a filter names what it has never heard of.
pub fn holdings(
    context: &Context,
    (from, at): (Timestamp, Timestamp),
    filter: &HistoryFilter,
) -> Result<HoldingsReport> {
    let mut engine = context.observer()?;
    let book = engine.open_ledger()?;
    let filter = filter.resolve(book)?;
    let mut slots = all_held(&records(book));
    slots.retain(|row| {
        row.since <= at && row.until.is_none_or(|until| until > from) && filter.matches_holding(row)
    });
    let entries = book.entries().iter();
    Ok(HoldingsReport {
        from,
        at,
        ledger_size: entries.take_while(|entry| entry.recorded_at <= at).count() as u64,
        slots,
    })
}

/// Everything that was ever held: by slot, oldest first.
fn all_held(records: &[PromotionRecord]) -> Vec<HoldingRow> {
    let mut by_slot: BTreeMap<(EnvironmentName, Slot), Vec<HoldingRow>> = BTreeMap::new();
    let succeeded = records.iter().filter_map(|record| {
        let effect = record.effect()?;
        (effect.outcome == OutcomeKind::Succeeded).then_some((effect, record))
    });
    let mut succeeded: Vec<(&Effect, &PromotionRecord)> = succeeded.collect();
    succeeded.sort_by_key(|(effect, _)| effect.entry);
    for (effect, record) in succeeded {
        let Some(row) = row(effect, record) else {
            continue;
        };
        let slot = Slot {
            workspace: row.workspace.clone(),
            artifact: row.version.artifact.clone(),
        };
        let held = by_slot.entry((row.environment.clone(), slot)).or_default();
        if let Some(before) = held.last_mut() {
            before.until = Some(row.since);
        }
        held.push(row);
    }
    by_slot.into_values().flatten().collect()
}

/// The outcome of a promotion as the beginning of a time; `None` for one that was never judged, which cannot have succeeded.
fn row(effect: &Effect, record: &PromotionRecord) -> Option<HoldingRow> {
    Some(HoldingRow {
        environment: record.to.environment.clone()?,
        workspace: record.to.workspace.clone(),
        version: VersionId {
            artifact: record.what.artifact.clone(),
            version: record.what.version.clone()?,
        },
        digest: record.what.digest,
        since: effect.ended_at,
        until: None,
        promotion: record.promotion.clone(),
        entry: effect.entry,
        requested_by: record.request.release_signed_by.clone(),
        approved_by: record.approvers().cloned().collect(),
    })
}

impl Resolved {
    fn matches_holding(&self, row: &HoldingRow) -> bool {
        self.has_artifact(Some(&row.version.artifact), Some(&row.version.version))
            && self.has_environment(Some(&row.environment))
            && self.has_workspace(Some(&row.workspace))
            && self.has_digest(&[row.digest.sha256()])
    }
}
