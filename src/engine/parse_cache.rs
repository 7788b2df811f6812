//! What files of the promotion repository say, parsed once: for the next look, and what versions say also for the next program
//! (decision 0015).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rayon::iter::{IntoParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _};

use crate::engine::error::EngineError;
use crate::engine::in_force::Before;
use crate::engine::kept_files::{KEEP_FROM, load, store};
use crate::engine::world::MAX_FILE_BYTES;
use crate::git::Oid;
use crate::git::snapshot::{Entry, Snapshot};
use crate::manifest::kept::{KeptVersions, is_kept};
use crate::manifest::layout::{classify, explain_unexpected};
use crate::manifest::parsed::{ParsedFile, parse_file};
use crate::model::digest::Sha256;
use crate::model::event::Adoption;

/// The newest file of each path that was parsed, with the name that Git has for its bytes, so that what did not change is
/// not parsed again.
#[derive(Debug, Default)]
pub struct ParseCache {
    files: BTreeMap<String, (Oid, Option<Arc<ParsedFile>>)>,
    /// What was kept on the machine, until the first look is over.
    kept: KeptVersions,
    /// How many were parsed that are not kept on the machine.
    new: usize,
    /// What was in force at the look before.
    pub(super) before: Option<Before>,
    /// The adoption that files were held against last: its commit and its index.
    held: Option<(String, Sha256)>,
}

impl ParseCache {
    /// A cache that knows what was kept on this machine.
    #[must_use]
    pub fn load(path: &Path) -> Self {
        Self {
            kept: load(path),
            ..Self::default()
        }
    }

    /// Does once for each adoption what need not be done at every look. Commits never change.
    ///
    /// # Errors
    ///
    /// What the work says.
    pub fn once(
        &mut self,
        adoption: &Adoption,
        work: impl FnOnce() -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let this = (adoption.commit.clone(), adoption.index);
        if self.held.as_ref() != Some(&this) {
            work()?;
            self.held = Some(this);
        }
        Ok(())
    }

    /// Keeps the files of versions that a snapshot has, if enough of them are new, and forgets what was kept before.
    ///
    /// # Errors
    ///
    /// When the snapshot cannot be listed.
    pub fn keep(&mut self, path: &Path, head: &Snapshot) -> Result<(), EngineError> {
        self.kept = KeptVersions::default();
        if self.new >= KEEP_FROM {
            self.new = 0;
            self.write(path, head)?;
        }
        Ok(())
    }

    fn write(&self, path: &Path, head: &Snapshot) -> Result<(), EngineError> {
        let files = head.all()?.iter().filter_map(|entry| {
            let file = self.known(entry)?.as_deref()?;
            Some((entry.path.as_str(), entry.oid.to_string(), file))
        });
        store(path, &files.collect::<Vec<_>>());
        Ok(())
    }

