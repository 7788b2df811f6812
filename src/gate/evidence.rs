//! The facts that gates judge. Recorded whole beside each decision, so that an auditor can decide again.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::flow::declassification::{Claim, Lowered, Owners, lowered};
use crate::gate::pipelines::{NeedFacts, PipelineFacts, RetrainFacts};
use crate::manifest::freeze::FreezeSpec;
use crate::manifest::policy::{OverrideSpec, RollbackSpec};
use crate::model::act::{Declassification, Heard, OfArtifact, OfPromotion, Override};
use crate::model::approval::{Approval, ApprovalBinding};
use crate::model::artifact::VersionId;
use crate::model::attestation::AttestationName;
use crate::model::digest::{Sha256, TreeDigest};
use crate::model::id::{
    AttesterName, EnvironmentName, FreezeName, GroupName, MetricName, PrincipalName, WorkspaceName,
};
use crate::model::label::{Label, Tag};
use crate::model::principal::KeyFingerprint;
use crate::model::promotion::{Promotion, PromotionId};
use crate::model::workspace::WorkspaceFacts;

/// Everything a gate may look at. What could not be told is said to be unknown, never left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// The ledger's time: never earlier than its last entry, whatever the machine's clock says.
    pub now: Timestamp,
    /// The ledger's origin line.
    pub ledger: String,
    /// The SHA-256 of the gates that judge this promotion, in canonical JSON.
    pub policy: Sha256,
    /// What the policy says of going back, when it says anything.
    pub rollback: Option<RollbackSpec>,
    /// The version.
    pub version: VersionFacts,
    /// The workspace to be written.
    pub target: WorkspaceFacts,
    /// The principals of each group now.
    pub groups: BTreeMap<GroupName, BTreeSet<PrincipalName>>,
    /// Approvals and rejections that name this promotion, in the order the ledger received them.
    pub approvals: Vec<ApprovalFacts>,
    /// Whether the branch that approvals come in through is what it was.
    pub inbox: InboxFacts,
    /// Where the digest is held, by environment.
    pub held: BTreeMap<EnvironmentName, Vec<HeldFacts>>,
    /// The freezes that name the target's environment.
    pub freezes: BTreeMap<FreezeName, FreezeSpec>,
    /// What the slot holds now, with its metrics.
    pub champion: Option<ChampionFacts>,
    /// Statements that the digest is bad.
    pub marked_bad: Vec<MarkedBadFacts>,
    /// The attestations beside the version's manifest, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attestations: Vec<AttestationFacts>,
    /// The commit that asks for the promotion.
    pub request: RequestFacts,
    /// What people did, besides answering this promotion.
    #[serde(default, skip_serializing_if = "ActFacts::is_empty")]
    pub acts: ActFacts,
    /// Who may override gates; nobody when it is `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bypass: Option<OverrideSpec>,
    /// The groups that the policies ask for approvals, for going back, or for overrides: who of them may end what others
    /// began.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub lifters: BTreeSet<GroupName>,
    /// What witnesses have said of the ledger; `None` when no gate asks, or it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witnessed: Option<WitnessFacts>,
    /// What is known of the pipeline, when it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<PipelineFacts>,
    /// What it needs in the target's environment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<NeedFacts>,
    /// What is known of how it was made, when a pipeline made it in the target workspace itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retrain: Option<RetrainFacts>,
}

/// What is known of the version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionFacts {
    /// Its name and version.
    pub id: VersionId,
    /// The SHA-256 of its manifest.
    pub manifest: Sha256,
    /// The label of everything it was made from; `None` when it could not be computed.
    pub label: Option<Label>,
    /// What the label is made from; there when somebody declassified anything of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Sha256>,
    /// What is missing in its lineage, in words; empty when it is complete.
    pub lineage_gaps: Vec<String>,
    /// Its metrics.
    pub metrics: BTreeMap<MetricName, f64>,
    /// Its model card.
    pub card: CardFacts,
    /// The principals who made it: signers of its manifest and of every other manifest of its digest.
    pub authors: BTreeSet<PrincipalName>,
    /// Whether a manifest of its digest has no valid signature, so that not all authors are known.
    pub has_unknown_author: bool,
}

/// What is known of a model card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CardFacts {
    /// The manifest names none.
    Missing,
    /// The manifest names a file that the version does not have.
    Dangling,
    /// The version has it.
    Present,
}

/// An approval or rejection, as the ledger received it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalFacts {
    /// What was signed. Its signature was verified before it came into the ledger.
    pub approval: Approval,
    /// The SHA-256 of the signed statement.
    pub statement: Sha256,
    /// Who signed, by key.
    pub signer: PrincipalName,
    /// The key.
    pub key: KeyFingerprint,
    /// When the ledger received it.
    pub received_at: Timestamp,
    /// The groups that the signer was in at that time.
    pub groups_at_receipt: BTreeSet<GroupName>,
    /// Whether the key is still one of the signer's.
    pub key_is_trusted: bool,
}

/// Whether the inbox is what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InboxFacts {
    /// Its history only grew.
    Intact,
    /// Its history was rewritten, so that a rejection may have been taken away.
    Rewritten,
    /// It could not be read.
    Unknown,
}

/// One workspace that holds the digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldFacts {
    /// The workspace.
    pub workspace: WorkspaceName,
    /// Since when its slot has held the digest without a break; `None` when it no longer does.
    pub since: Option<Timestamp>,
    /// Whether the bytes were verified there by reading them back.
    pub is_verified: bool,
}

