//! Access of a person for an incident: what is given, by whom, until when, and that somebody looked at it afterwards.
//!
//! It is a record and an authority: a system that gives access reads it. It lets no promotion through, and no gate sees it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::act::{CLOCK_TOLERANCE, Signing};
use crate::model::digest::Sha256;
use crate::model::id::{EnvironmentName, GroupName, PrincipalName, WorkspaceName};

/// The longest that access may be given for, whatever a policy says.
pub const ACCESS_LIMIT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The longest name of a role, in bytes.
pub const MAX_ROLE_BYTES: usize = 128;

/// What is given. Everybody who signs, signs the same terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessTerms {
    /// Who gets access.
    pub person: PrincipalName,
    /// Where: the environment.
    pub environment: EnvironmentName,
    /// Only this workspace of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<WorkspaceName>,
    /// What the person may do there, in the words of the system that gives access.
    pub role: String,
    /// Why, in the words of who asked for it first.
    pub reason: String,
    /// How many persons of each group must sign, as the policy said.
    pub quorum: BTreeMap<GroupName, u32>,
    /// The groups whose members may look at it afterwards, as the policy said.
    pub reviewers: BTreeSet<GroupName>,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// From when on it is over.
    pub expires_at: Timestamp,
    /// Random, so that no two are the same.
    pub nonce: String,
}

impl AccessTerms {
    /// What they are named by: the SHA-256 of all that they say, each part after its length, so that no two say the same.
    #[must_use]
    pub fn id(&self) -> Sha256 {
        let workspace = self.workspace.as_ref().map_or("", WorkspaceName::as_str);
        let mut parts = vec![
            "access".to_owned(),
            self.person.to_string(),
            self.environment.to_string(),
            workspace.to_owned(),
            self.role.clone(),
            self.reason.clone(),
            self.asked_at.to_string(),
            self.expires_at.to_string(),
            self.nonce.clone(),
            self.quorum.len().to_string(),
        ];
        let quorum = self.quorum.iter();
        parts.extend(quorum.flat_map(|(group, needed)| [group.to_string(), needed.to_string()]));
        parts.extend(self.reviewers.iter().map(ToString::to_string));
        let parts = parts
            .into_iter()
            .map(|part| format!("{}:{part}", part.len()));
        Sha256::of(parts.collect::<String>().as_bytes())
    }

    /// How long it holds at most.
    #[must_use]
    pub fn length(&self) -> SignedDuration {
        self.expires_at.duration_since(self.asked_at)
    }

    /// Whether it can ever hold: it ends after it begins, within the limit, and was not dated into the future.
    #[must_use]
    pub fn is_sound(&self, received_at: Timestamp) -> bool {
        let length = self.length();
        length > SignedDuration::ZERO
            && length <= ACCESS_LIMIT
            && self.asked_at.duration_since(received_at) <= CLOCK_TOLERANCE
            && !self.quorum.is_empty()
            && self.quorum.values().all(|needed| *needed > 0)
    }
}

/// Leave for one person to act somewhere for a while. Counts once enough persons have signed the same terms; the signature of
/// who gets it never counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessGrant {
    /// Who, when and why.
    pub signing: Signing,
    /// What is given.
    pub terms: AccessTerms,
}

/// What is said about access that was given: that it is over, or that somebody looked at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OfAccess {
    /// Who, when and why.
    pub signing: Signing,
    /// The terms, by their id.
    pub access: Sha256,
}
