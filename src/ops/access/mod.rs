//! `promote access`: who may do what where, by the trust root and the policies in force.
//!
//! Nothing here decides who counts: roles, quorums, owners and keys are looked up with the code of the gates and of
//! adoption, so that what is shown is what holds.

mod grants;

use std::collections::BTreeSet;

use serde::Serialize;

use crate::context::Context;
use crate::engine::incident::{Incident, Standing, incidents};
use crate::engine::trust::TrustProblem;
use crate::engine::world::World;
use crate::error::Result;
use crate::model::id::{EngineName, EnvironmentName, GroupName, PrincipalName};
use crate::model::principal::KeyFingerprint;
use crate::ops::access::grants::{find_grants, find_problems};
use crate::ops::history::principal_of;
use crate::ops::plan::unknown;

pub use grants::{Grant, May, Owned};

/// Whose access is asked for.
#[derive(Debug, Clone, Default)]
pub struct AccessRequest {
    /// A principal or the name that is printed of one; or a group, when groups are asked for. All when left out.
    pub who: Option<String>,
    /// Whether groups are shown instead of principals.
    pub is_by_group: bool,
    /// Only what concerns this environment.
    pub environment: Option<EnvironmentName>,
    /// Also access for incidents that is over and was looked at, and what never began.
    pub has_past: bool,
}

/// Who may do what.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessReport {
    /// The version of the trust root in force.
    pub root_version: u64,
    /// The principals, unless groups are asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub principals: Vec<PrincipalAccess>,
    /// The groups, if they are asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupAccess>,
    /// The engines, unless one person or group is asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub engines: Vec<EngineAccess>,
    /// Access that people gave for incidents: what holds, waits or is to be looked at; all of it when that is asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub incidents: Vec<Incident>,
    /// What nobody can do as it is: quorums that cannot be met, groups that do not exist, trust files that have ended.
    pub problems: Vec<String>,
    /// Why governed files of the head are not in force, if they are not: then what holds is what was adopted before.
    pub not_adopted: Vec<String>,
}

/// What one principal may do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrincipalAccess {
    /// The principal.
    pub principal: PrincipalName,
    /// The name that is printed.
    pub name: String,
    /// The groups.
    pub groups: BTreeSet<GroupName>,
    /// The keys that count now. Without one nothing of the rest can be done.
    pub keys: Vec<KeyFingerprint>,
    /// The keys that count no longer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub revoked: Vec<KeyFingerprint>,
    /// What it may do, through which group.
    pub may: Vec<Grant>,
}

/// What the members of a group may do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupAccess {
    /// The group.
    pub group: GroupName,
    /// Its members.
    pub members: BTreeSet<PrincipalName>,
    /// What they may do.
    pub may: Vec<Grant>,
}

/// Where an engine's key counts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EngineAccess {
    /// The engine.
    pub engine: EngineName,
    /// The environments that it may act for.
    pub environments: BTreeSet<EnvironmentName>,
}

/// Says who may do what.
///
/// # Errors
///
/// When nobody and nothing has the name that is asked for, or something cannot be read or believed.
pub fn access(context: &Context, request: &AccessRequest) -> Result<AccessReport> {
    let mut engine = context.observer()?;
    let world = engine.observe()?;
    if let Some(environment) = &request.environment {
        let names = world.environments.names().iter();
        let names: Vec<&str> = names.map(EnvironmentName::as_str).collect();
        if world.environments.rank(environment).is_none() {
            return Err(unknown("environment", environment.as_str(), &names));
        }
    }
    let who = match (&request.who, request.is_by_group) {
        (Some(who), false) => Some(principal_of(engine.book()?, who)?),
        (who, _) => who.clone(),
    };
    let mut grants = find_grants(&world);
    if let Some(environment) = &request.environment {
        grants.retain(|grant| grant.may.environment() == Some(environment));
    }
    let is_everyone = who.is_none();
    // Who may do nothing there is no answer, unless asked for by name.
    let is_filtered = is_everyone && request.environment.is_some();
    let (mut principals, mut groups) = (Vec::new(), Vec::new());
    if request.is_by_group {
        groups = of_groups(&world, who.as_deref(), &grants)?;
        groups.retain(|access| !is_filtered || !access.may.is_empty());
    } else {
        principals = of_principals(&world, who.as_deref(), &grants)?;
        principals.retain(|access| !is_filtered || !access.may.is_empty());
    }
    let engines = world.root.engines.iter().filter(|(_, engine)| {
        let mut asked = request.environment.iter();
        is_everyone && asked.all(|environment| engine.environments.contains(environment))
    });
    let engines = engines.map(|(name, engine)| EngineAccess {
        engine: name.clone(),
        environments: engine.environments.clone(),
    });
    Ok(AccessReport {
        root_version: world.root.version,
        principals,
        groups,
        engines: engines.collect(),
        incidents: find_incidents(&world, request, who.as_deref()),
        problems: find_problems(&world, &grants),
        not_adopted: world
            .not_adopted
            .iter()
            .map(TrustProblem::to_string)
            .collect(),
    })
}

/// Access for incidents, of one person if one is asked for.
fn find_incidents(world: &World, request: &AccessRequest, who: Option<&str>) -> Vec<Incident> {
    if request.is_by_group {
        return Vec::new();
    }
    let now = world.pending.now();
    let mut found = incidents(world.state(), &world.people, &world.manifests, now);
    found.retain(|incident| {
        let terms = &incident.terms;
        let is_present = match incident.standing {
            Standing::InForce | Standing::Waiting | Standing::ReviewDue | Standing::Void => true,
            Standing::Reviewed | Standing::Lapsed => request.has_past,
        };
        is_present
            && who.is_none_or(|who| terms.person.as_str() == who)
            && (request.environment.as_ref()).is_none_or(|asked| terms.environment == *asked)
    });
    found
}

fn of_principals(
    world: &World,
    who: Option<&str>,
    grants: &[Grant],
) -> Result<Vec<PrincipalAccess>> {
    let all = &world.root.principals;
    let names: Vec<&str> = all.keys().map(PrincipalName::as_str).collect();
    if let Some(who) = who.filter(|who| !names.contains(who)) {
        return Err(unknown("principal", who, &names));
    }
    let asked = all
        .iter()
        .filter(|(name, _)| who.is_none_or(|who| name.as_str() == who));
    let access = asked.map(|(principal, spec)| {
        let groups = world.people.groups_of(principal);
        let may = grants
            .iter()
            .filter(|grant| groups.contains(&grant.through));
        let may = may.cloned().collect();
        let at = world.state().size;
        let keys = world.people.keys_of(principal).into_iter();
        let (revoked, keys) = keys.partition(|key| world.people.is_revoked(key, at));
        PrincipalAccess {
            principal: principal.clone(),
            name: spec.name.clone(),
            groups,
            keys,
            revoked,
            may,
        }
    });
    Ok(access.collect())
}

fn of_groups(world: &World, who: Option<&str>, grants: &[Grant]) -> Result<Vec<GroupAccess>> {
    let all = world.people.groups();
    let names: Vec<&str> = all.keys().map(GroupName::as_str).collect();
    if let Some(who) = who.filter(|who| !names.contains(who)) {
        return Err(unknown("group", who, &names));
    }
    let asked = all
        .iter()
        .filter(|(name, _)| who.is_none_or(|who| name.as_str() == who));
    let access = asked.map(|(group, members)| GroupAccess {
        group: group.clone(),
        members: members.clone(),
        may: grants
            .iter()
            .filter(|grant| grant.through == *group)
            .cloned()
            .collect(),
    });
    Ok(access.collect())
}
