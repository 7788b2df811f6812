//! What a version is in Azure Machine Learning beside its bytes: a component or an environment, when it has a YAML file of
//! Azure Machine Learning (version 2) that can be taken as it is. What has none is bytes alone.
//!
//! The same bytes, workspace and name give the same shape: it is worked out when a version is written, and again whenever
//! it is looked at, so that what others made of it since is found.

mod component;
mod environment;
mod inputs;
mod pipeline;
mod reference;
mod same;
mod source;

use serde_json::{Map, Value};

use crate::adapter::azure_ml::report::Call;
pub(super) use crate::adapter::azure_ml::shape::environment::differs as environment_differs;
pub(super) use crate::adapter::azure_ml::shape::reference::Frame;
pub(super) use crate::adapter::azure_ml::shape::same::differs as component_differs;
pub(super) use crate::adapter::azure_ml::shape::source::Source;
use crate::adapter::azure_ml::shape::source::{Text, texts};
use crate::adapter::{Record, Result};
use crate::model::artifact::ArtifactKind;
use crate::model::platform::{AzureMlThing, azure_ml_schema};
use crate::redact::printable;

/// The longest reason that is kept, in characters.
const MAX_REASON: usize = 400;

/// Why a file cannot be taken as it is, in words for people.
type Reason = String;
/// A mapping of a YAML file.
type Fields = Map<String, Value>;

/// What a version is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    /// Bytes alone; of what could have been more, with the reason why it is not.
    Bytes(Option<Reason>),
    /// A component, also one that is a pipeline.
    Component {
        /// What it says.
        spec: Fields,
        /// The folder of its code, below that of the version and without slashes around it; `None` when it names none.
        code: Option<String>,
    },
    /// An environment.
    Environment {
        /// What it says, without where its build context is.
        fields: Fields,
        /// The folder of its build context, as `code` of a component.
        context: Option<String>,
    },
}

impl Shape {
    /// What the bytes of a version are.
    pub(super) async fn of(
        call: Call<'_>,
        frame: &Frame<'_>,
        record: &Record,
        source: &Source<'_>,
    ) -> Result<Self> {
        let kind = record.version.artifact.kind;
        if kind == ArtifactKind::Model {
            return Ok(Self::Bytes(None));
        }
        let texts = texts(call, record, source, preferred(kind)).await?;
        let read = match find(kind, &texts) {
            Ok(text) => read(call, frame, record, source, text).await?,
            Err(reason) => Err(reason),
        };
        Ok(read.unwrap_or_else(|reason| {
            let reason: String = printable(&reason).chars().take(MAX_REASON).collect();
            Self::Bytes(Some(reason))
        }))
    }
}

/// The names that such files have by custom, the most telling first.
const fn preferred(kind: ArtifactKind) -> &'static [&'static str] {
    match kind {
        ArtifactKind::Runtime => &["environment.yaml", "environment.yml"],
        ArtifactKind::Component => &["component.yaml", "component.yml"],
        ArtifactKind::Pipeline => &[
            "pipeline.yaml",
            "pipeline.yml",
            "component.yaml",
            "component.yml",
        ],
        ArtifactKind::Model => &[],
    }
}

/// The one file that says what the version is.
fn find(kind: ArtifactKind, texts: &[Text]) -> std::result::Result<&Text, Reason> {
    let is_it = |text: &&Text| matches!(&text.content, Ok(fields) if is_of(kind, fields));
    let by_name = preferred(kind).iter();
    let mut by_name =
        by_name.filter_map(|name| texts.iter().find(|text| text.path.as_str() == *name));
    if let Some(text) = by_name.find(is_it) {
        return Ok(text);
    }
    let mut all = texts.iter().filter(is_it);
    match (all.next(), all.next()) {
        (Some(only), None) => Ok(only),
        (Some(first), Some(second)) => Err(format!(
            "`{}` and `{}` both describe one; call one of them `{}`",
            first.path,
            second.path,
            preferred(kind).first().unwrap_or(&"")
        )),
        (None, _) => Err(texts
            .iter()
            .find_map(|text| {
                let reason = text.content.as_ref().err()?;
                Some(format!("`{}` cannot be read: {reason}", text.path))
            })
            .unwrap_or_else(|| {
                "no YAML file of Azure Machine Learning at its top says what it is".to_owned()
            })),
    }
}

/// Whether a file describes a thing of this kind.
fn is_of(kind: ArtifactKind, fields: &Fields) -> bool {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let thing = AzureMlThing::of(text("$schema"), text("type"));
    // The type of an environment is not written, and its schema may be left out.
    let is_environment = thing.is_none()
        && text("$schema").is_none()
        && (fields.contains_key("image") || fields.contains_key("build"));
    thing == Some(AzureMlThing::Artifact(kind)) || kind == ArtifactKind::Runtime && is_environment
}

async fn read(
    call: Call<'_>,
    frame: &Frame<'_>,
    record: &Record,
    source: &Source<'_>,
    text: &Text,
) -> Result<std::result::Result<Shape, Reason>> {
    let fields = match &text.content {
        Ok(fields) => fields,
        Err(reason) => return Ok(Err(reason.clone())),
    };
    let told = match record.version.artifact.kind {
        ArtifactKind::Runtime => environment::read(call, record, source, fields).await?,
        ArtifactKind::Component => component::read(frame, record, fields),
        ArtifactKind::Pipeline => pipeline::read(frame, fields),
        ArtifactKind::Model => return Ok(Ok(Shape::Bytes(None))),
    };
    Ok(told.map_err(|reason| format!("`{}`: {reason}", text.path)))
}

/// The name of a schema that is of Azure Machine Learning.
fn schema(fields: &Fields) -> Option<&str> {
    azure_ml_schema(fields.get("$schema")?.as_str()?)
}

/// The folder that a path in such a file names, below that of the version and without slashes around it. The whole is the
/// empty text.
fn folder(record: &Record, field: &str, path: &str) -> std::result::Result<String, Reason> {
    let path = path.strip_prefix("file:").unwrap_or(path);
    let is_elsewhere =
        path.contains("://") || path.contains(':') || path.starts_with('/') || path.contains('\\');
    if is_elsewhere {
        return Err(format!("its `{field}`, `{path}`, is not in its folder"));
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err(format!("its `{field}`, `{path}`, leads out of its folder")),
            part => parts.push(part),
        }
    }
    let folder = parts.join("/");
    let inside = format!("{folder}/");
    let mut files = record.files.records().iter();
    if folder.is_empty() || files.any(|file| file.path.as_str().starts_with(&inside)) {
        return Ok(folder);
    }
    Err(format!("its `{field}`, `{path}`, is no folder in it"))
}
