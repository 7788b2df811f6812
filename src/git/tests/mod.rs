//! Tests that need whole repositories, and what the tests of all files here use to make them.

pub(super) mod bench;
mod history;
mod repository;
mod snapshot;
