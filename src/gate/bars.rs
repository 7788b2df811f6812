//! Who may not approve, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::gate::evidence::{Evidence, SignatureFacts};
use crate::model::id::PrincipalName;
use crate::model::planted::planted;

/// Why a person may not approve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bar {
    /// Signed a manifest of the digest.
    Author,
    /// Signed the commit or the release that asks for the promotion.
    Requester,
    /// Has commits in the request or in the version's manifest.
    Committer,
}

impl fmt::Display for Bar {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Author => "made this version",
            Self::Requester => "asked for this promotion",
            Self::Committer => "has commits in the request or in the version's manifest",
        })
    }
}

/// Why each person who may not approve may not; the same persons as `Evidence::barred`.
#[must_use]
pub fn bars(evidence: &Evidence) -> BTreeMap<PrincipalName, Bar> {
    let request = &evidence.request;
    let requesters: BTreeSet<&PrincipalName> =
        [&request.commit_signature, &request.release_signature]
            .into_iter()
            .filter_map(signer)
            .collect();
    let bar = |principal: &PrincipalName| {
        if evidence.version.authors.contains(principal) {
            Bar::Author
        } else if requesters.contains(principal) {
            Bar::Requester
        } else {
            Bar::Committer
        }
    };
    let barred = evidence.barred().into_iter();
    barred
        .filter(|_| !planted!(AuthorApproves))
        .map(|principal| {
            let bar = bar(&principal);
            (principal, bar)
        })
        .collect()
}

const fn signer(signature: &SignatureFacts) -> Option<&PrincipalName> {
    match signature {
        SignatureFacts::By(principal) => Some(principal),
        SignatureFacts::Missing | SignatureFacts::Bad(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::testing::{TestEvidence, names};

    #[test]
    fn everyone_who_took_part_is_barred_for_the_gravest_reason() {
        let case = TestEvidence::new().with(|_, evidence| {
            evidence.request.release_signature = SignatureFacts::By("dave".parse().unwrap());
            evidence.request.committers = names(&["alice", "dave", "frank"]);
        });
        let found = bars(&case.evidence);
        let expected = [
            ("alice", Bar::Author),
            ("dave", Bar::Requester),
            ("erin", Bar::Requester),
            ("frank", Bar::Committer),
        ];
        let expected = expected.map(|(name, bar)| (name.parse().unwrap(), bar));
        assert_eq!(found, BTreeMap::from(expected));
        assert!(found.keys().eq(&case.evidence.barred()));
    }
}
