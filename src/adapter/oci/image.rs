//! A version and what is attached to it as an OCI image layout that is not a workspace: one file for an air gap. The manifests
//! are those that a workspace of kind `oci` or `oci-layout` has, byte for byte.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::adapter::Record;
use crate::adapter::oci::document::{
    Blob, Descriptor, Document, Index, MAX_READ_BYTES, Manifest, Parsed, encode, shown,
};
use crate::adapter::oci::layout::index::Name;
use crate::adapter::oci::layout::{blobs, index};
use crate::adapter::oci::pack::pack;
use crate::adapter::oci::unpack::{MAX_PARTS, files_of, named};
use crate::adapter::oci::{media, names};
use crate::model::artifact::VersionId;
use crate::model::digest::{FileList, FileRecord, MAX_FILES, Sha256};

/// The file that says what a layout is, and its bytes.
pub const MARK: (&str, &[u8]) = (index::MARK, index::MARK_BYTES);
/// The file that lists what a layout holds.
pub const INDEX: &str = index::INDEX;
/// The largest manifest that is read, in bytes.
pub const MAX_DOCUMENT_BYTES: u64 = MAX_READ_BYTES as u64;
/// The bytes of the empty configuration, which what is attached has.
pub const EMPTY: &[u8] = b"{}";
/// The most manifests that are attached.
const MAX_ATTACHED: usize = 256;

/// The manifests of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Configurations, which are blobs.
    pub configs: Vec<Bytes>,
    /// Manifests below `top`, when one is not enough.
    pub parts: Vec<Document>,
    /// What the tag names.
    pub top: Document,
}

/// Small files that are attached to a version together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// What they are, such as `application/vnd.in-toto+json`.
    pub artifact_type: String,
    /// The files.
    pub files: Vec<AttachedFile>,
    /// What is said of them.
    pub annotations: BTreeMap<String, String>,
}

/// A small file that is attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachedFile {
    /// Its path, which tools give it when they write it.
    pub path: String,
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub blob: Blob,
}

/// The path of a blob in a layout.
#[must_use]
pub fn path_of(sha256: Sha256) -> String {
    format!("{}/{sha256}", blobs::FOLDER)
}

/// The manifests of a record: the same record gives the same bytes.
///
/// # Errors
///
/// When they cannot be written as JSON.
pub fn image_of(record: &Record) -> Result<Image, String> {
    let packed = pack(record)?;
    Ok(Image {
        configs: packed.configs,
        parts: packed.parts,
        top: packed.top,
    })
}

/// The manifest that attaches files to a version.
///
/// # Errors
///
/// When it cannot be written as JSON.
pub fn attach(subject: &Document, attachment: &Attachment) -> Result<Document, String> {
    let layers = attachment.files.iter().map(|file| {
        let mut layer = Descriptor::new(&file.media_type, file.blob);
        let path = file.path.clone();
        layer.annotations.insert(media::TITLE.to_owned(), path);
        layer
    });
    let manifest = Manifest {
        schema_version: 2,
        media_type: media::MANIFEST.to_owned(),
        artifact_type: Some(attachment.artifact_type.clone()),
        config: Descriptor::new(media::EMPTY, Blob::of(EMPTY)),
        layers: layers.collect(),
        subject: Some(subject.descriptor()),
        annotations: attachment.annotations.clone(),
    };
    Ok(Document {
        media_type: media::MANIFEST.to_owned(),
        bytes: encode(&manifest)?,
    })
}

