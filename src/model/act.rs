//! What people do about promotions besides answering them, as predicates of statements that they sign.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::approval::ApprovalBinding;
use crate::model::artifact::ArtifactId;
use crate::model::attestation::Subject;
use crate::model::digest::{Sha256, TreeDigest};
use crate::model::id::{EnvironmentName, GroupName, PrincipalName, WorkspaceName};
use crate::model::incident::{AccessGrant, OfAccess};
use crate::model::label::Tag;
use crate::model::principal::KeyFingerprint;
use crate::model::promotion::PromotionId;

/// How far the clock of a signer may run ahead of the ledger's.
pub const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(5);
/// The longest that an override holds.
pub const OVERRIDE_LIMIT: SignedDuration = SignedDuration::from_hours(24);
/// The longest that a declassification holds.
pub const DECLASSIFICATION_LIMIT: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Who signs an act, when, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Signing {
    /// The ledger's origin line, so that a statement cannot move to another organisation.
    pub ledger: String,
    /// Who signs. The key decides; this must agree with it.
    pub principal: PrincipalName,
    /// Why, in the signer's words.
    pub reason: String,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// Random, so that no two statements are the same.
    pub nonce: String,
}

/// Leave for one digest to be in one workspace that is not cleared for all of its tags. Counts once enough owners of each
/// tag say the same. The latest one of a person about a digest and a workspace counts; one without tags takes it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Declassification {
    /// Who, when and why.
    pub signing: Signing,
    /// The digest.
    pub digest: TreeDigest,
    /// The only workspace that it is for.
    pub workspace: WorkspaceName,
    /// The tags that are let through.
    pub tags: BTreeSet<Tag>,
    /// What the label was made from when this was signed: any change of that ends it.
    pub basis: Sha256,
    /// From when on it no longer counts.
    pub expires_at: Timestamp,
}

/// An emergency: one promotion goes on although gates say no. It never covers flow, edge, digest, signatures or separation
/// of duties, and nothing that could not be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Override {
    /// Who, when and why.
    pub signing: Signing,
    /// What it is bound to, as an approval is.
    pub binding: ApprovalBinding,
    /// The gates that are overridden.
    pub gates: BTreeSet<String>,
    /// From when on it no longer counts: at most [`OVERRIDE_LIMIT`] after it was issued.
    pub expires_at: Timestamp,
}

/// What is said about one promotion: a review after an override, an abort, or leave to try again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OfPromotion {
    /// Who, when and why.
    pub signing: Signing,
    /// The promotion.
    pub promotion: PromotionId,
    /// Its digest.
    pub digest: TreeDigest,
}

/// What a hold is of: an artifact in an environment, or one digest of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OfArtifact {
    /// Who, when and why.
    pub signing: Signing,
    /// The environment.
    pub environment: EnvironmentName,
    /// The artifact.
    pub artifact: ArtifactId,
    /// Only this digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<TreeDigest>,
}

/// What a person does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", content = "of", rename_all = "kebab-case")]
pub enum Act {
    /// Lets one digest into one workspace that is not cleared for it.
    Declassify(Declassification),
    /// Lets one promotion go on in an emergency.
    Override(Box<Override>),
    /// Looks at what was done in an emergency, afterwards.
    Review(OfPromotion),
    /// Stops promotions.
    Hold(OfArtifact),
    /// Lets them go on.
    Resume(OfArtifact),
    /// Ends one promotion before it is made.
    Abort(OfPromotion),
    /// Lets a promotion that failed be tried again.
    Retry(OfPromotion),
    /// Gives a person access for an incident.
    GrantAccess(Box<AccessGrant>),
    /// Ends it before its time.
    RevokeAccess(OfAccess),
    /// Looks at what was done with it, afterwards.
    ReviewAccess(OfAccess),
}

impl Act {
    /// The predicate types, each with the word for the act.
    pub const TYPES: [(&str, &str); 10] = [
        ("declassify", "https://promote.dev/declassification/v1"),
        ("override", "https://promote.dev/override/v1"),
        ("review", "https://promote.dev/override-review/v1"),
        ("hold", "https://promote.dev/hold/v1"),
        ("resume", "https://promote.dev/resume/v1"),
        ("abort", "https://promote.dev/abort/v1"),
        ("retry", "https://promote.dev/retry/v1"),
        ("grant-access", "https://promote.dev/access-grant/v1"),
        ("revoke-access", "https://promote.dev/access-revocation/v1"),
        ("review-access", "https://promote.dev/access-review/v1"),
    ];

