//! Reading a bundle from whom nobody trusts. Everything must be as it would be written from what was read: no file more, less,
//! twice or elsewhere, and no word more in a manifest.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use bytes::Bytes;
use sha2::{Digest as _, Sha256 as Hasher};

use crate::adapter::Record;
use crate::adapter::oci::Blob;
use crate::adapter::oci::image::{self, AttachedFile};
use crate::fs::archive::{ArchiveReader, Member};
use crate::model::digest::{FileRecord, Sha256};
use crate::ops::bundle::Refused;
use crate::ops::bundle::contents::{Attached, Contents, MAX_KNOWN_BYTES};
use crate::redact::printable;

/// The largest list that is read, in bytes.
const MAX_INDEX_BYTES: u64 = 1 << 20;

/// Takes the files of a version, one after the other.
pub(super) trait Sink {
    /// Bytes begin, that these files have.
    fn begin(&mut self, files: &[&FileRecord]) -> Result<(), Refused>;
    /// Some of them.
    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Refused>;
    /// They are whole.
    fn end(&mut self) -> Result<(), Refused>;
}

/// A bundle whose files are still to be read.
#[derive(Debug)]
pub(super) struct Opened<R> {
    archive: ArchiveReader<R>,
    known: BTreeMap<Sha256, Bytes>,
    contents: Contents,
}

impl<R: Read> Opened<R> {
    /// Reads all but the files of the version.
    pub(super) fn open(from: R) -> Result<Self, Refused> {
        let mut reading = Reading {
            archive: ArchiveReader::new(from),
            known: BTreeMap::new(),
            seen: BTreeSet::new(),
            left: MAX_KNOWN_BYTES,
        };
        let (mark, what) = image::MARK;
        if reading.file(mark, MAX_INDEX_BYTES)? != what {
            return Err(Refused(format!(
                "`{mark}` does not say that it is a layout"
            )));
        }
        let index = reading.file(image::INDEX, MAX_INDEX_BYTES)?;
        let listed = image::read_list(&index).map_err(of(image::INDEX))?;
        let mut listed = listed.into_iter();
        let top = listed.next().ok_or("`index.json` lists nothing")?;
        let record = reading.record(top)?;
        let mut attached = Vec::new();
        for blob in listed {
            let bytes = reading.document(blob)?;
            let read = image::read_attachment(&bytes).map_err(of(&image::path_of(blob.sha256)))?;
            attached.push(read);
        }
        let mut contents = Contents::new(record, Vec::new())?;
        reading.small(&contents, attached.iter().flat_map(|group| &group.files))?;
        for group in attached {
            let files = group.files.into_iter();
            let files = files.map(|file| Ok((file.path, reading.known(file.blob)?)));
            contents.attached.push(Attached {
                artifact_type: group.artifact_type,
                annotations: group.annotations,
                files: files.collect::<Result<_, Refused>>()?,
            });
        }
        check_form(&contents, &index, &reading.known)?;
        Ok(Self {
            archive: reading.archive,
            known: reading.known,
            contents,
        })
    }

    /// What it holds.
    pub(super) const fn contents(&self) -> &Contents {
        &self.contents
    }

    /// Reads the files of the version. Returns whether they are there: of what was kept from an import, they are not.
    pub(super) fn finish(mut self, sink: &mut dyn Sink) -> Result<bool, Refused> {
        let files = self.contents.by_blob();
        let (here, rest): (Vec<_>, Vec<_>) = files
            .into_iter()
            .partition(|(blob, _)| self.known.contains_key(&blob.sha256));
        for (blob, files) in here {
            sink.begin(&files)?;
            sink.bytes(self.known.get(&blob.sha256).map_or(&[], |bytes| bytes))?;
            sink.end()?;
        }
        let mut next = self.archive.next_member()?;
        if next.is_none() && !rest.is_empty() {
            return Ok(false);
        }
        for (blob, files) in rest {
            let path = image::path_of(blob.sha256);
            let member = next.ok_or_else(|| missing(&path))?;
            expect(&member, &path, Some(blob.size), &BTreeSet::new())?;
            sink.begin(&files)?;
            let mut hasher = Hasher::new();
            self.archive.read::<Refused>(&mut |piece| {
                hasher.update(piece);
                sink.bytes(piece)
            })?;
            if Sha256::from_bytes(hasher.finalize().into()) != blob.sha256 {
                return Err(differs(&path));
            }
            sink.end()?;
            next = self.archive.next_member()?;
        }
        match next {
            None => Ok(true),
            Some(member) => {
                let path = printable(&member.path);
                Err(Refused(format!("it has `{path}`, which nothing lists")))
            }
        }
    }
}

