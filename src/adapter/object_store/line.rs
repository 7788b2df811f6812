//! The line to the store. The crate `object_store` sends every request through our client, so that answers are bounded,
//! redirects are not followed with credentials, and what the server said is heard here: the crate's own errors can hold
//! addresses and whole bodies, and are never shown.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::object_store::ClientOptions;
use ::object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpResponseBody, HttpService,
};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use reqwest::Method;
use reqwest::header::{DATE, HeaderMap, SERVER};

use crate::adapter::object_store::answer::{Said, said};
use crate::net::http::{self, MAX_ANSWER_BYTES, Reuse};

tokio::task_local! {
    /// What is heard while one request is under way.
    static HEARD: Heard;
}

/// What the server says in answer to one request.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard {
    inner: Arc<Mutex<Inner>>,
    is_stream: bool,
}

#[derive(Debug, Default)]
struct Inner {
    said: Option<Said>,
    date: Option<String>,
    server: Option<String>,
}

/// How the body of a good answer is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// Read whole at once: it is short.
    Whole,
    /// Read as it comes, by somebody who counts.
    Stream,
}

impl Heard {
    /// Runs a request and hears the answer.
    pub(super) async fn during<T>(body: Body, request: impl Future<Output = T>) -> (T, Self) {
        let heard = Self {
            is_stream: body == Body::Stream,
            ..Self::default()
        };
        let outcome = HEARD.scope(heard.clone(), request).await;
        (outcome, heard)
    }

    fn change(&self, change: impl FnOnce(&mut Inner)) {
        change(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The last answer that was no success, if there was any.
    pub(super) fn said(&self) -> Option<Said> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.said.clone()
    }

    /// The server's name of itself, and its time as it writes it.
    pub(super) fn server(&self) -> (Option<String>, Option<String>) {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        (inner.server.clone(), inner.date.clone())
    }

    fn head(&self, headers: &HeaderMap) {
        let text = |name| {
            let value = headers.get(name)?.to_str().ok()?;
            Some(crate::redact::printable(value).chars().take(100).collect())
        };
        self.change(|inner| {
            inner.date = text(DATE);
            inner.server = text(SERVER);
        });
    }
}

/// Makes the one client that all requests go through.
#[derive(Debug, Clone)]
pub(super) struct Line {
    client: reqwest::Client,
    /// For requests with bytes, which may take long.
    uploader: reqwest::Client,
}

impl Line {
    /// A client with our bounds.
    pub(super) fn new() -> Result<Self, http::HttpError> {
        Ok(Self {
            client: http::client(Reuse::Kept)?,
            uploader: http::uploader(Reuse::Kept)?,
        })
    }

    async fn answer(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let length = u64::try_from(request.body().content_length()).unwrap_or(u64::MAX);
        // The end of an upload in parts is a POST: it may take long, and says so meanwhile.
        if length == 0 || request.method() != Method::PUT {
            return heard_answer(self.client.call(request)).await;
        }
        let answered = heard_answer(self.uploader.call(request));
        match tokio::time::timeout(http::sending_time(length), answered).await {
            Ok(answer) => answer,
            Err(late) => {
                let heard = HEARD.try_with(Clone::clone).unwrap_or_default();
                heard.change(|inner| inner.said = Some(Said::line("no answer in time")));
                Err(HttpError::new(HttpErrorKind::Timeout, late))
            }
        }
    }
}

/// Waits for the answer to a request, and hears what it says.
async fn heard_answer(
    answer: impl Future<Output = Result<HttpResponse, HttpError>>,
) -> Result<HttpResponse, HttpError> {
    let heard = HEARD.try_with(Clone::clone).unwrap_or_default();
    let answered = answer.await;
    let response = answered.inspect_err(|error| {
        let line = Said::line(&http::chain(error));
        heard.change(|inner| inner.said = Some(line));
    })?;
    let (parts, body) = response.into_parts();
    heard.head(&parts.headers);
    if parts.status.is_success() && heard.is_stream {
        return Ok(HttpResponse::from_parts(parts, body));
    }
    let body = whole(body).await.inspect_err(|error| {
        let line = Said::line(&http::chain(error));
        heard.change(|inner| inner.said = Some(line));
    })?;
    // S3 can say that a copy or the end of an upload failed after it has said 200.
    if !parts.status.is_success() || is_error(&body) {
        let said = said(parts.status, http::retry_after(&parts.headers), &body);
        heard.change(|inner| inner.said = Some(said));
    }
    Ok(HttpResponse::from_parts(
        parts,
        HttpResponseBody::from(body),
    ))
}

fn is_error(body: &[u8]) -> bool {
    let start = body.get(..body.len().min(300)).unwrap_or_default();
    String::from_utf8_lossy(start).contains("<Error>")
}

/// A body that is short, or an error.
async fn whole(body: HttpResponseBody) -> Result<Bytes, HttpError> {
    let mut pieces = body.bytes_stream();
    let mut whole = BytesMut::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        if whole.len().saturating_add(piece.len()) > MAX_ANSWER_BYTES {
            let error = http::HttpError::TooLarge(MAX_ANSWER_BYTES);
            return Err(HttpError::new(HttpErrorKind::Decode, error));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

impl HttpService for Line {
    fn call<'service, 'call>(
        &'service self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'call>>
    where
        'service: 'call,
        Self: 'call,
    {
        Box::pin(self.answer(request))
    }
}

impl HttpConnector for Line {
    fn connect(&self, _options: &ClientOptions) -> ::object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

/// What a stream of bytes says when it breaks: neither an address nor what the server sent.
pub(super) fn broken(error: &::object_store::Error) -> std::io::Error {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.is::<HttpError>() {
            let message = http::chain(error);
            return std::io::Error::new(std::io::ErrorKind::ConnectionReset, message);
        }
        cause = error.source();
    }
    std::io::Error::new(
        std::io::ErrorKind::ConnectionReset,
        "the bytes broke off before their end",
    )
}

/// How long the server asked to be left alone, at most an hour: more is said by nobody who means it.
pub(super) fn bounded_pause(pause: Duration) -> Duration {
    pause.min(Duration::from_secs(3600))
}

#[cfg(test)]
mod tests {
    use ::object_store::client::HttpRequestBody;

    use super::*;
    use crate::net::http::testing::taking;

    #[tokio::test]
    async fn bytes_may_take_longer_than_a_line_may_be_silent() {
        const LENGTH: usize = 64 << 20;
        let line = Line::new().unwrap();
        let impatient = reqwest::Client::builder().read_timeout(Duration::from_millis(1));
        let line = Line {
            client: impatient.build().unwrap(),
            ..line
        };
        for (method, is_patient) in [(Method::PUT, true), (Method::POST, false)] {
            let mut request = HttpRequest::new(HttpRequestBody::from(Bytes::from(vec![7; LENGTH])));
            *request.method_mut() = method;
            *request.uri_mut() = taking(LENGTH).parse().unwrap();
            assert_eq!(line.answer(request).await.is_ok(), is_patient);
        }
    }
}