/// What the slot holds now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChampionFacts {
    /// Its digest.
    pub digest: TreeDigest,
    /// Its metrics; `None` when its manifest is not known.
    pub metrics: Option<BTreeMap<MetricName, f64>>,
}

/// A statement that a digest is bad.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MarkedBadFacts {
    /// Who said so.
    pub principal: PrincipalName,
    /// Why.
    pub reason: String,
}

/// A signed statement of a machine about the version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttestationFacts {
    /// Its name.
    pub name: AttestationName,
    /// The SHA-256 of its bundle, which is in the evidence; `None` when it was too large to be read.
    pub bundle: Option<Sha256>,
    /// What it turned out to be.
    pub found: AttestationFinding,
}

/// What an attestation turned out to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum AttestationFinding {
    /// It is not good, or not about exactly the files of the version; says why.
    Bad(String),
    /// An attester has signed it, and it is about exactly the files of the version.
    Good {
        /// The type of its predicate.
        predicate_type: String,
        /// Who signed.
        signer: AttesterName,
    },
}

/// What witnesses have said of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WitnessFacts {
    /// How many of the first entries the decision rests on.
    pub needed: u64,
    /// The witnesses of the trust root by name, each with its newest good cosignature of this ledger.
    pub witnesses: BTreeMap<String, Option<CosignatureFacts>>,
    /// Genuine cosignatures of something that bears the ledger's name and is not this ledger, in words.
    pub conflicts: Vec<String>,
}

/// A cosigned checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CosignatureFacts {
    /// When the witness cosigned it, by its own clock.
    pub at: Timestamp,
    /// The number of entries that it covers.
    pub size: u64,
    /// The SHA-256 of the note, which is in `evidence/`.
    pub note: Sha256,
}

/// The commit and the signature that ask for a promotion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestFacts {
    /// The commit that last changed the release file.
    pub commit: String,
    /// The signature of that commit.
    pub commit_signature: SignatureFacts,
    /// The detached signature of the release file.
    pub release_signature: SignatureFacts,
    /// Principals whose addresses are on commits of the release file or of the version's manifest. They grant nothing
    /// and only add to whom may not approve.
    pub committers: BTreeSet<PrincipalName>,
}

/// What a signature turned out to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignatureFacts {
    /// There is none.
    Missing,
    /// There is one, and it is not good; says why.
    Bad(String),
    /// A good one, by this principal.
    By(PrincipalName),
}

/// What people did about a promotion, its digest and its slot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActFacts {
    /// What owners of tags said of this digest in the target workspace, in the order of the ledger.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub declassifications: Vec<Heard<Declassification>>,
    /// Who may let those tags through that the target is not cleared for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub owners: BTreeMap<Tag, Owners>,
    /// Overrides of this promotion, in the order of the ledger.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<Heard<Override>>,
    /// The promotions of this slot that an override let through, with what was said of them afterwards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reviews: Vec<ReviewFacts>,
    /// Holds of the artifact in this environment and their ends, in the order of the ledger.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<HoldFacts>,
    /// The rollback that left this digest, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abandoned: Option<AbandonedFacts>,
    /// Who aborted this promotion.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aborts: Vec<Heard<OfPromotion>>,
}

impl ActFacts {
    /// Whether nobody did anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A promotion that an override let through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReviewFacts {
    /// The promotion.
    pub promotion: PromotionId,
    /// Who signed an override of it, or made its digest.
    pub took_part: BTreeSet<PrincipalName>,
    /// The reviews.
    pub heard: Vec<Heard<OfPromotion>>,
}

/// A hold, or the end of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoldFacts {
    /// It began.
    Hold(Heard<OfArtifact>),
    /// It ended, if the signer may end it.
    Resume(Heard<OfArtifact>),
}

/// A rollback that left a digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AbandonedFacts {
    /// The rollback.
    pub promotion: PromotionId,
    /// When it was made.
    pub since: Timestamp,
}

impl Evidence {
    /// The tags of the digest that are let through into the target workspace.
    #[must_use]
    pub fn lowered(&self, digest: TreeDigest) -> Lowered {
        lowered(&Claim {
            digest,
            workspace: &self.target.name,
            basis: self.version.basis,
            now: self.now,
            producers: &self.version.authors,
            has_unknown_producer: self.version.has_unknown_author,
            owners: &self.acts.owners,
            heard: &self.acts.declassifications,
        })
    }

    /// What an approval of the promotion must bind, field by field; `None` while it has no source.
    #[must_use]
    pub fn binding(&self, promotion: &Promotion) -> Option<ApprovalBinding> {
        Some(ApprovalBinding {
            promotion: promotion.id.clone(),
            ledger: self.ledger.clone(),
            digest: promotion.digest,
            from: promotion.from.clone()?,
            environment: promotion.environment.clone(),
            to: promotion.slot.clone(),
            direction: promotion.direction,
            replaces: promotion.replaces,
            policy: self.policy,
            manifest: self.version.manifest,
        })
    }

    /// Everyone who may not approve: authors of the version, whoever asks for the promotion, and committers.
    #[must_use]
    pub fn barred(&self) -> BTreeSet<PrincipalName> {
        let mut barred = self.version.authors.clone();
        barred.extend(self.request.committers.iter().cloned());
        for signature in [
            &self.request.commit_signature,
            &self.request.release_signature,
        ] {
            match signature {
                SignatureFacts::By(principal) => {
                    barred.insert(principal.clone());
                }
                SignatureFacts::Missing | SignatureFacts::Bad(_) => {}
            }
        }
        barred
    }
}
