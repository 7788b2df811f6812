//! Faults that tests plant on purpose, to see them noticed. Outside tests there are none: `planted!` is `false`.

#[cfg(test)]
use std::cell::{Cell, RefCell};
#[cfg(test)]
use std::collections::BTreeMap;

#[cfg(test)]
use crate::model::verdict::Decision;

/// Whether a test has planted a fault on this thread.
macro_rules! planted {
    ($fault:ident) => {{
        #[cfg(test)]
        {
            $crate::model::planted::is($crate::model::planted::Fault::$fault)
        }
        #[cfg(not(test))]
        {
            false
        }
    }};
}
pub(crate) use planted;

/// A fault, each of a kind that real systems had.
#[cfg(test)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A dataset that is labelled lower takes everything made from it along.
    RelabelLowers,
    /// Only the first base counts.
    FirstBaseOnly,
    /// Only the first file of an artifact is looked up.
    FirstFileOnly,
    /// Of several registrations of the same bytes the newest says what they are.
    NewestClaimWins,
    /// Files are known only under the name that they had first.
    IdentityByName,
    /// What was recorded once is not computed again, so a later label does not reach it.
    LateLabelStaysBehind,
    /// What nobody signed is believed.
    UnsignedLineageBelieved,
    /// Who made it may approve it.
    AuthorApproves,
    /// A declassification outlives a later label.
    DeclassificationOutlives,
    /// A declassification never expires.
    DeclassificationForever,
    /// Statements are counted instead of persons.
    DuplicatesCount,
    /// A decision is kept and used again.
    DecisionCached,
    /// A rollback need not be cleared.
    RollbackUnchecked,
    /// An approval never expires.
    ApprovalForever,
    /// Any workspace gives to any other.
    EdgeUnchecked,
}

#[cfg(test)]
impl Fault {
    /// All of them.
    pub(crate) const ALL: [Self; 15] = [
        Self::RelabelLowers,
        Self::FirstBaseOnly,
        Self::FirstFileOnly,
        Self::NewestClaimWins,
        Self::IdentityByName,
        Self::LateLabelStaysBehind,
        Self::UnsignedLineageBelieved,
        Self::AuthorApproves,
        Self::DeclassificationOutlives,
        Self::DeclassificationForever,
        Self::DuplicatesCount,
        Self::DecisionCached,
        Self::RollbackUnchecked,
        Self::ApprovalForever,
        Self::EdgeUnchecked,
    ];
}

#[cfg(test)]
thread_local! {
    static PLANTED: Cell<Option<Fault>> = const { Cell::new(None) };
    static KEPT: RefCell<BTreeMap<String, Decision>> = const { RefCell::new(BTreeMap::new()) };
}

/// Whether a fault is planted on this thread.
#[cfg(test)]
pub(crate) fn is(fault: Fault) -> bool {
    PLANTED.get() == Some(fault)
}

/// Does something with a fault planted, or with none.
#[cfg(test)]
pub(crate) fn with<T>(fault: Option<Fault>, task: impl FnOnce() -> T) -> T {
    let before = PLANTED.replace(fault);
    KEPT.take();
    let done = task();
    PLANTED.set(before);
    done
}

/// The first decision that was made under a key.
#[cfg(test)]
pub(crate) fn kept(key: &str, decide: impl FnOnce() -> Decision) -> Decision {
    let known = KEPT.with_borrow(|kept| kept.get(key).cloned());
    known.unwrap_or_else(|| {
        let decision = decide();
        KEPT.with_borrow_mut(|kept| kept.insert(key.to_owned(), decision.clone()));
        decision
    })
}
