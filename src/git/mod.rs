//! Git: the promotion repository and its branches.
//!
//! Objects are read and written in-process, without a work tree. Remotes are reached through the `git` program, so
//! that the credential helpers and the SSH configuration of whoever runs this work as they do for `git` itself.

pub mod address;
pub mod advance;
pub mod branch;
pub mod changes;
pub mod commit;
mod differences;
pub mod error;
pub mod history;
pub mod identity;
mod kept;
pub mod origins;
pub mod path;
pub mod program;
pub mod repository;
pub mod snapshot;
pub mod tags;
mod texts;
mod trail;
mod transport;
mod tree;
mod work_tree;

#[cfg(test)]
mod tests;

/// Names a Git object, such as a commit.
pub use git2::Oid;
