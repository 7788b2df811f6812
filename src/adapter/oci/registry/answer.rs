//! What a registry's refusals mean (distribution specification 1.1, "Error codes").

use reqwest::{Response, StatusCode};
use serde::Deserialize;

use crate::adapter::oci::store::Reporter;
use crate::adapter::{AdapterError, AdapterErrorKind, ErrorStatus};
use crate::net::http;
use crate::redact::printable;

/// The longest refusal that is read, in bytes.
const MAX_REFUSAL_BYTES: usize = 64 * 1024;
/// How many of its errors are shown.
const SHOWN_ERRORS: usize = 3;

/// One error of a refusal.
#[derive(Debug, Deserialize)]
struct Wire {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

#[derive(Debug, Deserialize)]
struct Refusal {
    errors: Vec<Wire>,
}

/// The error for an answer that is not what was asked for. `what` says what was asked for.
pub(super) async fn refused(
    reporter: &Reporter,
    operation: &'static str,
    what: &str,
    response: Response,
) -> AdapterError {
    let status = response.status();
    let retry_after = http::retry_after(response.headers());
    let body = http::body(response, MAX_REFUSAL_BYTES).await;
    let (codes, said) = read(body.as_deref().unwrap_or_default());
    let kind = kind(status, &codes);
    let mut message = format!("{what}: the registry answers {}", status.as_u16());
    if !said.is_empty() {
        message.push_str(": ");
        message.push_str(&said);
    }
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        message.push_str(" (it takes no more bytes at once)");
    }
    let error = reporter.error(kind, operation, message);
    AdapterError {
        status: if http::can_pass(status) {
            ErrorStatus::Temporary
        } else {
            ErrorStatus::Permanent
        },
        retry_after,
        ..error
    }
}

fn kind(status: StatusCode, codes: &[String]) -> AdapterErrorKind {
    let is_wrong_bytes = |code: &String| matches!(code.as_str(), "DIGEST_INVALID" | "SIZE_INVALID");
    match status.as_u16() {
        401 | 403 => AdapterErrorKind::PermissionDenied,
        404 => AdapterErrorKind::NotFound,
        429 => AdapterErrorKind::RateLimited,
        405 | 413 | 415 | 501 => AdapterErrorKind::Unsupported,
        400 if codes.iter().any(is_wrong_bytes) => AdapterErrorKind::Corrupt,
        _ => AdapterErrorKind::Unexpected,
    }
}

/// The codes of a refusal, and its text for people.
fn read(body: &[u8]) -> (Vec<String>, String) {
    let Ok(refusal) = serde_json::from_slice::<Refusal>(body) else {
        return (Vec::new(), http::shown(body));
    };
    let errors = refusal.errors.iter().take(SHOWN_ERRORS);
    let said = errors.map(|error| {
        let message = http::shown(error.message.as_bytes());
        format!("{} ({message})", http::shown(error.code.as_bytes()))
    });
    let said = said.collect::<Vec<_>>().join("; ");
    let codes = refusal.errors.into_iter().map(|error| error.code);
    (codes.collect(), said)
}

/// The error for a request without an answer.
pub(super) fn no_answer(
    reporter: &Reporter,
    operation: &'static str,
    what: &str,
    error: http::HttpError,
) -> AdapterError {
    let message = printable(&format!("{what}: {error}"));
    let kind = AdapterErrorKind::Unexpected;
    let made = if error.can_pass() {
        reporter.temporary(kind, operation, message)
    } else {
        reporter.error(kind, operation, message)
    };
    made.caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_read_and_pages_are_shown() {
        let body = br#"{"errors":[{"code":"DIGEST_INVALID","message":"provided digest did not match","detail":{"token":"x"}},{"code":"DENIED"}]}"#;
        let (codes, said) = read(body);
        assert_eq!(
            said,
            "DIGEST_INVALID (provided digest did not match); DENIED ()"
        );
        assert_eq!(
            kind(StatusCode::BAD_REQUEST, &codes),
            AdapterErrorKind::Corrupt
        );
        assert_eq!(read(b"<html><h1>Bad gateway</h1>").1, "Bad gateway");
        for (status, expected) in [
            (400, AdapterErrorKind::Unexpected),
            (401, AdapterErrorKind::PermissionDenied),
            (404, AdapterErrorKind::NotFound),
            (413, AdapterErrorKind::Unsupported),
            (429, AdapterErrorKind::RateLimited),
            (500, AdapterErrorKind::Unexpected),
        ] {
            assert_eq!(kind(StatusCode::from_u16(status).unwrap(), &[]), expected);
        }
    }
}
