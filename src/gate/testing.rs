//! Promotions and evidence for tests, built from one good case that each test spoils.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::gate::evidence::{
    ActFacts, ApprovalFacts, CardFacts, ChampionFacts, Evidence, HeldFacts, InboxFacts,
    MarkedBadFacts, RequestFacts, SignatureFacts, VersionFacts,
};
use crate::gate::find;
use crate::manifest::freeze::{FreezeSpec, OnceSpec, WindowSpec};
use crate::manifest::policy::{GateSpec, Params, RollbackSpec};
use crate::model::act::{Heard, Signing};
use crate::model::approval::{Approval, ApprovalDecision};
use crate::model::digest::{Sha256, TreeDigest};
use crate::model::id::{GroupName, PrincipalName};
use crate::model::label::{Clearance, Label};
use crate::model::promotion::{Direction, Promotion, PromotionId, PromotionIdInputs};
use crate::model::verdict::{DecisionResult, Verdict};
use crate::model::workspace::{Slot, WorkspaceFacts};

/// The digest of digits that tests promote.
pub(crate) fn digest(digit: char) -> TreeDigest {
    format!("dirhash1:{}", digit.to_string().repeat(64))
        .parse()
        .unwrap()
}

/// A set of names.
pub(crate) fn names<T: std::str::FromStr<Err: std::fmt::Debug> + Ord>(
    names: &[&str],
) -> BTreeSet<T> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

/// Gates of a policy from their JSON.
pub(crate) fn specs(gates: &[Value]) -> Vec<GateSpec> {
    let spec = |gate: &Value| {
        let mut params = gate.as_object().unwrap().clone();
        let gate = params.remove("gate").unwrap();
        GateSpec {
            gate: gate.as_str().unwrap().to_owned(),
            params: Params::new(params),
        }
    };
    gates.iter().map(spec).collect()
}

/// One promotion with its evidence.
#[derive(Debug, Clone)]
pub(crate) struct TestEvidence {
    pub(crate) promotion: Promotion,
    pub(crate) evidence: Evidence,
}

impl TestEvidence {
    /// A promotion of a complete model from qa to prod, by erin, made by alice, that only lacks approvals. Group `risk`
    /// has alice, bob, carol and dave, group `ops` has dave and erin. It is noon of 2026-06-01.
    pub(crate) fn new() -> Self {
        let slot = Slot {
            workspace: "prod".parse().unwrap(),
            artifact: "retail/model/churn".parse().unwrap(),
        };
        let environment = "prod".parse().unwrap();
        let inputs = PromotionIdInputs {
            digest: digest('a'),
            slot: &slot,
            replaces: Some(digest('b')),
            release: Sha256::of(b"release"),
            last_outcome: Some(7),
        };
        let promotion = Promotion {
            id: PromotionId::derive(&environment, &inputs),
            environment,
            version: "1.2.0".parse().unwrap(),
            digest: digest('a'),
            from: Some("qa".parse().unwrap()),
            replaces: Some(digest('b')),
            direction: Direction::Forward,
            release: Sha256::of(b"release"),
            slot,
        };
        Self {
            promotion,
            evidence: evidence(),
        }
    }

    /// The time that tests have.
    pub(crate) fn now() -> Timestamp {
        "2026-06-01T12:00:00Z".parse().unwrap()
    }

    /// Changes whatever the test is about.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Promotion, &mut Evidence)) -> Self {
        change(&mut self.promotion, &mut self.evidence);
        self
    }

    /// Makes it a rollback; with a quorum and exemption of its own if given.
    pub(crate) fn rollback(self, rollback: Option<(&str, u32, bool)>) -> Self {
        self.with(|promotion, evidence| {
            promotion.direction = Direction::Rollback;
            evidence.rollback = rollback.map(|(group, needed, during_freeze)| RollbackSpec {
                quorum: [(group.parse().unwrap(), needed)].into(),
                during_freeze,
            });
        })
    }

    /// Adds a good approval, received an hour ago.
    pub(crate) fn approve(self, principal: &str) -> Self {
        self.say(principal, ApprovalDecision::Approve, |_| {})
    }

    /// Adds a good rejection.
    pub(crate) fn reject(self, principal: &str) -> Self {
        self.say(principal, ApprovalDecision::Reject, |_| {})
    }

    /// Adds a statement, spoilt.
    pub(crate) fn say(
        mut self,
        principal: &str,
        decision: ApprovalDecision,
        spoil: impl FnOnce(&mut ApprovalFacts),
    ) -> Self {
        let mut facts = self.statement(principal, decision);
        spoil(&mut facts);
        self.evidence.approvals.push(facts);
        self
    }

    /// A good statement about the promotion.
    pub(crate) fn statement(&self, principal: &str, decision: ApprovalDecision) -> ApprovalFacts {
        let signer: PrincipalName = principal.parse().unwrap();
        let received_at = Self::now() - SignedDuration::from_hours(1);
        let groups = self.evidence.groups.iter();
        let groups_at_receipt: BTreeSet<GroupName> = groups
            .filter(|(_, members)| members.contains(&signer))
            .map(|(group, _)| group.clone())
            .collect();
        ApprovalFacts {
            approval: Approval {
                decision,
                binding: self.evidence.binding(&self.promotion).unwrap(),
                meaning: "I have read the report".to_owned(),
                principal: signer.clone(),
                issued_at: received_at,
                expires_at: received_at + SignedDuration::from_hours(48),
                nonce: "00".to_owned(),
            },
            statement: Sha256::of(principal.as_bytes()),
            key: format!("SHA256:{}", "A".repeat(43)).parse().unwrap(),
            signer,
            received_at,
            groups_at_receipt,
            key_is_trusted: true,
        }
    }

    /// Adds a freeze of prod.
    pub(crate) fn freeze(self, name: &str, windows: Vec<WindowSpec>) -> Self {
        self.with(|_, evidence| {
            let freeze = FreezeSpec {
                environments: names(&["prod"]),
                reason: "few are there".to_owned(),
                windows,
            };
            evidence.freezes.insert(name.parse().unwrap(), freeze);
        })
    }

    /// What a gate says.
    pub(crate) fn check(&self, gate: &str, params: &Value) -> Verdict {
        (find(gate).unwrap().check)(&self.promotion, &self.evidence, params)
    }

    /// Asserts what a gate says, to the letter.
    #[track_caller]
    pub(crate) fn expect(
        &self,
        gate: &str,
        params: &Value,
        result: DecisionResult,
        facts: &[&str],
    ) {
        let verdict = self.check(gate, params);
        assert_eq!(verdict.facts(), facts, "{gate} {params}");
        assert_eq!(verdict.result(), result, "{gate} {params}: {verdict:?}");
    }
}

