//! Uploading blobs: at once where the registry takes them so, else in chunks. Bytes stream; what does not have the hash is
//! cut off before its last piece, so that no registry can take it for whole.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderName};
use reqwest::{Body, Response, StatusCode, Url};

use crate::adapter::oci::document::Blob;
use crate::adapter::oci::registry::body_of;
use crate::adapter::oci::registry::client::{Call, Connection, push};
use crate::adapter::oci::store::Source;
use crate::adapter::oci::stream::{Fault, checked};
use crate::adapter::{AdapterError, AdapterErrorKind, ByteStream, Result};

/// Files up to this length are read whole before they are sent, in bytes. With eight at once this bounds memory to 8 MiB.
const WHOLE_BYTES: u64 = 1 << 20;
/// The length of a chunk for registries that do not take a blob at once, in bytes. Registries behind proxies often take
/// 100 MB.
const CHUNK_BYTES: u64 = 16 << 20;
/// The longest chunk that a registry may ask for as its shortest.
const MAX_CHUNK_BYTES: u64 = 1 << 30;
/// What a registry says of the hash that it has computed.
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
/// The shortest chunk that a registry takes (distribution specification 1.1, "Pushing a blob in chunks").
const CHUNK_MIN_LENGTH: HeaderName = HeaderName::from_static("oci-chunk-min-length");

pub(super) async fn put(
    connection: &Connection,
    operation: &'static str,
    repository: &str,
    blob: Blob,
    source: Source<'_>,
) -> Result<()> {
    let what = format!("writing `{}` to `{repository}`", blob.digest());
    let call = Call {
        operation,
        what: &what,
        scopes: &[push(repository)],
    };
    let upload = Upload {
        connection,
        call: &call,
        repository,
        blob,
    };
    if blob.size <= WHOLE_BYTES {
        let bytes = match source {
            Source::Memory(bytes) => bytes.clone(),
            Source::File(..) => upload.whole(source).await?,
        };
        let (place, _) = upload.begin().await?;
        let response = upload.put(&place, body_of(&bytes), blob.size).await?;
        return upload.end(response).await;
    }
    let (place, _) = upload.begin().await?;
    let (stream, fault) = upload.open(source).await?;
    let sent = upload
        .put(&place, Body::wrap_stream(stream), blob.size)
        .await;
    upload.fault(&fault)?;
    let response = sent?;
    if response.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return upload.in_chunks(source).await;
    }
    upload.end(response).await
}

/// One blob on its way.
#[derive(Debug)]
struct Upload<'a> {
    connection: &'a Connection,
    call: &'a Call<'a>,
    repository: &'a str,
    blob: Blob,
}

