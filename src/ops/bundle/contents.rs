//! What a bundle holds, and the one order in which it is written and read.
//!
//! ```text
//! oci-layout            what it is
//! index.json            the version's manifest by name, then what is attached to it
//! blobs/sha256/…        these manifests, in the order of the list
//! blobs/sha256/…        configurations and what is attached, in the order of their hashes
//! blobs/sha256/…        the files of the version, in the order of theirs
//! ```
//!
//! So everything is announced before it comes: a reader knows the path and length of each file beforehand, and has checked
//! all that is said about a version before the first of its bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::io::{Read, Write};

use bytes::Bytes;

use crate::adapter::Record;
use crate::adapter::oci::image::{self, AttachedFile, Attachment, Image, blob_of};
use crate::adapter::oci::{Blob, Document};
use crate::fs::archive::ArchiveWriter;
use crate::model::digest::{FileRecord, Sha256};
use crate::ops::bundle::Refused;

/// The version's own files of the promotion repository.
pub(super) const VERSION_TYPE: &str = "application/vnd.dev.promote.bundle.version.v1";
/// The manifests of what is behind it.
pub(super) const LINEAGE_TYPE: &str = "application/vnd.dev.promote.bundle.lineage.v1";
/// Entries of the ledger, each as a tlog-proof.
pub(super) const LEDGER_TYPE: &str = "application/vnd.dev.promote.bundle.ledger.v1";
/// What these entries name by hash.
pub(super) const EVIDENCE_TYPE: &str = "application/vnd.dev.promote.bundle.evidence.v1";
/// An attestation, as Sigstore's tools attach it.
pub(super) const ATTESTATION_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// The annotation with the label that the version had when the bundle was made.
pub(super) const LABEL: &str = "dev.promote.label";

/// The most bytes of all that is not a file of the version, together. They are held in memory.
pub(super) const MAX_KNOWN_BYTES: u64 = 96 << 20;

/// Files that are attached together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attached {
    /// What they are.
    pub(super) artifact_type: String,
    /// What is said of them.
    pub(super) annotations: BTreeMap<String, String>,
    /// Their bytes, by path.
    pub(super) files: Vec<(String, Bytes)>,
}

/// A version with all that is attached to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Contents {
    /// The version.
    pub(super) record: Record,
    /// Its manifests.
    pub(super) image: Image,
    /// What is attached, in the order of the list.
    pub(super) attached: Vec<Attached>,
}

/// The manifests of what is attached, and the list of all.
#[derive(Debug)]
pub(super) struct Documents {
    pub(super) index: Bytes,
    pub(super) attached: Vec<Document>,
}

/// Opens a file of the version, to be written.
pub(super) type Open<'a> = &'a dyn Fn(&FileRecord) -> io::Result<Box<dyn Read>>;

impl Contents {
    /// A version with what is attached to it.
    pub(super) fn new(record: Record, attached: Vec<Attached>) -> Result<Self, Refused> {
        let image = image::image_of(&record)?;
        Ok(Self {
            record,
            image,
            attached,
        })
    }

    /// The files that are attached under a type.
    pub(super) fn files<'a>(
        &'a self,
        artifact_type: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Bytes)> {
        let groups = self.attached.iter();
        let groups = groups.filter(move |group| group.artifact_type == artifact_type);
        let files = groups.flat_map(|group| &group.files);
        files.map(|(path, bytes)| (path.as_str(), bytes))
    }

    /// The manifests of what is attached, and the list.
    pub(super) fn documents(&self) -> Result<Documents, Refused> {
        let attach = |group: &Attached| image::attach(&self.image.top, &attachment(group));
        let attached: Vec<Document> = self.attached.iter().map(attach).collect::<Result<_, _>>()?;
        let types = self
            .attached
            .iter()
            .map(|group| group.artifact_type.as_str());
        let listed: Vec<_> = types.zip(&attached).collect();
        let index = image::list(&self.record.version, &self.image.top, &listed)?;
        Ok(Documents { index, attached })
    }

    /// Configurations and the files that are attached, by hash.
    pub(super) fn small(&self) -> BTreeMap<Sha256, Bytes> {
        let attached = self.attached.iter().flat_map(|group| &group.files);
        let attached = attached.map(|(_, bytes)| bytes.clone());
        let empty = Bytes::from_static(image::EMPTY);
        let all = self.image.configs.iter().cloned().chain([empty]);
        all.chain(attached)
            .map(|bytes| (Sha256::of(&bytes), bytes))
            .collect()
    }

    /// The files of the version by their bytes.
    pub(super) fn by_blob(&self) -> BTreeMap<Blob, Vec<&FileRecord>> {
        let mut files: BTreeMap<Blob, Vec<&FileRecord>> = BTreeMap::new();
        for file in self.record.files.records() {
            files.entry(blob_of(file)).or_default().push(file);
        }
        files
    }

    /// Writes all of it; without `open` all but the files of the version.
    pub(super) fn write<W: Write>(&self, to: W, open: Option<Open<'_>>) -> Result<W, Refused> {
        let mut writer = Writer {
            archive: ArchiveWriter::new(to),
            known: BTreeSet::new(),
            bytes: 0,
        };
        let documents = self.documents()?;
        let (mark, what) = image::MARK;
        writer.file(mark, what)?;
        writer.file(image::INDEX, &documents.index)?;
        let manifests = [&self.image.top].into_iter().chain(&self.image.parts);
        for document in manifests.chain(&documents.attached) {
            writer.blob(Sha256::of(&document.bytes), &document.bytes)?;
        }
        for (sha256, bytes) in self.small() {
            writer.blob(sha256, &bytes)?;
        }
        let Writer {
            mut archive, known, ..
        } = writer;
        for (blob, files) in self.by_blob() {
            let file = files.first().filter(|_| !known.contains(&blob.sha256));
            if let (Some(open), Some(file)) = (open, file) {
                let path = image::path_of(blob.sha256);
                archive.add(&path, blob.size, &mut open(file)?)?;
            }
        }
        Ok(archive.finish()?)
    }
}

/// Files that are attached together, without their bytes.
fn attachment(group: &Attached) -> Attachment {
    let files = group.files.iter().map(|(path, bytes)| AttachedFile {
        path: path.clone(),
        media_type: media_type(path).to_owned(),
        blob: Blob::of(bytes),
    });
    Attachment {
        artifact_type: group.artifact_type.clone(),
        files: files.collect(),
        annotations: group.annotations.clone(),
    }
}

/// The media type of a file, by its name.
fn media_type(path: &str) -> &'static str {
    let is = |ending: &str| path.ends_with(ending);
    if is(".sigstore.json") {
        ATTESTATION_TYPE
    } else if is(".json") {
        "application/json"
    } else if is(".yaml") {
        "application/yaml"
    } else {
        "text/plain"
    }
}

/// Writes what is held in memory.
struct Writer<W> {
    archive: ArchiveWriter<W>,
    known: BTreeSet<Sha256>,
    bytes: u64,
}

impl<W: Write> Writer<W> {
    fn file(&mut self, path: &str, bytes: &[u8]) -> Result<(), Refused> {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > MAX_KNOWN_BYTES {
            let message = format!("what is attached has more than {MAX_KNOWN_BYTES} bytes");
            return Err(Refused(message));
        }
        Ok(self.archive.add(path, size, &mut &*bytes)?)
    }

    fn blob(&mut self, sha256: Sha256, bytes: &[u8]) -> Result<(), Refused> {
        if self.known.insert(sha256) {
            self.file(&image::path_of(sha256), bytes)?;
        }
        Ok(())
    }
}
