//! Objects below the workspace's prefix that others put there, such as a training job: by the address of their folder.

use ::object_store::GetOptions;
use futures_util::stream::{self, StreamExt as _};

use crate::adapter::foreign::{Foreign, OPENED_AHEAD};
use crate::adapter::object_store::ObjectStoreAdapter;
use crate::adapter::object_store::line::broken;
use crate::adapter::object_store::pages::Objects;
use crate::adapter::object_store::session::Session;
use crate::adapter::{AdapterErrorKind, ByteStream, Result};
use crate::model::digest::{MAX_FILES, TreePath};

/// The objects of a folder.
pub(super) async fn foreign<'a>(
    adapter: &'a ObjectStoreAdapter,
    address: &str,
) -> Result<Foreign<'a>> {
    let session = adapter.session("foreign").await?;
    let folder = folder(&session, address)?;
    let mut objects = Objects::all(folder.clone());
    let mut found: Vec<(String, TreePath)> = Vec::new();
    while let Some(object) = objects.next(&session).await? {
        let key = object.location.to_string();
        // Consoles make an empty object of the folder's name.
        let Some(below) = key.strip_prefix(&folder) else {
            continue;
        };
        let path = below.parse().map_err(|error| {
            let message = format!("`{}`: {error}", key.escape_debug());
            session.error(AdapterErrorKind::Unsupported, message)
        })?;
        found.push((key, path));
        if found.len() > MAX_FILES {
            let message = format!("`{address}` holds more than {MAX_FILES} objects");
            return Err(session.error(AdapterErrorKind::Unsupported, message));
        }
    }
    if found.is_empty() {
        let message = format!("there is nothing below `{address}`");
        return Err(session.error(AdapterErrorKind::NotFound, message));
    }
    let files = stream::iter(found).map(move |(key, path)| async move {
        let session = adapter.session("foreign").await?;
        Ok((path, open(&session, &key).await?))
    });
    Ok(Foreign {
        files: files.buffered(OPENED_AHEAD).boxed(),
        told: Vec::new(),
    })
}

/// The name of a folder below the workspace's prefix, with a slash at its end.
fn folder(session: &Session<'_>, address: &str) -> Result<String> {
    let own = session.adapter.spec.url.to_string();
    let own = own.trim_end_matches('/');
    let below = address.strip_prefix(own).map(|rest| rest.trim_matches('/'));
    let Some(below) =
        below.filter(|below| !below.is_empty() && address.starts_with(&format!("{own}/")))
    else {
        let message = format!("`{address}` is not below `{own}/`, and nothing else is read");
        return Err(session.error(AdapterErrorKind::Unsupported, message));
    };
    let folder = format!("{}{below}", session.layout().prefix());
    session.key(&folder)?;
    Ok(format!("{folder}/"))
}

async fn open(session: &Session<'_>, key: &str) -> Result<ByteStream> {
    let Some(found) = session.get(key, GetOptions::default()).await? else {
        let message = format!("`{key}` is listed and cannot be found");
        return Err(session.error(AdapterErrorKind::NotFound, message));
    };
    let pieces = found.into_stream();
    Ok(pieces
        .map(|piece| piece.map_err(|error| broken(&error)))
        .boxed())
}
