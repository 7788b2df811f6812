//! What goes along with a version: its files of the repository, what is behind it, and what the ledger has of it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::attest::bundle::MAX_BUNDLE_BYTES;
use crate::engine::book::Book;
use crate::engine::record::evidence_path;
use crate::engine::world::{MAX_FILE_BYTES, World};
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::manifest::layout::{
    Place, path_of, path_of_artifact, path_of_attestation, path_of_checksums, path_of_signature,
    path_of_version,
};
use crate::manifest::parsed::parse_manifest;
use crate::manifest::version::ArtifactVersion;
use crate::model::artifact::VersionId;
use crate::model::digest::TreeDigest;
use crate::model::event::Registration;
use crate::model::label::Label;
use crate::model::lineage::Lineage;
use crate::ops::bundle::contents::{
    ATTESTATION_TYPE, Attached, EVIDENCE_TYPE, LABEL, LEDGER_TYPE, LINEAGE_TYPE, VERSION_TYPE,
};
use crate::ops::bundle::ledger::{self, proof_path};
use crate::ops::bundle::named::Subject;

/// The most versions behind one.
const MAX_BEHIND: usize = 10_000;

/// Files by path, in order.
type Files = BTreeMap<String, Bytes>;

/// What goes along with a version.
pub(super) struct Collector<'a> {
    pub(super) world: &'a World,
    pub(super) book: &'a Book,
    pub(super) version: &'a VersionId,
    /// Its registration in the ledger, with the entry.
    pub(super) registered: (u64, &'a Registration),
}

/// What is behind a version.
#[derive(Default)]
struct Behind {
    files: Files,
    digests: BTreeSet<TreeDigest>,
}

