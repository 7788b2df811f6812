//! HTTP, with what every caller needs: no redirects, bounded answers, bounded waiting, and errors without secrets.
//!
//! Built on `reqwest` with `rustls` and `ring`. A redirect is an answer like any other here: who follows one decides what
//! goes along, since credentials must not leave the host they are for.

use std::io;
use std::sync::Once;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{BoxStream, StreamExt as _, TryStreamExt as _};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect};
use serde::de::DeserializeOwned;

use crate::redact::printable;

/// How long a connection may take.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// How long a line may be silent.
const SILENCE: Duration = Duration::from_secs(30);
/// The slowest line that bytes are sent over, in bytes a second.
const SLOWEST: u64 = 1 << 20;
/// How much of an answer is shown when it is an error, in bytes.
const SHOWN_BYTES: usize = 300;
/// The largest answer that is read whole, in bytes.
pub const MAX_ANSWER_BYTES: usize = 16 << 20;

/// Why a request has no answer that can be used. Holds neither headers nor the query of the address.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// No line to the server, or it broke, or nothing came for too long.
    #[error("{0}")]
    Line(String),
    /// The answer is longer than allowed.
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
    /// The answer is not what was asked for.
    #[error("the answer cannot be read: {0}")]
    Form(String),
}

impl HttpError {
    /// Whether trying again can help.
    #[must_use]
    pub const fn can_pass(&self) -> bool {
        matches!(self, Self::Line(_))
    }

    /// What went wrong with a request, without the address and what it may hold.
    #[must_use]
    pub fn of(error: reqwest::Error) -> Self {
        let error = error.without_url();
        // A body that breaks off is an error of decoding there, though nothing is decoded: it may come whole next time.
        if error.is_builder() {
            return Self::Form(chain(&error));
        }
        Self::Line(chain(&error))
    }
}

/// The text of an error and of what caused it, for people; the outer ones say only that something failed. The caller has
/// seen to it that none of them holds an address or a secret.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = inner.source();
    }
    printable(&text)
}

/// How a client treats its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// They are kept for the next request.
    Kept,
    /// Each request has its own, for servers that answer in two small pieces: with a kept connection the second waits
    /// about 40 ms for the client's delayed acknowledgement (RFC 1122, 4.2.3.2).
    OneEach,
}

/// A client.
///
/// # Errors
///
/// When the machine's certificates cannot be read.
pub fn client(reuse: Reuse) -> Result<Client, HttpError> {
    build(reuse, Some(SILENCE))
}

/// A client for [`upload`]. Silence is counted from when a request is sent until its answer begins, so that by another client a
/// body would have to be sent within it.
///
/// # Errors
///
/// When the machine's certificates cannot be read.
pub fn uploader(reuse: Reuse) -> Result<Client, HttpError> {
    build(reuse, None)
}