/// Reads what is held in memory.
struct Reading<R> {
    archive: ArchiveReader<R>,
    known: BTreeMap<Sha256, Bytes>,
    seen: BTreeSet<String>,
    left: u64,
}

impl<R: Read> Reading<R> {
    /// The next file, which must have this path.
    fn file(&mut self, path: &str, limit: u64) -> Result<Bytes, Refused> {
        self.sized(path, None, limit)
    }

    fn sized(&mut self, path: &str, size: Option<u64>, limit: u64) -> Result<Bytes, Refused> {
        let member = self.archive.next_member()?.ok_or_else(|| missing(path))?;
        expect(&member, path, size, &self.seen)?;
        let left = self.left.checked_sub(member.size);
        let left = left.filter(|_| member.size <= limit);
        self.left = left.ok_or_else(|| Refused(format!("`{path}` is too large")))?;
        let mut bytes = Vec::new();
        self.archive.read::<Refused>(&mut |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        self.seen.insert(member.path);
        Ok(Bytes::from(bytes))
    }

    /// A manifest.
    fn document(&mut self, blob: Blob) -> Result<Bytes, Refused> {
        self.blob(blob, image::MAX_DOCUMENT_BYTES)
    }

    fn blob(&mut self, blob: Blob, limit: u64) -> Result<Bytes, Refused> {
        if let Some(bytes) = self.known.get(&blob.sha256) {
            return Ok(bytes.clone());
        }
        let path = image::path_of(blob.sha256);
        let bytes = self.sized(&path, Some(blob.size), limit)?;
        if Sha256::of(&bytes) != blob.sha256 {
            return Err(differs(&path));
        }
        self.known.insert(blob.sha256, bytes.clone());
        Ok(bytes)
    }

    /// The version that its manifest, and those below it, hold.
    fn record(&mut self, top: Blob) -> Result<Record, Refused> {
        let place = image::path_of(top.sha256);
        let top = self.document(top)?;
        let mut parts = Vec::new();
        for blob in image::parts_of(&top).map_err(of(&place))? {
            parts.push(self.document(blob)?);
        }
        Ok(image::record_of(&top, &parts).map_err(of(&place))?)
    }

    /// Configurations and what is attached, in the order of their hashes.
    fn small<'a>(
        &mut self,
        contents: &Contents,
        attached: impl Iterator<Item = &'a AttachedFile>,
    ) -> Result<(), Refused> {
        let configs = contents.small();
        let configs = configs.values().map(|bytes| Blob::of(bytes));
        let all: BTreeSet<Blob> = attached.map(|file| file.blob).chain(configs).collect();
        for blob in all {
            self.blob(blob, MAX_KNOWN_BYTES)?;
        }
        Ok(())
    }

    fn known(&self, blob: Blob) -> Result<Bytes, Refused> {
        let found = self.known.get(&blob.sha256).cloned();
        found.ok_or_else(|| missing(&image::path_of(blob.sha256)))
    }
}

/// Whether the manifests and the list are those that would be written.
fn check_form(
    contents: &Contents,
    index: &Bytes,
    known: &BTreeMap<Sha256, Bytes>,
) -> Result<(), Refused> {
    let documents = contents.documents()?;
    let manifests = [&contents.image.top]
        .into_iter()
        .chain(&contents.image.parts);
    let mut manifests = manifests.chain(&documents.attached);
    let are_known = manifests.all(|document| known.contains_key(&document.sha256()));
    if are_known && documents.index == *index {
        return Ok(());
    }
    Err(Refused(
        "its manifests are not those that follow from what it holds".to_owned(),
    ))
}

fn expect(
    member: &Member,
    path: &str,
    size: Option<u64>,
    seen: &BTreeSet<String>,
) -> Result<(), Refused> {
    if member.path != path {
        let found = printable(&member.path);
        return Err(Refused(if seen.contains(&member.path) {
            format!("it has `{found}` twice")
        } else {
            format!("it has `{found}` where `{path}` is due")
        }));
    }
    match size {
        Some(size) if size != member.size => Err(Refused(format!(
            "`{path}` has {} bytes, and {size} are listed",
            member.size
        ))),
        Some(_) | None => Ok(()),
    }
}

fn missing(path: &str) -> Refused {
    Refused(format!("`{path}` is missing"))
}

fn differs(path: &str) -> Refused {
    Refused(format!("`{path}` does not have the bytes of its name"))
}

/// Says what a reason is about.
fn of(path: &str) -> impl Fn(String) -> String {
    let path = path.to_owned();
    move |reason| format!("`{path}`: {reason}")
}
