//! What a version shows as when it is more than bytes: a component or an environment.

use serde_json::{Map, Value, json};

use crate::adapter::azure_ml::report::Call;
use crate::adapter::azure_ml::shape::{
    Frame, Shape, Source, component_differs, environment_differs,
};
use crate::adapter::azure_ml::storage::Place;
use crate::adapter::azure_ml::wire::Asset;
use crate::adapter::azure_ml::{AzureMlAdapter, layout, write};
use crate::adapter::{Record, Result, Written};
use crate::model::platform::AzureMlPlace;

impl AzureMlAdapter {
    /// What a version is here, by its bytes.
    pub(super) async fn shape(
        &self,
        call: Call<'_>,
        record: &Record,
        source: &Source<'_>,
    ) -> Result<Shape> {
        let prefix = match self.spec.place {
            AzureMlPlace::Workspace => format!("azureml:{}", self.arm.place),
            AzureMlPlace::Registry => format!("azureml://registries/{}", self.spec.name),
        };
        let name = layout::name(call, &self.names, &record.version.artifact)?;
        let label = layout::label(&record.version);
        let frame = Frame {
            prefix: &prefix,
            name: &name,
            label: &label,
        };
        Shape::of(call, &frame, record, source).await
    }

    /// Makes a version show whose bytes are there.
    pub(super) async fn show(
        &self,
        call: Call<'_>,
        record: &Record,
        shape: &Shape,
        place: &Place,
    ) -> Result<Written> {
        let (collection, specific) = match shape {
            Shape::Bytes(_) => return Ok(Written::Created),
            Shape::Component { spec, .. } => {
                let mut fields = Map::new();
                fields.insert("componentSpec".to_owned(), json!(spec));
                (layout::COMPONENTS, fields)
            }
            Shape::Environment { fields, context } => {
                let mut fields = fields.clone();
                if let (Some(context), Some(build)) = (
                    context,
                    fields.get_mut("build").and_then(Value::as_object_mut),
                ) {
                    let uri = format!("{}/", place.url(context));
                    build.insert("contextUri".to_owned(), uri.into());
                }
                (layout::ENVIRONMENTS, fields)
            }
        };
        let mut body = json!({
            "description": format!("{}, put here by promote", record.version),
            "properties": write::properties(record), "isAnonymous": false, "isArchived": false,
        });
        if let Some(all) = body.as_object_mut() {
            all.extend(specific);
        }
        let path = layout::version(call, &self.names, collection, &record.version)?;
        let body = json!({ "properties": body });
        let made = self.arm.put(call, &path, &body).await?;
        self.after_put(call, record, &path, made).await
    }

    /// Whether a component or an environment says what the bytes of its version say.
    pub(super) async fn check_face(
        &self,
        call: Call<'_>,
        record: &Record,
        path: &str,
        asset: &Asset,
        place: &Place,
    ) -> Result<()> {
        let shape = self.shape(call, record, &Source::Held(place)).await?;
        let nothing = Value::Null;
        let properties = &asset.properties;
        let differs = match (layout::split(path).0, &shape) {
            (layout::COMPONENTS, Shape::Component { spec, .. }) => {
                let found = properties.component_spec.as_ref().unwrap_or(&nothing);
                component_differs(spec, found).map(|field| format!("`{field}`"))
            }
            (layout::ENVIRONMENTS, Shape::Environment { fields, context }) => {
                let context = context.as_ref().map(|context| place.url(context));
                let field = environment_differs(fields, context.as_deref(), properties);
                field.map(|field| format!("`{field}`"))
            }
            (_, Shape::Bytes(Some(reason))) => Some(format!("everything: {reason}")),
            _ => Some("everything".to_owned()),
        };
        match differs {
            None => Ok(()),
            Some(what) => Err(call.corrupt(format!(
                "`{path}` says something else than the files of `{}`, in {what}",
                record.version
            ))),
        }
    }
}
