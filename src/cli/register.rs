//! `promote register`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::cli::{Exit, names};
use crate::config::secret::SecretRef;
use crate::context::Context;
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::model::artifact::{ArtifactKind, VersionId};
use crate::model::attestation::AttestationName;
use crate::model::digest::{TreeDigest, TreePath};
use crate::model::id::{GroupName, MetricName, WorkspaceName};
use crate::model::lineage::{Base, CodeCommit, Lineage};
use crate::ops::attach::Attachments;
use crate::ops::register::{NewArtifact, RegisterReport, RegisterRequest, register};
use crate::ui::Terminal;
use crate::ui::report::{Page, Report, Tone};

/// Hash, upload and record a new version
///
/// Says what the version was made from, so that its data labels are known: each `--input` is a dataset, or a base version
/// with its digest as `PROJECT/KIND/NAME@VERSION=dirhash1:…`. What is not said counts as the highest that it could be.
///
/// Attestations can follow later: register the same bytes again with `--sign` or `--attestation`.
///
/// promote register wildlife/penguin-species 1.0.0 --from out/ --workspace dev --input penguins-sample --metric accuracy=0.97
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The artifact: `PROJECT/NAME`
    name: String,

    /// The version
    version: semver::Version,

    /// What it is
    #[arg(long, default_value = "model")]
    kind: ArtifactKind,

    /// The folder or file with its bytes
    #[arg(long, value_name = "PATH")]
    from: PathBuf,

    /// The workspace that it was made in
    #[arg(long)]
    workspace: WorkspaceName,

    /// A dataset or base version that it was made from; give all of them
    #[arg(long = "input", value_name = "DATASET|VERSION=DIGEST")]
    inputs: Vec<String>,

    /// The commit of the code that made it: `REPOSITORY@COMMIT`
    #[arg(long, value_name = "REPOSITORY@COMMIT")]
    code: Option<String>,

    /// The run that made it, as its platform names it
    #[arg(long)]
    run: Option<String>,

    /// A measured metric: `NAME=VALUE`
    #[arg(long = "metric", value_name = "NAME=VALUE")]
    metrics: Vec<String>,

    /// The model card among the files
    #[arg(long, value_name = "PATH")]
    card: Option<TreePath>,

    /// Sign the files as an OpenSSF model signature, with an ECDSA P-256 key: `PATH`, `env:NAME` or `command:PROGRAM`
    #[arg(long, value_name = "KEY")]
    sign: Option<String>,

    /// Put a Sigstore bundle about these files beside the version; the name is that of the file up to its first dot
    #[arg(long = "attestation", value_name = "[NAME=]FILE")]
    attestations: Vec<String>,

    /// The group that answers for the artifact, when it is new
    #[arg(long, requires = "purpose", value_name = "GROUP")]
    owner: Option<GroupName>,

    /// What the artifact is for, when it is new
    #[arg(long, requires = "owner", value_name = "TEXT")]
    purpose: Option<String>,

    /// Commit to a new branch, for a pull request
    #[arg(long, value_name = "NAME")]
    branch: Option<String>,
}

pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    let request = RegisterRequest {
        version: VersionId {
            artifact: names::artifact(&args.name, args.kind)?,
            version: args.version.clone(),
        },
        from: args.from.clone(),
        workspace: args.workspace.clone(),
        lineage: lineage(args)?,
        metrics: args
            .metrics
            .iter()
            .map(|text| metric(text))
            .collect::<Result<BTreeMap<_, _>>>()?,
        card: args.card.clone(),
        artifact: args
            .owner
            .clone()
            .zip(args.purpose.clone())
            .map(|(owner, purpose)| NewArtifact {
                owner,
                purpose,
                risk_tier: None,
            }),
        attachments: attachments(args)?,
        branch: args.branch.clone(),
    };
    let report = register(context, &request).await?;
    terminal.report(&report).or_fail(FailureKind::Unavailable)?;
    Ok(Exit::Done)
}

fn attachments(args: &Args) -> Result<Attachments> {
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
fn lineage(args: &Args) -> Result<Option<Lineage>> {
    if args.inputs.is_empty() && args.code.is_none() && args.run.is_none() {
        return Ok(None);
    }
    let mut lineage = Lineage {
        run: args.run.clone(),
        ..Lineage::default()
    };
    for input in &args.inputs {
        match input.split_once('=') {
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

fn metric(text: &str) -> Result<(MetricName, f64)> {
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

impl Report for RegisterReport {
    fn render(&self, page: &mut Page) {
        let word = if self.committed.is_some() {
            "registered"
        } else {
            "known"
        };
        page.mark(
            Tone::Good,
            word,
            format!(
                "{} in {}, {} bytes, label: {}",
                self.version, self.workspace, self.size, self.label
            ),
        );
        page.line(self.digest.to_string());
        for name in &self.attestations {
            page.line(format!("attestation {name}"));
        }
        if let Some(committed) = &self.committed {
            page.line(format!(
                "commit {} on {}",
                committed.commit, committed.branch
            ));
        }
        for warning in &self.warnings {
            page.mark(Tone::Waiting, "note:", warning);
        }
    }

    fn names(&self) -> Vec<String> {
        vec![self.version.to_string()]
    }
}
