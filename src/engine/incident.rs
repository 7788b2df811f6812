//! What counts of access that people gave for incidents: whether it began, whether it holds, and who looked at it since.
//!
//! It is told and nothing more: no gate asks, and no bytes move by it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use crate::engine::acts::{lifters, one};
use crate::engine::people::People;
use crate::manifest::policy::AccessRuleSpec;
use crate::manifest::repository::Repository;
use crate::model::act::{Act, Heard};
use crate::model::digest::Sha256;
use crate::model::event::Receipt;
use crate::model::id::{EnvironmentName, GroupName, PrincipalName};
use crate::model::incident::{ACCESS_LIMIT, AccessGrant, AccessTerms, OfAccess};
use crate::plan::state::State;

/// Access that somebody asked for, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Incident {
    /// The id of its terms.
    pub id: Sha256,
    /// The terms.
    pub terms: AccessTerms,
    /// Where it stands.
    pub standing: Standing,
    /// Who signed the terms and counts. Who gets the access is not among them.
    pub signers: BTreeSet<PrincipalName>,
    /// Since when it was in force; `None` when not enough had signed before it ended.
    pub began: Option<Timestamp>,
    /// When it ended, or will.
    pub ends: Timestamp,
    /// Who ended it before its time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_by: Option<PrincipalName>,
    /// Who looked at it afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reviewed_by: Option<PrincipalName>,
    /// What is missing, or speaks against it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<String>,
}

/// Where access stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// The person has it now.
    InForce,
    /// Somebody has to sign yet.
    Waiting,
    /// It is over, and nobody has looked at it.
    ReviewDue,
    /// The rules in force do not allow it.
    Void,
    /// It is over, and was looked at.
    Reviewed,
    /// It ended before enough had signed.
    Lapsed,
}

impl Standing {
    /// The word for it, as `-o json` says it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::InForce => "in-force",
            Self::Waiting => "waiting",
            Self::ReviewDue => "review-due",
            Self::Void => "void",
            Self::Reviewed => "reviewed",
            Self::Lapsed => "lapsed",
        }
    }
}

impl Incident {
    /// The first digits of its id, as people type it.
    #[must_use]
    pub fn short(&self) -> String {
        self.id.to_string().chars().take(10).collect()
    }
}

/// What the rules of an environment say of access, in force now.
#[must_use]
pub fn rule<'a>(
    manifests: &'a Repository,
    environment: &EnvironmentName,
) -> Option<(&'a AccessRuleSpec, BTreeSet<GroupName>)> {
    let policy = &manifests.policies.get(environment)?.value.spec;
    let rule = policy.access.as_ref()?;
    let mut reviewers = lifters(std::iter::once(policy));
    reviewers.extend(rule.quorum.keys().cloned());
    Some((rule, reviewers))
}

/// All access that anybody ever asked for, as of a time; what holds first, then by when it ends.
#[must_use]
pub fn incidents(
    state: &State,
    people: &People,
    manifests: &Repository,
    now: Timestamp,
) -> Vec<Incident> {
    let all = state.acts.of_access();
    let found = all.filter_map(|(id, said)| Said::of(said, state, people).judge(id, now, true));
    let mut found: Vec<Incident> = found
        .map(|(incident, said)| {
            said.hold_against_rules(incident, people, manifests, (now, state.size))
        })
        .collect();
    found.sort_by_key(|incident| (incident.standing, incident.ends, incident.id));
    found
}

/// The access that is over and that nobody looked at, by the ledger alone: who signed counts by the groups of then.
#[must_use]
pub fn unreviewed(state: &State, now: Timestamp) -> Vec<Incident> {
    let people = People::default();
    let all = state.acts.of_access();
    let found = all.filter_map(|(id, said)| Said::of(said, state, &people).judge(id, now, false));
    let found = found.map(|(incident, _)| incident);
    found
        .filter(|incident| incident.standing == Standing::ReviewDue)
        .collect()
}

/// Everything that was said of one grant.
#[derive(Default)]
struct Said {
    grants: Vec<Heard<AccessGrant>>,
    ends: Vec<Heard<OfAccess>>,
    reviews: Vec<Heard<OfAccess>>,
}

