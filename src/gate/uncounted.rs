//! Why approvals do not count.

use std::fmt;

use jiff::Timestamp;

use crate::gate::bars::Bar;
use crate::model::id::{GroupName, PrincipalName};
use crate::model::period::Period;

/// Why an approval does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Uncounted {
    /// The signer may not approve this version.
    Barred(Bar),
    /// The statement names another promotion in these fields.
    Binding(Vec<&'static str>),
    /// The statement names another principal than the key belongs to.
    Principal(PrincipalName),
    /// The key is no longer one of the signer's.
    Key,
    /// It says it was issued after it was received.
    Postdated,
    /// It claims to hold for longer than this, which the policy allows.
    TooLong(Period),
    /// It expired then.
    Expired(Timestamp),
    /// The signer has since rejected another form of the same promotion.
    Withdrawn,
    /// The signer took it back.
    TakenBack,
    /// The signer is in none of the groups that are asked.
    NoMember,
    /// The signer came into this group only after the approval was received.
    JoinedLater(GroupName),
    /// The signer has left this group.
    Left(GroupName),
}

impl fmt::Display for Uncounted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Barred(bar) => write!(formatter, "its signer {bar}"),
            Self::Binding(fields) => write!(
                formatter,
                "it is bound to another `{}`; approve again",
                fields.join("`, `")
            ),
            Self::Principal(principal) => write!(
                formatter,
                "it names `{principal}`, whose key did not sign it"
            ),
            Self::Key => formatter.write_str("its key is no longer trusted; approve with another"),
            Self::Postdated => {
                formatter.write_str("it is dated after it was received; check the signer's clock")
            }
            Self::TooLong(validity) => write!(
                formatter,
                "it claims to hold for longer than the allowed {validity}; approve again"
            ),
            Self::Expired(at) => write!(formatter, "it expired at {at}; approve again"),
            Self::Withdrawn => {
                formatter.write_str("its signer has since rejected another form of this promotion")
            }
            Self::TakenBack => formatter.write_str("its signer has taken it back"),
            Self::NoMember => {
                formatter.write_str("its signer is in none of the groups that are asked")
            }
            Self::JoinedLater(group) => write!(
                formatter,
                "its signer was not in group `{group}` when it was received; approve again"
            ),
            Self::Left(group) => {
                write!(formatter, "its signer is no longer in group `{group}`")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::json;

    use crate::gate::evidence::ApprovalFacts;
    use crate::gate::testing::{TestEvidence, names};
    use crate::model::approval::ApprovalDecision::Approve;
    use crate::model::verdict::DecisionResult::{Allow, Wait};

    const NEED: &str = "1 more of group `risk`: `bob`, `carol` or `dave`";

    /// Asserts why a spoilt approval does not count, or that it does.
    #[track_caller]
    fn expect(principal: &str, spoil: fn(&mut ApprovalFacts), reason: Option<&str>) {
        let case = TestEvidence::new().say(principal, Approve, spoil);
        let params = json!({"quorum": {"risk": 1}, "validity": "100h"});
        let Some(reason) = reason else {
            let met = format!("1 of 1 of group `risk` approved: `{principal}`");
            case.expect("approvals", &params, Allow, &[&met]);
            return;
        };
        let reason = format!("approval of `{principal}` does not count: {reason}");
        case.expect("approvals", &params, Wait, &[NEED, &reason]);
    }

    #[test]
    fn who_may_not_approve_is_not_counted() {
        expect("alice", |_| {}, Some("its signer made this version"));
        expect("erin", |_| {}, Some("its signer asked for this promotion"));
        expect(
            "frank",
            |_| {},
            Some("its signer is in none of the groups that are asked"),
        );
        let joined = "its signer was not in group `risk` when it was received; approve again";
        expect(
            "bob",
            |facts| facts.groups_at_receipt = names(&[]),
            Some(joined),
        );
        let left = "its signer is no longer in group `risk`";
        expect(
            "frank",
            |facts| facts.groups_at_receipt = names(&["risk"]),
            Some(left),
        );
    }

    #[test]
    fn statements_that_are_not_the_signers_are_not_counted() {
        let named = "it names `carol`, whose key did not sign it";
        expect(
            "bob",
            |facts| facts.approval.principal = "carol".parse().unwrap(),
            Some(named),
        );
        let key = "its key is no longer trusted; approve with another";
        expect("bob", |facts| facts.key_is_trusted = false, Some(key));
    }

    #[test]
    fn approvals_count_within_their_time() {
        fn seconds(seconds: i64) -> SignedDuration {
            SignedDuration::from_secs(seconds)
        }
        let later = "it is dated after it was received; check the signer's clock";
        expect(
            "bob",
            |facts| facts.approval.issued_at += seconds(301),
            Some(later),
        );
        expect(
            "bob",
            |facts| facts.approval.issued_at += seconds(300),
            None,
        );
        let expired = "it expired at 2026-06-01T12:00:00Z; approve again";
        expect(
            "bob",
            |facts| facts.approval.expires_at = TestEvidence::now(),
            Some(expired),
        );
        expect(
            "bob",
            |facts| facts.approval.expires_at = TestEvidence::now() + seconds(1),
            None,
        );
        let long = "it claims to hold for longer than the allowed 4d4h; approve again";
        expect(
            "bob",
            |facts| facts.approval.expires_at = facts.approval.issued_at + seconds(360_001),
            Some(long),
        );
        expect(
            "bob",
            |facts| facts.approval.expires_at = facts.approval.issued_at + seconds(360_000),
            None,
        );
    }
}
