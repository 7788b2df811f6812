//! What two sides have in common, and what only one of them has.

use std::collections::BTreeSet;

use serde::Serialize;

/// What is on both sides, and what on one alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shares {
    /// On both.
    pub both: BTreeSet<String>,
    /// On the left alone.
    pub only_left: BTreeSet<String>,
    /// On the right alone.
    pub only_right: BTreeSet<String>,
}

impl Shares {
    /// Sorts what two sides have.
    #[must_use]
    pub fn of(left: &BTreeSet<String>, right: &BTreeSet<String>) -> Self {
        Self {
            both: left.intersection(right).cloned().collect(),
            only_left: left.difference(right).cloned().collect(),
            only_right: right.difference(left).cloned().collect(),
        }
    }
}
