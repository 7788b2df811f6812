//! Promotions: making a slot hold a version.

use std::fmt;
use std::str::FromStr;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::model::digest::{Sha256, TreeDigest};
use crate::model::id::{EnvironmentName, IdError, WorkspaceName, text_type};
use crate::model::workspace::Slot;

/// Whether a promotion brings something new to its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// The slot has never held the digest.
    Forward,
    /// The slot has held the digest before. Derived from the ledger, never claimed.
    Rollback,
}

impl fmt::Display for Direction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Forward => "forward",
            Self::Rollback => "rollback",
        })
    }
}

/// The id of a promotion: anyone computes the same one from Git and the ledger before anything has run.
///
/// It is written `<environment>-<artifact>-<10 hex>` for people; statements carry the whole hash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PromotionId {
    prefix: String,
    hash: Sha256,
}

impl PromotionId {
    /// Derives the id. The lines that are hashed can be printed with `printf`, so that a reader can check one by hand.
    #[must_use]
    pub fn derive(environment: &EnvironmentName, inputs: &PromotionIdInputs<'_>) -> Self {
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
        // No part can hold a newline, so the lines cannot be read two ways.
        let text = format!(
            "promote.dev/promotion/v1\n{}\n{}\n{}\n{}\n{}\n{}\n",
            inputs.digest,
            inputs.slot.workspace,
            inputs.slot.artifact,
            or_none(inputs.replaces.map(|digest| digest.to_string())),
            inputs.release,
            or_none(inputs.last_outcome.map(|index| index.to_string())),
        );
        Self {
            prefix: format!("{environment}-{}", inputs.slot.artifact.name),
            hash: Sha256::of(text.as_bytes()),
        }
    }

    /// The whole hash.
    #[must_use]
    pub const fn hash(&self) -> Sha256 {
        self.hash
    }

    /// The form for people: `<environment>-<artifact>-<10 hex>`.
    #[must_use]
    pub fn short(&self) -> String {
        let hash: String = self.hash.to_string().chars().take(10).collect();
        format!("{}-{hash}", self.prefix)
    }

    /// Whether a person who typed `text` meant this promotion: its short form, or at least six digits of its hash.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let hash = self.hash.to_string();
        text == self.short()
            || text == self.to_string()
            || (text.len() >= 6 && hash.starts_with(text))
    }
}

/// What a promotion's id is derived from.
#[derive(Debug, Clone, Copy)]
pub struct PromotionIdInputs<'a> {
    /// The digest to promote.
    pub digest: TreeDigest,
    /// Where to.
    pub slot: &'a Slot,
    /// The digest that the slot holds now.
    pub replaces: Option<TreeDigest>,
    /// The SHA-256 of the release file.
    pub release: Sha256,
    /// The ledger index of the slot's last terminal outcome, so that going to v2, back, and to v2 again are three promotions.
    pub last_outcome: Option<u64>,
}

impl fmt::Display for PromotionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&format!("{}-{}", self.prefix, self.hash))
    }
}

impl FromStr for PromotionId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let error = || IdError::Form {
            what: "promotion id",
            text: text.chars().take(200).collect(),
            form: "`<environment>-<artifact>-<64 hex>`",
        };
        let (prefix, hash) = text.rsplit_once('-').ok_or_else(error)?;
        Ok(Self {
            prefix: prefix.to_owned(),
            hash: hash.parse().map_err(|_| error())?,
        })
    }
}

text_type!(
    PromotionId,
    "PromotionId",
    "^.+-[0-9a-f]{64}$",
    "id of a promotion"
);

/// A promotion as it is judged: what, from where, to where, instead of what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Promotion {
    /// The id.
    pub id: PromotionId,
    /// The slot that shall hold the version.
    pub slot: Slot,
    /// The slot's environment.
    pub environment: EnvironmentName,
    /// The version.
    pub version: Version,
    /// The digest of its bytes: the only thing that decides what is written.
    pub digest: TreeDigest,
    /// The workspace that the bytes are read from; `None` when no accepted workspace holds them.
    pub from: Option<WorkspaceName>,
    /// The digest that the slot holds now.
    pub replaces: Option<TreeDigest>,
    /// Whether the slot has held the digest before.
    pub direction: Direction,
    /// The SHA-256 of the release file that asks for it.
    pub release: Sha256,
}

/// How a finished attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutcomeKind {
    /// The slot holds the digest, proved by reading it back.
    Succeeded,
    /// The workspace said no, or the bytes were not what was approved. Terminal: trying again needs a new release.
    Failed,
    /// We could not tell. The next run tries again; approvals stay valid.
    Errored,
}

impl OutcomeKind {
    /// Whether the promotion is over, so that its approvals are used up.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Succeeded | Self::Failed => true,
            Self::Errored => false,
        }
    }
}

impl fmt::Display for OutcomeKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Errored => "errored",
        })
    }
}
