//! `promote trust`: signing governed files, seeing what is in force, people and keys.

mod add_attester;
mod add_key;
mod add_witness;
mod files;
mod revoke;
mod rotate;
mod sign;
mod status;

pub use add_attester::{NewAttester, add_attester};
pub use add_key::{NewKey, add_key};
pub use add_witness::add_witness;
pub use revoke::{Revocation, RevokeReport, StruckEntry, revoke};
pub use rotate::{NewKeySource, RotateReport, rotate_engine, rotate_log};
pub use sign::{SignReport, allowed_signers, commit_signed, sign};
pub use status::{ChangedFile, TrustReport, status};
