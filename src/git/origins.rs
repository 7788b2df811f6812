//! Where files come from: for many paths at once, the commit that made each what it is, and everyone who ever changed it.
//!
//! What each commit changed is found out on all processors, since reading trees is most of the work; following the paths
//! back is then done in memory.

use std::collections::{BTreeMap, BTreeSet};

use git2::{Oid, Sort};
use rayon::iter::ParallelIterator as _;
use rayon::slice::ParallelSlice as _;

use crate::git::error::GitError;
use crate::git::history::{MAX_COMMITS, person};
use crate::git::repository::Repository;
use crate::git::trail::{Paths, Trees};

/// How many commits a thread looks at in one go: enough to find most trees in its cache, and to spread the rest.
const CHUNK: usize = 256;

/// Where one path comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The commit that made it what it is: the answer of `git log -1 -- PATH`. Of a merge, the side that the path came
    /// from is followed; moves are not. `None` when it never was anything on that side.
    pub commit: Option<Oid>,
    /// The mail addresses of all authors and committers of commits in the whole history that changed it; a merge counts
    /// when the path is as on none of its sides.
    pub authors: BTreeSet<String>,
}

/// A path by its place in the list of paths.
type Place = usize;

/// A commit by its place in the list of commits, every one before its parents.
struct Node {
    commit: Oid,
    tree: Oid,
    parents: Vec<usize>,
}

/// What a commit changed, for each parent; for a first commit, against nothing. Sorted.
type Changed = Vec<Vec<Place>>;

impl Repository {
    /// Where paths come from, as of `from`. Paths that never were anything are left out.
    ///
    /// # Errors
    ///
    /// When a path is refused, or the history is cut off or has more than [`MAX_COMMITS`].
    pub fn origins(&self, paths: &[&str], from: Oid) -> Result<BTreeMap<String, Origin>, GitError> {
        let whole = Paths::parse(paths.iter().copied())?;
        let list = whole.to_list();
        let nodes = self.nodes(from)?;
        let places: BTreeMap<&str, Place> = list.iter().map(String::as_str).zip(0..).collect();
        let changed = self.changed(&nodes, &whole, &places)?;
        let mut origins: Vec<Origin> = vec![Origin::default(); list.len()];
        for (place, commit) in last_changes(&nodes, &changed, list.len()) {
            set(&mut origins, place, |origin| origin.commit = Some(commit));
        }
        let objects = self.objects();
        for (node, changed) in nodes.iter().zip(&changed) {
            let places = in_all(changed);
            if places.is_empty() {
                continue;
            }
            let commit = objects
                .find_commit(node.commit)
                .map_err(GitError::objects(self.name(), "reading the history"))?;
            let emails = [
                person(&commit.author()).email,
                person(&commit.committer()).email,
            ];
            for place in places {
                set(&mut origins, place, |origin| {
                    origin.authors.extend(emails.iter().cloned());
                });
            }
        }
        let found = list.into_iter().zip(origins);
        Ok(found
            .filter(|(_, origin)| *origin != Origin::default())
            .collect())
    }

