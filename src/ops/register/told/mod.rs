//! What files of other tools tell becomes the lineage of a version: they are read, held against the bytes, and their
//! addresses are mapped to datasets and versions. What nobody knows stays unknown.

mod bytes;
mod check;
mod resolve;

pub use check::{OtherFiles, check_files};

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::diagnostic::{Diagnostic, Loc};
use crate::engine::world::World;
use crate::error::{Failure, FailureKind, Result};
use crate::fs::durable;
use crate::manifest::address::Address;
use crate::manifest::foreign::told::Told;
use crate::manifest::foreign::{self, Format, MAX_BYTES, too_large};
use crate::model::digest::{FileList, Sha256};
use crate::model::id::DatasetName;
use crate::model::lineage::{CodeCommit, Lineage};
use crate::model::snapshot::ReadSnapshot;
use crate::ops::register::RegisterRequest;
use crate::ops::snapshot::find_snapshot;

/// The most unknown addresses that are said one by one.
const MAX_SAID: usize = 20;

/// The files of other tools that tell the lineage, and what the producer says about their addresses.
#[derive(Debug, Clone, Default)]
pub struct LineageFiles {
    /// The files, each with its format; `None` to recognise it.
    pub files: Vec<(PathBuf, Option<&'static Format>)>,
    /// What the producer says that addresses are.
    pub addresses: BTreeMap<Address, DatasetName>,
    /// What the producer says to be no data. It holds for all below it too.
    pub not_data: BTreeSet<Address>,
}

/// An address that no dataset claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnknownAddress {
    /// The address.
    pub address: String,
    /// The file that names it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
}

/// One file, read.
#[derive(Debug)]
pub(super) struct ToldFile {
    format: &'static Format,
    path: PathBuf,
    /// The artifact's path from the file's folder, when it is below it.
    subject: Option<String>,
    sha256: Sha256,
    told: Told,
}

/// The lineage as arguments and files tell it together.
#[derive(Debug)]
pub(super) struct Completed {
    pub(super) lineage: Option<Lineage>,
    pub(super) unknown: Vec<UnknownAddress>,
    pub(super) notes: Vec<String>,
}

/// Reads the files of a request.
///
/// # Errors
///
/// When one cannot be read, or is not what it should be.
pub(super) fn read(request: &RegisterRequest) -> Result<Vec<ToldFile>> {
    let files = request.told_by.files.iter();
    files
        .map(|(path, format)| read_one(path, *format, &request.from))
        .collect()
}

fn read_one(path: &Path, format: Option<&'static Format>, from: &Path) -> Result<ToldFile> {
    let bytes = bytes_of(path)?;
    let subject = subject(path, from);
    let name = path.to_string_lossy();
    let (format, told) = foreign::read(&name, &bytes, format, subject.as_deref())
        .map_err(|problems| refused(path, problems))?;
    Ok(ToldFile {
        format,
        path: path.to_owned(),
        subject,
        sha256: Sha256::of(&bytes),
        told,
    })
}

/// The bytes of a file of another tool.
pub(super) fn bytes_of(path: &Path) -> Result<Vec<u8>> {
    durable::read_bounded(path, MAX_BYTES).map_err(|error| {
        if error.kind() == std::io::ErrorKind::FileTooLarge {
            return refused(path, vec![too_large(&path.display().to_string())]);
        }
        let failure = Failure::of(FailureKind::Invalid, &error);
        failure.during(format!("`{}` cannot be read", path.display()))
    })
}

/// The artifact's path from the folder of a file.
fn subject(file: &Path, from: &Path) -> Option<String> {
    let folder = durable::canonicalize(super::parent_of(file)).ok()?;
    let from = durable::canonicalize(from).ok()?;
    let path = from.strip_prefix(folder).ok()?.to_str()?;
    Some(path.to_owned()).filter(|path| !path.is_empty())
}

/// A file that cannot be taken for what it says.
pub(super) fn refused(path: &Path, problems: Vec<Diagnostic>) -> Failure {
    let message = format!("`{}` cannot be taken as lineage", path.display());
    Failure {
        diagnostics: problems,
        ..Failure::new(FailureKind::Invalid, message)
    }
}

/// A place, for a sentence.
fn place(loc: &Loc) -> String {
    let (line, _) = loc.line_and_column();
    format!("{}, line {line}", loc.file.path)
}

