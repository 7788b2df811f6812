//! What witnesses have cosigned: from the branch `promote-witness`, which each of them pushes to with no other right.
//!
//! `checkpoints/<key id>.note` holds the newest checkpoint that a witness has cosigned. The file's name means nothing: a
//! note counts for every witness of the trust root whose genuine cosignature it carries.

use std::collections::{BTreeMap, BTreeSet};

use git2::Oid;

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::gate::evidence::{CosignatureFacts, WitnessFacts};
use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::cosignature::WitnessKey;
use crate::ledger::merkle::Roots;
use crate::ledger::note::Note;
use crate::manifest::trust_root::TrustRootSpec;
use crate::model::digest::Sha256;
use crate::model::promotion::Promotion;
use crate::plan::state::State;

/// The branch that witnesses publish on.
pub const WITNESS_BRANCH: &str = "promote-witness";
/// The folder of the branch that holds what they have cosigned.
pub const CHECKPOINTS_FOLDER: &str = "checkpoints";
/// The largest note of a witness, in bytes: room for many cosignatures.
pub const MAX_COSIGNED_BYTES: usize = 64 << 10;
/// The most notes that are looked at.
pub const MAX_COSIGNED_NOTES: usize = 256;

/// Notes by the SHA-256 of their bytes.
pub type Notes = BTreeMap<Sha256, Vec<u8>>;

/// What witnesses have published, and what it says of the ledger, whichever the promotion.
#[derive(Debug, Clone)]
pub struct Cosigned {
    /// The notes.
    pub notes: Notes,
    /// What they say; `needed` is nothing yet.
    pub facts: WitnessFacts,
}

/// Where a witness's note is on the branch.
#[must_use]
pub fn note_path(key: &WitnessKey) -> String {
    format!("{CHECKPOINTS_FOLDER}/{}.note", key.id())
}

/// The witnesses of a trust root. One name is one witness, and one key is: of several the first counts.
#[must_use]
pub fn witness_keys(root: &TrustRootSpec) -> Vec<WitnessKey> {
    let (mut names, mut keys) = (BTreeSet::new(), BTreeSet::new());
    let all = root.ledger.witnesses.iter();
    let parsed = all.filter_map(|key| key.parse::<WitnessKey>().ok());
    parsed
        .filter(|key| names.insert(key.name().to_owned()) && keys.insert(*key.public_key()))
        .collect()
}

/// A ledger, as notes are held against it.
#[derive(Debug, Clone, Copy)]
pub struct Ledger<'a> {
    /// Its name.
    pub origin: &'a str,
    /// The leaf hashes of its entries.
    pub leaves: &'a [Sha256],
}

/// What the notes say of a ledger: the newest good cosignature of each witness, and whatever cannot be of this ledger
/// though it bears its name. Notes of other ledgers and lines of others than the witnesses say nothing.
#[must_use]
pub fn look(
    ledger: Ledger<'_>,
    witnesses: &[WitnessKey],
    notes: &Notes,
    roots: &mut Roots,
) -> WitnessFacts {
    let mut facts = WitnessFacts {
        needed: 0,
        witnesses: witnesses
            .iter()
            .map(|key| (key.name().to_owned(), None))
            .collect(),
        conflicts: Vec::new(),
    };
    for (sha256, bytes) in notes {
        let Ok(note) = Note::parse(bytes) else {
            continue;
        };
        let checkpoint = Checkpoint::parse(note.text()).ok();
        let checkpoint = checkpoint.filter(|checkpoint| checkpoint.origin == ledger.origin);
        let Some(checkpoint) = checkpoint else {
            continue;
        };
        for witness in witnesses {
            let Ok(at) = witness.verify(&note) else {
                continue;
            };
            if let Some(conflict) = conflict(&checkpoint, ledger, roots) {
                let name = witness.name();
                facts.conflicts.push(format!("witness `{name}` {conflict}"));
                continue;
            }
            let said = CosignatureFacts {
                at,
                size: checkpoint.size,
                note: *sha256,
            };
            let newest = facts
                .witnesses
                .entry(witness.name().to_owned())
                .or_default();
            if newest
                .as_ref()
                .is_none_or(|known| (known.at, known.size) < (said.at, said.size))
            {
                *newest = Some(said);
            }
        }
    }
    facts
}

