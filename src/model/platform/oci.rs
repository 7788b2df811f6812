//! Registries of OCI artifacts, and folders in the OCI image layout.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::platform::{HttpAddress, HttpCredentials, NameRules, NameTemplate};

/// A registry of OCI artifacts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OciSpec {
    /// The registry.
    pub url: HttpAddress,
    /// What the names of all its repositories begin with, such as `ml/dev`; nothing when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[a-z0-9]+([._-][a-z0-9]+)*(/[a-z0-9]+([._-][a-z0-9]+)*)*$"))]
    pub repository: Option<String>,
    /// Who asks; nobody when left out. A registry that issues tokens is given these for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<HttpCredentials>,
    /// The names of repositories below `repository`: `{project}/{kind}/{name}` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<NameTemplate>,
    /// The tag that the pointer is: `current` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[a-zA-Z_][a-zA-Z0-9._-]{0,127}$"))]
    pub tag: Option<String>,
    /// Whether an address without encryption is meant.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_http: bool,
}

/// A folder in the OCI image layout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OciLayoutSpec {
    /// The path; when relative, to the folder that holds the promotion repository's work tree or bare repository.
    #[schemars(length(min = 1, max = 4096))]
    pub path: String,
}

impl OciSpec {
    /// A repository's name, by the distribution specification (1.1, "Pulling manifests"); 255 characters with the host.
    pub const NAMES: NameRules = NameRules {
        what: "the name of a repository in a registry",
        max_bytes: 200,
        is_allowed: |byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-/".contains(&byte)
        },
        is_first: |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit(),
        form: |name| {
            (!is_repository_name(name)).then_some(
                "between letters and digits there is one `.`, one or two `_`, or hyphens",
            )
        },
        folds_case: false,
    };

    /// How names are made.
    #[must_use]
    pub fn template(&self) -> NameTemplate {
        let given = self.names.clone();
        given.unwrap_or_else(|| NameTemplate::joined("/"))
    }

    /// The tag that the pointer is.
    #[must_use]
    pub fn tag(&self) -> &str {
        self.tag.as_deref().unwrap_or("current")
    }

    pub(super) fn name_space(&self) -> String {
        let repository = self.repository.as_deref().unwrap_or_default();
        format!("oci {} {repository}", self.url)
    }
}

/// Whether a text is the name of a repository: parts of lowercase letters and digits, between them `.`, `_`, `__` or hyphens
/// (distribution specification 1.1, "Pulling manifests").
#[must_use]
pub fn is_repository_name(name: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_part = |part: &str| {
        let bytes = part.as_bytes();
        let ends_well = bytes.first().is_some_and(|byte| is_word(*byte))
            && bytes.last().is_some_and(|byte| is_word(*byte));
        let mut separators =
            part.split(|character: char| u8::try_from(character).is_ok_and(is_word));
        ends_well
            && separators.all(|separator| {
                matches!(separator, "" | "." | "_" | "__")
                    || separator.bytes().all(|byte| byte == b'-')
            })
    };
    name.len() <= 255 && name.split('/').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_repositories_have_single_separators() {
        for name in ["a", "ml/dev/churn", "a.b_c__d-e--f", "0/1"] {
            assert!(is_repository_name(name), "{name}");
        }
        for name in [
            "", "a/", "/a", "A", "a..b", "a._b", "a___b", "-a", "a-", "a b", "ü",
        ] {
            assert!(!is_repository_name(name), "{name}");
        }
    }
}
