//! What the ledger records. Closed: every reader names every event.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::act::Act;
use crate::model::approval::{Approval, MarkBad};
use crate::model::artifact::VersionId;
use crate::model::digest::{Sha256, TreeDigest, TreePath};
use crate::model::id::{
    AttemptId, EngineName, EnvironmentName, GroupName, PrincipalName, WorkspaceName,
};
use crate::model::label::Label;
use crate::model::principal::KeyFingerprint;
use crate::model::promotion::{OutcomeKind, Promotion, PromotionId};
use crate::model::verdict::Decision;

/// One entry of the ledger, as its signer wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// When it was recorded: never earlier than the entry before.
    pub recorded_at: Timestamp,
    /// The engine that recorded it.
    pub engine: EngineName,
    /// The version of this program.
    pub engine_version: String,
    /// The newest commit of the promotion repository that the engine had accepted.
    pub commit: String,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
pub enum Event {
    /// Governed files were adopted: from the next entry on they decide what may flow.
    Adopted(Adoption),
    /// A version was first seen in Git.
    Registered(Registration),
    /// A signed statement of a person was taken from the inbox.
    Received(Receipt),
    /// A statement of a known person was refused.
    Refused {
        /// The SHA-256 of the statement.
        statement: Sha256,
        /// The SHA-256 of its signature file.
        signature: Sha256,
        /// Who signed it.
        signer: PrincipalName,
        /// Why it was refused.
        reason: String,
        /// The commit of the inbox.
        inbox: String,
    },
    /// A promotion was judged; denials as well as permissions are recorded.
    Decided(Judgement),
    /// An attempt is about to act.
    Intended(Intent),
    /// An attempt whose lease ran out was taken over. Whoever made it may no longer act.
    TakenOver {
        /// The promotion.
        promotion: PromotionId,
        /// Where it leads.
        environment: EnvironmentName,
        /// The attempt that is over.
        superseded: AttemptId,
        /// The attempt that goes on.
        attempt: AttemptId,
        /// Until when nobody else touches it.
        lease_until: Timestamp,
    },
    /// An attempt ended.
    Ended(Outcome),
}

/// Governed files, by what they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Adoption {
    /// The commit they are read from.
    pub commit: String,
    /// The version of `trust/root.yaml`.
    pub root_version: u64,
    /// Its SHA-256.
    pub root: Sha256,
    /// The version of `trust/index.yaml`.
    pub index_version: u64,
    /// Its SHA-256.
    pub index: Sha256,
    /// The governed files, as the index pins them. The entry does not repeat them: the index is in the evidence, and a large
    /// organisation has more files than an entry has room for.
    #[serde(skip)]
    pub files: BTreeMap<TreePath, Sha256>,
    /// The signature files that were counted, by path.
    pub signatures: BTreeMap<TreePath, SignatureRef>,
}

/// A signature file, by what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignatureRef {
    /// The SHA-256 of the file.
    pub sha256: Sha256,
    /// The key that made it.
    pub key: KeyFingerprint,
}

/// A version as it was first seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Registration {
    /// Its name and version.
    pub version: VersionId,
    /// Its digest.
    pub digest: TreeDigest,
    /// The SHA-256 of its manifest.
    pub manifest: Sha256,
    /// The workspace it was made in.
    pub workspace: WorkspaceName,
    /// That workspace's environment.
    pub environment: EnvironmentName,
    /// Who signed the manifest; `None` when nobody known did.
    pub producer: Option<PrincipalName>,
    /// The producer's signature of the manifest, whose bytes are in `evidence/` beside it; there when there is a producer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<SignatureRef>,
    /// Its label at that time. It only grows.
    pub label: Label,
    /// Why it may not be where it was made, if it may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub violation: Option<String>,
}

/// A person's statement, as the ledger received it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// The SHA-256 of the statement, whose bytes are in `evidence/`.
    pub statement: Sha256,
    /// The SHA-256 of its signature file, beside it.
    pub signature: Sha256,
    /// Who signed it, by key.
    pub signer: PrincipalName,
    /// The key.
    pub key: KeyFingerprint,
    /// The groups the signer was in.
    pub groups: BTreeSet<GroupName>,
    /// What was said.
    pub said: Said,
    /// The commit of the inbox.
    pub inbox: String,
}

/// What a person said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "statement", rename_all = "kebab-case")]
pub enum Said {
    /// Yes or no to one promotion.
    Approval(Box<Approval>),
    /// A digest is bad.
    MarkBad(MarkBad),
    /// Something else that people do about promotions.
    Act(Box<Act>),
}

