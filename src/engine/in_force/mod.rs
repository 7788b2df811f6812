//! The manifests in force: governed files of the adopted commit, everything else of the head. What did not change since the
//! look before is not put together again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Severity};
use crate::engine::error::EngineError;
use crate::engine::parse_cache::ParseCache;
use crate::engine::pins;
use crate::engine::world::governed_entries;
use crate::git::changes::Change;
use crate::git::snapshot::{Entry, MAX_ENTRIES, Snapshot};
use crate::manifest::changed::can_change;
use crate::manifest::layout::{Place, classify, is_governed, path_of};
use crate::manifest::parsed::ParsedFile;
use crate::manifest::repository::Repository;
use crate::model::digest::{Sha256, TreePath};
use crate::model::event::Adoption;

/// How many files may have changed for only them to be looked at.
const MAX_CHANGES: usize = 1_000;

/// What was in force at a look, for the next one.
#[derive(Debug)]
pub struct Before {
    /// The adoption that governed files were of: its commit and its index.
    adoption: (String, Sha256),
    head: Snapshot,
    /// How many files it had at most.
    count: usize,
    manifests: Arc<Repository>,
    ignored: Vec<Diagnostic>,
    /// The files that were passed over, with the places that they have.
    passed_over: BTreeMap<String, Option<Place>>,
}

/// Files by path, read.
type Files = Vec<(String, Arc<ParsedFile>)>;

/// Puts the manifests in force together: governed files of the adopted commit, everything else of the head. Files of
/// the head that are not valid are passed over, so that one team's mistake stops nobody else.
///
/// # Errors
///
/// When the governed files themselves are not valid, or are others than those that were adopted.
pub fn manifests_in_force(
    cache: &mut ParseCache,
    head: &Snapshot,
    adopted: &Snapshot,
    adoption: &Adoption,
) -> Result<(Arc<Repository>, Vec<Diagnostic>), EngineError> {
    let key = (adoption.commit.clone(), adoption.index);
    // Whatever fails from here on, the next look begins anew.
    let before = cache.before.take();
    let before = before.filter(|before| before.adoption == key);
    let now = match before {
        Some(before) => match before.changes(head)? {
            Some(changes) => before.go_on(cache, head, &changes)?,
            None => afresh(cache, (key, head), adopted, adoption)?,
        },
        None => afresh(cache, (key, head), adopted, adoption)?,
    };
    let found = (Arc::clone(&now.manifests), now.ignored.clone());
    cache.before = Some(now);
    Ok(found)
}

/// Whether a file counts as it was adopted, not as the head has it. The trust files sign themselves, so no index pins them;
/// the head's are as good as nothing until they are adopted.
fn is_of_adopted(path: &str) -> bool {
    is_governed(path) || path.starts_with("trust/")
}

fn afresh(
    cache: &mut ParseCache,
    (key, head): ((String, Sha256), &Snapshot),
    adopted: &Snapshot,
    adoption: &Adoption,
) -> Result<Before, EngineError> {
    let is_adopted = |path: &str| {
        path.starts_with("trust/")
            || path
                .parse::<TreePath>()
                .is_ok_and(|path| adoption.files.contains_key(&path))
    };
    let governed = governed_entries(adopted)?;
    cache.once(adoption, || pins::check_all(adopted, &governed, adoption))?;
    let of_adopted = |entry: &&Entry| is_of_adopted(&entry.path) && is_adopted(&entry.path);
    let of_head = |entry: &&Entry| !is_of_adopted(&entry.path);
    let mut files = cache.parse(adopted, governed.iter().filter(of_adopted))?;
    files.extend(cache.parse(head, head.all()?.iter().filter(of_head))?);
    let owned = files
        .into_iter()
        .map(|(path, file)| (path.to_owned(), file));
    let files: Files = owned.collect();
    let count = head.all()?.len();
    Ok(put_together(files, &mut Anew)?.before(key, head, count))
}

/// What files are put together on top of.
trait Base {
    fn assemble(&self, files: Vec<Arc<ParsedFile>>) -> (Option<Repository>, Vec<Diagnostic>);

    /// Takes files out of the base, because something is wrong with them, and returns them with those that belong to them.
    fn take_out(&mut self, paths: &BTreeSet<String>) -> Result<Files, EngineError>;
}

/// On top of nothing.
struct Anew;

impl Base for Anew {
    fn assemble(&self, files: Vec<Arc<ParsedFile>>) -> (Option<Repository>, Vec<Diagnostic>) {
        Repository::assemble(files)
    }

    fn take_out(&mut self, _: &BTreeSet<String>) -> Result<Files, EngineError> {
        Ok(Files::new())
    }
}

/// What came of putting files together.
struct PutTogether {
    manifests: Repository,
    ignored: Vec<Diagnostic>,
    passed_over: BTreeMap<String, Option<Place>>,
}

impl PutTogether {
    fn before(self, adoption: (String, Sha256), head: &Snapshot, count: usize) -> Before {
        Before {
            adoption,
            head: head.clone(),
            count,
            manifests: Arc::new(self.manifests),
            ignored: self.ignored,
            passed_over: self.passed_over,
        }
    }
}

