//! What each act would say: what it is about, found by what a person typed, and what speaks against it.

use std::collections::BTreeSet;

use crate::error::{Failure, FailureKind, Result};
use crate::gate::find;
use crate::model::act::{
    Act, DECLASSIFICATION_LIMIT, Declassification, OVERRIDE_LIMIT, OfArtifact, OfPromotion,
    Override, Signing,
};
use crate::model::digest::{Sha256, TreeDigest};
use crate::model::id::{EnvironmentName, PrincipalName, WorkspaceName};
use crate::model::label::{Label, Tag};
use crate::model::period::Period;
use crate::model::promotion::{OutcomeKind, Promotion, PromotionId};
use crate::model::verdict::DecisionResult;
use crate::ops::act::{Declassified, Drafted, Scope};
use crate::ops::approve::{Desk, expiry};
use crate::ops::plan::{find_version, unknown};
use crate::ops::snapshot::find_snapshot;
use crate::plan::desired::Change;

impl Desk {
    pub(super) fn draft_declassification(
        &self,
        signing: Signing,
        of: &Declassified,
        workspace: &WorkspaceName,
        (tags, validity): (Option<&BTreeSet<Tag>>, Period),
    ) -> Result<Drafted> {
        let names: Vec<&str> = self
            .world
            .targets
            .keys()
            .map(WorkspaceName::as_str)
            .collect();
        let target = self.world.workspace(workspace);
        let target = target.ok_or_else(|| unknown("workspace", workspace.as_str(), &names))?;
        let Subject {
            what,
            name,
            digest,
            label,
            basis,
        } = self.subject(of)?;
        let beyond = label.beyond(&target.clearance);
        if beyond.is_empty() {
            let message = format!("workspace `{workspace}` is cleared for all of `{name}`");
            return Err(Failure::new(FailureKind::Usage, message));
        }
        let tags = match tags {
            Some(tags) if tags.is_empty() => beyond,
            Some(tags) => tags.clone(),
            None => BTreeSet::new(),
        };
        let expires_at = within(&signing, validity, DECLASSIFICATION_LIMIT)?;
        let mut facts = vec![
            (what, name),
            ("digest", digest.to_string()),
            ("label", label.to_string()),
            ("into", format!("{workspace} ({})", target.environment)),
            ("until", expires_at.to_string()),
        ];
        let warnings = self.say_owners(&signing.principal, &tags, &mut facts)?;
        let act = Act::Declassify(Declassification {
            signing,
            digest,
            workspace: workspace.clone(),
            tags,
            basis,
            expires_at,
        });
        Ok((act, facts, warnings))
    }

    /// What a declassification is of: its bytes, and what they carry.
    fn subject(&self, of: &Declassified) -> Result<Subject> {
        match of {
            Declassified::Version(version) => {
                let spec = &find_version(&self.world, version)?.document.value.spec;
                let known = self.world.labels.get(spec.digest).ok_or_else(|| {
                    let message = format!("the label of `{version}` is not known");
                    Failure::new(FailureKind::Denied, message)
                })?;
                Ok(Subject {
                    what: "version",
                    name: version.to_string(),
                    digest: spec.digest,
                    label: known.label.clone(),
                    basis: known.basis,
                })
            }
            Declassified::Snapshot(id) => {
                let (digest, traced) = find_snapshot(&self.world, id)?;
                Ok(Subject {
                    what: "snapshot",
                    name: id.to_string(),
                    digest,
                    label: traced.label,
                    basis: traced.basis,
                })
            }
        }
    }

