//! What the arguments of `promote register` say together.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Args;
use crate::cli::names;
use crate::context::Context;
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::manifest::address::Address;
use crate::manifest::foreign::{FORMATS, Format, find_format};
use crate::model::artifact::{ArtifactKind, VersionId};
use crate::model::attestation::AttestationName;
use crate::model::digest::TreeDigest;
use crate::model::id::{GroupName, MetricName};
use crate::model::lineage::{Base, CodeCommit, Lineage};
use crate::model::secret::SecretRef;
use crate::model::snapshot::SnapshotId;
use crate::ops::attach::Attachments;
use crate::ops::register::NewArtifact;
use crate::ops::register::azure::{Description, Said, describe};
use crate::ops::register::told::LineageFiles;

/// What is registered: as the arguments say, or as Azure ML's YAML says.
pub(super) fn subject(context: &Context, args: &Args) -> Result<Description> {
    let Some(file) = &args.from_azure_ml else {
        let (Some(name), Some(version), Some(from)) = (&args.name, &args.version, &args.from)
        else {
            let message = "a name, a version and `--from` are needed";
            return Err(Failure::new(FailureKind::Usage, message));
        };
        let kind = args.kind.unwrap_or(ArtifactKind::Model);
        return Ok(Description {
            version: VersionId {
                artifact: names::artifact(name, kind)?,
                version: version.clone(),
            },
            from: from.clone(),
            description: None,
            owner: None,
            tags: BTreeMap::new(),
        });
    };
    let mut said = Said {
        version: args.version.clone(),
        from: args.from.clone(),
        ..Said::default()
    };
    if let Some(name) = &args.name {
        let name = match name.split_once('/') {
            Some((project, name)) => {
                let project = project.parse();
                said.project = Some(project.or_fail(FailureKind::Usage)?);
                name
            }
            None => name,
        };
        said.name = Some(name.parse().or_fail(FailureKind::Usage)?);
    }
    describe(context, file, &said)
}

/// What is said of an artifact that is new. Both or neither, unless a file describes it.
pub(super) fn new_artifact(
    args: &Args,
    owner: Option<GroupName>,
    description: Option<&str>,
) -> Result<Option<NewArtifact>> {
    if args.from_azure_ml.is_none() && args.owner.is_some() != args.purpose.is_some() {
        let message = "`--owner` and `--purpose` are given together";
        return Err(Failure::new(FailureKind::Usage, message));
    }
    let purpose = args.purpose.as_deref().or(description);
    let owner = args.owner.clone().or(owner);
    Ok(owner.zip(purpose).map(|(owner, purpose)| NewArtifact {
        owner,
        purpose: purpose.to_owned(),
        risk_tier: None,
    }))
}

pub(super) fn attachments(args: &Args) -> Result<Attachments> {
    let mut bundles = BTreeMap::new();
    for text in &args.attestations {
        let (name, path) = match text.split_once('=') {
            Some((name, path)) => (name, path),
            None => {
                let file = text.rsplit('/').next().unwrap_or(text);
                (file.split('.').next().unwrap_or(file), text.as_str())
            }
        };
        let name: AttestationName = name
            .parse()
            .map_err(|error: crate::model::id::IdError| usage(&error))
            .map_err(|failure| failure.hint("name it with `--attestation NAME=FILE`"))?;
        if bundles.insert(name.clone(), PathBuf::from(path)).is_some() {
            return Err(Failure::new(
                FailureKind::Usage,
                format!("two attestations are named `{name}`"),
            )
            .hint("name them with `--attestation NAME=FILE`"));
        }
    }
    let sign = args.sign.as_deref().map(key).transpose()?;
    Ok(Attachments { sign, bundles })
}

/// A key by path, or as every other secret.
fn key(text: &str) -> Result<SecretRef> {
    let reference = if text.contains(':') {
        text.parse()
    } else {
        format!("file:{text}").parse()
    };
    reference.or_fail(FailureKind::Usage)
}

