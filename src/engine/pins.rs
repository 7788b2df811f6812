//! Governed files as they were adopted. An adoption in the ledger says by hash what is in force, and from which commit it was
//! read; the engine that recorded it wrote that commit down, and nobody signed it. So what stands there is held against what
//! was signed, each time that it is read.

use std::collections::BTreeMap;

use crate::engine::Engine;
use crate::engine::book::BookError;
use crate::engine::error::EngineError;
use crate::engine::record;
use crate::engine::world::MAX_FILE_BYTES;
use crate::git::snapshot::{Entry, Snapshot};
use crate::manifest::layout::{TRUST_INDEX_PATH, TRUST_ROOT_PATH};
use crate::model::digest::Sha256;
use crate::model::event::Adoption;

/// Holds all governed files and the trust files of the commit that was adopted against the adoption.
///
/// # Errors
///
/// When one is not there or has other bytes, or cannot be read.
pub(crate) fn check_all(
    adopted: &Snapshot,
    entries: &[Entry],
    adoption: &Adoption,
) -> Result<(), EngineError> {
    let trust = [
        (TRUST_ROOT_PATH, adoption.root),
        (TRUST_INDEX_PATH, adoption.index),
    ];
    let files = adoption.files.iter();
    let pins: BTreeMap<&str, Sha256> = files
        .map(|(path, sha256)| (path.as_str(), *sha256))
        .chain(trust)
        .collect();
    let pinned: Vec<&Entry> = entries
        .iter()
        .filter(|entry| entry.kind.is_file() && pins.contains_key(entry.path.as_str()))
        .collect();
    let bytes = adopted.repository().read_files(&pinned, MAX_FILE_BYTES)?;
    let found: BTreeMap<&str, Sha256> = pinned
        .iter()
        .zip(&bytes)
        .map(|(entry, bytes)| (entry.path.as_str(), Sha256::of(bytes)))
        .collect();
    let mut pins = pins.iter();
    match pins.find(|(path, sha256)| found.get(*path) != Some(sha256)) {
        Some((path, _)) => Err(other_than_adopted(path, adopted)),
        None => Ok(()),
    }
}

impl Engine {
    /// The bytes of a governed file as an adoption pinned it: out of the evidence, which is found by hash, so that a commit
    /// that was wrongly named once stops nobody for ever; else from that commit, if it has them.
    ///
    /// # Errors
    ///
    /// When they are in neither, or cannot be read.
    pub(crate) fn adopted_bytes(
        &self,
        (index, adoption): (u64, &Adoption),
        path: &str,
        pin: Sha256,
    ) -> Result<Vec<u8>, EngineError> {
        let evidence = record::evidence_path(pin, "yaml");
        match self.book()?.evidence(index, pin, &evidence) {
            Err(BookError::Evidence { .. }) => {}
            read => return Ok(read?),
        }
        let commit = adoption.commit.parse();
        let commit = commit
            .map_err(|_| EngineError::Internal(format!("`{}` is not a commit", adoption.commit)))?;
        let snapshot = self.repository.snapshot(commit)?;
        let bytes = snapshot.read(path, MAX_FILE_BYTES)?;
        let bytes = bytes.filter(|bytes| Sha256::of(bytes) == pin);
        bytes.ok_or_else(|| other_than_adopted(path, &snapshot))
    }
}

fn other_than_adopted(path: &str, snapshot: &Snapshot) -> EngineError {
    EngineError::OtherThanAdopted {
        path: path.to_owned(),
        commit: snapshot.commit().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::TestOrganisation;
    use crate::model::event::Event;

    const POLICY: &str = "policies/prod.yaml";
    const DATASET: &str = "datasets/penguins-field.yaml";
    const LOOSE: &str = "apiVersion: promote.dev/v1alpha1\nkind: Policy\nmetadata:\n  name: prod\nspec:\n  gates: []\n";

    /// An engine records what was signed, and names a commit in which somebody has changed a file.
    fn misnamed(path: &str, bytes: Option<&str>) -> TestOrganisation {
        let organisation = TestOrganisation::new();
        organisation.reconcile();
        organisation.govern(&["ann", "sue"], &[("freezes/year-end.yaml", None)]);
        let files = organisation.head_files().into_iter();
        let mut files: BTreeMap<_, _> = files.map(|(path, bytes)| (path, Some(bytes))).collect();
        files.insert(path.to_owned(), bytes.map(|text| text.as_bytes().to_vec()));
        organisation.commit("eve", "side", &files);
        let side = organisation.engine().repository().fetch(&["side"]).unwrap();
        let side = side["side"].unwrap().to_string();
        let recorded = organisation.record_changed(|event| {
            if let Event::Adopted(adoption) = event {
                adoption.commit.clone_from(&side);
            }
        });
        assert!(recorded.is_ok());
        organisation
    }

    #[test]
    fn an_engine_that_adopts_what_was_signed_from_another_commit_changes_no_rule() {
        for bytes in [Some(LOOSE), None] {
            let organisation = misnamed(POLICY, bytes);
            let error = organisation.observer().observe().unwrap_err();
            let EngineError::OtherThanAdopted { path, .. } = &error else {
                panic!("{error:?}");
            };
            assert_eq!(path, POLICY);
            // Signing anew is the way out.
            organisation.govern(&["ann", "ben", "sue"], &[("freezes/new-year.yaml", None)]);
            assert_eq!(organisation.observer().not_adopted().unwrap(), []);
            let world = organisation.observer().observe().unwrap();
            assert_eq!(world.state().adoptions.len(), 3);
        }
    }

    #[test]
    fn a_commit_that_was_wrongly_named_stops_nobody_for_ever() {
        let organisation = misnamed(DATASET, None);
        let text = String::from_utf8(organisation.head_files()[DATASET].clone()).unwrap();
        let lower = text.replace("[production]", "[internal]");
        assert_ne!(lower, text);
        organisation.govern(&["ann", "ben", "sue"], &[(DATASET, Some(lower.as_str()))]);
        let world = organisation.observer().observe().unwrap();
        let field = &world.manifests.datasets[&"penguins-field".parse().unwrap()];
        let label = field.value.spec.label.to_string();
        assert!(label.contains("production"), "labels only grow: {label}");
    }
}
