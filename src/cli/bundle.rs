//! `promote bundle`.

use std::path::PathBuf;

use clap::Subcommand;

use crate::cli::{Exit, names};
use crate::context::Context;
use crate::error::{FailureKind, OrFail as _, Result};
use crate::gate::evidence::AttestationFinding;
use crate::model::approval::ApprovalDecision;
use crate::model::id::{GroupName, WorkspaceName};
use crate::ops::bundle::{
    BundleFacts, ExportRequest, Exported, ImportRequest, Imported, ShowRequest, export, import,
    show,
};
use crate::ui::Terminal;
use crate::ui::report::{Page, Report, Tone};

/// Carry a version to another organisation in one file: its bytes, lineage, approvals and proof
///
/// The file is a tar file that is an OCI image layout: after `tar xf`, `skopeo` and others read it. Who takes it needs the
/// sender's verifier key (`spec.ledger.key` in `trust/root.yaml`) from somebody they trust, never out of the file.
///
/// Examples:
///   promote bundle export wildlife/penguin-species@1.0.0 --out penguins.bundle.tar
///   promote bundle show penguins.bundle.tar --key wildlife.example+c74f20a3+ARpc2QcU…
///   promote bundle import penguins.bundle.tar --into dev --key wildlife.key --as zoo/penguins@1.0.0 --owner vision
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Write a version with all that the ledger has of it to a file
    ///
    /// The version must be in the ledger. The same version and ledger give the same bytes. The file holds the policies, facts
    /// and statements that decisions about the version name: look at what leaves with `promote bundle show` and `tar tf`.
    Export {
        /// The version: `PROJECT/NAME@VERSION`, or `PROJECT/KIND/NAME@VERSION`
        #[arg(value_name = "VERSION")]
        version: String,

        /// The workspace that it is read from; one that holds it when left out
        #[arg(long, value_name = "WORKSPACE")]
        from: Option<WorkspaceName>,

        /// The file, by custom `….bundle.tar`
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Check a bundle and tell what it holds; needs no repository
    ///
    /// Ends with 1 when anything in it does not hold. Without `--key` nobody vouches for the ledger in it.
    Show {
        /// The bundle, or what is kept of one beside the manifest of an imported version
        #[arg(value_name = "FILE")]
        file: PathBuf,

        /// The sender's verifier key, or a file that holds it
        #[arg(long, value_name = "KEY|FILE")]
        key: Option<String>,
    },
    /// Check a bundle and register its version here
    ///
    /// Goes the way of `promote register`: labels, clearance, quota, your signature. Datasets and bases of its lineage must be
    /// known here, and its label here must have every tag that it had there. Nobody's approval there counts here.
    Import {
        /// The bundle
        #[arg(value_name = "FILE")]
        file: PathBuf,

        /// The workspace that it goes to
        #[arg(long, value_name = "WORKSPACE")]
        into: WorkspaceName,

        /// The sender's verifier key, or a file that holds it
        #[arg(long, value_name = "KEY|FILE")]
        key: String,

        /// The name and version that it gets here; its own when left out
        #[arg(long = "as", value_name = "VERSION")]
        named: Option<String>,

        /// The group that answers for the artifact, when it is new
        #[arg(long, value_name = "GROUP")]
        owner: Option<GroupName>,

        /// What the artifact is for, when it is new; as the sender says when left out
        #[arg(long, value_name = "TEXT", requires = "owner")]
        purpose: Option<String>,

        /// Commit to a new branch, for a pull request
        #[arg(long, value_name = "NAME")]
        branch: Option<String>,
    },
}

pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    let shown = match &args.action {
        Action::Export { version, from, out } => {
            let request = ExportRequest {
                version: names::version(version)?,
                from: from.clone(),
                to: out.clone(),
            };
            terminal.report(&export(context, &request).await?)
        }
        Action::Show { file, key } => {
            let request = ShowRequest {
                file: file.clone(),
                key: key.clone(),
            };
            terminal.report(&show(context, &request)?)
        }
        Action::Import {
            file,
            into,
            key,
            named,
            owner,
            purpose,
            branch,
        } => {
            let request = ImportRequest {
                file: file.clone(),
                into: into.clone(),
                key: key.clone(),
                named: named.as_deref().map(names::version).transpose()?,
                owner: owner.clone(),
                purpose: purpose.clone(),
                branch: branch.clone(),
            };
            terminal.report(&import(context, &request).await?)
        }
    };
    shown.or_fail(FailureKind::Unavailable)?;
    Ok(Exit::Done)
}