/// The list of a layout that holds one version and what is attached to it, each with its type.
///
/// # Errors
///
/// When the version cannot be a tag, or the list cannot be written as JSON.
pub fn list(
    version: &VersionId,
    top: &Document,
    attached: &[(&str, &Document)],
) -> Result<Bytes, String> {
    let tag = names::tag_of(&version.version);
    let tag = tag.ok_or_else(|| format!("`{}` cannot be a tag", version.version))?;
    let name = Name::new(&version.artifact.to_string(), &tag).text();
    let mut first = top.descriptor();
    first.annotations.insert(media::REF_NAME.to_owned(), name);
    let attached = attached.iter().map(|(artifact_type, document)| Descriptor {
        artifact_type: Some((*artifact_type).to_owned()),
        ..document.descriptor()
    });
    encode(&Index {
        schema_version: 2,
        media_type: media::INDEX.to_owned(),
        artifact_type: None,
        manifests: std::iter::once(first).chain(attached).collect(),
        annotations: BTreeMap::new(),
    })
}

/// The manifests that a list names, the version's first.
///
/// # Errors
///
/// What it is instead.
pub fn read_list(bytes: &[u8]) -> Result<Vec<Blob>, String> {
    let Parsed::Index(index) = Parsed::parse(bytes)? else {
        return Err("it is a manifest and no list".to_owned());
    };
    if index.manifests.is_empty() || index.manifests.len() > MAX_ATTACHED {
        let count = index.manifests.len();
        return Err(format!("it lists {count} manifests"));
    }
    index.manifests.iter().map(Descriptor::blob).collect()
}

/// The manifests below that of a version; none when it has layers itself.
///
/// # Errors
///
/// What it is instead of a manifest.
pub fn parts_of(top: &[u8]) -> Result<Vec<Blob>, String> {
    match Parsed::parse(top)? {
        Parsed::Manifest(_) => Ok(Vec::new()),
        Parsed::Index(index) if index.manifests.len() > MAX_PARTS => {
            Err(format!("it lists more than {MAX_PARTS} manifests"))
        }
        Parsed::Index(index) => index.manifests.iter().map(Descriptor::blob).collect(),
    }
}

/// The record that the manifests of a version hold.
///
/// # Errors
///
/// Why they hold none.
pub fn record_of(top: &[u8], parts: &[Bytes]) -> Result<Record, String> {
    let parsed = Parsed::parse(top)?;
    let files = match &parsed {
        Parsed::Manifest(manifest) => files_of(manifest)?,
        Parsed::Index(_) => files_of_parts(parts)?,
    };
    let files = FileList::new(files).map_err(|error| error.to_string())?;
    let digest = files.digest();
    let version = named(&parsed, digest)?;
    let version = version.ok_or("it does not say which version it is")?;
    Ok(Record {
        version,
        digest,
        files,
    })
}

fn files_of_parts(parts: &[Bytes]) -> Result<Vec<FileRecord>, String> {
    let mut files = Vec::new();
    for part in parts {
        let Parsed::Manifest(manifest) = Parsed::parse(part)? else {
            return Err("it lists a list of manifests".to_owned());
        };
        files.extend(files_of(&manifest)?);
        if files.len() > MAX_FILES {
            return Err(format!("it has more than {MAX_FILES} files"));
        }
    }
    Ok(files)
}

/// What a manifest attaches.
///
/// # Errors
///
/// Why it attaches nothing.
pub fn read_attachment(bytes: &[u8]) -> Result<Attachment, String> {
    let Parsed::Manifest(manifest) = Parsed::parse(bytes)? else {
        return Err("it is a list of manifests".to_owned());
    };
    let files = manifest.layers.iter().map(|layer| {
        let path = layer.annotations.get(media::TITLE);
        let path = path.ok_or_else(|| format!("`{}` has no path", shown(&layer.digest)))?;
        Ok(AttachedFile {
            path: path.clone(),
            media_type: layer.media_type.clone(),
            blob: layer.blob()?,
        })
    });
    Ok(Attachment {
        artifact_type: manifest.artifact_type.unwrap_or_default(),
        files: files.collect::<Result<_, String>>()?,
        annotations: manifest.annotations,
    })
}

/// The bytes of a file as a blob.
#[must_use]
pub const fn blob_of(file: &FileRecord) -> Blob {
    crate::adapter::oci::pack::blob_of(file)
}
