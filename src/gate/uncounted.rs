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
