//! The walk over the entries.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::engine::book::Book;
use crate::gate::counted::Counted;
use crate::model::approval::ApprovalDecision;
use crate::model::digest::TreeDigest;
use crate::model::event::{Entry, Event, Intent, Judgement, Outcome, Receipt, Registration, Said};
use crate::model::id::{AttemptId, EnvironmentName};
use crate::model::promotion::{Direction, OutcomeKind, Promotion, PromotionId};
use crate::model::verdict::DecisionResult;
use crate::model::workspace::Slot;
use crate::ops::records::facts::Facts;
use crate::ops::records::{
    ApprovalRecord, AttemptRecord, DecisionRecord, Effect, Place, PolicyRecord, PromotionRecord,
    RECORD_SCHEMA, RecordStatus, Replaced, Request, What,
};

/// The records so far, and what later entries need of earlier ones.
pub(super) struct Builder<'a> {
    book: &'a Book,
    facts: Facts<'a>,
    /// In the order of their first entries.
    records: Vec<PromotionRecord>,
    known: BTreeMap<PromotionId, usize>,
    registrations: BTreeMap<TreeDigest, Vec<(Timestamp, &'a Registration)>>,
    /// The adoption in force, with its entry.
    policy: Option<PolicyRecord>,
}

/// What a promotion is about, from whichever entry names it first.
struct About<'a> {
    id: &'a PromotionId,
    slot: &'a Slot,
    environment: &'a EnvironmentName,
    digest: TreeDigest,
    replaces: Option<TreeDigest>,
    direction: Direction,
}

impl<'a> About<'a> {
    const fn of(promotion: &'a Promotion) -> Self {
        Self {
            id: &promotion.id,
            slot: &promotion.slot,
            environment: &promotion.environment,
            digest: promotion.digest,
            replaces: promotion.replaces,
            direction: promotion.direction,
        }
    }
}

impl<'a> Builder<'a> {
    pub(super) fn new(book: &'a Book) -> Self {
        Self {
            book,
            facts: Facts::new(book),
            records: Vec::new(),
            known: BTreeMap::new(),
            registrations: BTreeMap::new(),
            policy: None,
        }
    }

    pub(super) fn take(&mut self, index: u64, entry: &'a Entry) {
        match &entry.event {
            Event::Adopted(adoption) => {
                self.facts.adopt(index, adoption);
                self.policy = Some(PolicyRecord {
                    // Replaced by that of each judgement.
                    sha256: adoption.index,
                    adopted_in: index,
                    root_version: adoption.root_version,
                    root: adoption.root,
                    index_version: adoption.index_version,
                    index: adoption.index,
                });
            }
            Event::Registered(registration) => {
                let of_digest = self.registrations.entry(registration.digest).or_default();
                of_digest.push((entry.recorded_at, registration));
            }
            Event::Received(receipt) => self.take_receipt(index, entry, receipt),
            Event::Refused { .. } => {}
            Event::Decided(judgement) => self.take_judgement(index, entry, judgement),
            Event::Intended(intent) => self.take_intent(index, entry, intent),
            Event::TakenOver {
                promotion,
                superseded,
                attempt,
                ..
            } => self.take_over(index, entry, promotion, superseded, attempt),
            Event::Ended(outcome) => self.take_outcome(index, entry, outcome),
        }
    }

    pub(super) fn finish(self) -> Vec<PromotionRecord> {
        self.records
    }

    fn take_receipt(&mut self, index: u64, entry: &Entry, receipt: &Receipt) {
        let Said::Approval(approval) = &receipt.said else {
            return;
        };
        let binding = &approval.binding;
        let about = About {
            id: &binding.promotion,
            slot: &binding.to,
            environment: &binding.environment,
            digest: binding.digest,
            replaces: binding.replaces,
            direction: binding.direction,
        };
        let who = self.facts.who(&receipt.signer, Some(&receipt.key));
        let record = self.record(index, entry, &about);
        record.from.get_or_insert(Place {
            environment: None,
            workspace: binding.from.clone(),
        });
        record.approvals.push(ApprovalRecord {
            entry: index,
            who,
            groups: receipt.groups.clone(),
            decision: approval.decision,
            meaning: approval.meaning.clone(),
            signed_at: approval.issued_at,
            expires_at: approval.expires_at,
            received_at: entry.recorded_at,
            statement: receipt.statement,
            signature: receipt.signature,
            counts: None,
            not_counted_because: None,
        });
    }

