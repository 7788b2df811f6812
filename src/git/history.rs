//! Who changed what, and when they say they did. Dates and names in commits are claims of their authors.

use git2::Oid;
use jiff::Timestamp;

use crate::git::error::GitError;
use crate::git::repository::Repository;

/// The most commits that one question visits.
pub const MAX_COMMITS: usize = 100_000;

/// Who a commit says it is by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Person {
    /// The name; what is not UTF-8 in it is replaced.
    pub name: String,
    /// The mail address, as written; what is not UTF-8 in it is replaced.
    pub email: String,
}

/// The signature in a commit, and the bytes that it is over. Not checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitSignature {
    /// The armoured signature.
    pub signature: String,
    /// The commit without it.
    pub payload: Vec<u8>,
}

/// What a commit says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitInfo {
    /// The commit.
    pub id: Oid,
    /// Who wrote the change.
    pub author: Person,
    /// Who made the commit.
    pub committer: Person,
    /// When the commit was made, as the committer's clock said.
    pub time: Timestamp,
    /// The first line of the message.
    pub summary: String,
    /// The commits it follows.
    pub parents: Vec<Oid>,
    /// Its signature, when it has exactly one.
    pub signature: Option<CommitSignature>,
}

impl Repository {
    /// What a commit says of itself.
    ///
    /// # Errors
    ///
    /// When it is not here.
    pub fn commit_info(&self, commit: Oid) -> Result<CommitInfo, GitError> {
        commit_info(&self.objects(), self.name(), commit)
    }
}

fn commit_info(
    objects: &git2::Repository,
    repository: &str,
    id: Oid,
) -> Result<CommitInfo, GitError> {
    let failed = || GitError::objects(repository, "reading a commit");
    let commit = objects.find_commit(id).map_err(failed())?;
    let raw = objects
        .odb()
        .and_then(|odb| odb.read(id).map(|object| object.data().to_owned()))
        .map_err(failed())?;
    let seconds = commit.time().seconds();
    let clamped = seconds.clamp(Timestamp::MIN.as_second() + 1, Timestamp::MAX.as_second());
    Ok(CommitInfo {
        id,
        author: person(&commit.author()),
        committer: person(&commit.committer()),
        time: Timestamp::from_second(clamped).unwrap_or(Timestamp::UNIX_EPOCH),
        summary: String::from_utf8_lossy(commit.summary_bytes().unwrap_or_default()).into_owned(),
        parents: commit.parent_ids().collect(),
        signature: split_signature(&raw),
    })
}

pub(super) fn person(signature: &git2::Signature<'_>) -> Person {
    Person {
        name: String::from_utf8_lossy(signature.name_bytes()).into_owned(),
        email: String::from_utf8_lossy(signature.email_bytes()).into_owned(),
    }
}

/// Takes the signature out of a commit's bytes, as Git does (`commit.c`, `parse_signed_commit`): the headers `gpgsig`
/// and `gpgsig-sha256` with their continuation lines. libgit2's own function also finds "signatures" in messages.
pub(super) fn split_signature(raw: &[u8]) -> Option<CommitSignature> {
    let mut signatures: Vec<Vec<u8>> = Vec::new();
    let mut payload = Vec::with_capacity(raw.len());
    let mut lines = raw.split_inclusive(|byte| *byte == b'\n');
    let mut is_signature = false;
    for line in lines.by_ref() {
        if line == b"\n" {
            payload.push(b'\n');
            break;
        }
        let continuation = line.strip_prefix(b" ").filter(|_| is_signature);
        if let Some(text) = continuation {
            if let Some(last) = signatures.last_mut() {
                last.extend(text);
            }
            continue;
        }
        is_signature = line.starts_with(b"gpgsig ") || line.starts_with(b"gpgsig-sha256 ");
        match line.strip_prefix(b"gpgsig ") {
            Some(text) => signatures.push(text.to_owned()),
            None if is_signature => signatures.push(Vec::new()),
            None => payload.extend(line),
        }
    }
    payload.extend(lines.flatten());
    let [signature] = <[Vec<u8>; 1]>::try_from(signatures).ok()?;
    let signature = String::from_utf8(signature).ok()?;
    Some(CommitSignature { signature, payload })
}
