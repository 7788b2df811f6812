//! The Azure resources that a topology describes: resource groups, Azure Machine Learning workspaces, tags, and who gets
//! which role on them. As text for Bicep, Terraform and the shell, and held against a list of what there is.
//!
//! The manifests say who owns, approves and acts; Azure's own words for that are chosen here, in `roles`, and nowhere
//! else. What is chosen is said in the head of every text, as [`ASSUMPTIONS`].

mod az_cli;
mod bicep;
pub mod diff;
pub mod grants;
pub mod json;
mod names;
mod roles;
pub mod storage;
mod terraform;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::manifest::repository::Repository;
use crate::manifest::workspace::{Scope, Workspace, WorkspaceSpec};
use crate::model::id::{ProjectName, RegionName, TopologyName, WorkspaceName};

pub use roles::{Assignment, Role, Who};

/// What the texts take for granted, and what they leave to people.
pub const ASSUMPTIONS: [&str; 6] = [
    "Every workspace of the topology stands for one Azure Machine Learning workspace of that name, whatever adapter it has.",
    "A workspace is where its metadata is kept (metadataRegion, else region); its storage account is in storageRegion.",
    "Where people make things, the groups that answer for them are AzureML Data Scientist; elsewhere they are Reader.",
    "Where people make things: a workspace for training that accepts from none, or only from exploration.",
    "Groups whose approval an environment asks for, and collaborators outside production, are Reader; engines are AzureML Data Scientist.",
    "Compute, endpoints, networks and the grants on data are not described by the topology, and are not here.",
];

/// A language that the resources can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    /// Two files for the Bicep compiler.
    Bicep,
    /// A file for Terraform or `OpenTofu`.
    Terraform,
    /// A script for `sh` that calls `az`.
    AzCli,
}

/// A file of what was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportedFile {
    /// Its name, without a folder.
    pub name: &'static str,
    /// Its text.
    pub text: String,
}

/// The Azure resources of a topology.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Estate {
    /// The topology.
    pub topology: TopologyName,
    /// The resource groups by name.
    pub resource_groups: BTreeMap<String, ResourceGroup>,
    /// The workspaces by name.
    pub workspaces: BTreeMap<WorkspaceName, AzureWorkspace>,
}

/// A resource group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceGroup {
    /// Where it is.
    pub region: RegionName,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// An Azure Machine Learning workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AzureWorkspace {
    /// The resource group that it is in.
    pub resource_group: String,
    /// Where it is.
    pub region: RegionName,
    /// Where its storage account is, if elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_region: Option<RegionName>,
    /// Words for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Who has which role on it.
    pub assignments: BTreeSet<Assignment>,
}

impl Estate {
    /// The resources that the manifests describe. Projects without workspaces have their resource group already.
    #[must_use]
    pub fn of(repository: &Repository) -> Self {
        let mut workspaces = BTreeMap::new();
        for (name, document) in &repository.workspaces {
            workspaces.insert(name.clone(), workspace(repository, &document.value));
        }
        let mut estate = Self {
            topology: repository.topology.value.metadata.name.clone(),
            resource_groups: BTreeMap::new(),
            workspaces,
        };
        estate.resource_groups = estate.groups_of_workspaces();
        for name in repository.projects.keys() {
            let group = group_of_project(repository, name);
            let region = || first_region(repository);
            if let Some(region) = estate
                .resource_groups
                .get(&group)
                .map(|group| group.region.clone())
                .or_else(region)
            {
                let found = estate.resource_groups.entry(group);
                let tags = BTreeMap::new();
                let found = found.or_insert(ResourceGroup { region, tags });
                for (key, value) in project_tags(repository, name) {
                    found.tags.entry(key).or_insert(value);
                }
            }
        }
        estate
    }

    /// The groups that workspaces are in, each with the tags that all of its workspaces share.
    fn groups_of_workspaces(&self) -> BTreeMap<String, ResourceGroup> {
        let mut groups: BTreeMap<String, ResourceGroup> = BTreeMap::new();
        for workspace in self.workspaces.values() {
            match groups.get_mut(&workspace.resource_group) {
                Some(group) => group
                    .tags
                    .retain(|key, value| workspace.tags.get(key) == Some(value)),
                None => {
                    let group = ResourceGroup {
                        region: workspace.region.clone(),
                        tags: workspace.tags.clone(),
                    };
                    groups.insert(workspace.resource_group.clone(), group);
                }
            }
        }
        groups
    }

