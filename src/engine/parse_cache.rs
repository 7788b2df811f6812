//! What files of the promotion repository say, parsed once: for the next look, and what versions say also for the next program
//! (decision 0015).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use crate::engine::error::EngineError;
use crate::engine::world::MAX_FILE_BYTES;
use crate::fs::kept;
use crate::git::Oid;
use crate::git::snapshot::{Entry, Snapshot};
use crate::manifest::kept::{KeptVersion, decode, encode, is_kept};
use crate::manifest::layout::{classify, explain_unexpected};
use crate::manifest::parsed::{ParsedFile, parse_file};
use crate::model::digest::Sha256;
use crate::model::event::Adoption;

/// How many files may be new without being kept: they are read again in less time than a large file is written.
const KEEP_FROM: usize = 256;
/// The largest file that is kept, in bytes: some 300,000 versions.
const MAX_KEPT_BYTES: usize = 512 << 20;

/// The newest file of each path that was parsed, with the name that Git has for its bytes, so that what did not change is
/// not parsed again.
#[derive(Debug, Default)]
pub struct ParseCache {
    files: BTreeMap<String, (Oid, Option<Arc<ParsedFile>>)>,
    /// How many were parsed that are not kept on the machine.
    new: usize,
    /// The adoption that files were held against last: its commit and its index.
    held: Option<(String, Sha256)>,
}

impl ParseCache {
    /// What was kept on this machine; nothing when that is damaged, or somebody else could have written it.
    #[must_use]
    pub fn load(path: &Path) -> Self {
        let kept = kept::load(path, MAX_KEPT_BYTES).ok().flatten();
        let versions = kept.as_deref().and_then(kept::open).map(decode);
        let file = |version: KeptVersion| {
            let oid = Oid::from_str(&version.oid).ok()?;
            Some((version.path, (oid, Some(Arc::new(version.file)))))
        };
        let versions = versions.into_iter().flatten();
        Self {
            files: versions.filter_map(file).collect(),
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

    /// Keeps the files of versions that a snapshot has, if enough of them are new. That they cannot be kept stops nobody.
    ///
    /// # Errors
    ///
    /// When the snapshot cannot be listed.
    pub fn keep(&mut self, path: &Path, head: &Snapshot) -> Result<(), EngineError> {
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
        let bytes = kept::seal(&encode(&files.collect::<Vec<_>>()));
        if let Err(error) = kept::keep(path, &bytes, MAX_KEPT_BYTES) {
            let path = path.display();
            tracing::debug!(%path, %error, "what versions say is not kept");
        }
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
        let (mut opaque, mut fresh) = (Vec::new(), Vec::new());
        for entry in entries.clone().filter(is_new) {
            match classify(&entry.path) {
                Some(place) if !place.is_opaque() => fresh.push(entry),
                None if explain_unexpected(&entry.path).is_none() => {}
                Some(_) | None => opaque.push(entry),
            }
        }
        let oids: Vec<_> = fresh.iter().map(|entry| entry.oid).collect();
        let bytes = snapshot.repository().read_blobs(&oids, MAX_FILE_BYTES)?;
        let nothing = opaque.into_iter().map(|entry| (entry, Vec::new()));
        let parsed: Vec<_> = fresh
            .into_iter()
            .zip(bytes)
            .chain(nothing)
            .collect::<Vec<_>>()
            .into_par_iter()
            .map(|(entry, bytes)| {
                let file = parse_file(&entry.path, &bytes).map(Arc::new);
                (entry.path.clone(), (entry.oid, file))
            })
            .collect();
        let new = parsed.iter().filter_map(|(_, (_, file))| file.as_deref());
        self.new += new.filter(|file| is_kept(file)).count();
        self.files.extend(parsed);
        let found = entries.filter_map(|entry| {
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

    use super::*;
    use crate::engine::Engine;
    use crate::engine::testing::{Made, TestOrganisation};
    use crate::model::artifact::VersionId;

    const VERSION: &str = "wildlife/model/penguin-species@1.0.0";

    fn accuracy(mut engine: Engine) -> f64 {
        let world = engine.observe().unwrap();
        let id: VersionId = VERSION.parse().unwrap();
        let spec = &world.manifests.versions[&id].document.value.spec;
        spec.metrics[&"accuracy".parse().unwrap()]
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
        let lines = std::str::from_utf8(kept::open(&bytes).unwrap()).unwrap();
        let said = format!("\"accuracy\":{right}");
        assert!(lines.contains(&said), "{lines}");
        let forged = kept::seal(lines.replace(&said, "\"accuracy\":0.123").as_bytes());
        std::fs::write(&path, &forged).unwrap();
        assert_eq!(accuracy(organisation.observer()), 0.123);
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
        let bytes = std::fs::read(&path).unwrap();
        let lines = std::str::from_utf8(kept::open(&bytes).unwrap()).unwrap();
        let right = accuracy(organisation.observer());
        let stale = lines.replace(&format!("\"accuracy\":{right}"), "\"accuracy\":0.123");
        let other = stale.replace("\"oid\":\"", "\"oid\":\"0");
        let other = other.replace("0\"oid", "oid");
        kept::keep(&path, &kept::seal(other.as_bytes()), MAX_KEPT_BYTES).unwrap();
        assert_eq!(accuracy(organisation.observer()), right);
    }
}
