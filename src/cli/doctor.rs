//! `promote doctor`.

use crate::adapter::{Capabilities, Permission};
use crate::cli::Exit;
use crate::context::Context;
use crate::error::{FailureKind, OrFail as _, Result};
use crate::model::id::WorkspaceName;
use crate::ops::doctor::{Checkup, DoctorReport, doctor};
use crate::ui::Terminal;
use crate::ui::report::{Page, Report, Tone};

/// Ask each workspace whether it can be relied on
///
/// Tells for each workspace whether it can be reached with the credentials that its manifest names, which server answers,
/// how far its clock is from this machine's, what the credentials may do as far as that can be told without writing, and
/// what the platform cannot do, with what is done about it. Nothing is changed.
///
/// Ends with 5 when something is wrong with a workspace.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these workspaces; all when left out
    #[arg(value_name = "WORKSPACE")]
    workspaces: Vec<WorkspaceName>,
}

pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    let asked = args.workspaces.iter().cloned().collect();
    let report = doctor(context, &asked).await?;
    terminal.report(&report).or_fail(FailureKind::Unavailable)?;
    let is_well = report.workspaces.iter().all(Checkup::is_well);
    Ok(if is_well {
        Exit::Done
    } else {
        Exit::Ended(FailureKind::Unavailable)
    })
}

impl Report for DoctorReport {
    fn render(&self, page: &mut Page) {
        for checkup in &self.workspaces {
            render(checkup, page);
        }
        if self.workspaces.is_empty() {
            page.line("there is no workspace");
        }
    }

    fn names(&self) -> Vec<String> {
        let ill = self.workspaces.iter().filter(|checkup| !checkup.is_well());
        ill.map(|checkup| checkup.workspace.to_string()).collect()
    }
}

fn render(checkup: &Checkup, page: &mut Page) {
    let place = checkup.location.as_deref().unwrap_or("?");
    let text = format!("{} ({}, {place})", checkup.workspace, checkup.kind);
    if checkup.is_well() {
        page.mark(Tone::Good, "well", text);
    } else {
        page.mark(Tone::Bad, "ill ", text);
    }
    for problem in &checkup.problems {
        page.line(format!("     {problem}"));
    }
    if let Some(probe) = &checkup.probe {
        if let Some(server) = &probe.server {
            page.line(format!("     server: {server}"));
        }
        if let Some(skew) = checkup.skew_seconds {
            page.line(format!("     clock: {skew:+} s"));
        }
        let permissions = probe.permissions.iter();
        let permissions: Vec<String> = permissions
            .map(|(what, permission)| format!("{what} {}", word(*permission)))
            .collect();
        if !permissions.is_empty() {
            page.line(format!("     may: {}", permissions.join(", ")));
        }
    }
    if let Some(capabilities) = &checkup.capabilities {
        page.line(format!("     guarantees: {}", guarantees(capabilities)));
    }
    let limits = checkup.probe.iter().flat_map(|probe| &probe.limits);
    for limit in limits {
        page.line(format!("     note: {limit}"));
    }
}

const fn word(permission: Permission) -> &'static str {
    match permission {
        Permission::Granted => "yes",
        Permission::Refused => "NO",
        Permission::Unknown => "not known",
    }
}

fn guarantees(capabilities: &Capabilities) -> String {
    let all = [
        (capabilities.create_only, "versions are created once"),
        (
            capabilities.compare_and_set,
            "pointers move by compare-and-set",
        ),
        (capabilities.immutable, "versions cannot be changed"),
    ];
    let has = all.iter().filter(|(has, _)| *has).map(|(_, what)| *what);
    let lacks = all.iter().filter(|(has, _)| !*has).map(|(_, what)| *what);
    let has: Vec<&str> = has.collect();
    let lacks: Vec<&str> = lacks.collect();
    match (has.is_empty(), lacks.is_empty()) {
        (_, true) => has.join("; "),
        (true, false) => format!("none that {}", lacks.join(", that ")),
        (false, false) => format!("{} (not that {})", has.join("; "), lacks.join(", that ")),
    }
}
