//! What people say about promotions, as predicates of statements that they sign with their own keys.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::digest::{Sha256, TreeDigest};
use crate::model::id::{EnvironmentName, PrincipalName, WorkspaceName};
use crate::model::promotion::{Direction, PromotionId};
use crate::model::workspace::Slot;

/// The SSHSIG namespace of statements about promotions. A signature made for another purpose cannot pass as one.
pub const APPROVAL_NAMESPACE: &str = "approval@promote.dev";
/// The SSHSIG namespace of version manifests.
pub const MANIFEST_NAMESPACE: &str = "manifest@promote.dev";
/// The SSHSIG namespace of releases.
pub const RELEASE_NAMESPACE: &str = "release@promote.dev";
/// The SSHSIG namespace of `trust/root.yaml` and `trust/index.yaml`.
pub const TRUST_NAMESPACE: &str = "trust@promote.dev";

/// The predicate type of approvals and rejections.
pub const APPROVAL_TYPE: &str = "https://promote.dev/promotion-approval/v1";
/// The predicate type of statements that a digest is bad.
pub const MARK_BAD_TYPE: &str = "https://promote.dev/mark-bad/v1";

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApprovalDecision {
    /// The promotion may go on.
    Approve,
    /// It may not; wins over approvals until the same person approves again.
    Reject,
    /// The person takes back what they said before.
    Withdraw,
}

/// A principal's answer to one promotion of one digest. Every field binds: a statement that differs in one from the
/// promotion at hand is not an answer to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Approval {
    /// Yes or no.
    pub decision: ApprovalDecision,
    /// What it is bound to.
    pub binding: ApprovalBinding,
    /// What the signer means by it, in words; kept because auditors ask for the meaning of a signature.
    pub meaning: String,
    /// Who signs. The key decides; this must agree with it.
    pub principal: PrincipalName,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// From when on it no longer counts.
    pub expires_at: Timestamp,
    /// Random, so that no two statements are the same.
    pub nonce: String,
}

/// The facts of a promotion that an approval names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApprovalBinding {
    /// The promotion.
    pub promotion: PromotionId,
    /// The ledger's origin line, so that an approval cannot move to another organisation.
    pub ledger: String,
    /// The digest.
    pub digest: TreeDigest,
    /// Where the bytes come from.
    pub from: WorkspaceName,
    /// The environment that is entered.
    pub environment: EnvironmentName,
    /// The slot that is written.
    pub to: Slot,
    /// Forward or rollback.
    pub direction: Direction,
    /// The digest that is replaced.
    pub replaces: Option<TreeDigest>,
    /// The SHA-256 of the gates that judge this promotion, so that other edits of policies do not void it.
    pub policy: Sha256,
    /// The SHA-256 of the version's manifest, which holds its lineage and metrics.
    pub manifest: Sha256,
}

/// A principal's statement that a digest must not be promoted anywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MarkBad {
    /// The ledger's origin line.
    pub ledger: String,
    /// The digest.
    pub digest: TreeDigest,
    /// Why.
    pub reason: String,
    /// Who signs.
    pub principal: PrincipalName,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// Random, so that no two statements are the same.
    pub nonce: String,
}
