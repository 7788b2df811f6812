//! Tags: reading all of them, making annotated ones, and handing them on.

use std::collections::{BTreeMap, BTreeSet};

use git2::{ObjectType, Oid};
use jiff::Timestamp;

use crate::git::error::GitError;
use crate::git::identity::Identity;
use crate::git::repository::{Remote, Repository};

/// The most tags that are read.
pub const MAX_TAGS: usize = 200_000;
/// The longest message of a tag that is looked at, in bytes.
const MAX_MESSAGE_BYTES: usize = 64 << 10;
/// Where the remote's tags are kept, apart from the user's own.
const TRACKING_TAGS: &str = "refs/promote/tags/";
const OWN_TAGS: &str = "refs/tags/";
/// The most tags that are pushed in one call.
const PUSHED_AT_ONCE: usize = 500;

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// Its name.
    pub name: String,
    /// The commit that it leads to.
    pub commit: Oid,
    /// When it was made, as its maker's clock said, in seconds since 1970; of a bare tag, the commit's.
    pub time: i64,
    /// Who made it, as it says. Nothing proves it.
    pub by: String,
    /// Its message; empty when there is none, or when it is very long.
    pub message: String,
    /// Whether the remote has it, as far as it was asked.
    pub is_remote: bool,
}

/// A tag that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTag {
    /// Its name.
    pub name: String,
    /// The commit.
    pub commit: Oid,
    /// The message.
    pub message: String,
}

impl Repository {
    /// All tags with names that a filter lets through, sorted by name: those here, and those of the remote, which is asked
    /// first. Where both have one name, the remote's counts. Tags of anything but commits are left out.
    ///
    /// # Errors
    ///
    /// When the remote cannot be asked, there are more than [`MAX_TAGS`], or one cannot be read.
    pub fn tags(&self, is_wanted: impl Fn(&str) -> bool) -> Result<Vec<Tag>, GitError> {
        if matches!(self.remote(), Remote::Named(_) | Remote::Url(_)) {
            self.fetch_tags(OWN_TAGS, TRACKING_TAGS)?;
        }
        let objects = self.objects();
        let failed = || GitError::objects(self.name(), "reading tags");
        let mut tags = BTreeMap::new();
        for prefix in [OWN_TAGS, TRACKING_TAGS] {
            let glob = format!("{prefix}*");
            for (count, reference) in objects
                .references_glob(&glob)
                .map_err(failed())?
                .enumerate()
            {
                if count >= MAX_TAGS {
                    return Err(GitError::Program {
                        reason: format!("the repository has more than {MAX_TAGS} tags"),
                    });
                }
                let reference = reference.map_err(failed())?;
                let name = reference.name().ok();
                let Some(name) = name.and_then(|name| name.strip_prefix(prefix)) else {
                    continue;
                };
                if is_wanted(name)
                    && let Some(tag) = read(&objects, &reference, name).map_err(failed())?
                {
                    let is_remote = prefix == TRACKING_TAGS;
                    let tag = Tag { is_remote, ..tag };
                    tags.insert(name.to_owned(), tag);
                }
            }
        }
        Ok(tags.into_values().collect())
    }

    /// Which of some commits are `head` or part of its history, as far as that is here.
    ///
    /// # Errors
    ///
    /// When the history cannot be read.
    pub fn reached(&self, some: &BTreeSet<Oid>, head: Oid) -> Result<BTreeSet<Oid>, GitError> {
        let failed = || GitError::objects(self.name(), "reading the history");
        let objects = self.objects();
        let mut walk = objects.revwalk().map_err(failed())?;
        walk.push(head).map_err(failed())?;
        let mut left = some.clone();
        for commit in walk {
            if left.is_empty() {
                break;
            }
            left.remove(&commit.map_err(failed())?);
        }
        Ok(some.difference(&left).copied().collect())
    }

    /// Makes annotated tags. One whose name is taken is left as it is, and is an error.
    ///
    /// # Errors
    ///
    /// When a name is taken or refused, or a commit is not here.
    pub fn make_tags(
        &self,
        tags: &[NewTag],
        by: &Identity,
        time: Timestamp,
    ) -> Result<(), GitError> {
        let by = by.at(time)?;
        let objects = self.objects();
        for tag in tags {
            let failed = || GitError::objects(self.name(), "making a tag");
            let commit = objects
                .find_object(tag.commit, Some(ObjectType::Commit))
                .map_err(failed())?;
            objects
                .tag(&tag.name, &commit, &by, &tag.message, false)
                .map_err(failed())?;
        }
        Ok(())
    }

    /// Pushes tags to the remote. Nothing of it is replaced.
    ///
    /// # Errors
    ///
    /// When the remote has another tag of a name, refuses, or cannot be reached.
    pub fn push_tags(&self, tags: &[&str]) -> Result<(), GitError> {
        for some in tags.chunks(PUSHED_AT_ONCE) {
            let names: Vec<String> = some.iter().map(|tag| format!("{OWN_TAGS}{tag}")).collect();
            self.push_references(&names)?;
        }
        Ok(())
    }
}

fn read(
    objects: &git2::Repository,
    reference: &git2::Reference<'_>,
    name: &str,
) -> Result<Option<Tag>, git2::Error> {
    let object = reference.peel(ObjectType::Any)?;
    let Ok(commit) = object.peel_to_commit() else {
        return Ok(None);
    };
    let annotated = reference
        .target()
        .and_then(|target| objects.find_tag(target).ok());
    let tagger = annotated.as_ref().and_then(git2::Tag::tagger);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let by = tagger.as_ref().map_or_else(
        || text(commit.author().name_bytes()),
        |tagger| text(tagger.name_bytes()),
    );
    let message = annotated.as_ref().and_then(git2::Tag::message_bytes);
    let message = message.filter(|message| message.len() <= MAX_MESSAGE_BYTES);
    Ok(Some(Tag {
        name: name.to_owned(),
        commit: commit.id(),
        time: tagger.map_or_else(|| commit.time().seconds(), |tagger| tagger.when().seconds()),
        by,
        message: message.map(text).unwrap_or_default(),
        is_remote: false,
    }))
}