impl Report for Exported {
    fn render(&self, page: &mut Page) {
        page.mark(
            Tone::Good,
            "wrote",
            format!(
                "{} from {} to {}, {} bytes",
                self.facts.version,
                self.workspace,
                self.file.display(),
                self.bytes
            ),
        );
        page.line(format!("digest      {}", self.facts.digest));
        page.line(format!("label       {}", self.facts.label));
        page.line(format!("key         {}", self.key));
        page.line("give the key to whom you give the file, by another way");
    }

    fn names(&self) -> Vec<String> {
        vec![self.file.display().to_string()]
    }
}

impl Report for BundleFacts {
    fn render(&self, page: &mut Page) {
        what(self, page);
        story(self, page);
        for fact in &self.not_verified {
            page.mark(Tone::Waiting, "not verified:", fact);
        }
    }

    fn names(&self) -> Vec<String> {
        vec![self.version.to_string()]
    }
}

/// What it is, and who vouches.
fn what(facts: &BundleFacts, page: &mut Page) {
    let held = if facts.has_files {
        "whole"
    } else {
        "its files are not in it"
    };
    page.mark(
        Tone::Good,
        "holds",
        format!(
            "{}, {} files, {} bytes: {held}",
            facts.version, facts.files, facts.size
        ),
    );
    page.line(format!("digest      {}", facts.digest));
    page.line(format!("manifest    sha256:{}", facts.manifest));
    page.line(format!("label       {}", facts.label));
    let ledger = &facts.ledger;
    page.line(format!(
        "ledger      {}, {} entries, root {}",
        ledger.name, ledger.size, ledger.root
    ));
    if let Some(key) = &ledger.key {
        page.line(format!("signed by   {key}"));
    }
    let registered = &facts.registered;
    let producer = registered.producer.as_ref();
    let producer = producer.map_or("nobody known", |who| who.name.as_str());
    page.line(format!(
        "registered  {} in {} ({}) by {producer}, entry {}",
        registered.at, registered.workspace, registered.environment, registered.entry
    ));
    match &facts.lineage {
        None => page.line("made from   it does not say"),
        Some(lineage) => {
            let bases = lineage.bases.iter().map(|base| base.version.to_string());
            let data = lineage.read().map(ToString::to_string);
            let all: Vec<String> = data.chain(bases).collect();
            page.line(format!("made from   {}", all.join(", ")));
        }
    }
}

/// What happened to it, in the order of the ledger.
fn story(facts: &BundleFacts, page: &mut Page) {
    let mut rows: Vec<(u64, Vec<String>)> = Vec::new();
    let mut add = |entry: u64, what: String, by: String, where_to: String| {
        rows.push((entry, vec![entry.to_string(), what, by, where_to]));
    };
    for approval in &facts.approvals {
        let word = match approval.decision {
            ApprovalDecision::Approve => "approved",
            ApprovalDecision::Reject => "rejected",
            ApprovalDecision::Withdraw => "withdrew",
        };
        let revoked = if approval.is_revoked {
            ", key revoked since"
        } else {
            ""
        };
        let place = format!("{} ({})", approval.workspace, approval.environment);
        let by = format!("{}{revoked}", approval.who.name);
        add(approval.entry, word.to_owned(), by, place);
    }
    for act in &facts.acts {
        let what = format!("{}: {}", act.word, act.reason);
        add(act.entry, what, act.who.name.clone(), String::new());
    }
    for decision in &facts.decisions {
        let word = decision.result.to_string();
        let place = format!("{} ({})", decision.workspace, decision.environment);
        add(decision.entry, word, String::new(), place);
    }
    for place in &facts.places {
        let word = format!("{:?}", place.outcome).to_lowercase();
        let to = format!("{} ({})", place.workspace, place.environment);
        add(place.entry, word, String::new(), to);
    }
    rows.sort();
    let rows = rows.into_iter().map(|(_, row)| row).collect();
    page.gap();
    page.table(
        &["entry", "what", "who", "where"],
        rows,
        "it was promoted nowhere",
    );
    for attested in &facts.attestations {
        let found = match &attested.found {
            AttestationFinding::Good {
                predicate_type,
                signer,
            } => format!("{predicate_type} by {signer}"),
            AttestationFinding::Bad(why) => format!("not good: {why}"),
        };
        page.line(format!("attestation {}: {found}", attested.name));
    }
}

impl Report for Imported {
    fn render(&self, page: &mut Page) {
        self.registered.render(page);
        let sender = &self.sender;
        page.line(format!(
            "from {}: {}, entry {} of {}",
            sender.ledger.name, sender.version, sender.registered.entry, sender.ledger.size
        ));
    }

    fn names(&self) -> Vec<String> {
        self.registered.names()
    }
}
