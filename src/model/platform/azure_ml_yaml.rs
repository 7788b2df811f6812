//! What a YAML file of Azure Machine Learning (version 2) describes, by its `$schema` and its `type`.
//!
//! Source: <https://learn.microsoft.com/azure/machine-learning/reference-yaml-overview>.

use crate::model::artifact::ArtifactKind;

/// What such a file describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AzureMlThing {
    /// An artifact.
    Artifact(ArtifactKind),
    /// Data.
    Data,
}

/// The name of a schema of Azure Machine Learning, without its address and ending; `None` of any other schema.
#[must_use]
pub fn azure_ml_schema(schema: &str) -> Option<&str> {
    let name = schema.rsplit('/').next()?.strip_suffix(".schema.json")?;
    schema.contains("azuremlschemas").then_some(name)
}

impl AzureMlThing {
    /// What a file with this `$schema` and this `type` describes; the schema counts before the type.
    #[must_use]
    pub fn of(schema: Option<&str>, kind: Option<&str>) -> Option<Self> {
        let by_type = match kind {
            Some("pipeline") => Some(Self::Artifact(ArtifactKind::Pipeline)),
            Some("command" | "spark" | "parallel") => Some(Self::Artifact(ArtifactKind::Component)),
            Some("custom_model" | "mlflow_model" | "triton_model") => {
                Some(Self::Artifact(ArtifactKind::Model))
            }
            Some("uri_file" | "uri_folder" | "mltable") => Some(Self::Data),
            Some(_) | None => None,
        };
        let by_schema = match schema.and_then(azure_ml_schema) {
            Some("model") => Some(Self::Artifact(ArtifactKind::Model)),
            Some("environment") => Some(Self::Artifact(ArtifactKind::Runtime)),
            Some("data") => Some(Self::Data),
            Some("pipelineJob" | "pipelineComponent") => {
                Some(Self::Artifact(ArtifactKind::Pipeline))
            }
            Some("commandComponent" | "sparkComponent" | "parallelComponent") => {
                Some(Self::Artifact(ArtifactKind::Component))
            }
            Some(_) | None => None,
        };
        by_schema.or(by_type)
    }
}
