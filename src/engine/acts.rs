//! What people did, as facts for gates: from statements in the ledger to who said what by which key.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::engine::evidence::{authors, is_revoked};
use crate::engine::people::People;
use crate::flow::declassification::Owners;
use crate::gate::evidence::{AbandonedFacts, ActFacts, HoldFacts, ReviewFacts};
use crate::manifest::policy::{GateSpec, OverrideSpec, PolicySpec};
use crate::manifest::topology::TopologySpec;
use crate::model::act::{Act, Declassification, Heard, OfPromotion};
use crate::model::digest::TreeDigest;
use crate::model::event::Receipt;
use crate::model::id::{GroupName, WorkspaceName};
use crate::model::label::{Label, Tag};
use crate::model::promotion::{Promotion, PromotionId};
use crate::model::workspace::WorkspaceFacts;
use crate::plan::state::State;

/// Everything that was done about a promotion, its digest and its slot. `label` is what the digest has now.
#[must_use]
pub fn facts(
    state: &State,
    people: &People,
    topology: &TopologySpec,
    promotion: &Promotion,
    (label, target): (Option<&Label>, &WorkspaceFacts),
) -> ActFacts {
    let slot = state.slots.get(&promotion.slot);
    let abandoned = slot.and_then(|slot| slot.abandoned.get(&promotion.digest));
    let due = slot.map_or(&[][..], |slot| &slot.overridden);
    let of_artifact = state
        .acts
        .of_artifact(&promotion.environment, &promotion.slot.artifact);
    ActFacts {
        declassifications: declassifications(state, people, promotion.digest, &target.name),
        owners: owners(people, topology, label, target),
        overrides: heard(
            state,
            state.acts.of_promotion(&promotion.id),
            people,
            |act| match act {
                Act::Override(of) => Some(of.as_ref().clone()),
                Act::Declassify(_)
                | Act::Review(_)
                | Act::Hold(_)
                | Act::Resume(_)
                | Act::Abort(_)
                | Act::Retry(_)
                | Act::GrantAccess(_)
                | Act::RevokeAccess(_)
                | Act::ReviewAccess(_) => None,
            },
        ),
        reviews: due
            .iter()
            .map(|promotion| review(state, people, promotion))
            .collect(),
        // What a lost key stopped goes on.
        holds: of_artifact
            .filter(|(_, receipt, _)| !is_revoked(state, people, receipt))
            .filter_map(|(time, receipt, act)| hold(state, people, time, receipt, act))
            .collect(),
        abandoned: abandoned.map(|(promotion, since)| AbandonedFacts {
            promotion: promotion.clone(),
            since: *since,
        }),
        aborts: heard(
            state,
            state
                .acts
                .of_promotion(&promotion.id)
                .filter(|(_, receipt, _)| !is_revoked(state, people, receipt)),
            people,
            |act| match act {
                Act::Abort(of) => Some(of.clone()),
                Act::Declassify(_)
                | Act::Override(_)
                | Act::Review(_)
                | Act::Hold(_)
                | Act::Resume(_)
                | Act::Retry(_)
                | Act::GrantAccess(_)
                | Act::RevokeAccess(_)
                | Act::ReviewAccess(_) => None,
            },
        ),
    }
}

/// What was said of letting a digest into a workspace.
#[must_use]
pub fn declassifications(
    state: &State,
    people: &People,
    digest: TreeDigest,
    workspace: &WorkspaceName,
) -> Vec<Heard<Declassification>> {
    let said = state.acts.of_digest(digest, workspace);
    heard(state, said, people, |act| match act {
        Act::Declassify(of) => Some(of.clone()),
        Act::Override(_)
        | Act::Review(_)
        | Act::Hold(_)
        | Act::Resume(_)
        | Act::Abort(_)
        | Act::Retry(_)
        | Act::GrantAccess(_)
        | Act::RevokeAccess(_)
        | Act::ReviewAccess(_) => None,
    })
}

/// The owners of those tags of a label that a workspace is not cleared for.
#[must_use]
pub fn owners(
    people: &People,
    topology: &TopologySpec,
    label: Option<&Label>,
    target: &WorkspaceFacts,
) -> BTreeMap<Tag, Owners> {
    let beyond = label.map(|label| label.beyond(&target.clearance));
    let beyond = beyond.into_iter().flatten();
    beyond
        .filter_map(|tag| owner(people, topology, &tag).map(|owners| (tag, owners)))
        .collect()
}

/// Who may let a tag through; `None` when nobody declared it.
#[must_use]
pub fn owner(people: &People, topology: &TopologySpec, tag: &Tag) -> Option<Owners> {
    let spec = topology.tags.get(tag)?;
    let members = people.groups().get(&spec.owner).cloned();
    Some(Owners {
        group: spec.owner.clone(),
        quorum: spec.quorum,
        members: members.unwrap_or_default(),
    })
}