    fn take_judgement(&mut self, index: u64, entry: &Entry, judgement: &Judgement) {
        let decision = DecisionRecord {
            entry: index,
            at: entry.recorded_at,
            result: judgement.decision.result,
            gates: judgement.decision.gates.clone(),
            inputs: judgement.inputs,
            rules_version: judgement.rules_version,
            engine: entry.engine.clone(),
            engine_version: entry.engine_version.clone(),
            commit: entry.commit.clone(),
        };
        let policy = self.policy.clone().map(|policy| PolicyRecord {
            sha256: judgement.policy,
            ..policy
        });
        let known = self.facts.of_judgement(index, judgement);
        let promotion = &judgement.promotion;
        let record = self.record(index, entry, &About::of(promotion));
        if let Some(earlier) = record.decision.replace(decision) {
            record.earlier_decisions.push(earlier.entry);
        }
        record.what.version = Some(promotion.version.clone());
        record.status = match judgement.decision.result {
            DecisionResult::Allow => RecordStatus::Allowed,
            DecisionResult::Wait => RecordStatus::Waiting,
            DecisionResult::Unavailable | DecisionResult::Deny => RecordStatus::Denied,
        };
        record.policy = policy;
        record.from = promotion.from.clone().map(|workspace| Place {
            environment: known.environment_of(&workspace),
            workspace,
        });
        record.lineage = known.lineage;
        record.what.bytes = known.bytes;
        record.labels = known.labels;
        record.request = Request {
            release: Some(promotion.release),
            ..known.request
        };
        record.gaps = known.gaps;
        if let Some(counted) = &known.counted {
            count(&mut record.approvals, counted);
        }
    }

    fn take_intent(&mut self, index: u64, entry: &Entry, intent: &Intent) {
        let record = self.record(index, entry, &About::of(&intent.promotion));
        record.status = RecordStatus::AtWork;
        record.attempts.push(begun(index, entry, &intent.attempt));
    }

    fn take_over(
        &mut self,
        index: u64,
        entry: &Entry,
        promotion: &PromotionId,
        superseded: &AttemptId,
        attempt: &AttemptId,
    ) {
        let at = self.known.get(promotion).copied();
        let Some(record) = at.and_then(|at| self.records.get_mut(at)) else {
            return;
        };
        touch(record, index, entry);
        let over = record.attempts.iter_mut();
        for over in over.filter(|over| over.attempt == *superseded) {
            over.superseded_by = Some(attempt.clone());
        }
        record.attempts.push(begun(index, entry, attempt));
    }

    fn take_outcome(&mut self, index: u64, entry: &Entry, outcome: &Outcome) {
        let record = self.record(index, entry, &About::of(&outcome.promotion));
        record.status = match outcome.outcome {
            OutcomeKind::Succeeded => RecordStatus::Succeeded,
            OutcomeKind::Failed => RecordStatus::Failed,
            OutcomeKind::Errored => RecordStatus::Errored,
        };
        let mut attempts = record.attempts.iter_mut().rev();
        if let Some(attempt) = attempts.find(|attempt| attempt.attempt == outcome.attempt) {
            attempt.effect = Some(Effect {
                entry: index,
                ended_at: entry.recorded_at,
                outcome: outcome.outcome,
                reason: outcome.reason.clone(),
                read_back: outcome.read_back,
                bytes: outcome.bytes,
                pointer_before: outcome.pointer_before,
                pointer_after: outcome.pointer_after,
            });
        }
    }

