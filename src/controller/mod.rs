//! Follows a promotion repository until told to stop: looks at the branches now and then, and reconciles when that can
//! change something.
//!
//! What is done follows from the state alone, never from what woke it; so a missed or doubled wake-up costs time, and
//! nothing else. It may be killed at any moment: all that must last is in the ledger.

pub mod backoff;
pub mod event;
pub mod follower;
pub mod healing;
pub mod schedule;
pub mod settings;
pub mod signal;
pub mod stop;
pub mod watch;

#[cfg(test)]
mod tests;
