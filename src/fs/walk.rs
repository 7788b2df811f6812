//! Finding all files below a directory, without following or opening anything that is not a folder.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::{AtFlags, Dir, DirEntry, FileType};

use crate::fs::beneath::open_directory_beneath;
use crate::fs::hashing::on_threads;
use crate::fs::tree::TreeError;
use crate::model::digest::{MAX_FILES, TreePath};

/// The most folders inside each other.
const MAX_DEPTH: usize = 64;
/// Below this many folders, starting threads to read them costs more than they save.
const PARALLEL_FROM_FOLDERS: usize = 16;

/// What a folder holds.
#[derive(Default)]
struct Folder {
    files: Vec<TreePath>,
    folders: Vec<String>,
    problem: Option<TreeError>,
}

/// All regular files below a directory, sorted by path. One level of folders is read after another, so that few are open
/// at any time.
///
/// Of several problems the one whose path sorts first is returned, so that the answer does not depend on the order in
/// which the file system lists names.
pub(crate) fn walk(root: BorrowedFd<'_>, threads: usize) -> Result<Vec<TreePath>, TreeError> {
    let seen = AtomicUsize::new(0);
    let mut all = Folder::default();
    let mut level = vec![String::new()];
    let mut depth = 0;
    while !level.is_empty() {
        depth += 1;
        let order: Vec<usize> = (0..level.len()).collect();
        let threads = match threads {
            threads if order.len() >= PARALLEL_FROM_FOLDERS => threads,
            _ => 1,
        };
        let read = on_threads(threads, root, &order, |_, index| {
            let path = level.get(index).map_or("", String::as_str);
            read_folder(root, path, depth, &seen)
        })?;
        for (_, folder) in read {
            all.files.extend(folder.files);
            all.folders.extend(folder.folders);
            if let Some(problem) = folder.problem {
                all.note(problem);
            }
        }
        level = std::mem::take(&mut all.folders);
    }
    match all.problem {
        Some(problem) => Err(problem),
        None => {
            all.files.sort_unstable();
            Ok(all.files)
        }
    }
}

/// Reads the folder at `path`, whose folders are `depth` levels below the root. Gives up at once only when there are too
/// many entries; every other problem is kept beside what there is.
fn read_folder(
    root: BorrowedFd<'_>,
    path: &str,
    depth: usize,
    seen: &AtomicUsize,
) -> Result<Folder, TreeError> {
    let mut found = Folder::default();
    let opened = open_directory_beneath(root, path)
        .and_then(|folder| Ok((Dir::read_from(&folder)?, folder)));
    let (entries, folder) = match opened {
        Ok(opened) => opened,
        Err(source) => {
            found.note(TreeError::read(shown(path), source));
            return Ok(found);
        }
    };
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(source) => {
                found.note(TreeError::read(shown(path), source.into()));
                continue;
            }
        };
        if matches!(entry.file_name().to_bytes(), b"." | b"..") {
            continue;
        }
        if seen.fetch_add(1, Ordering::Relaxed) >= MAX_FILES {
            return Err(TreeError::TooMany);
        }
        found.take(&folder, path, depth, &entry);
    }
    Ok(found)
}

/// The path of a folder as errors show it.
const fn shown(path: &str) -> &str {
    if path.is_empty() { "." } else { path }
}

impl Folder {
    fn take(&mut self, folder: &OwnedFd, path: &str, depth: usize, entry: &DirEntry) {
        let separator = if path.is_empty() { "" } else { "/" };
        let name = entry.file_name();
        let Ok(text) = name.to_str() else {
            let path = format!("{path}{separator}{}", name.to_string_lossy());
            return self.note(TreeError::NotUtf8 { path });
        };
        let path = format!("{path}{separator}{text}");
        let valid = match path.parse::<TreePath>() {
            Ok(valid) => valid,
            Err(problem) => return self.note(TreeError::Path(problem)),
        };
        match kind_of(folder, entry) {
            Ok(FileType::RegularFile) => self.files.push(valid),
            Ok(FileType::Directory) if depth >= MAX_DEPTH => {
                self.note(TreeError::TooDeep { path });
            }
            Ok(FileType::Directory) => self.folders.push(path),
            Ok(other) => self.note(TreeError::not_a_file(&path, other)),
            Err(source) => self.note(TreeError::read(&path, source)),
        }
    }

    /// Keeps a problem, if it is the first by path.
    fn note(&mut self, problem: TreeError) {
        let is_first = self
            .problem
            .as_ref()
            .is_none_or(|first| problem.path() < first.path());
        if is_first {
            self.problem = Some(problem);
        }
    }
}

/// What an entry is. Most file systems say so in the listing, which saves a call for each file.
pub(crate) fn kind_of(folder: &OwnedFd, entry: &DirEntry) -> io::Result<FileType> {
    match entry.file_type() {
        FileType::Unknown => {
            let flags = AtFlags::SYMLINK_NOFOLLOW;
            let stat = rustix::fs::statat(folder, entry.file_name(), flags)?;
            Ok(FileType::from_raw_mode(stat.st_mode))
        }
        known => Ok(known),
    }
}
