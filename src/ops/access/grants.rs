//! What groups may do, each rule looked up where it is decided.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::engine::acts::{lifters, owner, stricter_bypass};
use crate::engine::trust::{ROOT_ROLE, members, role_of};
use crate::engine::world::World;
use crate::gate::approvals;
use crate::gate::bypass::MIN_PERSONS;
use crate::gate::quorum::members_of;
use crate::manifest::policy::PolicySpec;
use crate::model::id::{EnvironmentName, GroupName, PrincipalName, RoleName};
use crate::model::label::Tag;

/// The most names of owned things that are listed; all of them are counted.
const MAX_OWNED: usize = 20;

/// Something that the members of a group may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// The group.
    pub through: GroupName,
    /// How many persons are needed for it to count; of this group, or for roles of all their groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needed: Option<u32>,
    /// How many persons there are with a key that counts.
    pub able: usize,
    /// What.
    #[serde(flatten)]
    pub may: May,
}

/// What somebody may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(
    tag = "may",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
pub enum May {
    /// Sign `trust/root.yaml`.
    SignRoot {
        /// The role.
        role: RoleName,
    },
    /// Sign changes of governed files.
    SignFiles {
        /// The role.
        role: RoleName,
        /// The paths that are delegated to it.
        paths: Vec<String>,
        /// How many governed files in force it signs: those of its paths that no longer path takes from it.
        files: usize,
    },
    /// Declassify a tag.
    Declassify {
        /// The tag.
        tag: Tag,
    },
    /// Approve promotions to an environment.
    Approve {
        /// The environment.
        environment: EnvironmentName,
    },
    /// Approve going back in an environment whose policy asks others for that.
    ApproveRollback {
        /// The environment.
        environment: EnvironmentName,
    },
    /// Override gates in an emergency.
    Override {
        /// The environment.
        environment: EnvironmentName,
    },
    /// Review what was overridden, and end what others hold.
    Review {
        /// The environment.
        environment: EnvironmentName,
    },
    /// Answer for artifacts and datasets.
    Own(Owned),
}

/// What a group answers for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Owned {
    /// How many artifacts.
    pub artifacts: usize,
    /// How many datasets.
    pub datasets: usize,
    /// The first of them by name, artifacts first.
    pub names: Vec<String>,
}

impl May {
    /// The word for it, as `-o json` says it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::SignRoot { .. } => "sign-root",
            Self::SignFiles { .. } => "sign-files",
            Self::Declassify { .. } => "declassify",
            Self::Approve { .. } => "approve",
            Self::ApproveRollback { .. } => "approve-rollback",
            Self::Override { .. } => "override",
            Self::Review { .. } => "review",
            Self::Own(_) => "own",
        }
    }

    /// The environment that it is about, if it is about one.
    #[must_use]
    pub const fn environment(&self) -> Option<&EnvironmentName> {
        match self {
            Self::Approve { environment }
            | Self::ApproveRollback { environment }
            | Self::Override { environment }
            | Self::Review { environment } => Some(environment),
            Self::SignRoot { .. }
            | Self::SignFiles { .. }
            | Self::Declassify { .. }
            | Self::Own(_) => None,
        }
    }
}

/// Everything that groups may do.
pub(super) fn find_grants(world: &World) -> Vec<Grant> {
    let mut grants = of_roles(world);
    for (tag, spec) in &world.manifests.topology.value.spec.tags {
        let topology = &world.manifests.topology.value.spec;
        let members = owner(&world.people, topology, tag).map(|owners| owners.members);
        grants.push(Grant {
            through: spec.owner.clone(),
            needed: Some(spec.quorum),
            able: able(world, &members.unwrap_or_default()).len(),
            may: May::Declassify { tag: tag.clone() },
        });
    }
    for environment in world.environments.names() {
        if let Some(policy) = world.manifests.policies.get(environment) {
            grants.extend(of_policy(world, environment, &policy.value.spec));
        }
    }
    grants.extend(of_owners(world));
    grants
}

fn of_roles(world: &World) -> Vec<Grant> {
    let root = &world.root;
    let mut files: BTreeMap<&RoleName, usize> = BTreeMap::new();
    let governed = world.state().adoption().into_iter();
    for path in governed.flat_map(|adoption| adoption.files.keys()) {
        if let Some((role, _)) = role_of(root, path.as_str()) {
            *files.entry(role).or_default() += 1;
        }
    }
    let mut grants = Vec::new();
    for (name, role) in &root.roles {
        let able = able(world, &members(root, role)).len();
        let is_root = name.as_str() == ROOT_ROLE;
        let signs_root = is_root.then(|| May::SignRoot { role: name.clone() });
        let signs_files = (!role.paths.is_empty()).then(|| May::SignFiles {
            role: name.clone(),
            paths: role.paths.clone(),
            files: files.get(name).copied().unwrap_or_default(),
        });
        for may in signs_root.into_iter().chain(signs_files) {
            grants.extend(role.groups.iter().map(|group| Grant {
                through: group.clone(),
                needed: Some(role.threshold),
                able,
                may: may.clone(),
            }));
        }
    }
    grants
}

