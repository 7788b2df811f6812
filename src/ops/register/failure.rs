//! How registering ends other than well.

use std::collections::BTreeSet;

use crate::adapter::{AdapterError, AdapterErrorKind};
use crate::engine::world::World;
use crate::error::{Failure, FailureKind};
use crate::flow::closure::{Explained, Reason};
use crate::flow::permit::FlowDenial;
use crate::manifest::layout::TOPOLOGY_PATH;
use crate::model::digest::{FileList, Sha256};
use crate::model::id::WorkspaceName;

pub(super) fn no_workspace(world: &World, name: &WorkspaceName) -> Failure {
    let names: Vec<&str> = world.targets.keys().map(WorkspaceName::as_str).collect();
    crate::ops::plan::unknown("workspace", name.as_str(), &names)
}

/// How many files are named that were seen with a label before.
const MAX_NAMED: usize = 3;

/// That a version may not be where it was made. Of what is elsewhere nothing is named but bytes that the person has too.
pub(super) fn denied(denial: &FlowDenial, explained: &Explained, files: &FileList) -> Failure {
    let failure = Failure::new(FailureKind::Denied, denial.to_string());
    let unknown = explained.reasons.values().flatten().any(|reason| {
        matches!(
            reason,
            Reason::UnknownLineage | Reason::UnknownProducer | Reason::UnknownBase(_)
        )
    });
    if unknown {
        failure.hint("say what it was made from with `--input`; what is not known counts as the highest it could be")
    } else {
        let failure = failure.hint("train it where that data may be used, and register it there; bytes that were seen with a label keep it under every name");
        match seen_before(denial, explained, files) {
            None => failure,
            Some(seen) => failure.hint(format!(
                "{seen}; what tells nothing of the data, such as a licence, can be listed by its SHA-256 under `commonFiles` in {TOPOLOGY_PATH}"
            )),
        }
    }
}

/// The files of a version that were seen before with what is denied, in words.
fn seen_before(denial: &FlowDenial, explained: &Explained, files: &FileList) -> Option<String> {
    let FlowDenial::Label { tags, .. } = denial else {
        return None;
    };
    let reasons = tags.iter().filter_map(|tag| explained.reasons.get(tag));
    let reasons = reasons.flatten();
    let known: BTreeSet<Sha256> = reasons
        .filter_map(|reason| match reason {
            Reason::KnownFile { file, .. } => Some(*file),
            Reason::Dataset(_)
            | Reason::Snapshot(_)
            | Reason::Base(_)
            | Reason::Recorded
            | Reason::Cycle
            | Reason::UnknownDataset(_)
            | Reason::UnknownSnapshot(_)
            | Reason::UnknownBase(_)
            | Reason::UnknownLineage
            | Reason::UnknownProducer => None,
        })
        .collect();
    let seen = files.records().iter();
    let mut seen = seen.filter(|record| known.contains(&record.sha256));
    let named: Vec<String> = seen
        .by_ref()
        .take(MAX_NAMED)
        .map(|record| format!("`{}`", record.path))
        .collect();
    let others = match seen.count() {
        0 => String::new(),
        count => format!(" and {count} others"),
    };
    (!named.is_empty()).then(|| format!("seen before: {}{others}", named.join(", ")))
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
