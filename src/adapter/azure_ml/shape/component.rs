//! Components that run a command, Spark, or a script over mini-batches.
//!
//! Source: <https://learn.microsoft.com/azure/machine-learning/reference-yaml-component-command>, and the pages beside it
//! for `spark` and `parallel`.

use serde_json::Value;

use crate::adapter::Record;
use crate::adapter::azure_ml::layout;
use crate::adapter::azure_ml::shape::{Fields, Frame, Reason, Shape, folder, schema};

/// Fields that only the command-line tool of Azure understands: it puts other files beside the code.
const OF_THE_TOOL: [&str; 1] = ["additional_includes"];
/// Where a component that runs over mini-batches says what it runs.
const TASK: &str = "task";

pub(super) fn read(frame: &Frame<'_>, record: &Record, fields: &Fields) -> Result<Shape, Reason> {
    if let Some(schema) = schema(fields).filter(|schema| !schema.ends_with("Component")) {
        return Err(format!(
            "by its `$schema` it is a `{schema}` and no component"
        ));
    }
    if let Some(field) = OF_THE_TOOL
        .iter()
        .find(|field| fields.contains_key(**field))
    {
        return Err(format!(
            "`{field}` is done by the tool of Azure when it uploads; put the files into the folder"
        ));
    }
    let mut spec = named(frame, fields)?;
    let kind = spec.get("type").and_then(Value::as_str);
    let holder = (kind == Some("parallel")).then_some(TASK);
    let inner = match holder {
        None => &mut spec,
        Some(name) => match spec.get_mut(name) {
            Some(Value::Object(task)) => task,
            _ => return Err(format!("it has no `{name}`")),
        },
    };
    if let Some(environment) = inner.get_mut("environment") {
        let named = frame.resolve("environment", layout::ENVIRONMENTS, environment)?;
        *environment = Value::String(named);
    }
    let code = match inner.remove("code") {
        None | Some(Value::Null) => None,
        Some(Value::String(path)) => {
            let named = frame.asset(layout::CODES, frame.name, frame.label);
            inner.insert("code".to_owned(), named.into());
            Some(folder(record, "code", &path)?)
        }
        Some(_) => return Err("its `code` is no path".to_owned()),
    };
    Ok(Shape::Component { spec, code })
}

/// The fields of a component, called as the asset is.
pub(super) fn named(frame: &Frame<'_>, fields: &Fields) -> Result<Fields, Reason> {
    let mut spec = fields.clone();
    if !spec.contains_key("type") {
        let kind = schema(fields).and_then(|schema| schema.strip_suffix("Component"));
        let kind = kind.ok_or_else(|| "it has no `type`".to_owned())?;
        spec.insert("type".to_owned(), kind.into());
    }
    spec.insert("name".to_owned(), frame.name.into());
    spec.insert("version".to_owned(), frame.label.into());
    Ok(spec)
}
