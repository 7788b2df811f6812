//! Files: the only module, with the ledger's and adapters' own, that touches them.

pub mod beneath;
pub mod cache;
pub mod durable;
mod hashing;
pub mod scratch;
pub mod staging;
pub mod tree;
pub mod versioned;
mod walk;
