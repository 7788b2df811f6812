//! What is where, and why: a fold over the entries of the ledger. It can always be thrown away and made again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::model::artifact::VersionId;
use crate::model::digest::{Sha256, TreeDigest};
use crate::model::event::{
    Adoption, Entry, Event, Intent, Judgement, Outcome, Receipt, Registration, Said,
};
use crate::model::id::{AttemptId, EngineName, EnvironmentName};
use crate::model::label::Label;
use crate::model::promotion::{Direction, OutcomeKind, Promotion, PromotionId};
use crate::model::shared_map::SharedMap;
use crate::model::verdict::DecisionResult;
use crate::model::workspace::Slot;
use crate::plan::acts::Acts;

/// Why an entry cannot follow the ones before it. A ledger with such an entry is not one that our rules wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entry {index} ({event}) cannot follow the entries before it: {reason}")]
pub struct FoldError {
    /// The entry's index.
    pub index: u64,
    /// The word for the event.
    pub event: &'static str,
    /// Which rule it breaks.
    pub reason: String,
}

/// A registration, with the index of its entry. Copies of a state share it.
pub type Registered = (u64, Arc<Registration>);

/// Everything the ledger says, as of its last entry. Cheap to clone: what is large is shared until it changes.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// The number of entries.
    pub size: u64,
    /// The time of the last entry.
    pub time: Option<Timestamp>,
    /// The newest commit of the promotion repository that an engine accepted.
    pub commit: Option<String>,
    /// The newest commit of the inbox that a statement was taken from.
    pub inbox: Option<String>,
    /// The adoptions, oldest first, with their indices.
    pub adoptions: Vec<(u64, Adoption)>,
    /// The registrations of each version, oldest first, with their indices.
    pub registrations: SharedMap<VersionId, Vec<Registered>>,
    /// The versions that were registered with a digest: an index over `registrations`.
    versions_of: SharedMap<TreeDigest, BTreeSet<VersionId>>,
    /// The slots that anything was promoted to.
    pub slots: SharedMap<Slot, SlotState>,
    /// The promotions that anything was recorded of.
    pub promotions: SharedMap<PromotionId, PromotionState>,
    /// The statements that were taken or refused: statement and signature file, with the index of the entry.
    pub statements: SharedMap<(Sha256, Sha256), u64>,
    /// The digests that somebody marked bad, with the index of the receipt.
    pub marked_bad: BTreeMap<TreeDigest, Vec<(u64, Receipt)>>,
    /// What else people did.
    pub acts: Arc<Acts>,
}

/// What a slot holds and has held.
#[derive(Debug, Clone, Default)]
pub struct SlotState {
    /// What it holds.
    pub held: Option<Holding>,
    /// Every digest it ever held.
    pub ever_held: BTreeSet<TreeDigest>,
    /// The index of its last terminal outcome.
    pub last_outcome: Option<u64>,
    /// The attempt that is at work on it.
    pub live: Option<PromotionId>,
    /// The digests that were rolled back from, each with the rollback and its time.
    pub abandoned: BTreeMap<TreeDigest, (PromotionId, Timestamp)>,
    /// The promotions that an override let through, oldest first.
    pub overridden: Vec<PromotionId>,
}

/// A version in a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// The version.
    pub version: VersionId,
    /// Its digest.
    pub digest: TreeDigest,
    /// Since when.
    pub since: Timestamp,
    /// The promotion that put it there.
    pub promotion: PromotionId,
}

/// What was recorded of one promotion.
#[derive(Debug, Clone, Default)]
pub struct PromotionState {
    /// The last judgement, with its index.
    pub judgement: Option<(u64, Judgement)>,
    /// Approvals and rejections that name it, with the time of their receipt.
    pub statements: Vec<(Timestamp, Receipt)>,
    /// The attempt at work.
    pub live: Option<LiveAttempt>,
    /// How many attempts were made.
    pub attempts: u32,
    /// How the last attempt ended, with its index and time.
    pub outcome: Option<(u64, Timestamp, Outcome)>,
}

