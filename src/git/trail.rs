//! Many paths followed through the history at once: a trie of them, compared with trees folder by folder.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use git2::Oid;

use crate::git::error::GitError;
use crate::git::history::MAX_COMMITS;
use crate::git::path::parse_parts;
use crate::git::snapshot::{EntryKind, find_tree};

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

    /// Takes paths out.
    pub(super) fn remove(&mut self, others: &Self) {
        self.is_path &= !others.is_path;
        for (name, other) in &others.children {
            if let Some(child) = self.children.get_mut(name) {
                child.remove(other);
                if child.is_empty() {
                    self.children.remove(name);
                }
            }
        }
    }

    /// Puts paths in.
    pub(super) fn add(&mut self, others: Self) {
        self.is_path |= others.is_path;
        for (name, other) in others.children {
            self.children.entry(name).or_default().add(other);
        }
    }

    /// Those of the paths at which two trees differ, in kind or bytes. A path may also name a folder.
    pub(super) fn changed(
        &self,
        objects: &git2::Repository,
        repository: &str,
        new: Option<Oid>,
        old: Option<Oid>,
    ) -> Result<Self, GitError> {
        let mut changed = Self::default();
        if new == old || self.children.is_empty() {
            return Ok(changed);
        }
        let find = |tree: Option<Oid>| {
            tree.map(|tree| find_tree(objects, repository, tree))
                .transpose()
        };
        let (new, old) = (find(new)?, find(old)?);
        for (name, child) in &self.children {
            let new = content(new.as_ref(), name);
            let old = content(old.as_ref(), name);
            if new == old {
                continue;
            }
            let mut below = child.changed(objects, repository, folder(new), folder(old))?;
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
            child.collect(&crate::git::snapshot::join(path, name), list);
        }
    }
}

/// How often a walk comes to the same commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visits {
    /// Once, whatever leads to it.
    Once,
    /// Again when more paths lead to it after it was left, which wrong clocks can cause.
    AsNeeded,
}

/// The newest commit of those that wait comes first; of equally new ones the first that was met, as in `git log`.
type Order = (i64, std::cmp::Reverse<usize>);

/// A walk through the history: commits that wait, each with the paths that led to it.
pub(super) struct Walk<'a> {
    objects: &'a git2::Repository,
    repository: &'a str,
    visits: Visits,
    queue: BinaryHeap<(Order, Oid)>,
    waiting: BTreeMap<Oid, Paths>,
    met: BTreeSet<Oid>,
    steps: usize,
}

/// What became of paths at one commit.
pub(super) struct Step {
    /// Those that are as in no parent.
    pub(super) changed: Paths,
    /// Those that are as in a parent, by the first such one.
    pub(super) unchanged: Vec<(Oid, Paths)>,
}

impl<'a> Walk<'a> {
    /// A walk that has not started. Refused where the history is cut off, since whoever is beyond the cut would be
    /// missed.
    pub(super) fn new(
        objects: &'a git2::Repository,
        repository: &'a str,
        visits: Visits,
    ) -> Result<Self, GitError> {
        if objects.is_shallow() {
            return Err(GitError::Shallow {
                repository: repository.to_owned(),
            });
        }
        Ok(Self {
            objects,
            repository,
            visits,
            queue: BinaryHeap::new(),
            waiting: BTreeMap::new(),
            met: BTreeSet::new(),
            steps: 0,
        })
    }

    /// Adds commits to those that wait.
    pub(super) fn visit(
        &mut self,
        commits: impl IntoIterator<Item = (Oid, Paths)>,
    ) -> Result<(), GitError> {
        for (commit, paths) in commits {
            let is_new = self.met.insert(commit);
            if self.visits == Visits::Once && !is_new {
                continue;
            }
            if let Some(waiting) = self.waiting.get_mut(&commit) {
                waiting.add(paths);
                continue;
            }
            let time = self.find(commit)?.time().seconds();
            let order = (time, std::cmp::Reverse(self.steps));
            self.steps += 1;
            if self.steps > MAX_COMMITS {
                return Err(GitError::TooMany {
                    name: self.repository.to_owned(),
                    what: "commits",
                    limit: MAX_COMMITS,
                });
            }
            self.queue.push((order, commit));
            self.waiting.insert(commit, paths);
        }
        Ok(())
    }

