//! New commits, written into the object database. No branch moves: see `advance`.

use std::collections::BTreeMap;

use git2::{FileMode, Oid};
use jiff::Timestamp;

use crate::git::error::GitError;
use crate::git::identity::Identity;
use crate::git::path::parse_parts;
use crate::git::repository::Repository;
use crate::git::snapshot::{EntryKind, find_tree};

/// Signs a commit's bytes and returns the armoured signature, or says why not.
pub type Signer<'a> = dyn Fn(&[u8]) -> Result<String, String> + Send + Sync + 'a;

/// A commit to write.
#[derive(Clone, Copy)]
pub struct NewCommit<'a> {
    /// What it follows; `None` starts a history.
    pub base: Option<Oid>,
    /// The files that change, by path; `None` removes one. Others stay.
    pub changes: &'a BTreeMap<String, Option<Vec<u8>>>,
    /// The message; a final newline is added.
    pub message: &'a str,
    /// Its author and committer.
    pub author: &'a Identity,
    /// When it is made, to the second.
    pub time: Timestamp,
    /// Signs it.
    pub sign: Option<&'a Signer<'a>>,
}

impl std::fmt::Debug for NewCommit<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("NewCommit")
            .field("base", &self.base)
            .field("paths", &self.changes.keys())
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}

impl Repository {
    /// Writes a commit and returns it; no branch moves. Equal arguments give an equal commit. When nothing changes,
    /// the base is returned. A file that was executable stays so.
    ///
    /// # Errors
    ///
    /// When a path is refused, leads through a file, a link or a submodule, or names one that is not a file; when the
    /// base is not here; when signing fails; when objects cannot be written.
    pub fn commit_files(&self, commit: NewCommit<'_>) -> Result<Oid, GitError> {
        let objects = self.objects();
        let failed = || GitError::objects(self.name(), "writing a commit");
        if commit.message.contains('\0') {
            return Err(GitError::Message {
                name: self.name().to_owned(),
            });
        }
        let base = commit.base.map(|base| objects.find_commit(base));
        let base = base.transpose().map_err(failed())?;
        let edits = Edits::parse(commit.changes)?;
        let old = base.as_ref().map(git2::Commit::tree_id);
        let tree = match edits.apply(&objects, self.name(), old, "")? {
            Some(tree) => tree,
            // A commit always has a tree; that of no files is empty.
            None => write_tree(&objects, self.name(), None)?,
        };
        if let (Some(base), true) = (&base, old == Some(tree)) {
            return Ok(base.id());
        }
        let tree = objects.find_tree(tree).map_err(failed())?;
        let author = commit.author.at(commit.time)?;
        let message = format!("{}\n", commit.message.trim_end_matches('\n'));
        let parents: Vec<&git2::Commit<'_>> = base.iter().collect();
        let Some(sign) = commit.sign else {
            let written = objects.commit(None, &author, &author, &message, &tree, &parents);
            return written.map_err(failed());
        };
        let content = objects
            .commit_create_buffer(&author, &author, &message, &tree, &parents)
            .map_err(failed())?;
        let signature = sign(&content).map_err(|reason| GitError::Sign { reason })?;
        let content = content.as_str().map_err(|error| failed()(error.into()))?;
        objects
            .commit_signed(content, signature.trim_end(), None)
            .map_err(failed())
    }
}

/// Changes to one folder, by name.
#[derive(Default)]
struct Edits<'a> {
    files: BTreeMap<&'a str, Option<&'a [u8]>>,
    folders: BTreeMap<&'a str, Edits<'a>>,
}

impl<'a> Edits<'a> {
    fn parse(changes: &'a BTreeMap<String, Option<Vec<u8>>>) -> Result<Self, GitError> {
        let mut edits = Self::default();
        for (path, bytes) in changes {
            let mut parts = parse_parts(path)?;
            let name = parts.pop().unwrap_or_default();
            let mut folder = &mut edits;
            for part in parts {
                folder = folder.folders.entry(part).or_default();
            }
            folder.files.insert(name, bytes.as_deref());
        }
        edits.check("")?;
        Ok(edits)
    }

    /// Refuses a path that is written as a file and as a folder at once.
    fn check(&self, path: &str) -> Result<(), GitError> {
        for (name, folder) in &self.folders {
            if self.files.get(name).is_some_and(Option::is_some) {
                return Err(GitError::Path {
                    path: format!("{path}{name}"),
                    reason: "it would be a file and a folder at once",
                });
            }
            folder.check(&format!("{path}{name}/"))?;
        }
        Ok(())
    }

    /// Writes the tree that results from a folder; `None` when nothing is left in it.
    fn apply(
        &self,
        objects: &git2::Repository,
        repository: &str,
        old: Option<Oid>,
        path: &str,
    ) -> Result<Option<Oid>, GitError> {
        let failed = || GitError::objects(repository, "writing a folder");
        let old = old
            .map(|old| find_tree(objects, repository, old))
            .transpose()?;
        let mut builder = objects.treebuilder(old.as_ref()).map_err(failed())?;
        for (name, bytes) in &self.files {
            let path = format!("{path}{name}");
            let mode = match kind_at(old.as_ref(), name) {
                Some(EntryKind::Executable) => FileMode::BlobExecutable,
                Some(EntryKind::File) | None => FileMode::Blob,
                Some(kind) => return Err(GitError::NotAFile { path, kind }),
            };
            match bytes {
                Some(bytes) => {
                    let blob = objects.blob(bytes).map_err(failed())?;
                    builder.insert(*name, blob, mode.into()).map_err(failed())?;
                }
                None if kind_at(old.as_ref(), name).is_some() => {
                    builder.remove(*name).map_err(failed())?;
                }
                None => {}
            }
        }
        for (name, folder) in &self.folders {
            let path = format!("{path}{name}");
            let below = match kind_at(old.as_ref(), name) {
                Some(EntryKind::Folder) => entry_oid(old.as_ref(), name),
                // A file that this very commit removes may become a folder.
                Some(kind) if !self.files.contains_key(name) => {
                    return Err(GitError::NotAFile { path, kind });
                }
                _ => None,
            };
            match folder.apply(objects, repository, below, &format!("{path}/"))? {
                Some(tree) => {
                    let mode = FileMode::Tree.into();
                    builder.insert(*name, tree, mode).map_err(failed())?;
                }
                None if below.is_some() => builder.remove(*name).map_err(failed())?,
                None => {}
            }
        }
        if builder.is_empty() {
            return Ok(None);
        }
        builder.write().map(Some).map_err(failed())
    }
}

fn kind_at(tree: Option<&git2::Tree<'_>>, name: &str) -> Option<EntryKind> {
    let entry = tree?.get_name(name)?;
    // A mode that Git would not write is not overwritten as if it were a file.
    Some(EntryKind::of_mode(entry.filemode_raw()).unwrap_or(EntryKind::Submodule))
}

fn entry_oid(tree: Option<&git2::Tree<'_>>, name: &str) -> Option<Oid> {
    tree?.get_name(name).map(|entry| entry.id())
}

fn write_tree(
    objects: &git2::Repository,
    repository: &str,
    tree: Option<&git2::Tree<'_>>,
) -> Result<Oid, GitError> {
    objects
        .treebuilder(tree)
        .and_then(|builder| builder.write())
        .map_err(GitError::objects(repository, "writing a folder"))
}
