//! Artifacts that others pushed, `ModelKits` among them: by `REPOSITORY:TAG` or `REPOSITORY@sha256:…`.

use futures_util::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};

use crate::adapter::foreign::{Foreign, OPENED_AHEAD};
use crate::adapter::oci::document::{Blob, Descriptor, Document, Parsed};
use crate::adapter::oci::names;
use crate::adapter::oci::pack::blob_of;
use crate::adapter::oci::store::{Reference, Store};
use crate::adapter::oci::unpack::{Held, file_of, unpack};
use crate::adapter::oci::{OciAdapter, kit, media};
use crate::adapter::{AdapterErrorKind, ByteStream, Result};
use crate::model::digest::{FileRecord, TreePath};

/// Files, each with its bytes.
type Files = BoxStream<'static, Result<(TreePath, ByteStream)>>;

/// The word for this call in errors.
const OPERATION: &str = "foreign";

/// The files of an artifact.
pub(super) async fn foreign<'a, S: Store>(
    adapter: &'a OciAdapter<S>,
    address: &str,
) -> Result<Foreign<'a>> {
    let store = &adapter.store;
    let refused = |kind, message: String| store.reporter().error(kind, OPERATION, message);
    let name = address.strip_prefix("oci:").unwrap_or(address);
    let digest = name.split_once("@sha256:");
    let digest = digest.and_then(|(name, digest)| Some((name, digest.parse().ok()?)));
    let (repository, reference) = match (digest, name.rsplit_once(':')) {
        (Some((name, digest)), _) => (name, Reference::Digest(digest)),
        (None, Some((name, tag))) => (name, Reference::Tag(tag)),
        (None, None) => {
            let message =
                format!("`{address}`: write `oci:REPOSITORY:TAG` or `oci:REPOSITORY@sha256:…`");
            return Err(refused(AdapterErrorKind::Unsupported, message));
        }
    };
    let is_tag = !matches!(reference, Reference::Tag(tag) if !names::is_tag(tag));
    if !store.owns(repository) || !is_tag {
        let message = format!(
            "`{address}` is not in a repository of this workspace, and nothing else is read"
        );
        return Err(refused(AdapterErrorKind::Unsupported, message));
    }
    let Some(document) = store.document(OPERATION, repository, reference).await? else {
        return Err(refused(
            AdapterErrorKind::NotFound,
            format!("there is no `{address}`"),
        ));
    };
    let layers = layers(store, repository, &document).await?;
    let layers = layers.map_err(|reason| {
        let message = format!("`{address}` cannot be taken apart: {reason}");
        refused(AdapterErrorKind::Unsupported, message)
    })?;
    let repository = repository.to_owned();
    let opened = stream::iter(layers).map(move |layer| {
        let repository = repository.clone();
        async move { layer.open(store, &repository).await }
    });
    Ok(Foreign {
        files: opened.buffered(OPENED_AHEAD).try_flatten().boxed(),
        told: Vec::new(),
    })
}

/// One layer of an artifact.
enum Layer {
    /// The bytes of one file.
    File(FileRecord),
    /// A tar file.
    Tar(Blob),
}

impl Layer {
    /// The files of it, one or many.
    async fn open<S: Store>(self, store: &S, repository: &str) -> Result<Files> {
        let (path, blob) = match self {
            Self::File(file) => (Some(file.path.clone()), blob_of(&file)),
            Self::Tar(blob) => (None, blob),
        };
        let bytes = store.blob(OPERATION, repository, blob).await?;
        Ok(match path {
            Some(path) => stream::iter([Ok((path, bytes))]).boxed(),
            None => {
                let reporter = store.reporter().clone();
                let broken = move |reason| reporter.corrupt(OPERATION, reason);
                kit::files(bytes).map_err(broken).boxed()
            }
        })
    }
}

/// The layers of an artifact, or why it cannot be taken apart.
async fn layers<S: Store>(
    store: &S,
    repository: &str,
    document: &Document,
) -> Result<std::result::Result<Vec<Layer>, String>> {
    let files = match unpack(store, OPERATION, repository, document).await? {
        Held::Files { files, .. } => files.records().to_vec(),
        Held::Other(reason) => return Ok(tar_layers(document).map_err(|_| reason)),
    };
    Ok(Ok(files.into_iter().map(Layer::File).collect()))
}

/// The layers of a manifest some of which are tar files.
fn tar_layers(document: &Document) -> std::result::Result<Vec<Layer>, String> {
    let Parsed::Manifest(manifest) = Parsed::parse(&document.bytes)? else {
        return Err("it is a list of manifests".to_owned());
    };
    let layer = |layer: &Descriptor| match media::is_tar(&layer.media_type) {
        true => layer.blob().map(Layer::Tar),
        false => file_of(layer).map(Layer::File),
    };
    manifest.layers.iter().map(layer).collect()
}
