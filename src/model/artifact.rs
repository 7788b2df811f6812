//! Artifacts: named things of a project, with versions.

use std::fmt;
use std::str::FromStr;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::model::id::{ArtifactName, IdError, ProjectName, text_type};

/// What an artifact is. The order is the order of dependency: a runtime goes before what runs in it.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum ArtifactKind {
    /// The image or conda specification that code runs in. Azure ML calls it an environment.
    Runtime,
    /// A step of a pipeline.
    Component,
    /// Steps that make a model.
    Pipeline,
    /// A trained model.
    Model,
}

impl ArtifactKind {
    /// Every kind, in the order of dependency.
    pub const ALL: [Self; 4] = [Self::Runtime, Self::Component, Self::Pipeline, Self::Model];

    /// The word used in ids and paths.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Runtime => "runtime",
            Self::Component => "component",
            Self::Pipeline => "pipeline",
            Self::Model => "model",
        }
    }

    /// The top-level folder of the promotion repository that holds this kind.
    #[must_use]
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Runtime => "runtimes",
            Self::Component => "components",
            Self::Pipeline => "pipelines",
            Self::Model => "models",
        }
    }
}

impl fmt::Display for ArtifactKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl FromStr for ArtifactKind {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| IdError::Form {
                what: "kind of artifact",
                text: text.to_owned(),
                form: "`model`, `pipeline`, `component` or `runtime`",
            })
    }
}

/// Names an artifact everywhere: `<project>/<kind>/<name>`, such as `retail/model/churn`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArtifactId {
    /// The project that owns it.
    pub project: ProjectName,
    /// What it is.
    pub kind: ArtifactKind,
    /// Its name within project and kind.
    pub name: ArtifactName,
}

impl fmt::Display for ArtifactId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&format!("{}/{}/{}", self.project, self.kind, self.name))
    }
}

impl FromStr for ArtifactId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let form = "`<project>/<kind>/<name>`, such as `retail/model/churn`";
        let error = || IdError::Form {
            what: "artifact",
            text: text.chars().take(200).collect(),
            form,
        };
        let mut parts = text.split('/');
        let (Some(project), Some(kind), Some(name), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(error());
        };
        Ok(Self {
            project: project.parse()?,
            kind: kind.parse()?,
            name: name.parse()?,
        })
    }
}

text_type!(
    ArtifactId,
    "ArtifactId",
    "^[a-z0-9][a-z0-9._-]*/(runtime|component|pipeline|model)/[a-z0-9][a-z0-9._-]*$",
    "project, kind and name of an artifact, such as `retail/model/churn`"
);

/// One version of an artifact: `<project>/<kind>/<name>@<version>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionId {
    /// The artifact.
    pub artifact: ArtifactId,
    /// Its version.
    pub version: Version,
}

impl fmt::Display for VersionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&format!("{}@{}", self.artifact, self.version))
    }
}

impl FromStr for VersionId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let form = "`<project>/<kind>/<name>@<version>`, such as `retail/model/churn@1.2.0`";
        let error = || IdError::Form {
            what: "version",
            text: text.chars().take(200).collect(),
            form,
        };
        let (artifact, version) = text.split_once('@').ok_or_else(error)?;
        Ok(Self {
            artifact: artifact.parse()?,
            version: version.parse().map_err(|_| error())?,
        })
    }
}

text_type!(
    VersionId,
    "VersionId",
    "^[a-z0-9][a-z0-9._-]*/(runtime|component|pipeline|model)/[a-z0-9][a-z0-9._-]*@[0-9]+\\.[0-9]+\\.[0-9]+",
    "an artifact and its version, such as `retail/model/churn@1.2.0`"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_print_as_they_parse() {
        let id: VersionId = "retail/model/churn@1.2.0-rc.1".parse().unwrap();
        assert_eq!(id.to_string(), "retail/model/churn@1.2.0-rc.1");
        assert_eq!(id.artifact.kind, ArtifactKind::Model);
        for text in [
            "retail/churn@1.0.0",
            "retail/model/churn",
            "retail/model/churn@1",
            "retail/model/churn/x@1.0.0",
            "retail/modell/churn@1.0.0",
        ] {
            assert!(text.parse::<VersionId>().is_err(), "{text}");
        }
    }
}
