//! Many paths at once: a trie of them, compared with trees folder by folder.

use std::cell::RefCell;
use std::collections::BTreeMap;

use git2::Oid;

use crate::git::error::GitError;
use crate::git::path::parse_parts;
use crate::git::snapshot::EntryKind;
use crate::git::tree::{find_tree, join};

/// How many trees are kept twice: more than the folders on the way to the paths of one commit.
const MAX_TREES: usize = 64;

/// A set of paths, as folders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Paths {
    is_path: bool,
    children: BTreeMap<String, Self>,
}

impl Paths {
    /// The set of some paths, each checked.
    pub(super) fn parse<'a>(paths: impl IntoIterator<Item = &'a str>) -> Result<Self, GitError> {
        let mut set = Self::default();
        for path in paths {
            let mut node = &mut set;
            for part in parse_parts(path)? {
                node = node.children.entry(part.to_owned()).or_default();
            }
            node.is_path = true;
        }
        Ok(set)
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        !self.is_path && self.children.is_empty()
    }

    /// The paths as text, sorted by folder.
    pub(super) fn to_list(&self) -> Vec<String> {
        let mut list = Vec::new();
        self.collect("", &mut list);
        list
    }

    /// Those of the paths at which two trees differ, in kind or bytes. A path may also name a folder.
    pub(super) fn changed(
        &self,
        trees: &Trees<'_>,
        new: Option<Oid>,
        old: Option<Oid>,
    ) -> Result<Self, GitError> {
        let mut changed = Self::default();
        if new == old || self.children.is_empty() {
            return Ok(changed);
        }
        let find = |tree: Option<Oid>| tree.map(|tree| trees.find(tree)).transpose();
        let (new, old) = (find(new)?, find(old)?);
        for (name, child) in &self.children {
            let named =
                |tree: &Option<git2::Tree<'_>>| Some(content(&tree.as_ref()?.get_name(name)?));
            let (new, old) = (named(&new), named(&old));
            if new == old {
                continue;
            }
            let mut below = child.changed(trees, folder(new), folder(old))?;
            below.is_path = child.is_path;
            if !below.is_empty() {
                changed.children.insert(name.clone(), below);
            }
        }
        Ok(changed)
    }

    fn collect(&self, path: &str, list: &mut Vec<String>) {
        if self.is_path {
            list.push(path.to_owned());
        }
        for (name, child) in &self.children {
            child.collect(&join(path, name), list);
        }
    }
}

/// Trees that were read last: the tree of a commit's parent is that of the next commit too.
pub(super) struct Trees<'a> {
    objects: &'a git2::Repository,
    repository: &'a str,
    // What was used since the last time that `young` was full, and what was used before.
    young: RefCell<BTreeMap<Oid, git2::Tree<'a>>>,
    old: RefCell<BTreeMap<Oid, git2::Tree<'a>>>,
}

impl<'a> Trees<'a> {
    /// None yet.
    pub(super) fn new(objects: &'a git2::Repository, repository: &'a str) -> Self {
        Self {
            objects,
            repository,
            young: RefCell::default(),
            old: RefCell::default(),
        }
    }

    /// The tree of a name.
    pub(super) fn find(&self, oid: Oid) -> Result<git2::Tree<'a>, GitError> {
        let known = self.young.borrow().get(&oid).cloned();
        if let Some(tree) = known {
            return Ok(tree);
        }
        let old = self.old.borrow().get(&oid).cloned();
        let tree = match old {
            Some(tree) => tree,
            None => find_tree(self.objects, self.repository, oid)?,
        };
        let mut young = self.young.borrow_mut();
        if young.len() >= MAX_TREES {
            self.old.replace(std::mem::take(&mut young));
        }
        young.insert(oid, tree.clone());
        Ok(tree)
    }
}

/// Mode and name of an entry's bytes. The mode is compared as it is: one that Git would not write differs too.
pub(super) type Content = (i32, Oid);

/// What an entry is.
pub(super) fn content(entry: &git2::TreeEntry<'_>) -> Content {
    (entry.filemode_raw(), entry.id())
}

/// The folder that an entry is, if it is one.
pub(super) fn folder(content: Option<Content>) -> Option<Oid> {
    let (mode, oid) = content?;
    (EntryKind::of_mode(mode) == Some(EntryKind::Folder)).then_some(oid)
}
