//! The files at one commit, read from the object database: no work tree, no filters, no links followed.

use std::collections::BTreeSet;
use std::fmt;

use git2::{ErrorCode, ObjectType, Oid};

use crate::git::error::GitError;
use crate::git::path::{MAX_DEPTH, name_problem, parse_folder, parse_parts};
use crate::git::repository::Repository;
use crate::redact::printable;

/// The most entries that one listing visits, folders included.
pub const MAX_ENTRIES: usize = 200_000;
/// The largest tree object that is read, in bytes: some 200,000 entries in one folder.
const MAX_TREE_BYTES: usize = 16 << 20;

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
        })
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
        let objects = self.repository.objects();
        let parts = parse_folder(folder)?;
        let tree = match parts.is_empty() {
            true => self.tree,
            false => match self.find(&objects, &parts)? {
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

/// One entry of one tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Child {
    pub(super) name: String,
    pub(super) kind: EntryKind,
    pub(super) oid: Oid,
}

/// The entries of one tree, after checks that keep two readers from seeing different files: names are plain UTF-8,
/// none appears twice, and they are in Git's order (a lookup by bisection finds all that a listing shows).
pub(super) fn checked_entries(tree: &git2::Tree<'_>, folder: &str) -> Result<Vec<Child>, GitError> {
    let malformed = |reason| GitError::Malformed {
        name: printable(&format!("/{folder}")),
        reason,
    };
    let mut children: Vec<Child> = Vec::with_capacity(tree.len());
    let mut names = BTreeSet::new();
    let mut previous = Vec::new();
    for entry in tree {
        let name = entry
            .name()
            .map_err(|_| malformed("a path is not UTF-8"))?
            .to_owned();
        if name_problem(&name).is_some() {
            return Err(malformed("a name is one that some system reads otherwise"));
        }
        let kind = entry_kind(&name, &entry)?;
        let key = order_key(&name, kind);
        if key <= previous || !names.insert(name.clone()) {
            return Err(malformed("its names are not sorted, or one appears twice"));
        }
        previous = key;
        children.push(Child {
            name,
            kind,
            oid: entry.id(),
        });
    }
    Ok(children)
}

/// Finds a tree of bounded size.
pub(super) fn find_tree<'a>(
    objects: &'a git2::Repository,
    repository: &str,
    oid: Oid,
) -> Result<git2::Tree<'a>, GitError> {
    let failed = || GitError::objects(repository, "reading a folder");
    let odb = objects.odb().map_err(failed())?;
    let (size, _) = odb.read_header(oid).map_err(failed())?;
    if size > MAX_TREE_BYTES {
        return Err(GitError::TooLarge {
            path: format!("tree {oid}"),
            size,
            limit: MAX_TREE_BYTES,
        });
    }
    objects.find_tree(oid).map_err(failed())
}

/// A path below a folder.
pub(super) fn join(folder: &str, name: &str) -> String {
    match folder {
        "" => name.to_owned(),
        folder => format!("{folder}/{name}"),
    }
}

/// What Git sorts a tree's entry by: folders as if their names ended in `/`.
fn order_key(name: &str, kind: EntryKind) -> Vec<u8> {
    let mut key = name.as_bytes().to_owned();
    if kind == EntryKind::Folder {
        key.push(b'/');
    }
    key
}

fn entry_kind(name: &str, entry: &git2::TreeEntry<'_>) -> Result<EntryKind, GitError> {
    EntryKind::of_mode(entry.filemode_raw()).ok_or_else(|| GitError::Malformed {
        name: name.escape_debug().take(200).collect(),
        reason: "its mode is none that Git writes",
    })
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
