//! What people do about promotions besides answering them: shown, signed, and handed in, as answers are.

mod draft;
mod incident;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use crate::attest::random;
use crate::context::Context;
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::model::act::{Act, Signing};
use crate::model::artifact::{ArtifactId, VersionId};
use crate::model::attestation::Statement;
use crate::model::id::{EnvironmentName, PrincipalName, WorkspaceName};
use crate::model::label::Tag;
use crate::model::period::Period;
use crate::model::snapshot::SnapshotId;
use crate::ops::act::draft::{facts_of, of_promotion};
use crate::ops::approve::{Desk, HandedIn};

/// What a person wants to do.
#[derive(Debug, Clone)]
pub struct ActRequest {
    /// What.
    pub what: What,
    /// Why, in the person's words.
    pub reason: String,
}

/// What a person wants to do, as it was typed.
#[derive(Debug, Clone)]
pub enum What {
    /// Let a version, or a snapshot of data, into a workspace that is not cleared for it.
    Declassify {
        /// What.
        of: Declassified,
        /// The workspace.
        workspace: WorkspaceName,
        /// The tags; all that the workspace is not cleared for when empty.
        tags: BTreeSet<Tag>,
        /// How long it holds.
        validity: Period,
        /// Take back what was said before.
        is_withdrawal: bool,
    },
    /// Let a promotion go on in an emergency.
    Override {
        /// The promotion, as a person types it.
        promotion: String,
        /// The gates; all that say no or not yet, and may be overridden, when empty.
        gates: BTreeSet<String>,
        /// How long it holds.
        validity: Period,
    },
    /// Look at what an override let through.
    Review(String),
    /// Stop an artifact in an environment, or one digest of it.
    Hold(Scope),
    /// Let it go on.
    Resume(Scope),
    /// End a promotion before it is made.
    Abort(String),
    /// Let a promotion that failed be tried again.
    Retry(String),
    /// Give a person access for an incident.
    GrantAccess(AccessAsked),
    /// Sign the access that somebody else asked for, by its id or the first digits of it.
    ApproveAccess(String),
    /// End it before its time.
    RevokeAccess(String),
    /// Look at what was done with it.
    ReviewAccess(String),
}

/// Access that is asked for.
#[derive(Debug, Clone)]
pub struct AccessAsked {
    /// Who gets it.
    pub person: PrincipalName,
    /// The environment; that of the workspace when left out.
    pub environment: Option<EnvironmentName>,
    /// Only this workspace.
    pub workspace: Option<WorkspaceName>,
    /// What the person may do.
    pub role: String,
    /// For how long from now, or until when.
    pub until: Until,
}

/// How long something holds.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// For so long from now.
    For(Period),
    /// Until then.
    Time(Timestamp),
}

/// What tags are let through of.
#[derive(Debug, Clone)]
pub enum Declassified {
    /// A version.
    Version(VersionId),
    /// A snapshot of a dataset, so that what is made from it in the workspace does not carry them.
    Snapshot(SnapshotId),
}

/// What a hold is of, as it was typed.
#[derive(Debug, Clone)]
pub struct Scope {
    /// The artifact.
    pub artifact: ArtifactId,
    /// The environment.
    pub environment: EnvironmentName,
    /// One digest, whole or its first digits.
    pub digest: Option<String>,
}

/// What is about to be signed, so that a person sees it first.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActDraft {
    /// The act.
    pub act: Act,
    /// The printed name of who would sign.
    pub printed_name: String,
    /// What it is about, in words: name and value.
    pub facts: Vec<(&'static str, String)>,
    /// Why it would not do what is meant, if it would not.
    pub warnings: Vec<String>,
}

/// Parts of a draft.
pub(super) type Drafted = (Act, Vec<(&'static str, String)>, Vec<String>);

impl Desk {
    /// Finds what is meant and says what would be signed.
    ///
    /// # Errors
    ///
    /// When there is no such thing, or it cannot be done.
    pub fn draft_act(&self, request: &ActRequest) -> Result<ActDraft> {
        let signing = self.signing(&request.reason)?;
        let (act, facts, warnings) = match &request.what {
            What::Declassify {
                of,
                workspace,
                tags,
                validity,
                is_withdrawal,
            } => {
                let asked = (!is_withdrawal).then_some(tags);
                self.draft_declassification(signing, of, workspace, (asked, *validity))?
            }
            What::Override {
                promotion,
                gates,
                validity,
            } => self.draft_override(signing, promotion, gates, *validity)?,
            What::Review(text) => self.draft_review(signing, text)?,
            What::Abort(text) => {
                let promotion = self.draft(text)?.judged.promotion;
                let facts = facts_of(&promotion);
                let act = Act::Abort(of_promotion(signing, &promotion));
                (act, facts, Vec::new())
            }
            What::Retry(text) => self.draft_retry(signing, text)?,
            What::Hold(scope) => {
                let (of, facts) = self.scope(signing, scope)?;
                (Act::Hold(of), facts, Vec::new())
            }
            What::GrantAccess(asked) => self.draft_access(signing, asked)?,
            What::ApproveAccess(text) => self.draft_access_approval(signing, text)?,
            What::RevokeAccess(text) => self.draft_access_end(signing, text)?,
            What::ReviewAccess(text) => self.draft_access_review(signing, text)?,
            What::Resume(scope) => {
                let (of, facts) = self.scope(signing, scope)?;
                (Act::Resume(of), facts, Vec::new())
            }
        };
        Ok(ActDraft {
            printed_name: self.world.printed_name(&act.signing().principal),
            act,
            facts,
            warnings,
        })
    }

    /// Signs an act and hands it in.
    ///
    /// # Errors
    ///
    /// When it cannot be signed or pushed.
    pub fn sign_act(&self, context: &Context, draft: &ActDraft) -> Result<HandedIn> {
        let act = &draft.act;
        let (subject, kind) = (act.subject(), act.predicate_type());
        match act {
            Act::Declassify(of) => self.hand_in(context, &Statement::new(subject, kind, of)),
            Act::Override(of) => self.hand_in(context, &Statement::new(subject, kind, of)),
            Act::Review(of) | Act::Abort(of) | Act::Retry(of) => {
                self.hand_in(context, &Statement::new(subject, kind, of))
            }
            Act::GrantAccess(of) => self.hand_in(context, &Statement::new(subject, kind, of)),
            Act::RevokeAccess(of) | Act::ReviewAccess(of) => {
                self.hand_in(context, &Statement::new(subject, kind, of))
            }
            Act::Hold(of) | Act::Resume(of) => {
                self.hand_in(context, &Statement::new(subject, kind, of))
            }
        }
    }

    fn signing(&self, reason: &str) -> Result<Signing> {
        if reason.trim().is_empty() {
            return Err(Failure::new(FailureKind::Usage, "the reason is empty"));
        }
        Ok(Signing {
            ledger: self.world.ledger.clone(),
            principal: self.person.principal.clone(),
            reason: reason.to_owned(),
            issued_at: self.world.pending.now(),
            nonce: random::nonce().or_fail(FailureKind::Internal)?,
        })
    }
}
