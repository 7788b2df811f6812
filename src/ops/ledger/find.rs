//! Which entry is meant.

use crate::engine::book::Book;
use crate::error::{Failure, FailureKind, Result};
use crate::model::event::{Event, Said};
use crate::model::promotion::PromotionId;
use crate::ops::history::{HistoryRow, rows};

/// The fewest digits of a hash that name something.
const MIN_DIGITS: usize = 6;

/// The entry that a text names: an index; a promotion, of which the last entry is meant; or a hash that an entry names
/// something by, of which the first entry is meant.
pub(super) fn find(book: &Book, text: &str) -> Result<u64> {
    let size = book.state().size;
    // A number with leading zeros is no index, and may be the start of a hash.
    let index = text.parse::<u64>().ok();
    let index = index
        .filter(|index| index.to_string() == text && (*index < size || text.len() < MIN_DIGITS));
    if let Some(index) = index {
        return check_index(index, size);
    }
    if let Some(index) = last_of_promotion(book, text)? {
        return Ok(index);
    }
    let digits = text.rsplit(':').next().unwrap_or(text).to_ascii_lowercase();
    let is_hash = digits.len() >= MIN_DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let names_it = |row: &HistoryRow| {
        row.hashes
            .iter()
            .any(|hash| hash.to_string().starts_with(&digits))
    };
    let found = rows(book).into_iter().find(|row| is_hash && names_it(row));
    found.map(|row| row.index).ok_or_else(|| {
        Failure::new(FailureKind::Invalid, format!("the ledger has no entry `{text}`"))
            .hint("name an index, a promotion, or at least six digits of a hash; `promote history` lists them")
    })
}

fn check_index(index: u64, size: u64) -> Result<u64> {
    if index < size {
        return Ok(index);
    }
    let failure = Failure::new(
        FailureKind::Invalid,
        format!("there is no entry {index}: the ledger has {size}"),
    );
    Err(failure.hint("`promote history` lists them, from 0 on"))
}

/// The last entry about a promotion, which is its outcome once it has one.
fn last_of_promotion(book: &Book, text: &str) -> Result<Option<u64>> {
    let entries = (0..).zip(book.entries());
    let all = entries.filter_map(|(index, entry)| Some((index, promotion_of(&entry.event)?)));
    let matching: Vec<(u64, &PromotionId)> = all.filter(|(_, id)| id.matches(text)).collect();
    let Some((_, first)) = matching.first() else {
        return Ok(None);
    };
    if let Some((_, other)) = matching.iter().find(|(_, id)| id != first) {
        let failure = Failure::new(
            FailureKind::Usage,
            format!("`{text}` is the beginning of several promotions"),
        );
        return Err(failure.hint(format!("write `{}` or `{}`", first.short(), other.short())));
    }
    Ok(matching.last().map(|(index, _)| *index))
}

/// The promotion that an entry is about.
const fn promotion_of(event: &Event) -> Option<&PromotionId> {
    match event {
        Event::Decided(judgement) => Some(&judgement.promotion.id),
        Event::Intended(intent) => Some(&intent.promotion.id),
        Event::TakenOver { promotion, .. } => Some(promotion),
        Event::Ended(outcome) => Some(&outcome.promotion.id),
        Event::Received(receipt) => match &receipt.said {
            Said::Approval(approval) => Some(&approval.binding.promotion),
            Said::MarkBad(_) => None,
            Said::Act(act) => act.promotion(),
        },
        Event::Adopted(_) | Event::Registered(_) | Event::Refused { .. } => None,
    }
}
