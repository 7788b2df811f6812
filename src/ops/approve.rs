//! `promote approve`, `promote reject` and `promote mark-bad`: what people sign.
//!
//! The statement is shown, signed with the person's own key, and pushed to the inbox. No key of an engine is needed, and no
//! engine can make one up.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::attest::random;
use crate::context::Context;
use crate::engine::Engine;
use crate::engine::evidence::Judged;
use crate::engine::inbox::{INBOX_BRANCH, STATEMENTS_FOLDER};
use crate::engine::world::World;
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::git::commit::NewCommit;
use crate::git::error::GitError;
use crate::model::approval::{
    APPROVAL_NAMESPACE, APPROVAL_TYPE, Approval, ApprovalBinding, ApprovalDecision, MARK_BAD_TYPE,
    MarkBad,
};
use crate::model::artifact::VersionId;
use crate::model::attestation::{Statement, Subject};
use crate::model::digest::{Sha256, TreeDigest};
use crate::model::id::{EnvironmentName, PrincipalName};
use crate::model::period::Period;
use crate::model::principal::KeyFingerprint;
use crate::model::promotion::Promotion;
use crate::ops::person::Person;

/// How often a statement is pushed again on top of somebody else's.
const TRIES: usize = 10;
/// How long an approval holds unless asked otherwise: a week.
pub const DEFAULT_VALIDITY: &str = "7d";

/// Which promotions a person answers.
#[derive(Debug, Clone)]
pub enum Asked {
    /// One, as a person types it.
    One(String),
    /// All that would bring a version into an environment: those of one rollout.
    All(VersionId, EnvironmentName),
}

/// What to answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Yes or no.
    pub decision: ApprovalDecision,
    /// What the signer means by it.
    pub meaning: String,
    /// How long it holds.
    pub validity: Period,
}

/// What is about to be signed, so that a person sees it first.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Draft {
    /// The promotion with every gate's answer.
    #[serde(skip)]
    pub judged: Judged,
    /// What the statement binds.
    pub binding: ApprovalBinding,
    /// Who would sign.
    pub principal: PrincipalName,
    /// The printed name.
    pub printed_name: String,
    /// Why the signature would not count, if it would not.
    pub warnings: Vec<String>,
}

/// What was handed in.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HandedIn {
    /// The SHA-256 of the statement.
    pub statement: Sha256,
    /// Who signed.
    pub principal: PrincipalName,
    /// The key.
    pub key: KeyFingerprint,
    /// The file in the inbox.
    pub path: String,
    /// The commit of the inbox.
    pub commit: String,
    /// The promotion, unless it is about a digest alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promotion: Option<String>,
}

/// A person who is about to sign, with the world they see.
#[derive(Debug)]
pub struct Desk {
    pub(super) engine: Engine,
    pub(super) world: World,
    pub(super) person: Person,
}

impl Desk {
    /// Looks at the world with the person's eyes.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or the person's key is nobody's.
    pub fn open(context: &Context) -> Result<Self> {
        let mut engine = context.observer()?;
        let world = engine.observe()?;
        let person = Person::of(context, &world.people)?;
        Ok(Self {
            engine,
            world,
            person,
        })
    }

    /// Finds what a person means and says what would be signed, one statement for each promotion.
    ///
    /// # Errors
    ///
    /// When no such promotion waits.
    pub fn drafts(&self, asked: &Asked) -> Result<Vec<Draft>> {
        match asked {
            Asked::One(promotion) => Ok(vec![self.draft(promotion)?]),
            Asked::All(version, environment) => {
                let all = self.find_all(version, environment)?.into_iter();
                all.map(|judged| self.drafted(judged)).collect()
            }
        }
    }

    pub(super) fn draft(&self, promotion: &str) -> Result<Draft> {
        self.drafted(self.find(promotion)?)
    }

