//! What owners of tags let through: the one way in which a label counts for less than it says.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::act::{DECLASSIFICATION_LIMIT, Declassification, Heard, holds_at};
use crate::model::digest::{Sha256, TreeDigest};
use crate::model::id::{GroupName, PrincipalName, WorkspaceName};
use crate::model::label::Tag;
use crate::model::planted::planted;

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
            && (said.basis == basis || planted!(DeclassificationOutlives))
            && (planted!(DeclassificationForever) || is_in_time(said, claim.now))
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
        let count = if planted!(DuplicatesCount) {
            claim.heard.len()
        } else {
            who.len()
        };
        let needed = usize::try_from(owners.quorum.max(1)).unwrap_or(usize::MAX);
        if count >= needed {
            tags.insert(tag.clone(), who);
        }
    }
    Lowered(tags)
}

fn is_in_time(said: &Declassification, now: Timestamp) -> bool {
    holds_at(
        now,
        said.signing.issued_at,
        said.expires_at,
        DECLASSIFICATION_LIMIT,
    )
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::model::act::Signing;

    type Said = Heard<Declassification>;

    fn digest() -> TreeDigest {
        format!("dirhash1:{}", "a".repeat(64)).parse().unwrap()
    }

    fn now() -> Timestamp {
        "2026-06-01T12:00:00Z".parse().unwrap()
    }

    fn say(who: &str) -> Said {
        let issued_at = now() - SignedDuration::from_hours(1);
        Heard {
            said: Declassification {
                signing: Signing {
                    ledger: "ledger".to_owned(),
                    principal: who.parse().unwrap(),
                    reason: "masked".to_owned(),
                    issued_at,
                    nonce: "00".to_owned(),
                },
                digest: digest(),
                workspace: "dev".parse().unwrap(),
                tags: [Tag::production()].into(),
                basis: Sha256::of(b"basis"),
                expires_at: issued_at + SignedDuration::from_hours(48),
            },
            statement: Sha256::of(who.as_bytes()),
            signer: who.parse().unwrap(),
            key: format!("SHA256:{}", "A".repeat(43)).parse().unwrap(),
            groups_at_receipt: ["stewards".parse().unwrap()].into(),
            received_at: issued_at,
            key_is_trusted: true,
        }
    }

    fn is_let_through(heard: &[Said], spoil: impl FnOnce(&mut Claim<'_>)) -> bool {
        let names = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
        let owners = Owners {
            group: "stewards".parse().unwrap(),
            quorum: 2,
            members: names(&["ann", "ben", "cat"]),
        };
        let mut claim = Claim {
            digest: digest(),
            workspace: &"dev".parse().unwrap(),
            basis: Some(Sha256::of(b"basis")),
            now: now(),
            producers: &names(&["cat"]),
            has_unknown_producer: false,
            owners: &BTreeMap::from([(Tag::production(), owners)]),
            heard,
        };
        spoil(&mut claim);
        lowered(&claim).contains(&Tag::production())
    }

    #[test]
    fn enough_owners_let_a_tag_through_and_each_counts_once() {
        assert!(is_let_through(&[say("ann"), say("ben")], |_| {}));
        assert!(!is_let_through(&[say("ann")], |_| {}));
        assert!(!is_let_through(&[say("ann"), say("ann")], |_| {}));
        // Who made it.
        assert!(!is_let_through(&[say("ann"), say("cat")], |_| {}));
        // Who is no owner.
        assert!(!is_let_through(&[say("ann"), say("dan")], |_| {}));
        // Who took it back.
        let mut back = say("ben");
        back.said.tags.clear();
        assert!(!is_let_through(&[say("ann"), say("ben"), back], |_| {}));
    }

    #[test]
    fn it_is_for_one_digest_one_place_one_time_and_one_state_of_the_data() {
        let spoils: [fn(&mut Said); 9] = [
            |heard| heard.said.digest = format!("dirhash1:{}", "b".repeat(64)).parse().unwrap(),
            |heard| heard.said.workspace = "qa".parse().unwrap(),
            |heard| heard.said.tags = ["pii".parse().unwrap()].into(),
            |heard| heard.said.basis = Sha256::of(b"before the data was relabelled"),
            |heard| heard.said.expires_at = now(),
            |heard| heard.said.expires_at += SignedDuration::from_hours(90 * 24),
            |heard| heard.said.signing.principal = "cat".parse().unwrap(),
            |heard| heard.key_is_trusted = false,
            |heard| heard.groups_at_receipt.clear(),
        ];
        for (number, spoil) in spoils.into_iter().enumerate() {
            let mut ben = say("ben");
            spoil(&mut ben);
            assert!(!is_let_through(&[say("ann"), ben], |_| {}), "{number}");
        }
        let both = [say("ann"), say("ben")];
        assert!(!is_let_through(&both, |claim| claim.basis = None));
        assert!(!is_let_through(&both, |claim| claim.has_unknown_producer = true));
    }
}
