//! `promote register`.

mod arguments;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::cli::Exit;
use crate::cli::register::arguments::{
    attachments, lineage, lineage_format, metric, new_artifact, snapshots, subject, told_by,
};
use crate::context::Context;
use crate::error::{FailureKind, OrFail as _, Result};
use crate::manifest::foreign::Format;
use crate::model::artifact::ArtifactKind;
use crate::model::digest::TreePath;
use crate::model::id::{GroupName, WorkspaceName};
use crate::ops::register::{RegisterReport, RegisterRequest, register};
use crate::ui::Terminal;
use crate::ui::report::{Page, Report, Tone};

/// Hash, upload and record a new version
///
/// Says what the version was made from, so that its data labels are known: each `--input` is a dataset, or a base version
/// with its digest as `PROJECT/KIND/NAME@VERSION=dirhash1:…`. What is not said counts as the highest that it could be.
///
/// `--lineage-from` reads it out of what other tools wrote. Addresses in such a file are of the dataset whose `location` or
/// `addresses` they lie in; what no dataset claims is said, and counts as everything that the workspace may hold.
///
/// What is on a platform already is taken from there: `--from models:/churn/3` of an MLflow server is read, with the lineage of the
/// run that made it, and written once more as a version that nobody changes.
///
/// Attestations can follow later: register the same bytes again with `--sign` or `--attestation`.
///
/// promote register wildlife/penguin-species 1.0.0 --from out/ --workspace dev --input penguins-sample --metric accuracy=0.97
///
/// promote register wildlife/penguin-species 1.0.0 --from model/ --workspace dev --lineage-from dvc.lock
///
/// promote register wildlife/penguin-species 1.0.0 --from oci:ml/penguins:3 --workspace dev
///
/// promote register --from-azure-ml model.yml --workspace dev --input penguins-sample
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The artifact: `PROJECT/NAME`
    #[arg(required_unless_present = "from_azure_ml")]
    name: Option<String>,

    /// The version
    #[arg(required_unless_present = "from_azure_ml")]
    version: Option<semver::Version>,

    /// What it is; a model when nothing is said
    #[arg(long, conflicts_with = "from_azure_ml")]
    kind: Option<ArtifactKind>,

    /// The folder or file with its bytes, or an address on the platform of the workspace: `models:/NAME/3`,
    /// `models:/NAME@ALIAS` or `runs:/RUN/PATH` in MLflow, `azureml:NAME:VERSION` in Azure ML, `oci:REPOSITORY:TAG` in a
    /// registry, `s3://BUCKET/PREFIX/PATH` and the like in a bucket
    #[arg(
        long,
        value_name = "PATH|ADDRESS",
        required_unless_present = "from_azure_ml"
    )]
    from: Option<PathBuf>,

    /// Azure ML's YAML of a model, component, pipeline or environment: name, version, kind, path, description and tags are
    /// taken from it, unless they are given. Of a model the bytes are at its path, of all others in the folder of the file
    #[arg(long, value_name = "FILE")]
    from_azure_ml: Option<PathBuf>,

    /// The workspace that it was made in
    #[arg(long)]
    workspace: WorkspaceName,

    /// A dataset, a snapshot of one, or a base version that it was made from; give all of them. With an address of a file of
    /// lineage before it, the dataset that the address is of
    #[arg(
        long = "input",
        value_name = "DATASET[/SNAPSHOT]|VERSION=DIGEST|ADDRESS=DATASET"
    )]
    inputs: Vec<String>,

    /// A file of another tool that tells what it was made from, such as `dvc.lock`; may be given several times
    #[arg(long, value_name = "FILE")]
    lineage_from: Vec<PathBuf>,

    /// The format of the files of lineage; without it each is recognised
    #[arg(long, value_name = "FORMAT", value_parser = lineage_format, requires = "lineage_from")]
    lineage_format: Option<&'static Format>,

    /// An address in a file of lineage that is code or settings and no data, with all below it
    #[arg(long, value_name = "ADDRESS")]
    not_data: Vec<String>,

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
    #[arg(long, value_name = "GROUP")]
    owner: Option<GroupName>,

    /// What the artifact is for, when it is new
    #[arg(long, value_name = "TEXT")]
    purpose: Option<String>,

    /// Commit to a new branch, for a pull request
    #[arg(long, value_name = "NAME")]
    branch: Option<String>,
}

pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    let subject = subject(context, args)?;
    let request = RegisterRequest {
        version: subject.version,
        from: subject.from,
        workspace: args.workspace.clone(),
        lineage: lineage(args)?,
        snapshots: snapshots(args),
        told_by: told_by(args)?,
        metrics: args
            .metrics
            .iter()
            .map(|text| metric(text))
            .collect::<Result<BTreeMap<_, _>>>()?,
        card: args.card.clone(),
        tags: subject.tags,
        artifact: new_artifact(args, subject.owner, subject.description.as_deref())?,
        description: subject.description,
        attachments: attachments(args)?,
        carried: None,
        branch: args.branch.clone(),
    };
    let report = register(context, &request).await?;
    terminal.report(&report).or_fail(FailureKind::Unavailable)?;
    Ok(Exit::Done)
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