/// An attempt that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveAttempt {
    /// The attempt.
    pub attempt: AttemptId,
    /// The engine at work.
    pub engine: EngineName,
    /// Until when nobody else touches it.
    pub lease_until: Timestamp,
    /// What it is doing.
    pub promotion: Promotion,
}

impl PromotionState {
    /// Whether the promotion is over, so that its approvals are used up.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.outcome
            .as_ref()
            .is_some_and(|(_, _, outcome)| outcome.outcome.is_terminal())
    }
}

impl State {
    /// What a slot holds and has held; nothing when it was never promoted to.
    #[must_use]
    pub fn slot(&self, slot: &Slot) -> SlotState {
        self.slots.get(slot).cloned().unwrap_or_default()
    }

    /// The label that the ledger has recorded for a digest under any name.
    #[must_use]
    pub fn recorded_label(&self, digest: TreeDigest) -> Option<Label> {
        let all = self.registrations_of(digest);
        all.map(|(_, registration)| registration.label.clone())
            .reduce(|left, right| left.join(&right))
    }

    /// The index of the entry that took a statement with that signature; `None` when there is none.
    #[must_use]
    pub fn index_of(&self, receipt: &Receipt) -> Option<u64> {
        let key = (receipt.statement, receipt.signature);
        self.statements.get(&key).copied()
    }

    /// The registrations of a digest under any name, with their indices: by name, oldest first.
    pub fn registrations_of(&self, digest: TreeDigest) -> impl Iterator<Item = &Registered> {
        let versions = self.versions_of.get(&digest).into_iter().flatten();
        // INVARIANT: all registrations of a version have one digest.
        versions.flat_map(|id| self.registrations.get(id).into_iter().flatten())
    }

    /// Whether a statement was taken or refused, with whichever signature.
    #[must_use]
    pub fn knows_statement(&self, statement: Sha256) -> bool {
        let first = (statement, Sha256::from_bytes([0; 32]));
        let next = self.statements.iter_from(&first).next();
        next.is_some_and(|((known, _), _)| *known == statement)
    }

    /// The adoption in force.
    #[must_use]
    pub fn adoption(&self) -> Option<&Adoption> {
        self.adoptions.last().map(|(_, adoption)| adoption)
    }

    /// The attempts that have not ended, oldest first.
    pub fn live_attempts(&self) -> impl Iterator<Item = &LiveAttempt> {
        let mut live: Vec<&LiveAttempt> = self
            .promotions
            .values()
            .filter_map(|promotion| promotion.live.as_ref())
            .collect();
        live.sort_by(|left, right| left.attempt.cmp(&right.attempt));
        live.into_iter()
    }

