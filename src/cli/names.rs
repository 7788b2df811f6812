//! Names as people type them: the kind may be left out when it is a model.

use crate::error::{Failure, FailureKind, Result};
use crate::model::artifact::{ArtifactId, ArtifactKind, VersionId};

/// An artifact: `project/kind/name`, or `project/name` for a model.
pub(crate) fn artifact(text: &str, kind: ArtifactKind) -> Result<ArtifactId> {
    let whole = match text.split_once('/') {
        Some((project, name)) if !name.contains('/') => format!("{project}/{kind}/{name}"),
        Some(_) | None => text.to_owned(),
    };
    whole
        .parse()
        .map_err(|error: crate::model::id::IdError| Failure::of(FailureKind::Usage, &error))
}

/// A version: an artifact, `@`, and a version.
pub(crate) fn version(text: &str) -> Result<VersionId> {
    let Some((name, number)) = text.rsplit_once('@') else {
        let failure = Failure::new(FailureKind::Usage, format!("`{text}` names no version"));
        return Err(
            failure.hint("write `PROJECT/NAME@VERSION`, such as `wildlife/penguin-species@1.0.0`")
        );
    };
    let artifact = artifact(name, ArtifactKind::Model)?;
    let version = number.parse().map_err(|error: semver::Error| {
        Failure::of(FailureKind::Usage, &error)
            .during(format!("`{number}` is not a semantic version"))
    })?;
    Ok(VersionId { artifact, version })
}