/// Puts files together without those that are not valid.
fn put_together(mut files: Files, base: &mut impl Base) -> Result<PutTogether, EngineError> {
    let mut ignored: Vec<Diagnostic> = Vec::new();
    let mut passed_over = BTreeMap::new();
    loop {
        let (repository, problems) =
            base.assemble(files.iter().map(|(_, file)| Arc::clone(file)).collect());
        if let Some(manifests) = repository {
            return Ok(PutTogether {
                manifests,
                ignored,
                passed_over,
            });
        }
        let errors = problems
            .iter()
            .filter(|problem| problem.severity == Severity::Error);
        let broken: BTreeSet<String> = errors
            .map(|problem| problem.loc.file.path.clone())
            .collect();
        let (governed, others): (BTreeSet<String>, BTreeSet<String>) =
            broken.into_iter().partition(|path| is_of_adopted(path));
        let here: BTreeSet<&String> = files.iter().map(|(path, _)| path).collect();
        let absent = others.iter().filter(|path| !here.contains(path));
        let absent: BTreeSet<String> = absent.cloned().collect();
        files.extend(base.take_out(&absent)?);
        let before = files.len();
        let (gone, left): (Files, Files) = files
            .into_iter()
            .partition(|(path, _)| others.contains(path));
        files = left;
        passed_over.extend(
            gone.into_iter()
                .map(|(path, file)| (path, file.place.clone())),
        );
        ignored.extend(
            problems
                .iter()
                .filter(|problem| others.contains(&problem.loc.file.path))
                .cloned(),
        );
        if files.len() == before || !governed.is_empty() && others.is_empty() {
            return Err(EngineError::Invalid(problems));
        }
    }
}

impl Before {
    /// What is other at a head; `None` when that is too much for only that to be looked at.
    fn changes(&self, head: &Snapshot) -> Result<Option<Vec<Change>>, EngineError> {
        let repository = head.repository();
        let mut changes = repository.changed_paths(Some(&self.head), head)?;
        // Of governed files the adopted ones count, and those are the same.
        changes.retain(|change| !is_of_adopted(&change.path));
        let is_few = changes.len() <= MAX_CHANGES && self.count + changes.len() <= MAX_ENTRIES;
        Ok(is_few.then_some(changes))
    }

    /// The same at another head. What was passed over is looked at again, since what changed can have mended it.
    ///
    /// Nothing is wrong with what was not passed over, so only what did change, and what was passed over, can be wrong, and
    /// what says something about these: the answer is that of putting everything together.
    fn go_on(
        self,
        cache: &mut ParseCache,
        head: &Snapshot,
        changes: &[Change],
    ) -> Result<Self, EngineError> {
        if changes.is_empty() {
            let head = head.clone();
            return Ok(Self { head, ..self });
        }
        let count = self.count + changes.len();
        let paths = changes.iter().map(|change| &change.path);
        let paths: BTreeSet<String> = paths.chain(self.passed_over.keys()).cloned().collect();
        let mut changed = Changed {
            manifests: &self.manifests,
            cache,
            head,
            places: BTreeSet::new(),
            paths: BTreeSet::new(),
        };
        let files = changed.take_out(&paths)?;
        let now = put_together(files, &mut changed)?;
        Ok(now.before(self.adoption, head, count))
    }
}

/// On top of manifests that were in force, without some of them.
struct Changed<'a> {
    manifests: &'a Repository,
    cache: &'a mut ParseCache,
    head: &'a Snapshot,
    /// The places of what was taken out, or was not there.
    places: BTreeSet<Place>,
    /// The paths that were looked at.
    paths: BTreeSet<String>,
}

impl Base for Changed<'_> {
    fn assemble(&self, files: Vec<Arc<ParsedFile>>) -> (Option<Repository>, Vec<Diagnostic>) {
        self.manifests.reassemble(&self.places, files)
    }

    fn take_out(&mut self, paths: &BTreeSet<String>) -> Result<Files, EngineError> {
        let places = paths.iter().filter_map(|path| classify(path));
        let places: BTreeSet<Place> = places.filter(can_change).collect();
        let siblings = places.iter().flat_map(siblings);
        let mut entries = Vec::new();
        for path in siblings.chain(paths.iter().cloned()) {
            if self.paths.insert(path.clone())
                && let Some((kind, oid)) = self.head.entry(&path)?
            {
                entries.push(Entry { path, kind, oid });
            }
        }
        self.places.extend(places);
        entries.sort();
        let files = self.cache.parse(self.head, entries.iter())?;
        let owned = files
            .into_iter()
            .map(|(path, file)| (path.to_owned(), file));
        Ok(owned.collect())
    }
}

/// The files that are put together with the one at a place.
fn siblings(place: &Place) -> Vec<String> {
    match place {
        Place::Version(id) | Place::Checksums(id) | Place::VersionSignature(id) => vec![
            path_of(&Place::Version(id.clone())),
            path_of(&Place::Checksums(id.clone())),
        ],
        Place::Artifact(_)
        | Place::Attestation(..)
        | Place::Release(_)
        | Place::ReleaseSignature(_)
        | Place::Topology
        | Place::Project(_)
        | Place::Workspace(_)
        | Place::Dataset(_)
        | Place::Policy(_)
        | Place::Freeze(_)
        | Place::TrustRoot
        | Place::TrustRootSignature(_)
        | Place::TrustIndex
        | Place::TrustIndexSignature(_)
        | Place::AllowedSigners => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
