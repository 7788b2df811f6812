//! `promote init project`: a project's file, and workspaces like those of another project.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use crate::context::Context;
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::fs::durable;
use crate::manifest::layout::{Place, path_of};
use crate::manifest::project::{BudgetSpec, Project, ProjectSpec};
use crate::manifest::repository::Repository;
use crate::manifest::workspace::Workspace;
use crate::manifest::{API_VERSION, Metadata};
use crate::model::id::{GroupName, ProjectName, WorkspaceName};
use crate::ops::plan::{unknown, unknown_group};

/// A project that is to be added.
#[derive(Debug, Clone)]
pub struct ProjectRequest {
    /// Its name.
    pub name: ProjectName,
    /// The group that answers for it.
    pub owner: GroupName,
    /// Who pays.
    pub cost_center: String,
    /// What it may cost.
    pub budget: Option<BudgetSpec>,
    /// The project whose workspaces it gets the like of; none yet when left out.
    pub like: Option<ProjectName>,
}

/// What was written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectReport {
    /// The project.
    pub name: ProjectName,
    /// The files, relative to the repository.
    pub files: Vec<String>,
    /// Its workspaces.
    pub workspaces: Vec<WorkspaceName>,
}

/// Writes a project into the work tree. Nothing is in force before it is signed and adopted.
///
/// # Errors
///
/// When the project is there already, a group or the other project is not, or a file cannot be written.
pub fn add_project(context: &Context, request: &ProjectRequest) -> Result<ProjectReport> {
    let repository = context.repository()?;
    let tree = repository.work_tree().ok_or_else(|| {
        let failure = Failure::new(
            FailureKind::Usage,
            "this needs a work tree, and the repository has none",
        );
        failure.hint("run it in a clone")
    })?;
    let world = context.observer()?.observe()?;
    let manifests = &world.manifests;
    check(manifests, request)?;
    let mut files = BTreeMap::from([(
        path_of(&Place::Project(request.name.clone())),
        project(request)?,
    )]);
    let workspaces = match &request.like {
        Some(like) => workspaces_like(manifests, like, request)?,
        None => Vec::new(),
    };
    for workspace in &workspaces {
        let place = Place::Workspace(workspace.metadata.name.clone());
        files.insert(path_of(&place), text(workspace)?);
    }
    if let Some(path) = files.keys().find(|path| durable::exists(&tree.join(path))) {
        let failure = Failure::new(FailureKind::Conflict, format!("`{path}` is there already"));
        return Err(failure.hint("choose another name, or edit that file"));
    }
    for (path, text) in &files {
        write(&tree.join(path), text)?;
    }
    Ok(ProjectReport {
        name: request.name.clone(),
        files: files.into_keys().collect(),
        workspaces: workspaces
            .into_iter()
            .map(|workspace| workspace.metadata.name)
            .collect(),
    })
}

fn check(manifests: &Repository, request: &ProjectRequest) -> Result<()> {
    let groups = &manifests.trust_root.value.spec.groups;
    if !groups.contains_key(&request.owner) {
        return Err(unknown_group(&request.owner, groups.keys()));
    }
    if let Some(like) = request
        .like
        .as_ref()
        .filter(|like| !manifests.projects.contains_key(*like))
    {
        let names: Vec<&str> = manifests.projects.keys().map(ProjectName::as_str).collect();
        return Err(unknown("project", like.as_str(), &names));
    }
    Ok(())
}

fn project(request: &ProjectRequest) -> Result<String> {
    text(&Project {
        api_version: API_VERSION.to_owned(),
        kind: "Project".to_owned(),
        metadata: Metadata::named(request.name.clone()),
        spec: ProjectSpec {
            owner: request.owner.clone(),
            cost_center: request.cost_center.clone(),
            budget: request.budget.clone(),
            resource_group: None,
            quota: None,
            collaborators: BTreeSet::new(),
            accepts: BTreeSet::new(),
        },
    })
}

/// The workspaces of another project, with this project's name in the place of the other's.
fn workspaces_like(
    manifests: &Repository,
    like: &ProjectName,
    request: &ProjectRequest,
) -> Result<Vec<Workspace>> {
    let of_like = |name: &WorkspaceName| {
        let workspace = manifests.workspaces.get(name);
        workspace.is_some_and(|workspace| workspace.value.spec.projects.iter().eq([like]))
    };
    let rename = |name: &WorkspaceName| -> Result<WorkspaceName> {
        let renamed = name.as_str().replace(like.as_str(), request.name.as_str());
        if renamed == name.as_str() {
            let message = format!(
                "the name of `{name}` does not hold that of its project `{like}`, so nothing can take its place"
            );
            return Err(Failure::new(FailureKind::Invalid, message));
        }
        renamed.parse().or_fail(FailureKind::Invalid)
    };
    let mut workspaces = Vec::new();
    for (name, document) in manifests
        .workspaces
        .iter()
        .filter(|(name, _)| of_like(name))
    {
        let mut workspace = document.value.clone();
        let renamed = rename(name)?;
        let spec = &mut workspace.spec;
        spec.projects = BTreeSet::from([request.name.clone()]);
        let accepts = spec.accepts.iter();
        let accepts = accepts.map(|origin| {
            if of_like(origin) {
                rename(origin)
            } else {
                Ok(origin.clone())
            }
        });
        spec.accepts = accepts.collect::<Result<_>>()?;
        if let Some(paid) = spec.resource_tags.get_mut("cost-center") {
            paid.clone_from(&request.cost_center);
        }
        let (from, to) = (name.as_str(), renamed.as_str());
        spec.adapter = spec
            .adapter
            .renamed(from, to)
            .or_fail(FailureKind::Invalid)?;
        workspace.metadata = Metadata::named(renamed);
        workspaces.push(workspace);
    }
    if workspaces.is_empty() {
        let message = format!("the project `{like}` has no workspaces of its own");
        return Err(Failure::new(FailureKind::Invalid, message)
            .hint("leave `--like` out; a project can be funded first"));
    }
    Ok(workspaces)
}

fn text(manifest: &impl Serialize) -> Result<String> {
    serde_yaml::to_string(manifest).or_fail(FailureKind::Internal)
}

fn write(path: &Path, text: &str) -> Result<()> {
    let made = path.parent().map_or(Ok(()), durable::create_dir_all);
    made.and_then(|()| durable::write_atomic(path, text.as_bytes()))
        .map_err(|error| {
            Failure::of(FailureKind::Unavailable, &error)
                .during(format!("`{}` cannot be written", path.display()))
        })
}
