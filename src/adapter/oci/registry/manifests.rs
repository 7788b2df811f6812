//! Manifests, tags, and the list of repositories.

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, LINK};
use reqwest::{Response, StatusCode, Url};
use serde::Deserialize;

use crate::adapter::oci::document::{Document, MAX_READ_BYTES, digest};
use crate::adapter::oci::media;
use crate::adapter::oci::registry::answer::no_answer;
use crate::adapter::oci::registry::body_of;
use crate::adapter::oci::registry::client::{Call, Connection, pull, push};
use crate::adapter::oci::store::Reference;
use crate::adapter::{AdapterErrorKind, Result};
use crate::model::digest::Sha256;
use crate::net::http;

/// How many names a page has, and how many pages there may be.
const PAGE: &str = "1000";
const MAX_PAGES: usize = 1000;
/// The most names in one list.
const MAX_NAMES: usize = 100_000;
/// What a registry says of the hash of a manifest.
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
/// What a registry says when it has understood whom a manifest refers to.
const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");

fn path(repository: &str, reference: Reference<'_>) -> String {
    match reference {
        Reference::Tag(tag) => format!("{repository}/manifests/{tag}"),
        Reference::Digest(sha256) => format!("{repository}/manifests/{}", digest(sha256)),
    }
}

fn name(repository: &str, reference: Reference<'_>) -> String {
    match reference {
        Reference::Tag(tag) => format!("{repository}:{tag}"),
        Reference::Digest(sha256) => format!("{repository}@{}", digest(sha256)),
    }
}

/// A manifest, hashed here and compared with what was asked for and with what the registry says.
pub(super) async fn get(
    connection: &Connection,
    operation: &'static str,
    repository: &str,
    reference: Reference<'_>,
) -> Result<Option<Document>> {
    let what = format!("reading `{}`", name(repository, reference));
    let call = Call {
        operation,
        what: &what,
        scopes: &[pull(repository)],
    };
    let url = connection.url(&path(repository, reference));
    let send = |client: &reqwest::Client| client.get(url.clone()).header(ACCEPT, media::ACCEPTED);
    let response = connection.send(&call, send).await?;
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => return Ok(None),
        _ => return Err(connection.refused(&call, response).await),
    }
    let document = document(connection, &call, response, reference).await?;
    Ok(Some(document))
}

async fn document(
    connection: &Connection,
    call: &Call<'_>,
    response: Response,
    reference: Reference<'_>,
) -> Result<Document> {
    let text = |name: HeaderName| {
        let value = response.headers().get(name)?;
        Some(value.to_str().ok()?.to_owned())
    };
    let (media_type, says) = (text(CONTENT_TYPE).unwrap_or_default(), text(CONTENT_DIGEST));
    let bytes = http::body(response, MAX_READ_BYTES).await;
    let failed = |error| no_answer(connection.reporter(), call.operation, call.what, error);
    let bytes = bytes.map_err(failed)?;
    let document = Document { media_type, bytes };
    let found = document.sha256();
    let is_asked = match reference {
        Reference::Tag(_) => true,
        Reference::Digest(asked) => asked == found,
    };
    let is_said = says.is_none_or(|says| !says.starts_with("sha256:") || says == digest(found));
    if is_asked && is_said {
        return Ok(document);
    }
    let message = format!("{}: the registry gives other bytes, `{found}`", call.what);
    Err(connection.reporter().corrupt(call.operation, message))
}

/// Writes a manifest. Returns whether the registry has understood whom it refers to.
pub(super) async fn put(
    connection: &Connection,
    operation: &'static str,
    repository: &str,
    reference: Reference<'_>,
    document: &Document,
) -> Result<bool> {
    let what = format!("writing `{}`", name(repository, reference));
    let call = Call {
        operation,
        what: &what,
        scopes: &[push(repository)],
    };
    let url = connection.url(&path(repository, reference));
    let send = |client: &reqwest::Client| {
        let request = client.put(url.clone());
        let request = request.header(CONTENT_TYPE, &document.media_type);
        request.body(body_of(&document.bytes))
    };
    let response = connection.send(&call, send).await?;
    if response.status() != StatusCode::CREATED {
        return Err(connection.refused(&call, response).await);
    }
    let says = response.headers().get(&CONTENT_DIGEST);
    let expected = digest(document.sha256());
    if says.is_some_and(|says| says.as_bytes() != expected.as_bytes()) {
        let message = format!("{what}: the registry kept other bytes");
        return Err(connection.reporter().corrupt(operation, message));
    }
    Ok(response.headers().contains_key(&SUBJECT))
}

