//! `promote access`.

use clap::ValueEnum;

use crate::cli::{Exit, render};
use crate::context::Context;
use crate::error::{FailureKind, OrFail as _, Result};
use crate::model::id::EnvironmentName;
use crate::ops::access::{AccessReport, AccessRequest, Grant, May, access};
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
/// Examples:
///   promote access
///   promote access rita
///   promote access --by group --environment prod
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// A principal, or the name that is printed of one; with `--by group`, a group
    #[arg(value_name = "PRINCIPAL")]
    who: Option<String>,

    /// Show principals or groups
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    by: ShownBy,

    /// Only what may be done in this environment
    #[arg(long, value_name = "ENVIRONMENT")]
    environment: Option<EnvironmentName>,
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
    let request = AccessRequest {
        who: args.who.clone(),
        is_by_group: args.by == ShownBy::Group,
        environment: args.environment.clone(),
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
