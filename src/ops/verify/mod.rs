//! `promote verify`: the ledger checked by somebody who trusts nobody.

mod witness;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use crate::context::Context;
use crate::engine::audit::{self, Audit, Problem};
use crate::engine::book::{Book, BookError};
use crate::engine::error::EngineError;
use crate::engine::incident::unreviewed;
use crate::engine::witness::Notes;
use crate::error::{Failure, FailureKind, Result};
use crate::fs::durable;
use crate::ledger::log::LedgerError;
use crate::ledger::store::StoreError;
use crate::ledger::store::directory::DirectoryStore;
use crate::model::digest::Sha256;
use crate::model::event::Event;
use crate::model::period::Period;
pub use crate::ops::verify::witness::Cosigned;

/// The largest checkpoint that is read, in bytes: room for many cosignatures.
const MAX_CHECKPOINT_BYTES: usize = 64 << 10;

/// What to hold the ledger against.
#[derive(Debug, Clone, Default)]
pub struct VerifyRequest {
    /// A folder with a copy of the ledger; that of the promotion repository when left out.
    pub ledger: Option<PathBuf>,
    /// Whether no remote may be contacted.
    pub is_offline: bool,
    /// A checkpoint that was kept elsewhere.
    pub pinned: Option<PathBuf>,
    /// Where to keep the newest checkpoint. One that is there already is held against the ledger first.
    pub write_checkpoint: Option<PathBuf>,
    /// The SHA-256 that the first trust root must have.
    pub root: Option<Sha256>,
    /// How many witnesses must have cosigned the ledger.
    pub witnesses: usize,
    /// How old the cosignature of each of them may be.
    pub max_age: Option<Period>,
    /// Whether each decision that was made again is to be told. They are all made again in any case.
    pub tells_replays: bool,
}

/// What was checked, and what came of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifyReport {
    /// Whether everything that was checked holds.
    pub verdict: Verification,
    /// The name of the ledger; `None` when it could not be opened.
    pub ledger: Option<String>,
    /// The SHA-256 of the trust root that it begins with. Whoever signed that can tell whether it is the right one.
    pub root: Option<Sha256>,
    /// Whether the root was compared with one that was asked for.
    pub is_root_compared: bool,
    /// The newest signed head.
    pub checkpoint: Option<Head>,
    /// Whether something kept elsewhere says how new the ledger must be at least.
    pub freshness: Freshness,
    /// What the witnesses of the trust root have cosigned of this ledger.
    pub witnesses: Vec<Cosigned>,
    /// Counts and problems.
    #[serde(flatten)]
    pub audit: Audit,
    /// What a reader should know, and what proves nothing wrong.
    pub warnings: Vec<String>,
    #[serde(skip)]
    newest: Option<Vec<u8>>,
}

/// Whether a ledger holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verification {
    /// Everything that was checked holds.
    Passed,
    /// Something does not.
    Failed,
}

/// A signed head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Head {
    /// The number of entries that it is over.
    pub size: u64,
    /// The root of the Merkle tree over them.
    pub root: Sha256,
}

/// What is known of how new a ledger is. Somebody who serves an old copy of it can only be found out with something that
/// was kept elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Freshness {
    /// Nothing.
    NotChecked,
    /// It goes on from a checkpoint that was kept elsewhere.
    Continues {
        /// The number of entries that the checkpoint is over.
        size: u64,
    },
    /// It does not go on from a checkpoint that was kept elsewhere.
    Broken,
}

/// Verifies a ledger.
///
/// # Errors
///
/// When it cannot be reached, or a file that was named cannot be read or written. What does not hold is in the report.
pub fn verify(context: &Context, request: &VerifyRequest) -> Result<VerifyReport> {
    let pins = read_pins(request)?;
    let mut report = VerifyReport::new();
    let held = Held {
        request,
        pins: &pins,
        now: context.clock.now(),
    };
    match &request.ledger {
        Some(folder) => match open_folder(folder) {
            Ok(book) => report.check(&book, &held, Notes::new()),
            Err(error) => report.cannot_open(error)?,
        },
        None => {
            let context = if request.is_offline {
                context.offline()
            } else {
                context.clone()
            };
            // What is pinned is held against it here, and told of in the report.
            let mut context = context;
            context.settings.pinned = None;
            let mut engine = context.observer()?.verifying_everything();
            let notes = engine.published_notes()?;
            match engine.open_ledger() {
                Ok(book) => report.check(book, &held, notes),
                Err(EngineError::Book(error)) => report.cannot_open(error)?,
                Err(error) => return Err(error.into()),
            }
        }
    }
    report.finish(request)
}

/// What the ledger is held against.
struct Held<'a> {
    request: &'a VerifyRequest,
    pins: &'a [(String, Vec<u8>)],
    now: Timestamp,
}

fn open_folder(folder: &Path) -> std::result::Result<Book, BookError> {
    let store = DirectoryStore::new(folder.to_owned());
    Book::open(Box::new(store), None, None)
}

/// The checkpoints that were kept elsewhere, by what they are called in messages.
fn read_pins(request: &VerifyRequest) -> Result<Vec<(String, Vec<u8>)>> {
    let kept = request
        .write_checkpoint
        .iter()
        .filter(|path| durable::exists(path));
    let all = request.pinned.iter().chain(kept);
    all.map(|path| {
        let name = path.display().to_string();
        let bytes = durable::read_bounded(path, MAX_CHECKPOINT_BYTES)
            .map_err(|error| Failure::new(FailureKind::Invalid, format!("`{name}`: {error}")))?;
        Ok((name, bytes))
    })
    .collect()
}

