//! What a bundle says, once it was checked.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use crate::gate::evidence::AttestationFinding;
use crate::model::approval::ApprovalDecision;
use crate::model::artifact::VersionId;
use crate::model::attestation::AttestationName;
use crate::model::digest::{Sha256, TreeDigest};
use crate::model::event::Registration;
use crate::model::id::{EnvironmentName, GroupName, WorkspaceName};
use crate::model::label::Label;
use crate::model::lineage::Lineage;
use crate::model::promotion::OutcomeKind;
use crate::model::verdict::DecisionResult;
use crate::ops::history::Who;

/// What a bundle says.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BundleFacts {
    /// The version, as the sender names it.
    pub version: VersionId,
    /// Its digest.
    pub digest: TreeDigest,
    /// How many files it has.
    pub files: usize,
    /// All their bytes, counted.
    pub size: u64,
    /// The SHA-256 of its OCI manifest: what registries call its digest.
    pub manifest: Sha256,
    /// Whether its files are in the bundle, and have its digest. They are not in what was kept from an import.
    pub has_files: bool,
    /// The sender's ledger.
    pub ledger: LedgerFacts,
    /// The tags that the ledger has seen on it, and what the sender says besides: they only add.
    pub label: Label,
    /// When it was registered, under this name.
    pub registered: RegisteredFacts,
    /// What it was made from; `None` when its manifest does not say.
    pub lineage: Option<Lineage>,
    /// Manifests of what is behind it.
    pub behind: Vec<BehindFacts>,
    /// What was decided about it.
    pub decisions: Vec<DecisionFacts>,
    /// Where it was written to.
    pub places: Vec<PlaceFacts>,
    /// Who answered, in the order the ledger heard them.
    pub approvals: Vec<ApprovalFacts>,
    /// What else people said of it, each as entry and word.
    pub acts: Vec<ActFacts>,
    /// Attestations beside it.
    pub attestations: Vec<AttestedFacts>,
    /// All entries in the bundle.
    pub entries: Vec<u64>,
    /// What was not verified, in words.
    pub not_verified: Vec<String>,
}

/// A ledger, as a bundle shows it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LedgerFacts {
    /// Its name.
    pub name: String,
    /// The number of entries that the checkpoint covers.
    pub size: u64,
    /// The root of the tree over those.
    pub root: Sha256,
    /// The verifier key that signed the checkpoint; `None` when none was named, and nothing vouches for it.
    pub key: Option<String>,
}

/// A registration.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisteredFacts {
    /// Its entry.
    pub entry: u64,
    /// When it was recorded.
    pub at: Timestamp,
    /// The workspace that the version was made in.
    pub workspace: WorkspaceName,
    /// Its environment.
    pub environment: EnvironmentName,
    /// Who signed the manifest.
    pub producer: Option<Who>,
    /// The SHA-256 of the manifest.
    pub manifest: Sha256,
}

impl RegisteredFacts {
    pub(super) fn new(
        entry: u64,
        at: Timestamp,
        registered: &Registration,
        producer: Option<Who>,
    ) -> Self {
        Self {
            entry,
            at,
            workspace: registered.workspace.clone(),
            environment: registered.environment.clone(),
            producer,
            manifest: registered.manifest,
        }
    }
}

/// A manifest of something behind the version.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BehindFacts {
    /// Its path in the sender's repository.
    pub path: String,
    /// The entry that names it by hash; `None` when the sender says so and no entry does.
    pub entry: Option<u64>,
}

/// A decision.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DecisionFacts {
    /// Its entry.
    pub entry: u64,
    /// When it was made.
    pub at: Timestamp,
    /// The environment.
    pub environment: EnvironmentName,
    /// The workspace.
    pub workspace: WorkspaceName,
    /// What was decided.
    pub result: DecisionResult,
}

/// How a promotion ended.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlaceFacts {
    /// Its entry.
    pub entry: u64,
    /// When it was recorded.
    pub at: Timestamp,
    /// The environment.
    pub environment: EnvironmentName,
    /// The workspace.
    pub workspace: WorkspaceName,
    /// How it ended.
    pub outcome: OutcomeKind,
}

/// An answer.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalFacts {
    /// Its entry.
    pub entry: u64,
    /// When the ledger heard it.
    pub at: Timestamp,
    /// Who.
    pub who: Who,
    /// The groups that the person was in.
    pub groups: BTreeSet<GroupName>,
    /// Yes or no.
    pub decision: ApprovalDecision,
    /// What the person meant by it.
    pub meaning: String,
    /// The environment.
    pub environment: EnvironmentName,
    /// The workspace.
    pub workspace: WorkspaceName,
    /// Whether the key was revoked since, as of that entry.
    pub is_revoked: bool,
}

/// What else a person said.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActFacts {
    /// Its entry.
    pub entry: u64,
    /// Who.
    pub who: Who,
    /// The word for it, such as `mark-bad`.
    pub word: String,
    /// Why, in their words.
    pub reason: String,
}

/// An attestation.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttestedFacts {
    /// Its name.
    pub name: AttestationName,
    /// What it is to the version, by the attesters that the sender trusted last.
    pub found: AttestationFinding,
}
