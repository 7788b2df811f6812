//! Where files are on the server: paths below the root of its artifact proxy.

use std::fmt;

use crate::adapter::mlflow::stored;
use crate::model::digest::TreePath;
use crate::model::platform::HttpAddress;
use crate::redact::printable;

/// The longest place, in bytes.
const MAX_PLACE_BYTES: usize = 8192;

/// A path below the root of the artifact proxy, such as `1/<run>/artifacts/model`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place(String);

impl Place {
    /// The place that an address of MLflow names; `None` when this server's proxy does not have it: `s3://…`, or
    /// `mlflow-artifacts://` with another host.
    pub(super) fn of(uri: &str, server: &HttpAddress) -> Option<Self> {
        let path = uri.strip_prefix("mlflow-artifacts:")?;
        let path = match path.strip_prefix("//") {
            None => path,
            Some(rest) => {
                let (host, path) = rest.split_once('/')?;
                (host.is_empty() || host == server.authority()).then_some(path)?
            }
        };
        let path = path.trim_matches('/');
        let is_part = |part: &str| {
            !matches!(part, "" | "." | "..")
                && !part.contains(|c: char| c.is_control() || c == '\\')
        };
        let is_place = path.len() <= MAX_PLACE_BYTES && path.split('/').all(is_part);
        is_place.then(|| Self(path.to_owned()))
    }

    /// What is below it, by a path that is ours.
    pub(super) fn join(&self, path: &str) -> Self {
        Self(format!("{}/{path}", self.0))
    }

    /// A file of an artifact whose files are below it.
    ///
    /// # Errors
    ///
    /// The reason, when the server could not hold it.
    pub(super) fn file(&self, path: &TreePath) -> Result<Self, String> {
        Ok(self.join(&stored::stored(path)?))
    }

    /// What is below it, by a name that the server told: one part, and no way up.
    pub(super) fn child(&self, name: &str) -> Option<Self> {
        let is_name = !matches!(name, "" | "." | "..") && !name.contains(['/', '\\']);
        let child = self.join(name);
        (is_name && !name.contains(char::is_control) && child.0.len() <= MAX_PLACE_BYTES)
            .then_some(child)
    }

    /// The folder that it is in, when it has the given name there.
    pub(super) fn above(&self, name: &str) -> Option<Self> {
        let above = self.0.strip_suffix(name)?.strip_suffix('/')?;
        (!above.is_empty()).then(|| Self(above.to_owned()))
    }

    /// The folder that it is in, and its name there.
    pub(super) fn split(&self) -> Option<(Self, &str)> {
        let (folder, name) = self.0.rsplit_once('/')?;
        Some((Self(folder.to_owned()), name))
    }

    /// It as text.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// It as part of an address.
    pub(super) fn encoded(&self) -> String {
        stored::encoded(&self.0)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

/// An address of an artifact store without what may follow its host: it can hold a key.
pub(super) fn shown_place(uri: &str) -> String {
    let (scheme, rest) = uri.split_once(':').unwrap_or(("", uri));
    let host = rest.trim_start_matches('/').split(['/', '?']).next();
    let host = host.unwrap_or_default().rsplit('@').next();
    let shown: String = format!("{scheme}://{}/…", host.unwrap_or_default());
    printable(&shown.chars().take(100).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_below_the_proxy_of_this_server_and_nowhere_else() {
        let server: HttpAddress = "https://mlflow.example.org/base".parse().unwrap();
        for (uri, expected) in [
            ("mlflow-artifacts:/1/r/artifacts", Some("1/r/artifacts")),
            ("mlflow-artifacts:///1/r/", Some("1/r")),
            ("mlflow-artifacts://mlflow.example.org/1", Some("1")),
            ("mlflow-artifacts://other.example.org/1", None),
            ("mlflow-artifacts:/1/../2", None),
            ("mlflow-artifacts:/1//2", None),
            ("mlflow-artifacts:/1/a\\b", None),
            ("mlflow-artifacts:/", None),
            ("s3://bucket/1", None),
            ("/etc", None),
        ] {
            let place = Place::of(uri, &server);
            assert_eq!(place.as_ref().map(Place::as_str), expected, "{uri}");
        }
        let place = Place::of("mlflow-artifacts:/1/model", &server).unwrap();
        assert_eq!(place.above("model").unwrap().as_str(), "1");
        assert_eq!(place.above("other"), None);
        for name in ["", ".", "..", "a/b", "a\\b", "a\nb"] {
            assert_eq!(place.child(name), None, "{name:?}");
        }
        assert_eq!(
            place.child("a%2e b").unwrap().encoded(),
            "1/model/a%252e%20b"
        );
    }
}
