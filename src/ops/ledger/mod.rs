//! `promote ledger`: one entry, and proofs of one entry for people who have nothing else of the ledger.

mod check;
mod find;
mod prove;
mod show;
mod tiles;

pub(crate) use crate::ops::ledger::check::read_verifier;
pub use crate::ops::ledger::check::{CheckRequest, CheckedProof, check};
pub use crate::ops::ledger::prove::{ProveRequest, WrittenProof, prove};
pub use crate::ops::ledger::show::{EntryReport, show};
pub use crate::ops::ledger::tiles::{WrittenTiles, write_tiles};

#[cfg(test)]
mod tests;