    fn drafted(&self, judged: Judged) -> Result<Draft> {
        let binding = judged.evidence.binding(&judged.promotion).ok_or_else(|| {
            Failure::new(FailureKind::Denied, "no workspace that the target accepts has the bytes, so there is nothing to approve")
        })?;
        let warnings = self.warnings(&judged);
        let printed_name = self.world.printed_name(&self.person.principal);
        Ok(Draft {
            judged,
            binding,
            principal: self.person.principal.clone(),
            printed_name,
            warnings,
        })
    }

    /// Signs an answer to a draft and hands it in.
    ///
    /// # Errors
    ///
    /// When it cannot be signed or pushed.
    pub fn answer(&self, context: &Context, draft: &Draft, answer: &Answer) -> Result<HandedIn> {
        let issued_at = self.world.pending.now();
        let approval = Approval {
            decision: answer.decision,
            binding: draft.binding.clone(),
            meaning: answer.meaning.clone(),
            principal: self.person.principal.clone(),
            issued_at,
            expires_at: expiry(issued_at, answer.validity)?,
            nonce: random::nonce().or_fail(FailureKind::Internal)?,
        };
        let promotion = &draft.judged.promotion;
        let subject = Subject::artifact(name_of(promotion), promotion.digest);
        let handed = self.hand_in(context, &Statement::new(subject, APPROVAL_TYPE, approval))?;
        Ok(HandedIn {
            promotion: Some(promotion.id.short()),
            ..handed
        })
    }

    /// Signs that a digest is bad and hands it in.
    ///
    /// # Errors
    ///
    /// When it cannot be signed or pushed.
    pub fn mark_bad(
        &self,
        context: &Context,
        digest: TreeDigest,
        reason: &str,
    ) -> Result<HandedIn> {
        let mark = MarkBad {
            ledger: self.world.ledger.clone(),
            digest,
            reason: reason.to_owned(),
            principal: self.person.principal.clone(),
            issued_at: self.world.pending.now(),
            nonce: random::nonce().or_fail(FailureKind::Internal)?,
        };
        self.hand_in(
            context,
            &Statement::new(
                Subject::artifact("artifact".to_owned(), digest),
                MARK_BAD_TYPE,
                mark,
            ),
        )
    }

    /// The digest that a person typed: whole, or at least six digits of one that is registered.
    ///
    /// # Errors
    ///
    /// When there is none, or several.
    pub fn find_digest(&self, text: &str) -> Result<TreeDigest> {
        if let Ok(digest) = text.parse() {
            return Ok(digest);
        }
        let hex = text.strip_prefix(TreeDigest::PREFIX).unwrap_or(text);
        let all = self
            .world
            .state()
            .registrations
            .values()
            .flatten()
            .map(|(_, registration)| registration.digest);
        let found: std::collections::BTreeSet<TreeDigest> = all
            .filter(|digest| hex.len() >= 6 && digest.sha256().to_string().starts_with(hex))
            .collect();
        let mut found = found.into_iter();
        match (found.next(), found.next()) {
            (Some(digest), None) => Ok(digest),
            (Some(_), Some(_)) => Err(Failure::new(
                FailureKind::Usage,
                format!("`{text}` fits several digests"),
            )
            .hint("write more of it")),
            (None, _) => Err(Failure::new(
                FailureKind::Invalid,
                format!("no registered digest begins with `{text}`"),
            )
            .hint("write `dirhash1:` and all 64 digits")),
        }
    }

