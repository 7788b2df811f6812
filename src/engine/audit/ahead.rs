//! What takes long and depends on nothing before it, done for many entries at once on all processors: evidence read and
//! hashed, signatures verified, manifests parsed.
//!
//! Only what is good is kept. Whatever is not here is done again in its place, where it is also told what is wrong with it.

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use crate::engine::people::{People, Signer};
use crate::engine::record;
use crate::ledger::log::Log;
use crate::manifest::layout::{Place, path_of};
use crate::manifest::parsed::parse_manifest;
use crate::manifest::version::{ArtifactVersion, VersionSpec};
use crate::model::approval::{APPROVAL_NAMESPACE, MANIFEST_NAMESPACE};
use crate::model::digest::{Checksums, Sha256};
use crate::model::event::{Entry, Event, Receipt, Registration};

/// How many entries are looked at together.
pub(super) const RUN: usize = 1024;

/// What is known of an entry before its turn.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// Evidence with the right hash, by path: at most three files.
    files: Vec<(String, Vec<u8>)>,
    /// A good signature: what was signed, the SHA-256 of the signature, its purpose, and whose it is.
    signer: Option<(Sha256, Sha256, &'static str, Signer)>,
    /// The manifest that is registered, when it is valid.
    manifest: Option<(Sha256, VersionSpec)>,
    /// The digest whose checksums can be read.
    checksums: Option<Sha256>,
}

impl Ahead {
    /// Looks at entries that are read under one trust root, each by itself.
    pub(super) fn of(entries: &[Entry], log: &Log, people: &People) -> Vec<Self> {
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
        looked.collect()
    }

    pub(super) fn file(&self, path: &str) -> Option<&Vec<u8>> {
        let mut known = self.files.iter();
        known
            .find(|(known, _)| known == path)
            .map(|(_, bytes)| bytes)
    }

    pub(super) fn signer(
        &self,
        signed: Sha256,
        signature: Sha256,
        namespace: &'static str,
    ) -> Option<&Signer> {
        let known = self.signer.as_ref();
        let known =
            known.filter(|known| (known.0, known.1, known.2) == (signed, signature, namespace));
        known.map(|(_, _, _, signer)| signer)
    }

    /// The valid manifest with this hash; of the version that the entry registers.
    pub(super) fn manifest(&self, manifest: Sha256) -> Option<&VersionSpec> {
        let known = self.manifest.as_ref();
        known
            .filter(|(known, _)| *known == manifest)
            .map(|(_, spec)| spec)
    }

    pub(super) fn has_checksums(&self, digest: Sha256) -> bool {
        self.checksums == Some(digest)
    }

    /// Reads a file, and keeps it if its hash is right.
    fn read(&mut self, log: &Log, path: String, sha256: Sha256) -> Option<&Vec<u8>> {
        let bytes = log.evidence(&path).ok().flatten()?;
        if Sha256::of(&bytes) != sha256 {
            return None;
        }
        self.files.push((path, bytes));
        self.files.last().map(|(_, bytes)| bytes)
    }

    fn registration(&mut self, registration: &Registration, log: &Log, people: &People) {
        let digest = registration.digest.sha256();
        let checksums = self.read(log, record::evidence_path(digest, "sha256"), digest);
        let text = checksums.and_then(|bytes| std::str::from_utf8(bytes).ok());
        if text.is_some_and(|text| Checksums::parse(text).is_ok()) {
            self.checksums = Some(digest);
        }
        let path = record::evidence_path(registration.manifest, "yaml");
        let Some(manifest) = self.read(log, path, registration.manifest).cloned() else {
            return;
        };
        let place = Place::Version(registration.version.clone());
        if let Ok(document) = parse_manifest::<ArtifactVersion>(&place, &path_of(&place), &manifest)
        {
            self.manifest = Some((registration.manifest, document.value.spec));
        }
        if let Some(signature) = &registration.signature {
            let path = record::signature_path(registration.manifest, "yaml", &signature.key);
            if let Some(armored) = self.read(log, path, signature.sha256)
                && let Ok(signer) = people.verify(MANIFEST_NAMESPACE, &manifest, armored, 0)
            {
                let (signed, signature) = (registration.manifest, signature.sha256);
                self.signer = Some((signed, signature, MANIFEST_NAMESPACE, signer));
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
            let (signed, signature) = (receipt.statement, receipt.signature);
            self.signer = Some((signed, signature, APPROVAL_NAMESPACE, signer));
        }
    }
}
