//! `promote trust`.

use std::path::PathBuf;

use clap::Subcommand;
use serde::Serialize;

use crate::cli::Exit;
use crate::context::Context;
use crate::error::{FailureKind, OrFail as _, Result};
use crate::model::id::{AttesterName, GroupName, PrincipalName};
use crate::ops::trust::{
    NewAttester, NewKey, SignReport, TrustReport, add_attester, add_key, commit_signed, sign,
    status,
};
use crate::ui::Terminal;
use crate::ui::report::{Page, Report, Tone};

/// Sign governed files, see what is in force, add people
///
/// Governed files decide what may flow: the topology, workspaces, datasets, policies and freezes. A merge alone does not
/// change them; they count once the roles that they are delegated to have signed the index that pins them.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Pin the governed files of the work tree and sign with your key
    Sign {
        /// Commit what was written, too
        #[arg(long)]
        commit: bool,
    },
    /// Say what is in force, and what stands in the way of the rest
    Status,
    /// Add a person, a key or memberships to the trust root; sign it afterwards
    AddKey(AddKey),
    /// Add a machine that signs attestations to the trust root, or give it another key; sign it afterwards
    AddAttester {
        /// The attester
        attester: AttesterName,

        /// The ECDSA P-256 public key in PEM
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
}

/// A person, a key or memberships.
#[derive(Debug, clap::Args)]
struct AddKey {
    /// The principal
    principal: PrincipalName,

    /// The SSH public key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,

    /// The name as it is printed
    #[arg(long = "printed-name", value_name = "NAME")]
    printed_name: Option<String>,

    /// A group to join
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<GroupName>,

    /// A group to leave
    #[arg(long = "leave", value_name = "GROUP")]
    leave: Vec<GroupName>,

    /// An address in Git commits that is this person's
    #[arg(long = "email", value_name = "ADDRESS")]
    emails: Vec<String>,
}

#[expect(clippy::unused_async, reason = "all commands have one shape")]
pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    match &args.action {
        Action::Sign { commit } => {
            let report = sign(context)?;
            if *commit {
                commit_signed(context)?;
            }
            terminal.report(&report)
        }
        Action::Status => {
            let report = status(context)?;
            terminal.report(&report).or_fail(FailureKind::Unavailable)?;
            return Ok(if report.problems.is_empty() {
                Exit::Done
            } else {
                Exit::Ended(FailureKind::Waiting)
            });
        }
        Action::AddKey(new) => {
            let new = NewKey {
                principal: new.principal.clone(),
                printed_name: new.printed_name.clone(),
                key: new.key.clone(),
                groups: new.groups.clone(),
                leave: new.leave.clone(),
                emails: new.emails.clone(),
            };
            terminal.report(&Written {
                written: add_key(context, &new)?,
            })
        }
        Action::AddAttester { attester, key } => {
            let new = NewAttester {
                attester: attester.clone(),
                key: key.clone(),
            };
            terminal.report(&Written {
                written: add_attester(context, &new)?,
            })
        }
    }
    .or_fail(FailureKind::Unavailable)?;
    Ok(Exit::Done)
}

/// Files that were written.
#[derive(Debug, Serialize)]
struct Written {
    written: Vec<String>,
}

impl Report for Written {
    fn render(&self, page: &mut Page) {
        page.mark(Tone::Good, "wrote", self.written.join(", "));
        page.line("next: promote trust sign, then commit");
    }

    fn names(&self) -> Vec<String> {
        self.written.clone()
    }
}

impl Report for SignReport {
    fn render(&self, page: &mut Page) {
        if self.written.is_empty() {
            page.line(format!("{} has signed everything already", self.principal));
            return;
        }
        for path in &self.changed {
            page.line(format!("  pinned {path}"));
        }
        page.mark(
            Tone::Good,
            "signed",
            format!("by {}; commit {}", self.principal, self.written.join(", ")),
        );
    }

    fn names(&self) -> Vec<String> {
        self.written.clone()
    }
}

impl Report for TrustReport {
    fn render(&self, page: &mut Page) {
        match (self.root_version, self.index_version, &self.commit) {
            (Some(root), Some(index), Some(commit)) => {
                page.line(format!(
                    "in force: trust root {root}, index {index}, from commit {commit}"
                ));
            }
            _ => page.line("nothing is in force yet; the first `promote apply` adopts"),
        }
        if let Some(expires) = self.expires {
            page.line(format!("the trust root expires on {expires}"));
        }
        for file in &self.changed {
            let role = file.role.as_deref().unwrap_or("no role");
            page.mark(
                Tone::Waiting,
                "differs:",
                format!("{} (signed by {role})", file.path),
            );
        }
        for problem in &self.problems {
            page.mark(Tone::Bad, "missing:", problem);
        }
    }

    fn names(&self) -> Vec<String> {
        self.changed.iter().map(|file| file.path.clone()).collect()
    }
}
