//! Blobs: whether they are there, their bytes, and those of other repositories.

use reqwest::header::{CONTENT_LENGTH, HeaderMap};
use reqwest::{Method, StatusCode};

use crate::adapter::oci::document::Blob;
use crate::adapter::oci::registry::client::{Call, Connection, pull, push};
use crate::adapter::{ByteStream, Result};
use crate::net::http;

/// Whether a blob is in a repository, with its length where the registry says it.
pub(super) async fn has(
    connection: &Connection,
    operation: &'static str,
    repository: &str,
    blob: Blob,
) -> Result<bool> {
    let what = format!("asking for `{}` in `{repository}`", blob.digest());
    let call = Call {
        operation,
        what: &what,
        scopes: &[push(repository)],
    };
    let url = connection.url(&format!("{repository}/blobs/{}", blob.digest()));
    let response = connection.follow(&call, Method::HEAD, url).await?;
    match response.status() {
        StatusCode::OK => Ok(length(response.headers()).is_none_or(|length| length == blob.size)),
        StatusCode::NOT_FOUND => Ok(false),
        _ => Err(connection.refused(&call, response).await),
    }
}

/// The length that an answer to `HEAD` says; such an answer has no body to measure.
fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The bytes of a blob, which the caller hashes.
pub(super) async fn get(
    connection: &Connection,
    operation: &'static str,
    repository: &str,
    blob: Blob,
) -> Result<ByteStream> {
    let what = format!("reading `{}` in `{repository}`", blob.digest());
    let call = Call {
        operation,
        what: &what,
        scopes: &[pull(repository)],
    };
    let url = connection.url(&format!("{repository}/blobs/{}", blob.digest()));
    let response = connection.follow(&call, Method::GET, url).await?;
    if response.status() != StatusCode::OK {
        return Err(connection.refused(&call, response).await);
    }
    Ok(http::stream(response))
}

/// Asks the registry to take a blob over from another repository.
pub(super) async fn mount(
    connection: &Connection,
    operation: &'static str,
    repository: &str,
    blob: Blob,
    from: &str,
) -> Result<bool> {
    let what = format!(
        "taking `{}` over from `{from}` to `{repository}`",
        blob.digest()
    );
    let call = Call {
        operation,
        what: &what,
        scopes: &[pull(from), push(repository)],
    };
    let mut url = connection.url(&format!("{repository}/blobs/uploads/"));
    url.query_pairs_mut()
        .append_pair("mount", &blob.digest())
        .append_pair("from", from);
    let send = |client: &reqwest::Client| client.post(url.clone()).header(CONTENT_LENGTH, "0");
    let response = connection.send(&call, send).await?;
    match response.status() {
        StatusCode::CREATED => Ok(true),
        // It began an upload instead, which nobody needs. That it stays would be no harm: registries remove them in time.
        StatusCode::ACCEPTED => {
            if let Ok(upload) = connection.own_location(&call, &url, &response) {
                drop(
                    connection
                        .send(&call, |client| client.delete(upload.clone()))
                        .await,
                );
            }
            Ok(false)
        }
        // The blob or the repository is not there, or may not be read by whoever writes here.
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Ok(false),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Ok(false),
        _ => Err(connection.refused(&call, response).await),
    }
}
