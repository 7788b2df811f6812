//! What people say and what the engine does, as entries of the ledger.

use jiff::SignedDuration;

use crate::engine::proof::rules::{Leave, Said, Set};
use crate::engine::proof::world::{World, key};
use crate::flow::declassification::{Claim, lowered};
use crate::flow::permit::{Origin, permit};
use crate::gate::RULES_VERSION;
use crate::model::act::{Act, Declassification, Signing};
use crate::model::approval::{Approval, ApprovalDecision};
use crate::model::digest::Sha256;
use crate::model::event::{Event, Intent, Judgement, Outcome, Receipt, Said as Spoken};
use crate::model::id::AttemptId;
use crate::model::promotion::{OutcomeKind, Promotion};
use crate::model::verdict::Decision;

/// How long statements hold, in hours.
const HOLDS_FOR: i64 = 48;

impl World {
    pub(super) fn answer(
        &mut self,
        who: &'static str,
        number: usize,
        workspace: &'static str,
        is_yes: bool,
    ) {
        let Some(promotion) = self.promotion(number, workspace) else {
            return;
        };
        let Some(binding) = self.evidence(number, &promotion).binding(&promotion) else {
            return;
        };
        self.rules.said.push(Said {
            promotion: promotion.id.to_string(),
            by: who,
            is_yes,
            until: self.rules.now + HOLDS_FOR,
        });
        let approval = Approval {
            decision: if is_yes {
                ApprovalDecision::Approve
            } else {
                ApprovalDecision::Reject
            },
            binding,
            meaning: "looked at".to_owned(),
            principal: who.parse().unwrap(),
            issued_at: self.now,
            expires_at: self.now + SignedDuration::from_hours(HOLDS_FOR),
            nonce: "00".to_owned(),
        };
        self.receive(who, Spoken::Approval(Box::new(approval)));
    }

    pub(super) fn declassify(&mut self, who: &'static str, number: usize, workspace: &'static str) {
        let labels = self.labels();
        let digest = self.rules.registered[number].digest.clone();
        let known = labels.get(digest.parse().unwrap()).unwrap();
        let all: Set = ["pii", "production"].into();
        self.rules.leaves.push(Leave {
            story: self.rules.story(&digest),
            workspace,
            by: who,
            tags: all.clone(),
            until: self.rules.now + HOLDS_FOR,
            digest: digest.clone(),
        });
        let act = Act::Declassify(Declassification {
            signing: Signing {
                ledger: "ledger".to_owned(),
                principal: who.parse().unwrap(),
                reason: "masked".to_owned(),
                issued_at: self.now,
                nonce: "00".to_owned(),
            },
            digest: digest.parse().unwrap(),
            workspace: workspace.parse().unwrap(),
            tags: all.iter().map(|tag| tag.parse().unwrap()).collect(),
            basis: known.basis,
            expires_at: self.now + SignedDuration::from_hours(HOLDS_FOR),
        });
        self.receive(who, Spoken::Act(Box::new(act)));
    }

    fn receive(&mut self, who: &str, said: Spoken) {
        let number = self.state.size;
        self.append(Event::Received(Receipt {
            statement: Sha256::of(format!("statement {number}").as_bytes()),
            signature: Sha256::of(b"signature"),
            signer: who.parse().unwrap(),
            key: key(who),
            groups: self.people.groups_of(&who.parse().unwrap()),
            said,
            inbox: "0".repeat(40),
        }));
    }

    /// Moves the bytes, if the permit agrees, as the engine does right before it writes.
    pub(super) fn make(
        &mut self,
        number: usize,
        promotion: &Promotion,
        decision: Decision,
    ) -> bool {
        let evidence = self.evidence(number, promotion);
        let digest = promotion.digest;
        let label = evidence.version.label.clone().unwrap();
        let is_own = promotion.from.as_ref() == Some(&promotion.slot.workspace);
        let lowered = lowered(&Claim {
            digest,
            workspace: &promotion.slot.workspace,
            basis: evidence.version.basis,
            now: self.now,
            producers: &evidence.version.authors,
            has_unknown_producer: evidence.version.has_unknown_author,
            owners: &evidence.acts.owners,
            heard: &evidence.acts.declassifications,
        });
        // As staging does: without bytes nothing is made.
        let Some(from) = &promotion.from else {
            return false;
        };
        let origin = Origin::Workspace(from);
        if !is_own && permit(digest, &label, &lowered, &origin, &evidence.target).is_err() {
            return false;
        }
        let attempt = AttemptId::new(self.state.size, [0; 10]);
        let index = self.state.size;
        self.append(Event::Decided(Judgement {
            promotion: promotion.clone(),
            inputs: Sha256::of(b"inputs"),
            sources: Vec::new(),
            attestations: std::collections::BTreeSet::new(),
            policy: evidence.policy,
            decision,
            rules_version: RULES_VERSION,
        }));
        self.append(Event::Intended(Intent {
            promotion: promotion.clone(),
            attempt: attempt.clone(),
            decision: index,
            lease_until: self.now + SignedDuration::from_mins(15),
        }));
        self.append(Event::Ended(Outcome {
            promotion: promotion.clone(),
            attempt,
            outcome: OutcomeKind::Succeeded,
            reason: None,
            read_back: Some(digest),
            bytes: None,
            pointer_before: promotion.replaces,
            pointer_after: Some(digest),
        }));
        true
    }
}
