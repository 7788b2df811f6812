//! `promote history --approvals`: who said yes or no to what, and what came of it.

use serde::Serialize;

use crate::context::Context;
use crate::engine::book::Book;
use crate::error::Result;
use crate::model::artifact::ArtifactId;
use crate::model::digest::TreeDigest;
use crate::model::promotion::PromotionId;
use crate::ops::history::HistoryFilter;
use crate::ops::history::filter::Resolved;
use crate::ops::records::{ApprovalRecord, Place, PromotionRecord, RecordStatus, records};

/// What people said of promotions.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalsReport {
    /// The number of entries in the ledger.
    pub ledger_size: u64,
    /// Approvals and rejections, oldest first.
    pub approvals: Vec<ApprovalRow>,
    /// How many older ones were asked for too, and left out because of the limit.
    pub left_out: usize,
}

/// One approval or rejection, and what it is about.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalRow {
    /// The promotion.
    pub promotion: PromotionId,
    /// The artifact.
    pub artifact: ArtifactId,
    /// Its version, when it was registered.
    pub version: Option<semver::Version>,
    /// The digest that was approved or rejected.
    pub digest: TreeDigest,
    /// Where it was to go.
    pub to: Place,
    /// What came of the promotion.
    pub status: RecordStatus,
    /// Who said what, and meant what.
    #[serde(flatten)]
    pub approval: ApprovalRecord,
}

/// Lists approvals and rejections. `of` is a promotion, an artifact or version, or a digest; everything when left out.
///
/// # Errors
///
/// When the ledger cannot be read or believed, or something is named that it has never heard of.
pub fn approvals(
    context: &Context,
    of: Option<&str>,
    filter: &HistoryFilter,
) -> Result<ApprovalsReport> {
    let mut engine = context.observer()?;
    let book = engine.open_ledger()?;
    let records = records(book);
    let (promotion, filter) = meant(book, &records, of, filter)?;
    let mut approvals: Vec<ApprovalRow> = records
        .iter()
        .filter(|record| promotion.as_ref().is_none_or(|id| *id == record.promotion))
        .filter(|record| {
            filter.has_artifact(Some(&record.what.artifact), record.what.version.as_ref())
                && filter.has_environment(record.to.environment.as_ref())
                && filter.has_workspace(Some(&record.to.workspace))
                && filter.has_digest(&[record.what.digest.sha256()])
        })
        .flat_map(|record| {
            record
                .approvals
                .iter()
                .map(|approval| row(record, approval))
        })
        .filter(|row| {
            filter.has_person(&row.approval.who) && filter.has_time(row.approval.received_at)
        })
        .collect();
    approvals.sort_by_key(|row| row.approval.entry);
    let left_out = filter
        .limit()
        .map_or(0, |limit| approvals.len().saturating_sub(limit));
    Ok(ApprovalsReport {
        ledger_size: book.state().size,
        approvals: approvals.into_iter().skip(left_out).collect(),
        left_out,
    })
}

/// What `of` means: one promotion, or one more filter.
fn meant(
    book: &Book,
    records: &[PromotionRecord],
    of: Option<&str>,
    filter: &HistoryFilter,
) -> Result<(Option<PromotionId>, Resolved)> {
    let mut filter = filter.clone();
    let Some(of) = of else {
        return Ok((None, filter.resolve(book)?));
    };
    let mut promotions = records.iter().map(|record| &record.promotion);
    if let Some(promotion) = promotions.find(|id| id.matches(of)) {
        return Ok((Some(promotion.clone()), filter.resolve(book)?));
    }
    let is_hex = of.len() >= 6 && of.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex || of.starts_with(TreeDigest::PREFIX) {
        filter.digest = Some(of.to_owned());
    } else {
        filter.artifact = Some(of.to_owned());
    }
    Ok((None, filter.resolve(book)?))
}

fn row(record: &PromotionRecord, approval: &ApprovalRecord) -> ApprovalRow {
    ApprovalRow {
        promotion: record.promotion.clone(),
        artifact: record.what.artifact.clone(),
        version: record.what.version.clone(),
        digest: record.what.digest,
        to: record.to.clone(),
        status: record.status,
        approval: approval.clone(),
    }
}