/// What the arguments say of the lineage; `None` when they say nothing.
pub(super) fn lineage(args: &Args) -> Result<Option<Lineage>> {
    let is_said = |input: &String| {
        !input
            .rsplit_once('=')
            .is_some_and(|(left, _)| is_address(left))
    };
    let is_said = |input: &String| is_said(input) && snapshot(input).is_none();
    if !args.inputs.iter().any(is_said) && args.code.is_none() && args.run.is_none() {
        return Ok(None);
    }
    let mut lineage = Lineage {
        run: args.run.clone(),
        ..Lineage::default()
    };
    for input in args.inputs.iter().filter(|input| snapshot(input).is_none()) {
        match input.rsplit_once('=') {
            Some((address, _)) if is_address(address) => {}
            Some((version, digest)) => {
                let digest: TreeDigest = digest
                    .parse()
                    .map_err(|error: crate::model::id::IdError| usage(&error))?;
                lineage.bases.push(Base {
                    version: names::version(version)?,
                    digest,
                });
            }
            None => lineage.datasets.push(
                input
                    .parse()
                    .map_err(|error: crate::model::id::IdError| usage(&error))?,
            ),
        }
    }
    lineage.code = args.code.as_deref().map(code).transpose()?;
    Ok(Some(lineage))
}

/// The snapshots that the arguments name.
pub(super) fn snapshots(args: &Args) -> Vec<SnapshotId> {
    args.inputs
        .iter()
        .filter_map(|input| snapshot(input))
        .collect()
}

/// The snapshot that an input is, if it is one.
fn snapshot(input: &str) -> Option<SnapshotId> {
    input.parse().ok()
}

/// Whether the left side of an input is an address, and no version.
fn is_address(text: &str) -> bool {
    names::version(text).is_err()
}

pub(super) fn lineage_format(text: &str) -> std::result::Result<&'static Format, String> {
    find_format(text).ok_or_else(|| {
        let names: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
        format!("the formats are {}", names.join(", "))
    })
}

/// What the arguments say of files of lineage.
pub(super) fn told_by(args: &Args) -> Result<LineageFiles> {
    let address = |text: &str| {
        let address = Address::parse(text);
        address.map_err(|error| usage(&error).during(format!("`{text}` is no address")))
    };
    if !args.not_data.is_empty() && args.lineage_from.is_empty() && args.from_azure_ml.is_none() {
        let message = "`--not-data` is about addresses in files of lineage, and none is given";
        return Err(Failure::new(FailureKind::Usage, message).hint("add `--lineage-from FILE`"));
    }
    let mut addresses = BTreeMap::new();
    let pairs = args
        .inputs
        .iter()
        .filter_map(|input| input.rsplit_once('='));
    for (text, dataset) in pairs.filter(|(text, _)| is_address(text)) {
        if args.lineage_from.is_empty() && args.from_azure_ml.is_none() {
            let message =
                format!("`{text}` is no version, and no file of lineage is given that names it");
            let failure = Failure::new(FailureKind::Usage, message);
            return Err(failure.hint(
                "write `DATASET`, `PROJECT/KIND/NAME@VERSION=DIGEST`, or add `--lineage-from FILE`",
            ));
        }
        let dataset = dataset
            .parse()
            .map_err(|error: crate::model::id::IdError| usage(&error))?;
        addresses.insert(address(text)?, dataset);
    }
    let told = args.lineage_from.iter();
    let described = args.from_azure_ml.iter();
    let azure = find_format("azure-ml");
    Ok(LineageFiles {
        files: told
            .map(|path| (path.clone(), args.lineage_format))
            .chain(described.map(|path| (path.clone(), azure)))
            .collect(),
        addresses,
        not_data: args
            .not_data
            .iter()
            .map(|text| address(text))
            .collect::<Result<_>>()?,
    })
}

fn code(text: &str) -> Result<CodeCommit> {
    let is_commit = |commit: &str| {
        (commit.len() == 40 || commit.len() == 64)
            && commit.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    match text.rsplit_once('@') {
        Some((repository, commit)) if is_commit(commit) => Ok(CodeCommit {
            repository: repository.to_owned(),
            commit: commit.to_lowercase(),
        }),
        Some(_) | None => Err(Failure::new(
            FailureKind::Usage,
            format!("`{text}` is not `REPOSITORY@COMMIT` with the whole commit"),
        )),
    }
}

pub(super) fn metric(text: &str) -> Result<(MetricName, f64)> {
    let refuse = || {
        Failure::new(
            FailureKind::Usage,
            format!("`{text}` is not `NAME=VALUE`, such as `accuracy=0.97`"),
        )
    };
    let (name, value) = text.split_once('=').ok_or_else(refuse)?;
    Ok((
        name.parse()
            .map_err(|error: crate::model::id::IdError| usage(&error))?,
        value.parse().map_err(|_| refuse())?,
    ))
}

fn usage(error: &dyn std::error::Error) -> Failure {
    Failure::of(FailureKind::Usage, error)
}