#[derive(Debug, Deserialize)]
struct Page {
    #[serde(default, alias = "repositories")]
    tags: Option<Vec<String>>,
}

/// All pages of a list; `None` when there is none.
async fn pages(
    connection: &Connection,
    call: &Call<'_>,
    first: Url,
) -> Result<Option<Vec<String>>> {
    let mut names = Vec::new();
    let mut url = first;
    for _ in 0..MAX_PAGES {
        let response = connection
            .send(call, |client| client.get(url.clone()))
            .await?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(None),
            _ => return Err(connection.refused(call, response).await),
        }
        let next = next_page(connection, call, &url, response.headers())?;
        let page: Page = http::json(response)
            .await
            .map_err(|error| no_answer(connection.reporter(), call.operation, call.what, error))?;
        names.extend(page.tags.unwrap_or_default());
        if names.len() > MAX_NAMES {
            break;
        }
        match next {
            None => return Ok(Some(names)),
            // A page that leads to itself would go on for ever.
            Some(next) if next == url => break,
            Some(next) => url = next,
        }
    }
    let message = format!(
        "{}: the list has more than {MAX_NAMES} names or no end",
        call.what
    );
    let reporter = connection.reporter();
    Err(reporter.error(AdapterErrorKind::Unsupported, call.operation, message))
}

/// Where the next page is (RFC 8288), which must be on the registry itself.
fn next_page(
    connection: &Connection,
    call: &Call<'_>,
    from: &Url,
    headers: &HeaderMap,
) -> Result<Option<Url>> {
    let Some(link) = headers.get(LINK).and_then(|link| link.to_str().ok()) else {
        return Ok(None);
    };
    let target = link
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    let Some((target, _)) = target.filter(|(_, rest)| rest.contains("next")) else {
        return Ok(None);
    };
    let url = from.join(target).ok();
    match url.filter(|url| connection.is_own(url)) {
        Some(url) => Ok(Some(url)),
        None => Err(connection.strange(call, "its next page is on another host")),
    }
}

/// All tags of a repository; none when there is no such repository.
pub(super) async fn tags(
    connection: &Connection,
    operation: &'static str,
    repository: &str,
) -> Result<Vec<String>> {
    let what = format!("listing the tags of `{repository}`");
    let call = Call {
        operation,
        what: &what,
        scopes: &[pull(repository)],
    };
    let mut url = connection.url(&format!("{repository}/tags/list"));
    url.query_pairs_mut().append_pair("n", PAGE);
    Ok(pages(connection, &call, url).await?.unwrap_or_default())
}

/// All repositories of the registry, where it lists them: the API of old has such a list, the specification of today has not.
pub(super) async fn catalog(
    connection: &Connection,
    operation: &'static str,
) -> Result<Vec<String>> {
    let call = Call {
        operation,
        what: "listing repositories",
        scopes: &["registry:catalog:*".to_owned()],
    };
    let mut url = connection.url("_catalog");
    url.query_pairs_mut().append_pair("n", PAGE);
    if let Some(names) = pages(connection, &call, url).await? {
        return Ok(names);
    }
    let message = "the registry does not list its repositories; artifacts have to be named";
    let reporter = connection.reporter();
    Err(reporter.error(AdapterErrorKind::Unsupported, operation, message))
}

/// What the registry says refers to a manifest; `None` when it has no such list.
pub(super) async fn referrers(
    connection: &Connection,
    operation: &'static str,
    repository: &str,
    subject: Sha256,
) -> Result<Option<Document>> {
    let what = format!("listing what refers to `{repository}@{}`", digest(subject));
    let call = Call {
        operation,
        what: &what,
        scopes: &[pull(repository)],
    };
    let url = connection.url(&format!("{repository}/referrers/{}", digest(subject)));
    let response = connection
        .send(&call, |client| client.get(url.clone()))
        .await?;
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => return Ok(None),
        _ => return Err(connection.refused(&call, response).await),
    }
    let bytes = http::body(response, MAX_READ_BYTES).await;
    let failed = |error| no_answer(connection.reporter(), operation, &what, error);
    let bytes: Bytes = bytes.map_err(failed)?;
    Ok(Some(Document {
        media_type: media::INDEX.to_owned(),
        bytes,
    }))
}