    /// The whole history, every commit before its parents. Refused where it is cut off, since whoever is beyond the cut
    /// would be missed.
    fn nodes(&self, from: Oid) -> Result<Vec<Node>, GitError> {
        let objects = self.objects();
        if objects.is_shallow() {
            return Err(GitError::Shallow {
                repository: self.name().to_owned(),
            });
        }
        let failed = || GitError::objects(self.name(), "reading the history");
        let mut walk = objects.revwalk().map_err(failed())?;
        walk.set_sorting(Sort::TOPOLOGICAL).map_err(failed())?;
        walk.push(from).map_err(failed())?;
        let mut commits: Vec<git2::Commit<'_>> = Vec::new();
        for commit in walk {
            if commits.len() >= MAX_COMMITS {
                return Err(GitError::TooMany {
                    name: self.name().to_owned(),
                    what: "commits",
                    limit: MAX_COMMITS,
                });
            }
            let commit = commit.and_then(|commit| objects.find_commit(commit));
            commits.push(commit.map_err(failed())?);
        }
        let places: BTreeMap<Oid, usize> = commits.iter().map(git2::Commit::id).zip(0..).collect();
        let node = |commit: &git2::Commit<'_>| Node {
            commit: commit.id(),
            tree: commit.tree_id(),
            parents: commit
                .parent_ids()
                .filter_map(|parent| places.get(&parent).copied())
                .collect(),
        };
        Ok(commits.iter().map(node).collect())
    }

    /// What each commit changed.
    fn changed(
        &self,
        nodes: &[Node],
        whole: &Paths,
        places: &BTreeMap<&str, Place>,
    ) -> Result<Vec<Changed>, GitError> {
        let path = self.git_directory();
        let chunk = |chunk: &[Node]| {
            // A handle of its own: one handle does one thing at a time.
            let objects =
                git2::Repository::open(path).map_err(|error| GitError::open(path, &error))?;
            let trees = Trees::new(&objects, self.name());
            let changed = |node: &Node| {
                let before = node.parents.iter().filter_map(|parent| nodes.get(*parent));
                let mut before: Vec<Option<Oid>> = before.map(|node| Some(node.tree)).collect();
                if before.is_empty() {
                    before.push(None);
                }
                let differs = before
                    .into_iter()
                    .map(|before| whole.changed(&trees, Some(node.tree), before));
                let places = differs.map(|differs| Ok(places_of(&differs?, places)));
                places.collect::<Result<Changed, GitError>>()
            };
            chunk.iter().map(changed).collect::<Result<Vec<_>, _>>()
        };
        let chunks: Vec<Vec<Changed>> = nodes
            .par_chunks(CHUNK)
            .map(chunk)
            .collect::<Result<_, _>>()?;
        Ok(chunks.into_iter().flatten().collect())
    }
}

fn places_of(paths: &Paths, places: &BTreeMap<&str, Place>) -> Vec<Place> {
    if paths.is_empty() {
        return Vec::new();
    }
    let list = paths.to_list();
    let mut found: Vec<Place> = list
        .iter()
        .filter_map(|path| places.get(path.as_str()).copied())
        .collect();
    found.sort_unstable();
    found
}

/// Follows all paths back from the first node: at each commit, those that are as in a parent go on there, by the first such
/// one, and the others were made what they are by this commit.
fn last_changes(nodes: &[Node], changed: &[Changed], paths: usize) -> Vec<(Place, Oid)> {
    let mut waiting: Vec<Vec<Place>> = vec![Vec::new(); nodes.len()];
    if let Some(first) = waiting.first_mut() {
        *first = (0..paths).collect();
    }
    let mut found = Vec::new();
    for (index, (node, changed)) in nodes.iter().zip(changed).enumerate() {
        let mut here = waiting
            .get_mut(index)
            .map(std::mem::take)
            .unwrap_or_default();
        for (parent, changed) in node.parents.iter().zip(changed) {
            let unchanged = take_unchanged(&mut here, changed);
            if let Some(there) = waiting.get_mut(*parent) {
                if there.is_empty() {
                    *there = unchanged;
                } else {
                    there.extend(unchanged);
                }
            }
        }
        if node.parents.is_empty() {
            // What is nowhere in a first commit never was anything on this side.
            let made = changed.first().map_or(&[][..], Vec::as_slice);
            here.retain(|place| made.binary_search(place).is_ok());
        }
        found.extend(here.into_iter().map(|place| (place, node.commit)));
    }
    found
}

/// Takes those out that are not among the changed ones.
fn take_unchanged(here: &mut Vec<Place>, changed: &[Place]) -> Vec<Place> {
    if changed.is_empty() {
        return std::mem::take(here);
    }
    let (stay, go) = std::mem::take(here)
        .into_iter()
        .partition(|place| changed.binary_search(place).is_ok());
    *here = stay;
    go
}

/// The places that are in every list.
fn in_all(changed: &Changed) -> Vec<Place> {
    let Some((first, others)) = changed.split_first() else {
        return Vec::new();
    };
    let is_in_others = |place: &&Place| {
        others
            .iter()
            .all(|other| other.binary_search(place).is_ok())
    };
    first.iter().filter(is_in_others).copied().collect()
}

fn set(origins: &mut [Origin], place: Place, change: impl FnOnce(&mut Origin)) {
    if let Some(origin) = origins.get_mut(place) {
        change(origin);
    }
}
