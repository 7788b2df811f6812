//! `freezes/<name>.yaml`: windows without promotion.

use std::collections::BTreeSet;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::manifest::Manifest;
use crate::model::id::{EnvironmentName, FreezeName};

/// The manifest of a freeze.
pub type Freeze = Manifest<FreezeName, FreezeSpec>;

/// Windows without promotion. Inside any of them nothing enters the environments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FreezeSpec {
    /// The environments that are closed.
    #[schemars(length(min = 1))]
    pub environments: BTreeSet<EnvironmentName>,
    /// Why, for the person who is stopped by it.
    #[schemars(length(min = 1, max = 1024))]
    pub reason: String,
    /// The windows.
    #[schemars(length(min = 1, max = 64))]
    pub windows: Vec<WindowSpec>,
}

/// One window: a span of time, or one that comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum WindowSpec {
    /// Once.
    Once(OnceSpec),
    /// Again and again.
    Recurring(RecurringSpec),
}

/// A window that comes once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OnceSpec {
    /// The first moment inside.
    #[schemars(with = "String")]
    pub from: Timestamp,
    /// The first moment outside again.
    #[schemars(with = "String")]
    pub until: Timestamp,
}

/// A window that comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecurringSpec {
    /// When it starts, as a cron pattern of five fields.
    pub cron: String,
    /// How long it lasts, such as `60h`; at most a year.
    pub duration: String,
    /// The time zone that the pattern means, by its IANA name.
    pub time_zone: String,
}
