//! Reading the files of a version, and what the store says of it.

use ::object_store::{GetOptions, GetResult};
use futures_util::StreamExt as _;

use crate::adapter::object_store::line::broken;
use crate::adapter::object_store::record;
use crate::adapter::object_store::session::Session;
use crate::adapter::{AdapterErrorKind, ByteStream, Description, Result};
use crate::model::artifact::VersionId;
use crate::model::digest::{TreeDigest, TreePath};

pub(super) async fn read(
    session: &Session<'_>,
    version: &VersionId,
    path: &TreePath,
) -> Result<ByteStream> {
    let found = match session.adapter.remembered(version) {
        Some(digest) => open(session, version, digest, path).await?,
        None => None,
    };
    let found = match found {
        Some(found) => Some(found),
        // What was remembered may have been replaced behind our back.
        None => {
            session.adapter.forget(version);
            match record::load(session, version).await? {
                Some(record) => open(session, version, record.digest, path).await?,
                None => None,
            }
        }
    };
    let Some(found) = found else {
        let message = format!("there is no `{path}` in `{version}`");
        return Err(session.error(AdapterErrorKind::NotFound, message));
    };
    let pieces = found.into_stream();
    Ok(pieces
        .map(|piece| piece.map_err(|error| broken(&error)))
        .boxed())
}

async fn open(
    session: &Session<'_>,
    version: &VersionId,
    digest: TreeDigest,
    path: &TreePath,
) -> Result<Option<GetResult>> {
    let folder = session.layout().content(version, digest);
    let folder = folder.map_err(|error| session.unnamed(error))?;
    session
        .get(&format!("{folder}{path}"), GetOptions::default())
        .await
}

/// What the store says of the record of a version.
pub(super) async fn describe(session: &Session<'_>, version: &VersionId) -> Result<Description> {
    let key = session.layout().record(version);
    let key = key.map_err(|error| session.unnamed(error))?;
    let Some(object) = session.head(&key).await? else {
        let message = format!("there is no `{version}`");
        return Err(session.error(AdapterErrorKind::NotFound, message));
    };
    let mut description = Description::default();
    let mut say = |name: &str, value: String| {
        description.properties.insert(name.to_owned(), value);
    };
    say("record", key);
    say("recordedAt", object.last_modified.to_rfc3339());
    if let Some(e_tag) = object.e_tag {
        say("etag", e_tag.trim_matches('"').to_owned());
    }
    if let Some(version) = object.version {
        say("objectVersion", version);
    }
    Ok(description)
}
