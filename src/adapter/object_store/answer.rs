//! What a store answers when it does not do what was asked, and what that means here.
//!
//! Sources: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>,
//! <https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes> and
//! <https://cloud.google.com/storage/docs/xml-api/reference-status>.

use std::time::Duration;

use reqwest::StatusCode;

use crate::adapter::entra::EntraError;
use crate::adapter::object_store::line::{Heard, bounded_pause};
use crate::adapter::{AdapterError, AdapterErrorKind, ErrorStatus};
use crate::net::http;
use crate::redact::{Secret, printable};

/// How much of a server's message is shown, in characters.
const SHOWN: usize = 300;

/// One answer that was no success.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// Its status; `None` when there was no answer.
    pub(super) status: Option<StatusCode>,
    /// The store's word for it, such as `NoSuchBucket`.
    pub(super) code: Option<String>,
    /// The store's sentence. Nothing else of the body is kept: some stores repeat there what was signed, tokens and all.
    pub(super) message: Option<String>,
    /// How long the store asked to be left alone.
    pub(super) retry_after: Option<Duration>,
}

impl Said {
    /// No answer: the line says why.
    pub(super) fn line(why: &str) -> Self {
        Self {
            message: Some(why.chars().take(SHOWN).collect()),
            ..Self::default()
        }
    }
}

/// Reads an answer that was no success.
pub(super) fn said(status: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> Said {
    let text = String::from_utf8_lossy(body);
    let code = element(&text, "Code")
        .filter(|code| code.len() <= 100 && code.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let message = element(&text, "Message").or_else(|| json_message(body));
    Said {
        status: Some(status),
        code,
        message: message.map(|message| {
            let line = message.lines().next().unwrap_or_default();
            printable(line).chars().take(SHOWN).collect()
        }),
        retry_after: retry_after.map(bounded_pause),
    }
}

/// The text of an element of a small XML document that holds no other.
fn element(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (inner, _) = rest.split_once(&format!("</{name}>"))?;
    let plain = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&amp;", "&"),
    ];
    let inner = plain
        .iter()
        .fold(inner.to_owned(), |text, (from, to)| text.replace(from, to));
    (!inner.is_empty()).then_some(inner)
}

/// The message of Google's JSON errors, and of token endpoints (RFC 6749, 5.2).
fn json_message(body: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    let inner = value.pointer("/error/message");
    let message = inner.or_else(|| value.get("error_description"));
    message?.as_str().map(str::to_owned)
}

/// Why a request failed, as far as the adapter acts on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The object is not there, but its bucket is.
    Absent,
    /// A condition does not hold: the object is there, or is another.
    Condition,
    /// Anything else.
    Other,
}

/// A request that failed.
#[derive(Debug)]
pub(super) struct Failed {
    /// Why, as far as the adapter acts on it.
    pub(super) cause: Cause,
    kind: AdapterErrorKind,
    status: ErrorStatus,
    text: String,
    retry_after: Option<Duration>,
    is_line: bool,
}

impl Failed {
    /// From the error of the crate and what was heard from the server.
    pub(super) fn of(error: &::object_store::Error, heard: &Heard) -> Self {
        use ::object_store::Error;
        let said = heard.said();
        let cause = match error {
            Error::NotFound { .. } if !is_bucket(said.as_ref()) => Cause::Absent,
            Error::AlreadyExists { .. }
            | Error::Precondition { .. }
            | Error::NotModified { .. } => Cause::Condition,
            _ => Cause::Other,
        };
        let Some(said) = said else {
            return Self::unheard(error, cause);
        };
        let kind = kind(error, &said);
        let can_pass = match said.status {
            None => true,
            Some(status) => http::can_pass(status) || is_busy(&said),
        };
        Self {
            cause,
            kind,
            status: if can_pass {
                ErrorStatus::Temporary
            } else {
                ErrorStatus::Permanent
            },
            text: text(&said),
            retry_after: said.retry_after,
            is_line: said.status.is_none(),
        }
    }

    /// No token, so that the server was not asked.
    fn no_token(error: &EntraError) -> Self {
        let (kind, status) = if error.can_pass() {
            (AdapterErrorKind::Unexpected, ErrorStatus::Temporary)
        } else {
            (AdapterErrorKind::PermissionDenied, ErrorStatus::Permanent)
        };
        Self {
            cause: Cause::Other,
            kind,
            status,
            text: error.to_string(),
            retry_after: error.retry_after(),
            is_line: false,
        }
    }

    /// The server had no part in it, or its answer was good and could not be read.
    fn unheard(error: &::object_store::Error, cause: Cause) -> Self {
        if let Some(error) = entra(error) {
            return Self::no_token(error);
        }
        let text = match error {
            ::object_store::Error::InvalidPath { .. } => {
                "a name in the bucket cannot be read: it has empty, `.` or `..` parts".to_owned()
            }
            _ => "the credentials or the answer cannot be used".to_owned(),
        };
        Self {
            cause,
            kind: AdapterErrorKind::Unexpected,
            status: ErrorStatus::Permanent,
            text,
            retry_after: None,
            is_line: false,
        }
    }

