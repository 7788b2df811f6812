//! What is signed about access for an incident: found by what a person typed, and what speaks against it.

use jiff::Timestamp;

use crate::attest::random;
use crate::engine::incident::{Incident, Standing, against, incidents, rule};
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::model::act::{Act, Signing};
use crate::model::id::{EnvironmentName, PrincipalName, WorkspaceName};
use crate::model::incident::{AccessGrant, AccessTerms, MAX_ROLE_BYTES, OfAccess};
use crate::ops::act::{AccessAsked, Drafted, Until};
use crate::ops::approve::{Desk, expiry};
use crate::ops::plan::unknown;

/// The fewest digits that name access.
const MIN_DIGITS: usize = 6;

impl Desk {
    pub(super) fn draft_access(&self, signing: Signing, asked: &AccessAsked) -> Result<Drafted> {
        let environment = self.environment_of(asked)?;
        let principals = &self.world.root.principals;
        if !principals.contains_key(&asked.person) {
            let names: Vec<&str> = principals.keys().map(PrincipalName::as_str).collect();
            return Err(unknown("principal", asked.person.as_str(), &names));
        }
        let is_role = !asked.role.trim().is_empty()
            && asked.role.len() <= MAX_ROLE_BYTES
            && !asked.role.chars().any(char::is_control);
        if !is_role {
            let message =
                format!("a role has 1 to {MAX_ROLE_BYTES} bytes, and no control characters");
            return Err(Failure::new(FailureKind::Usage, message));
        }
        let Some((rule, reviewers)) = rule(&self.world.manifests, &environment) else {
            let message = format!("the policy of `{environment}` lets nobody give access");
            let hint = format!("`spec.access` of `policies/{environment}.yaml` would name who may");
            return Err(Failure::new(FailureKind::Denied, message).hint(hint));
        };
        let asked_at = signing.issued_at;
        let expires_at = match asked.until {
            Until::For(period) => expiry(asked_at, period)?,
            Until::Time(time) => time,
        };
        if expires_at <= asked_at {
            let message = format!("{expires_at} is over already");
            return Err(Failure::new(FailureKind::Usage, message));
        }
        let terms = AccessTerms {
            person: asked.person.clone(),
            environment,
            workspace: asked.workspace.clone(),
            role: asked.role.clone(),
            reason: signing.reason.clone(),
            quorum: rule.quorum.clone(),
            reviewers,
            asked_at,
            expires_at,
            nonce: random::nonce().or_fail(FailureKind::Internal)?,
        };
        let speaks_against = against(
            &terms,
            &self.world.people,
            &self.world.manifests,
            self.world.state().size,
        );
        if let Some(first) = speaks_against.first() {
            return Err(Failure::new(FailureKind::Denied, first.clone()));
        }
        Ok(self.grant(signing, terms))
    }

    fn environment_of(&self, asked: &AccessAsked) -> Result<EnvironmentName> {
        let targets = &self.world.targets;
        if let Some(name) = &asked.workspace {
            let names: Vec<&str> = targets.keys().map(WorkspaceName::as_str).collect();
            let workspace = self.world.workspace(name);
            let workspace = workspace.ok_or_else(|| unknown("workspace", name.as_str(), &names))?;
            return Ok(workspace.environment.clone());
        }
        let environments = &self.world.environments;
        let known = asked
            .environment
            .clone()
            .filter(|name| environments.rank(name).is_some());
        known.ok_or_else(|| {
            let names = environments.names().iter().map(EnvironmentName::as_str);
            let name = asked
                .environment
                .as_ref()
                .map_or("", EnvironmentName::as_str);
            unknown("environment", name, &names.collect::<Vec<_>>())
        })
    }

    pub(super) fn draft_access_approval(&self, signing: Signing, text: &str) -> Result<Drafted> {
        let found = self.find_access(text)?;
        match found.standing {
            Standing::Waiting | Standing::InForce => Ok(self.grant(signing, found.terms)),
            Standing::Void => {
                let reason = found.because.first().cloned().unwrap_or_default();
                Err(Failure::new(FailureKind::Denied, reason))
            }
            Standing::ReviewDue | Standing::Reviewed | Standing::Lapsed => {
                let message = format!("access `{}` ended at {}", found.short(), found.ends);
                Err(Failure::new(FailureKind::Denied, message).hint("ask for it again"))
            }
        }
    }

