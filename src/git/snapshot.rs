//! The files at one commit, read from the object database: no work tree, no filters, no links followed.

use std::fmt;
use std::sync::{Arc, OnceLock};

use git2::{ErrorCode, ObjectType, Oid};
use rayon::iter::ParallelIterator as _;
use rayon::slice::ParallelSlice as _;

use crate::git::error::GitError;
use crate::git::path::{MAX_DEPTH, parse_folder, parse_parts};
use crate::git::repository::Repository;
use crate::git::tree::{checked_entries, entry_kind, find_tree, join};
use crate::redact::printable;

/// The most entries that one listing visits, folders included.
pub const MAX_ENTRIES: usize = 500_000;
/// How many files a thread reads in one go: opening a handle for them costs as much as reading ten.
const FILES_AT_ONCE: usize = 512;

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A regular file that may be run.
    Executable,
    /// A symbolic link. It is never followed.
    Symlink,
    /// A commit of another repository. It is never opened.
    Submodule,
    /// A folder.
    Folder,
}

impl EntryKind {
    /// Whether it has bytes of its own.
    #[must_use]
    pub const fn is_file(self) -> bool {
        matches!(self, Self::File | Self::Executable)
    }

    /// Reads the mode of a tree's entry (Git's `fsck.c`: these are all there are; old trees also have 0100664).
    pub(super) const fn of_mode(mode: i32) -> Option<Self> {
        match mode {
            0o100_644 | 0o100_664 => Some(Self::File),
            0o100_755 => Some(Self::Executable),
            0o120_000 => Some(Self::Symlink),
            0o160_000 => Some(Self::Submodule),
            0o040_000 => Some(Self::Folder),
            _ => None,
        }
    }
}

impl fmt::Display for EntryKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::File | Self::Executable => "file",
            Self::Symlink => "symbolic link",
            Self::Submodule => "submodule",
            Self::Folder => "folder",
        })
    }
}

/// One path of a listing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The path from the root.
    pub path: String,
    /// What is there; never a folder.
    pub kind: EntryKind,
    /// Its bytes' name: equal for equal bytes, so that what was parsed from them can be kept by it.
    pub oid: Oid,
}

/// The files at one commit.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(super) repository: Repository,
    pub(super) commit: Oid,
    pub(super) tree: Oid,
    /// What [`Snapshot::list`] says of the root: a commit never changes.
    pub(super) listing: Arc<OnceLock<Vec<Entry>>>,
}

impl Repository {
    /// The files at a commit that is here.
    ///
    /// # Errors
    ///
    /// When it is not here, or is not a commit.
    pub fn snapshot(&self, commit: Oid) -> Result<Snapshot, GitError> {
        let tree = self
            .objects()
            .find_commit(commit)
            .map_err(GitError::objects(self.name(), "finding a commit"))?
            .tree_id();
        Ok(Snapshot {
            repository: self.clone(),
            commit,
            tree,
            listing: Arc::default(),
        })
    }

    /// The bytes of many files that were listed, each with at most `limit`, in the order of `files`. Read on all processors.
    ///
    /// # Errors
    ///
    /// As [`Repository::read_blob`], for a file that fails.
    pub fn read_files(&self, files: &[&Entry], limit: usize) -> Result<Vec<Vec<u8>>, GitError> {
        let path = self.git_directory();
        let read = |chunk: &[&Entry]| {
            // A handle of its own: one handle does one thing at a time.
            let objects =
                git2::Repository::open(path).map_err(|error| GitError::open(path, &error))?;
            let one = |file: &&Entry| read_blob(&objects, self.name(), &file.path, file.oid, limit);
            chunk.iter().map(one).collect::<Result<Vec<_>, _>>()
        };
        let chunks: Vec<_> = files
            .par_chunks(FILES_AT_ONCE)
            .map(read)
            .collect::<Result<_, _>>()?;
        Ok(chunks.into_iter().flatten().collect())
    }

    /// The bytes of a file by their name, at most `limit` of them.
    ///
    /// # Errors
    ///
    /// When they are not here, are not a file's, or are more.
    pub fn read_blob(&self, oid: Oid, limit: usize) -> Result<Vec<u8>, GitError> {
        read_blob(&self.objects(), self.name(), &oid.to_string(), oid, limit)
    }
}

/// The name that Git has for the bytes of a file.
///
/// # Errors
///
/// When there are more than Git can name.
pub fn name_of_bytes(bytes: &[u8]) -> Result<Oid, GitError> {
    Oid::hash_object(ObjectType::Blob, bytes)
        .map_err(GitError::objects("a file", "naming its bytes"))
}

impl Snapshot {
    /// The repository that it is of.
    #[must_use]
    pub const fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The commit.
    #[must_use]
    pub const fn commit(&self) -> Oid {
        self.commit
    }

    /// The name of all the files together: equal for equal files.
    #[must_use]
    pub const fn tree(&self) -> Oid {
        self.tree
    }

    /// The file at a path, `None` when nothing is there.
    ///
    /// # Errors
    ///
    /// When it has more than `limit` bytes, is a folder, a link or a submodule, or cannot be read.
    pub fn read(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, GitError> {
        let objects = self.repository.objects();
        let Some((kind, oid)) = self.find(&objects, &parse_parts(path)?)? else {
            return Ok(None);
        };
        if !kind.is_file() {
            return Err(GitError::NotAFile {
                path: path.to_owned(),
                kind,
            });
        }
        read_blob(&objects, self.repository.name(), path, oid, limit).map(Some)
    }

    /// What is at a path, and the name of its bytes; `None` when nothing is there. The root is not a path.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn entry(&self, path: &str) -> Result<Option<(EntryKind, Oid)>, GitError> {
        self.find(&self.repository.objects(), &parse_parts(path)?)
    }

