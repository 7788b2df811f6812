//! Use cases, one file each. They know nothing of terminals: they take a context and a request, and answer with a report.

pub mod apply;
pub mod commit;
pub mod digest;
pub mod person;
pub mod plan;
