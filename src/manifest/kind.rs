//! The kinds of manifest: one row each.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform as _, transform_subschemas};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::json;

use crate::manifest::API_VERSION;
use crate::manifest::artifact::Artifact;
use crate::manifest::dataset::Dataset;
use crate::manifest::freeze::Freeze;
use crate::manifest::layout::Place;
use crate::manifest::policy::Policy;
use crate::manifest::project::Project;
use crate::manifest::release::Release;
use crate::manifest::topology::Topology;
use crate::manifest::trust_index::TrustIndex;
use crate::manifest::trust_root::TrustRoot;
use crate::manifest::version::ArtifactVersion;
use crate::manifest::workspace::Workspace;
use crate::manifest::yaml::RequiredFields;
use crate::model::artifact::ArtifactKind;

/// A kind of manifest.
#[derive(Debug)]
pub struct KindDef {
    /// What `kind:` says.
    pub name: &'static str,
    /// Where manifests of the kind stand, for people.
    pub path: &'static str,
    /// The name of its JSON Schema, without `.schema.json`.
    pub schema_name: &'static str,
    /// The schema of the type, before [`KindDef::schema`] adds what only the kind knows.
    type_schema: fn(SchemaGenerator) -> Schema,
}

const fn kind<T: JsonSchema>(
    name: &'static str,
    schema_name: &'static str,
    path: &'static str,
) -> KindDef {
    KindDef {
        name,
        path,
        schema_name,
        type_schema: SchemaGenerator::into_root_schema_for::<T>,
    }
}

/// Every kind of manifest.
pub static KINDS: [KindDef; 17] = [
    kind::<Topology>("Topology", "topology", "promote.yaml"),
    kind::<Project>("Project", "project", "projects/<name>.yaml"),
    kind::<Workspace>("Workspace", "workspace", "workspaces/<name>.yaml"),
    kind::<Dataset>("Dataset", "dataset", "datasets/<name>.yaml"),
    kind::<Artifact>("Model", "model", "models/<project>/<name>/model.yaml"),
    kind::<Artifact>(
        "Pipeline",
        "pipeline",
        "pipelines/<project>/<name>/pipeline.yaml",
    ),
    kind::<Artifact>(
        "Component",
        "component",
        "components/<project>/<name>/component.yaml",
    ),
    kind::<Artifact>(
        "Runtime",
        "runtime",
        "runtimes/<project>/<name>/runtime.yaml",
    ),
    kind::<ArtifactVersion>(
        "ModelVersion",
        "model-version",
        "models/<project>/<name>/<version>.yaml",
    ),
    kind::<ArtifactVersion>(
        "PipelineVersion",
        "pipeline-version",
        "pipelines/<project>/<name>/<version>.yaml",
    ),
    kind::<ArtifactVersion>(
        "ComponentVersion",
        "component-version",
        "components/<project>/<name>/<version>.yaml",
    ),
    kind::<ArtifactVersion>(
        "RuntimeVersion",
        "runtime-version",
        "runtimes/<project>/<name>/<version>.yaml",
    ),
    kind::<Release>(
        "Release",
        "release",
        "releases/<environment>/<project>/<kind>/<name>.yaml",
    ),
    kind::<Policy>("Policy", "policy", "policies/<environment>.yaml"),
    kind::<Freeze>("Freeze", "freeze", "freezes/<name>.yaml"),
    kind::<TrustRoot>("TrustRoot", "trust-root", "trust/root.yaml"),
    kind::<TrustIndex>("TrustIndex", "trust-index", "trust/index.yaml"),
];

/// The kind of that name.
#[must_use]
pub fn find_kind(name: &str) -> Option<&'static KindDef> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// The kind of manifest that stands at a place; `None` where no manifest does.
#[must_use]
pub const fn kind_name_at(place: &Place) -> Option<&'static str> {
    match place {
        Place::Topology => Some("Topology"),
        Place::Project(_) => Some("Project"),
        Place::Workspace(_) => Some("Workspace"),
        Place::Dataset(_) => Some("Dataset"),
        Place::Artifact(artifact) => Some(artifact_kind_name(artifact.kind)),
        Place::Version(version) => Some(version_kind_name(version.artifact.kind)),
        Place::Release(_) => Some("Release"),
        Place::Policy(_) => Some("Policy"),
        Place::Freeze(_) => Some("Freeze"),
        Place::TrustRoot => Some("TrustRoot"),
        Place::TrustIndex => Some("TrustIndex"),
        Place::Checksums(_)
        | Place::VersionSignature(_)
        | Place::ReleaseSignature(_)
        | Place::TrustRootSignature(_)
        | Place::TrustIndexSignature(_)
        | Place::Attestation(..)
        | Place::AllowedSigners => None,
    }
}

