//! What people say.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::attest::ssh::sign;
use crate::clock::Clock as _;
use crate::engine::inbox::{INBOX_BRANCH, STATEMENTS_FOLDER};
use crate::engine::testing::{ORIGIN, TestOrganisation};
use crate::model::approval::{
    APPROVAL_NAMESPACE, APPROVAL_TYPE, Approval, ApprovalDecision, MARK_BAD_TYPE, MarkBad,
};
use crate::model::attestation::{Statement, Subject};
use crate::model::digest::{Sha256, TreeDigest};
use crate::plan::desired::Change;

impl TestOrganisation {
    /// Says yes to everything that waits for an environment.
    pub(crate) fn approve(&self, who: &str, environment: &str) {
        self.answer(who, environment, ApprovalDecision::Approve);
    }

    /// Says no to everything that waits for an environment.
    pub(crate) fn reject(&self, who: &str, environment: &str) {
        self.answer(who, environment, ApprovalDecision::Reject);
    }

    fn answer(&self, who: &str, environment: &str, decision: ApprovalDecision) {
        let mut engine = self.observer();
        let world = engine.observe().unwrap();
        for change in world.changes() {
            let Change::Promote(promotion) = change else {
                continue;
            };
            if promotion.environment.as_str() != environment {
                continue;
            }
            let judged = engine.judge(&world, promotion).unwrap();
            let digest = judged.promotion.digest;
            let issued_at = self.clock.now();
            let approval = Approval {
                decision,
                binding: judged.evidence.binding(&judged.promotion).unwrap(),
                meaning: "I have read the report".to_owned(),
                principal: who.parse().unwrap(),
                issued_at,
                expires_at: issued_at + SignedDuration::from_hours(48),
                nonce: format!("{who}-{issued_at}"),
            };
            let subject = Subject::artifact(judged.promotion.slot.to_string(), digest);
            self.say(who, &Statement::new(subject, APPROVAL_TYPE, approval));
        }
    }

    /// Says that a digest is bad.
    pub(crate) fn mark_bad(&self, who: &str, digest: TreeDigest, reason: &str) {
        let mark = MarkBad {
            ledger: ORIGIN.to_owned(),
            digest,
            reason: reason.to_owned(),
            principal: who.parse().unwrap(),
            issued_at: self.clock.now(),
            nonce: format!("{who}-{}", self.clock.now()),
        };
        let subject = Subject::artifact("a version".to_owned(), digest);
        self.say(who, &Statement::new(subject, MARK_BAD_TYPE, mark));
    }

    /// Signs a statement and puts it into the inbox.
    pub(crate) fn say<P: serde::Serialize>(&self, who: &str, statement: &Statement<P>) {
        self.say_bytes(who, &serde_json::to_vec(statement).unwrap());
    }

    /// Signs bytes as a statement and puts them into the inbox.
    pub(crate) fn say_bytes(&self, who: &str, bytes: &[u8]) {
        let name = Sha256::of(bytes);
        let signature = self.sign(who, APPROVAL_NAMESPACE, bytes);
        let key = sign::read_public_key(&self.key_path(who))
            .unwrap()
            .fingerprint();
        let path = format!("{STATEMENTS_FOLDER}/{name}.json");
        let changes = BTreeMap::from([
            (format!("{path}.{}.sig", key.file_name()), Some(signature)),
            (path, Some(bytes.to_vec())),
        ]);
        self.commit(who, INBOX_BRANCH, &changes);
    }
}
