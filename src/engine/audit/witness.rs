//! What a decision says that witnesses had cosigned.

use crate::engine::audit::Auditor;
use crate::engine::evidence::{Inputs, asks_witnesses};
use crate::engine::record;
use crate::engine::witness::{Ledger, Notes, look, rests_on, witness_keys};
use crate::gate::evidence::WitnessFacts;
use crate::manifest::policy::GateSpec;

impl Auditor<'_> {
    /// Looks at the notes again that were kept with a decision. What stood against it may be on no branch any more; it can
    /// only have been a denial.
    pub(super) fn check_witnesses(&mut self, index: u64, inputs: &Inputs) -> Vec<String> {
        let policies: Vec<&[GateSpec]> = inputs.policies.iter().map(Vec::as_slice).collect();
        let facts = match &inputs.evidence.witnessed {
            Some(facts) if asks_witnesses(&policies) => facts,
            // Not known never passes, and where nobody asks it says nothing.
            None => return Vec::new(),
            Some(_) => {
                return vec!["it says what witnesses had cosigned, and no gate asks".to_owned()];
            }
        };
        let mut notes = Notes::new();
        for said in facts.witnesses.values().flatten() {
            let path = record::evidence_path(said.note, "note");
            if let Some(bytes) = self.evidence(index, said.note, &path) {
                notes.insert(said.note, bytes);
            }
        }
        let Some(root) = &self.root else {
            return Vec::new();
        };
        let all = self.book.log().leaves();
        let known = usize::try_from(index).unwrap_or(usize::MAX);
        let ledger = Ledger {
            origin: &self.origin,
            leaves: all.get(..known).unwrap_or(all),
        };
        let again = look(ledger, &witness_keys(root), &notes, &mut self.roots);
        let again = WitnessFacts {
            needed: rests_on(&self.state, &inputs.promotion),
            conflicts: [again.conflicts, facts.conflicts.clone()].concat(),
            ..again
        };
        if again == *facts {
            Vec::new()
        } else {
            vec!["what witnesses had cosigned is misstated".to_owned()]
        }
    }
}
