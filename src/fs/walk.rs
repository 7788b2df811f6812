//! Finding all files below a directory, without following or opening anything that is not a folder.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{AtFlags, Dir, DirEntry, FileType};

use crate::fs::beneath::{Stamp, open_directory_in};
use crate::fs::tree::TreeError;
use crate::model::digest::{MAX_FILES, TreePath};

/// The most folders inside each other. Each level holds one handle open.
const MAX_DEPTH: usize = 64;

/// A regular file as the walk saw it.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// Where it is in the tree.
    pub(crate) path: TreePath,
    /// What it looked like.
    pub(crate) stamp: Stamp,
}

/// A folder that is yet to be read. It keeps its parent's handle, not its own, so that at most [`MAX_DEPTH`] are open.
struct Pending {
    parent: Arc<OwnedFd>,
    path: String,
    depth: usize,
}

struct Walk {
    found: Vec<Found>,
    pending: Vec<Pending>,
    problem: Option<TreeError>,
    seen: usize,
}

/// All regular files below a directory, sorted by path.
///
/// Of several problems the one whose path sorts first is returned, so that the answer does not depend on the order in
/// which the file system lists names.
pub(crate) fn walk(root: BorrowedFd<'_>) -> Result<Vec<Found>, TreeError> {
    let mut walk = Walk {
        found: Vec::new(),
        pending: Vec::new(),
        problem: None,
        seen: 0,
    };
    let root = root
        .try_clone_to_owned()
        .map_err(|source| TreeError::read(".", source))?;
    walk.read_folder(Arc::new(root), "", 0)?;
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
            Ok(folder) => walk.read_folder(Arc::new(folder), &path, depth)?,
            Err(source) => walk.note(TreeError::read(&path, source)),
        }
    }
    match walk.problem {
        Some(problem) => Err(problem),
        None => {
            walk.found
                .sort_unstable_by(|left, right| left.path.cmp(&right.path));
            Ok(walk.found)
        }
    }
}

impl Walk {
    fn read_folder(
        &mut self,
        folder: Arc<OwnedFd>,
        path: &str,
        depth: usize,
    ) -> Result<(), TreeError> {
        let entries = match Dir::read_from(&folder) {
            Ok(entries) => entries,
            Err(source) => {
                self.note(TreeError::read(path, source.into()));
                return Ok(());
            }
        };
        for entry in entries {
            match entry {
                Ok(entry) => self.take_entry(&folder, path, depth, &entry)?,
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
        let stat = match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(source) => {
                self.note(TreeError::read(&path, source.into()));
                return Ok(());
            }
        };
        let valid = match path.parse::<TreePath>() {
            Ok(valid) => valid,
            Err(problem) => {
                self.note(TreeError::Path(problem));
                return Ok(());
            }
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => self.found.push(Found {
                path: valid,
                stamp: Stamp::of(&stat),
            }),
            FileType::Directory if depth + 1 >= MAX_DEPTH => self.note(TreeError::TooDeep { path }),
            FileType::Directory => self.pending.push(Pending {
                parent: Arc::clone(folder),
                path,
                depth: depth + 1,
            }),
            other => self.note(TreeError::not_a_file(&path, other)),
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