/// Why a checkpoint of that name cannot be one of this ledger.
fn conflict(checkpoint: &Checkpoint, ledger: Ledger<'_>, roots: &mut Roots) -> Option<String> {
    let size = checkpoint.size;
    match roots.at(ledger.leaves, size) {
        None => Some(format!(
            "has cosigned {size} entries, and the ledger has {}: it was cut short, or this is an old copy",
            ledger.leaves.len()
        )),
        Some(root) if root != checkpoint.root => Some(format!(
            "has cosigned another history of this ledger: its first {size} entries are others"
        )),
        Some(_) => None,
    }
}

/// How many of the first entries a decision rests on: up to the adoption in force, the registrations of the digest and
/// what became of it, the statements about the promotion, and the last outcome in its slot.
#[must_use]
pub fn rests_on(state: &State, promotion: &Promotion) -> u64 {
    let adoption = state.adoptions.last().map(|(index, _)| *index);
    let registrations = state.registrations_of(promotion.digest);
    let registrations = registrations.map(|(index, _)| *index);
    let outcomes = state
        .promotions
        .values()
        .filter_map(|known| known.outcome.as_ref());
    let outcomes = outcomes
        .filter(|(_, _, outcome)| outcome.promotion.digest == promotion.digest)
        .map(|(index, _, _)| *index);
    let statements = state.promotions.get(&promotion.id);
    let statements = statements.into_iter().flat_map(|known| &known.statements);
    let statements = statements.filter_map(|(_, receipt)| state.index_of(receipt));
    let slot = state.slots.get(&promotion.slot);
    let all = adoption
        .into_iter()
        .chain(registrations)
        .chain(outcomes)
        .chain(statements)
        .chain(slot.and_then(|slot| slot.last_outcome));
    all.max().map_or(0, |index| index.saturating_add(1))
}

impl Engine {
    /// What the notes say of the ledger that was read.
    pub(crate) fn cosigned(
        &self,
        root: &TrustRootSpec,
        notes: Notes,
    ) -> Result<Cosigned, EngineError> {
        let log = self.book()?.log();
        let ledger = Ledger {
            origin: log.verifier().name(),
            leaves: log.leaves(),
        };
        let facts = look(ledger, &witness_keys(root), &notes, &mut Roots::default());
        Ok(Cosigned { notes, facts })
    }

    /// The notes that witnesses have published, fetched now. Ask before the ledger is read: witnesses must not have seen
    /// more than that.
    ///
    /// # Errors
    ///
    /// When the branch cannot be read.
    pub fn published_notes(&self) -> Result<Notes, EngineError> {
        let heads = self.repository.fetch(&[WITNESS_BRANCH])?;
        self.cosigned_notes(heads.get(WITNESS_BRANCH).copied().flatten())
    }

    /// The notes that witnesses have published. What is too large or no file is passed over.
    ///
    /// # Errors
    ///
    /// When the branch cannot be read.
    pub(crate) fn cosigned_notes(&self, head: Option<Oid>) -> Result<Notes, EngineError> {
        let Some(head) = head else {
            return Ok(Notes::new());
        };
        let snapshot = self.repository.snapshot(head)?;
        let files = snapshot.list(CHECKPOINTS_FOLDER)?;
        let files = files.into_iter().filter(|entry| entry.kind.is_file());
        let mut notes = Notes::new();
        for entry in files.take(MAX_COSIGNED_NOTES) {
            if let Ok(Some(bytes)) = snapshot.read(&entry.path, MAX_COSIGNED_BYTES) {
                notes.insert(Sha256::of(&bytes), bytes);
            }
        }
        Ok(notes)
    }
}
