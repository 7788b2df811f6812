//! Signatures: envelopes that engines sign, bundles that attesters sign, and statements that people sign with their SSH
//! keys.

pub mod bundle;
pub mod dsse;
pub mod engine_key;
pub mod model_signing;
mod object;
mod pem;
pub mod random;
pub mod ssh;
