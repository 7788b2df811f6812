//! Inputs and outputs of steps, as the service takes them: YAML has a short form of each.
//!
//! Source: <https://learn.microsoft.com/azure/machine-learning/reference-yaml-component-pipeline>, and what the SDK of Azure
//! for Python sends: `{"job_input_type": "literal", "value": …}` for a value or an expression.

use serde_json::{Map, Value, json};

use crate::adapter::azure_ml::shape::Reason;

/// What an input of data may be.
const DATA_TYPES: [&str; 6] = [
    "uri_file",
    "uri_folder",
    "mltable",
    "custom_model",
    "mlflow_model",
    "triton_model",
];

pub(super) fn inputs(step: &str, value: &Value) -> Result<Value, Reason> {
    let convert = |(name, value): (&String, &Value)| {
        let input = input(step, name, value)?;
        Ok((name.clone(), input))
    };
    let inputs = mapping(step, "inputs", value)?;
    inputs
        .iter()
        .map(convert)
        .collect::<Result<Map<_, _>, Reason>>()
        .map(Value::Object)
}

pub(super) fn outputs(step: &str, value: &Value) -> Result<Value, Reason> {
    let convert = |(name, value): (&String, &Value)| {
        let output = output(step, name, value)?;
        Ok((name.clone(), output))
    };
    let outputs = mapping(step, "outputs", value)?;
    outputs
        .iter()
        .map(convert)
        .collect::<Result<Map<_, _>, Reason>>()
        .map(Value::Object)
}

fn mapping<'a>(
    step: &str,
    field: &str,
    value: &'a Value,
) -> Result<&'a Map<String, Value>, Reason> {
    let mapping = value.as_object();
    mapping.ok_or_else(|| format!("`{field}` of its step `{step}` is no mapping"))
}

fn input(step: &str, name: &str, value: &Value) -> Result<Value, Reason> {
    let what = || format!("the input `{name}` of its step `{step}`");
    let Value::Object(fields) = value else {
        let text = scalar(value).ok_or_else(|| format!("{} is no value", what()))?;
        return Ok(json!({ "job_input_type": "literal", "value": text }));
    };
    let mut input = Map::new();
    let path = fields.get("path").and_then(Value::as_str);
    let path = path.ok_or_else(|| format!("{} has no `path`", what()))?;
    let is_expression = path.starts_with("${{");
    for (field, value) in fields {
        let text = value.as_str();
        match (field.as_str(), text) {
            ("path", Some(path)) if is_expression => {
                input.insert("job_input_type".to_owned(), "literal".into());
                input.insert("value".to_owned(), path.into());
            }
            ("path", Some(_)) => {
                return Err(format!(
                    "{} is bound to data; bind it to an input of the pipeline, so that each environment can bind its own",
                    what()
                ));
            }
            ("type", Some(kind)) if DATA_TYPES.contains(&kind) => {}
            ("mode", Some(mode)) => {
                let mode =
                    mode_of(mode).ok_or_else(|| format!("{} has the mode `{mode}`", what()))?;
                input.insert("mode".to_owned(), mode.into());
            }
            _ => return Err(format!("{} has the field `{field}`", what())),
        }
    }
    Ok(Value::Object(input))
}

fn output(step: &str, name: &str, value: &Value) -> Result<Value, Reason> {
    let what = || format!("the output `{name}` of its step `{step}`");
    if let Some(text) = value.as_str() {
        return Ok(json!({ "type": "literal", "value": text }));
    }
    let fields = value.as_object();
    let fields = fields.ok_or_else(|| format!("{} is no expression", what()))?;
    let mut output = Map::new();
    for (field, value) in fields {
        match (field.as_str(), value.as_str()) {
            ("type", Some(kind)) if DATA_TYPES.contains(&kind) => {
                output.insert("job_output_type".to_owned(), kind.into());
            }
            ("mode", Some(mode)) => {
                let mode =
                    mode_of(mode).ok_or_else(|| format!("{} has the mode `{mode}`", what()))?;
                output.insert("mode".to_owned(), mode.into());
            }
            _ => return Err(format!("{} has the field `{field}`", what())),
        }
    }
    Ok(Value::Object(output))
}

/// What the service calls a mode.
fn mode_of(mode: &str) -> Option<&'static str> {
    Some(match mode {
        "ro_mount" => "ReadOnlyMount",
        "rw_mount" => "ReadWriteMount",
        "download" => "Download",
        "direct" => "Direct",
        "eval_mount" => "EvalMount",
        "eval_download" => "EvalDownload",
        "upload" => "Upload",
        _ => return None,
    })
}

/// The text of a value.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