    /// What Azure will refuse of it, one line each.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        names::problems(self)
    }

    /// The resources as text. The same manifests give the same bytes.
    #[must_use]
    pub fn write(&self, language: Language) -> Vec<ExportedFile> {
        match language {
            Language::Bicep => bicep::write(self),
            Language::Terraform => terraform::write(self),
            Language::AzCli => az_cli::write(self),
        }
    }

    /// The lines that begin every text: what it is, what it takes for granted, what Azure will refuse, who checked it.
    fn head(&self, comment: &str, checked: &str) -> String {
        let mut lines = vec![
            format!(
                "The Azure resources of the topology `{}`, written by `promote topology export`.",
                self.topology
            ),
            "Change the manifests and write it again, rather than this text.".to_owned(),
            String::new(),
        ];
        lines.extend(ASSUMPTIONS.map(str::to_owned));
        lines.push(String::new());
        lines.push(checked.to_owned());
        lines.extend(
            self.problems()
                .iter()
                .map(|problem| format!("PROBLEM: {problem}")),
        );
        let line = |line: String| format!("{comment} {line}").trim_end().to_owned() + "\n";
        lines.into_iter().map(line).collect()
    }
}

fn workspace(repository: &Repository, workspace: &Workspace) -> AzureWorkspace {
    let spec = &workspace.spec;
    AzureWorkspace {
        resource_group: group_of(repository, spec),
        region: spec
            .metadata_region
            .as_ref()
            .unwrap_or(&spec.region)
            .clone(),
        storage_region: storage_region(spec),
        description: workspace.metadata.description.clone(),
        tags: tags_of(repository, spec),
        assignments: roles::assignments(repository, spec),
    }
}

/// Where the bytes are, if that is not where the workspace is.
fn storage_region(spec: &WorkspaceSpec) -> Option<RegionName> {
    let storage = spec.storage_region.as_ref().unwrap_or(&spec.region);
    let workspace = spec.metadata_region.as_ref().unwrap_or(&spec.region);
    (storage != workspace).then(|| storage.clone())
}

/// The group of its project, or of the team that owns it, or that of its scope in the whole topology.
fn group_of(repository: &Repository, spec: &WorkspaceSpec) -> String {
    let mut projects = spec.projects.iter();
    match (projects.next(), projects.next(), &spec.owner) {
        (Some(project), None, _) => group_of_project(repository, project),
        (_, _, Some(owner)) if spec.scope == Scope::Team => format!("rg-{owner}"),
        _ => format!(
            "rg-{}-{}",
            repository.topology.value.metadata.name,
            spec.scope.as_str()
        ),
    }
}

fn group_of_project(repository: &Repository, name: &ProjectName) -> String {
    let project = repository.projects.get(name);
    let named = project.and_then(|project| project.value.spec.resource_group.clone());
    named.unwrap_or_else(|| format!("rg-{name}"))
}

/// A region for what has no workspace yet.
fn first_region(repository: &Repository) -> Option<RegionName> {
    let declared = repository.topology.value.spec.regions.first();
    let used = || repository.workspaces.values().next();
    declared
        .or_else(|| used().map(|workspace| &workspace.value.spec.region))
        .cloned()
}

/// The tags that the manifest gives it; then what it says of itself, under names that it does not use yet.
fn tags_of(repository: &Repository, spec: &WorkspaceSpec) -> BTreeMap<String, String> {
    let mut tags = spec.resource_tags.clone();
    if !tags.contains_key("env") {
        let environment = tags.entry("environment".to_owned());
        environment.or_insert_with(|| spec.environment.to_string());
    }
    if let Some(owner) = &spec.owner {
        tags.entry("owner".to_owned())
            .or_insert_with(|| owner.to_string());
    }
    let mut projects = spec.projects.iter();
    if let (Some(project), None) = (projects.next(), projects.next()) {
        for (key, value) in project_tags(repository, project) {
            tags.entry(key).or_insert(value);
        }
    }
    tags
}

fn project_tags(repository: &Repository, name: &ProjectName) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::from([("project".to_owned(), name.to_string())]);
    if let Some(project) = repository.projects.get(name) {
        tags.insert(
            "cost-center".to_owned(),
            project.value.spec.cost_center.clone(),
        );
        tags.insert("owner".to_owned(), project.value.spec.owner.to_string());
    }
    tags
}
