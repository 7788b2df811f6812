//! What is known of commits, as a file keeps it: JSON, sealed as [`crate::fs::kept`] does it.

use std::collections::BTreeMap;

use git2::Oid;
use serde::{Deserialize, Serialize};

use crate::fs::kept;
use crate::git::history::MAX_COMMITS;
use crate::git::origins::{Commit, History};
use crate::git::texts::Texts;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    paths: Vec<String>,
    people: Vec<String>,
    commits: Vec<KeptCommit>,
}

/// Its name, its parents, author and committer, and what it changed, all but the name by number.
type KeptCommit = (String, Vec<usize>, [usize; 2], Option<Vec<Vec<usize>>>);

impl History {
    /// The bytes of the file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let commit = |commit: &Commit| -> KeptCommit {
            let Commit {
                oid,
                parents,
                people,
                changed,
            } = commit;
            (oid.to_string(), parents.clone(), *people, changed.clone())
        };
        let kept = Kept {
            paths: self.paths.iter().map(str::to_owned).collect(),
            people: self.people.iter().map(str::to_owned).collect(),
            commits: self.commits.iter().map(commit).collect(),
        };
        let json = serde_json::to_vec(&kept).unwrap_or_default();
        kept::seal(&json)
    }

    /// Reads such a file; `None` when it is damaged, or not one.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let kept: Kept = serde_json::from_slice(kept::open(bytes)?).ok()?;
        if kept.commits.len() > MAX_COMMITS {
            return None;
        }
        let (paths, people) = (kept.paths.len(), kept.people.len());
        let commit = |(number, kept): (usize, KeptCommit)| {
            let (oid, parents, by, changed) = kept;
            let mut listed = changed.iter().flatten().flatten();
            let lists = changed.as_ref().map(Vec::len);
            let is_right = parents.iter().all(|parent| *parent < number)
                && by.iter().all(|person| *person < people)
                && listed.all(|path| *path < paths)
                && lists.is_none_or(|lists| lists == parents.len().max(1));
            let oid = Oid::from_str(&oid).ok().filter(|_| is_right)?;
            Some(Commit {
                oid,
                parents,
                people: by,
                changed,
            })
        };
        let commits = kept.commits.into_iter().enumerate().map(commit);
        let commits: Vec<Commit> = commits.collect::<Option<_>>()?;
        let numbers: BTreeMap<Oid, usize> =
            commits.iter().map(|commit| commit.oid).zip(0..).collect();
        (numbers.len() == commits.len()).then_some(Self {
            commits,
            numbers,
            paths: Texts::from_iter(kept.paths),
            people: Texts::from_iter(kept.people),
        })
    }
}
