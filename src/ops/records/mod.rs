//! What an auditor asks of each promotion, put together from the ledger and its evidence: who, what, from where, to where,
//! instead of what, what every gate saw, who approved and what they meant, what data is behind it, under which policy, and
//! what was really done.
//!
//! Everything here is read, nothing is decided. What the evidence does not say is named in `gaps`, never left out.

mod build;
mod facts;

use std::collections::BTreeSet;

use jiff::Timestamp;
use semver::Version;
use serde::Serialize;

use crate::engine::book::Book;
use crate::model::approval::ApprovalDecision;
use crate::model::artifact::ArtifactId;
use crate::model::digest::{Sha256, TreeDigest};
use crate::model::id::{
    AttemptId, DatasetName, EngineName, EnvironmentName, GroupName, WorkspaceName,
};
use crate::model::label::{Clearance, Label};
use crate::model::lineage::{Base, CodeCommit};
use crate::model::promotion::{Direction, OutcomeKind, PromotionId};
use crate::model::verdict::{DecisionResult, GateResult};
use crate::ops::history::Who;
use crate::ops::records::build::Builder;

/// Names the form of a record, for programs that read it years later.
pub const RECORD_SCHEMA: &str = "https://promote.dev/audit-record/v1";

/// All that was recorded of one promotion.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PromotionRecord {
    /// Always [`RECORD_SCHEMA`].
    pub schema: &'static str,
    /// The ledger's origin line.
    pub ledger: String,
    /// The promotion.
    pub promotion: PromotionId,
    /// The entries that are about it, in order.
    pub entries: Vec<u64>,
    /// How far it came.
    pub status: RecordStatus,
    /// When the first entry about it was recorded.
    pub first_recorded_at: Timestamp,
    /// When the last was.
    pub last_recorded_at: Timestamp,
    /// What was to be promoted.
    pub what: What,
    /// Where the bytes came from; `None` when no accepted workspace held them.
    pub from: Option<Place>,
    /// Where they were to go.
    pub to: Place,
    /// What the slot held before; `None` when nothing.
    pub replaces: Option<Replaced>,
    /// Whether the slot had held the digest before.
    pub direction: Direction,
    /// Who asked for it.
    pub request: Request,
    /// What the version was made from; `None` when its manifest does not say, or is not there.
    pub lineage: Option<LineageRecord>,
    /// What data is behind it, and what the workspace may hold; `None` before it was judged.
    pub labels: Option<Labels>,
    /// The rules in force when it was judged last; `None` before.
    pub policy: Option<PolicyRecord>,
    /// The last decision.
    pub decision: Option<DecisionRecord>,
    /// The entries of earlier decisions.
    pub earlier_decisions: Vec<u64>,
    /// Approvals and rejections, in the order the ledger received them.
    pub approvals: Vec<ApprovalRecord>,
    /// What was tried, in order.
    pub attempts: Vec<AttemptRecord>,
    /// What could not be told, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<String>,
}

/// How far a promotion came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordStatus {
    /// Somebody spoke of it, and it was not judged for good yet.
    Waiting,
    /// A gate said no, or could not tell.
    Denied,
    /// Every gate passed, and nothing was begun.
    Allowed,
    /// An attempt has not ended.
    AtWork,
    /// The slot holds the digest, proved by reading it back.
    Succeeded,
    /// The workspace said no.
    Failed,
    /// It could not be told.
    Errored,
}

impl RecordStatus {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Denied => "denied",
            Self::Allowed => "allowed",
            Self::AtWork => "at work",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Errored => "errored",
        }
    }
}

/// A version.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct What {
    /// The artifact.
    pub artifact: ArtifactId,
    /// Its version; `None` when only an approval speaks of the promotion and the digest was never registered.
    pub version: Option<Version>,
    /// Its digest.
    pub digest: TreeDigest,
    /// All its bytes, counted; `None` when the manifest is not there.
    pub bytes: Option<u64>,
    /// The SHA-256 of its manifest.
    pub manifest: Option<Sha256>,
    /// Who signed the manifest.
    pub producer: Option<Who>,
    /// When it was registered.
    pub registered_at: Option<Timestamp>,
}

/// A place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The environment; `None` when the facts do not say.
    pub environment: Option<EnvironmentName>,
    /// The workspace.
    pub workspace: WorkspaceName,
}

/// What is replaced.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replaced {
    /// Its digest.
    pub digest: TreeDigest,
    /// Its version, when it was registered.
    pub version: Option<Version>,
}

/// Who asked.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The SHA-256 of the release file; `None` when it was never judged.
    pub release: Option<Sha256>,
    /// The commit that last changed the release file.
    pub commit: Option<String>,
    /// Who signed the release file.
    pub release_signed_by: Option<Who>,
    /// Who signed that commit.
    pub commit_signed_by: Option<Who>,
    /// Whose addresses are on commits of the release or the manifest.
    pub committers: Vec<Who>,
    /// Everyone who made the version, and so may not approve it.
    pub authors: Vec<Who>,
}

