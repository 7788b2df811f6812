//! Addresses of servers.

use std::fmt;
use std::str::FromStr;

use crate::model::id::text_type;

/// The longest address, in bytes.
const MAX_ADDRESS_BYTES: usize = 2048;

/// An address of a server: `https://HOST[:PORT][/PATH]`, or the same with `http`. It holds no user, no password, no query
/// and no fragment, since those can hold secrets. Without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HttpAddress(String);

/// Why a text is no address of a server. Never shows the text, which may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It has another form.
    #[error("an address has the form `https://HOST[:PORT][/PATH]`")]
    Form,
    /// It is too long.
    #[error("an address has at most {MAX_ADDRESS_BYTES} bytes")]
    TooLong,
    /// It holds a user or a password.
    #[error("an address holds no user and no password; name the place of a secret under `auth`")]
    Credentials,
    /// It holds a query or a fragment.
    #[error("an address holds no `?` and no `#`")]
    Query,
}

impl HttpAddress {
    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host, with its port if it has one.
    #[must_use]
    pub fn authority(&self) -> &str {
        let rest = self.0.split_once("://").map_or("", |(_, rest)| rest);
        rest.split('/').next().unwrap_or_default()
    }

    /// The host alone.
    #[must_use]
    pub fn host(&self) -> &str {
        let authority = self.authority();
        match authority.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => authority.split(':').next().unwrap_or_default(),
        }
    }

    /// Whether nobody on the way can read what is sent: it is `https`, or stays on this machine.
    #[must_use]
    pub fn is_protected(&self) -> bool {
        let host = self.host();
        let is_here = host == "localhost" || host == "::1" || {
            let address = host.parse::<core::net::Ipv4Addr>();
            address.is_ok_and(|address| address.is_loopback())
        };
        self.0.starts_with("https://") || is_here
    }
}

impl fmt::Display for HttpAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl FromStr for HttpAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.len() > MAX_ADDRESS_BYTES {
            return Err(AddressError::TooLong);
        }
        let (scheme, rest) = text.split_once("://").ok_or(AddressError::Form)?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err(AddressError::Credentials);
        }
        if text.contains(['?', '#']) {
            return Err(AddressError::Query);
        }
        let is_scheme = matches!(scheme, "http" | "https");
        let is_host = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:[]_".contains(&byte)
        };
        let is_path = |byte: u8| byte.is_ascii_graphic() && !b"\\\"<>^`{|}@".contains(&byte);
        let has_dots = path.split('/').any(|part| matches!(part, "." | ".."));
        let is_form = is_scheme
            && !authority.is_empty()
            && !authority.starts_with(':')
            && authority.bytes().all(is_host)
            && path.bytes().all(is_path)
            && !has_dots;
        if is_form {
            Ok(Self(text.trim_end_matches('/').to_owned()))
        } else {
            Err(AddressError::Form)
        }
    }
}

text_type!(
    HttpAddress,
    "HttpAddress",
    "^https?://[a-z0-9.:_\\[\\]-]+(/[^?#@\\s]*)?$",
    "address of a server, such as `https://mlflow.example.org`; no user, password, query or fragment"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart_and_lose_their_last_slash() {
        for (text, host, is_protected) in [
            ("https://mlflow.example.org/", "mlflow.example.org", true),
            ("http://127.0.0.1:5000/a/b", "127.0.0.1", true),
            ("http://127.1.2.3", "127.1.2.3", true),
            ("http://[::1]:80", "::1", true),
            ("http://localhost:1", "localhost", true),
            (
                "http://localhost.example.org",
                "localhost.example.org",
                false,
            ),
            ("http://10.0.0.1", "10.0.0.1", false),
        ] {
            let address: HttpAddress = text.parse().unwrap();
            assert_eq!(address.as_str(), text.trim_end_matches('/'));
            assert_eq!(address.host(), host);
            assert_eq!(address.is_protected(), is_protected, "{text}");
        }
    }

    #[test]
    fn what_is_no_plain_address_is_refused_and_not_shown() {
        use AddressError::{Credentials, Form, Query};
        for (text, expected) in [
            ("ftp://a", Form),
            ("https://", Form),
            ("https:///path", Form),
            ("https://:80", Form),
            ("https://A.example", Form),
            ("https://a b", Form),
            ("https://a/../b", Form),
            ("https://a/b\nc", Form),
            ("https://ada:hunter2@a", Credentials),
            ("https://a/?token=hunter2", Query),
            ("https://a/#hunter2", Query),
        ] {
            let error = text.parse::<HttpAddress>().unwrap_err();
            assert_eq!(error, expected, "{text}");
            assert!(!error.to_string().contains("hunter2"));
        }
    }
}
