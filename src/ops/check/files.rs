//! The files that `check` reads: those of the work tree, or of the branch when there is none. What versions say that was read
//! before is not read again (decision 0015).

use std::path::Path;
use std::sync::Arc;

use rayon::iter::{
    IndexedParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _,
};

use crate::context::Context;
use crate::engine::kept_files::KeptFiles;
use crate::engine::world::MAX_FILE_BYTES;
use crate::error::{Failure, FailureKind, Result};
use crate::fs::durable;
use crate::git::snapshot::Entry;
use crate::manifest::layout::{classify, explain_unexpected};
use crate::manifest::parsed::ParsedFile;

/// The most files and the deepest folders that are looked at.
const MAX_FILES: usize = 500_000;
const MAX_DEPTH: usize = 16;

/// The files of a repository by path, read.
pub(super) fn read(context: &Context, kept: &KeptFiles) -> Result<Vec<(String, Arc<ParsedFile>)>> {
    let repository = context.repository()?;
    let read = match repository.work_tree() {
        Some(tree) => read_tree(&tree, kept)?,
        None => read_branch(context, kept)?,
    };
    let new = read.iter().filter(|(.., is_new)| *is_new).count();
    let files: Vec<_> = read
        .into_iter()
        .map(|(path, file, _)| (path, file))
        .collect();
    kept.keep(&files, new);
    Ok(files)
}

/// A file by its path, and whether it is worth keeping.
type Read = (String, Arc<ParsedFile>, bool);

fn read_branch(context: &Context, kept: &KeptFiles) -> Result<Vec<Read>> {
    let repository = context.repository()?;
    let branch = context.settings.branch.as_str();
    let head = repository.fetch(&[branch])?.get(branch).copied().flatten();
    let head = head.ok_or_else(|| {
        Failure::new(
            FailureKind::Invalid,
            format!("`{}` has no branch `{branch}`", repository.name()),
        )
    })?;
    let snapshot = repository.snapshot(head)?;
    let files: Vec<&Entry> = snapshot
        .all()?
        .iter()
        .filter(|entry| entry.kind.is_file() && is_ours(&entry.path))
        .collect();
    let bytes = repository.read_files(&files, MAX_FILE_BYTES)?;
    let read = files.par_iter().zip(bytes);
    let read = read.filter_map(|(entry, bytes)| parse(kept, &entry.path, &bytes));
    Ok(read.collect())
}

/// Reads a work tree, on all processors.
fn read_tree(tree: &Path, kept: &KeptFiles) -> Result<Vec<Read>> {
    let files = list(tree)?;
    let read = |(path, is_said): &(String, bool)| {
        let whole = tree.join(path);
        let bytes = match is_said {
            true => durable::read_bounded(&whole, MAX_FILE_BYTES),
            // It is opened all the same: what cannot be read cannot be committed.
            false => durable::check_bounded(&whole, MAX_FILE_BYTES).map(|()| Vec::new()),
        };
        let bytes = bytes.map_err(|error| cannot_read(&whole, &error))?;
        Ok(parse(kept, path, &bytes))
    };
    let read: Vec<Option<Read>> = files.par_iter().map(read).collect::<Result<_>>()?;
    Ok(read.into_iter().flatten().collect())
}

fn parse(kept: &KeptFiles, path: &str, bytes: &[u8]) -> Option<Read> {
    let (file, is_new) = kept.parse(path, bytes)?;
    Some((path.to_owned(), Arc::new(file), is_new))
}

/// What there is in a folder.
enum Found {
    Folder(String),
    /// A file of ours, and whether its bytes say anything by themselves.
    File(String, bool),
}

/// The files of ours of a work tree, sorted, each with whether its bytes say anything by themselves.
fn list(tree: &Path) -> Result<Vec<(String, bool)>> {
    let mut files = Vec::new();
    let mut level = vec![String::new()];
    for _ in 0..=MAX_DEPTH {
        let found: Vec<Vec<Found>> = level
            .par_iter()
            .map(|folder| look_into(tree, folder))
            .collect::<Result<_>>()?;
        level.clear();
        for found in found.into_iter().flatten() {
            match found {
                Found::Folder(path) => level.push(path),
                Found::File(path, is_said) => files.push((path, is_said)),
            }
        }
        if files.len() > MAX_FILES {
            return Err(Failure::new(
                FailureKind::Invalid,
                format!("there are more than {MAX_FILES} files"),
            ));
        }
    }
    files.sort_unstable();
    Ok(files)
}

fn look_into(tree: &Path, folder: &str) -> Result<Vec<Found>> {
    let directory = tree.join(folder);
    let names = durable::read_dir_kinds(&directory, MAX_FILES)
        .map_err(|error| cannot_read(&directory, &error))?;
    let names = names.into_iter().filter(|(name, _)| name != ".git");
    let found = names.filter_map(|(name, is_folder)| {
        let path = match folder {
            "" => name,
            folder => format!("{folder}/{name}"),
        };
        if is_folder {
            return Some(Found::Folder(path));
        }
        match classify(&path) {
            Some(place) => Some(Found::File(path, !place.is_opaque())),
            None => explain_unexpected(&path).map(|_| Found::File(path, false)),
        }
    });
    Ok(found.collect())
}

fn is_ours(path: &str) -> bool {
    classify(path).is_some() || explain_unexpected(path).is_some()
}

fn cannot_read(path: &Path, error: &std::io::Error) -> Failure {
    Failure::of(FailureKind::Invalid, error).during(format!("`{}` cannot be read", path.display()))
}
