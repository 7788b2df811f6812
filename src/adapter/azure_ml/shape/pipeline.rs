//! Pipelines as components: steps that name components.
//!
//! Source: <https://learn.microsoft.com/azure/machine-learning/reference-yaml-component-pipeline>.

use serde_json::{Map, Value};

use crate::adapter::azure_ml::layout;
use crate::adapter::azure_ml::shape::{Fields, Frame, Reason, Shape, component, inputs, schema};

/// What a pipeline component has. A job of a pipeline has more, such as `compute` and `settings`.
const FIELDS: [&str; 11] = [
    "$schema",
    "type",
    "name",
    "version",
    "display_name",
    "description",
    "tags",
    "is_deterministic",
    "inputs",
    "outputs",
    "jobs",
];
/// The kinds of steps that name a component.
const STEPS: [&str; 4] = ["command", "parallel", "pipeline", "spark"];

pub(super) fn read(frame: &Frame<'_>, fields: &Fields) -> Result<Shape, Reason> {
    if let Some(schema) = schema(fields).filter(|schema| *schema != "pipelineComponent") {
        return Err(format!(
            "by its `$schema` it is a `{schema}`, which belongs to one workspace; a `pipelineComponent` can be promoted"
        ));
    }
    if let Some(field) = fields
        .keys()
        .find(|field| !FIELDS.contains(&field.as_str()))
    {
        return Err(format!("a pipeline component has no `{field}`"));
    }
    let mut spec = component::named(frame, fields)?;
    let steps = spec.get("jobs").and_then(Value::as_object);
    let steps = steps.filter(|steps| !steps.is_empty());
    let steps = steps.ok_or_else(|| "it has no `jobs`".to_owned())?;
    let convert = |(name, value): (&String, &Value)| {
        let step = step(frame, name, value)?;
        Ok((name.clone(), step))
    };
    let steps: Map<_, _> = steps.iter().map(convert).collect::<Result<_, Reason>>()?;
    spec.insert("jobs".to_owned(), Value::Object(steps));
    Ok(Shape::Component { spec, code: None })
}

fn step(frame: &Frame<'_>, name: &str, value: &Value) -> Result<Value, Reason> {
    let fields = value.as_object();
    let fields = fields.ok_or_else(|| format!("its step `{name}` is no mapping"))?;
    let component = fields.get("component");
    let component = component.ok_or_else(|| {
        format!("its step `{name}` names no `component`; register it as a component of its own")
    })?;
    let mut step = Map::new();
    let field = format!("jobs.{name}.component");
    let component = frame.resolve(&field, layout::COMPONENTS, component)?;
    step.insert("componentId".to_owned(), component.into());
    for (field, value) in fields {
        let value = match (field.as_str(), value) {
            ("component", _) => continue,
            ("type", Value::String(kind)) if STEPS.contains(&kind.as_str()) => value.clone(),
            ("inputs", value) => inputs::inputs(name, value)?,
            ("outputs", value) => inputs::outputs(name, value)?,
            ("display_name", Value::String(_)) | ("environment_variables", Value::Object(_)) => {
                value.clone()
            }
            _ => {
                return Err(format!(
                    "its step `{name}` has `{field}`, which is of one workspace, or which promote does not know"
                ));
            }
        };
        step.insert(field.clone(), value);
    }
    Ok(Value::Object(step))
}
