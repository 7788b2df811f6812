//! `promote register`: bytes of a producer become a version.

pub mod azure;
mod carried;
mod failure;
mod manifests;
mod room;
mod take;
pub mod told;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::adapter::content::LocalContent;
use crate::adapter::{Adapter, AdapterError, Record, Written, transfer};
use crate::context::Context;
use crate::engine::Engine;
use crate::engine::registrations::preview;
use crate::engine::world::World;
use crate::error::{Failure, FailureKind, Result};
use crate::flow::declassification::Lowered;
use crate::flow::permit::{FlowPermit, Origin, permit};
use crate::manifest::artifact::RiskTier;
use crate::manifest::layout::{path_of_attestation, path_of_version};
use crate::manifest::version::VersionSpec;
use crate::model::artifact::VersionId;
use crate::model::attestation::AttestationName;
use crate::model::digest::{FileList, TreeDigest, TreePath};
use crate::model::id::{GroupName, MetricName, WorkspaceName};
use crate::model::label::Label;
use crate::model::lineage::{Base, Lineage};
use crate::model::snapshot::SnapshotId;
use crate::ops::attach::{self, Attached, Attachments};
use crate::ops::commit::{Committed, NewFiles, commit};
use crate::ops::digest::digest;
use crate::ops::person::Person;
pub use crate::ops::register::carried::Carried;
pub(crate) use crate::ops::register::failure::adapter_failure;
use crate::ops::register::failure::{denied, no_workspace};
use crate::ops::register::manifests::version_files;
use crate::ops::register::room::check_room;
use crate::ops::register::told::{LineageFiles, UnknownAddress};

/// What to register.
#[derive(Debug, Clone)]
pub struct RegisterRequest {
    /// The name and version.
    pub version: VersionId,
    /// The folder or file with the bytes, or an address on the platform of the workspace.
    pub from: PathBuf,
    /// The workspace that they were made in.
    pub workspace: WorkspaceName,
    /// What they were made from; `None` says that it is not known.
    pub lineage: Option<Lineage>,
    /// The snapshots that they were made from, by the digests that these have now.
    pub snapshots: Vec<SnapshotId>,
    /// Files of other tools that tell more of that.
    pub told_by: LineageFiles,
    /// Measured quality.
    pub metrics: BTreeMap<MetricName, f64>,
    /// The model card among the files.
    pub card: Option<TreePath>,
    /// Words of other tools about it.
    pub tags: BTreeMap<String, String>,
    /// What this version is, for people.
    pub description: Option<String>,
    /// What the artifact is for, when it is new.
    pub artifact: Option<NewArtifact>,
    /// Attestations to put beside it; also beside one that is registered already, with the same bytes.
    pub attachments: Attachments,
    /// What it brings along, when another organisation sent it.
    pub carried: Option<Carried>,
    /// A branch of its own, for a pull request.
    pub branch: Option<String>,
}

/// What is said of an artifact that is new.
#[derive(Debug, Clone)]
pub struct NewArtifact {
    /// The group that answers for it.
    pub owner: GroupName,
    /// What it is meant to be used for.
    pub purpose: String,
    /// How much harm a mistake can do.
    pub risk_tier: Option<RiskTier>,
}

/// What was registered.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterReport {
    /// The name and version.
    pub version: VersionId,
    /// The digest.
    pub digest: TreeDigest,
    /// All bytes, counted.
    pub size: u64,
    /// The label that follows from the lineage.
    pub label: Label,
    /// The workspace.
    pub workspace: WorkspaceName,
    /// Whether the bytes were there already.
    pub written: Written,
    /// The attestations that were put beside it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attestations: Vec<AttestationName>,
    /// The commit; `None` when the version and its attestations are registered already, with the same bytes.
    pub committed: Option<Committed>,
    /// The addresses in files of lineage that no dataset claims.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<UnknownAddress>,
    /// What may surprise.
    pub warnings: Vec<String>,
}

/// Hashes, checks the flow rule, uploads, reads back, and commits the version's manifest.
///
/// # Errors
///
/// When the bytes cannot be an artifact, may not be in the workspace, or the version has other bytes already.
pub async fn register(context: &Context, request: &RegisterRequest) -> Result<RegisterReport> {
    match take::take(context, request).await? {
        Some(taken) => register_files(context, &taken.request).await,
        None => register_files(context, request).await,
    }
}

