//! What went wrong, in the words of the adapter's trait.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Deserialize;

use crate::adapter::entra::EntraError;
use crate::adapter::{AdapterError, AdapterErrorKind};
use crate::net::http::{self, HttpError};
use crate::redact::{Secret, printable};

/// So many bytes of a secret in a row are a part of it; fewer may be chance.
const TELLING_BYTES: usize = 16;

/// One call of one method, for messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) workspace: &'a str,
    pub(super) operation: &'static str,
}

/// The body of every error of Azure Resource Manager, as the specification of Azure Machine Learning has it.
#[derive(Deserialize)]
struct ErrorResponse {
    error: ErrorDetail,
}

#[derive(Deserialize)]
struct ErrorDetail {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

impl Call<'_> {
    pub(super) fn error(self, kind: AdapterErrorKind, message: impl Into<String>) -> AdapterError {
        AdapterError::permanent(kind, self.workspace, self.operation, message)
    }

    pub(super) fn temporary(
        self,
        kind: AdapterErrorKind,
        message: impl Into<String>,
    ) -> AdapterError {
        AdapterError::temporary(kind, self.workspace, self.operation, message)
    }

    pub(super) fn unexpected(self, message: impl Into<String>) -> AdapterError {
        self.error(AdapterErrorKind::Unexpected, message)
    }

    pub(super) fn corrupt(self, message: impl Into<String>) -> AdapterError {
        self.error(AdapterErrorKind::Corrupt, message)
    }

    pub(super) fn http(self, what: &str, error: HttpError) -> AdapterError {
        let message = format!("{what}: {error}");
        let made = if error.can_pass() {
            self.temporary(AdapterErrorKind::Unexpected, message)
        } else {
            self.unexpected(message)
        };
        made.caused_by(error)
    }

    pub(super) fn entra(self, error: EntraError) -> AdapterError {
        let retry_after = error.retry_after();
        let mut made = if error.can_pass() {
            self.temporary(AdapterErrorKind::Unexpected, error.to_string())
        } else {
            self.error(AdapterErrorKind::PermissionDenied, error.to_string())
        };
        made.retry_after = retry_after;
        made.caused_by(error)
    }

    /// What an answer that is no success means. `what` names the request.
    pub(super) fn refused(
        self,
        what: &str,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        secret: &Secret<String>,
    ) -> AdapterError {
        let said = said(body, secret);
        let message = format!("{what}: {} {said}", status.as_u16());
        let kind = match status.as_u16() {
            401 | 403 => AdapterErrorKind::PermissionDenied,
            404 => AdapterErrorKind::NotFound,
            409 => AdapterErrorKind::AlreadyExists,
            412 => AdapterErrorKind::Precondition,
            429 => AdapterErrorKind::RateLimited,
            _ => AdapterErrorKind::Unexpected,
        };
        if !http::can_pass(status) {
            return self.error(kind, message);
        }
        let mut error = self.temporary(kind, message);
        error.retry_after = http::retry_after(headers);
        error
    }
}

/// What the body of an error says: the code and the message of Azure Resource Manager, or the start of anything else.
fn said(body: &[u8], secret: &Secret<String>) -> String {
    let text = match serde_json::from_slice::<ErrorResponse>(body) {
        Ok(ErrorResponse { error }) => {
            let (code, message) = (error.code.unwrap_or_default(), error.message);
            let message = http::shown(message.unwrap_or_default().as_bytes());
            match (code.is_empty(), message.is_empty()) {
                (false, false) => format!("{}: {message}", printable(&code)),
                (false, true) => printable(&code),
                (true, _) => message,
            }
        }
        Err(_) => http::shown(body),
    };
    let text: String = text.chars().take(400).collect();
    if repeats(&text, secret.expose()) {
        return "(the answer repeats the credentials and is not shown)".to_owned();
    }
    text
}

/// Whether a text holds a telling part of a secret.
fn repeats(text: &str, secret: &str) -> bool {
    let (text, secret) = (text.as_bytes(), secret.as_bytes());
    let width = TELLING_BYTES.min(secret.len());
    if width == 0 {
        return false;
    }
    text.windows(width)
        .any(|part| secret.windows(width).any(|window| window == part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_and_message_of_an_error_are_shown_and_no_secret() {
        let secret = Secret::new("eyJhbGciOi.hunter2hunter2.c2lnbmF0dXJl".to_owned());
        for (body, shown) in [
            (
                r#"{"error":{"code":"NotFound","message":"no such\nmodel"}}"#,
                "NotFound: no such model",
            ),
            (r#"{"error":{"code":"Conflict"}}"#, "Conflict"),
            ("<h1>Bad Gateway</h1>", "Bad Gateway"),
            (
                r#"{"error":{"code":"Invalid","message":"Bearer eyJhbGciOi.hunter2hunter2 is not valid"}}"#,
                "(the answer repeats the credentials and is not shown)",
            ),
        ] {
            assert_eq!(said(body.as_bytes(), &secret), shown);
        }
    }
}