    fn find(&self, text: &str) -> Result<Judged> {
        let judged = self.engine.survey(&self.world, Vec::new())?.judged;
        let names: Vec<String> = judged
            .iter()
            .map(|judged| judged.promotion.id.short())
            .collect();
        let mut found = judged
            .into_iter()
            .filter(|judged| judged.promotion.id.matches(text));
        match (found.next(), found.next()) {
            (Some(judged), None) => Ok(judged),
            (Some(_), Some(_)) => Err(Failure::new(
                FailureKind::Usage,
                format!("`{text}` fits several promotions"),
            )
            .hint("write more of it")),
            (None, _) => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                Err(crate::ops::plan::unknown(
                    "promotion that is to be made",
                    text,
                    &names,
                ))
            }
        }
    }

    fn find_all(&self, version: &VersionId, environment: &EnvironmentName) -> Result<Vec<Judged>> {
        let judged = self.engine.survey(&self.world, Vec::new())?.judged;
        let is_meant = |judged: &Judged| {
            judged.promotion.slot.artifact == version.artifact
                && judged.promotion.version == version.version
                && judged.promotion.environment == *environment
        };
        let found: Vec<Judged> = judged.into_iter().filter(is_meant).collect();
        if found.is_empty() {
            let message = format!("`{version}` is not to be promoted to `{environment}`");
            return Err(
                Failure::new(FailureKind::Invalid, message).hint("`promote plan` shows what is")
            );
        }
        Ok(found)
    }

    /// Reasons why this person's answer would not count, so that nobody signs in vain.
    fn warnings(&self, judged: &Judged) -> Vec<String> {
        let mut warnings = Vec::new();
        if judged.evidence.barred().contains(&self.person.principal) {
            warnings.push(format!(
                "`{}` made this version or asked for this promotion, so an approval will not count",
                self.person.principal
            ));
        }
        if self
            .world
            .people
            .groups_of(&self.person.principal)
            .is_empty()
        {
            warnings.push(format!(
                "`{}` is in no group, so an approval will not count",
                self.person.principal
            ));
        }
        warnings
    }

    pub(super) fn hand_in<P: Serialize>(
        &self,
        context: &Context,
        statement: &Statement<P>,
    ) -> Result<HandedIn> {
        let bytes = serde_json::to_vec(statement).or_fail(FailureKind::Internal)?;
        let signature = self.person.sign(context, APPROVAL_NAMESPACE, &bytes)?;
        let sha256 = Sha256::of(&bytes);
        let path = format!("{STATEMENTS_FOLDER}/{sha256}.json");
        let signature_path = format!("{path}.{}.sig", self.person.fingerprint.file_name());
        let changes = BTreeMap::from([
            (path.clone(), Some(bytes)),
            (signature_path, Some(signature.into_bytes())),
        ]);
        let commit = push_to_inbox(context, &self.engine, &changes, &self.person)?;
        Ok(HandedIn {
            statement: sha256,
            principal: self.person.principal.clone(),
            key: self.person.fingerprint.clone(),
            path,
            commit,
            promotion: None,
        })
    }
}

fn push_to_inbox(
    context: &Context,
    engine: &Engine,
    changes: &BTreeMap<String, Option<Vec<u8>>>,
    person: &Person,
) -> Result<String> {
    let repository = engine.repository();
    let author = context.committer(repository)?;
    let message = format!("inbox: a statement of {}", person.principal);
    for _ in 0..TRIES {
        let base = repository
            .fetch(&[INBOX_BRANCH])?
            .get(INBOX_BRANCH)
            .copied()
            .flatten();
        let new = NewCommit {
            base,
            changes,
            message: &message,
            author: &author,
            time: context.clock.now(),
            sign: None,
        };
        let id = repository.commit_files(new)?;
        match repository.advance(INBOX_BRANCH, base, id) {
            Ok(_) => return Ok(id.to_string()),
            Err(GitError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Failure::new(
        FailureKind::Conflict,
        "others push to the inbox faster than this can",
    )
    .hint("try again"))
}

pub(super) fn expiry(issued_at: Timestamp, validity: Period) -> Result<Timestamp> {
    issued_at
        .checked_add(validity.duration())
        .or_fail(FailureKind::Usage)
}

fn name_of(promotion: &Promotion) -> String {
    format!("{}@{}", promotion.slot.artifact, promotion.version)
}