    /// The parsed files among those that a snapshot has.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    pub fn parse<'a>(
        &mut self,
        snapshot: &Snapshot,
        entries: impl Iterator<Item = &'a Entry> + Clone,
    ) -> Result<Vec<(&'a str, Arc<ParsedFile>)>, EngineError> {
        let is_new = |entry: &&Entry| entry.kind.is_file() && self.known(entry).is_none();
        let new: Vec<&Entry> = entries.clone().filter(is_new).collect();
        let named = |entry: &&Entry| match self.kept.is_empty() {
            true => None,
            false => self.kept.named(&entry.path, &entry.oid.to_string()),
        };
        let kept: Vec<_> = new.par_iter().map(named).collect();
        let (mut opaque, mut fresh, mut files) = (Vec::new(), Vec::new(), Vec::new());
        for (entry, kept) in new.into_iter().zip(kept) {
            if let Some(file) = kept {
                files.push((entry, Some(Arc::new(file))));
                continue;
            }
            match classify(&entry.path) {
                Some(place) if !place.is_opaque() => fresh.push(entry),
                None if explain_unexpected(&entry.path).is_none() => {}
                Some(_) | None => opaque.push(entry),
            }
        }
        let bytes = snapshot.repository().read_files(&fresh, MAX_FILE_BYTES)?;
        let nothing = opaque.into_iter().map(|entry| (entry, Vec::new()));
        let parsed: Vec<_> = fresh
            .into_iter()
            .zip(bytes)
            .chain(nothing)
            .collect::<Vec<_>>()
            .into_par_iter()
            .map(|(entry, bytes)| (entry, parse_file(&entry.path, &bytes).map(Arc::new)))
            .collect();
        let new = parsed.iter().filter_map(|(_, file)| file.as_deref());
        self.new += new.filter(|file| is_kept(file)).count();
        files.extend(parsed);
        let files = files.into_iter();
        let files = files.map(|(entry, file)| (entry.path.clone(), (entry.oid, file)));
        match self.files.is_empty() {
            // All at once is faster.
            true => self.files = files.collect(),
            false => self.files.extend(files),
        }
        let found = entries
            .filter(|entry| entry.kind.is_file())
            .filter_map(|entry| {
                let file = self.known(entry)?.clone()?;
                Some((entry.path.as_str(), file))
            });
        Ok(found.collect())
    }

    fn known(&self, entry: &Entry) -> Option<&Option<Arc<ParsedFile>>> {
        let (oid, file) = self.files.get(&entry.path)?;
        (*oid == entry.oid).then_some(file)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests arrange files")]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use crate::engine::Engine;
    use crate::engine::kept_files::MAX_KEPT_BYTES;
    use crate::engine::testing::{Made, TestOrganisation};
    use crate::fs::kept;
    use crate::model::artifact::VersionId;

    const VERSION: &str = "wildlife/model/penguin-species@1.0.0";

    fn accuracy(mut engine: Engine) -> f64 {
        let world = engine.observe().unwrap();
        let id: VersionId = VERSION.parse().unwrap();
        let version = world.manifests.versions.get(&id).unwrap();
        let spec = &version.document.value.spec;
        spec.metrics[&"accuracy".parse().unwrap()]
    }

    /// What is kept with another accuracy, and that.
    fn forge(kept: &[u8], right: f64) -> (Vec<u8>, f64) {
        let said = format!("\"accuracy\":{right}");
        let mut starts = kept.windows(said.len());
        let start = starts.position(|bytes| bytes == said.as_bytes()).unwrap();
        let last = start + said.len() - 1;
        let mut forged = kept.to_vec();
        forged[last] = if kept[last] == b'1' { b'2' } else { b'1' };
        let number = std::str::from_utf8(&forged[start + 11..=last]).unwrap();
        (forged.clone(), number.parse().unwrap())
    }

    #[test]
    fn what_is_kept_of_versions_counts_only_when_nobody_else_could_have_written_it() {
        let organisation = TestOrganisation::new();
        organisation.register("eve", VERSION, &Made::default());
        let right = accuracy(organisation.observer());

        let mut engine = organisation.observer();
        let path = engine.versions_path().unwrap();
        let head = engine.observe().unwrap().head;
        engine.cache.write(&path, &head).unwrap();
        assert_eq!(accuracy(organisation.observer()), right);

        let bytes = std::fs::read(&path).unwrap();
        let (forged, wrong) = forge(kept::open(&bytes).unwrap(), right);
        assert_ne!(wrong, right);
        let forged = kept::seal(&forged);
        std::fs::write(&path, &forged).unwrap();
        assert_eq!(accuracy(organisation.observer()), wrong);
        assert_eq!(
            accuracy(organisation.observer().verifying_everything()),
            right
        );
        std::fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        assert_eq!(accuracy(organisation.observer()), right);
        std::fs::remove_file(&path).unwrap();
        kept::keep(&path, &forged[..forged.len() - 1], MAX_KEPT_BYTES).unwrap();
        assert_eq!(accuracy(organisation.observer()), right);
    }

    #[test]
    fn only_new_versions_are_a_reason_to_write() {
        let organisation = TestOrganisation::new();
        organisation.register("eve", VERSION, &Made::default());
        let mut engine = organisation.observer();
        let path = engine.versions_path().unwrap();
        let head = engine.observe().unwrap().head;
        assert_eq!(engine.cache.new, 2, "a manifest and its checksums");
        engine.cache.write(&path, &head).unwrap();
        let mut engine = organisation.observer();
        engine.observe().unwrap();
        assert_eq!(engine.cache.new, 0);
    }

    #[test]
    fn what_was_kept_of_other_bytes_is_not_believed() {
        let organisation = TestOrganisation::new();
        organisation.register("eve", VERSION, &Made::default());
        let mut engine = organisation.observer();
        let path = engine.versions_path().unwrap();
        let head = engine.observe().unwrap().head;
        engine.cache.write(&path, &head).unwrap();
        let right = accuracy(organisation.observer());
        let bytes = std::fs::read(&path).unwrap();
        let (mut other, _) = forge(kept::open(&bytes).unwrap(), right);
        let head = engine.observe().unwrap().head;
        let name = head.oid("models/wildlife/penguin-species/1.0.0.yaml");
        let name = name.unwrap().unwrap().to_string();
        let mut names = other.windows(name.len());
        let start = names.position(|bytes| bytes == name.as_bytes()).unwrap();
        other[start] ^= 1;
        kept::keep(&path, &kept::seal(&other), MAX_KEPT_BYTES).unwrap();
        assert_eq!(accuracy(organisation.observer()), right);
    }
}
