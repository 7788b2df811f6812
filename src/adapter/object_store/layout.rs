//! Where things are in the bucket.

use crate::model::artifact::{ArtifactId, VersionId};
use crate::model::digest::{Sha256, TreeDigest, TreePath};
use crate::model::platform::{NameError, NameTemplate, ObjectStoreSpec};

/// The folder below the prefix for objects that try what the store can do. No artifact can have this name.
const WORK: &str = ".promote";
/// The folder of a version that holds its files, below one folder for each digest.
pub(super) const CONTENT: &str = "content";
/// The object of a version that says what it is.
pub(super) const RECORD: &str = "record.json";
/// The object that is an artifact's pointer. No version can have this name.
const CURRENT: &str = "current";
/// The longest name of an object that all three providers take, in bytes.
pub(super) const MAX_KEY_BYTES: usize = 1024;
/// The most folders in a name that Azure takes.
pub(super) const MAX_KEY_PARTS: usize = 254;

/// The names of objects below one prefix.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    prefix: String,
    template: NameTemplate,
}

impl Layout {
    pub(super) fn new(spec: &ObjectStoreSpec) -> Self {
        let prefix = spec.url.prefix();
        Self {
            prefix: if prefix.is_empty() {
                String::new()
            } else {
                format!("{prefix}/")
            },
            template: spec.template(),
        }
    }

    /// What all names begin with: empty, or with a slash at the end. Nothing outside is ever asked for.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The object that shows whether the store keeps to conditions.
    pub(super) fn conditions(&self) -> String {
        format!("{}{WORK}/conditions", self.prefix)
    }

    /// How many folders deep artifacts are: a template has the same number of slashes for all.
    pub(super) fn depth(&self) -> usize {
        self.template.to_string().matches('/').count() + 1
    }

    /// The folder of an artifact, with a slash at its end.
    pub(super) fn artifact(&self, id: &ArtifactId) -> Result<String, NameError> {
        let name = self.template.name_of(id, &ObjectStoreSpec::NAMES)?;
        Ok(format!("{}{name}/", self.prefix))
    }

    /// The folder of an artifact that an object would be in, with a slash at its end, and the rest of the object's name.
    pub(super) fn split<'a>(&self, key: &'a str) -> Option<(&'a str, &'a str)> {
        let below = key.strip_prefix(&self.prefix)?;
        let mut slashes = below.match_indices('/').map(|(at, _)| at + 1);
        let end = self.prefix.len() + slashes.nth(self.depth().saturating_sub(1))?;
        key.split_at_checked(end)
    }

    /// The artifact that a folder is of, if the template tells.
    pub(super) fn artifact_of(&self, folder: &str) -> Option<ArtifactId> {
        let name = folder.strip_prefix(&self.prefix)?.strip_suffix('/')?;
        self.template.artifact_of(name)
    }

    /// The pointer of an artifact.
    pub(super) fn current(&self, id: &ArtifactId) -> Result<String, NameError> {
        Ok(format!("{}{CURRENT}", self.artifact(id)?))
    }

    /// The folder of a version, with a slash at its end.
    pub(super) fn version(&self, id: &VersionId) -> Result<String, NameError> {
        Ok(format!("{}{}/", self.artifact(&id.artifact)?, id.version))
    }

    /// The record of a version.
    pub(super) fn record(&self, id: &VersionId) -> Result<String, NameError> {
        Ok(format!("{}{RECORD}", self.version(id)?))
    }

    /// The folder of the files of a version, with a slash at its end: other bytes have another.
    pub(super) fn content(&self, id: &VersionId, digest: TreeDigest) -> Result<String, NameError> {
        Ok(format!("{}{}", self.version(id)?, content_of(digest)))
    }
}

/// The folder of files within that of the version, with a slash at its end.
pub(super) fn content_of(digest: TreeDigest) -> String {
    format!("{CONTENT}/{}/", digest.sha256())
}

/// What an object below the folder of an artifact is taken for: a version, the digest of its folder, and a file.
pub(super) fn part_of(rest: &str) -> Option<(semver::Version, Sha256, TreePath)> {
    let mut parts = rest.splitn(4, '/');
    let version = parts.next()?.parse().ok()?;
    if parts.next()? != CONTENT {
        return None;
    }
    Some((
        version,
        parts.next()?.parse().ok()?,
        parts.next()?.parse().ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(names: Option<&str>) -> Layout {
        let names = names.map_or(String::new(), |names| format!(r#", "names": "{names}""#));
        let spec = format!(r#"{{"url": "s3://b/tenant/a"{names}}}"#);
        Layout::new(&serde_json::from_str(&spec).unwrap())
    }

    #[test]
    fn names_of_objects_are_those_that_the_documentation_shows() {
        let version: VersionId = "fraud/model/scorer@1.2.0".parse().unwrap();
        let digest: TreeDigest = format!("dirhash1:{}", "ab".repeat(32)).parse().unwrap();
        let layout = layout(None);
        assert_eq!(
            layout.record(&version).unwrap(),
            "tenant/a/fraud/model/scorer/1.2.0/record.json"
        );
        assert_eq!(
            layout.current(&version.artifact).unwrap(),
            "tenant/a/fraud/model/scorer/current"
        );
        let content = layout.content(&version, digest).unwrap();
        assert_eq!(
            content,
            format!(
                "tenant/a/fraud/model/scorer/1.2.0/content/{}/",
                "ab".repeat(32)
            )
        );
        let folder = layout.artifact(&version.artifact).unwrap();
        assert_eq!(layout.artifact_of(&folder), Some(version.artifact.clone()));
        let key = format!("{content}a/b");
        let (found, rest) = layout.split(&key).unwrap();
        assert_eq!(found, folder);
        assert_eq!(
            part_of(rest),
            Some((version.version, digest.sha256(), "a/b".parse().unwrap()))
        );
    }

    #[test]
    fn what_is_no_file_of_a_version_is_part_of_none() {
        for rest in [
            "current",
            "1.0.0/record.json",
            "1.0.0/content/a/b",
            "x/content/a",
            "1.0.0/content/",
        ] {
            assert_eq!(part_of(rest), None, "{rest}");
        }
    }

    #[test]
    fn templates_say_how_deep_artifacts_are() {
        assert_eq!(layout(None).depth(), 3);
        assert_eq!(layout(Some("{name}")).depth(), 1);
        assert_eq!(layout(Some("models/{project}-{kind}/{name}")).depth(), 3);
    }
}
