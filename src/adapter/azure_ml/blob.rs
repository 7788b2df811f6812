//! Block blobs of one container, by the REST interface of Azure Blob Storage.
//!
//! Source: <https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api>. Every write carries
//! `If-None-Match: *`: nothing that is there is written over.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, IF_NONE_MATCH};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};

use crate::adapter::Result;
use crate::adapter::azure_ml::report::Call;
use crate::adapter::azure_ml::sas::BLOB_VERSION;
use crate::adapter::azure_ml::{layout, xml};
use crate::adapter::entra::{Entra, STORAGE_SCOPE};
use crate::net::http::{self, MAX_ANSWER_BYTES};
use crate::redact::Secret;

/// The most pages of one listing: each has up to 5,000 names.
const MAX_PAGES: usize = 10_000;
/// How much of an error is read, in bytes.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// What opens a container.
#[derive(Debug, Clone)]
pub(super) enum Access {
    /// The query of a shared access signature.
    Signature(Secret<String>),
    /// A token.
    Entra(Arc<Entra>),
}

/// A container.
#[derive(Clone)]
pub(super) struct Container {
    pub(super) client: Client,
    /// For bytes, which may take long.
    pub(super) uploader: Client,
    /// Its address, without a slash at the end and without a query.
    pub(super) url: String,
    pub(super) access: Access,
}

impl fmt::Debug for Container {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Container").field(&self.url).finish()
    }
}

/// What a write that must not write over anything did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    /// The blob is new.
    Created,
    /// There is one of that name.
    Exists,
}

/// A request and what must not show of it.
struct Prepared {
    request: RequestBuilder,
    /// How many bytes go with it, when it writes.
    length: Option<u64>,
    what: String,
    secret: Secret<String>,
}

impl Prepared {
    /// The same request with bytes.
    fn with(mut self, bytes: Bytes) -> Self {
        self.length = Some(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let request = self.request.header(CONTENT_LENGTH, bytes.len());
        self.request = request.body(bytes);
        self
    }
}

impl Container {
    /// The bytes of a blob; `None` when there is none.
    pub(super) async fn get(&self, call: Call<'_>, blob: &str) -> Result<Option<Response>> {
        let prepared = self.prepare(call, Method::GET, blob, "").await?;
        let (response, what, secret) = send(call, prepared).await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::OK => Ok(Some(response)),
            _ => Err(refused(call, response, &what, &secret).await),
        }
    }

    /// Writes a blob in one request.
    pub(super) async fn put(&self, call: Call<'_>, blob: &str, bytes: Bytes) -> Result<Put> {
        let mut prepared = self.prepare(call, Method::PUT, blob, "").await?;
        prepared.request = prepared
            .request
            .header("x-ms-blob-type", "BlockBlob")
            .header(IF_NONE_MATCH, "*")
            .header(CONTENT_TYPE, "application/octet-stream");
        created(call, prepared.with(bytes)).await
    }

    /// Sends one piece of a blob. Until [`commit`](Self::commit) nothing shows, and what is never committed goes after a week.
    pub(super) async fn put_block(
        &self,
        call: Call<'_>,
        blob: &str,
        number: u32,
        bytes: Bytes,
    ) -> Result<()> {
        let id = layout::escaped(&block_id(number));
        let query = format!("comp=block&blockid={id}");
        let prepared = self.prepare(call, Method::PUT, blob, &query).await?;
        let (response, what, secret) = send(call, prepared.with(bytes)).await?;
        if response.status() == StatusCode::CREATED {
            return Ok(());
        }
        Err(refused(call, response, &what, &secret).await)
    }

    /// Makes a blob of its first `count` pieces.
    pub(super) async fn commit(&self, call: Call<'_>, blob: &str, count: u32) -> Result<Put> {
        let mut prepared = self
            .prepare(call, Method::PUT, blob, "comp=blocklist")
            .await?;
        let ids = (0..count).map(|number| format!("<Latest>{}</Latest>", block_id(number)));
        let ids: String = ids.collect();
        let body =
            format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>{ids}</BlockList>");
        prepared.request = prepared
            .request
            .header(IF_NONE_MATCH, "*")
            .header(CONTENT_TYPE, "application/xml")
            .header("x-ms-blob-content-type", "application/octet-stream")
            .body(body);
        created(call, prepared).await
    }