/// A window that is open from an hour ago for some hours.
pub(crate) fn open_for(hours: i64) -> WindowSpec {
    WindowSpec::Once(OnceSpec {
        from: TestEvidence::now() - SignedDuration::from_hours(1),
        until: TestEvidence::now() + SignedDuration::from_hours(hours),
    })
}

/// A statement that the digest is bad.
pub(crate) fn mark_bad(principal: &str, reason: &str) -> MarkedBadFacts {
    MarkedBadFacts {
        principal: principal.parse().unwrap(),
        reason: reason.to_owned(),
    }
}

/// One workspace that has held the digest for some hours.
pub(crate) fn held(workspace: &str, hours: Option<i64>, is_verified: bool) -> HeldFacts {
    HeldFacts {
        workspace: workspace.parse().unwrap(),
        since: hours.map(|hours| TestEvidence::now() - SignedDuration::from_hours(hours)),
        is_verified,
    }
}

fn evidence() -> Evidence {
    Evidence {
        now: TestEvidence::now(),
        ledger: "promote.example/ledger".to_owned(),
        policy: Sha256::of(b"policy"),
        rollback: None,
        version: VersionFacts {
            id: "retail/model/churn@1.2.0".parse().unwrap(),
            manifest: Sha256::of(b"manifest"),
            label: Label::new(names(&["internal"])),
            basis: Some(Sha256::of(b"basis")),
            lineage_gaps: vec![],
            metrics: [("auc".parse().unwrap(), 0.9)].into(),
            card: CardFacts::Present,
            authors: names(&["alice"]),
            has_unknown_author: false,
        },
        target: WorkspaceFacts {
            name: "prod".parse().unwrap(),
            environment: "prod".parse().unwrap(),
            clearance: Clearance::new(names(&["internal", "production"])).unwrap(),
            accepts: names(&["qa"]),
        },
        groups: [
            (
                "risk".parse().unwrap(),
                names(&["alice", "bob", "carol", "dave"]),
            ),
            ("ops".parse().unwrap(), names(&["dave", "erin"])),
        ]
        .into(),
        approvals: vec![],
        inbox: InboxFacts::Intact,
        held: [("qa".parse().unwrap(), vec![held("qa", Some(50), true)])].into(),
        freezes: [].into(),
        champion: Some(ChampionFacts {
            digest: digest('b'),
            metrics: Some([("auc".parse().unwrap(), 0.8)].into()),
        }),
        marked_bad: vec![],
        attestations: vec![],
        request: RequestFacts {
            commit: "0123456789abcdef0123456789abcdef01234567".to_owned(),
            commit_signature: SignatureFacts::By("erin".parse().unwrap()),
            release_signature: SignatureFacts::Missing,
            committers: BTreeSet::new(),
        },
        acts: ActFacts::default(),
        witnessed: None,
        bypass: None,
        lifters: names(&[]),
        pipeline: None,
        needs: vec![],
        retrain: None,
    }
}

impl Evidence {
    /// A good statement of a person, received an hour ago.
    pub(crate) fn heard<T>(&self, principal: &str, say: impl FnOnce(Signing) -> T) -> Heard<T> {
        let signer: PrincipalName = principal.parse().unwrap();
        let received_at = TestEvidence::now() - SignedDuration::from_hours(1);
        let groups = self.groups.iter();
        Heard {
            said: say(Signing {
                ledger: self.ledger.clone(),
                principal: signer.clone(),
                reason: "because I say so".to_owned(),
                issued_at: received_at,
                nonce: "00".to_owned(),
            }),
            statement: Sha256::of(principal.as_bytes()),
            key: format!("SHA256:{}", "A".repeat(43)).parse().unwrap(),
            groups_at_receipt: groups
                .filter(|(_, members)| members.contains(&signer))
                .map(|(group, _)| group.clone())
                .collect(),
            signer,
            received_at,
            key_is_trusted: true,
        }
    }
}