/// A promotion and what the gates said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Judgement {
    /// The promotion.
    pub promotion: Promotion,
    /// The SHA-256 of the recorded facts, in `evidence/`.
    pub inputs: Sha256,
    /// The SHA-256 of the bundles that were judged, whose bytes are in `evidence/`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub attestations: BTreeSet<Sha256>,
    /// The SHA-256 of the gates.
    pub policy: Sha256,
    /// What the gates said.
    pub decision: Decision,
    /// The version of the rules.
    pub rules_version: u32,
    /// Everything that it was made from, by digest: the facts, and every signed or adopted file behind them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
}

/// Something that a decision was made from. Its bytes are in `evidence/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// What it is.
    pub what: SourceKind,
    /// The SHA-256 of its bytes.
    pub sha256: Sha256,
}

/// What a source is. The order is that of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// The facts that the gates judged.
    Facts,
    /// `trust/root.yaml`.
    TrustRoot,
    /// `trust/index.yaml`, which pins every governed file.
    TrustIndex,
    /// A policy that judged.
    Policy,
    /// The release file that asks.
    Release,
    /// The signature of that file, when there is one.
    ReleaseSignature,
    /// The version's manifest.
    Manifest,
    /// The manifest of another version with its digest, or an earlier one of the version.
    OtherManifest,
    /// `promote.yaml`.
    Topology,
    /// The manifest of the workspace that is written.
    Workspace,
    /// A freeze that names the environment.
    Freeze,
    /// The manifest of a dataset that the version was made from.
    Dataset,
    /// A manifest of a version that it was derived from.
    Base,
    /// A manifest of the version that is replaced.
    Champion,
    /// A person's statement about the promotion.
    Approval,
    /// A person's statement that the digest is bad.
    BadMark,
    /// What else a person did: a hold, an override, a declassification and the like.
    Act,
    /// The bundle of an attestation.
    Attestation,
    /// A checkpoint that witnesses cosigned.
    Cosignature,
    /// The manifest of a pipeline, which binds its inputs.
    Declaration,
}

impl SourceKind {
    /// The ending of its file in `evidence/`.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Facts | Self::Approval | Self::BadMark | Self::Act => "json",
            Self::Attestation => "sigstore.json",
            Self::Cosignature => "note",
            Self::ReleaseSignature => "sig",
            Self::TrustRoot
            | Self::TrustIndex
            | Self::Policy
            | Self::Release
            | Self::Manifest
            | Self::OtherManifest
            | Self::Topology
            | Self::Workspace
            | Self::Freeze
            | Self::Dataset
            | Self::Base
            | Self::Champion
            | Self::Declaration => "yaml",
        }
    }

    /// Whether it is named however long the list is. All others can be found from these.
    #[must_use]
    pub const fn is_essential(self) -> bool {
        match self {
            Self::Facts
            | Self::TrustRoot
            | Self::TrustIndex
            | Self::Policy
            | Self::Release
            | Self::ReleaseSignature
            | Self::Manifest => true,
            Self::OtherManifest
            | Self::Topology
            | Self::Workspace
            | Self::Freeze
            | Self::Dataset
            | Self::Base
            | Self::Champion
            | Self::Approval
            | Self::BadMark
            | Self::Act
            | Self::Attestation
            | Self::Cosignature
            | Self::Declaration => false,
        }
    }
}

/// An attempt that is about to act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// The promotion.
    pub promotion: Promotion,
    /// The attempt.
    pub attempt: AttemptId,
    /// The ledger index of the decision that permits it.
    pub decision: u64,
    /// Until when nobody else touches it.
    pub lease_until: Timestamp,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The promotion.
    pub promotion: Promotion,
    /// The attempt.
    pub attempt: AttemptId,
    /// How it ended.
    pub outcome: OutcomeKind,
    /// What stood in the way, unless it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The digest that was read back from the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_back: Option<TreeDigest>,
    /// The bytes that the version has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// What the pointer held before, as the workspace said.
    pub pointer_before: Option<TreeDigest>,
    /// What it held after.
    pub pointer_after: Option<TreeDigest>,
}

impl Event {
    /// The word for the event in tables and filters.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Adopted(_) => "adopted",
            Self::Registered(_) => "registered",
            Self::Received(_) => "received",
            Self::Refused { .. } => "refused",
            Self::Decided(_) => "decided",
            Self::Intended(_) => "intended",
            Self::TakenOver { .. } => "taken-over",
            Self::Ended(_) => "ended",
        }
    }

    /// The environment that an engine must be trusted for to record this; `None` for what concerns none in particular.
    #[must_use]
    pub const fn environment(&self) -> Option<&EnvironmentName> {
        match self {
            Self::Adopted(_) | Self::Registered(_) | Self::Received(_) | Self::Refused { .. } => {
                None
            }
            Self::Decided(judgement) => Some(&judgement.promotion.environment),
            Self::Intended(intent) => Some(&intent.promotion.environment),
            Self::TakenOver { environment, .. } => Some(environment),
            Self::Ended(outcome) => Some(&outcome.promotion.environment),
        }
    }
}
