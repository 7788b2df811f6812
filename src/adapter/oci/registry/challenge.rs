//! What a registry asks for before it answers: the header `WWW-Authenticate` (RFC 9110, 11.6.1), and the token that it
//! sends callers for (distribution's `docs/spec/auth/token.md`).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::redact::Secret;

/// How long a token is good when the service does not say it (`token.md`).
const DEFAULT_LIFE: Duration = Duration::from_secs(60);
/// The longest that a token is kept.
const LONGEST_LIFE: Duration = Duration::from_secs(3600);
/// The longest token, in bytes.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Who has to be asked how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A name and a password go to the registry itself.
    Basic,
    /// A token from a service.
    Bearer {
        /// The service's address.
        realm: String,
        /// The registry's name there.
        service: Option<String>,
    },
}

impl Challenge {
    /// Reads a header; `None` when it asks for something else.
    pub(super) fn parse(header: &str) -> Option<Self> {
        let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let mut parameters = parameters(rest)?;
        Some(Self::Bearer {
            realm: parameters.remove("realm")?,
            service: parameters.remove("service"),
        })
    }
}

/// `name="value"` or `name=value`, with commas between; quoted values may hold commas and escaped characters.
fn parameters(text: &str) -> Option<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut rest = text.trim_start_matches([' ', ',']);
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let mut value = String::new();
        if let Some(quoted) = after.strip_prefix('"') {
            let mut characters = quoted.chars();
            loop {
                match characters.next()? {
                    '"' => break,
                    '\\' => value.push(characters.next()?),
                    character => value.push(character),
                }
            }
            rest = characters.as_str();
        } else {
            let end = after.find(',').unwrap_or(after.len());
            let (plain, after) = after.split_at_checked(end)?;
            value.push_str(plain.trim());
            rest = after;
        }
        found.insert(name.trim().to_ascii_lowercase(), value);
        rest = rest.trim_start_matches([' ', ',']);
    }
    Some(found)
}

/// A token and how long it may be used.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) text: Secret<String>,
    pub(super) life: Duration,
}

impl Token {
    /// Reads the answer of a token service; `None` when there is no token in it.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Wire {
            token: Option<String>,
            access_token: Option<String>,
            expires_in: Option<u64>,
        }
        let wire: Wire = serde_json::from_slice(body).ok()?;
        let text = wire.token.or(wire.access_token)?;
        let is_token = !text.is_empty()
            && text.len() <= MAX_TOKEN_BYTES
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        let life = wire.expires_in.map_or(DEFAULT_LIFE, Duration::from_secs);
        is_token.then(|| Self {
            text: Secret::new(text),
            // A token is not used in the last fifth of its life, so that it does not run out on the way.
            life: life.min(LONGEST_LIFE) * 4 / 5,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn challenges_are_taken_apart() {
        let bearer = |realm: &str, service: Option<&str>| {
            Some(Challenge::Bearer {
                realm: realm.to_owned(),
                service: service.map(str::to_owned),
            })
        };
        for (header, expected) in [
            ("Basic realm=\"x\"", Some(Challenge::Basic)),
            ("basic", Some(Challenge::Basic)),
            (
                "Bearer realm=\"https://auth.example/token\",service=\"registry\",scope=\"repository:a:pull,push\"",
                bearer("https://auth.example/token", Some("registry")),
            ),
            (
                "bearer service=r , REALM=\"https://a/\\\"b\"",
                bearer("https://a/\"b", Some("r")),
            ),
            ("Bearer service=\"x\"", None),
            ("Bearer realm=\"open", None),
            ("Negotiate", None),
            ("", None),
        ] {
            assert_eq!(Challenge::parse(header), expected, "{header}");
        }
    }

    #[test]
    fn tokens_have_a_form_and_a_life() {
        let token = Token::parse(br#"{"token":"abc","expires_in":300}"#).unwrap();
        assert_eq!(token.text.expose(), "abc");
        assert_eq!(token.life, Duration::from_secs(240));
        let token = Token::parse(br#"{"access_token":"abc"}"#).unwrap();
        assert_eq!(token.life, Duration::from_secs(48));
        let token = Token::parse(br#"{"token":"abc","expires_in":18446744073709551615}"#).unwrap();
        assert_eq!(token.life, Duration::from_secs(2880));
        for body in [
            &b"{}"[..],
            br#"{"token":""}"#,
            br#"{"token":"a b"}"#,
            b"<html>",
        ] {
            assert!(Token::parse(body).is_none());
        }
    }

    proptest! {
        #[test]
        fn headers_never_panic(header in "(Bearer |Basic |)[a-z=\",\\\\ é]{0,60}") {
            drop(Challenge::parse(&header));
        }
    }
}
