//! `promote bundle import`: checked first, then registered like everything else.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use bytes::Bytes;
use serde::Serialize;

use crate::context::Context;
use crate::engine::world::World;
use crate::error::{Failure, FailureKind, Result};
use crate::fs::staging::{StagedFile, StagedTree, StagedWriter, StagingArea, StagingError};
use crate::manifest::artifact::{Artifact, ArtifactSpec};
use crate::manifest::dataset::Dataset;
use crate::manifest::layout::{Place, classify, path_of, path_of_artifact};
use crate::manifest::parsed::parse_manifest;
use crate::model::artifact::VersionId;
use crate::model::digest::{FileRecord, Sha256};
use crate::model::id::{GroupName, WorkspaceName};
use crate::model::label::Label;
use crate::model::lineage::Lineage;
use crate::ops::attach::Attachments;
use crate::ops::bundle::check::{Checked, check};
use crate::ops::bundle::contents::{Contents, LINEAGE_TYPE, VERSION_TYPE};
use crate::ops::bundle::facts::BundleFacts;
use crate::ops::bundle::opened::{Opened, Sink};
use crate::ops::bundle::{Refused, open, refused};
use crate::ops::ledger::read_verifier;
use crate::ops::plan::unknown;
use crate::ops::register::told::LineageFiles;
use crate::ops::register::{Carried, NewArtifact, RegisterReport, RegisterRequest, register};
use crate::ops::snapshot::find_snapshot;
use crate::progress::Progress;

/// What to take, and where to.
#[derive(Debug, Clone)]
pub struct ImportRequest {
    /// The bundle.
    pub file: PathBuf,
    /// The workspace that it goes to.
    pub into: WorkspaceName,
    /// The sender's verifier key, or a file that holds it. Never one out of the bundle.
    pub key: String,
    /// The name that it gets here; its own when left out.
    pub named: Option<VersionId>,
    /// The group that answers for the artifact, when it is new.
    pub owner: Option<GroupName>,
    /// What the artifact is for, when it is new; as the sender says when left out.
    pub purpose: Option<String>,
    /// A branch of its own, for a pull request.
    pub branch: Option<String>,
}

/// What was taken.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    /// What it is here.
    pub registered: RegisterReport,
    /// What the sender's ledger says of it.
    pub sender: BundleFacts,
}

/// Checks a bundle, all of it, and registers its version in this repository. What the sender allowed counts for nothing here.
///
/// # Errors
///
/// When anything in the bundle does not hold, this repository does not know what the version was made from, or it may not be
/// in the workspace. Nothing stays behind then.
pub async fn import(context: &Context, request: &ImportRequest) -> Result<Imported> {
    let key = read_verifier(&request.key)?;
    let (file, length) = open(&request.file)?;
    let refuse = |error: Refused| refused(&request.file, &error);
    let opened = Opened::open(file).map_err(refuse)?;
    let Checked {
        mut facts,
        spec,
        description,
    } = check(opened.contents(), Some(&key)).map_err(refuse)?;
    check_not_bad(&facts)?;
    let contents = opened.contents().clone();
    let mut engine = context.observer()?;
    let world = engine.observe()?;
    let version = name(request, &facts)?;
    if !world.targets.contains_key(&request.into) {
        let names: Vec<&str> = world.targets.keys().map(WorkspaceName::as_str).collect();
        return Err(unknown("workspace", request.into.as_str(), &names));
    }
    let declared = datasets(&contents);
    let lineage = lineage(&world, spec.lineage, &declared)?;
    let staging = engine.own_staging("bundle")?;
    let reading = format!("reading {}", request.file.display());
    context.progress.begin(&reading, Some(length));
    let staged = stage(opened, &contents, &staging, context.progress.as_ref());
    context.progress.end();
    let staged = staged.map_err(refuse)?;
    facts.has_files = true;
    let carried = Carried {
        ledger: facts.ledger.name.clone(),
        label: facts.label.clone(),
        carriers: carriers(&facts.label, &declared),
        receipt: contents.write(Vec::new(), None).map_err(refuse)?,
    };
    let asked = RegisterRequest {
        version,
        from: staged.root(),
        workspace: request.into.clone(),
        lineage,
        snapshots: Vec::new(),
        told_by: LineageFiles::default(),
        metrics: spec.metrics,
        card: spec.card,
        tags: tags(spec.tags, &facts, &carried),
        description,
        artifact: new_artifact(request, &contents),
        attachments: Attachments::default(),
        carried: Some(carried),
        branch: request.branch.clone(),
    };
    let registered = register(context, &asked).await;
    staged.remove();
    Ok(Imported {
        registered: registered?,
        sender: facts,
    })
}

