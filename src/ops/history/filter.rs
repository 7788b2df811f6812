//! Which entries are asked for.

use std::collections::BTreeSet;

use jiff::Timestamp;
use semver::Version;

use crate::engine::book::Book;
use crate::error::{Failure, FailureKind, Result};
use crate::model::artifact::ArtifactId;
use crate::model::digest::{Sha256, TreeDigest};
use crate::model::event::Event;
use crate::model::id::{EnvironmentName, WorkspaceName};
use crate::ops::history::{HistoryRow, Who};
use crate::ops::plan::unknown;

/// The fewest digits of a digest that name one.
const MIN_DIGITS: usize = 6;

/// Which entries are asked for, as people write it; nothing set means all.
#[derive(Debug, Clone, Default)]
pub struct HistoryFilter {
    /// An artifact: `project/kind/name`, `project/name`, or a name that only one has; with `@version` that version alone.
    pub artifact: Option<String>,
    /// An environment.
    pub environment: Option<EnvironmentName>,
    /// A workspace.
    pub workspace: Option<WorkspaceName>,
    /// A digest or another hash that entries name things by: whole, or its first digits.
    pub digest: Option<String>,
    /// Who signed: a principal, the name that is printed of one, or the engine that recorded it.
    pub by: Option<String>,
    /// The word for the event.
    pub event: Option<String>,
    /// Nothing before this moment.
    pub since: Option<Timestamp>,
    /// Nothing after this moment.
    pub until: Option<Timestamp>,
    /// No more than so many, the newest.
    pub limit: Option<usize>,
}

/// A filter whose names are known.
#[derive(Debug)]
pub(crate) struct Resolved {
    artifact: Option<ArtifactId>,
    version: Option<Version>,
    digits: Option<String>,
    filter: HistoryFilter,
}

impl HistoryFilter {
    /// Finds what the names mean.
    pub(crate) fn resolve(&self, book: &Book) -> Result<Resolved> {
        let (artifact, version) = match &self.artifact {
            Some(text) => {
                let (artifact, version) = find_artifact(text, &artifacts_of(book))?;
                (Some(artifact), version)
            }
            None => (None, None),
        };
        let mut filter = self.clone();
        if let Some(by) = &self.by {
            let by = principal_of(book, by)?;
            check_known("principal or engine", &by, &people_of(book))?;
            filter.by = Some(by);
        }
        Ok(Resolved {
            artifact,
            version,
            digits: self.digest.as_deref().map(digits).transpose()?,
            filter,
        })
    }
}

impl Resolved {
    /// Whether a moment is within the times that were asked for.
    pub(crate) fn has_time(&self, time: Timestamp) -> bool {
        self.filter.since.is_none_or(|since| time >= since)
            && self.filter.until.is_none_or(|until| time <= until)
    }

    pub(crate) const fn limit(&self) -> Option<usize> {
        self.filter.limit
    }

    pub(crate) fn matches(&self, row: &HistoryRow) -> bool {
        let filter = &self.filter;
        let is_by = filter.by.as_ref().is_none_or(|by| {
            row.signers.iter().any(|who| self.has_person(who)) || row.entry.engine.as_str() == by
        });
        is_by
            && filter.event.as_ref().is_none_or(|event| event == row.word)
            && self.has_time(row.entry.recorded_at)
            && self.has_artifact(row.artifact.as_ref(), row.version.as_ref())
            && self.has_environment(row.environment.as_ref())
            && self.has_workspace(row.workspace.as_ref())
            && self.has_digest(&row.hashes)
    }

    /// Whether a person is the one who was asked for.
    pub(crate) fn has_person(&self, who: &Who) -> bool {
        let by = self.filter.by.as_ref();
        by.is_none_or(|by| who.principal.as_str() == by)
    }

    pub(crate) fn has_artifact(
        &self,
        artifact: Option<&ArtifactId>,
        version: Option<&Version>,
    ) -> bool {
        let is_artifact = self.artifact.is_none() || self.artifact.as_ref() == artifact;
        is_artifact && (self.version.is_none() || self.version.as_ref() == version)
    }

    pub(crate) fn has_environment(&self, environment: Option<&EnvironmentName>) -> bool {
        let asked = self.filter.environment.as_ref();
        asked.is_none() || asked == environment
    }

    pub(crate) fn has_workspace(&self, workspace: Option<&WorkspaceName>) -> bool {
        let asked = self.filter.workspace.as_ref();
        asked.is_none() || asked == workspace
    }

    pub(crate) fn has_digest(&self, hashes: &[Sha256]) -> bool {
        let Some(digits) = &self.digits else {
            return true;
        };
        hashes
            .iter()
            .any(|hash| hash.to_string().starts_with(digits))
    }
}