impl Said {
    fn of<'a>(
        all: impl Iterator<Item = (Timestamp, &'a Receipt, &'a Act)>,
        state: &State,
        people: &People,
    ) -> Self {
        let mut said = Self::default();
        for (time, receipt, act) in all {
            match act {
                Act::GrantAccess(of) => {
                    let heard = one(state, people, time, receipt, of.as_ref().clone());
                    said.grants.push(heard);
                }
                Act::RevokeAccess(of) => {
                    said.ends
                        .push(one(state, people, time, receipt, of.clone()));
                }
                Act::ReviewAccess(of) => {
                    said.reviews
                        .push(one(state, people, time, receipt, of.clone()));
                }
                Act::Declassify(_)
                | Act::Override(_)
                | Act::Review(_)
                | Act::Hold(_)
                | Act::Resume(_)
                | Act::Abort(_)
                | Act::Retry(_) => {}
            }
        }
        said
    }

    /// What the ledger alone says: when it began by the quorum that its terms name, when it ended, who looked at it.
    ///
    /// Here a key that was lost later still counts for the beginning: somebody may have been let in. A review by one counts
    /// only when nobody is asked whose key is whose.
    fn judge(self, id: Sha256, now: Timestamp, asks_keys: bool) -> Option<(Incident, Self)> {
        let terms = self.grants.first()?.said.terms.clone();
        let end = self.ends.first();
        let ends = end.map_or(terms.expires_at, |end| {
            end.received_at.min(terms.expires_at)
        });
        let mut incident = Incident {
            id,
            began: self.began(&terms).filter(|began| *began < ends),
            signers: self.signers(&terms, |_| true),
            revoked_by: end
                .filter(|end| end.received_at < terms.expires_at)
                .map(|end| end.signer.clone()),
            reviewed_by: None,
            because: Vec::new(),
            standing: Standing::Waiting,
            ends,
            terms,
        };
        incident.reviewed_by = self.reviewer(&incident, asks_keys);
        incident.standing = match (incident.began, now < ends, &incident.reviewed_by) {
            (Some(_), true, _) => Standing::InForce,
            (Some(_), false, None) => Standing::ReviewDue,
            (Some(_), false, Some(_)) => Standing::Reviewed,
            (None, true, _) => Standing::Waiting,
            (None, false, _) => Standing::Lapsed,
        };
        Some((incident, self))
    }

    /// Who signed, of those that a rule lets count; never who gets the access.
    fn signers(
        &self,
        terms: &AccessTerms,
        counts: impl Fn(&Heard<AccessGrant>) -> bool,
    ) -> BTreeSet<PrincipalName> {
        let others = self.grants.iter().filter(|heard| {
            heard.signer != terms.person && heard.said.signing.principal == heard.signer
        });
        let sound = others.filter(|heard| terms.is_sound(heard.received_at));
        sound
            .filter(|heard| counts(heard))
            .map(|heard| heard.signer.clone())
            .collect()
    }

    /// When the last person that was needed had signed.
    fn began(&self, terms: &AccessTerms) -> Option<Timestamp> {
        let times: BTreeSet<Timestamp> =
            self.grants.iter().map(|heard| heard.received_at).collect();
        times.into_iter().find(|time| {
            let of_group = |group: &GroupName| {
                self.signers(terms, |heard| {
                    heard.received_at <= *time && heard.groups_at_receipt.contains(group)
                })
            };
            missing(&terms.quorum, of_group).is_empty()
        })
    }

    /// The first who looked at it after its end, is in a group that may, and took no part.
    fn reviewer(&self, incident: &Incident, asks_keys: bool) -> Option<PrincipalName> {
        let terms = &incident.terms;
        let took_part = |who: &PrincipalName| {
            *who == terms.person || self.grants.iter().any(|heard| heard.signer == *who)
        };
        let mut reviews = self.reviews.iter().filter(|heard| {
            heard.received_at >= incident.ends
                && (heard.key_is_trusted || !asks_keys)
                && heard.said.signing.principal == heard.signer
                && !took_part(&heard.signer)
                && !heard.groups_at_receipt.is_disjoint(&terms.reviewers)
        });
        Some(reviews.next()?.signer.clone())
    }

    /// What the rules in force and the people of now say of what may hold or come to hold.
    fn hold_against_rules(
        &self,
        mut incident: Incident,
        people: &People,
        manifests: &Repository,
        (now, size): (Timestamp, u64),
    ) -> Incident {
        if now >= incident.ends {
            return incident;
        }
        let terms = &incident.terms;
        let nobody = BTreeSet::new();
        let of_group = |group: &GroupName| {
            let members = people.groups().get(group).unwrap_or(&nobody);
            self.signers(terms, |heard| {
                heard.key_is_trusted && heard.speaks_for(group, members)
            })
        };
        let against = against(terms, people, manifests, size);
        let missing = missing(&terms.quorum, of_group);
        (incident.standing, incident.because) = match (against.is_empty(), missing.is_empty()) {
            (false, _) => (Standing::Void, against),
            (true, false) => (Standing::Waiting, missing),
            (true, true) => (incident.standing, Vec::new()),
        };
        incident
    }
}

/// The groups of a quorum that lack persons, in words.
fn missing(
    quorum: &BTreeMap<GroupName, u32>,
    of_group: impl Fn(&GroupName) -> BTreeSet<PrincipalName>,
) -> Vec<String> {
    let short = quorum.iter().filter_map(|(group, needed)| {
        let count = u32::try_from(of_group(group).len()).unwrap_or(u32::MAX);
        let missing = needed.checked_sub(count).filter(|missing| *missing > 0)?;
        Some(format!("{missing} more of group `{group}` must sign"))
    });
    short.collect()
}

/// Why terms are not what the rules in force allow, when the ledger has so many entries.
#[must_use]
pub fn against(
    terms: &AccessTerms,
    people: &People,
    manifests: &Repository,
    size: u64,
) -> Vec<String> {
    let environment = &terms.environment;
    let Some((rule, reviewers)) = rule(manifests, environment) else {
        return vec![format!(
            "the policy of `{environment}` lets nobody give access"
        )];
    };
    let mut found = Vec::new();
    if terms.quorum != rule.quorum || terms.reviewers != reviewers {
        found.push(format!(
            "the policy of `{environment}` asks for other persons"
        ));
    }
    let limit = rule.at_most.duration().min(ACCESS_LIMIT);
    if terms.length() > limit {
        let hours = limit.as_hours();
        found.push(format!(
            "the policy of `{environment}` allows {hours} hours at most"
        ));
    }
    if !rule.roles.is_empty() && !rule.roles.contains(&terms.role) {
        found.push(format!(
            "the policy of `{environment}` does not name the role `{}`",
            terms.role
        ));
    }
    if let Some(workspace) = &terms.workspace {
        let known = manifests.workspaces.get(workspace);
        if known.is_none_or(|known| known.value.spec.environment != *environment) {
            found.push(format!("`{workspace}` is no workspace of `{environment}`"));
        }
    }
    let mut keys = people.keys_of(&terms.person).into_iter();
    if keys.all(|key| people.is_revoked(&key, size)) {
        found.push(format!(
            "`{}` is nobody in the trust root who has a key that is not revoked",
            terms.person
        ));
    }
    found
}