/// Who sent it has warned of it.
fn check_not_bad(facts: &BundleFacts) -> Result<()> {
    let Some(mark) = facts.acts.iter().find(|act| act.word == "mark-bad") else {
        return Ok(());
    };
    let message = format!(
        "`{}` was marked bad in `{}` (entry {}): {}",
        facts.version, facts.ledger.name, mark.entry, mark.reason
    );
    Err(Failure::new(FailureKind::Denied, message)
        .hint("ask the sender for a version that is good"))
}

/// The name that the version gets here.
fn name(request: &ImportRequest, facts: &BundleFacts) -> Result<VersionId> {
    let named = request.named.as_ref().unwrap_or(&facts.version);
    if named.artifact.kind == facts.version.artifact.kind {
        return Ok(named.clone());
    }
    let (kind, own) = (named.artifact.kind, facts.version.artifact.kind);
    let message = format!("`{named}` is a {kind}, and the bundle holds a {own}");
    let (project, name) = (&named.artifact.project, &named.artifact.name);
    let failure = Failure::new(FailureKind::Usage, message);
    Err(failure.hint(format!(
        "write `--as {project}/{own}/{name}@{}`",
        named.version
    )))
}

/// The labels of datasets, as the sender declares them, by name.
fn datasets(contents: &Contents) -> BTreeMap<String, Label> {
    let files = contents.files(LINEAGE_TYPE);
    let labels = files.filter_map(|(path, bytes)| {
        let place = classify(path)?;
        let Place::Dataset(name) = &place else {
            return None;
        };
        let document = parse_manifest::<Dataset>(&place, path, bytes).ok()?;
        Some((name.to_string(), document.value.spec.label))
    });
    labels.collect()
}

/// The sender's datasets that carry each tag.
fn carriers(
    label: &Label,
    declared: &BTreeMap<String, Label>,
) -> BTreeMap<crate::model::label::Tag, Vec<String>> {
    let tags = label.tags().iter().map(|tag| {
        let carrying = declared.iter();
        let carrying = carrying.filter(|(_, label)| label.tags().contains(tag));
        (
            tag.clone(),
            carrying.map(|(name, _)| name.clone()).collect(),
        )
    });
    tags.collect()
}

/// The lineage in words of this repository: everything in it has to be known here. What was unknown stays so.
fn lineage(
    world: &World,
    lineage: Option<Lineage>,
    declared: &BTreeMap<String, Label>,
) -> Result<Option<Lineage>> {
    let Some(mut lineage) = lineage else {
        return Ok(None);
    };
    for name in lineage.read() {
        if !world.manifests.datasets.contains_key(name) {
            let message =
                format!("it was made from the dataset `{name}`, which is not declared here");
            let label = declared.get(name.as_str());
            let label = label.map_or_else(String::new, |label| format!(" with label [{label}]"));
            let failure = Failure::new(FailureKind::Denied, message);
            return Err(failure.hint(format!(
                "declare it in `{}`{label}, and have it signed with `promote trust sign`",
                path_of(&Place::Dataset(name.clone()))
            )));
        }
    }
    for read in &lineage.snapshots {
        let (digest, _) = find_snapshot(world, &read.snapshot)?;
        if digest != read.digest {
            let message = format!(
                "it was made from the snapshot `{}` with digest {}, and here that has {digest}",
                read.snapshot, read.digest
            );
            return Err(Failure::new(FailureKind::Denied, message)
                .hint("declare the snapshot that was read, with its digest"));
        }
    }
    for base in &mut lineage.bases {
        let known = world.state().registrations_of(base.digest);
        let mut known = known.map(|(_, registered)| &registered.version);
        let known = known.find(|id| world.manifests.versions.contains_key(*id));
        let Some(known) = known else {
            let message = format!(
                "it was derived from `{}` ({}), which is not registered here",
                base.version, base.digest
            );
            return Err(Failure::new(FailureKind::Denied, message)
                .hint("import a bundle of that first; its name here may be another"));
        };
        base.version = known.clone();
    }
    Ok(Some(lineage))
}

