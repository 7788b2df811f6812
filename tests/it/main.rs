//! The integration tests: one binary, one module a subject.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests panic to fail, and read and write the files that they compare"
)]

mod generated;
mod manifests;
mod organisation;
mod story;
mod support;
