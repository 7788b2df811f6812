//! Signatures of people: SSH keys, verified here and made by `ssh-keygen`, so that agents and hardware keys work.

pub mod allowed_signers;
pub mod commit;
mod crypto;
pub mod key;
pub mod sign;
pub mod signature;
mod wire;

#[cfg(test)]
mod oracle;
