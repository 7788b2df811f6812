//! Policies as the gates see them: what of them counts, their digest, their faults, and their JSON Schema.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::gate::{GATES, GateDef, ParamsError, find, unknown_gate};
use crate::manifest::kind::KindDef;
use crate::manifest::policy::{GateSpec, RollbackSpec};
use crate::model::digest::Sha256;

/// The parameters of a gate in a policy, as the gate takes them.
#[must_use]
pub fn params_of(spec: &GateSpec) -> Value {
    // What begins with `x-` is the author's own, as everywhere in manifests.
    let own = |(name, value): (&String, &Value)| {
        (!name.starts_with("x-")).then(|| (name.clone(), value.clone()))
    };
    Value::Object(spec.params.fields().iter().filter_map(own).collect())
}

/// The gates that policies ask for beyond the invariants, in order, each pair of name and parameters once. An invariant
/// that is listed without parameters adds nothing, since it always runs.
#[must_use]
pub fn asked_gates<'a>(policies: &[&'a [GateSpec]]) -> Vec<(&'a str, Value)> {
    let mut asked: Vec<(&str, Value)> = Vec::new();
    for spec in policies.iter().copied().flatten() {
        let gate = (spec.gate.as_str(), params_of(spec));
        let is_invariant = find(&spec.gate).is_some_and(|gate| gate.is_invariant);
        let is_asked_anyway = is_invariant && gate.1 == json!({});
        if !is_asked_anyway && !asked.contains(&gate) {
            asked.push(gate);
        }
    }
    asked
}

/// The SHA-256 of everything in the policies that can change the decision, for `Evidence::policy`.
///
/// It is taken over JSON without spaces and with sorted keys: `{"gates":[…],"rollback":…}`. Gates are sorted by their
/// own JSON, and repetitions and listed invariants are left out, so that an edit without effect voids no approval.
/// `rollback` is what applies to the promotion at hand: `None` for a forward promotion.
#[must_use]
pub fn policy_digest(policies: &[&[GateSpec]], rollback: Option<&RollbackSpec>) -> Sha256 {
    // INVARIANT: `serde_json::Map` sorts its keys. It does unless a dependency turns on `preserve_order`; a test of
    // this module fails then.
    let gates: BTreeSet<String> = asked_gates(policies)
        .into_iter()
        .map(|(gate, params)| json!({ "gate": gate, "params": params }).to_string())
        .collect();
    let gates: Vec<String> = gates.into_iter().collect();
    let rollback = json!(rollback);
    let text = format!(
        "{{\"gates\":[{}],\"rollback\":{rollback}}}",
        gates.join(",")
    );
    Sha256::of(text.as_bytes())
}

/// Everything wrong with the gates of a policy, each with the gate's position.
#[must_use]
pub fn validate_policy(gates: &[GateSpec]) -> Vec<(usize, ParamsError)> {
    let fault = |spec: &GateSpec| match find(&spec.gate) {
        Some(gate) => (gate.validate)(&params_of(spec)).err(),
        None => Some(ParamsError::at("gate", unknown_gate(&spec.gate))),
    };
    gates
        .iter()
        .enumerate()
        .filter_map(|(index, spec)| fault(spec).map(|error| (index, error)))
        .collect()
}

/// The JSON Schema of one gate in a policy: one of the gates of the table, by its name, with its parameters.
#[must_use]
pub fn policy_schema() -> Value {
    json!({ "oneOf": GATES.iter().map(|gate| gate_schema(gate)).collect::<Vec<_>>() })
}

/// The JSON Schema of a kind of manifest. That of policies says what each gate takes, which only this layer knows.
#[must_use]
pub fn schema_of(kind: &KindDef) -> Value {
    let mut schema = kind.schema();
    if let Some(gate) = schema.pointer_mut("/$defs/GateSpec") {
        *gate = policy_schema();
    }
    schema
}

fn gate_schema(gate: &GateDef) -> Value {
    let mut schema: Map<String, Value> = (gate.schema)().as_object().cloned().unwrap_or_default();
    schema.insert("title".to_owned(), json!(gate.name));
    schema.insert("description".to_owned(), json!(gate.summary));
    let mut properties = take_object(&mut schema, "properties");
    properties.insert("gate".to_owned(), json!({ "const": gate.name }));
    schema.insert("properties".to_owned(), Value::Object(properties));
    let mut required = vec![json!("gate")];
    if let Some(Value::Array(others)) = schema.remove("required") {
        required.extend(others);
    }
    schema.insert("required".to_owned(), Value::Array(required));
    schema.insert("patternProperties".to_owned(), json!({ "^x-": true }));
    Value::Object(schema)
}

