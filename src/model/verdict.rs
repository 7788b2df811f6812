//! What gates answer, and what follows from all answers together.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The answer of one gate. Each carries, in words, the facts that determined it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// Yes.
    Pass {
        /// What was seen.
        observed: Vec<String>,
    },
    /// Not yet.
    Pending {
        /// What is missing.
        needs: Vec<String>,
        /// When it is worth looking again, if time alone can change the answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// No.
    Deny {
        /// Why; never empty.
        reasons: Vec<String>,
    },
    /// It could not be told. Never passes.
    Unavailable {
        /// What could not be told.
        what: Vec<String>,
    },
}

impl Verdict {
    /// Yes, with what was seen.
    pub fn pass(observed: impl Into<String>) -> Self {
        Self::Pass {
            observed: vec![observed.into()],
        }
    }

    /// Not yet, with what is missing.
    pub fn pending(need: impl Into<String>) -> Self {
        Self::Pending {
            needs: vec![need.into()],
            until: None,
        }
    }

    /// Not before a moment.
    pub fn pending_until(need: impl Into<String>, until: Timestamp) -> Self {
        Self::Pending {
            needs: vec![need.into()],
            until: Some(until),
        }
    }

    /// No, with the reason.
    pub fn deny(reason: impl Into<String>) -> Self {
        Self::Deny {
            reasons: vec![reason.into()],
        }
    }

    /// It could not be told, with what could not.
    pub fn unavailable(what: impl Into<String>) -> Self {
        Self::Unavailable {
            what: vec![what.into()],
        }
    }

    /// What this answer alone leads to.
    #[must_use]
    pub const fn result(&self) -> DecisionResult {
        match self {
            Self::Pass { .. } => DecisionResult::Allow,
            Self::Pending { .. } => DecisionResult::Wait,
            Self::Unavailable { .. } => DecisionResult::Unavailable,
            Self::Deny { .. } => DecisionResult::Deny,
        }
    }

    /// The facts, in words.
    #[must_use]
    pub fn facts(&self) -> &[String] {
        match self {
            Self::Pass { observed } => observed,
            Self::Pending { needs, .. } => needs,
            Self::Deny { reasons } => reasons,
            Self::Unavailable { what } => what,
        }
    }
}

/// What all answers together lead to; later ones win, so that a denial is a denial whatever else is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DecisionResult {
    /// Every gate passed.
    Allow,
    /// Something is missing that can still come.
    Wait,
    /// Something could not be told.
    Unavailable,
    /// A gate said no.
    Deny,
}

impl fmt::Display for DecisionResult {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Allow => "allow",
            Self::Wait => "wait",
            Self::Unavailable => "unavailable",
            Self::Deny => "deny",
        })
    }
}

/// One gate's answer, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GateResult {
    /// The gate.
    pub gate: String,
    /// Its answer.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// The answers of all gates. Every gate runs, so that a person sees all reasons at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// What follows.
    pub result: DecisionResult,
    /// The answers, in the order of the policy.
    pub gates: Vec<GateResult>,
    /// The gates that would have said no, or not yet, and pass because two persons overrode them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub overridden: BTreeSet<String>,
}

impl Decision {
    /// Joins answers. No answers at all is a denial: default deny.
    #[must_use]
    pub fn of(gates: Vec<GateResult>) -> Self {
        let result = gates
            .iter()
            .map(|gate| gate.verdict.result())
            .max()
            .unwrap_or(DecisionResult::Deny);
        Self {
            result,
            gates,
            overridden: BTreeSet::new(),
        }
    }

    /// The earliest moment at which time alone could change the answer: every gate that waits must wait for time.
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        let until = |gate: &GateResult| match &gate.verdict {
            Verdict::Pending { until, .. } => *until,
            Verdict::Pass { .. } | Verdict::Deny { .. } | Verdict::Unavailable { .. } => None,
        };
        self.gates.iter().filter_map(until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_answer_decides_and_none_is_a_denial() {
        let gate = |verdict| GateResult {
            gate: "g".to_owned(),
            verdict,
        };
        let all = [
            Verdict::pass("a"),
            Verdict::pending("b"),
            Verdict::unavailable("c"),
            Verdict::deny("d"),
        ];
        for count in 1..=all.len() {
            let decision = Decision::of(all.iter().take(count).cloned().map(gate).collect());
            assert_eq!(decision.result, all[count - 1].result());
        }
        assert_eq!(Decision::of(vec![]).result, DecisionResult::Deny);
    }
}
