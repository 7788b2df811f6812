//! The answer to a request for a token.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use crate::adapter::entra::EntraError;
use crate::adapter::entra::request::From;
use crate::net::http::{self, HttpError};
use crate::redact::Secret;

/// The longest answer, in bytes. Tokens have a few thousand.
const MAX_ANSWER_BYTES: usize = 256 * 1024;
/// The longest token that fits into a header everywhere, in bytes.
const MAX_TOKEN_BYTES: usize = 64 * 1024;

/// A token, and how long it lives from now.
pub(super) struct Fresh {
    pub(super) token: Secret<String>,
    pub(super) life: Duration,
}

/// Entra writes numbers; what hands out a machine's tokens writes them as text, and App Service only when they end.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    expires_in: Option<Value>,
    #[serde(default)]
    expires_on: Option<Value>,
}

#[derive(Deserialize)]
struct Denied {
    #[serde(default)]
    error: Option<Value>,
    #[serde(default)]
    error_description: Option<Value>,
}

pub(super) async fn read(
    response: Response,
    address: &str,
    from: From,
    now: Timestamp,
) -> Result<Fresh, EntraError> {
    let failed = |source| EntraError::Http {
        address: address.to_owned(),
        source,
    };
    let status = response.status();
    let retry_after = http::retry_after(response.headers());
    let body = http::body(response, MAX_ANSWER_BYTES)
        .await
        .map_err(failed)?;
    if status != StatusCode::OK {
        return Err(refusal(status, retry_after, &body, address, from));
    }
    // Its own words would quote the answer, which is the token.
    let unreadable = |what: &str| failed(HttpError::Form(what.to_owned()));
    let granted: Granted =
        serde_json::from_slice(&body).map_err(|_| unreadable("it is not the JSON of a token"))?;
    let token = granted.access_token;
    let is_token = (1..=MAX_TOKEN_BYTES).contains(&token.len())
        && token.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_token {
        return Err(unreadable("what it holds cannot be a token"));
    }
    let left = |on: u64| on.saturating_sub(u64::try_from(now.as_second()).unwrap_or(0));
    let seconds = granted.expires_in.as_ref().and_then(number);
    let seconds = seconds.or_else(|| granted.expires_on.as_ref().and_then(number).map(left));
    let seconds = seconds.ok_or_else(|| unreadable("it does not say when the token ends"))?;
    Ok(Fresh {
        token: Secret::new(token),
        life: Duration::from_secs(seconds),
    })
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn refusal(
    status: StatusCode,
    retry_after: Option<Duration>,
    body: &[u8],
    address: &str,
    from: From,
) -> EntraError {
    let code = codes(body);
    // A machine that gets its identity at this moment says 404 or 410 for a while.
    let comes_later = from == From::Machine && matches!(status.as_u16(), 404 | 410);
    if http::can_pass(status) || comes_later {
        return EntraError::Busy {
            address: address.to_owned(),
            status: status.as_u16(),
            code,
            retry_after,
        };
    }
    EntraError::Refused {
        address: address.to_owned(),
        status: status.as_u16(),
        code,
    }
}

/// The codes of an error, and nothing else of it: the description could repeat what was sent.
fn codes(body: &[u8]) -> String {
    let Ok(denied) = serde_json::from_slice::<Denied>(body) else {
        return "it does not say why".to_owned();
    };
    let text = |value: &Option<Value>| match value {
        Some(Value::String(text)) => text.clone(),
        Some(_) | None => String::new(),
    };
    let is_word = |word: &str| {
        let is_code = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        (1..=40).contains(&word.len()) && word.bytes().all(is_code)
    };
    let error = Some(text(&denied.error)).filter(|word| is_word(word));
    let description = text(&denied.error_description);
    let number = description.split_once("AADSTS").map(|(_, rest)| {
        let digits = rest.chars().take_while(char::is_ascii_digit).take(12);
        format!("AADSTS{}", digits.collect::<String>())
    });
    let codes: Vec<String> = error.into_iter().chain(number).collect();
    if codes.is_empty() {
        "it does not say why".to_owned()
    } else {
        codes.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_error_only_its_codes_are_shown() {
        for (body, shown) in [
            (
                r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret hunter2 provided."}"#,
                "invalid_client AADSTS7000215",
            ),
            (r#"{"error":"hunter2 hunter2"}"#, "it does not say why"),
            (r#"{"error":{"code":"hunter2"}}"#, "it does not say why"),
            ("<html>hunter2", "it does not say why"),
        ] {
            assert_eq!(codes(body.as_bytes()), shown);
        }
    }

    #[test]
    fn numbers_may_be_text() {
        assert_eq!(number(&Value::from("3599")), Some(3599));
        assert_eq!(number(&Value::from(3599)), Some(3599));
        assert_eq!(number(&Value::from(-1)), None);
        assert_eq!(number(&Value::Null), None);
    }
}
