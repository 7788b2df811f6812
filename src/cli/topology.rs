//! `promote topology`.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use crate::cli::{Exit, render};
use crate::context::Context;
use crate::error::{FailureKind, OrFail as _, Result};
use crate::ops::topology::{DiffReport, ExportReport, diff, export, write_files};
use crate::topology::azure::Language;
use crate::topology::azure::diff::Is;
use crate::ui::report::{Page, Report, Tone};
use crate::ui::{OutputFormat, Terminal};

/// Write what the topology stands for in Azure, and hold it against what there is
///
/// The topology says which workspaces there are, in which regions and resource groups, with which tags, and who answers for
/// them, approves for them and acts for them. Nothing here talks to Azure: `export` writes text, and `diff` reads a list that
/// you saved.
///
/// Examples:
///   promote topology export --format bicep --out infra
///   promote topology export --format terraform > main.tf
///   az resource list -o json > resources.json && promote topology diff --resources resources.json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Write the resource groups, workspaces, role assignments and tags that the topology describes
    ///
    /// Every workspace is taken for an Azure Machine Learning workspace of that name, whatever adapter it has. Where people
    /// make things, the groups that answer for them are `AzureML Data Scientist`, elsewhere `Reader`; groups that approve
    /// are `Reader`, engines `AzureML Data Scientist` in the environments that they act for. The head of the text says what
    /// it takes for granted, what has checked it and what has not, and what Azure will refuse, such as a name that is too short.
    ///
    /// What is written is what is in force; the same manifests give the same bytes. Object ids of groups and engines are
    /// parameters, as the topology does not know them; the script looks them up by name.
    Export {
        /// The language
        #[arg(long, value_enum, value_name = "FORMAT")]
        format: ExportFormat,

        /// Write files into this folder; printed one after the other when left out
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Hold a saved list of resources against the topology
    ///
    /// Takes what `az resource list -o json` prints, and tells which workspaces are missing, which nobody declared, and which
    /// are in another resource group or region or have other tags. Tags that the topology says nothing of are left alone.
    /// When the list also holds resource groups (`az group list -o json`, joined to it), those are compared as well.
    ///
    /// Ends with 1 when there is a difference.
    Diff {
        /// The list
        #[arg(long, value_name = "FILE")]
        resources: PathBuf,
    },
}

/// A language to write resources in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ExportFormat {
    /// `main.bicep` and `workspace.bicep`
    Bicep,
    /// `main.tf`
    Terraform,
    /// `topology.sh`, which calls `az`
    AzCli,
}

impl ExportFormat {
    const fn language(self) -> Language {
        match self {
            Self::Bicep => Language::Bicep,
            Self::Terraform => Language::Terraform,
            Self::AzCli => Language::AzCli,
        }
    }
}

#[expect(clippy::unused_async, reason = "all commands have one shape")]
pub(crate) async fn run(terminal: &Terminal, context: &Context, args: &Args) -> Result<Exit> {
    match &args.action {
        Action::Export { format, out } => {
            let report = export(context, format.language())?;
            run_export(terminal, &report, out.as_ref())?;
            Ok(Exit::Done)
        }
        Action::Diff { resources } => {
            let report = diff(context, resources)?;
            terminal.report(&report).or_fail(FailureKind::Unavailable)?;
            Ok(if report.comparison.differences.is_empty() {
                Exit::Done
            } else {
                Exit::Ended(FailureKind::Invalid)
            })
        }
    }
}

fn run_export(terminal: &Terminal, report: &ExportReport, out: Option<&PathBuf>) -> Result<()> {
    if let Some(folder) = out {
        write_files(folder, &report.files)?;
    }
    let shown = match (terminal.format(), out) {
        // The text itself is the data: it is not made safe for terminals, but names no character that moves a cursor.
        (OutputFormat::Table, None) => {
            let files = report.files.iter().map(|file| match report.files.len() {
                1 => file.text.clone(),
                _ => format!("// ---- {} ----\n{}", file.name, file.text),
            });
            terminal.data(&files.collect::<String>())
        }
        (OutputFormat::Table | OutputFormat::Json | OutputFormat::Yaml | OutputFormat::Name, _) => {
            terminal.report(report)
        }
    };
    shown.or_fail(FailureKind::Unavailable)?;
    if terminal.format() == OutputFormat::Table && out.is_none() {
        let mut page = Page::default();
        notes(&mut page, report);
        let text = page.into_text();
        if !text.is_empty() {
            terminal
                .note(text.trim_end())
                .or_fail(FailureKind::Unavailable)?;
        }
    }
    Ok(())
}

fn notes(page: &mut Page, report: &ExportReport) {
    for problem in &report.problems {
        page.mark(Tone::Bad, "problem:", problem);
    }
    render::notes(page, &report.not_adopted, &[]);
}

impl Report for ExportReport {
    fn render(&self, page: &mut Page) {
        for file in &self.files {
            page.mark(Tone::Good, "wrote", file.name);
        }
        let (groups, workspaces) = (
            self.estate.resource_groups.len(),
            self.estate.workspaces.len(),
        );
        page.line(format!("resource groups {groups}, workspaces {workspaces}"));
        notes(page, self);
    }

    fn names(&self) -> Vec<String> {
        self.estate
            .workspaces
            .keys()
            .map(ToString::to_string)
            .collect()
    }
}

impl Report for DiffReport {
    fn render(&self, page: &mut Page) {
        let comparison = &self.comparison;
        let rows = comparison.differences.iter().map(|difference| {
            let (expected, found) = sides(&difference.is);
            vec![
                difference.resource.as_str().to_owned(),
                difference.name.clone(),
                difference.is.word().to_owned(),
                expected,
                found,
            ]
        });
        let header = ["resource", "name", "is", "topology", "azure"];
        page.table(&header, rows.collect(), "all is as the topology says");
        page.line(format!(
            "compared {} workspaces, {} resource groups",
            comparison.workspaces, comparison.resource_groups
        ));
        if comparison.resource_groups == 0 {
            page.mark(
                Tone::Waiting,
                "note:",
                "the list has no resource groups, so none were compared",
            );
        }
        render::notes(page, &self.not_adopted, &[]);
    }

    fn names(&self) -> Vec<String> {
        self.comparison
            .differences
            .iter()
            .map(|difference| difference.name.clone())
            .collect()
    }
}

/// What the topology says, and what there is.
fn sides(is: &Is) -> (String, String) {
    match is {
        Is::Missing => ("is there".to_owned(), render::dash()),
        Is::Unexpected { resource_group } => (render::dash(), resource_group.clone()),
        Is::WrongGroup { expected, found } => (expected.clone(), found.clone()),
        Is::WrongRegion { expected, found } => (expected.to_string(), found.clone()),
        Is::WrongTag {
            tag,
            expected,
            found,
        } => {
            let found = found
                .as_ref()
                .map_or_else(render::dash, |found| format!("{tag}={found}"));
            (format!("{tag}={expected}"), found)
        }
    }
}