/// The words of other tools, and where the version comes from: with these its signed manifest says what is kept beside it.
fn tags(
    mut tags: BTreeMap<String, String>,
    facts: &BundleFacts,
    carried: &Carried,
) -> BTreeMap<String, String> {
    let from = [
        ("bundle.ledger", facts.ledger.name.clone()),
        ("bundle.version", facts.version.to_string()),
        ("bundle.entry", facts.registered.entry.to_string()),
        ("bundle.sha256", Sha256::of(&carried.receipt).to_string()),
    ];
    tags.extend(from.map(|(name, value)| (name.to_owned(), value)));
    tags
}

/// What is said of an artifact that is new here; nothing without a group that answers for it.
fn new_artifact(request: &ImportRequest, contents: &Contents) -> Option<NewArtifact> {
    let sent = sent_artifact(contents);
    let purpose = sent.as_ref().map(|spec| spec.purpose.clone());
    Some(NewArtifact {
        owner: request.owner.clone()?,
        purpose: request.purpose.clone().or(purpose)?,
        risk_tier: sent.and_then(|spec| spec.risk_tier),
    })
}

fn sent_artifact(contents: &Contents) -> Option<ArtifactSpec> {
    let artifact = &contents.record.version.artifact;
    let path = path_of_artifact(artifact);
    let mut files = contents.files(VERSION_TYPE);
    let (_, bytes) = files.find(|(known, _)| *known == path)?;
    let place = Place::Artifact(artifact.clone());
    let document = parse_manifest::<Artifact>(&place, &path, bytes);
    Some(document.ok()?.value.spec)
}

/// Reads the files into a folder of their own, hashing them.
fn stage(
    opened: Opened<BufReader<File>>,
    contents: &Contents,
    staging: &StagingArea,
    progress: &dyn Progress,
) -> std::result::Result<StagedTree, Refused> {
    let mut unpacked = Unpacked {
        writer: staging.begin(contents.record.digest).map_err(failed)?,
        current: Vec::new(),
        progress,
    };
    if !opened.finish(&mut unpacked)? {
        return Err(Refused(
            "the files of the version are not in it: it is what was kept from an import".to_owned(),
        ));
    }
    unpacked.writer.finish().map_err(failed)
}

/// Writes files as they come.
struct Unpacked<'a> {
    writer: StagedWriter,
    current: Vec<StagedFile>,
    progress: &'a dyn Progress,
}

impl Sink for Unpacked<'_> {
    fn begin(&mut self, files: &[&FileRecord]) -> std::result::Result<(), Refused> {
        for file in files {
            let staged = self.writer.create(&file.path, file.size).map_err(failed)?;
            self.current.push(staged);
        }
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> std::result::Result<(), Refused> {
        let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.progress.advance(count);
        let bytes = Bytes::copy_from_slice(bytes);
        for file in &mut self.current {
            file.write(&bytes).map_err(failed)?;
        }
        Ok(())
    }

    fn end(&mut self) -> std::result::Result<(), Refused> {
        for file in self.current.drain(..) {
            file.finish().map_err(failed)?;
        }
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` gives it")]
fn failed(error: StagingError) -> Refused {
    Refused(error.to_string())
}
