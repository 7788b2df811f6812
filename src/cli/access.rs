//! `promote access`.

use clap::{Subcommand, ValueEnum};
use jiff::Timestamp;

use crate::cli::act::{Signed, sign};
use crate::cli::times::parse_end;
use crate::cli::{Exit, render};
use crate::context::Context;
use crate::error::{FailureKind, OrFail as _, Result};
use crate::model::id::{EnvironmentName, PrincipalName, WorkspaceName};
use crate::model::period::Period;
use crate::ops::access::{AccessReport, AccessRequest, Grant, May, access};
use crate::ops::act::{AccessAsked, Until, What};
use crate::ui::Terminal;
use crate::ui::report::{Page, Report, Tone};

/// The most paths or names that a cell shows.
const MAX_NAMES: usize = 3;

/// Say who may do what where
///
/// By the trust root, the policies, the tags and the owners that are in force, with the code that the
/// gates use: who signs the trust root and governed files, declassifies tags, approves promotions and
/// rollbacks, overrides in an emergency, reviews overrides and ends holds of others, and answers for
/// artifacts and datasets. PERSONS is how many are needed, of how many who have a key that counts.
///
/// What depends on the promotion comes on top: nobody approves what they made or asked for, and a
/// release is also judged by the policy that was in force before it. Everybody in the trust root may
/// register, request, hold, abort, retry and mark bad.
///
/// Ends with 0 also when there are problems, such as a quorum that nobody can meet.
///
/// `grant` gives a person access to an environment for an incident: signed by those that its policy
/// names, for hours, and reviewed by somebody else afterwards. It is a record for the system that gives
/// access, and no promotion goes on by it.
///
/// Examples:
///   promote access
///   promote access rita
///   promote access --by group --environment prod
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,

    /// A principal, or the name that is printed of one; with `--by group`, a group
    #[arg(value_name = "PRINCIPAL")]
    who: Option<String>,

    /// Show principals or groups
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    by: ShownBy,

    /// Only what may be done in this environment
    #[arg(long, value_name = "ENVIRONMENT")]
    environment: Option<EnvironmentName>,

    /// Also access for incidents that was reviewed, or never began
    #[arg(long)]
    past: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    Grant(Grants),
    /// Sign access that somebody else asked for
    ///
    /// You sign the very same terms. Who gets the access does not count, and nobody counts twice for a group.
    Approve {
        /// The access, as `promote access` prints it
        #[arg(value_name = "ACCESS")]
        access: String,

        #[command(flatten)]
        signed: Signed,
    },
    /// End access before its time
    ///
    /// Anybody in the trust root may. It ends when the engine takes the statement into the ledger.
    Revoke {
        /// The access, as `promote access` prints it
        #[arg(value_name = "ACCESS")]
        access: String,

        #[command(flatten)]
        signed: Signed,
    },
    /// Sign that you looked at what was done with access, once it is over
    ///
    /// Until somebody of the groups that the policy asks for anything does, who neither had it nor signed it, `status`,
    /// `access` and `verify` say that the review is due.
    Review {
        /// The access, as `promote access` prints it
        #[arg(value_name = "ACCESS")]
        access: String,

        #[command(flatten)]
        signed: Signed,
    },
}

/// Give a person access for an incident
///
/// `spec.access` of the environment's policy says who must sign (`quorum`), for how long it may be at most (`atMost`, 8 hours
/// when left out) and which `roles` there are. It holds once enough of them have signed the same terms (`promote access
/// approve`) and the engine has taken that into the ledger, until it ends by itself. The signature of who gets it never counts.
///
/// What reads it is the system that gives access: `promote access -o json` lists under `incidents` what is `in-force`, with
/// person, place, role and end. No gate sees it: what may be promoted stays as it is.
///
/// Examples:
///   promote access grant --person dana --environment prod --role reader --for 2h --reason "INC-42"
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
struct Grants {
    /// Who gets it
    #[arg(long, value_name = "PRINCIPAL")]
    person: PrincipalName,

    /// Only this workspace
    #[arg(
        long,
        value_name = "WORKSPACE",
        required_unless_present = "environment",
        conflicts_with = "environment"
    )]
    workspace: Option<WorkspaceName>,

    /// All of this environment
    #[arg(long, value_name = "ENVIRONMENT")]
    environment: Option<EnvironmentName>,

    /// What the person may do, in the words of the system that gives access
    #[arg(long)]
    role: String,

    /// For how long from now, such as `2h`
    #[arg(
        long = "for",
        value_name = "DURATION",
        required_unless_present = "until",
        conflicts_with = "until"
    )]
    period: Option<Period>,

    /// Until when
    #[arg(long, value_name = "TIME", value_parser = parse_end)]
    until: Option<Timestamp>,

    #[command(flatten)]
    signed: Signed,
}

