//! How registering ends other than well.

use crate::adapter::{AdapterError, AdapterErrorKind};
use crate::engine::world::World;
use crate::error::{Failure, FailureKind};
use crate::flow::closure::Explained;
use crate::model::id::WorkspaceName;

pub(super) fn no_workspace(world: &World, name: &WorkspaceName) -> Failure {
    let names: Vec<&str> = world.targets.keys().map(WorkspaceName::as_str).collect();
    crate::ops::plan::unknown("workspace", name.as_str(), &names)
}

pub(super) fn denied(denial: &crate::flow::permit::FlowDenial, explained: &Explained) -> Failure {
    let failure = Failure::new(FailureKind::Denied, denial.to_string());
    let unknown = explained.reasons.values().flatten().any(|reason| {
        matches!(
            reason,
            crate::flow::closure::Reason::UnknownLineage
                | crate::flow::closure::Reason::UnknownProducer
                | crate::flow::closure::Reason::UnknownBase(_)
        )
    });
    if unknown {
        failure.hint("say what it was made from with `--input`; what is not known counts as the highest it could be")
    } else {
        failure.hint("train it where that data may be used, and register it there; bytes that were seen with a label keep it under every name")
    }
}

pub(crate) fn adapter_failure(error: &AdapterError) -> Failure {
    let kind = match error.kind {
        AdapterErrorKind::AlreadyExists | AdapterErrorKind::Precondition => FailureKind::Conflict,
        AdapterErrorKind::PermissionDenied => FailureKind::Denied,
        AdapterErrorKind::Corrupt => FailureKind::Failed,
        AdapterErrorKind::NotFound
        | AdapterErrorKind::RateLimited
        | AdapterErrorKind::Unsupported
        | AdapterErrorKind::Unexpected => FailureKind::Unavailable,
    };
    let failure = Failure::of(kind, error);
    match error.kind {
        AdapterErrorKind::AlreadyExists => failure.hint(
            "the workspace has other bytes under this version; register these under a new one",
        ),
        _ => failure,
    }
}