    /// The record of a promotion, begun if it is the first time that it is named; the entry is noted in it.
    fn record(&mut self, index: u64, entry: &Entry, about: &About<'_>) -> &mut PromotionRecord {
        let at = match self.known.get(about.id) {
            Some(at) => *at,
            None => {
                let record = self.begin(entry, about);
                self.records.push(record);
                let at = self.records.len() - 1;
                self.known.insert(about.id.clone(), at);
                at
            }
        };
        #[expect(clippy::indexing_slicing, reason = "the index of what was pushed")]
        let record = &mut self.records[at];
        touch(record, index, entry);
        record
    }

    fn begin(&self, entry: &Entry, about: &About<'_>) -> PromotionRecord {
        let replaced = |digest| Replaced {
            digest,
            version: self
                .registered(digest, about.slot)
                .map(|(_, known)| known.version.version.clone()),
        };
        PromotionRecord {
            schema: RECORD_SCHEMA,
            ledger: self.book.log().verifier().name().to_owned(),
            promotion: about.id.clone(),
            entries: Vec::new(),
            status: RecordStatus::Waiting,
            first_recorded_at: entry.recorded_at,
            last_recorded_at: entry.recorded_at,
            what: self.what(about),
            from: None,
            to: Place {
                environment: Some(about.environment.clone()),
                workspace: about.slot.workspace.clone(),
            },
            replaces: about.replaces.map(replaced),
            direction: about.direction,
            request: Request::default(),
            lineage: None,
            labels: None,
            policy: None,
            decision: None,
            earlier_decisions: Vec::new(),
            approvals: Vec::new(),
            attempts: Vec::new(),
            gaps: Vec::new(),
        }
    }

    fn what(&self, about: &About<'_>) -> What {
        let known = self.registered(about.digest, about.slot);
        let registration = known.map(|(_, registration)| registration);
        let producer = registration.and_then(|known| {
            let key = known.signature.as_ref().map(|signature| &signature.key);
            Some(self.facts.who(known.producer.as_ref()?, key))
        });
        What {
            artifact: about.slot.artifact.clone(),
            version: registration.map(|known| known.version.version.clone()),
            digest: about.digest,
            bytes: None,
            manifest: registration.map(|known| known.manifest),
            producer,
            registered_at: known.map(|(at, _)| at),
        }
    }

    /// The newest registration of a digest as a version of a slot's artifact.
    fn registered(&self, digest: TreeDigest, slot: &Slot) -> Option<(Timestamp, &'a Registration)> {
        let all = self.registrations.get(&digest).into_iter().flatten().rev();
        let mut of_artifact = all.filter(|(_, known)| known.version.artifact == slot.artifact);
        of_artifact.next().copied()
    }
}

/// Notes of each approval so far whether it counted. Of several by one person, the last one did.
fn count(approvals: &mut [ApprovalRecord], counted: &Counted) {
    let mut seen = BTreeSet::new();
    for approval in approvals.iter_mut().rev() {
        if approval.decision == ApprovalDecision::Reject {
            continue;
        }
        let who = &approval.who.principal;
        let is_last = seen.insert(who.clone());
        approval.counts = Some(is_last && counted.approvers.contains(who));
        approval.not_counted_because = match (approval.counts, is_last) {
            (Some(true), _) => None,
            (_, false) => Some("the same person has approved again".to_owned()),
            (_, true) => counted.uncounted.get(who).cloned(),
        };
    }
}

fn touch(record: &mut PromotionRecord, index: u64, entry: &Entry) {
    record.entries.push(index);
    record.last_recorded_at = entry.recorded_at;
}

fn begun(index: u64, entry: &Entry, attempt: &AttemptId) -> AttemptRecord {
    AttemptRecord {
        attempt: attempt.clone(),
        engine: entry.engine.clone(),
        begun_in: index,
        started_at: entry.recorded_at,
        effect: None,
        superseded_by: None,
    }
}
