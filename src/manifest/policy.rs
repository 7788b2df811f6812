//! `policies/<environment>.yaml`: the gates of entering an environment.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::manifest::Manifest;
use crate::manifest::yaml::EXTENSION_PREFIX;
use crate::model::id::{EnvironmentName, GroupName};
use crate::model::period::Period;

/// The manifest of a policy; its name is the environment's.
pub type Policy = Manifest<EnvironmentName, PolicySpec>;

/// The gates of entering an environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicySpec {
    /// The gates, all of which must pass. Those that guard the flow of data always run, listed or not.
    #[schemars(length(max = 64))]
    pub gates: Vec<GateSpec>,
    /// What differs for going back to a version that the slot has held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<RollbackSpec>,
    /// Who may override gates in an emergency; nobody without it.
    #[serde(default, rename = "override", skip_serializing_if = "Option::is_none")]
    pub bypass: Option<OverrideSpec>,
    /// What is asked of a model that a pipeline made in this environment; without it, no such model is let in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retrain: Option<RetrainSpec>,
    /// Who may give a person access for an incident; nobody without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<AccessRuleSpec>,
}

impl PolicySpec {
    /// The gates that judge a promotion: its own for what was made in the environment, where the policy foresees that.
    #[must_use]
    pub fn gates_of(&self, is_retrained: bool) -> &[GateSpec] {
        match &self.retrain {
            Some(retrain) if is_retrained => &retrain.gates,
            Some(_) | None => &self.gates,
        }
    }

    /// All lists of gates, each with its place as a JSON pointer.
    pub fn gate_lists(&self) -> impl Iterator<Item = (&'static str, &[GateSpec])> {
        let retrain = self.retrain.iter();
        let retrain = retrain.map(|retrain| ("/spec/retrain/gates", retrain.gates.as_slice()));
        std::iter::once(("/spec/gates", self.gates.as_slice())).chain(retrain)
    }
}

/// What is asked of a model that a pipeline made in the environment itself, of the data that is bound there. The pipeline
/// came up by the gates of the policy; no environment before has held what it made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetrainSpec {
    /// The gates, all of which must pass, instead of those of the policy.
    #[schemars(length(max = 64))]
    pub gates: Vec<GateSpec>,
}

/// A gate by name, with its parameters; the gate itself says which it takes.
#[derive(Debug, Clone, PartialEq)]
pub struct GateSpec {
    /// The gate's name; `promote explain --gates` lists them.
    pub gate: String,
    /// Its parameters: all other fields of the entry.
    pub params: Params,
}

/// The parameters of a gate, not yet looked at: the gate reads them, since only it knows their form.
///
/// An error in them is reported with a JSON pointer relative to the gate's entry, such as `/duration`; with the entry's
/// own, `/spec/gates/3`, before it, `Document::at` tells the place.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Params(serde_json::Map<String, serde_json::Value>);

impl Params {
    /// Takes parameters by name.
    #[must_use]
    pub const fn new(fields: serde_json::Map<String, serde_json::Value>) -> Self {
        Self(fields)
    }

    /// One parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&serde_json::Value> {
        self.0.get(name)
    }

    /// All parameters, sorted by name.
    #[must_use]
    pub const fn fields(&self) -> &serde_json::Map<String, serde_json::Value> {
        &self.0
    }
}

impl Serialize for GateSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.params.0.len() + 1))?;
        map.serialize_entry("gate", &self.gate)?;
        for (name, value) in &self.params.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

// By hand, since serde's `flatten` would lose the places of errors.
impl<'de> Deserialize<'de> for GateSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(GateVisitor)
    }
}

struct GateVisitor;

impl<'de> Visitor<'de> for GateVisitor {
    type Value = GateSpec;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a gate and its parameters")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<GateSpec, A::Error> {
        let mut gate = None;
        let mut fields = serde_json::Map::new();
        while let Some(name) = map.next_key::<String>()? {
            if name == "gate" {
                gate = Some(map.next_value()?);
            } else if name.starts_with(EXTENSION_PREFIX) {
                map.next_value::<serde::de::IgnoredAny>()?;
            } else {
                fields.insert(name, map.next_value()?);
            }
        }
        let gate = gate.ok_or_else(|| serde::de::Error::missing_field("gate"))?;
        Ok(GateSpec {
            gate,
            params: Params(fields),
        })
    }
}

impl JsonSchema for GateSpec {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "GateSpec".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A gate by name, with its parameters; the gate itself says which it takes.",
            "type": "object",
            "properties": { "gate": { "type": "string", "description": "The gate's name; `promote explain --gates` lists them." } },
            "required": ["gate"]
        })
    }
}

/// Who may override gates in an emergency, for at most a day. Information flow, edges, digests, signatures and separation
/// of duties are never overridden, and somebody else must review it before the next promotion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OverrideSpec {
    /// How many persons of each group must sign it: at least two in all.
    #[schemars(length(min = 1))]
    pub quorum: BTreeMap<GroupName, u32>,
}

/// Who may give a person access to the environment for an incident, and for how long. It is a record that systems act on:
/// no gate sees it, and nothing is promoted by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessRuleSpec {
    /// How many persons of each group must sign it. Whoever gets the access never counts.
    #[schemars(length(min = 1))]
    pub quorum: BTreeMap<GroupName, u32>,
    /// How long it may be given for; a week at most, whatever is written here.
    #[serde(default = "eight_hours")]
    pub at_most: Period,
    /// The roles that may be given, in the words of the system that gives access; any when left out.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 128)))]
    pub roles: BTreeSet<String>,
}

fn eight_hours() -> Period {
    Period::from_seconds(8 * 3_600)
}

/// What differs for going back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RollbackSpec {
    /// How many persons of each group must approve, instead of what the `approvals` gate asks.
    #[schemars(length(min = 1))]
    pub quorum: BTreeMap<GroupName, u32>,
    /// Whether a freeze lets a rollback through.
    #[serde(default)]
    pub during_freeze: bool,
}
