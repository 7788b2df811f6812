//! What differs between two trees, folder by folder.

use std::cmp::Ordering;

use git2::{Oid, TreeEntry};

use crate::git::error::GitError;
use crate::git::path::MAX_DEPTH;
use crate::git::trail::{Content, Trees, content, folder};
use crate::git::tree::join;

/// The paths at which two trees differ, in kind or bytes: files, and folders below which nothing differs. `None` when
/// there are more than `limit`.
///
/// Names that are not UTF-8 and what is deeper than a path may be are left out, since nobody can ask for them.
pub(super) fn differences(
    trees: &Trees<'_>,
    new: Oid,
    old: Option<Oid>,
    limit: usize,
) -> Result<Option<Vec<String>>, GitError> {
    let mut differences = Differences {
        trees,
        limit,
        found: Vec::new(),
    };
    let is_whole = differences.below("", Some(new), old, 1)?;
    Ok(is_whole.then_some(differences.found))
}

struct Differences<'a, 'repository> {
    trees: &'a Trees<'repository>,
    limit: usize,
    found: Vec<String>,
}

impl Differences<'_, '_> {
    /// Adds what differs below a folder; whether that is all of it.
    fn below(
        &mut self,
        folder: &str,
        new: Option<Oid>,
        old: Option<Oid>,
        depth: usize,
    ) -> Result<bool, GitError> {
        if new == old || depth > MAX_DEPTH {
            return Ok(true);
        }
        let find = |tree: Option<Oid>| tree.map(|tree| self.trees.find(tree)).transpose();
        let (new, old) = (find(new)?, find(old)?);
        // Git sorts entries; where it did not write a tree, what is on both sides may be found as different, never the
        // other way round.
        let mut new = new.iter().flat_map(git2::Tree::iter).peekable();
        let mut old = old.iter().flat_map(git2::Tree::iter).peekable();
        loop {
            let order = match (new.peek(), old.peek()) {
                (Some(new), Some(old)) => order(new, old),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return Ok(true),
            };
            let new = order.is_le().then(|| new.next()).flatten();
            let old = order.is_ge().then(|| old.next()).flatten();
            let name = new.as_ref().or(old.as_ref()).map(TreeEntry::name_bytes);
            let name = name.and_then(|name| std::str::from_utf8(name).ok());
            let (new, old) = (new.as_ref().map(content), old.as_ref().map(content));
            let Some(name) = name.filter(|_| new != old) else {
                continue;
            };
            if !self.add(&join(folder, name), (new, old), depth)? {
                return Ok(false);
            }
        }
    }

    /// Adds a path that differs, or what differs below it; whether there is room for more.
    fn add(
        &mut self,
        path: &str,
        (new, old): (Option<Content>, Option<Content>),
        depth: usize,
    ) -> Result<bool, GitError> {
        let before = self.found.len();
        if !self.below(path, folder(new), folder(old), depth + 1)? {
            return Ok(false);
        }
        if self.found.len() == before {
            self.found.push(path.to_owned());
        }
        Ok(self.found.len() <= self.limit)
    }
}

/// The order of entries in a tree: by name, folders as if theirs ended in `/`.
fn order(one: &TreeEntry<'_>, other: &TreeEntry<'_>) -> Ordering {
    fn key<'a>(entry: &'a TreeEntry<'_>) -> impl Iterator<Item = &'a u8> {
        let slash = folder(Some(content(entry))).map(|_| &b'/');
        entry.name_bytes().iter().chain(slash)
    }
    match one.name_bytes() == other.name_bytes() {
        true => Ordering::Equal,
        false => key(one).cmp(key(other)),
    }
}
