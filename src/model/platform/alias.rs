//! Names of aliases in MLflow.

use std::fmt;
use std::str::FromStr;

use crate::model::id::text_type;

/// The longest alias, in bytes.
const MAX_ALIAS_BYTES: usize = 255;

/// The name of an alias of a registered model: letters, digits, `-` and `_`, not `latest` and not `v` with a number, which
/// MLflow keeps for itself.
///
/// Source: `mlflow/utils/validation.py`, MLflow 3.17.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasName(String);

/// The text cannot be an alias.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "an alias has at most {MAX_ALIAS_BYTES} letters, digits, `-` and `_`, begins with a letter or `_`, and is neither `latest` nor `v` with a number, which MLflow keeps for itself"
)]
pub struct AliasError;

impl AliasName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AliasName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl FromStr for AliasName {
    type Err = AliasError;

    fn from_str(text: &str) -> Result<Self, AliasError> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let first = text.bytes().next();
        let number = text.strip_prefix(['v', 'V']);
        let is_number = |rest: &str| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit());
        let is_alias = text.len() <= MAX_ALIAS_BYTES
            && text.bytes().all(is_allowed)
            && first.is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
            && !text.eq_ignore_ascii_case("latest")
            && !number.is_some_and(is_number);
        if is_alias {
            Ok(Self(text.to_owned()))
        } else {
            Err(AliasError)
        }
    }
}

text_type!(
    AliasName,
    "AliasName",
    "^[A-Za-z_][A-Za-z0-9_-]{0,254}$",
    "alias of a registered model in MLflow; not `latest` and not `v` with a number"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_mlflow_keeps_for_itself_is_refused() {
        for text in ["champion", "v", "v1a", "_x", "latest-eu", "Prod-2"] {
            assert_eq!(text.parse::<AliasName>().unwrap().to_string(), text);
        }
        let long = "a".repeat(256);
        for text in [
            "", "latest", "LATEST", "v1", "V22", "1a", "a b", "a.b", "ä", &long,
        ] {
            assert_eq!(text.parse::<AliasName>(), Err(AliasError), "{text}");
        }
    }
}