/// Holds the files against the bytes and puts what they tell to what the arguments say.
///
/// # Errors
///
/// When a file is about other bytes, two sources contradict each other, or an address is claimed twice.
pub(super) fn complete(
    world: &World,
    request: &RegisterRequest,
    told: &[ToldFile],
    files: &FileList,
) -> Result<Completed> {
    let mut completed = Completed {
        lineage: request.lineage.clone(),
        unknown: Vec::new(),
        notes: Vec::new(),
    };
    if !told.is_empty() {
        for file in told {
            bytes::check(file, &request.from, files)?;
            let notes = file.told.notes.iter();
            let notes = notes.map(|note| format!("{} ({})", note.value, place(&note.loc)));
            completed.notes.extend(notes);
        }
        let mut lineage = request.lineage.clone().unwrap_or_default();
        add_code(told, &mut lineage, &mut completed.notes)?;
        add_run(told, &mut lineage)?;
        resolve::inputs(world, request, told, &mut lineage, &mut completed)?;
        completed.lineage = Some(lineage).filter(|lineage| *lineage != Lineage::default());
    }
    for id in &request.snapshots {
        let (digest, _) = find_snapshot(world, id)?;
        let lineage = completed.lineage.get_or_insert_default();
        lineage.snapshots.push(ReadSnapshot {
            snapshot: id.clone(),
            digest,
        });
    }
    let workspace = &request.workspace;
    let lineage = completed.lineage.as_ref();
    if lineage.is_none_or(Lineage::names_no_data) && completed.unknown.is_empty() {
        completed.notes.push(format!(
            "what it was made from is not known, so it counts as everything that `{workspace}` may hold"
        ));
    }
    completed
        .notes
        .extend(said_of_unknown(request, &completed.unknown));
    Ok(completed)
}

fn said_of_unknown(request: &RegisterRequest, unknown: &[UnknownAddress]) -> Vec<String> {
    let mut said: Vec<String> = unknown
        .iter()
        .take(MAX_SAID)
        .map(
            |UnknownAddress {
                 address,
                 file,
                 line,
             }| { format!("`{address}` is of no dataset ({file}, line {line})") },
        )
        .collect();
    if unknown.len() > MAX_SAID {
        said.push(format!(
            "and {} more are of no dataset",
            unknown.len() - MAX_SAID
        ));
    }
    if !unknown.is_empty() {
        said.push(format!(
            "what is of no dataset counts as everything that `{}` may hold; put the address into a dataset's `addresses`, or say what it is with `--input ADDRESS=DATASET` or `--not-data ADDRESS`",
            request.workspace
        ));
    }
    said
}

/// The first commit that a file names; it may not be another than the one that was given.
fn add_code(told: &[ToldFile], lineage: &mut Lineage, notes: &mut Vec<String>) -> Result<()> {
    for file in told {
        let Some(code) = &file.told.code else {
            continue;
        };
        let commit = &code.value.commit;
        match (&lineage.code, &code.value.repository) {
            (Some(known), _) if known.commit != *commit => {
                let message = format!(
                    "the code is commit `{commit}` here, and `{}` elsewhere",
                    known.commit
                );
                let problem = Diagnostic::error("contradiction", code.loc.clone(), message);
                let problem = problem.hint("one of the two is about another run");
                return Err(refused(&file.path, vec![problem]));
            }
            (Some(_), _) => {}
            (None, Some(repository)) => {
                lineage.code = Some(CodeCommit {
                    repository: repository.clone(),
                    commit: commit.clone(),
                });
            }
            (None, None) => notes.push(format!(
                "no repository is named with the commit ({}); add `--code REPOSITORY@{commit}`",
                place(&code.loc)
            )),
        }
    }
    Ok(())
}

/// The first run that a file names. Names of one platform must agree.
fn add_run(told: &[ToldFile], lineage: &mut Lineage) -> Result<()> {
    let mut known: BTreeMap<&str, &str> = BTreeMap::new();
    for file in told {
        let Some(run) = &file.told.run else {
            continue;
        };
        let id = run.value.id.as_str();
        if let Some(other) = known.insert(run.value.platform, id)
            && other != id
        {
            let message = format!("the run is `{id}` here, and `{other}` elsewhere");
            let problem = Diagnostic::error("contradiction", run.loc.clone(), message);
            let problem = problem.hint("the files are about different runs");
            return Err(refused(&file.path, vec![problem]));
        }
        lineage.run.get_or_insert_with(|| id.to_owned());
    }
    Ok(())
}