impl Upload<'_> {
    fn error(&self, kind: AdapterErrorKind, message: String) -> AdapterError {
        let reporter = self.connection.reporter();
        reporter.error(kind, self.call.operation, message)
    }

    /// The bytes of a source, to be checked as they pass.
    async fn open(&self, source: Source<'_>) -> Result<(ByteStream, Fault)> {
        match source {
            Source::Memory(bytes) => {
                let pieces = stream::iter([Ok(bytes.clone())]).boxed();
                Ok(checked(pieces, self.blob, "memory"))
            }
            Source::File(content, file) => {
                let opened = content.open(&file.path).await;
                let stream = opened.map_err(|error| {
                    let message = format!("`{}`: {error}", file.path);
                    self.error(AdapterErrorKind::Unexpected, message)
                        .caused_by(error)
                })?;
                Ok(checked(stream, self.blob, file.path.as_str()))
            }
        }
    }

    /// The bytes of a short source.
    async fn whole(&self, source: Source<'_>) -> Result<Bytes> {
        let (mut stream, fault) = self.open(source).await?;
        let mut whole = Vec::new();
        while let Some(piece) = stream.next().await {
            match piece {
                Ok(piece) => whole.extend_from_slice(&piece),
                Err(_) => break,
            }
        }
        self.fault(&fault)?;
        Ok(Bytes::from(whole))
    }

    /// What was wrong with the bytes, whatever the registry said to it.
    fn fault(&self, fault: &Fault) -> Result<()> {
        match fault.take() {
            None => Ok(()),
            Some((kind, message)) => Err(self.error(kind, message)),
        }
    }

    /// Begins an upload: where it goes on, and the shortest chunk.
    async fn begin(&self) -> Result<(Url, u64)> {
        let url = self
            .connection
            .url(&format!("{}/blobs/uploads/", self.repository));
        let send = |client: &reqwest::Client| client.post(url.clone()).header(CONTENT_LENGTH, "0");
        let response = self.connection.send(self.call, send).await?;
        if response.status() != StatusCode::ACCEPTED {
            return Err(self.connection.refused(self.call, response).await);
        }
        let place = self.connection.own_location(self.call, &url, &response)?;
        let shortest = number(response.headers(), &CHUNK_MIN_LENGTH).unwrap_or(0);
        Ok((place, shortest))
    }

    /// Sends what is left, and the hash.
    async fn put(&self, place: &Url, body: Body, length: u64) -> Result<Response> {
        let mut url = place.clone();
        url.query_pairs_mut()
            .append_pair("digest", &self.blob.digest());
        let request = self.connection.uploader().put(url);
        let request = request
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, length)
            .body(body);
        self.connection.upload(self.call, request, length).await
    }

    async fn end(&self, response: Response) -> Result<()> {
        if response.status() != StatusCode::CREATED {
            return Err(self.connection.refused(self.call, response).await);
        }
        let says = response.headers().get(&CONTENT_DIGEST);
        if says.is_some_and(|says| says.as_bytes() != self.blob.digest().as_bytes()) {
            let message = format!("{}: the registry kept another hash", self.call.what);
            return Err(self.error(AdapterErrorKind::Corrupt, message));
        }
        Ok(())
    }

    async fn in_chunks(&self, source: Source<'_>) -> Result<()> {
        let (mut place, shortest) = self.begin().await?;
        if shortest > MAX_CHUNK_BYTES {
            let message = format!(
                "{}: it takes no chunk below {shortest} bytes",
                self.call.what
            );
            return Err(self.error(AdapterErrorKind::Unsupported, message));
        }
        let chunk = CHUNK_BYTES.max(shortest);
        let (stream, fault) = self.open(source).await?;
        let source = Arc::new(Pieces::new(stream));
        let mut sent: u64 = 0;
        while sent < self.blob.size {
            let length = chunk.min(self.blob.size.saturating_sub(sent));
            let last = sent.saturating_add(length).saturating_sub(1);
            let body = Body::wrap_stream(Pieces::next(&source, length));
            let request = self.connection.uploader().patch(place.clone());
            let request = request
                .header(CONTENT_TYPE, "application/octet-stream")
                .header(CONTENT_LENGTH, length)
                .header(CONTENT_RANGE, format!("{sent}-{last}"))
                .body(body);
            let answered = self.connection.upload(self.call, request, length).await;
            self.fault(&fault)?;
            let response = answered?;
            if response.status() != StatusCode::ACCEPTED {
                return Err(self.connection.refused(self.call, response).await);
            }
            place = self.connection.own_location(self.call, &place, &response)?;
            sent = sent.saturating_add(length);
        }
        let response = self.put(&place, Body::from(Bytes::new()), 0).await?;
        self.end(response).await
    }
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

/// A stream that is taken in chunks, each a stream of its own. One is taken after the other.
struct Pieces {
    state: Mutex<Option<(ByteStream, Bytes)>>,
}

impl Pieces {
    fn new(stream: ByteStream) -> Self {
        Self {
            state: Mutex::new(Some((stream, Bytes::new()))),
        }
    }

    fn take(&self) -> Option<(ByteStream, Bytes)> {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    fn put_back(&self, stream: ByteStream, rest: Bytes) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = Some((stream, rest));
    }

    /// The next `length` bytes. They are given back to the next chunk when they have been taken.
    fn next(self_: &Arc<Self>, length: u64) -> ByteStream {
        let pieces = Arc::clone(self_);
        let state = pieces.take().map(|(stream, rest)| (stream, rest, length));
        let chunk = stream::unfold(state, move |state| {
            let pieces = Arc::clone(&pieces);
            async move {
                let (mut stream, mut rest, left) = state?;
                if left == 0 {
                    pieces.put_back(stream, rest);
                    return None;
                }
                if rest.is_empty() {
                    match stream.next().await? {
                        Ok(piece) => rest = piece,
                        Err(error) => return Some((Err(error), None)),
                    }
                }
                let length = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                let piece = rest.split_to(length);
                let left = left.saturating_sub(u64::try_from(length).unwrap_or(u64::MAX));
                if left == 0 {
                    // Whoever sends this may never ask again, since it knows the length.
                    pieces.put_back(stream, rest);
                    return Some((Ok(piece), None));
                }
                Some((Ok(piece), Some((stream, rest, left))))
            }
        });
        chunk.boxed()
    }
}
