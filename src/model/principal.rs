//! Who signs.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::model::id::{IdError, text_type};

/// The fingerprint of an SSH key as OpenSSH prints it: `SHA256:` and unpadded base64.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyFingerprint(String);

impl KeyFingerprint {
    /// The fingerprint of the key whose encoding has this SHA-256.
    #[must_use]
    pub fn from_sha256(hash: [u8; 32]) -> Self {
        Self(format!("SHA256:{}", STANDARD_NO_PAD.encode(hash)))
    }

    /// The fingerprint as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The fingerprint in characters that any file name may hold.
    #[must_use]
    pub fn file_name(&self) -> String {
        self.0
            .replace("SHA256:", "")
            .replace('/', "_")
            .replace('+', "-")
    }
}

impl fmt::Display for KeyFingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl FromStr for KeyFingerprint {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let is_base64 = |text: &str| {
            text.len() == 43
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
        };
        if text.strip_prefix("SHA256:").is_some_and(is_base64) {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdError::Form {
                what: "key fingerprint",
                text: text.chars().take(80).collect(),
                form: "`SHA256:` and 43 characters of base64",
            })
        }
    }
}

text_type!(
    KeyFingerprint,
    "KeyFingerprint",
    "^SHA256:[A-Za-z0-9+/]{43}$",
    "fingerprint of an SSH key"
);