    /// The newest commit that waits.
    pub(super) fn next(&mut self) -> Result<Option<(git2::Commit<'a>, Paths)>, GitError> {
        let Some((_, commit)) = self.queue.pop() else {
            return Ok(None);
        };
        let paths = self.waiting.remove(&commit).unwrap_or_default();
        Ok(Some((self.find(commit)?, paths)))
    }

    /// Tells the paths that a commit changed from those that it has from a parent. A path that is nowhere is in
    /// neither set at a first commit.
    pub(super) fn compare(
        &self,
        commit: &git2::Commit<'_>,
        paths: Paths,
    ) -> Result<Step, GitError> {
        let tree = Some(commit.tree_id());
        let mut changed = paths;
        let mut unchanged = Vec::new();
        if commit.parent_count() == 0 {
            changed = changed.changed(self.objects, self.repository, tree, None)?;
        }
        for parent in commit.parent_ids() {
            let before = Some(self.find(parent)?.tree_id());
            let differs = changed.changed(self.objects, self.repository, tree, before)?;
            changed.remove(&differs);
            if !changed.is_empty() {
                unchanged.push((parent, changed));
            }
            changed = differs;
            if changed.is_empty() {
                break;
            }
        }
        Ok(Step { changed, unchanged })
    }

    /// Those of the paths that are as in no parent of a commit.
    pub(super) fn changed(
        &self,
        commit: &git2::Commit<'_>,
        paths: &Paths,
    ) -> Result<Paths, GitError> {
        let tree = Some(commit.tree_id());
        let mut parents = commit.parent_ids();
        let first = parents.next().map(|first| self.find(first)).transpose()?;
        let first = first.map(|first| first.tree_id());
        let mut changed = paths.changed(self.objects, self.repository, tree, first)?;
        for parent in parents {
            let before = Some(self.find(parent)?.tree_id());
            changed = changed.changed(self.objects, self.repository, tree, before)?;
        }
        Ok(changed)
    }

    fn find(&self, commit: Oid) -> Result<git2::Commit<'a>, GitError> {
        self.objects
            .find_commit(commit)
            .map_err(GitError::objects(self.repository, "reading the history"))
    }
}

/// Mode and name of an entry's bytes. The mode is compared as it is: one that Git would not write differs too.
fn content(tree: Option<&git2::Tree<'_>>, name: &str) -> Option<(i32, Oid)> {
    let entry = tree?.get_name(name)?;
    Some((entry.filemode_raw(), entry.id()))
}

fn folder(content: Option<(i32, Oid)>) -> Option<Oid> {
    let (mode, oid) = content?;
    (EntryKind::of_mode(mode) == Some(EntryKind::Folder)).then_some(oid)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn paths() -> impl Strategy<Value = Vec<String>> {
        proptest::collection::vec("[ab]{1,2}(/[ab]){0,2}", 0..8)
    }

    fn set(list: &[String]) -> Paths {
        Paths::parse(list.iter().map(String::as_str)).unwrap()
    }

    proptest! {
        #[test]
        fn a_set_less_some_and_with_them_again_is_the_set(all in paths(), some in paths()) {
            let mut whole = set(&all);
            whole.add(set(&some));
            let mut rest = whole.clone();
            rest.remove(&set(&some));
            let kept = rest.to_list();
            prop_assert!(kept.iter().all(|path| all.contains(path) && !some.contains(path)));
            rest.add(set(&some));
            prop_assert_eq!(rest, whole);
        }
    }
}
