//! `promote topology`: what the topology stands for in Azure, as text, and held against what there is.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::context::Context;
use crate::engine::trust::TrustProblem;
use crate::error::{Failure, FailureKind, Result};
use crate::fs::durable;
use crate::topology::azure::diff::{Comparison, compare};
use crate::topology::azure::json::{Listing, MAX_LIST_BYTES};
use crate::topology::azure::{Estate, ExportedFile, Language};

/// The resources, and how they are written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportReport {
    /// The language.
    pub language: Language,
    /// The resources.
    #[serde(flatten)]
    pub estate: Estate,
    /// The files.
    pub files: Vec<ExportedFile>,
    /// What Azure will refuse.
    pub problems: Vec<String>,
    /// Why governed files of the head are not in force, if they are not: then what is written is what was adopted before.
    pub not_adopted: Vec<String>,
}

/// Writes the Azure resources of the topology in force.
///
/// # Errors
///
/// When something cannot be read or believed.
pub fn export(context: &Context, language: Language) -> Result<ExportReport> {
    let (estate, not_adopted) = estate_in_force(context)?;
    Ok(ExportReport {
        language,
        files: estate.write(language),
        problems: estate.problems(),
        estate,
        not_adopted,
    })
}

/// Puts the files of an export into a folder, which is made when it is not there.
///
/// # Errors
///
/// When one cannot be written.
pub fn write_files(folder: &Path, files: &[ExportedFile]) -> Result<Vec<PathBuf>> {
    let fail = |path: &Path, error: &std::io::Error| {
        let what = format!("`{}` cannot be written", path.display());
        Failure::of(FailureKind::Unavailable, error).during(what)
    };
    durable::create_dir_all(folder).map_err(|error| fail(folder, &error))?;
    let mut written = Vec::new();
    for file in files {
        let path = folder.join(file.name);
        durable::write_atomic(&path, file.text.as_bytes()).map_err(|error| fail(&path, &error))?;
        written.push(path);
    }
    Ok(written)
}

/// What is not in Azure as the topology says.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DiffReport {
    /// What was compared.
    #[serde(flatten)]
    pub comparison: Comparison,
    /// Why governed files of the head are not in force, if they are not: then what was compared is what was adopted before.
    pub not_adopted: Vec<String>,
}

/// Holds a saved list of resources against the topology in force.
///
/// # Errors
///
/// When the list is wrong, or something cannot be read or believed.
pub fn diff(context: &Context, resources: &Path) -> Result<DiffReport> {
    let listing = read_listing(resources)?;
    let (estate, not_adopted) = estate_in_force(context)?;
    let comparison = compare(&estate, &listing).map_err(Failure::diagnostics)?;
    Ok(DiffReport {
        comparison,
        not_adopted,
    })
}

/// Reads a list that `az` printed.
///
/// # Errors
///
/// When it cannot be read, or is no list.
pub fn read_listing(path: &Path) -> Result<Listing> {
    let bytes = durable::read_bounded(path, MAX_LIST_BYTES).map_err(|error| {
        let what = format!("`{}` cannot be read", path.display());
        Failure::of(FailureKind::Invalid, &error).during(what)
    })?;
    Listing::parse(&path.display().to_string(), bytes).map_err(Failure::diagnostics)
}

fn estate_in_force(context: &Context) -> Result<(Estate, Vec<String>)> {
    let world = context.observer()?.observe()?;
    let not_adopted = world.not_adopted.iter().map(TrustProblem::to_string);
    Ok((Estate::of(&world.manifests), not_adopted.collect()))
}