    /// The word for the act: that of its command.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Declassify(_) => "declassify",
            Self::Override(_) => "override",
            Self::Review(_) => "review",
            Self::Hold(_) => "hold",
            Self::Resume(_) => "resume",
            Self::Abort(_) => "abort",
            Self::Retry(_) => "retry",
            Self::GrantAccess(_) => "grant-access",
            Self::RevokeAccess(_) => "revoke-access",
            Self::ReviewAccess(_) => "review-access",
        }
    }

    /// The predicate type of its statement.
    #[must_use]
    pub fn predicate_type(&self) -> &'static str {
        let own = Self::TYPES.iter().find(|(word, _)| *word == self.word());
        own.map_or("", |(_, predicate_type)| predicate_type)
    }

    /// Who, when and why.
    #[must_use]
    pub const fn signing(&self) -> &Signing {
        match self {
            Self::Declassify(of) => &of.signing,
            Self::Override(of) => &of.signing,
            Self::Review(of) | Self::Abort(of) | Self::Retry(of) => &of.signing,
            Self::Hold(of) | Self::Resume(of) => &of.signing,
            Self::GrantAccess(of) => &of.signing,
            Self::RevokeAccess(of) | Self::ReviewAccess(of) => &of.signing,
        }
    }

    /// The digest that it is about; `None` for an artifact whatever its digest.
    #[must_use]
    pub const fn digest(&self) -> Option<TreeDigest> {
        match self {
            Self::Declassify(of) => Some(of.digest),
            Self::Override(of) => Some(of.binding.digest),
            Self::Review(of) | Self::Abort(of) | Self::Retry(of) => Some(of.digest),
            Self::Hold(of) | Self::Resume(of) => of.digest,
            Self::GrantAccess(_) | Self::RevokeAccess(_) | Self::ReviewAccess(_) => None,
        }
    }

    /// The promotion that it is about; `None` for what is about a digest or an artifact.
    #[must_use]
    pub const fn promotion(&self) -> Option<&PromotionId> {
        match self {
            Self::Override(of) => Some(&of.binding.promotion),
            Self::Review(of) | Self::Abort(of) | Self::Retry(of) => Some(&of.promotion),
            Self::Declassify(_)
            | Self::Hold(_)
            | Self::Resume(_)
            | Self::GrantAccess(_)
            | Self::RevokeAccess(_)
            | Self::ReviewAccess(_) => None,
        }
    }

    /// The subject of its statement.
    #[must_use]
    pub fn subject(&self) -> Subject {
        let access = |id: Sha256| Subject::file("access".to_owned(), id);
        match (self.digest(), self) {
            (Some(digest), _) => Subject::artifact("artifact".to_owned(), digest),
            (None, Self::Hold(of) | Self::Resume(of)) => {
                let name = format!("{}/{}", of.environment, of.artifact);
                let sha256 = Sha256::of(name.as_bytes());
                Subject::file(name, sha256)
            }
            (None, Self::GrantAccess(of)) => access(of.terms.id()),
            (None, Self::RevokeAccess(of) | Self::ReviewAccess(of)) => access(of.access),
            (None, other) => Subject::file(other.word().to_owned(), Sha256::of(b"")),
        }
    }
}

/// A statement of a person, as the ledger received it and gates see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Heard<T> {
    /// What was said.
    pub said: T,
    /// The SHA-256 of the statement.
    pub statement: Sha256,
    /// Who signed it, by key.
    pub signer: PrincipalName,
    /// The key.
    pub key: KeyFingerprint,
    /// The groups that the signer was in then.
    pub groups_at_receipt: BTreeSet<GroupName>,
    /// When the ledger received it.
    pub received_at: Timestamp,
    /// Whether the key is still the signer's.
    pub key_is_trusted: bool,
}

impl<T> Heard<T> {
    /// Whether the signer was in a group when it was received, and is one of its `members` now.
    #[must_use]
    pub fn speaks_for(&self, group: &GroupName, members: &BTreeSet<PrincipalName>) -> bool {
        self.groups_at_receipt.contains(group) && members.contains(&self.signer)
    }

    /// Whether it is a statement of who it says, made by a key that still counts and not dated into the future.
    #[must_use]
    pub fn is_genuine(&self, signing: &Signing) -> bool {
        signing.principal == self.signer
            && self.key_is_trusted
            && signing.issued_at.duration_since(self.received_at) <= CLOCK_TOLERANCE
    }
}

/// Whether something that holds from one time to another, for at most `limit`, holds at `now`.
#[must_use]
pub fn holds_at(
    now: Timestamp,
    issued_at: Timestamp,
    expires_at: Timestamp,
    limit: SignedDuration,
) -> bool {
    expires_at.duration_since(issued_at) <= limit && now < expires_at
}
