//! Entries that would be recorded now: the state as if they were, so that planning and acting see the same.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::model::event::{Entry, Event};
use crate::model::id::EngineName;
use crate::plan::state::{FoldError, State};

/// Entries on top of the ledger that nobody has recorded yet.
#[derive(Debug, Clone)]
pub struct Pending {
    state: State,
    now: Timestamp,
    commit: String,
    engine: EngineName,
    events: Vec<Event>,
    evidence: BTreeMap<String, Vec<u8>>,
}

impl Pending {
    /// Nothing yet, on top of a state. `now` is moved forward to the time of its last entry: the ledger's time never goes
    /// back, whatever the machine's clock says.
    #[must_use]
    pub fn new(state: State, now: Timestamp, commit: String, engine: EngineName) -> Self {
        let now = state.time.map_or(now, |time| time.max(now));
        Self {
            state,
            now,
            commit,
            engine,
            events: Vec::new(),
            evidence: BTreeMap::new(),
        }
    }

    /// The state with everything in it.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// The ledger's time.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// The commit of the promotion repository that the entries will name.
    #[must_use]
    pub fn commit(&self) -> &str {
        &self.commit
    }

    /// Adds an event.
    ///
    /// # Errors
    ///
    /// When it cannot follow what is there.
    pub fn push(&mut self, event: Event) -> Result<(), FoldError> {
        let entry = self.entry(event);
        self.state.apply(&entry)?;
        self.events.push(entry.event);
        Ok(())
    }

    /// Adds evidence, by its path below `evidence/`.
    pub fn add_evidence(&mut self, path: String, bytes: Vec<u8>) {
        self.evidence.insert(path, bytes);
    }

    /// Whether there is anything to record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The events.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The entries, dated and named, and the evidence. They end with an adoption if there is one: what follows it is
    /// read under another trust root, which may know the engine by another name.
    #[must_use]
    pub fn into_entries(self) -> (Vec<Entry>, BTreeMap<String, Vec<u8>>) {
        let entries = self.events.iter().take(self.count());
        let entries = entries.map(|event| self.entry(event.clone())).collect();
        (entries, self.evidence)
    }

    /// Whether [`Pending::into_entries`] leaves nothing for later.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.count() == self.events.len()
    }

    fn count(&self) -> usize {
        let is_adoption = |event: &Event| matches!(event, Event::Adopted(_));
        let adoption = self.events.iter().position(is_adoption);
        adoption.map_or(self.events.len(), |index| index + 1)
    }

    fn entry(&self, event: Event) -> Entry {
        Entry {
            recorded_at: self.now,
            engine: self.engine.clone(),
            engine_version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: self.commit.clone(),
            event,
        }
    }
}
