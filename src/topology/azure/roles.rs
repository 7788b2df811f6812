//! Who gets which of Azure's roles on a workspace, by what the manifests say of them.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::manifest::repository::Repository;
use crate::manifest::workspace::{Purpose, Scope, WorkspaceSpec};
use crate::model::id::{EngineName, GroupName};
use crate::model::label::Tag;
use crate::model::workspace::is_open_to;
use crate::topology::multi_environment::approver_groups;

/// Somebody's role on a workspace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Assignment {
    /// Who has it.
    #[serde(flatten)]
    pub who: Who,
    /// The role.
    pub role: Role,
}

/// Whom Azure knows by an object id that the topology does not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// A group of people.
    Group(GroupName),
    /// An engine: a service principal or a managed identity.
    Engine(EngineName),
}

impl Who {
    /// Its name in the trust root.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Group(name) => name.as_str(),
            Self::Engine(name) => name.as_str(),
        }
    }
}

/// One of Azure's own roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Sees everything and changes nothing.
    Reader,
    /// Works in the workspace, and does not change the workspace itself or its compute.
    AzuremlDataScientist,
}

impl Role {
    /// The name that Azure gives it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "Reader",
            Self::AzuremlDataScientist => "AzureML Data Scientist",
        }
    }

    /// The name of its definition, which is the same in every tenant.
    ///
    /// Source: <https://learn.microsoft.com/azure/role-based-access-control/built-in-roles>.
    #[must_use]
    pub const fn definition(self) -> &'static str {
        match self {
            Self::Reader => "acdd72a7-3385-48ef-bd42-f606fba81ae7",
            Self::AzuremlDataScientist => "f6c7c914-8db3-469d-8ca1-694a8f32e121",
        }
    }
}

/// Everybody's role on a workspace; of two roles of one, the one that may do more.
pub(super) fn assignments(repository: &Repository, spec: &WorkspaceSpec) -> BTreeSet<Assignment> {
    let mut makers = answerable(repository, spec);
    let mut readers: BTreeSet<GroupName> = approver_groups(repository, &spec.environment);
    if !spec.clearance.tags().contains(&Tag::production()) {
        readers.extend(collaborators(repository, spec));
    }
    if !is_workbench(repository, spec) {
        readers.append(&mut makers);
    }
    readers.retain(|group| !makers.contains(group));
    let grant = |role| {
        move |group| Assignment {
            who: Who::Group(group),
            role,
        }
    };
    let engines = repository.trust_root.value.spec.engines.iter();
    let engines = engines.filter(|(_, engine)| engine.environments.contains(&spec.environment));
    let engines = engines.map(|(name, _)| Assignment {
        who: Who::Engine(name.clone()),
        role: Role::AzuremlDataScientist,
    });
    makers
        .into_iter()
        .map(grant(Role::AzuremlDataScientist))
        .chain(readers.into_iter().map(grant(Role::Reader)))
        .chain(engines)
        .collect()
}

/// Whether people make things there. Into other workspaces only what was promoted gets.
fn is_workbench(repository: &Repository, spec: &WorkspaceSpec) -> bool {
    let is_exploration = |name| {
        let origin = repository.workspaces.get(name);
        origin.is_some_and(|origin| origin.value.spec.scope == Scope::Exploration)
    };
    spec.purpose == Purpose::Training && spec.accepts.iter().all(is_exploration)
}

/// The groups that answer for it, for a project that may use it, or for an artifact that it may hold.
fn answerable(repository: &Repository, spec: &WorkspaceSpec) -> BTreeSet<GroupName> {
    let projects = repository.projects.iter();
    let projects = projects.filter(|(name, _)| is_open_to(&spec.projects, name));
    let artifacts = repository.artifacts.iter();
    let artifacts = artifacts.filter(|(id, _)| is_open_to(&spec.projects, &id.project));
    let owners = projects.map(|(_, project)| &project.value.spec.owner);
    let owners = owners.chain(artifacts.map(|(_, artifact)| &artifact.value.spec.owner));
    // A team's workspace is the team's.
    match &spec.owner {
        Some(owner) if spec.scope == Scope::Team => BTreeSet::from([owner.clone()]),
        owner => owners.chain(owner).cloned().collect(),
    }
}

/// The groups from outside whose project alone may use it.
fn collaborators(repository: &Repository, spec: &WorkspaceSpec) -> BTreeSet<GroupName> {
    let mut projects = spec.projects.iter();
    let (Some(only), None) = (projects.next(), projects.next()) else {
        return BTreeSet::new();
    };
    let project = repository.projects.get(only);
    project
        .map(|project| project.value.spec.collaborators.clone())
        .unwrap_or_default()
}
