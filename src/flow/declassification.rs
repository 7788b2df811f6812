//! What owners of tags let through: the one way in which a label counts for less than it says.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::act::{DECLASSIFICATION_LIMIT, Declassification, Heard, holds_at};
use crate::model::digest::{Sha256, TreeDigest};
use crate::model::id::{GroupName, PrincipalName, WorkspaceName};
use crate::model::label::Tag;

/// Who may let a tag through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Owners {
    /// The group.
    pub group: GroupName,
    /// How many of it must say so.
    pub quorum: u32,
    /// Who is in it now.
    pub members: BTreeSet<PrincipalName>,
}

/// What a declassification is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The digest.
    pub digest: TreeDigest,
    /// The workspace that it is to enter, or is in.
    pub workspace: &'a WorkspaceName,
    /// What its label is made from now; `None` when that is not known.
    pub basis: Option<Sha256>,
    /// The ledger's time.
    pub now: Timestamp,
    /// Who made the digest; they let nothing of it through themselves.
    pub producers: &'a BTreeSet<PrincipalName>,
    /// Whether somebody unknown made it.
    pub has_unknown_producer: bool,
    /// The owners of the tags.
    pub owners: &'a BTreeMap<Tag, Owners>,
    /// What was said, in the order of the ledger.
    pub heard: &'a [Heard<Declassification>],
}

/// The tags that are let through for one digest into one workspace. Only [`lowered`] makes one that is not empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lowered(BTreeMap<Tag, BTreeSet<PrincipalName>>);

impl Lowered {
    /// Nothing is let through.
    #[must_use]
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Whether a tag is let through.
    #[must_use]
    pub fn contains(&self, tag: &Tag) -> bool {
        self.0.contains_key(tag)
    }

    /// The tags, each with who let it through.
    #[must_use]
    pub const fn tags(&self) -> &BTreeMap<Tag, BTreeSet<PrincipalName>> {
        &self.0
    }
}

/// The tags that enough of their owners let through. Persons are counted once, by their latest statement; who made the
/// digest is not counted, and when that is not known nobody is.
#[must_use]
pub fn lowered(claim: &Claim<'_>) -> Lowered {
    let (Some(basis), false) = (claim.basis, claim.has_unknown_producer) else {
        return Lowered::nothing();
    };
    let mut latest: BTreeMap<&PrincipalName, &Heard<Declassification>> = BTreeMap::new();
    let is_about = |heard: &&Heard<Declassification>| {
        heard.said.digest == claim.digest && heard.said.workspace == *claim.workspace
    };
    for heard in claim.heard.iter().filter(is_about) {
        latest.insert(&heard.signer, heard);
    }
    let counts = |heard: &Heard<Declassification>| {
        let said = &heard.said;
        heard.is_genuine(&said.signing)
            && said.basis == basis
            && holds_at(
                claim.now,
                said.signing.issued_at,
                said.expires_at,
                DECLASSIFICATION_LIMIT,
            )
            && !claim.producers.contains(&heard.signer)
    };
    let standing: Vec<&Heard<Declassification>> =
        latest.into_values().filter(|heard| counts(heard)).collect();
    let mut tags = BTreeMap::new();
    for (tag, owners) in claim.owners {
        let who: BTreeSet<PrincipalName> = standing
            .iter()
            .filter(|heard| heard.said.tags.contains(tag))
            .filter(|heard| heard.speaks_for(&owners.group, &owners.members))
            .map(|heard| heard.signer.clone())
            .collect();
        let needed = usize::try_from(owners.quorum.max(1)).unwrap_or(usize::MAX);
        if who.len() >= needed {
            tags.insert(tag.clone(), who);
        }
    }
    Lowered(tags)
}
