//! Artifacts that others pushed, with one layer a file: by `REPOSITORY:TAG` or `REPOSITORY@sha256:…`.

use futures_util::stream::{self, StreamExt as _};

use crate::adapter::foreign::{FILES_AT_ONCE, Foreign};
use crate::adapter::oci::OciAdapter;
use crate::adapter::oci::names;
use crate::adapter::oci::pack::blob_of;
use crate::adapter::oci::store::{Reference, Store};
use crate::adapter::oci::unpack::{Held, unpack};
use crate::adapter::{AdapterErrorKind, Result};

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
    let files = match unpack(store, OPERATION, repository, &document).await? {
        Held::Files { files, .. } => files,
        Held::Other(reason) => {
            let message = format!("`{address}` holds no plain files: {reason}");
            return Err(refused(AdapterErrorKind::Unsupported, message));
        }
    };
    let repository = repository.to_owned();
    let files = stream::iter(files.records().to_vec()).map(move |file| {
        let repository = repository.clone();
        async move {
            let bytes = store.blob(OPERATION, &repository, blob_of(&file)).await?;
            Ok((file.path, bytes))
        }
    });
    Ok(Foreign {
        files: files.buffered(FILES_AT_ONCE).boxed(),
        told: Vec::new(),
    })
}
