//! One folder of a commit, checked: what is read here is what every other reader of it sees.

use std::collections::BTreeSet;

use git2::Oid;

use crate::git::error::GitError;
use crate::git::path::name_problem;
use crate::git::snapshot::EntryKind;
use crate::redact::printable;

/// The largest tree object that is read, in bytes: some 200,000 entries in one folder.
const MAX_TREE_BYTES: usize = 16 << 20;

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

pub(super) fn entry_kind(name: &str, entry: &git2::TreeEntry<'_>) -> Result<EntryKind, GitError> {
    EntryKind::of_mode(entry.filemode_raw()).ok_or_else(|| GitError::Malformed {
        name: name.escape_debug().take(200).collect(),
        reason: "its mode is none that Git writes",
    })
}