async fn register_files(context: &Context, request: &RegisterRequest) -> Result<RegisterReport> {
    // Phases: validate, authorize, act, record.
    let told = told::read(request)?;
    let files = digest(context, &request.from, None)?.files;
    let mut engine = context.observer()?;
    let world = engine.observe()?;
    validate(&world, request, &files)?;
    let (version, attachments) = (&request.version, &request.attachments);
    let attached = attach::prepare(context, &world, version, &files, attachments)?;
    let person = Person::of(context, &world.people)?;
    let completed = told::complete(&world, request, &told, &files)?;
    if request.carried.is_none() {
        check_bases(&world, completed.lineage.as_ref())?;
    }
    let spec = spec(request, completed.lineage, &files);
    let explained = preview(engine.book()?, &world, &request.version, &spec, &files)?;
    if let Some(carried) = &request.carried {
        carried::check_label(&request.version, &explained, carried)?;
    }
    let target = world.workspace(&request.workspace);
    let target = target.ok_or_else(|| no_workspace(&world, &request.workspace))?;
    // What is made here is judged whole: only what is known already can be declassified.
    let nothing = Lowered::nothing();
    let label = &explained.label;
    let permit = permit(files.digest(), label, &nothing, &Origin::Producer, target)
        .map_err(|denial| denied(&denial, &explained, &files))?;
    let adapter = engine.adapter(&world, &request.workspace)?;
    let record = Record {
        version: request.version.clone(),
        digest: files.digest(),
        files: files.clone(),
    };
    let written = upload(adapter.as_ref(), &permit, &record, &request.from)
        .await
        .map_err(|error| adapter_failure(&error))?;
    let committed = record_version(
        context,
        &mut engine,
        &world,
        request,
        &spec,
        &files,
        &person,
        &attached,
    )?;
    let mut warnings = attached.warnings;
    warnings.extend(completed.notes);
    Ok(RegisterReport {
        version: request.version.clone(),
        digest: files.digest(),
        size: files.total_size(),
        label: explained.label,
        workspace: request.workspace.clone(),
        written,
        attestations: attached.bundles.into_keys().collect(),
        committed,
        unknown: completed.unknown,
        warnings,
    })
}

/// Writes the files and reads them back.
async fn upload(
    adapter: &dyn Adapter,
    permit: &FlowPermit,
    record: &Record,
    from: &Path,
) -> std::result::Result<Written, AdapterError> {
    let content = LocalContent::borrowed(folder_of(from));
    let written = adapter.write(permit, record, &content).await?;
    transfer::verify(adapter, &record.version, &record.files).await?;
    Ok(written)
}

fn validate(world: &World, request: &RegisterRequest, files: &FileList) -> Result<()> {
    if let Some(known) = world.manifests.versions.get(&request.version) {
        let digest = known.document.value.spec.digest;
        if digest != files.digest() {
            let failure = Failure::new(
                FailureKind::Conflict,
                format!(
                    "`{}` is registered with other bytes: {digest}",
                    request.version
                ),
            );
            return Err(
                failure.hint("versions never change; register these bytes under a new version")
            );
        }
    }
    check_words(request, files)?;
    check_room(world, &request.version, &request.workspace, files)?;
    check_names(world, request)
}

/// Checks what can be checked without looking at the repository.
fn check_words(request: &RegisterRequest, files: &FileList) -> Result<()> {
    if let Some(card) = request
        .card
        .as_ref()
        .filter(|card| files.get(card).is_none())
    {
        let failure = Failure::new(
            FailureKind::Invalid,
            format!("there is no file `{card}` in `{}`", request.from.display()),
        );
        return Err(failure.hint("name the model card by its path inside the artifact"));
    }
    if let Some(metric) = request.metrics.iter().find(|(_, value)| !value.is_finite()) {
        return Err(Failure::new(
            FailureKind::Invalid,
            format!("metric `{}` is not a finite number", metric.0),
        ));
    }
    Ok(())
}

