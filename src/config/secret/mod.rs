//! References to secrets. A manifest or a flag holds the reference; the secret itself is read when it is needed.

mod load;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use crate::config::process::ProcessError;
use crate::model::id::text_type;

/// The longest reference, in bytes: the longest path that Linux takes.
const MAX_REFERENCE_BYTES: usize = 4096;
/// The largest secret, in bytes. Keys and tokens are far smaller.
const MAX_SECRET_BYTES: usize = 64 * 1024;

/// Where a secret is: `file:PATH`, `env:NAME`, or `command:PROGRAM ARGUMENT…`, split on white space and run without a
/// shell. A path is taken as it is, without `~` or variables. The reference itself is no secret; messages name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretRef {
    text: String,
    place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    File(PathBuf),
    Variable(String),
    Command {
        program: String,
        arguments: Vec<String>,
    },
}

/// Why a reference or its secret cannot be read. Never holds the secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The text is not a reference.
    #[error(
        "`{text}` is not a reference to a secret; write `file:PATH`, `env:NAME` or `command:PROGRAM ARGUMENT…`"
    )]
    Form {
        /// The text up to its first colon, since what follows may be a secret written there by mistake.
        text: String,
    },
    /// The file cannot be read.
    #[error("the secret `{reference}` cannot be read: {source}")]
    Read {
        /// The reference.
        reference: SecretRef,
        /// Why.
        source: io::Error,
    },
    /// The path is a folder, a pipe or a device.
    #[error("the secret `{reference}` is not a regular file")]
    NotAFile {
        /// The reference.
        reference: SecretRef,
    },
    /// Others than its owner may read the file.
    #[error(
        "the secret `{reference}` has mode {mode:04o}, so that others can read it; run `chmod 600 '{path}'`"
    )]
    Exposed {
        /// The reference.
        reference: SecretRef,
        /// The file.
        path: String,
        /// Its permission bits.
        mode: u32,
    },
    /// The variable is not set.
    #[error("the secret `{reference}` is not set in the environment")]
    Unset {
        /// The reference.
        reference: SecretRef,
    },
    /// The command could not be run to its end.
    #[error("the secret `{reference}` cannot be read: {source}")]
    Process {
        /// The reference.
        reference: SecretRef,
        /// Why.
        source: ProcessError,
    },
    /// The command ended with a failure. What it printed is not shown, since it may hold the secret.
    #[error("the command of the secret `{reference}` failed ({status}); run it by hand to see why")]
    Failed {
        /// The reference.
        reference: SecretRef,
        /// How it ended.
        status: String,
    },
    /// There is nothing in it.
    #[error("the secret `{reference}` is empty")]
    Empty {
        /// The reference.
        reference: SecretRef,
    },
    /// It is too large to be a key or a token.
    #[error("the secret `{reference}` has more than {MAX_SECRET_BYTES} bytes")]
    TooLarge {
        /// The reference.
        reference: SecretRef,
    },
}

impl fmt::Display for SecretRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.text)
    }
}

impl FromStr for SecretRef {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Self, SecretError> {
        let is_plain = text.len() <= MAX_REFERENCE_BYTES && !text.chars().any(char::is_control);
        let place = text.split_once(':').filter(|_| is_plain);
        let place = place.and_then(|(kind, rest)| parse_place(kind, rest));
        let place = place.ok_or_else(|| SecretError::Form {
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