    pub(super) fn draft_access_end(&self, signing: Signing, text: &str) -> Result<Drafted> {
        let found = self.find_access(text)?;
        if self.world.pending.now() >= found.ends {
            let message = format!("access `{}` ended at {}", found.short(), found.ends);
            return Err(Failure::new(FailureKind::Usage, message));
        }
        let facts = facts_of(&found.terms);
        let access = found.id;
        Ok((
            Act::RevokeAccess(OfAccess { signing, access }),
            facts,
            Vec::new(),
        ))
    }

    pub(super) fn draft_access_review(&self, signing: Signing, text: &str) -> Result<Drafted> {
        let found = self.find_access(text)?;
        if found.standing != Standing::ReviewDue {
            let message = format!(
                "access `{}` is {}, and no review of it is due",
                found.short(),
                found.standing.word()
            );
            return Err(Failure::new(FailureKind::Usage, message));
        }
        let mut warnings = Vec::new();
        let who = &signing.principal;
        if *who == found.terms.person || found.signers.contains(who) {
            warnings.push(format!("`{who}` took part in it, so this will not count"));
        } else if self
            .world
            .people
            .groups_of(who)
            .is_disjoint(&found.terms.reviewers)
        {
            warnings.push(format!(
                "`{who}` is in no group that may review it, so this will not count"
            ));
        }
        let facts = facts_of(&found.terms);
        let access = found.id;
        Ok((
            Act::ReviewAccess(OfAccess { signing, access }),
            facts,
            warnings,
        ))
    }

    fn grant(&self, signing: Signing, terms: AccessTerms) -> Drafted {
        let mut facts = facts_of(&terms);
        let mut warnings = Vec::new();
        for (group, needed) in &terms.quorum {
            facts.push(("needs", format!("{needed} of group `{group}`")));
        }
        facts.push((
            "then",
            "somebody else must review it once it is over".to_owned(),
        ));
        let who = &signing.principal;
        let groups = self.world.people.groups_of(who);
        if *who == terms.person {
            warnings.push(format!(
                "`{who}` gets the access, so this signature will not count; others have to sign"
            ));
        } else if !terms.quorum.keys().any(|group| groups.contains(group)) {
            warnings.push(format!(
                "`{who}` is in no group that is asked, so this signature will not count"
            ));
        }
        (
            Act::GrantAccess(Box::new(AccessGrant { signing, terms })),
            facts,
            warnings,
        )
    }

    /// The one access that a person meant.
    fn find_access(&self, text: &str) -> Result<Incident> {
        let world = &self.world;
        let now: Timestamp = world.pending.now();
        let all = incidents(world.state(), &world.people, &world.manifests, now);
        let names: Vec<String> = all.iter().map(Incident::short).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        if text.len() < MIN_DIGITS {
            return Err(unknown("access", text, &names));
        }
        let mut found = all
            .iter()
            .filter(|found| found.id.to_string().starts_with(text));
        match (found.next(), found.next()) {
            (Some(found), None) => Ok(found.clone()),
            (Some(_), Some(_)) => {
                let message = format!("`{text}` fits several; write more of it");
                Err(Failure::new(FailureKind::Usage, message))
            }
            (None, _) => Err(unknown("access", text, &names)),
        }
    }
}

fn facts_of(terms: &AccessTerms) -> Vec<(&'static str, String)> {
    let id: String = terms.id().to_string().chars().take(10).collect();
    let place = match &terms.workspace {
        Some(workspace) => format!("{workspace} ({})", terms.environment),
        None => terms.environment.to_string(),
    };
    vec![
        ("access", id),
        ("for", terms.person.to_string()),
        ("in", place),
        ("may", terms.role.clone()),
        ("until", terms.expires_at.to_string()),
        ("because", terms.reason.clone()),
    ]
}