    /// Takes in the next entry.
    ///
    /// # Errors
    ///
    /// When the entry cannot follow the ones before it.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), FoldError> {
        let index = self.size;
        let refuse = |reason: String| FoldError {
            index,
            event: entry.event.word(),
            reason,
        };
        if self.time.is_some_and(|time| entry.recorded_at < time) {
            return Err(refuse(
                "it is dated before the entry that it follows".to_owned(),
            ));
        }
        if self.adoptions.is_empty() && !matches!(entry.event, Event::Adopted(_)) {
            return Err(refuse(
                "a ledger begins with the adoption of a trust root".to_owned(),
            ));
        }
        self.apply_event(index, entry).map_err(refuse)?;
        self.size = index + 1;
        self.time = Some(entry.recorded_at);
        self.commit = Some(entry.commit.clone());
        Ok(())
    }

    fn apply_event(&mut self, index: u64, entry: &Entry) -> Result<(), String> {
        match &entry.event {
            Event::Adopted(adoption) => self.apply_adoption(index, adoption),
            Event::Registered(registration) => self.apply_registration(index, registration),
            Event::Received(receipt) => self.apply_receipt(index, entry.recorded_at, receipt),
            Event::Refused {
                statement,
                signature,
                inbox,
                ..
            } => {
                self.inbox = Some(inbox.clone());
                self.take_statement(index, *statement, *signature)
            }
            Event::Decided(judgement) => {
                let promotion = self.promotions.or_default(&judgement.promotion.id);
                promotion.judgement = Some((index, judgement.clone()));
                Ok(())
            }
            Event::Intended(intent) => self.apply_intent(entry, intent),
            Event::TakenOver {
                promotion,
                environment,
                superseded,
                attempt,
                lease_until,
            } => {
                let taken = Takeover {
                    environment,
                    superseded,
                    attempt,
                    lease_until: *lease_until,
                };
                self.apply_takeover(entry, promotion, &taken)
            }
            Event::Ended(outcome) => self.apply_outcome(index, entry, outcome),
        }
    }

    fn apply_adoption(&mut self, index: u64, adoption: &Adoption) -> Result<(), String> {
        if let Some(before) = self.adoption() {
            if adoption.root_version < before.root_version
                || adoption.index_version < before.index_version
            {
                return Err(
                    "it goes back to an older version of the trust root or index".to_owned(),
                );
            }
            let is_same = |version: bool, hash: bool| !version || hash;
            let root = is_same(
                adoption.root_version == before.root_version,
                adoption.root == before.root,
            );
            let files = is_same(
                adoption.index_version == before.index_version,
                adoption.index == before.index,
            );
            if !root || !files {
                return Err("it changes the trust root or index without a new version".to_owned());
            }
        }
        self.adoptions.push((index, adoption.clone()));
        Ok(())
    }

    fn apply_registration(
        &mut self,
        index: u64,
        registration: &Registration,
    ) -> Result<(), String> {
        let known = self.registrations.or_default(&registration.version);
        if known
            .iter()
            .any(|(_, before)| before.digest != registration.digest)
        {
            return Err(format!(
                "`{}` was registered with another digest",
                registration.version
            ));
        }
        known.push((index, Arc::new(registration.clone())));
        self.versions_of
            .or_default(&registration.digest)
            .insert(registration.version.clone());
        Ok(())
    }

    fn apply_receipt(
        &mut self,
        index: u64,
        time: Timestamp,
        receipt: &Receipt,
    ) -> Result<(), String> {
        self.take_statement(index, receipt.statement, receipt.signature)?;
        self.inbox = Some(receipt.inbox.clone());
        match &receipt.said {
            Said::Approval(approval) => {
                let promotion = self.promotions.or_default(&approval.binding.promotion);
                promotion.statements.push((time, receipt.clone()));
            }
            Said::MarkBad(mark) => {
                self.marked_bad
                    .entry(mark.digest)
                    .or_default()
                    .push((index, receipt.clone()));
            }
            Said::Act(act) => Arc::make_mut(&mut self.acts).take(time, act, receipt),
        }
        Ok(())
    }

    fn take_statement(
        &mut self,
        index: u64,
        statement: Sha256,
        signature: Sha256,
    ) -> Result<(), String> {
        match self.statements.insert((statement, signature), index) {
            None => Ok(()),
            Some(_) => Err("the statement is in the ledger already".to_owned()),
        }
    }

    fn apply_intent(&mut self, entry: &Entry, intent: &Intent) -> Result<(), String> {
        let promotion = self.promotions.get(&intent.promotion.id);
        let allowed = promotion
            .and_then(|promotion| promotion.judgement.as_ref())
            .is_some_and(|(index, judgement)| {
                *index == intent.decision
                    && judgement.decision.result == DecisionResult::Allow
                    && judgement.promotion == intent.promotion
            });
        if !allowed {
            return Err("no decision permits it".to_owned());
        }
        let slot = self.slots.or_default(&intent.promotion.slot);
        if slot.live.is_some() {
            return Err(format!(
                "another attempt is at work on `{}`",
                intent.promotion.slot
            ));
        }
        if slot.held.as_ref().map(|held| held.digest) != intent.promotion.replaces {
            return Err("it replaces something else than the slot holds".to_owned());
        }
        slot.live = Some(intent.promotion.id.clone());
        let promotion = self.promotions.or_default(&intent.promotion.id);
        if promotion.is_over() {
            return Err("the promotion is over".to_owned());
        }
        promotion.attempts += 1;
        promotion.live = Some(LiveAttempt {
            attempt: intent.attempt.clone(),
            engine: entry.engine.clone(),
            lease_until: intent.lease_until,
            promotion: intent.promotion.clone(),
        });
        Ok(())
    }

    fn apply_takeover(
        &mut self,
        entry: &Entry,
        promotion: &PromotionId,
        takeover: &Takeover<'_>,
    ) -> Result<(), String> {
        let live = self
            .promotions
            .get_mut(promotion)
            .and_then(|promotion| promotion.live.as_mut());
        let Some(live) = live.filter(|live| live.attempt == *takeover.superseded) else {
            return Err("there is no such attempt to take over".to_owned());
        };
        // The environment decides which engines may say this, so it must be the promotion's own.
        if live.promotion.environment != *takeover.environment {
            return Err("it names another environment than the promotion's".to_owned());
        }
        if entry.recorded_at < live.lease_until && entry.engine != live.engine {
            return Err("the lease of the attempt had not run out".to_owned());
        }
        live.attempt = takeover.attempt.clone();
        live.engine = entry.engine.clone();
        live.lease_until = takeover.lease_until;
        Ok(())
    }

    fn apply_outcome(
        &mut self,
        index: u64,
        entry: &Entry,
        outcome: &Outcome,
    ) -> Result<(), String> {
        let promotion = self.promotions.or_default(&outcome.promotion.id);
        let is_live = promotion.live.as_ref().is_some_and(|live| {
            live.attempt == outcome.attempt
                && live.engine == entry.engine
                && live.promotion == outcome.promotion
        });
        if !is_live {
            return Err("it is the outcome of an attempt that is not at work".to_owned());
        }
        let is_override = promotion
            .judgement
            .as_ref()
            .is_some_and(|(_, judgement)| !judgement.decision.overridden.is_empty());
        promotion.live = None;
        promotion.outcome = Some((index, entry.recorded_at, outcome.clone()));
        let slot = self.slots.or_default(&outcome.promotion.slot);
        slot.live = None;
        if outcome.outcome.is_terminal() {
            slot.last_outcome = Some(index);
        }
        if outcome.outcome == OutcomeKind::Succeeded {
            let digest = outcome.promotion.digest;
            if outcome.read_back != Some(digest) || outcome.pointer_after != Some(digest) {
                return Err("it claims success without having read the digest back".to_owned());
            }
            if is_override {
                slot.overridden.push(outcome.promotion.id.clone());
            }
            // What comes back after it was left is no rollback that leaves something.
            let was_abandoned = slot.abandoned.remove(&digest).is_some();
            let left = outcome
                .promotion
                .replaces
                .filter(|_| outcome.promotion.direction == Direction::Rollback && !was_abandoned);
            if let Some(replaced) = left {
                let why = (outcome.promotion.id.clone(), entry.recorded_at);
                slot.abandoned.insert(replaced, why);
            }
            slot.ever_held.insert(digest);
            slot.held = Some(Holding {
                version: VersionId {
                    artifact: outcome.promotion.slot.artifact.clone(),
                    version: outcome.promotion.version.clone(),
                },
                digest,
                since: entry.recorded_at,
                promotion: outcome.promotion.id.clone(),
            });
        }
        Ok(())
    }
}

struct Takeover<'a> {
    environment: &'a EnvironmentName,
    superseded: &'a AttemptId,
    attempt: &'a AttemptId,
    lease_until: Timestamp,
}
