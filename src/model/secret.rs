//! References to secrets. A manifest or a flag holds the reference; the secret itself is read when it is needed.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::model::id::text_type;

/// The longest reference, in bytes: the longest path that Linux takes.
const MAX_REFERENCE_BYTES: usize = 4096;

/// Where a secret is: `file:PATH`, `env:NAME`, or `command:PROGRAM ARGUMENT…`, split on white space and run without a
/// shell. A path is taken as it is, without `~` or variables. The reference itself is no secret; messages name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretRef {
    text: String,
    place: Place,
}

/// The three places that a secret can be in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// A file, by its path.
    File(PathBuf),
    /// A variable of the environment, by its name.
    Variable(String),
    /// A program that prints it, with its arguments.
    Command {
        /// The program.
        program: String,
        /// Its arguments.
        arguments: Vec<String>,
    },
}

/// What messages say of a text that may be a secret, pasted where a reference to one belongs.
const NOT_SHOWN: [&str; 3] = [
    "is not a reference to a secret",
    "an address holds no user and no password",
    "an address holds no `?` and no `#`",
];

/// Whether a message is about a text that may be a secret itself, so that nothing may quote it.
#[must_use]
pub fn may_be_secret(message: &str) -> bool {
    NOT_SHOWN.iter().any(|words| message.contains(words))
}

/// The text is no reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a reference to a secret; write `file:PATH`, `env:NAME` or `command:PROGRAM ARGUMENT…`"
)]
pub struct SecretRefError {
    /// The text up to its first colon, since what follows may be a secret written there by mistake.
    text: String,
}

impl SecretRef {
    /// Where the secret is.
    pub(crate) const fn place(&self) -> &Place {
        &self.place
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.text)
    }
}

impl FromStr for SecretRef {
    type Err = SecretRefError;

    fn from_str(text: &str) -> Result<Self, SecretRefError> {
        let is_plain = text.len() <= MAX_REFERENCE_BYTES && !text.chars().any(char::is_control);
        let place = text.split_once(':').filter(|_| is_plain);
        let place = place.and_then(|(kind, rest)| parse_place(kind, rest));
        let place = place.ok_or_else(|| SecretRefError {
            text: shown_start(text),
        })?;
        Ok(Self {
            text: text.to_owned(),
            place,
        })
    }
}

fn parse_place(kind: &str, rest: &str) -> Option<Place> {
    let is_variable_name = |name: &str| {
        let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        !name.is_empty()
            && name.bytes().all(is_name_byte)
            && !name.starts_with(|first: char| first.is_ascii_digit())
    };
    match kind {
        "file" if !rest.is_empty() => Some(Place::File(PathBuf::from(rest))),
        "env" if is_variable_name(rest) => Some(Place::Variable(rest.to_owned())),
        "command" => {
            let mut words = rest.split_whitespace().map(str::to_owned);
            Some(Place::Command {
                program: words.next()?,
                arguments: words.collect(),
            })
        }
        _ => None,
    }
}

/// What may be shown of a text that is not a reference: somebody may have pasted the secret itself.
fn shown_start(text: &str) -> String {
    match text.split_once(':') {
        Some((kind @ ("file" | "env" | "command"), _)) => format!("{kind}:…"),
        _ => "…".to_owned(),
    }
}

text_type!(
    SecretRef,
    "SecretRef",
    "^(file:.+|env:[A-Za-z_][A-Za-z0-9_]*|command:.+)$",
    "reference to a secret: `file:PATH`, `env:NAME` or `command:PROGRAM ARGUMENT…`"
);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parsing_never_panics_and_writes_back_what_it_read(text in "(file|env|command|x)?:?.{0,40}") {
            if let Ok(reference) = text.parse::<SecretRef>() {
                prop_assert_eq!(reference.to_string(), text.clone());
                let json = serde_json::to_string(&reference).unwrap();
                prop_assert_eq!(serde_json::from_str::<SecretRef>(&json).unwrap(), reference);
            }
        }
    }
}
