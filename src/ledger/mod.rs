//! The append-only record: an RFC 6962 Merkle tree over lines, and its signed head.

pub mod store;