/// The kind of an artifact's manifest.
#[must_use]
pub const fn artifact_kind_name(kind: ArtifactKind) -> &'static str {
    match kind {
        ArtifactKind::Runtime => "Runtime",
        ArtifactKind::Component => "Component",
        ArtifactKind::Pipeline => "Pipeline",
        ArtifactKind::Model => "Model",
    }
}

/// The kind of a version's manifest.
#[must_use]
pub const fn version_kind_name(kind: ArtifactKind) -> &'static str {
    match kind {
        ArtifactKind::Runtime => "RuntimeVersion",
        ArtifactKind::Component => "ComponentVersion",
        ArtifactKind::Pipeline => "PipelineVersion",
        ArtifactKind::Model => "ModelVersion",
    }
}

impl KindDef {
    /// The JSON Schema of the kind, draft 2020-12.
    #[must_use]
    pub fn schema(&self) -> serde_json::Value {
        let mut schema = (self.type_schema)(SchemaSettings::draft2020_12().into_generator());
        AllowExtensions.transform(&mut schema);
        schema.insert("title".to_owned(), self.name.into());
        schema.insert(
            "description".to_owned(),
            format!("A manifest at {}.", self.path).into(),
        );
        let properties = schema
            .get_mut("properties")
            .and_then(serde_json::Value::as_object_mut);
        if let Some(properties) = properties {
            properties.insert(
                "apiVersion".to_owned(),
                json!({ "const": API_VERSION, "description": "The version of the format." }),
            );
            properties.insert(
                "kind".to_owned(),
                json!({ "const": self.name, "description": "The kind of manifest." }),
            );
        }
        schema.to_value()
    }
}

/// Lets fields that start with `x-` pass wherever unknown fields do not.
struct AllowExtensions;

impl schemars::transform::Transform for AllowExtensions {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let is_closed = schema.get("additionalProperties") == Some(&json!(false));
        // A map has patterns for its keys, and no room for extensions: its keys are data.
        if is_closed && schema.get("patternProperties").is_none() {
            schema.insert("patternProperties".to_owned(), json!({ "^x-": true }));
        }
    }
}

/// The fields that must be there, of every struct of every kind.
pub static REQUIRED_FIELDS: LazyLock<RequiredFields> = LazyLock::new(|| {
    let mut required = RequiredFields::default();
    for kind in &KINDS {
        let schema = (kind.type_schema)(SchemaSettings::draft2020_12().into_generator());
        required.add_schema("Manifest", &schema.to_value());
    }
    required
});

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::manifest::layout::classify;

    #[test]
    fn kinds_have_names_schemas_and_paths_of_their_own() {
        let distinct = |field: fn(&KindDef) -> &'static str| {
            KINDS.iter().map(field).collect::<BTreeSet<_>>().len()
        };
        assert_eq!(distinct(|kind| kind.name), KINDS.len());
        assert_eq!(distinct(|kind| kind.schema_name), KINDS.len());
        assert_eq!(distinct(|kind| kind.path), KINDS.len());
    }

    #[test]
    fn the_path_of_a_kind_is_classified_as_that_kind() {
        for kind in &KINDS {
            let path = [
                ("<version>", "1.0.0"),
                ("<kind>", "model"),
                ("<project>", "p"),
                ("<environment>", "e"),
                ("<name>", "n"),
            ]
            .iter()
            .fold(kind.path.to_owned(), |path, (word, example)| {
                path.replace(word, example)
            });
            let place = classify(&path).unwrap();
            assert_eq!(kind_name_at(&place), Some(kind.name));
        }
    }

    #[test]
    fn required_fields_are_known_of_generic_and_nested_structs() {
        let of = |name: &str| REQUIRED_FIELDS.of(name).collect::<Vec<_>>();
        assert_eq!(of("Manifest"), ["apiVersion", "kind", "metadata", "spec"]);
        assert_eq!(of("Metadata"), ["name"]);
        assert_eq!(of("RoleSpec"), ["groups", "threshold"]);
        assert_eq!(of("LedgerSpec"), Vec::<&str>::new());
        assert_eq!(of("RecurringSpec"), ["cron", "duration", "timeZone"]);
    }
}
