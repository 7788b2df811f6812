//! Whether a component in Azure says what it should. The service writes every value as text, and adds what goes without
//! saying; that and no more is passed over.
//!
//! Source: the answers in <https://github.com/Azure/azure-powershell>, `Get-AzMLWorkspaceComponentVersion`: of
//! `{type, code, environment, command}` it makes `is_deterministic: "True"` and `resources: {instance_count: "1"}` too.

use serde_json::{Map, Value};

use crate::adapter::azure_ml::shape::Fields;

/// The first place where what is found is not what it should be, as `inputs.data.type`.
pub(in crate::adapter::azure_ml) fn differs(wanted: &Fields, found: &Value) -> Option<String> {
    match found {
        Value::Object(found) => of_objects(&mut Vec::new(), wanted, found),
        _ => Some("componentSpec".to_owned()),
    }
}

/// Whether two values differ, where nothing is added.
pub(super) fn plainly_differs(wanted: &Value, found: &Value) -> bool {
    of_values(&mut vec!["", "", "", ""], wanted, found).is_some()
}

fn of_objects<'a>(
    path: &mut Vec<&'a str>,
    wanted: &'a Map<String, Value>,
    found: &'a Map<String, Value>,
) -> Option<String> {
    for (name, value) in wanted {
        path.push(name);
        let found = found.get(name).unwrap_or(&Value::Null);
        if let Some(place) = of_values(path, value, found) {
            return Some(place);
        }
        path.pop();
    }
    let added = found.iter().find(|(name, value)| {
        !wanted.contains_key(*name) && !is_empty(value) && !goes_without_saying(path, name, value)
    });
    let (name, _) = added?;
    path.push(name);
    Some(path.join("."))
}

fn of_values<'a>(path: &mut Vec<&'a str>, wanted: &'a Value, found: &'a Value) -> Option<String> {
    let is_same = match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => return of_objects(path, wanted, found),
        (Value::Array(wanted), Value::Array(found)) => {
            wanted.len() == found.len()
                && wanted
                    .iter()
                    .zip(found)
                    .all(|(wanted, found)| !plainly_differs(wanted, found))
        }
        (wanted, found) if is_empty(wanted) => is_empty(found),
        (Value::Bool(wanted), found) => is_text(found, &wanted.to_string()),
        (Value::Number(wanted), found) => {
            let number = match found {
                Value::Number(found) => found.as_f64(),
                Value::String(found) => found.trim().parse().ok(),
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
            };
            number.is_some() && number == wanted.as_f64()
        }
        (Value::String(wanted), Value::String(found)) => {
            wanted.trim_end() == found.trim_end() || is_same_asset(wanted, found)
        }
        _ => false,
    };
    (!is_same).then(|| path.join("."))
}

/// Whether two names are of one asset: what is in a subscription is called so in capitals or not, with `azureml:` or without.
fn is_same_asset(one: &str, other: &str) -> bool {
    let plain = |text: &str| {
        let text = text
            .strip_prefix("azureml:")
            .unwrap_or(text)
            .to_ascii_lowercase();
        text.starts_with("/subscriptions/").then_some(text)
    };
    plain(one).is_some_and(|one| plain(other) == Some(one))
}

/// What the service adds of itself.
fn goes_without_saying(path: &[&str], name: &str, value: &Value) -> bool {
    match (path, name) {
        ([], "is_deterministic") => is_text(value, "true"),
        ([], "resources") => {
            let all = value.as_object();
            all.is_some_and(|all| {
                let mut all = all.iter().filter(|(_, value)| !is_empty(value));
                all.all(|(name, value)| name == "instance_count" && is_text(value, "1"))
            })
        }
        ([], "id" | "_source" | "display_name" | "creation_context") => true,
        (["inputs", _], "optional") => is_text(value, "false"),
        (["jobs", step], "name") => is_text(value, step),
        (["jobs", _], "_source") => true,
        _ => false,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_empty),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether a value is this text, in capitals or not.
fn is_text(value: &Value, text: &str) -> bool {
    match value {
        Value::String(found) => found.eq_ignore_ascii_case(text),
        Value::Bool(found) => found.to_string() == text,
        Value::Number(found) => found.to_string() == text,
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wanted() -> Fields {
        let wanted = json!({
            "name": "train", "type": "command", "command": "python t.py\n", "code": "azureml:/subscriptions/S/codes/c/versions/1",
            "inputs": { "rate": { "type": "number", "default": 0.1, "optional": true }, "data": { "type": "uri_folder" } },
            "tags": {}, "is_deterministic": false, "args": ["a", 1],
        });
        wanted.as_object().unwrap().clone()
    }

    #[test]
    fn the_same_said_otherwise_is_the_same() {
        let found = json!({
            "name": "train", "type": "command", "command": "python t.py", "code": "/subscriptions/s/codes/c/versions/1",
            "inputs": { "rate": { "type": "number", "default": "0.10", "optional": "True" }, "data": { "type": "uri_folder", "optional": "False" } },
            "is_deterministic": "False", "args": ["a", "1"], "resources": { "instance_count": "1", "properties": {} },
            "display_name": "train", "outputs": {},
        });
        assert_eq!(differs(&wanted(), &found), None);
    }

    #[test]
    fn another_value_and_what_nobody_said_are_found() {
        for (pointer, value, place) in [
            ("/command", json!("python other.py"), "command"),
            (
                "/code",
                json!("/subscriptions/s/codes/c/versions/2"),
                "code",
            ),
            ("/inputs/rate/default", json!("0.2"), "inputs.rate.default"),
            (
                "/inputs/rate/optional",
                json!("yes"),
                "inputs.rate.optional",
            ),
            (
                "/inputs/data",
                json!({ "type": "uri_folder", "optional": "True" }),
                "inputs.data.optional",
            ),
            ("/inputs/data", json!(null), "inputs.data"),
            ("/is_deterministic", json!("True"), "is_deterministic"),
            ("/args", json!(["a"]), "args"),
            ("/distribution", json!({ "type": "mpi" }), "distribution"),
            ("/resources", json!({ "instance_count": "4" }), "resources"),
            ("/environment", json!("azureml:e:1"), "environment"),
        ] {
            let mut found = Value::Object(wanted());
            match found.pointer_mut(pointer) {
                Some(place) => *place = value,
                None => found[pointer.trim_start_matches('/')] = value,
            }
            assert_eq!(differs(&wanted(), &found).as_deref(), Some(place));
        }
        assert_eq!(
            differs(&wanted(), &json!("x")).as_deref(),
            Some("componentSpec")
        );
    }
}