impl VerifyReport {
    fn new() -> Self {
        Self {
            verdict: Verification::Passed,
            ledger: None,
            root: None,
            is_root_compared: false,
            checkpoint: None,
            freshness: Freshness::NotChecked,
            witnesses: Vec::new(),
            audit: Audit::default(),
            warnings: Vec::new(),
            newest: None,
        }
    }

    fn check(&mut self, book: &Book, held: &Held<'_>, mut notes: Notes) {
        let log = book.log();
        self.ledger = Some(log.verifier().name().to_owned());
        self.audit = audit::audit(book);
        if !held.request.tells_replays {
            self.audit.replays.clear();
        }
        if book.entries().is_empty() {
            self.problem("the ledger has no entries, so there is nothing that could be verified");
        }
        self.checkpoint = log.checkpoint().map(|checkpoint| Head {
            size: checkpoint.size,
            root: checkpoint.root,
        });
        self.newest = log.checkpoint_bytes().map(<[u8]>::to_vec);
        if log.unsigned_tail() > 0 {
            self.warnings.push(format!(
                "{} entries at the end are not covered by the checkpoint yet; the next `promote apply` signs them",
                log.unsigned_tail()
            ));
        }
        for incident in unreviewed(book.state(), held.now) {
            let (id, person, ended) = (incident.short(), &incident.terms.person, incident.ends);
            self.warnings.push(format!(
                "nobody reviewed the access `{id}` of `{person}`, which ended at {ended}"
            ));
        }
        self.check_root(book, held.request);
        for (name, bytes) in held.pins {
            self.check_pin(book, name, bytes);
            notes.insert(Sha256::of(bytes), bytes.clone());
        }
        self.check_witnesses(book, held, &notes);
    }

    fn check_root(&mut self, book: &Book, request: &VerifyRequest) {
        self.root = match book.entries().first().map(|entry| &entry.event) {
            Some(Event::Adopted(adoption)) => Some(adoption.root),
            Some(_) | None => None,
        };
        if let Some(required) = request.root {
            self.is_root_compared = true;
            if self.root != Some(required) {
                self.problem(format!(
                    "the ledger does not begin with the trust root {required}"
                ));
            }
        }
    }

    fn check_pin(&mut self, book: &Book, name: &str, bytes: &[u8]) {
        let checked = book
            .log()
            .keys()
            .open(bytes)
            .map_err(|error| format!("it is not of this ledger: {error}"))
            .and_then(|pinned| {
                let checked = book.log().check_pinned(&pinned);
                checked.map_err(|error| reason_of(&error)).map(|()| pinned)
            });
        match checked {
            Ok(pinned) if self.freshness != Freshness::Broken => {
                let size = match self.freshness {
                    Freshness::Continues { size } => size.max(pinned.size),
                    Freshness::NotChecked | Freshness::Broken => pinned.size,
                };
                self.freshness = Freshness::Continues { size };
            }
            Ok(_) => {}
            Err(reason) => {
                self.freshness = Freshness::Broken;
                self.problem(format!(
                    "the ledger does not go on from the checkpoint `{name}`: {reason}"
                ));
            }
        }
    }

    /// A ledger that is not to be believed is an answer; one that cannot be reached is none.
    fn cannot_open(&mut self, error: BookError) -> Result<()> {
        match error {
            BookError::Store(StoreError::Unavailable(_))
            | BookError::Log(LedgerError::Store(StoreError::Unavailable(_))) => {
                Err(EngineError::Book(error).into())
            }
            error => {
                self.audit.problems.push(problem_of(&error));
                Ok(())
            }
        }
    }

    fn problem(&mut self, reason: impl Into<String>) {
        self.audit.problems.push(Problem {
            entry: None,
            file: None,
            reason: reason.into(),
        });
    }

    /// Says the verdict. The checkpoint is kept only of a ledger that holds.
    fn finish(mut self, request: &VerifyRequest) -> Result<Self> {
        if !self.audit.problems.is_empty() {
            self.verdict = Verification::Failed;
            return Ok(self);
        }
        if let (Some(path), Some(bytes)) = (&request.write_checkpoint, &self.newest) {
            durable::write_atomic(path, bytes).map_err(|error| {
                Failure::new(
                    FailureKind::Invalid,
                    format!("`{}`: {error}", path.display()),
                )
            })?;
        }
        Ok(self)
    }
}

/// An error with its causes, in one line.
fn reason_of(error: &dyn std::error::Error) -> String {
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        reason.push_str(": ");
        reason.push_str(&cause.to_string());
        source = cause.source();
    }
    reason
}

fn problem_of(error: &BookError) -> Problem {
    let (entry, reason) = match error {
        BookError::Record { index, source } => (Some(*index), reason_of(source)),
        BookError::Fold(error) => (
            Some(error.index),
            format!("it cannot follow the entries before it: {}", error.reason),
        ),
        BookError::Evidence {
            index,
            what,
            sha256,
        } => (Some(*index), format!("its evidence {sha256} is {what}")),
        BookError::Adoption { index, .. }
        | BookError::Expired { index, .. }
        | BookError::Misstated { index }
        | BookError::TrustFile { index, .. } => (Some(*index), reason_of(error)),
        BookError::NoRoot => (
            None,
            "the ledger has no entries, so there is nothing that could be verified".to_owned(),
        ),
        BookError::Store(_) | BookError::Log(_) | BookError::LogKey(_) => (None, reason_of(error)),
    };
    Problem {
        entry,
        file: None,
        reason,
    }
}

#[cfg(test)]
mod tests;