/// Checks that what is named is there.
fn check_names(world: &World, request: &RegisterRequest) -> Result<()> {
    let lineage = request.lineage.iter();
    if let Some(dataset) = lineage
        .flat_map(|lineage| &lineage.datasets)
        .chain(request.told_by.addresses.values())
        .find(|name| !world.manifests.datasets.contains_key(*name))
    {
        let names: Vec<&str> = world
            .manifests
            .datasets
            .keys()
            .map(crate::model::id::DatasetName::as_str)
            .collect();
        return Err(crate::ops::plan::unknown(
            "dataset",
            dataset.as_str(),
            &names,
        ));
    }
    let is_known = world
        .manifests
        .artifacts
        .contains_key(&request.version.artifact);
    if !is_known && request.artifact.is_none() {
        let failure = Failure::new(
            FailureKind::Invalid,
            format!(
                "`{}` is new, and nothing says what it is for",
                request.version.artifact
            ),
        );
        return Err(failure.hint("add `--owner GROUP --purpose TEXT`, or write its manifest first"));
    }
    Ok(())
}

/// Checks that the versions that it is made from are in Git, with the digests that are said of them: `promote check` asks for
/// that of everybody.
fn check_bases(world: &World, lineage: Option<&Lineage>) -> Result<()> {
    for Base { version, digest } in lineage.iter().flat_map(|lineage| &lineage.bases) {
        let known = world.manifests.versions.get(version);
        let known = known.map(|known| known.document.value.spec.digest);
        let (message, hint) = match known {
            Some(known) if known == *digest => continue,
            Some(known) => (
                format!("`{version}` is registered with another digest"),
                format!("if it is what this was made from: `--input {version}={known}`"),
            ),
            None if world.state().registrations.contains_key(version) => (
                format!("`{version}` was registered, and its manifest does not count any more"),
                format!("put `{}` back as it was", path_of_version(version)),
            ),
            None => (
                format!("`{version}` is not registered"),
                "register what this was made from first".to_owned(),
            ),
        };
        return Err(Failure::new(FailureKind::Invalid, message).hint(hint));
    }
    Ok(())
}

/// The folder that the files are in: a single file is a tree of one, and stands in its own.
fn folder_of(from: &Path) -> &Path {
    if from.is_file() {
        parent_of(from)
    } else {
        from
    }
}

/// The folder that a file is in.
fn parent_of(file: &Path) -> &Path {
    let parent = file
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or_else(|| Path::new("."))
}

fn spec(request: &RegisterRequest, lineage: Option<Lineage>, files: &FileList) -> VersionSpec {
    VersionSpec {
        project: request.version.artifact.project.clone(),
        version: request.version.version.clone(),
        digest: files.digest(),
        size: files.total_size(),
        workspace: request.workspace.clone(),
        lineage,
        metrics: request.metrics.clone(),
        card: request.card.clone(),
        tags: request.tags.clone(),
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "all that is known of a version, once"
)]
fn record_version(
    context: &Context,
    engine: &mut Engine,
    world: &World,
    request: &RegisterRequest,
    spec: &VersionSpec,
    files: &FileList,
    person: &Person,
    attached: &Attached,
) -> Result<Option<Committed>> {
    let is_new = !world.manifests.versions.contains_key(&request.version);
    let mut new = if is_new {
        version_files(context, world, request, spec, files, person)?
    } else {
        BTreeMap::new()
    };
    new.extend(attached.bundles.iter().map(|(name, bytes)| {
        let path = path_of_attestation(&request.version, name);
        (path, Some(bytes.clone()))
    }));
    if let Some(carried) = request.carried.as_ref().filter(|_| is_new) {
        let kept = carried::receipt(world, &request.version, carried)?;
        new.extend(kept.map(|(path, bytes)| (path, Some(bytes))));
    }
    if new.is_empty() {
        return Ok(None);
    }
    let word = match (is_new, &request.carried) {
        (true, Some(_)) => "import",
        (true, None) => "register",
        (false, _) => "attest",
    };
    commit(
        context,
        engine,
        Some(person),
        &NewFiles {
            files: new,
            message: format!("{word}: {}", request.version),
            branch: request.branch.clone(),
        },
    )
    .map(Some)
}