fn of_policy(world: &World, environment: &EnvironmentName, policy: &PolicySpec) -> Vec<Grant> {
    let mut grants = Vec::new();
    let mut add = |group: &GroupName, needed: Option<u32>, may: May| {
        grants.push(Grant {
            through: group.clone(),
            needed,
            able: able_of(world, group).len(),
            may,
        });
    };
    let environment = || environment.clone();
    // Several gates may ask the same group; the largest number is what it takes to pass them all.
    let mut asked: BTreeMap<GroupName, u32> = BTreeMap::new();
    let quorums = policy
        .gate_lists()
        .map(|(_, gates)| approvals::quorums(gates));
    for (group, needed) in quorums.flatten().flatten() {
        let most = asked.entry(group).or_insert(needed);
        *most = needed.max(*most);
    }
    for (group, needed) in &asked {
        let environment = environment();
        add(group, Some(*needed), May::Approve { environment });
    }
    for (group, needed) in policy.rollback.iter().flat_map(|spec| &spec.quorum) {
        let environment = environment();
        add(group, Some(*needed), May::ApproveRollback { environment });
    }
    let bypass = stricter_bypass([policy].into_iter());
    for (group, needed) in bypass.iter().flat_map(|spec| &spec.quorum) {
        let environment = environment();
        add(group, Some(*needed), May::Override { environment });
    }
    for group in lifters([policy].into_iter()) {
        let environment = environment();
        add(&group, Some(1), May::Review { environment });
    }
    grants
}

fn of_owners(world: &World) -> Vec<Grant> {
    let manifests = &world.manifests;
    let mut owned: BTreeMap<&GroupName, Owned> = BTreeMap::new();
    for (artifact, document) in &manifests.artifacts {
        let owned = owned.entry(&document.value.spec.owner).or_default();
        owned.artifacts += 1;
        owned.name(artifact);
    }
    for (dataset, document) in &manifests.datasets {
        let owned = owned.entry(&document.value.spec.owner).or_default();
        owned.datasets += 1;
        owned.name(dataset);
    }
    let grant = |(group, owned): (&GroupName, Owned)| Grant {
        through: group.clone(),
        needed: None,
        able: able_of(world, group).len(),
        may: May::Own(owned),
    };
    owned.into_iter().map(grant).collect()
}

impl Owned {
    fn name(&mut self, name: &impl ToString) {
        if self.names.len() < MAX_OWNED {
            self.names.push(name.to_string());
        }
    }
}

/// The members of a group who have a key that counts.
fn able_of(world: &World, group: &GroupName) -> BTreeSet<PrincipalName> {
    let members = members_of(world.people.groups(), group);
    members
        .map(|members| able(world, members))
        .unwrap_or_default()
}

/// Those who have a key that counts for what is recorded next.
fn able(world: &World, persons: &BTreeSet<PrincipalName>) -> BTreeSet<PrincipalName> {
    let (people, at) = (&world.people, world.state().size);
    let is_able = |person: &&PrincipalName| {
        let mut keys = people.keys_of(person).into_iter();
        keys.any(|key| !people.is_revoked(&key, at))
    };
    persons.iter().filter(is_able).cloned().collect()
}

/// What nobody can do as things are.
pub(super) fn find_problems(world: &World, grants: &[Grant]) -> Vec<String> {
    let mut problems = Vec::new();
    if world.expiry.is_past(world.pending.now()) {
        let (file, at) = (world.expiry.file, world.expiry.at);
        problems.push(format!(
            "`{file}` ended at {at}: nothing is done until it is signed again"
        ));
    }
    let short: BTreeSet<String> = grants.iter().filter_map(shortfall).collect();
    problems.extend(short);
    problems.extend(lonely_overrides(world, grants));
    problems
}

/// Why what a grant is for cannot be done, if that is so.
fn shortfall(grant: &Grant) -> Option<String> {
    let whose = match &grant.may {
        // Each is shown with one of the groups, and counts all of them.
        May::SignRoot { .. } | May::SignFiles { .. } => "its groups".to_owned(),
        // Another group will do.
        May::Review { .. } => return None,
        May::Declassify { .. }
        | May::Approve { .. }
        | May::ApproveRollback { .. }
        | May::Override { .. }
        | May::Own(_) => format!("`{}`", grant.through),
    };
    let (needed, able) = (grant.needed?, grant.able);
    let is_short = u32::try_from(able).is_ok_and(|able| able < needed);
    is_short.then(|| {
        let what = describe(&grant.may);
        format!("nobody can {what}: {needed} of {whose} are needed, and those with a key that counts are {able}")
    })
}

/// An override takes two persons, whatever the policy says.
fn lonely_overrides(world: &World, grants: &[Grant]) -> Vec<String> {
    let mut persons: BTreeMap<&EnvironmentName, BTreeSet<PrincipalName>> = BTreeMap::new();
    for grant in grants {
        if let May::Override { environment } = &grant.may {
            let of_environment = persons.entry(environment).or_default();
            of_environment.extend(able_of(world, &grant.through));
        }
    }
    let lonely = persons
        .into_iter()
        .filter(|(_, all)| all.len() < MIN_PERSONS);
    let say = |(environment, all): (&EnvironmentName, BTreeSet<PrincipalName>)| {
        let count = all.len();
        format!(
            "nobody can override in `{environment}`: {MIN_PERSONS} persons are needed in all, and {count} may"
        )
    };
    lonely.map(say).collect()
}

/// What a grant is for, in words.
fn describe(may: &May) -> String {
    match may {
        May::SignRoot { .. } => "sign `trust/root.yaml`".to_owned(),
        May::SignFiles { role, .. } => format!("sign files of role `{role}`"),
        May::Declassify { tag } => format!("declassify `{tag}`"),
        May::Approve { environment } => format!("approve for `{environment}`"),
        May::ApproveRollback { environment } => {
            format!("approve going back in `{environment}`")
        }
        May::Override { environment } => format!("override in `{environment}`"),
        May::Review { environment } => {
            format!("review overrides and end holds in `{environment}`")
        }
        May::Own(_) => "answer for what it owns".to_owned(),
    }
}
