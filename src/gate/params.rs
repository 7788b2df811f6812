//! Typed parameters of gates: the bridge between a gate's `Params` struct and the row of the table.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::diagnostic::did_you_mean;
use crate::gate::evidence::Evidence;
use crate::model::promotion::Promotion;
use crate::model::verdict::Verdict;

/// Why a gate's parameters are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParamsError {
    /// Where, in dotted form such as `quorum.risk`; empty for the gate as a whole.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

impl ParamsError {
    /// An error at a parameter.
    pub fn at(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
        }
    }
}

/// The parameters of a gate.
pub trait GateParams: DeserializeOwned + JsonSchema {
    /// Checks what the type alone cannot say.
    ///
    /// # Errors
    ///
    /// The first parameter that is wrong.
    fn verify(&self) -> Result<(), ParamsError> {
        Ok(())
    }
}

/// The parameters of a gate that takes none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NoParams {}

impl GateParams for NoParams {}

/// The JSON Schema of parameters, without references, so that it can be put inside another.
#[must_use]
pub fn schema<P: GateParams>() -> schemars::Schema {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    settings.into_generator().into_root_schema_for::<P>()
}

/// Parses and checks parameters.
///
/// # Errors
///
/// The first parameter that is wrong.
pub fn parse<P: GateParams>(value: &Value) -> Result<P, ParamsError> {
    // A sequence would otherwise be taken for the fields in their order.
    if !value.is_object() {
        return Err(ParamsError::at("", "parameters must be a mapping"));
    }
    let params = P::deserialize(value).map_err(|error| locate::<P>(value, &error.to_string()))?;
    params.verify()?;
    Ok(params)
}

/// Checks parameters.
///
/// # Errors
///
/// The first parameter that is wrong.
pub fn validate<P: GateParams>(value: &Value) -> Result<(), ParamsError> {
    parse::<P>(value).map(|_| ())
}

/// Judges with parsed parameters. Those that do not parse are `unavailable`: a rule that cannot be read never passes.
#[must_use]
pub fn check<P: GateParams>(
    promotion: &Promotion,
    evidence: &Evidence,
    value: &Value,
    judge: fn(&Promotion, &Evidence, &P) -> Verdict,
) -> Verdict {
    match parse::<P>(value) {
        Ok(params) => judge(promotion, evidence, &params),
        Err(error) if error.path.is_empty() => {
            Verdict::unavailable(format!("the parameters cannot be read: {error}"))
        }
        Err(error) => Verdict::unavailable(format!(
            "parameter `{}` cannot be read: {error}",
            error.path
        )),
    }
}

/// Finds the parameter that an error is about: serde does not say, but each one can be tried alone.
fn locate<P: GateParams>(value: &Value, message: &str) -> ParamsError {
    let params = value.as_object().into_iter().flatten();
    if message.starts_with("missing field") {
        return ParamsError::at("", message.replace("missing field", "missing parameter"));
    }
    let fails_alike = |name: &str, value: &Value| {
        let alone: Map<String, Value> = Map::from_iter([(name.to_owned(), value.clone())]);
        P::deserialize(&Value::Object(alone)).is_err_and(|error| error.to_string() == message)
    };
    let mut params = params.filter(|(name, value)| fails_alike(name, value));
    let culprit = params.next().map(|(name, _)| name.as_str());
    match culprit {
        Some(name) if message.starts_with("unknown field") => {
            ParamsError::at(name, unknown_parameter::<P>(name))
        }
        Some(name) => ParamsError::at(name, message),
        None => ParamsError::at("", message),
    }
}

fn unknown_parameter<P: GateParams>(name: &str) -> String {
    let schema = schema::<P>();
    let properties = schema.get("properties").and_then(Value::as_object);
    let known: Vec<&str> = properties.map_or_else(Vec::new, |properties| {
        properties.keys().map(String::as_str).collect()
    });
    let near = did_you_mean(name, known.iter().copied());
    match (near, known.is_empty()) {
        (Some(near), _) => format!("there is no parameter `{name}`; did you mean `{near}`?"),
        (None, true) => format!("there is no parameter `{name}`; this gate takes none"),
        (None, false) => format!(
            "there is no parameter `{name}`; there are `{}`",
            known.join("`, `")
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::gate::find;

    fn error(gate: &str, params: &Value) -> (String, String) {
        let error = (find(gate).unwrap().validate)(params).unwrap_err();
        (error.path, error.message)
    }

    #[test]
    fn wrong_parameters_are_named_with_a_way_out() {
        for (gate, params, path, message) in [
            (
                "soak-time",
                json!({"environment": "qa", "duratoin": "48h"}),
                "duratoin",
                "there is no parameter `duratoin`; did you mean `duration`?",
            ),
            (
                "soak-time",
                json!({"environment": "qa"}),
                "",
                "missing parameter `duration`",
            ),
            (
                "soak-time",
                json!({"environment": "qa", "duration": "two days"}),
                "duration",
                "`two days` is not a duration; write numbers with `d`, `h`, `m` or `s`, such as `48h` or `1h30m`",
            ),
            (
                "edge",
                json!({"from": "dev"}),
                "from",
                "there is no parameter `from`; this gate takes none",
            ),
            ("edge", json!([]), "", "parameters must be a mapping"),
            (
                "approvals",
                json!({"quorum": {}}),
                "quorum",
                "name at least one group; a quorum of nobody would always be met",
            ),
        ] {
            assert_eq!(error(gate, &params), (path.to_owned(), message.to_owned()));
        }
    }
}