/// What a version was made from.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LineageRecord {
    /// The datasets that were read.
    pub datasets: Vec<DatasetRecord>,
    /// The versions it was derived from.
    pub bases: Vec<Base>,
    /// The commit of the code that ran.
    pub code: Option<CodeCommit>,
    /// The run that made it.
    pub run: Option<String>,
}

/// A dataset as it was declared when the promotion was judged.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DatasetRecord {
    /// Its name.
    pub name: DatasetName,
    /// Its label; `None` when it was not declared, or its manifest is not there.
    pub label: Option<Label>,
    /// The SHA-256 of its manifest.
    pub manifest: Option<Sha256>,
}

/// The two sides of the flow rule.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Labels {
    /// Of everything the version was made from; `None` when it could not be computed.
    pub version: Option<Label>,
    /// What the workspace may hold.
    pub clearance: Clearance,
}

/// The rules in force.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyRecord {
    /// The SHA-256 of the gates that judged.
    pub sha256: Sha256,
    /// The entry that adopted the governed files.
    pub adopted_in: u64,
    /// The version of `trust/root.yaml`, and its SHA-256.
    pub root_version: u64,
    /// Its SHA-256.
    pub root: Sha256,
    /// The version of `trust/index.yaml`.
    pub index_version: u64,
    /// Its SHA-256.
    pub index: Sha256,
}

/// A decision.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DecisionRecord {
    /// Its entry.
    pub entry: u64,
    /// When it was made.
    pub at: Timestamp,
    /// What was decided.
    pub result: DecisionResult,
    /// What every gate said, with what it saw.
    pub gates: Vec<GateResult>,
    /// The SHA-256 of the facts, in `evidence/`.
    pub inputs: Sha256,
    /// The version of the rules.
    pub rules_version: u32,
    /// The engine.
    pub engine: EngineName,
    /// The version of the program.
    pub engine_version: String,
    /// The newest commit that the engine had accepted.
    pub commit: String,
}

/// An approval or rejection.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalRecord {
    /// Its entry.
    pub entry: u64,
    /// Who, by name and key.
    pub who: Who,
    /// The groups the person was in.
    pub groups: BTreeSet<GroupName>,
    /// Yes or no.
    pub decision: ApprovalDecision,
    /// What the person meant, in their words.
    pub meaning: String,
    /// When it was signed, as the signer says.
    pub signed_at: Timestamp,
    /// From when on it no longer counts.
    pub expires_at: Timestamp,
    /// When the ledger received it.
    pub received_at: Timestamp,
    /// The SHA-256 of the statement, in `evidence/`.
    pub statement: Sha256,
    /// The SHA-256 of its signature, beside it.
    pub signature: Sha256,
    /// Whether it counted for a group when the promotion was judged last; `None` for rejections, which count for all, and
    /// for what came later.
    pub counts: Option<bool>,
    /// Why it did not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_counted_because: Option<String>,
}

/// One attempt.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttemptRecord {
    /// The attempt.
    pub attempt: AttemptId,
    /// The engine.
    pub engine: EngineName,
    /// The entry in which it began, or took another over.
    pub begun_in: u64,
    /// When it began.
    pub started_at: Timestamp,
    /// How it ended; `None` while it is at work.
    pub effect: Option<Effect>,
    /// The attempt that took over from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<AttemptId>,
}

/// What was really done.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Effect {
    /// Its entry.
    pub entry: u64,
    /// When it was recorded.
    pub ended_at: Timestamp,
    /// How it ended.
    pub outcome: OutcomeKind,
    /// What stood in the way.
    pub reason: Option<String>,
    /// The digest that was read back from the workspace.
    pub read_back: Option<TreeDigest>,
    /// The bytes that the version has.
    pub bytes: Option<u64>,
    /// What the pointer held before.
    pub pointer_before: Option<TreeDigest>,
    /// What it held after.
    pub pointer_after: Option<TreeDigest>,
}

impl PromotionRecord {
    /// Whose approvals counted when it was judged last.
    pub fn approvers(&self) -> impl Iterator<Item = &Who> {
        let counted = self.approvals.iter();
        let counted = counted.filter(|approval| approval.counts == Some(true));
        counted.map(|approval| &approval.who)
    }

    /// How the last attempt ended.
    #[must_use]
    pub fn effect(&self) -> Option<&Effect> {
        self.attempts
            .iter()
            .rev()
            .find_map(|attempt| attempt.effect.as_ref())
    }
}

/// The records of all promotions that the ledger speaks of, in the order of their first entries.
#[must_use]
pub fn records(book: &Book) -> Vec<PromotionRecord> {
    let mut builder = Builder::new(book);
    for (index, entry) in (0..).zip(book.entries()) {
        builder.take(index, entry);
    }
    builder.finish()
}

#[cfg(test)]
mod tests;
