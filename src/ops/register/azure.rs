//! Azure ML's YAML as the description of an artifact: what `promote register --from-azure-ml` takes out of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use semver::Version;

use crate::context::Context;
use crate::diagnostic::Diagnostic;
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::fs::durable;
use crate::manifest::foreign::told::{Described, Placed};
use crate::manifest::foreign::{self, find_format};
use crate::model::artifact::{ArtifactId, ArtifactKind, VersionId};
use crate::model::id::{ArtifactName, GroupName, ProjectName};
use crate::ops::register::parent_of;
use crate::ops::register::told::{bytes_of, refused};

/// What was said on the command line, which counts before the file.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// The project.
    pub project: Option<ProjectName>,
    /// The name.
    pub name: Option<ArtifactName>,
    /// The version.
    pub version: Option<Version>,
    /// Where the bytes are.
    pub from: Option<PathBuf>,
}

/// What the file and the command line say together.
#[derive(Debug, Clone)]
pub struct Description {
    /// The name and version.
    pub version: VersionId,
    /// Where the bytes are.
    pub from: PathBuf,
    /// What it is for.
    pub description: Option<String>,
    /// The group that the tag `owner` names.
    pub owner: Option<GroupName>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// Reads the description of an artifact.
///
/// # Errors
///
/// When the file is none, or leaves out what nobody says.
pub fn describe(context: &Context, file: &Path, said: &Said) -> Result<Description> {
    let bytes = bytes_of(file)?;
    let name = file.to_string_lossy();
    let (_, told) = foreign::read(&name, &bytes, find_format("azure-ml"), None)
        .map_err(|problems| refused(file, problems))?;
    let Some(described) = told.described else {
        let message = format!("`{name}` describes data, and data is a dataset and no artifact");
        let failure = Failure::new(FailureKind::Invalid, message);
        return Err(failure.hint("write `datasets/NAME.yaml` with its address under `addresses`"));
    };
    let version = match &said.version {
        Some(version) => version.clone(),
        None => version(file, described.version.as_ref())?,
    };
    let name = match &said.name {
        Some(name) => name.clone(),
        None => named(file, described.name.as_ref())?,
    };
    let project = match &said.project {
        Some(project) => project.clone(),
        None => project(context, &described, &name)?,
    };
    let from = match &said.from {
        Some(from) => from.clone(),
        None => bytes_at(file, &described)?,
    };
    let owner = described.tags.get("owner");
    Ok(Description {
        version: VersionId {
            artifact: ArtifactId {
                project,
                kind: described.kind,
                name,
            },
            version,
        },
        from,
        owner: owner.and_then(|owner| owner.parse().ok()),
        description: described.description,
        tags: described.tags,
    })
}

fn missing(file: &Path, what: &str) -> Failure {
    let message = format!("`{}` names no {what}", file.display());
    Failure::new(FailureKind::Invalid, message)
        .hint("write `promote register PROJECT/NAME VERSION --from-azure-ml FILE …`")
}

fn at<T>(file: &Path, told: &Placed<T>, message: String, hint: &str) -> Failure {
    let problem = Diagnostic::error("cannot-be-used", told.loc.clone(), message);
    refused(file, vec![problem.hint(hint)])
}

fn named(file: &Path, told: Option<&Placed<String>>) -> Result<ArtifactName> {
    let told = told.ok_or_else(|| missing(file, "`name`"))?;
    told.value
        .parse()
        .map_err(|error: crate::model::id::IdError| {
            at(
                file,
                told,
                error.to_string(),
                "write another as the first argument: `PROJECT/NAME`",
            )
        })
}

/// A version of Azure ML as a semantic one: `3` is `3.0.0`.
fn version(file: &Path, told: Option<&Placed<String>>) -> Result<Version> {
    let told = told.ok_or_else(|| missing(file, "`version`"))?;
    let text = told.value.as_str();
    let whole = match text.matches('.').count() {
        0 => format!("{text}.0.0"),
        1 => format!("{text}.0"),
        _ => text.to_owned(),
    };
    Version::parse(&whole).map_err(|_| {
        let message = format!("`{text}` is not a semantic version");
        at(
            file,
            told,
            message,
            "write one as the second argument, such as `1.2.0`",
        )
    })
}

/// The project: what the tag `project` says, else the one that has an artifact of that name, else the only one there is.
fn project(context: &Context, described: &Described, name: &ArtifactName) -> Result<ProjectName> {
    if let Some(project) = described.tags.get("project") {
        let project = project.parse();
        return project.or_fail(FailureKind::Invalid);
    }
    let world = context.observer()?.observe()?;
    let all = || world.manifests.artifacts.keys();
    let is_it = |id: &&ArtifactId| id.kind == described.kind && id.name == *name;
    let same: BTreeSet<&ProjectName> = all().filter(is_it).map(|id| &id.project).collect();
    let any: BTreeSet<&ProjectName> = all().map(|id| &id.project).collect();
    let projects = if same.is_empty() { any } else { same };
    let mut only = projects.iter();
    match (only.next(), only.next()) {
        (Some(project), None) => Ok((*project).clone()),
        _ => {
            let message = format!("nothing says which project `{name}` is of");
            Err(Failure::new(FailureKind::Invalid, message).hint(
                "write `PROJECT/NAME` as the first argument, or the tag `project` into the file",
            ))
        }
    }
}

/// Checks that a part is in the folder of the file that names it.
fn check_part(file: &Path, folder: &Path, part: &Placed<String>) -> Result<()> {
    let text = &part.value;
    if text.starts_with('/') || text.split('/').any(|part| part == "..") {
        let message = format!("`{text}` is outside of the folder of the file");
        let hint = "name a folder that holds all parts with `--from PATH`";
        return Err(at(file, part, message, hint));
    }
    if !durable::exists(&folder.join(text)) {
        let message = format!("`{text}` is not there");
        let hint =
            "put it beside the file, or name a folder that holds all parts with `--from PATH`";
        return Err(at(file, part, message, hint));
    }
    Ok(())
}

/// Where the bytes are: of a model its `path`, of everything else the folder of the file.
fn bytes_at(file: &Path, described: &Described) -> Result<PathBuf> {
    let folder = parent_of(file);
    match (described.kind, &described.path) {
        (ArtifactKind::Model, Some(path)) => {
            let text = path.value.strip_prefix("file:").unwrap_or(&path.value);
            let is_far = text.contains("://")
                || ["azureml:", "runs:", "models:"]
                    .iter()
                    .any(|start| text.starts_with(start));
            if is_far {
                let message = format!("`{text}` is not on this machine");
                let hint = "download it, and say where it is with `--from PATH`";
                return Err(at(file, path, message, hint));
            }
            Ok(folder.join(text))
        }
        (ArtifactKind::Model, None) => Err(missing(file, "`path`")),
        (ArtifactKind::Runtime | ArtifactKind::Component | ArtifactKind::Pipeline, _) => {
            let mut parts = described.parts.iter();
            parts.try_for_each(|part| check_part(file, folder, part))?;
            Ok(folder.to_owned())
        }
    }
}
