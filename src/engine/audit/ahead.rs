//! What takes long and depends on nothing before it, done for many entries at once on all processors: evidence read and
//! hashed, signatures verified, manifests parsed.
//!
//! Only what is good is kept. Whatever is not here is done again in its place, where it is also told what is wrong with it.

use std::collections::BTreeMap;

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use crate::engine::people::{People, Signer};
use crate::engine::record;
use crate::ledger::log::Log;
use crate::manifest::layout::{Place, path_of};
use crate::manifest::parsed::parse_manifest;
use crate::manifest::version::{ArtifactVersion, VersionSpec};
use crate::model::approval::{APPROVAL_NAMESPACE, MANIFEST_NAMESPACE};
use crate::model::artifact::VersionId;
use crate::model::digest::{Checksums, Sha256};
use crate::model::event::{Entry, Event, Receipt, Registration};

/// How many entries are looked at together.
pub(super) const RUN: usize = 1024;

/// What is known of a run of entries before they are looked at one by one.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// Evidence with the right hash, by path.
    files: BTreeMap<String, Vec<u8>>,
    /// Good signatures: whose, by what was signed, the SHA-256 of the signature, and its purpose.
    signers: BTreeMap<(Sha256, Sha256, &'static str), Signer>,
    /// Valid manifests.
    manifests: BTreeMap<(VersionId, Sha256), VersionSpec>,
    /// Files of checksums that can be read.
    checksums: BTreeMap<Sha256, ()>,
}

impl Ahead {
    /// Looks at entries that are read under one trust root.
    pub(super) fn of(entries: &[Entry], log: &Log, people: &People) -> Self {
        let looked = entries.par_iter().map(|entry| {
            let mut ahead = Self::default();
            match &entry.event {
                Event::Registered(registration) => ahead.registration(registration, log, people),
                Event::Received(receipt) => ahead.receipt(receipt, log, people),
                Event::Decided(judgement) => {
                    let path = record::evidence_path(judgement.inputs, "json");
                    ahead.read(log, path, judgement.inputs);
                }
                Event::Adopted(_)
                | Event::Refused { .. }
                | Event::Intended(_)
                | Event::TakenOver { .. }
                | Event::Ended(_) => {}
            }
            ahead
        });
        looked.reduce(Self::default, |mut left, mut right| {
            left.files.append(&mut right.files);
            left.signers.append(&mut right.signers);
            left.manifests.append(&mut right.manifests);
            left.checksums.append(&mut right.checksums);
            left
        })
    }

    pub(super) fn file(&self, path: &str) -> Option<&Vec<u8>> {
        self.files.get(path)
    }

    pub(super) fn signer(
        &self,
        signed: Sha256,
        signature: Sha256,
        namespace: &'static str,
    ) -> Option<&Signer> {
        self.signers.get(&(signed, signature, namespace))
    }

    pub(super) fn manifest(&self, version: &VersionId, manifest: Sha256) -> Option<&VersionSpec> {
        self.manifests.get(&(version.clone(), manifest))
    }

    pub(super) fn has_checksums(&self, digest: Sha256) -> bool {
        self.checksums.contains_key(&digest)
    }

    /// Reads a file, and keeps it if its hash is right.
    fn read(&mut self, log: &Log, path: String, sha256: Sha256) -> Option<&Vec<u8>> {
        let bytes = log.evidence(&path).ok().flatten()?;
        if Sha256::of(&bytes) != sha256 {
            return None;
        }
        Some(self.files.entry(path).or_insert(bytes))
    }

    fn registration(&mut self, registration: &Registration, log: &Log, people: &People) {
        let digest = registration.digest.sha256();
        let checksums = self.read(log, record::evidence_path(digest, "sha256"), digest);
        let text = checksums.and_then(|bytes| std::str::from_utf8(bytes).ok());
        if text.is_some_and(|text| Checksums::parse(text).is_ok()) {
            self.checksums.insert(digest, ());
        }
        let path = record::evidence_path(registration.manifest, "yaml");
        let Some(manifest) = self.read(log, path, registration.manifest).cloned() else {
            return;
        };
        let place = Place::Version(registration.version.clone());
        if let Ok(document) = parse_manifest::<ArtifactVersion>(&place, &path_of(&place), &manifest)
        {
            let key = (registration.version.clone(), registration.manifest);
            self.manifests.insert(key, document.value.spec);
        }
        if let Some(signature) = &registration.signature {
            let path = record::signature_path(registration.manifest, "yaml", &signature.key);
            if let Some(armored) = self.read(log, path, signature.sha256)
                && let Ok(signer) = people.verify(MANIFEST_NAMESPACE, &manifest, armored, 0)
            {
                let key = (registration.manifest, signature.sha256, MANIFEST_NAMESPACE);
                self.signers.insert(key, signer);
            }
        }
    }

    fn receipt(&mut self, receipt: &Receipt, log: &Log, people: &People) {
        let path = record::evidence_path(receipt.statement, "json");
        let Some(statement) = self.read(log, path, receipt.statement).cloned() else {
            return;
        };
        let path = record::signature_path(receipt.statement, "json", &receipt.key);
        if let Some(armored) = self.read(log, path, receipt.signature)
            && let Ok(signer) = people.verify(APPROVAL_NAMESPACE, &statement, armored, 0)
        {
            let key = (receipt.statement, receipt.signature, APPROVAL_NAMESPACE);
            self.signers.insert(key, signer);
        }
    }
}