impl Grants {
    fn what(&self) -> What {
        let until = match (self.until, self.period) {
            (Some(time), _) => Until::Time(time),
            (None, period) => Until::For(period.unwrap_or(Period::from_seconds(0))),
        };
        What::GrantAccess(AccessAsked {
            person: self.person.clone(),
            environment: self.environment.clone(),
            workspace: self.workspace.clone(),
            role: self.role.clone(),
            until,
        })
    }
}

/// What access is shown by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum ShownBy {
    /// People and machines that sign
    #[default]
    Principal,
    /// Groups of them
    Group,
}

#[expect(clippy::unused_async, reason = "all commands have one shape")]
pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    if let Some(action) = &args.action {
        let (what, signed) = match action {
            Action::Grant(grant) => (grant.what(), &grant.signed),
            Action::Approve { access, signed } => (What::ApproveAccess(access.clone()), signed),
            Action::Revoke { access, signed } => (What::RevokeAccess(access.clone()), signed),
            Action::Review { access, signed } => (What::ReviewAccess(access.clone()), signed),
        };
        return sign(terminal, context, what, signed);
    }
    let request = AccessRequest {
        who: args.who.clone(),
        is_by_group: args.by == ShownBy::Group,
        environment: args.environment.clone(),
        has_past: args.past,
    };
    terminal
        .report(&access(context, &request)?)
        .or_fail(FailureKind::Unavailable)?;
    Ok(Exit::Done)
}

impl Report for AccessReport {
    fn render(&self, page: &mut Page) {
        let mut rows = Vec::new();
        for access in &self.principals {
            let who = access.principal.as_str();
            let who = match (access.keys.is_empty(), access.revoked.is_empty()) {
                (false, _) => who.to_owned(),
                (true, false) => format!("{who} (all keys revoked)"),
                (true, true) => format!("{who} (no key)"),
            };
            rows.extend(rows_of(&who, &access.may));
        }
        for access in &self.groups {
            let members: Vec<&str> = access.members.iter().map(|name| name.as_str()).collect();
            let who = format!("{} ({})", access.group, render::some(&members, MAX_NAMES));
            rows.extend(rows_of(&who, &access.may));
        }
        rows.extend(self.engines.iter().map(|access| {
            let environments: Vec<&str> = access
                .environments
                .iter()
                .map(|name| name.as_str())
                .collect();
            let who = format!("engine {}", access.engine);
            let dash = render::dash;
            vec![
                who,
                "act".to_owned(),
                environments.join(", "),
                dash(),
                dash(),
            ]
        }));
        let header = ["who", "may", "where", "through", "persons"];
        page.table(&header, rows, "nobody may do anything");
        for incident in &self.incidents {
            render::incident(page, incident);
        }
        for problem in &self.problems {
            page.mark(Tone::Bad, "problem:", problem);
        }
        render::notes(page, &self.not_adopted, &[]);
    }

    fn names(&self) -> Vec<String> {
        let principals = self
            .principals
            .iter()
            .map(|access| access.principal.to_string());
        let groups = self.groups.iter().map(|access| access.group.to_string());
        principals.chain(groups).collect()
    }
}

/// A row for each thing that somebody may do; one for who may do nothing.
fn rows_of(who: &str, may: &[Grant]) -> Vec<Vec<String>> {
    let row = |grant: &Grant| {
        let able = grant.able;
        vec![
            who.to_owned(),
            grant.may.word().to_owned(),
            place(&grant.may),
            grant.through.to_string(),
            grant
                .needed
                .map_or_else(render::dash, |needed| format!("{needed} of {able}")),
        ]
    };
    if may.is_empty() {
        let dash = render::dash;
        return vec![vec![who.to_owned(), dash(), dash(), dash(), dash()]];
    }
    may.iter().map(row).collect()
}

/// Where, or over what, something may be done.
fn place(may: &May) -> String {
    match may {
        May::SignRoot { .. } => "trust/root.yaml".to_owned(),
        May::SignFiles { role, paths, .. } => {
            let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
            format!("{role}: {}", render::some(&paths, MAX_NAMES))
        }
        May::Declassify { tag } => tag.to_string(),
        May::Approve { environment }
        | May::ApproveRollback { environment }
        | May::Override { environment }
        | May::Review { environment } => environment.to_string(),
        May::Own(owned) => {
            let names: Vec<&str> = owned.names.iter().map(String::as_str).collect();
            let all = owned.artifacts.saturating_add(owned.datasets);
            render::some_of(&names, MAX_NAMES, all)
        }
    }
}
