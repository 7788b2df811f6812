//! Signatures: envelopes that engines sign, and statements that people sign with their SSH keys.

pub mod dsse;
pub mod engine_key;
mod pem;
pub mod random;
pub mod ssh;
