//! `promote trust`: signing governed files, seeing what is in force, adding people.

mod add_attester;
mod add_key;
mod files;
mod sign;
mod status;

pub use add_attester::{NewAttester, add_attester};
pub use add_key::{NewKey, add_key};
pub use sign::{SignReport, allowed_signers, commit_signed, sign};
pub use status::{ChangedFile, TrustReport, status};
