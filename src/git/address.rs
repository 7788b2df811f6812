//! Addresses of repositories, checked before `git` sees them and shown without credentials.

use std::fmt;
use std::str::FromStr;

use crate::git::error::GitError;
use crate::redact::printable;

/// The longest address, in bytes.
const MAX_BYTES: usize = 4096;
/// The transports that are used. Others run programs of their own (`git-remote-<name>`), such as `ext`.
const SCHEMES: [&str; 6] = ["https", "http", "ssh", "git", "git+ssh", "file"];

/// The address of a repository: `https://`, `http://`, `ssh://`, `git://`, `file://`, `user@host:path`, or an absolute
/// path. It may carry credentials; neither `Display` nor `Debug` shows them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address(String);

impl Address {
    /// Whether a text is meant as an address rather than as a path on this machine.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        text.contains("://") || is_scp_like(text)
    }

    /// The address with its credentials, for `git` alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for Address {
    type Err = GitError;

    fn from_str(text: &str) -> Result<Self, GitError> {
        let refuse = |reason| {
            Err(GitError::Address {
                address: without_credentials(&printable(
                    &text.chars().take(200).collect::<String>(),
                )),
                reason,
            })
        };
        if text.is_empty() {
            return refuse("it is empty");
        }
        if text.len() > MAX_BYTES {
            return refuse("it is longer than 4096 bytes");
        }
        if text.starts_with('-') {
            return refuse("`git` would read it as an option");
        }
        if text.chars().any(char::is_control) {
            return refuse("it holds a control character");
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            if !SCHEMES.contains(&scheme) {
                return refuse("use https, ssh, git, file, `user@host:path` or an absolute path");
            }
            if rest.starts_with('-') || rest.contains("@-") {
                return refuse("`ssh` would read its host as an option");
            }
        } else if !text.starts_with('/') && !is_scp_like(text) {
            return refuse("it is neither an absolute path nor a URL");
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&without_credentials(&self.0))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Address({self})")
    }
}

/// Takes user names, passwords and query strings out of every URL in a text.
#[must_use]
pub(super) fn without_credentials(text: &str) -> String {
    let mut pieces = text.split("://");
    let mut clean = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        clean.push_str("://");
        let ends_host = |c: char| c == '/' || is_outside_url(c);
        let (authority, rest) = piece.split_at(piece.find(ends_host).unwrap_or(piece.len()));
        match authority.rsplit_once('@') {
            Some((_, host)) => clean.extend(["***@", host]),
            None => clean.push_str(authority),
        }
        let (path, after) = rest.split_at(rest.find(is_outside_url).unwrap_or(rest.len()));
        match path.split_once('?') {
            Some((path, _)) => clean.extend([path, "?***"]),
            None => clean.push_str(path),
        }
        clean.push_str(after);
    }
    clean
}

/// Whether a character ends a URL in a message.
fn is_outside_url(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\'' | '"' | '`' | '<' | '>')
}

/// Whether `git` reads a text as `user@host:path`: a colon before the first slash, and no second one right after it
/// (that would name a program that speaks for `git`).
fn is_scp_like(text: &str) -> bool {
    text.split_once(':').is_some_and(|(host, path)| {
        !host.is_empty()
            && !host.contains('/')
            && !host.starts_with('-')
            && !host.contains("@-")
            && !path.is_empty()
            && !path.starts_with(':')
            && !path.starts_with("//")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_would_run_something_are_refused() {
        for text in [
            "",
            "-oProxyCommand=x",
            "--upload-pack=x",
            "ext::sh -c x",
            "ext::https://host/x",
            "foo::bar",
            "ssh://-oProxyCommand=x/y",
            "ssh://user@-oProxyCommand=x/y",
            "user@-oProxyCommand=x:y",
            "ftp://host/x",
            "../relative",
            "relative",
            "https://host/\nx",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text:?}");
        }
        for text in [
            "https://host/x.git",
            "ssh://git@host:22/x",
            "git@host:a/b.git",
            "host:x",
            "/srv/x",
            "file:///srv/x",
            "git://127.0.0.1:9418/x",
        ] {
            assert!(text.parse::<Address>().is_ok(), "{text:?}");
        }
    }

    #[test]
    fn credentials_are_not_shown() {
        let address: Address = "https://ann:s3cret@host/x.git?token=t0ken".parse().unwrap();
        assert_eq!(address.to_string(), "https://***@host/x.git?***");
        assert_eq!(
            format!("{address:?}"),
            "Address(https://***@host/x.git?***)"
        );
        assert_eq!(
            without_credentials(
                "fatal: unable to access 'https://t0ken@h/x/': no, https://a:b@c@d"
            ),
            "fatal: unable to access 'https://***@h/x/': no, https://***@d"
        );
        let error = "ext::https://ann:s3cret@host/x"
            .parse::<Address>()
            .unwrap_err();
        assert!(!error.to_string().contains("s3cret"));
    }
}