fn build(reuse: Reuse, silence: Option<Duration>) -> Result<Client, HttpError> {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Somebody else may have chosen before; theirs serves too.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
    let builder = Client::builder()
        .user_agent(concat!("promote/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(CONNECT_TIME)
        .tcp_nodelay(true)
        .referer(false);
    let builder = match silence {
        Some(silence) => builder.read_timeout(silence),
        None => builder,
    };
    let builder = match reuse {
        Reuse::Kept => builder,
        Reuse::OneEach => builder.pool_max_idle_per_host(0),
    };
    builder.build().map_err(HttpError::of)
}

/// Sends a request and waits for the head of the answer.
///
/// # Errors
///
/// When there is none.
pub async fn send(request: RequestBuilder) -> Result<Response, HttpError> {
    request.send().await.map_err(HttpError::of)
}

/// Sends a request with a body of so many bytes, by an [`uploader`], and waits for the head of the answer: for as long as a
/// slow line takes to send them, and then as for any other.
///
/// # Errors
///
/// When there is none.
pub async fn upload(request: RequestBuilder, length: u64) -> Result<Response, HttpError> {
    send(request.timeout(sending_time(length))).await
}

/// How long sending so many bytes and waiting for the answer may take.
#[must_use]
pub const fn sending_time(length: u64) -> Duration {
    SILENCE.saturating_add(Duration::from_secs(length / SLOWEST))
}

/// The whole body of an answer.
///
/// # Errors
///
/// When it is longer than `limit` bytes, or breaks off.
pub async fn body(mut response: Response, limit: usize) -> Result<Bytes, HttpError> {
    let announced = response.content_length().unwrap_or(0);
    if usize::try_from(announced).map_or(true, |length| length > limit) {
        return Err(HttpError::TooLarge(limit));
    }
    let mut whole = BytesMut::new();
    while let Some(piece) = response.chunk().await.map_err(HttpError::of)? {
        if whole.len().saturating_add(piece.len()) > limit {
            return Err(HttpError::TooLarge(limit));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

/// The body of an answer in pieces. A line that breaks is `ConnectionReset`, so that whoever reads can go on from there.
pub fn stream(response: Response) -> BoxStream<'static, io::Result<Bytes>> {
    response.bytes_stream().map_err(broken).boxed()
}

/// What a body that breaks off says: as in [`stream`].
#[must_use]
pub fn broken(error: reqwest::Error) -> io::Error {
    let error = HttpError::of(error);
    let kind = if error.can_pass() {
        io::ErrorKind::ConnectionReset
    } else {
        io::ErrorKind::Other
    };
    io::Error::new(kind, error)
}

/// The body of an answer as JSON.
///
/// # Errors
///
/// When it is longer than [`MAX_ANSWER_BYTES`], breaks off, or is something else.
pub async fn json<T: DeserializeOwned>(response: Response) -> Result<T, HttpError> {
    let body = body(response, MAX_ANSWER_BYTES).await?;
    serde_json::from_slice(&body).map_err(|error| HttpError::Form(error.to_string()))
}

/// How long the server asks to be left alone (RFC 9110, 10.2.3); its date form is passed over.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    Some(Duration::from_secs(seconds.parse().ok()?))
}

/// Whether the same request may succeed later: the server is busy, or something before it is.
#[must_use]
pub fn can_pass(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

/// The start of an answer that nobody expected, for people: one line, without markup.
#[must_use]
pub fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let mut shown = String::new();
    let mut is_markup = false;
    for character in text.chars() {
        match character {
            '<' => is_markup = true,
            '>' => is_markup = false,
            _ if is_markup => {}
            character if character.is_whitespace() => {
                if !shown.is_empty() && !shown.ends_with(' ') {
                    shown.push(' ');
                }
            }
            character => shown.push(character),
        }
        if shown.len() >= SHOWN_BYTES {
            shown.push('…');
            break;
        }
    }
    printable(shown.trim())
}

#[cfg(test)]
pub(crate) mod testing {
    use std::io::{Read as _, Write as _};

    /// The address of a server that takes one request of at least so many bytes, and answers when it has all of it.
    pub(crate) fn taking(length: usize) -> String {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut taken = 0;
            let mut piece = vec![0; 1 << 16];
            while taken < length {
                match stream.read(&mut piece) {
                    // Who gave up sends no more.
                    Ok(0) | Err(_) => return,
                    Ok(count) => taken += count,
                }
            }
            let answer = b"HTTP/1.1 201 X\r\nContent-Length: 0\r\n\r\n";
            drop(stream.write_all(answer));
        });
        format!("http://{address}")
    }
}

#[cfg(test)]
mod tests {
    use super::testing::taking;
    use super::*;

    #[tokio::test]
    async fn a_body_may_take_longer_than_a_line_may_be_silent() {
        let body = Bytes::from(vec![7; 64 << 20]);
        let short = build(Reuse::Kept, Some(Duration::from_millis(1))).unwrap();
        let sent = send(short.put(taking(body.len())).body(body.clone())).await;
        assert!(sent.is_err_and(|error| error.can_pass()));
        let long = uploader(Reuse::Kept).unwrap();
        let request = long.put(taking(body.len())).body(body.clone());
        let sent = upload(request, 64 << 20).await.unwrap();
        assert_eq!(sent.status(), StatusCode::CREATED);
    }

    #[test]
    fn pages_are_shown_as_one_line_of_text() {
        let page = b"<!doctype html>\n<title>403 Forbidden</title>\n<h1>Forbidden</h1>\n  <p>Permission\x1b[2J denied";
        assert_eq!(
            shown(page),
            "403 Forbidden Forbidden Permission\\u{1b}[2J denied"
        );
        assert!(shown(&[b'x'; 5000]).len() < 310);
    }

    #[test]
    fn only_seconds_are_waited_for() {
        let mut headers = HeaderMap::new();
        assert_eq!(retry_after(&headers), None);
        headers.insert(RETRY_AFTER, "7".parse().unwrap());
        assert_eq!(retry_after(&headers), Some(Duration::from_secs(7)));
        headers.insert(
            RETRY_AFTER,
            "Fri, 31 Dec 1999 23:59:59 GMT".parse().unwrap(),
        );
        assert_eq!(retry_after(&headers), None);
    }
}