    /// The names of the blobs that are a path or lie below it, at most `limit`.
    pub(super) async fn below(
        &self,
        call: Call<'_>,
        path: &str,
        limit: usize,
    ) -> Result<Vec<String>> {
        let prefix = layout::escaped(path);
        let folder = format!("{path}/");
        let mut names = Vec::new();
        let mut marker = String::new();
        for _ in 0..MAX_PAGES {
            let query = format!(
                "restype=container&comp=list&prefix={prefix}&marker={}",
                layout::escaped(&marker)
            );
            let prepared = self.prepare(call, Method::GET, "", &query).await?;
            let (response, what, secret) = send(call, prepared).await?;
            if response.status() != StatusCode::OK {
                return Err(refused(call, response, &what, &secret).await);
            }
            let body = http::body(response, MAX_ANSWER_BYTES).await;
            let body = body.map_err(|error| call.http(&what, error))?;
            let page = xml::listing(&body).ok_or_else(|| {
                call.unexpected(format!("{what}: the answer is no listing of blobs"))
            })?;
            let is_wanted = |name: &String| *name == path || name.starts_with(&folder);
            names.extend(page.names.into_iter().filter(is_wanted));
            if names.len() > limit {
                let message = format!("there are more than {limit} blobs below `{path}`");
                return Err(call.unexpected(message));
            }
            if page.marker.is_empty() {
                return Ok(names);
            }
            marker = page.marker;
        }
        Err(call.unexpected(format!(
            "the listing of `{path}` does not end within {MAX_PAGES} pages"
        )))
    }

    /// A request for a blob, or for the container when the name is empty.
    async fn prepare(
        &self,
        call: Call<'_>,
        method: Method,
        blob: &str,
        query: &str,
    ) -> Result<Prepared> {
        let mut url = self.url.clone();
        if !blob.is_empty() {
            url.push('/');
            url.push_str(&layout::escaped_path(blob));
        }
        let what = format!("`{method} {url}`");
        let token = match &self.access {
            Access::Signature(_) => None,
            Access::Entra(entra) => {
                let token = entra.token(STORAGE_SCOPE).await;
                Some(token.map_err(|error| call.entra(error))?)
            }
        };
        let signature = match &self.access {
            Access::Signature(signature) => signature.expose().as_str(),
            Access::Entra(_) => "",
        };
        let parts = [query, signature].into_iter();
        let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
        let full = if parts.is_empty() {
            url
        } else {
            format!("{url}?{}", parts.join("&"))
        };
        let (client, length) = match method == Method::PUT {
            true => (&self.uploader, Some(0)),
            false => (&self.client, None),
        };
        let request = client
            .request(method, full)
            .header("x-ms-version", BLOB_VERSION);
        let request = match &token {
            Some(token) => request.bearer_auth(token.expose()),
            None => request,
        };
        let secret = token.unwrap_or_else(|| Secret::new(telling(signature)));
        Ok(Prepared {
            request,
            length,
            what,
            secret,
        })
    }
}

/// The part of a signature's query that opens anything.
fn telling(query: &str) -> String {
    let part = query.split('&').find_map(|part| part.strip_prefix("sig="));
    part.unwrap_or_default().to_owned()
}

/// All ids of one blob have to have the same length.
fn block_id(number: u32) -> String {
    STANDARD.encode(format!("{number:08}"))
}

async fn send(call: Call<'_>, prepared: Prepared) -> Result<(Response, String, Secret<String>)> {
    let Prepared {
        request,
        length,
        what,
        secret,
    } = prepared;
    let response = match length {
        None => http::send(request).await,
        Some(length) => http::upload(request, length).await,
    };
    let response = response.map_err(|error| call.http(&what, error))?;
    Ok((response, what, secret))
}

async fn created(call: Call<'_>, prepared: Prepared) -> Result<Put> {
    let (response, what, secret) = send(call, prepared).await?;
    match response.status() {
        StatusCode::CREATED => Ok(Put::Created),
        // The first by Put Blob, the second by a condition.
        StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => {
            let code = response.headers().get("x-ms-error-code");
            let code = code.and_then(|code| code.to_str().ok()).unwrap_or_default();
            if matches!(code, "BlobAlreadyExists" | "ConditionNotMet") {
                return Ok(Put::Exists);
            }
            Err(refused(call, response, &what, &secret).await)
        }
        _ => Err(refused(call, response, &what, &secret).await),
    }
}

async fn refused(
    call: Call<'_>,
    response: Response,
    what: &str,
    secret: &Secret<String>,
) -> crate::adapter::AdapterError {
    let (status, headers) = (response.status(), response.headers().clone());
    let body = http::body(response, MAX_ERROR_BYTES).await;
    let body = body.unwrap_or_default();
    call.refused(what, status, &headers, &body, secret)
}