    /// Who has to sign for each tag; warns when this person is not one of them.
    fn say_owners(
        &self,
        principal: &PrincipalName,
        tags: &BTreeSet<Tag>,
        facts: &mut Vec<(&'static str, String)>,
    ) -> Result<Vec<String>> {
        let mut warnings = Vec::new();
        let groups = self.world.people.groups_of(principal);
        for tag in tags {
            let spec = self.world.manifests.topology.value.spec.tags.get(tag);
            let spec = spec.ok_or_else(|| unknown("tag", tag.as_str(), &[]))?;
            let needed = format!("{tag}: {} of group `{}` must sign", spec.quorum, spec.owner);
            facts.push(("tag", needed));
            if !groups.contains(&spec.owner) {
                warnings.push(format!(
                    "`{principal}` is not in group `{}`, which owns `{tag}`, so this will not count",
                    spec.owner
                ));
            }
        }
        Ok(warnings)
    }

    pub(super) fn draft_override(
        &self,
        signing: Signing,
        promotion: &str,
        gates: &BTreeSet<String>,
        validity: Period,
    ) -> Result<Drafted> {
        let draft = self.draft(promotion)?;
        let judged = &draft.judged;
        let mut warnings = draft.warnings.clone();
        if judged.evidence.bypass.is_none() {
            let environment = &judged.promotion.environment;
            return Err(Failure::new(
                FailureKind::Denied,
                format!("the policy of `{environment}` lets nobody override anything"),
            )
            .hint(format!(
                "`spec.override` of `policies/{environment}.yaml` would name who may"
            )));
        }
        let mut open = BTreeSet::new();
        for result in &judged.decision.gates {
            let is_overridable = find(&result.gate).is_some_and(|gate| gate.is_overridable);
            match result.verdict.result() {
                DecisionResult::Allow => {}
                DecisionResult::Wait | DecisionResult::Deny if is_overridable => {
                    open.insert(result.gate.clone());
                }
                DecisionResult::Wait | DecisionResult::Deny | DecisionResult::Unavailable => {
                    warnings.push(format!("`{}` cannot be overridden", result.gate));
                }
            }
        }
        let gates = if gates.is_empty() {
            open
        } else {
            gates.clone()
        };
        if let Some(gate) = gates
            .iter()
            .find(|name| !find(name).is_some_and(|gate| gate.is_overridable))
        {
            let message = format!("`{gate}` is no gate that can be overridden");
            return Err(Failure::new(FailureKind::Usage, message));
        }
        if gates.is_empty() {
            return Err(Failure::new(
                FailureKind::Usage,
                "there is nothing to override",
            ));
        }
        let expires_at = within(&signing, validity, OVERRIDE_LIMIT)?;
        let mut facts = facts_of(&judged.promotion);
        let names: Vec<&str> = gates.iter().map(String::as_str).collect();
        facts.push(("gates", names.join(", ")));
        facts.push(("until", expires_at.to_string()));
        facts.push((
            "then",
            "somebody else must review it before the next promotion".to_owned(),
        ));
        let act = Act::Override(Box::new(Override {
            signing,
            binding: draft.binding,
            gates,
            expires_at,
        }));
        Ok((act, facts, warnings))
    }

    pub(super) fn draft_review(&self, signing: Signing, text: &str) -> Result<Drafted> {
        let state = self.world.state();
        let due = state.slots.values().flat_map(|slot| &slot.overridden);
        let id = one_of("promotion that an override let through", text, due)?;
        let outcome = state
            .promotions
            .get(&id)
            .and_then(|known| known.outcome.as_ref());
        let Some((_, _, outcome)) = outcome else {
            return Err(Failure::new(
                FailureKind::Internal,
                format!("`{id}` has no outcome"),
            ));
        };
        let act = Act::Review(of_promotion(signing, &outcome.promotion));
        Ok((act, facts_of(&outcome.promotion), Vec::new()))
    }

    /// People see the id of the attempt that would come next; what is retried is the one that failed.
    pub(super) fn draft_retry(&self, signing: Signing, text: &str) -> Result<Drafted> {
        let changes = self.world.changes();
        let failed = changes.iter().filter_map(|change| match change {
            Change::Failed(promotion) => Some(promotion),
            Change::Promote(_) | Change::UpToDate { .. } => None,
        });
        let failed: Vec<&Promotion> = failed.collect();
        let id = one_of(
            "promotion that failed",
            text,
            failed.iter().map(|next| &next.id),
        )?;
        let next = failed.into_iter().find(|next| next.id == id);
        let state = self.world.state();
        let last = next.and_then(|next| state.slot(&next.slot).last_outcome);
        let outcomes = state
            .promotions
            .values()
            .filter_map(|known| known.outcome.as_ref());
        let outcome = outcomes
            .filter(|(_, _, outcome)| outcome.outcome == OutcomeKind::Failed)
            .find(|(index, _, _)| Some(*index) == last);
        let Some((_, _, outcome)) = outcome else {
            return Err(Failure::new(
                FailureKind::Internal,
                format!("`{id}` did not fail"),
            ));
        };
        let mut facts = facts_of(&outcome.promotion);
        facts.extend(outcome.reason.clone().map(|reason| ("failed", reason)));
        let act = Act::Retry(of_promotion(signing, &outcome.promotion));
        Ok((act, facts, Vec::new()))
    }

    pub(super) fn scope(
        &self,
        signing: Signing,
        scope: &Scope,
    ) -> Result<(OfArtifact, Vec<(&'static str, String)>)> {
        let environments = &self.world.environments;
        if environments.rank(&scope.environment).is_none() {
            let names: Vec<&str> = environments
                .names()
                .iter()
                .map(EnvironmentName::as_str)
                .collect();
            return Err(unknown("environment", scope.environment.as_str(), &names));
        }
        if !self.world.manifests.artifacts.contains_key(&scope.artifact) {
            let names: Vec<String> = self
                .world
                .manifests
                .artifacts
                .keys()
                .map(ToString::to_string)
                .collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            return Err(unknown("artifact", &scope.artifact.to_string(), &names));
        }
        let digest = scope
            .digest
            .as_deref()
            .map(|text| self.find_digest(text))
            .transpose()?;
        let facts = vec![
            ("artifact", scope.artifact.to_string()),
            ("in", scope.environment.to_string()),
            (
                "digest",
                digest.map_or_else(|| "any".to_owned(), |digest: TreeDigest| digest.to_string()),
            ),
        ];
        let of = OfArtifact {
            signing,
            environment: scope.environment.clone(),
            artifact: scope.artifact.clone(),
            digest,
        };
        Ok((of, facts))
    }
}

/// What a declassification is of.
struct Subject {
    /// The kind of thing.
    what: &'static str,
    name: String,
    digest: TreeDigest,
    label: Label,
    basis: Sha256,
}

/// The one id that a person meant.
fn one_of<'a>(
    what: &str,
    text: &str,
    all: impl Iterator<Item = &'a PromotionId>,
) -> Result<PromotionId> {
    let all: BTreeSet<&PromotionId> = all.collect();
    let mut found = all.iter().filter(|id| id.matches(text));
    match (found.next(), found.next()) {
        (Some(id), None) => Ok((*id).clone()),
        (Some(_), Some(_)) => {
            let message = format!("`{text}` fits several promotions");
            Err(Failure::new(FailureKind::Usage, message).hint("write more of it"))
        }
        (None, _) => {
            let names: Vec<String> = all.iter().map(|id| id.short()).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            Err(unknown(what, text, &names))
        }
    }
}

fn within(
    signing: &Signing,
    validity: Period,
    limit: jiff::SignedDuration,
) -> Result<jiff::Timestamp> {
    if validity.duration() > limit {
        let message = format!("it may hold for {} hours at most", limit.as_hours());
        return Err(Failure::new(FailureKind::Usage, message));
    }
    expiry(signing.issued_at, validity)
}

pub(super) fn of_promotion(signing: Signing, promotion: &Promotion) -> OfPromotion {
    OfPromotion {
        signing,
        promotion: promotion.id.clone(),
        digest: promotion.digest,
    }
}

pub(super) fn facts_of(promotion: &Promotion) -> Vec<(&'static str, String)> {
    vec![
        ("promotion", promotion.id.short()),
        (
            "version",
            format!("{}@{}", promotion.slot.artifact, promotion.version),
        ),
        ("digest", promotion.digest.to_string()),
        (
            "to",
            format!("{} ({})", promotion.slot.workspace, promotion.environment),
        ),
    ]
}
