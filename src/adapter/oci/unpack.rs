//! From manifests to a record. The files of a version are what the layers say, byte by byte hash and size; nothing else is
//! asked, so that nothing can disagree.

use crate::adapter::oci::document::{
    Descriptor, Document, MAX_READ_BYTES, Manifest, Parsed, shown,
};
use crate::adapter::oci::media;
use crate::adapter::oci::store::{Reference, Store};
use crate::adapter::{AdapterErrorKind, Result};
use crate::model::artifact::VersionId;
use crate::model::digest::{FileList, FileRecord, MAX_FILES, TreeDigest};

/// The most manifests below one list: enough for [`MAX_FILES`] with the longest paths seen in practice.
pub(super) const MAX_PARTS: usize = 1024;

/// What a manifest holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Held {
    /// One layer a file.
    Files {
        /// The version that it says it is; `None` when others wrote it.
        named: Option<VersionId>,
        /// The files.
        files: FileList,
        /// The digest of the tree.
        digest: TreeDigest,
    },
    /// Something else, with the reason.
    Other(String),
}

/// Reads what a document and the manifests below it hold.
///
/// # Errors
///
/// `Corrupt` when it says that it is ours and its parts do not agree.
pub(super) async fn unpack<S: Store>(
    store: &S,
    operation: &'static str,
    repository: &str,
    document: &Document,
) -> Result<Held> {
    let parsed = match Parsed::parse(&document.bytes) {
        Ok(parsed) => parsed,
        Err(reason) => return Ok(Held::Other(reason)),
    };
    let is_ours = parsed.annotations().contains_key(media::DIGEST);
    let held = match &parsed {
        Parsed::Manifest(manifest) => files_of(manifest),
        Parsed::Index(_) if !is_ours => {
            Err(format!("it is a list of manifests (`{}`)", parsed.says()))
        }
        Parsed::Index(index) => parts(store, operation, repository, &index.manifests).await?,
    };
    let held = held.and_then(|files| FileList::new(files).map_err(|error| error.to_string()));
    let corrupt = |reason: String| {
        let message = format!(
            "the manifest `{}` in `{repository}`: {reason}",
            document.sha256()
        );
        store.reporter().corrupt(operation, message)
    };
    match held {
        Ok(files) => {
            let digest = files.digest();
            let named = named(&parsed, digest).map_err(corrupt)?;
            Ok(Held::Files {
                named,
                files,
                digest,
            })
        }
        Err(reason) if is_ours => Err(corrupt(reason)),
        Err(reason) => Ok(Held::Other(reason)),
    }
}

/// The files of all manifests of a list, or why there are none.
async fn parts<S: Store>(
    store: &S,
    operation: &'static str,
    repository: &str,
    manifests: &[Descriptor],
) -> Result<std::result::Result<Vec<FileRecord>, String>> {
    if manifests.len() > MAX_PARTS {
        return Ok(Err(format!("it lists more than {MAX_PARTS} manifests")));
    }
    let mut files = Vec::new();
    for descriptor in manifests {
        let part = match part(store, operation, repository, descriptor).await? {
            Ok(part) => part,
            Err(reason) => return Ok(Err(reason)),
        };
        files.extend(part);
        if files.len() > MAX_FILES {
            return Ok(Err(format!("it has more than {MAX_FILES} files")));
        }
    }
    Ok(Ok(files))
}

async fn part<S: Store>(
    store: &S,
    operation: &'static str,
    repository: &str,
    descriptor: &Descriptor,
) -> Result<std::result::Result<Vec<FileRecord>, String>> {
    let blob = match descriptor.blob() {
        Ok(blob) => blob,
        Err(reason) => return Ok(Err(reason)),
    };
    if usize::try_from(blob.size).map_or(true, |size| size > MAX_READ_BYTES) {
        return Ok(Err(format!("it lists a manifest of {} bytes", blob.size)));
    }
    let found = store
        .document(operation, repository, Reference::Digest(blob.sha256))
        .await?;
    let Some(document) = found else {
        return Ok(Err(format!("its manifest `{}` is missing", blob.sha256)));
    };
    Ok(match Parsed::parse(&document.bytes) {
        Ok(Parsed::Manifest(manifest)) => files_of(&manifest),
        Ok(Parsed::Index(_)) => Err("it lists a list of manifests".to_owned()),
        Err(reason) => Err(reason),
    })
}

/// The files of a manifest whose layers are one file each, or why it is another.
pub(super) fn files_of(manifest: &Manifest) -> std::result::Result<Vec<FileRecord>, String> {
    if manifest.layers.is_empty() {
        let says = manifest
            .artifact_type
            .as_ref()
            .unwrap_or(&manifest.config.media_type);
        return Err(format!("it has no layers (`{}`)", shown(says)));
    }
    manifest.layers.iter().map(file_of).collect()
}

pub(super) fn file_of(layer: &Descriptor) -> std::result::Result<FileRecord, String> {
    if !media::is_raw(&layer.media_type) {
        return Err(format!("it has a layer `{}`", shown(&layer.media_type)));
    }
    let path = layer.annotations.get(media::FILE_PATH);
    let path = path.or_else(|| layer.annotations.get(media::TITLE));
    let path = path.ok_or_else(|| format!("its layer `{}` has no path", shown(&layer.digest)))?;
    let blob = layer.blob()?;
    Ok(FileRecord {
        path: path.parse().map_err(|error| format!("{error}"))?,
        size: blob.size,
        sha256: blob.sha256,
    })
}

/// The version that the annotations name, when there are any of ours.
pub(super) fn named(
    parsed: &Parsed,
    digest: TreeDigest,
) -> std::result::Result<Option<VersionId>, String> {
    let annotations = parsed.annotations();
    let text = |key: &str| annotations.get(key).map(String::as_str);
    let Some(claimed) = text(media::DIGEST) else {
        return Ok(None);
    };
    if claimed != digest.to_string() {
        return Err(format!(
            "its layers have the digest `{digest}`, not `{}`",
            shown(claimed)
        ));
    }
    let (artifact, version) = (text(media::ARTIFACT), text(media::VERSION));
    let (Some(artifact), Some(version)) = (artifact, version) else {
        return Err("it does not say which version it is".to_owned());
    };
    let named = format!("{artifact}@{version}").parse();
    named
        .map(Some)
        .map_err(|_| format!("`{}@{}` is no version", shown(artifact), shown(version)))
}

/// The error for a place that holds something else than a version.
pub(super) fn not_a_version<S: Store>(
    store: &S,
    operation: &'static str,
    place: &str,
    reason: &str,
) -> crate::adapter::AdapterError {
    let message = format!(
        "`{place}` was written by another tool: {reason}; `promote scan` reads it, and it cannot be promoted from there"
    );
    store
        .reporter()
        .error(AdapterErrorKind::Unsupported, operation, message)
}
