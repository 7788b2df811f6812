//! `promote trust`.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;

use crate::attest::ssh::sign::read_public_key;
use crate::cli::Exit;
use crate::context::Context;
use crate::error::{FailureKind, OrFail as _, Result};
use crate::fs::durable;
use crate::model::id::{AttesterName, EngineName, GroupName, PrincipalName};
use crate::model::period::Period;
use crate::model::principal::KeyFingerprint;
use crate::ops::trust::{
    NewAttester, NewKey, NewKeySource, Revocation, RevokeReport, RotateReport, SignReport,
    TrustReport, add_attester, add_key, add_witness, commit_signed, revoke, rotate_engine,
    rotate_log, sign, status,
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

        /// How long the governed files count as they are, such as `90d` [default: as before; at first as long as the trust root]
        #[arg(long, value_name = "DURATION")]
        valid_for: Option<Period>,
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
    Revoke(Revoke),
    /// List a witness in the trust root; sign it afterwards
    AddWitness {
        /// The public half of its key, as `promote witness new-key` prints it
        key: String,
    },
    /// Give the ledger or an engine another key; sign the trust root afterwards
    #[command(subcommand)]
    Rotate(Rotate),
}

/// What gets another key.
#[derive(Debug, Subcommand)]
enum Rotate {
    /// The ledger: its head is signed by the new key from the entry after the adoption on
    ///
    /// The key before it signs the head up to that entry, and nothing later. The ledger keeps its name.
    Log {
        /// The public half of a key that was made elsewhere, as a C2SP verifier key
        #[arg(long, value_name = "KEY", conflicts_with = "out")]
        key: Option<String>,

        /// A new file for the private half [default: a second line of `.git/promote/log.key`]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// An engine: what its old key signs after the adoption is refused
    Engine {
        /// The engine
        name: EngineName,

        /// A file with the public half of a key that was made elsewhere, in PEM
        #[arg(long, value_name = "FILE", conflicts_with = "out")]
        key: Option<PathBuf>,

        /// A new file for the private half [default: `.git/promote/engine-next.pem`]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

impl Rotate {
    fn run(&self, context: &Context) -> Result<RotateReport> {
        match self {
            Self::Log { key, out } => {
                let generate = || NewKeySource::Generate(out.clone());
                let source = key.clone().map_or_else(generate, NewKeySource::Public);
                rotate_log(context, source)
            }
            Self::Engine { name, key, out } => {
                let source = match key {
                    Some(path) => NewKeySource::Public(read_pem(path)?),
                    None => NewKeySource::Generate(out.clone()),
                };
                rotate_engine(context, name, source)
            }
        }
    }
}

fn read_pem(path: &Path) -> Result<String> {
    const MAX_PEM_BYTES: usize = 16 << 10;
    let bytes = durable::read_bounded(path, MAX_PEM_BYTES).or_fail(FailureKind::Invalid)?;
    String::from_utf8(bytes).or_fail(FailureKind::Invalid)
}

/// Say that a person's key was lost; sign the trust root afterwards
///
/// What the key signed and the ledger recorded from that entry on counts no longer, also for promotions that wait now;
/// what was recorded before stays valid. Once adopted, a revocation is never taken back: give the person another key with
/// `promote trust add-key`, first if it is the only one that can sign the trust root.
#[derive(Debug, clap::Args)]
struct Revoke {
    /// The key: its fingerprint as `ssh-keygen -lf` prints it, or a file with it
    key: String,

    /// The first entry of the ledger that the key does not count for [default: the next one]
    #[arg(long, value_name = "INDEX")]
    from: Option<u64>,

    /// Why, for whoever reads the trust root
    #[arg(long, value_name = "TEXT", default_value = "lost")]
    reason: String,
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
        Action::Sign { commit, valid_for } => {
            let report = sign(context, *valid_for)?;
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
        Action::Revoke(asked) => {
            let revocation = Revocation {
                key: fingerprint(&asked.key)?,
                from: asked.from,
                reason: asked.reason.clone(),
            };
            terminal.report(&revoke(context, &revocation)?)
        }
        Action::AddWitness { key } => terminal.report(&Written {
            written: add_witness(context, key)?,
        }),
        Action::Rotate(what) => terminal.report(&what.run(context)?),
    }
    .or_fail(FailureKind::Unavailable)?;
    Ok(Exit::Done)
}

/// The fingerprint that is written, or that of the key in a file.
fn fingerprint(key: &str) -> Result<KeyFingerprint> {
    if key.starts_with("SHA256:") {
        return key.parse().or_fail(FailureKind::Usage);
    }
    let key = read_public_key(Path::new(key)).or_fail(FailureKind::Invalid)?;
    Ok(key.fingerprint())
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

impl Report for RevokeReport {
    fn render(&self, page: &mut Page) {
        for entry in &self.struck {
            page.line(format!(
                "  entry {} ({}) will count no longer",
                entry.index, entry.event
            ));
        }
        if !self.has_other_key {
            let note = format!(
                "`{}` has no other key; `promote trust add-key` adds one",
                self.principal
            );
            page.mark(Tone::Waiting, "note:", note);
        }
        page.mark(
            Tone::Good,
            "revoked",
            format!(
                "{} of {} from entry {} on",
                self.key, self.principal, self.from
            ),
        );
        page.line("next: promote trust sign --commit, with other keys of the root role");
    }

    fn names(&self) -> Vec<String> {
        self.written.clone()
    }
}

impl Report for RotateReport {
    fn render(&self, page: &mut Page) {
        page.mark(Tone::Good, "new key", format!("of {}", self.what));
        page.line(self.public.trim_end());
        if let Some(path) = &self.private {
            page.line(format!("private half in {path}"));
        }
        for step in &self.next {
            page.line(format!("next: {step}"));
        }
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
            page.line(format!("it expires on {expires}"));
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