impl Collector<'_> {
    /// All of it.
    pub(super) fn collect(&self) -> Result<Vec<Attached>> {
        let behind = self.behind()?;
        let mut attached = vec![group(
            VERSION_TYPE,
            self.own()?.into_iter().collect(),
            BTreeMap::from([(LABEL.to_owned(), self.label()?)]),
        )];
        if !behind.files.is_empty() {
            attached.push(plain(LINEAGE_TYPE, behind.files.into_iter().collect()));
        }
        let subject = Subject::new(
            self.registered.1.digest,
            behind.digests,
            self.book.entries().iter(),
        );
        let (proofs, evidence) = self.entries(&subject)?;
        attached.push(plain(LEDGER_TYPE, proofs));
        attached.push(plain(EVIDENCE_TYPE, evidence.into_iter().collect()));
        for (path, bytes) in self.attestations()? {
            attached.push(plain(ATTESTATION_TYPE, vec![(path, bytes)]));
        }
        Ok(attached)
    }

    /// The manifest as it was registered, its signature and checksums, and the artifact's manifest.
    fn own(&self) -> Result<Files> {
        let (index, registered) = self.registered;
        let path = path_of_version(self.version);
        let manifest = self.manifest(index, registered)?;
        let mut own = Files::from([(path.clone(), manifest)]);
        if let Some(signature) = &registered.signature {
            let evidence =
                crate::engine::record::signature_path(registered.manifest, "yaml", &signature.key);
            let bytes = self.evidence(index, signature.sha256, &evidence)?;
            own.insert(path_of_signature(&path), bytes);
        }
        let sha256 = registered.digest.sha256();
        let checksums = self.evidence(index, sha256, &evidence_path(sha256, "sha256"))?;
        own.insert(path_of_checksums(self.version), checksums);
        let artifact = path_of_artifact(&self.version.artifact);
        let bytes = self.world.head.read(&artifact, MAX_FILE_BYTES)?;
        own.extend(bytes.map(|bytes| (artifact, Bytes::from(bytes))));
        Ok(own)
    }

    /// The label that it has now, as tags with commas.
    fn label(&self) -> Result<String> {
        let digest = self.registered.1.digest;
        let now = self.world.labels.get(digest);
        let recorded = self.book.state().recorded_label(digest);
        let label: Option<Label> = match (now, recorded) {
            (Some(now), Some(recorded)) => Some(now.label.join(&recorded)),
            (Some(now), None) => Some(now.label.clone()),
            (None, recorded) => recorded,
        };
        let label = label.ok_or_else(|| {
            let message = format!("`{}` has no label", self.version);
            Failure::new(FailureKind::Internal, message)
        })?;
        let tags: Vec<&str> = label.tags().iter().map(|tag| tag.as_str()).collect();
        Ok(tags.join(","))
    }

    /// The manifests of everything that it was made from, as far as it is known.
    fn behind(&self) -> Result<Behind> {
        let mut behind = Behind::default();
        let (index, registered) = self.registered;
        let manifest = self.manifest(index, registered)?;
        let mut next: Vec<Lineage> = lineage_of(self.version, &manifest).into_iter().collect();
        while let Some(lineage) = next.pop() {
            for name in lineage.read() {
                if let Some(dataset) = self.world.manifests.datasets.get(name) {
                    let path = path_of(&Place::Dataset(name.clone()));
                    let text = dataset.source.text.as_bytes();
                    behind.files.insert(path, Bytes::copy_from_slice(text));
                }
            }
            for base in &lineage.bases {
                if !behind.digests.insert(base.digest) {
                    continue;
                }
                if behind.digests.len() > MAX_BEHIND {
                    let message = format!("more than {MAX_BEHIND} versions are behind it");
                    return Err(Failure::new(FailureKind::Invalid, message));
                }
                for (index, registered) in self.book.state().registrations_of(base.digest) {
                    let manifest = self.manifest(*index, registered)?;
                    next.extend(lineage_of(&registered.version, &manifest));
                    let path = path_of_version(&registered.version);
                    behind.files.insert(path, manifest);
                }
            }
        }
        Ok(behind)
    }

    /// Proofs of all entries about it, and what these name.
    fn entries(&self, subject: &Subject) -> Result<(Vec<(String, Bytes)>, Files)> {
        let log = self.book.log();
        let (mut proofs, mut evidence) = (Vec::new(), Files::new());
        let entries = (0..).zip(self.book.entries().iter().zip(log.entries()));
        for (index, (entry, line)) in entries.filter(|(_, (entry, _))| subject.has(&entry.event)) {
            let mut proof = log.prove(index).map_err(|error| {
                let message = format!("no checkpoint covers entry {index} yet");
                let failure = Failure::new(FailureKind::Waiting, message);
                failure.hint(format!("the next `promote apply` signs it ({error})"))
            })?;
            proof.extra = Some(line.clone());
            proofs.push((proof_path(index), Bytes::from(proof.to_bytes())));
            for file in subject.named(&entry.event) {
                let path = ledger::evidence_path(&file.path);
                if let Entry::Vacant(entry) = evidence.entry(path) {
                    entry.insert(self.evidence(index, file.sha256, &file.path)?);
                }
            }
        }
        Ok((proofs, evidence))
    }

    fn attestations(&self) -> Result<Files> {
        let names = self.world.manifests.attestations.get(self.version);
        let mut files = Files::new();
        for name in names.into_iter().flatten() {
            let path = path_of_attestation(self.version, name);
            let bytes = self.world.head.read(&path, MAX_BUNDLE_BYTES)?;
            files.extend(bytes.map(|bytes| (path, Bytes::from(bytes))));
        }
        Ok(files)
    }

    fn manifest(&self, index: u64, registered: &Registration) -> Result<Bytes> {
        let path = evidence_path(registered.manifest, "yaml");
        self.evidence(index, registered.manifest, &path)
    }

    fn evidence(
        &self,
        index: u64,
        sha256: crate::model::digest::Sha256,
        path: &str,
    ) -> Result<Bytes> {
        let bytes = self.book.evidence(index, sha256, path);
        let bytes = bytes.or_fail(FailureKind::Invalid).map_err(|failure| {
            failure.hint("`promote verify` says what else is missing in the ledger")
        })?;
        Ok(Bytes::from(bytes))
    }
}

fn lineage_of(version: &VersionId, manifest: &[u8]) -> Option<Lineage> {
    let place = Place::Version(version.clone());
    let document = parse_manifest::<ArtifactVersion>(&place, &path_of(&place), manifest);
    document.ok()?.value.spec.lineage
}

fn plain(artifact_type: &str, files: Vec<(String, Bytes)>) -> Attached {
    group(artifact_type, files, BTreeMap::new())
}

fn group(
    artifact_type: &str,
    files: Vec<(String, Bytes)>,
    annotations: BTreeMap<String, String>,
) -> Attached {
    Attached {
        artifact_type: artifact_type.to_owned(),
        annotations,
        files,
    }
}