/// Who may end what others began, and look at what was overridden: every group that the policies ask for anything.
#[must_use]
pub fn lifters<'a>(policies: impl Iterator<Item = &'a PolicySpec>) -> BTreeSet<GroupName> {
    let mut groups = BTreeSet::new();
    for policy in policies {
        let asked = policy
            .gate_lists()
            .flat_map(|(_, gates)| gates)
            .flat_map(asked_groups);
        let back = policy.rollback.iter().flat_map(|spec| spec.quorum.keys());
        let bypass = policy.bypass.iter().flat_map(|spec| spec.quorum.keys());
        groups.extend(asked.chain(back.chain(bypass).cloned()));
    }
    groups
}

/// The groups of a gate's `quorum`.
fn asked_groups(gate: &GateSpec) -> Vec<GroupName> {
    let quorum = gate
        .params
        .get("quorum")
        .and_then(|quorum| quorum.as_object());
    let groups = quorum.into_iter().flat_map(|quorum| quorum.keys());
    groups.filter_map(|group| group.parse().ok()).collect()
}

/// Of what several policies say of overrides, the stricter: none where one says nothing of it.
#[must_use]
pub fn stricter_bypass<'a>(policies: impl Iterator<Item = &'a PolicySpec>) -> Option<OverrideSpec> {
    let all: Option<Vec<&OverrideSpec>> = policies.map(|policy| policy.bypass.as_ref()).collect();
    all?.into_iter().cloned().reduce(|mut joined, other| {
        for (group, needed) in other.quorum {
            let most = joined.quorum.entry(group).or_insert(needed);
            *most = needed.max(*most);
        }
        joined
    })
}

fn hold(
    state: &State,
    people: &People,
    time: Timestamp,
    receipt: &Receipt,
    act: &Act,
) -> Option<HoldFacts> {
    match act {
        Act::Hold(of) => Some(HoldFacts::Hold(one(
            state,
            people,
            time,
            receipt,
            of.clone(),
        ))),
        Act::Resume(of) => Some(HoldFacts::Resume(one(
            state,
            people,
            time,
            receipt,
            of.clone(),
        ))),
        Act::Declassify(_)
        | Act::Override(_)
        | Act::Review(_)
        | Act::Abort(_)
        | Act::Retry(_)
        | Act::GrantAccess(_)
        | Act::RevokeAccess(_)
        | Act::ReviewAccess(_) => None,
    }
}

fn review(state: &State, people: &People, promotion: &PromotionId) -> ReviewFacts {
    let reviews: Vec<Heard<OfPromotion>> = heard(
        state,
        state.acts.of_promotion(promotion),
        people,
        |act| match act {
            Act::Review(of) => Some(of.clone()),
            Act::Declassify(_)
            | Act::Override(_)
            | Act::Hold(_)
            | Act::Resume(_)
            | Act::Abort(_)
            | Act::Retry(_)
            | Act::GrantAccess(_)
            | Act::RevokeAccess(_)
            | Act::ReviewAccess(_) => None,
        },
    );
    let signers = state
        .acts
        .of_promotion(promotion)
        .filter(|(_, _, act)| matches!(act, Act::Override(_)))
        .map(|(_, receipt, _)| receipt.signer.clone());
    let known = state.promotions.get(promotion);
    let digest = known
        .and_then(|known| known.outcome.as_ref())
        .map(|(_, _, outcome)| outcome.promotion.digest);
    let producers = digest.map(|digest| authors(state, people, digest).0);
    ReviewFacts {
        promotion: promotion.clone(),
        took_part: signers.chain(producers.into_iter().flatten()).collect(),
        heard: reviews,
    }
}

fn heard<'a, T>(
    state: &State,
    said: impl Iterator<Item = (Timestamp, &'a Receipt, &'a Act)>,
    people: &People,
    pick: impl Fn(&Act) -> Option<T>,
) -> Vec<Heard<T>> {
    said.filter_map(|(time, receipt, act)| Some(one(state, people, time, receipt, pick(act)?)))
        .collect()
}

pub(super) fn one<T>(
    state: &State,
    people: &People,
    received_at: Timestamp,
    receipt: &Receipt,
    said: T,
) -> Heard<T> {
    Heard {
        said,
        statement: receipt.statement,
        signer: receipt.signer.clone(),
        key: receipt.key.clone(),
        groups_at_receipt: receipt.groups.clone(),
        received_at,
        key_is_trusted: !is_revoked(state, people, receipt)
            && people.owner(&receipt.key) == Some(&receipt.signer),
    }
}
