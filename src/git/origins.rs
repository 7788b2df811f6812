//! Where files come from: for many paths at once, the commit that made each what it is, and everyone who ever changed it.
//!
//! What a commit changed never changes. So it is found out once, on all processors, since reading trees is most of the
//! work, and may be kept; following the paths back is then done in memory.

use std::collections::{BTreeMap, BTreeSet};

use git2::Oid;
use rayon::iter::ParallelIterator as _;
use rayon::slice::ParallelSlice as _;

use crate::git::differences::differences;
use crate::git::error::GitError;
use crate::git::history::{MAX_COMMITS, person};
use crate::git::repository::Repository;
use crate::git::texts::Texts;
use crate::git::trail::{Paths, Trees};

/// How many commits a thread looks at in one go: enough to find most trees in its cache, and to spread the rest.
const CHUNK: usize = 256;
/// How many paths a commit may change to have them listed.
const MAX_LISTED: usize = 100_000;

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

/// A path by its place in the list of those that are asked for.
type Place = usize;

/// What some commits changed and who made them. With a commit all before it are known too.
#[derive(Debug, Default)]
pub struct History {
    /// Every commit after its parents.
    pub(super) commits: Vec<Commit>,
    pub(super) numbers: BTreeMap<Oid, usize>,
    pub(super) paths: Texts,
    pub(super) people: Texts,
}

/// What is known of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Commit {
    pub(super) oid: Oid,
    pub(super) parents: Vec<usize>,
    /// The mail addresses of author and committer.
    pub(super) people: [usize; 2],
    /// For each parent the paths at which it differs; for a first commit, those that it has. `None` when they are too
    /// many to list.
    pub(super) changed: Option<Vec<Vec<usize>>>,
}

/// A commit that is not known yet.
struct New {
    oid: Oid,
    tree: Oid,
    /// Each with its tree.
    parents: Vec<(Oid, Oid)>,
    emails: [String; 2],
}

impl Repository {
    /// Where paths come from, as of `from`. Paths that never were anything are left out.
    ///
    /// # Errors
    ///
    /// When a path is refused, or the history is cut off or has more than [`MAX_COMMITS`].
    pub fn origins(&self, paths: &[&str], from: Oid) -> Result<BTreeMap<String, Origin>, GitError> {
        let mut history = History::default();
        history.learn(self, from)?;
        history.origins(self, paths, from)
    }
}

impl History {
    /// Reads a commit and all before it, except what is known. Returns how many were new.
    ///
    /// # Errors
    ///
    /// When the history is cut off, since whoever is beyond the cut would be missed, or has more than [`MAX_COMMITS`].
    pub fn learn(&mut self, repository: &Repository, from: Oid) -> Result<usize, GitError> {
        self.learn_listing(repository, from, MAX_LISTED)
    }

    pub(super) fn learn_listing(
        &mut self,
        repository: &Repository,
        from: Oid,
        limit: usize,
    ) -> Result<usize, GitError> {
        let new = self.find_new(repository, from)?;
        let count = new.len();
        let listed = list_changes(repository, &new, limit)?;
        for (commit, listed) in new.into_iter().zip(listed) {
            let number = |oid| self.numbers.get(oid).copied();
            let parents = commit.parents.iter().filter_map(|(oid, _)| number(oid));
            let parents = parents.collect();
            let paths = &mut self.paths;
            let mut numbers = |list: Vec<String>| -> Vec<usize> {
                list.into_iter().map(|path| paths.number(path)).collect()
            };
            let changed = listed.map(|lists| lists.into_iter().map(&mut numbers).collect());
            self.numbers.insert(commit.oid, self.commits.len());
            self.commits.push(Commit {
                oid: commit.oid,
                parents,
                people: commit.emails.map(|email| self.people.number(email)),
                changed,
            });
        }
        Ok(count)
    }

    /// The commits that are not known, every one after its parents.
    fn find_new(&self, repository: &Repository, from: Oid) -> Result<Vec<New>, GitError> {
        let objects = repository.objects();
        if objects.is_shallow() {
            return Err(GitError::Shallow {
                repository: repository.name().to_owned(),
            });
        }
        let failed = || GitError::objects(repository.name(), "reading the history");
        let mut new: Vec<New> = Vec::new();
        let mut seen = BTreeSet::new();
        // A commit waits here twice: to be looked at, and to follow all before it.
        let mut waiting = vec![(from, false)];
        while let Some((oid, is_after_parents)) = waiting.pop() {
            if self.numbers.contains_key(&oid) || !(is_after_parents || seen.insert(oid)) {
                continue;
            }
            if seen.len() + self.commits.len() > MAX_COMMITS {
                return Err(GitError::TooMany {
                    name: repository.name().to_owned(),
                    what: "commits",
                    limit: MAX_COMMITS,
                });
            }
            let commit = objects.find_commit(oid).map_err(failed())?;
            if !is_after_parents {
                waiting.push((oid, true));
                waiting.extend(commit.parent_ids().map(|parent| (parent, false)));
                continue;
            }
            new.push(New {
                oid,
                tree: commit.tree_id(),
                parents: commit
                    .parents()
                    .map(|parent| (parent.id(), parent.tree_id()))
                    .collect(),
                emails: [
                    person(&commit.author()).email,
                    person(&commit.committer()).email,
                ],
            });
        }
        Ok(new)
    }

