//! A run of the engine, told in a line.

use crate::engine::reconcile::{RunReport, SlotReport, SlotStatus};
use crate::model::verdict::Verdict;

/// What a run came to: the word that the story expects, and the words that are told.
pub(super) fn summary(report: &RunReport) -> (&'static str, String) {
    let told = |status: SlotStatus| {
        report
            .slots
            .iter()
            .filter(move |slot| slot.status == status)
    };
    if let Some(slot) = told(SlotStatus::Promoted).next() {
        return (
            "promoted",
            format!(
                "promoted: {} holds {}, read back and verified",
                slot.environment, slot.version
            ),
        );
    }
    let facts = |slot: &SlotReport| {
        let gates = slot.decision.iter().flat_map(|decision| &decision.gates);
        let unmet = gates.filter(|gate| !matches!(gate.verdict, Verdict::Pass { .. }));
        unmet
            .flat_map(|gate| gate.verdict.facts())
            .cloned()
            .collect::<Vec<_>>()
            .join("; ")
    };
    if let Some(slot) = told(SlotStatus::Denied).next() {
        return ("denied", format!("denied: {}", facts(slot)));
    }
    if let Some(slot) = told(SlotStatus::Waiting).next() {
        return ("waits", format!("waits: {}", facts(slot)));
    }
    ("nothing", "nothing to do".to_owned())
}
