//! The append-only record: an RFC 6962 Merkle tree over lines, and its signed head.

pub mod checkpoint;
pub mod cosignature;
pub mod key;
pub mod log;
pub mod merkle;
pub mod note;
pub mod proof;
pub mod signer;
pub mod store;
pub mod tiles;
pub mod tlog_proof;
pub mod witness;