    /// Where paths come from, as of a commit that is known. Paths that never were anything are left out.
    ///
    /// # Errors
    ///
    /// When a path is refused, or a tree cannot be read that has too many changes to be listed.
    pub fn origins(
        &self,
        repository: &Repository,
        paths: &[&str],
        from: Oid,
    ) -> Result<BTreeMap<String, Origin>, GitError> {
        let asked = Asked::new(self, repository, paths)?;
        let mut origins = vec![Origin::default(); asked.list.len()];
        let mut waiting: Vec<Option<Vec<Place>>> = vec![None; self.commits.len()];
        if let Some(first) = self
            .numbers
            .get(&from)
            .and_then(|first| waiting.get_mut(*first))
        {
            *first = Some((0..asked.list.len()).collect());
        }
        for (number, commit) in self.commits.iter().enumerate().rev() {
            let Some(mut here) = waiting.get_mut(number).and_then(Option::take) else {
                continue;
            };
            let changed = asked.changed(commit)?;
            for place in in_all(&changed) {
                let emails = commit
                    .people
                    .iter()
                    .filter_map(|person| self.people.get(*person));
                if let Some(origin) = origins.get_mut(place) {
                    origin.authors.extend(emails.map(str::to_owned));
                }
            }
            for (parent, changed) in commit.parents.iter().zip(&changed) {
                let unchanged = take_unchanged(&mut here, changed);
                if let Some(there) = waiting.get_mut(*parent) {
                    there.get_or_insert_default().extend(unchanged);
                }
            }
            if let ([], [made, ..]) = (&*commit.parents, &*changed) {
                // What is nowhere in a first commit never was anything on this side.
                here.retain(|place| made.binary_search(place).is_ok());
            }
            for place in here {
                if let Some(origin) = origins.get_mut(place) {
                    origin.commit = Some(commit.oid);
                }
            }
        }
        let found = asked.list.iter().cloned().zip(origins);
        Ok(found
            .filter(|(_, origin)| *origin != Origin::default())
            .collect())
    }
}

/// The paths that are asked for.
struct Asked<'a> {
    repository: &'a Repository,
    list: Vec<String>,
    whole: Paths,
    /// For each path that a commit lists, the places of those that are the same or a folder above.
    places: Vec<Vec<Place>>,
}

impl<'a> Asked<'a> {
    fn new(
        history: &History,
        repository: &'a Repository,
        paths: &[&str],
    ) -> Result<Self, GitError> {
        let whole = Paths::parse(paths.iter().copied())?;
        let list = whole.to_list();
        let by_path: BTreeMap<&str, Place> = list.iter().map(String::as_str).zip(0..).collect();
        let places = |path: &str| {
            let folders = path
                .match_indices('/')
                .map(|(end, _)| path.get(..end).unwrap_or_default());
            let all = folders.chain([path]);
            all.filter_map(|path| by_path.get(path).copied()).collect()
        };
        let places = history.paths.iter().map(places).collect();
        Ok(Self {
            repository,
            list,
            whole,
            places,
        })
    }

    /// The places that a commit changed, for each parent; for a first commit, against nothing. Sorted.
    fn changed(&self, commit: &Commit) -> Result<Vec<Vec<Place>>, GitError> {
        let Some(changed) = &commit.changed else {
            return self.changed_in_trees(commit.oid);
        };
        let places = |paths: &Vec<usize>| {
            let places = paths.iter().filter_map(|path| self.places.get(*path));
            let mut places: Vec<Place> = places.flatten().copied().collect();
            places.sort_unstable();
            places.dedup();
            places
        };
        Ok(changed.iter().map(places).collect())
    }

    fn changed_in_trees(&self, commit: Oid) -> Result<Vec<Vec<Place>>, GitError> {
        let name = self.repository.name();
        let objects = self.repository.objects();
        let commit = objects
            .find_commit(commit)
            .map_err(GitError::objects(name, "reading the history"))?;
        let trees = Trees::new(&objects, name);
        let parents = commit.parents().map(|parent| Some(parent.tree_id()));
        let changed = against(parents).into_iter().map(|old| {
            let changed = self
                .whole
                .changed(&trees, Some(commit.tree_id()), old)?
                .to_list();
            let place = |path: &String| self.list.iter().position(|asked| asked == path);
            let mut places: Vec<Place> = changed.iter().filter_map(place).collect();
            places.sort_unstable();
            Ok(places)
        });
        changed.collect()
    }
}

/// What a commit is compared with: each of its parents, or nothing.
fn against(parents: impl Iterator<Item = Option<Oid>>) -> Vec<Option<Oid>> {
    let mut parents: Vec<_> = parents.collect();
    if parents.is_empty() {
        parents.push(None);
    }
    parents
}

/// What each commit changed, for each parent; `None` when that is more than `limit` paths.
fn list_changes(
    repository: &Repository,
    new: &[New],
    limit: usize,
) -> Result<Vec<Option<Vec<Vec<String>>>>, GitError> {
    let path = repository.git_directory();
    let chunk = |chunk: &[New]| {
        // A handle of its own: one handle does one thing at a time.
        let objects = git2::Repository::open(path).map_err(|error| GitError::open(path, &error))?;
        let trees = Trees::new(&objects, repository.name());
        let list = |commit: &New| {
            let old = against(commit.parents.iter().map(|(_, tree)| Some(*tree)));
            let lists = old
                .into_iter()
                .map(|old| differences(&trees, commit.tree, old, limit));
            lists.collect::<Result<Option<Vec<_>>, GitError>>()
        };
        chunk.iter().map(list).collect::<Result<Vec<_>, _>>()
    };
    let chunks: Vec<_> = new.par_chunks(CHUNK).map(chunk).collect::<Result<_, _>>()?;
    Ok(chunks.into_iter().flatten().collect())
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
fn in_all(changed: &[Vec<Place>]) -> Vec<Place> {
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