/// The digits of a hash, whole or in part.
///
/// # Errors
///
/// When it is none.
pub(crate) fn digits(text: &str) -> Result<String> {
    let digits = text.strip_prefix(TreeDigest::PREFIX).unwrap_or(text);
    let digits = digits.to_ascii_lowercase();
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex && (MIN_DIGITS..=64).contains(&digits.len()) {
        return Ok(digits);
    }
    let failure = Failure::new(FailureKind::Usage, format!("`{text}` is not a digest"));
    Err(failure.hint(format!(
        "write all of it, or at least its first {MIN_DIGITS} digits"
    )))
}

/// The artifact that a person means, of those there are; and the version, if one is named.
///
/// # Errors
///
/// When there is none, or several.
pub(crate) fn find_artifact(
    text: &str,
    known: &BTreeSet<ArtifactId>,
) -> Result<(ArtifactId, Option<Version>)> {
    let (name, version) = match text.rsplit_once('@') {
        Some((name, version)) => (name, Some(parse_version(version)?)),
        None => (text, None),
    };
    let is_meant = |artifact: &&ArtifactId| {
        let whole = artifact.to_string();
        let short = format!("{}/{}", artifact.project, artifact.name);
        name == whole || name == short || name == artifact.name.as_str()
    };
    let found: Vec<&ArtifactId> = known.iter().filter(is_meant).collect();
    match found.as_slice() {
        [one] => Ok(((*one).clone(), version)),
        [] => {
            let names: Vec<String> = known.iter().map(ToString::to_string).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            Err(unknown("artifact", name, &names))
        }
        several => {
            let names: Vec<String> = several.iter().map(|name| format!("`{name}`")).collect();
            let failure = Failure::new(
                FailureKind::Usage,
                format!("`{name}` is the name of {} artifacts", several.len()),
            );
            Err(failure.hint(format!("write one of {}", names.join(", "))))
        }
    }
}

fn parse_version(text: &str) -> Result<Version> {
    text.parse().map_err(|error: semver::Error| {
        Failure::of(FailureKind::Usage, &error)
            .during(format!("`{text}` is not a semantic version"))
            .hint("write three numbers, such as `1.0.0`")
    })
}

fn artifacts_of(book: &Book) -> BTreeSet<ArtifactId> {
    let state = book.state();
    let registered = state.registrations.keys().map(|id| id.artifact.clone());
    let promoted = state.slots.keys().map(|slot| slot.artifact.clone());
    registered.chain(promoted).collect()
}

/// The principal that a printed name belongs to; the text itself when it is no such name.
///
/// # Errors
///
/// When several have that name: then only a principal says who is meant.
pub(crate) fn principal_of(book: &Book, text: &str) -> Result<String> {
    let principals = book.root().into_iter().flat_map(|root| &root.principals);
    let named: Vec<&str> = principals
        .filter(|(principal, known)| known.name == text && principal.as_str() != text)
        .map(|(principal, _)| principal.as_str())
        .collect();
    match named.as_slice() {
        [] => Ok(text.to_owned()),
        [one] => Ok((*one).to_owned()),
        several => {
            let names: Vec<String> = several.iter().map(|name| format!("`{name}`")).collect();
            let failure = Failure::new(
                FailureKind::Usage,
                format!("`{text}` is the name of {} people", several.len()),
            );
            Err(failure.hint(format!("write one of {}", names.join(", "))))
        }
    }
}

/// Everyone who is or was anyone.
fn people_of(book: &Book) -> BTreeSet<String> {
    let root = book.root();
    let principals = root.iter().flat_map(|root| root.principals.keys());
    let engines = root.iter().flat_map(|root| root.engines.keys());
    let mut names: BTreeSet<String> = principals.map(ToString::to_string).collect();
    names.extend(engines.map(ToString::to_string));
    for entry in book.entries() {
        names.insert(entry.engine.to_string());
        match &entry.event {
            Event::Received(receipt) => names.insert(receipt.signer.to_string()),
            Event::Refused { signer, .. } => names.insert(signer.to_string()),
            Event::Registered(registration) => match &registration.producer {
                Some(producer) => names.insert(producer.to_string()),
                None => false,
            },
            Event::Adopted(_)
            | Event::Decided(_)
            | Event::Intended(_)
            | Event::TakenOver { .. }
            | Event::Ended(_) => false,
        };
    }
    names
}

fn check_known(what: &str, name: &str, known: &BTreeSet<String>) -> Result<()> {
    if known.contains(name) {
        return Ok(());
    }
    let names: Vec<&str> = known.iter().map(String::as_str).collect();
    Err(unknown(what, name, &names))
}