    /// The name of the bytes of what is at a path; `None` when nothing is there.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn oid(&self, path: &str) -> Result<Option<Oid>, GitError> {
        Ok(self.entry(path)?.map(|(_, oid)| oid))
    }

    /// All files, links and submodules below a folder, sorted by path; the empty text is the root. A folder that is not there
    /// has none.
    ///
    /// # Errors
    ///
    /// When there are more than [`MAX_ENTRIES`], when folders nest deeper than [`MAX_DEPTH`], when a path is not
    /// UTF-8, or when a tree is one that Git would not have written.
    pub fn list(&self, folder: &str) -> Result<Vec<Entry>, GitError> {
        let parts = parse_folder(folder)?;
        match parts.is_empty() {
            true => self.all().map(<[Entry]>::to_vec),
            false => self.list_afresh(&parts),
        }
    }

    /// All files, links and submodules, sorted by path. Once asked for, they are kept, and single paths are found among them.
    ///
    /// # Errors
    ///
    /// As [`Snapshot::list`].
    pub fn all(&self) -> Result<&[Entry], GitError> {
        if let Some(known) = self.listing.get() {
            return Ok(known);
        }
        let listing = self.list_afresh(&[])?;
        Ok(self.listing.get_or_init(|| listing))
    }

    fn list_afresh(&self, parts: &[&str]) -> Result<Vec<Entry>, GitError> {
        let objects = self.repository.objects();
        let tree = match parts.is_empty() {
            true => self.tree,
            false => match self.find(&objects, parts)? {
                Some((EntryKind::Folder, oid)) => oid,
                _ => return Ok(Vec::new()),
            },
        };
        let mut listing = Listing {
            objects: &objects,
            repository: self.repository.name(),
            visited: 0,
            entries: Vec::new(),
        };
        listing.walk(tree, &parts.join("/"), parts.len())?;
        let mut entries = listing.entries;
        entries.sort();
        Ok(entries)
    }

    fn find(
        &self,
        objects: &git2::Repository,
        parts: &[&str],
    ) -> Result<Option<(EntryKind, Oid)>, GitError> {
        if let Some(known) = self.listing.get() {
            let path = parts.join("/");
            let index = known.partition_point(|entry| entry.path < path);
            let entry = known.get(index).filter(|entry| entry.path == path);
            if let Some(entry) = entry {
                return Ok(Some((entry.kind, entry.oid)));
            }
            let below = format!("{path}/");
            let index = known.partition_point(|entry| entry.path < below);
            if !known
                .get(index)
                .is_some_and(|entry| entry.path.starts_with(&below))
            {
                return Ok(None);
            }
        }
        let name = self.repository.name();
        let mut found = (EntryKind::Folder, self.tree);
        for part in parts {
            if found.0 != EntryKind::Folder {
                return Ok(None);
            }
            let tree = find_tree(objects, name, found.1)?;
            let Some(entry) = tree.get_name(part) else {
                return Ok(None);
            };
            found = (entry_kind(part, &entry)?, entry.id());
        }
        Ok(Some(found))
    }
}

/// A listing under way.
struct Listing<'a> {
    objects: &'a git2::Repository,
    repository: &'a str,
    visited: usize,
    entries: Vec<Entry>,
}

impl Listing<'_> {
    fn walk(&mut self, tree: Oid, folder: &str, depth: usize) -> Result<(), GitError> {
        if depth >= MAX_DEPTH {
            return Err(self.too_many(folder, "nested folders", MAX_DEPTH));
        }
        let tree = find_tree(self.objects, self.repository, tree)?;
        for child in checked_entries(&tree, folder)? {
            self.visited += 1;
            if self.visited > MAX_ENTRIES {
                return Err(self.too_many(folder, "entries", MAX_ENTRIES));
            }
            let path = join(folder, &child.name);
            match child.kind {
                EntryKind::Folder => self.walk(child.oid, &path, depth + 1)?,
                kind => self.entries.push(Entry {
                    path,
                    kind,
                    oid: child.oid,
                }),
            }
        }
        Ok(())
    }

    fn too_many(&self, folder: &str, what: &'static str, limit: usize) -> GitError {
        let name = match folder {
            "" => self.repository,
            folder => folder,
        };
        GitError::TooMany {
            name: printable(name),
            what,
            limit,
        }
    }
}

fn read_blob(
    objects: &git2::Repository,
    repository: &str,
    path: &str,
    oid: Oid,
    limit: usize,
) -> Result<Vec<u8>, GitError> {
    let failed = || GitError::objects(repository, "reading a file");
    let odb = objects.odb().map_err(failed())?;
    // Before the bytes are read: a delta of a few bytes can unpack to gigabytes.
    let (size, kind) = odb.read_header(oid).map_err(failed())?;
    if kind != ObjectType::Blob {
        let error = git2::Error::new(
            ErrorCode::Invalid,
            git2::ErrorClass::Object,
            format!("{oid} is not a file's bytes"),
        );
        return Err(failed()(error));
    }
    if size > limit {
        return Err(GitError::TooLarge {
            path: path.to_owned(),
            size,
            limit,
        });
    }
    Ok(odb.read(oid).map_err(failed())?.data().to_owned())
}