    /// What went wrong.
    pub(super) const fn kind(&self) -> AdapterErrorKind {
        self.kind
    }

    /// Whether there was no answer at all.
    pub(super) const fn is_line(&self) -> bool {
        self.is_line
    }

    /// Whether the store refuses these credentials.
    pub(super) const fn is_refusal(&self) -> bool {
        matches!(self.kind, AdapterErrorKind::PermissionDenied)
    }

    /// As the error of an operation on something. What is secret is cut out, should a server repeat it.
    pub(super) fn error(
        self,
        workspace: &str,
        operation: &'static str,
        what: &str,
        secrets: &[Secret<String>],
    ) -> AdapterError {
        let mut message = format!("`{what}`: {}", self.text);
        for secret in secrets {
            message = message.replace(secret.expose().as_str(), "…");
        }
        let mut error = AdapterError::permanent(self.kind, workspace, operation, message);
        error.status = self.status;
        error.retry_after = self.retry_after;
        error
    }
}

/// Why there was no token, when that is the reason.
fn entra(error: &::object_store::Error) -> Option<&EntraError> {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref() {
            return Some(error);
        }
        cause = error.source();
    }
    None
}

fn is_bucket(said: Option<&Said>) -> bool {
    let code = said.and_then(|said| said.code.as_deref());
    matches!(
        code,
        Some("NoSuchBucket" | "ContainerNotFound" | "ResourceNotFound")
    )
}

fn is_busy(said: &Said) -> bool {
    let code = said.code.as_deref().unwrap_or_default();
    matches!(
        code,
        "SlowDown"
            | "ServerBusy"
            | "InternalError"
            | "OperationTimedOut"
            | "RequestTimeout"
            | "OperationAborted"
    )
}

fn kind(error: &::object_store::Error, said: &Said) -> AdapterErrorKind {
    use ::object_store::Error;
    let status = said.status.map_or(0, |status| status.as_u16());
    let code = said.code.as_deref().unwrap_or_default();
    match (status, code) {
        (429 | 503, _) | (_, "SlowDown" | "ServerBusy") => AdapterErrorKind::RateLimited,
        (401 | 403, _) | (400, "ExpiredToken" | "InvalidToken" | "InvalidAccessKeyId") => {
            AdapterErrorKind::PermissionDenied
        }
        (404, _) => AdapterErrorKind::NotFound,
        (501, _) => AdapterErrorKind::Unsupported,
        (_, "BadDigest" | "InvalidDigest" | "XAmzContentSHA256Mismatch" | "Md5Mismatch") => {
            AdapterErrorKind::Corrupt
        }
        _ => match error {
            Error::NotFound { .. } => AdapterErrorKind::NotFound,
            Error::AlreadyExists { .. } => AdapterErrorKind::AlreadyExists,
            Error::Precondition { .. } | Error::NotModified { .. } => {
                AdapterErrorKind::Precondition
            }
            _ => AdapterErrorKind::Unexpected,
        },
    }
}

fn text(said: &Said) -> String {
    let status = said
        .status
        .map(|status| format!("status {}", status.as_u16()));
    let parts = [status, said.code.clone(), said.message.clone()];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let hint = match said.code.as_deref() {
        Some("RequestTimeTooSkewed") => "; set this machine's clock",
        Some("NoSuchBucket" | "ContainerNotFound") => "; make the bucket first",
        Some("PermanentRedirect" | "AuthorizationHeaderMalformed") => "; say the bucket's `region`",
        _ => "",
    };
    format!("{}{hint}", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_and_message_of_an_answer_are_kept() {
        let body = b"<?xml version=\"1.0\"?><Error><Code>SignatureDoesNotMatch</Code><Message>The &quot;request&quot; signature\x1b[2J\nmore</Message>\
            <CanonicalRequest>x-amz-security-token:hunter2</CanonicalRequest></Error>";
        let said = said(StatusCode::FORBIDDEN, None, body);
        assert_eq!(said.code.as_deref(), Some("SignatureDoesNotMatch"));
        assert_eq!(
            said.message.as_deref(),
            Some("The \"request\" signature\\u{1b}[2J")
        );
        assert!(!format!("{said:?}").contains("hunter2"));
    }

    #[test]
    fn what_google_says_in_json_is_heard_and_pages_are_not() {
        let body = br#"{"error": {"code": 403, "message": "no access"}}"#;
        let heard = said(StatusCode::FORBIDDEN, None, body);
        assert_eq!(heard.message.as_deref(), Some("no access"));
        let page = said(
            StatusCode::BAD_GATEWAY,
            None,
            b"<html>Authorization: hunter2</html>",
        );
        assert_eq!((page.code, page.message), (None, None));
    }

    #[test]
    fn a_pause_of_a_year_is_an_hour() {
        let year = Duration::from_secs(31_536_000);
        let heard = said(StatusCode::SERVICE_UNAVAILABLE, Some(year), b"");
        assert_eq!(heard.retry_after, Some(Duration::from_secs(3600)));
    }
}
