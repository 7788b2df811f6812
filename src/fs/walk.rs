//! Finding all files below a directory, without following or opening anything that is not a folder.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{AtFlags, Dir, DirEntry, FileType};

use crate::fs::beneath::open_directory_in;
use crate::fs::tree::TreeError;
use crate::model::digest::{MAX_FILES, TreePath};

/// The most folders inside each other. Each level holds one handle open.
const MAX_DEPTH: usize = 64;

/// A folder that is yet to be read. It keeps its parent's handle, not its own, so that at most [`MAX_DEPTH`] are open.
struct Pending {
    parent: Arc<OwnedFd>,
    path: String,
    depth: usize,
}

struct Walk {
    found: Vec<TreePath>,
    pending: Vec<Pending>,
    problem: Option<TreeError>,
    seen: usize,
}

/// All regular files below a directory, sorted by path.
///
/// Of several problems the one whose path sorts first is returned, so that the answer does not depend on the order in
/// which the file system lists names.
pub(crate) fn walk(root: BorrowedFd<'_>) -> Result<Vec<TreePath>, TreeError> {
    let mut walk = Walk {
        found: Vec::new(),
        pending: Vec::new(),
        problem: None,
        seen: 0,
    };
    let root = root
        .try_clone_to_owned()
        .map_err(|source| TreeError::read(".", source))?;
    walk.read_folder(&Arc::new(root), "", 0)?;
    while let Some(Pending {
        parent,
        path,
        depth,
    }) = walk.pending.pop()
    {
        let name = path
            .rsplit_once('/')
            .map_or(path.as_str(), |(_, name)| name);
        match open_directory_in(parent.as_fd(), name) {
            Ok(folder) => walk.read_folder(&Arc::new(folder), &path, depth)?,
            Err(source) => walk.note(TreeError::read(&path, source)),
        }
    }
    match walk.problem {
        Some(problem) => Err(problem),
        None => {
            walk.found.sort_unstable();
            Ok(walk.found)
        }
    }
}

impl Walk {
    fn read_folder(
        &mut self,
        folder: &Arc<OwnedFd>,
        path: &str,
        depth: usize,
    ) -> Result<(), TreeError> {
        let entries = match Dir::read_from(folder) {
            Ok(entries) => entries,
            Err(source) => {
                self.note(TreeError::read(path, source.into()));
                return Ok(());
            }
        };
        for entry in entries {
            match entry {
                Ok(entry) => self.take_entry(folder, path, depth, &entry)?,
                Err(source) => self.note(TreeError::read(path, source.into())),
            }
        }
        Ok(())
    }

    fn take_entry(
        &mut self,
        folder: &Arc<OwnedFd>,
        path: &str,
        depth: usize,
        entry: &DirEntry,
    ) -> Result<(), TreeError> {
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            return Ok(());
        }
        self.seen += 1;
        if self.seen > MAX_FILES {
            return Err(TreeError::TooMany);
        }
        let separator = if path.is_empty() { "" } else { "/" };
        let Ok(text) = name.to_str() else {
            let path = format!("{path}{separator}{}", name.to_string_lossy());
            self.note(TreeError::NotUtf8 { path });
            return Ok(());
        };
        let path = format!("{path}{separator}{text}");
        let valid = match path.parse::<TreePath>() {
            Ok(valid) => valid,
            Err(problem) => {
                self.note(TreeError::Path(problem));
                return Ok(());
            }
        };
        match kind_of(folder, entry) {
            Ok(FileType::RegularFile) => self.found.push(valid),
            Ok(FileType::Directory) if depth + 1 >= MAX_DEPTH => {
                self.note(TreeError::TooDeep { path });
            }
            Ok(FileType::Directory) => self.pending.push(Pending {
                parent: Arc::clone(folder),
                path,
                depth: depth + 1,
            }),
            Ok(other) => self.note(TreeError::not_a_file(&path, other)),
            Err(source) => self.note(TreeError::read(&path, source)),
        }
        Ok(())
    }

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
