//! Parts of records as words, the same in every format for people.

use crate::model::approval::ApprovalDecision;
use crate::model::digest::TreeDigest;
use crate::model::verdict::GateResult;
use crate::ops::history::{HistoryFilter, Who};
use crate::ops::records::{ApprovalRecord, DatasetRecord, LineageRecord, Place, PromotionRecord};

/// What stands for nothing.
pub(super) const NONE: &str = "none";

pub(super) fn place(place: &Place) -> String {
    match &place.environment {
        Some(environment) if environment.as_str() == place.workspace.as_str() => {
            environment.to_string()
        }
        Some(environment) => format!("{environment}/{}", place.workspace),
        None => place.workspace.to_string(),
    }
}

pub(super) fn who(who: &Who) -> String {
    match &who.key {
        Some(key) => format!("{} ({}, key {key})", who.name, who.principal),
        None => format!("{} ({})", who.name, who.principal),
    }
}

pub(super) fn people(people: &[Who]) -> String {
    let names: Vec<String> = people.iter().map(who).collect();
    names.join("; ")
}

pub(super) fn version(record: &PromotionRecord) -> String {
    match &record.what.version {
        Some(version) => format!("{}@{version}", record.what.artifact),
        None => record.what.artifact.to_string(),
    }
}

pub(super) fn digest(digest: Option<TreeDigest>) -> String {
    digest.map_or_else(|| NONE.to_owned(), |digest| digest.to_string())
}

pub(super) fn replaced(record: &PromotionRecord) -> String {
    match &record.replaces {
        None => NONE.to_owned(),
        Some(replaced) => match &replaced.version {
            Some(version) => format!("{version} ({})", replaced.digest),
            None => replaced.digest.to_string(),
        },
    }
}

/// A gate's answer with what it observed.
pub(super) fn gate(gate: &GateResult) -> String {
    format!(
        "{}: {}: {}",
        gate.gate,
        gate.verdict.result(),
        gate.verdict.facts().join("; ")
    )
}

pub(super) const fn decision(decision: ApprovalDecision) -> &'static str {
    match decision {
        ApprovalDecision::Approve => "approve",
        ApprovalDecision::Reject => "reject",
        ApprovalDecision::Withdraw => "withdraw",
    }
}

/// Whether an approval counted.
pub(super) fn counted(approval: &ApprovalRecord) -> String {
    match (approval.counts, &approval.not_counted_because) {
        (Some(true), _) => "yes".to_owned(),
        (Some(false), Some(reason)) => format!("no: {reason}"),
        (Some(false), None) => "no".to_owned(),
        (None, _) => "not judged".to_owned(),
    }
}

pub(super) fn approval(approval: &ApprovalRecord) -> String {
    format!(
        "{} by {} on {}, counted: {}: {}",
        decision(approval.decision),
        who(&approval.who),
        approval.signed_at,
        counted(approval),
        approval.meaning
    )
}

pub(super) fn dataset(dataset: &DatasetRecord) -> String {
    match &dataset.label {
        Some(label) => format!("{} {label}", dataset.name),
        None => format!("{} (label not known)", dataset.name),
    }
}

pub(super) fn datasets(lineage: Option<&LineageRecord>) -> String {
    let all = lineage.map_or(&[][..], |lineage| &lineage.datasets);
    all.iter().map(dataset).collect::<Vec<_>>().join("; ")
}

pub(super) fn bases(lineage: Option<&LineageRecord>) -> String {
    let all = lineage.map_or(&[][..], |lineage| &lineage.bases);
    let base = |base: &crate::model::lineage::Base| format!("{} ({})", base.version, base.digest);
    all.iter().map(base).collect::<Vec<_>>().join("; ")
}

pub(super) fn code(lineage: Option<&LineageRecord>) -> String {
    let code = lineage.and_then(|lineage| lineage.code.as_ref());
    code.map_or_else(String::new, |code| {
        format!("{}@{}", code.repository, code.commit)
    })
}

/// What was asked for, one phrase a filter.
pub(super) fn filter(filter: &HistoryFilter) -> Vec<String> {
    let text = |what: &str, value: Option<String>| Some(format!("{what} {}", value?));
    let all = [
        text("artifact", filter.artifact.clone()),
        text(
            "environment",
            filter.environment.as_ref().map(ToString::to_string),
        ),
        text(
            "workspace",
            filter.workspace.as_ref().map(ToString::to_string),
        ),
        text("digest", filter.digest.clone()),
        text("not before", filter.since.map(|time| time.to_string())),
        text("not after", filter.until.map(|time| time.to_string())),
    ];
    all.into_iter().flatten().collect()
}
