//! Environments: zones of trust, totally ordered.

use serde::{Deserialize, Serialize};

use crate::model::id::EnvironmentName;

/// The environments of a topology, from the least to the most trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EnvironmentOrder(Vec<EnvironmentName>);

impl EnvironmentOrder {
    /// Takes the names in order; `None` when there are none or one is named twice.
    #[must_use]
    pub fn new(names: Vec<EnvironmentName>) -> Option<Self> {
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        (!names.is_empty() && distinct.len() == names.len()).then_some(Self(names))
    }

    /// The names, least trusted first.
    #[must_use]
    pub fn names(&self) -> &[EnvironmentName] {
        &self.0
    }

    /// The place of an environment in the order, from 0.
    #[must_use]
    pub fn rank(&self, name: &EnvironmentName) -> Option<usize> {
        self.0.iter().position(|other| other == name)
    }
}
