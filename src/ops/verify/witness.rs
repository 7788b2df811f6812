//! What witnesses say of the ledger that is verified.

use jiff::Timestamp;
use serde::Serialize;

use crate::engine::book::Book;
use crate::engine::witness::{Ledger, Notes, look, witness_keys};
use crate::ledger::merkle::Roots;
use crate::model::act::CLOCK_TOLERANCE;
use crate::ops::verify::{Held, VerifyReport};

/// A checkpoint that a witness has cosigned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cosigned {
    /// The name of the witness.
    pub witness: String,
    /// The number of entries that it covers; `None` when it has cosigned nothing of this ledger.
    pub size: Option<u64>,
    /// When, by the witness's clock.
    pub at: Option<Timestamp>,
    /// Whether it is as new as was asked for.
    pub counts: bool,
}

impl VerifyReport {
    /// A checkpoint that was kept elsewhere may be cosigned, too, and then counts like one that a witness published.
    pub(super) fn check_witnesses(&mut self, book: &Book, held: &Held<'_>, notes: &Notes) {
        let Some(root) = book.root() else { return };
        let log = book.log();
        let ledger = Ledger {
            origin: log.verifier().name(),
            leaves: log.leaves(),
        };
        let facts = look(ledger, &witness_keys(root), notes, &mut Roots::default());
        for conflict in facts.conflicts {
            self.problem(conflict);
        }
        let is_new = |at: Timestamp| {
            let age = held.now.duration_since(at);
            age >= -CLOCK_TOLERANCE
                && held
                    .request
                    .max_age
                    .is_none_or(|max_age| age <= max_age.duration())
        };
        let said = facts.witnesses.into_iter().map(|(witness, said)| Cosigned {
            witness,
            size: said.map(|said| said.size),
            at: said.map(|said| said.at),
            counts: said.is_some_and(|said| is_new(said.at)),
        });
        self.witnesses = said.collect();
        let counted = self.witnesses.iter().filter(|said| said.counts).count();
        if counted < held.request.witnesses {
            let age = held.request.max_age;
            let age = age.map_or_else(String::new, |age| format!(" within the last {age}"));
            self.problem(format!(
                "{counted} of the {} witnesses that are asked for have cosigned this ledger{age}",
                held.request.witnesses
            ));
        }
    }
}
