//! From the types of Swagger 2.0 to JSON Schema: inheritance by `allOf` is made flat, a `discriminator` becomes a choice,
//! `x-nullable` allows `null`, and what is `readOnly` is refused in requests. Enumerations are closed here, though the
//! service may grow them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use jsonschema::Validator;
use serde_json::{Map, Value, json};

use super::spec::{Spec, split};

/// What is the same in both languages.
const KEPT: [&str; 8] = [
    "type",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "required",
];

/// Which way a body goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Request,
    Answer,
}

/// What judges a body by a type of a file.
pub(super) fn validator(spec: &Spec, file: &str, schema: &Value, way: Way) -> Validator {
    let builder = Builder {
        spec,
        way,
        definitions: RefCell::default(),
    };
    let mut schema = builder.convert(file, schema);
    schema["$defs"] = json!(builder.definitions.into_inner());
    jsonschema::validator_for(&schema).unwrap()
}

/// Turns Swagger into JSON Schema.
struct Builder<'a> {
    spec: &'a Spec,
    way: Way,
    definitions: RefCell<BTreeMap<String, Value>>,
}

impl Builder<'_> {
    fn convert(&self, file: &str, value: &Value) -> Value {
        let converted = match value.get("$ref").and_then(Value::as_str) {
            Some(reference) => self.reference(file, reference),
            None => self.inline(file, value),
        };
        if value["x-nullable"] == true {
            json!({ "anyOf": [converted, { "type": "null" }] })
        } else {
            converted
        }
    }

    fn reference(&self, file: &str, reference: &str) -> Value {
        let (file, pointer) = split(file, reference);
        let name = pointer.rsplit('/').next().unwrap().to_owned();
        let key = format!("{}-{name}", file.trim_end_matches(".json"));
        let is_known = self.definitions.borrow().contains_key(&key);
        if !is_known {
            // Before it is made, for it may lead to itself.
            self.definitions
                .borrow_mut()
                .insert(key.clone(), json!(true));
            let definition = self.spec.files[&file].pointer(&pointer).unwrap();
            let made = match definition.get("discriminator").and_then(Value::as_str) {
                Some(field) => self.choice(&file, &name, field),
                None => self.inline(&file, definition),
            };
            self.definitions.borrow_mut().insert(key.clone(), made);
        }
        json!({ "$ref": format!("#/$defs/{key}") })
    }

    /// One of the definitions that inherit from another, by the value of a field.
    fn choice(&self, file: &str, name: &str, field: &str) -> Value {
        let own = format!("#/definitions/{name}");
        let mut rules = Vec::new();
        let mut words = Vec::new();
        for (heir, definition) in self.spec.files[file]["definitions"].as_object().unwrap() {
            let parents = definition["allOf"].as_array().into_iter().flatten();
            if !parents
                .into_iter()
                .any(|parent| parent["$ref"] == own.as_str())
            {
                continue;
            }
            let word = definition["x-ms-discriminator-value"].as_str();
            let word = word.unwrap_or(heir);
            let then = self.reference(file, &format!("#/definitions/{heir}"));
            rules.push(json!({
                "if": { "required": [field], "properties": { field: { "const": word } } },
                "then": then,
            }));
            words.push(word.to_owned());
        }
        // Some words have no definition of their own, and nothing but the field.
        let base = &self.spec.files[file]["definitions"][name];
        let (_, declared) = self.spec.resolved(file, &base["properties"][field]);
        let extra = declared["enum"].as_array().cloned().unwrap_or_default();
        let words: BTreeSet<String> = words
            .into_iter()
            .chain(extra.iter().map(|word| word.as_str().unwrap().to_owned()))
            .collect();
        json!({
            "type": "object", "required": [field],
            "properties": { field: { "enum": words } }, "allOf": rules,
        })
    }

    fn inline(&self, file: &str, value: &Value) -> Value {
        let mut schema = Map::new();
        for name in KEPT {
            // In a parameter it says something else.
            if let Some(kept) = value.get(name).filter(|kept| !kept.is_boolean()) {
                schema.insert(name.to_owned(), kept.clone());
            }
        }
        if let Some(items) = value.get("items") {
            schema.insert("items".to_owned(), self.convert(file, items));
        }
        let mut flat = Flat::default();
        self.flatten(file, value, &mut flat);
        if !flat.properties.is_empty() {
            schema.insert("properties".to_owned(), json!(flat.properties));
        }
        if !flat.required.is_empty() {
            schema.insert("required".to_owned(), json!(flat.required));
        }
        match value.get("additionalProperties") {
            Some(Value::Bool(allowed)) => {
                schema.insert("additionalProperties".to_owned(), json!(allowed));
            }
            Some(values) => {
                let values = self.convert(file, values);
                schema.insert("additionalProperties".to_owned(), values);
            }
            None => {}
        }
        Value::Object(schema)
    }

    /// Everything that a definition has of its own and by inheritance.
    fn flatten(&self, file: &str, value: &Value, flat: &mut Flat) {
        for parent in value["allOf"].as_array().into_iter().flatten() {
            let (file, parent) = self.spec.resolved(file, parent);
            self.flatten(&file, &parent, flat);
        }
        for (name, property) in value["properties"].as_object().into_iter().flatten() {
            let is_refused = self.way == Way::Request && property["readOnly"] == true;
            let schema = if is_refused {
                json!(false)
            } else {
                self.convert(file, property)
            };
            flat.properties.insert(name.clone(), schema);
        }
        let required = value["required"].as_array().into_iter().flatten();
        flat.required
            .extend(required.map(|name| name.as_str().unwrap().to_owned()));
    }
}

#[derive(Default)]
struct Flat {
    properties: Map<String, Value>,
    required: BTreeSet<String>,
}