fn take_object(schema: &mut Map<String, Value>, name: &str) -> Map<String, Value> {
    match schema.remove(name) {
        Some(Value::Object(object)) => object,
        Some(_) | None => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::testing::specs;

    #[test]
    fn keys_are_sorted_whatever_order_they_were_written_in() {
        let value: Value = serde_json::from_str(r#"{"b":1,"a":{"d":1,"c":2}}"#).unwrap();
        assert_eq!(value.to_string(), r#"{"a":{"c":2,"d":1},"b":1}"#);
    }

    #[test]
    fn the_digest_changes_with_what_counts_and_with_nothing_else() {
        let soak = json!({"gate": "soak-time", "environment": "qa", "duration": "48h"});
        let card = json!({"gate": "model-card"});
        let policy = specs(&[soak.clone(), card.clone()]);
        let digest = policy_digest(&[&policy], None);
        let text = r#"{"gates":[{"gate":"model-card","params":{}},{"gate":"soak-time","params":{"duration":"48h","environment":"qa"}}],"rollback":null}"#;
        assert_eq!(digest, Sha256::of(text.as_bytes()));
        let same = specs(&[json!({"gate": "edge"}), card.clone(), soak, card.clone()]);
        assert_eq!(policy_digest(&[&same], None), digest);
        assert_eq!(policy_digest(&[&policy, &same], None), digest);
        let other = specs(&[
            json!({"gate": "soak-time", "environment": "qa", "duration": "47h"}),
            card,
        ]);
        let rollback = RollbackSpec {
            quorum: [("risk".parse().unwrap(), 1)].into(),
            during_freeze: false,
        };
        let digests: BTreeSet<Sha256> = [
            digest,
            policy_digest(&[&other], None),
            policy_digest(&[&policy, &other], None),
            policy_digest(&[], None),
            policy_digest(&[&policy], Some(&rollback)),
        ]
        .into();
        assert_eq!(digests.len(), 5);
    }

    #[test]
    fn all_faults_of_a_policy_are_reported_with_their_place() {
        let gates = specs(&[
            json!({"gate": "soak-tmie", "environment": "qa", "duration": "48h"}),
            json!({"gate": "model-card"}),
            json!({"gate": "soak-time", "environment": "qa", "duration": "48"}),
            json!({"gate": "licence"}),
        ]);
        let faults: Vec<(usize, String, String)> = validate_policy(&gates)
            .into_iter()
            .map(|(index, error)| (index, error.path, error.message))
            .collect();
        let fault = |index, path: &str, message: &str| (index, path.to_owned(), message.to_owned());
        assert_eq!(
            faults,
            [
                fault(
                    0,
                    "gate",
                    "there is no gate `soak-tmie`; did you mean `soak-time`?"
                ),
                fault(
                    2,
                    "duration",
                    "`48` is not a duration; write numbers with `d`, `h`, `m` or `s`, such as `48h` or `1h30m`"
                ),
                fault(
                    3,
                    "gate",
                    "there is no gate `licence`; `promote explain --gates` lists them"
                ),
            ]
        );
    }

    #[test]
    fn the_schema_accepts_what_validation_accepts() {
        let validator = jsonschema::validator_for(&policy_schema()).unwrap();
        for (spec, is_valid) in [
            (json!({"gate": "edge"}), true),
            (json!({"gate": "edge", "x": 1}), false),
            (json!({"gate": "nothing"}), false),
            (json!({"gate": "approvals", "quorum": {"risk": 1}}), true),
            (json!({"gate": "approvals", "quorum": {"risk": 0}}), false),
            (json!({"gate": "approvals", "quorum": {}}), false),
            (json!({"gate": "promoted-from", "allOf": ["qa"]}), true),
            (json!({"gate": "promoted-from", "allOf": []}), false),
            (
                json!({"gate": "promoted-from", "allOf": ["qa"], "oneOf": ["qa"]}),
                false,
            ),
            (json!({"gate": "promoted-from"}), false),
            (json!({"gate": "commit-signature", "groups": []}), false),
            (
                json!({"gate": "soak-time", "environment": "qa", "duration": "2d"}),
                true,
            ),
            (json!({"gate": "soak-time", "environment": "qa"}), false),
            (
                json!({"gate": "metric-threshold", "metric": "auc", "higherIsBetter": true}),
                false,
            ),
            (
                json!({"gate": "metric-threshold", "metric": "auc", "higherIsBetter": true, "threshold": 0.9}),
                true,
            ),
        ] {
            assert_eq!(validator.is_valid(&spec), is_valid, "{spec}");
            assert_eq!(
                validate_policy(&specs(std::slice::from_ref(&spec))).is_empty(),
                is_valid,
                "{spec}"
            );
        }
    }
}
