//! Files: the only module, with the ledger's and adapters' own, that touches them.

pub mod archive;
pub mod beneath;
pub mod cache;
mod copy;
pub mod durable;
mod hashing;
pub mod kept;
mod lock;
pub mod md5;
pub mod scratch;
pub mod staging;
pub mod sweep;
pub mod tar;
pub mod tree;
mod tree_error;
pub mod versioned;
mod walk;
