//! What every adapter must do, as cases that run against a live workspace.
//!
//! The workspace may hold other things; the cases write below the project `conformance` under a prefix that the caller
//! chooses, so that they can run again in a workspace that forbids deletion. A fix for one adapter starts as a case
//! for all.

mod cases;
mod subject;

use futures_util::future::BoxFuture;

pub use subject::{MemoryContent, Subject};

/// What a case says: nothing, or what was wrong.
type Outcome = Result<(), String>;

/// One thing that must hold.
struct Case {
    name: &'static str,
    check: fn(&Subject) -> BoxFuture<'_, Outcome>,
}

/// A case that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The claim.
    pub claim: &'static str,
    /// What happened instead.
    pub reason: String,
}

/// Runs all cases and returns those that did not hold; an empty list is conformance.
pub async fn check(subject: &Subject) -> Vec<Violation> {
    let mut violations = Vec::new();
    for case in cases::CASES {
        if let Err(reason) = (case.check)(subject).await {
            violations.push(Violation {
                claim: case.name,
                reason,
            });
        }
    }
    violations
}
