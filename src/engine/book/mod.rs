//! The ledger, read: lines verified, entries folded into a state, trust roots followed from the first one on.

mod adoption;

use std::collections::BTreeSet;
use std::sync::Arc;

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use crate::attest::engine_key::EnginePublicKey;
use crate::diagnostic::Diagnostic;
use crate::engine::error::EngineError;
use crate::engine::record::{self, RecordError, TrustedEngine};
use crate::engine::trust::{Expiry, TrustProblem};
use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::key::{KeyError, Verifier};
use crate::ledger::log::{LedgerError, Log};
use crate::ledger::note::Note;
use crate::ledger::store::{Head, Store, StoreError};
use crate::manifest::layout::{Place, TRUST_ROOT_PATH};
use crate::manifest::parsed::parse_manifest;
use crate::manifest::trust_root::{TrustRoot, TrustRootSpec};
use crate::model::digest::{Checksums, Sha256};
use crate::model::event::{Entry, Event, Registration};
use crate::plan::state::{FoldError, State};

/// Why a ledger cannot be believed, or read.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log does not add up.
    #[error(transparent)]
    Log(#[from] LedgerError),
    /// A key in the trust root is not one.
    #[error("the log key in `trust/root.yaml` is not a verifier key")]
    LogKey(#[from] KeyError),
    /// A line is not an entry that a trusted engine signed.
    #[error("entry {index} is not to be believed")]
    Record {
        /// Its index.
        index: u64,
        /// Why.
        #[source]
        source: RecordError,
    },
    /// An entry cannot follow the ones before it.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// Evidence that an entry names is not there, or is something else.
    #[error("entry {index} names evidence that is {what}: {sha256}")]
    Evidence {
        /// The entry's index.
        index: u64,
        /// What is wrong with it.
        what: &'static str,
        /// The evidence.
        sha256: Sha256,
    },
    /// An adoption lacks what it needs.
    #[error("entry {index} adopts what it may not: {}", problems.first().map_or_else(String::new, ToString::to_string))]
    Adoption {
        /// The entry's index.
        index: u64,
        /// What it lacks.
        problems: Vec<TrustProblem>,
    },
    /// It was recorded when what was in force had ended.
    #[error("entry {index} was recorded when nothing might be done: {expiry}")]
    Expired {
        /// The entry's index.
        index: u64,
        /// What had ended.
        expiry: Expiry,
    },
    /// An adoption says something else than the files that it names.
    #[error("entry {index} adopts other than what its evidence says")]
    Misstated {
        /// The entry's index.
        index: u64,
    },
    /// A trust file in the evidence cannot be read.
    #[error("entry {index} names a trust file that cannot be read: {}", diagnostics.first().map_or("", |problem| &problem.message))]
    TrustFile {
        /// The entry's index.
        index: u64,
        /// What is wrong with it.
        diagnostics: Vec<Diagnostic>,
    },
    /// Nothing was ever recorded, and there is no trust root to begin with.
    #[error("the ledger is empty, and the repository has no `trust/root.yaml` to begin one with")]
    NoRoot,
}

/// The ledger with everything that follows from it.
#[derive(Debug)]
pub struct Book {
    log: Log,
    /// How many of the first lines were verified here before, so that their signatures need not be checked again.
    verified: u64,
    entries: Vec<Entry>,
    state: State,
    root: Option<Arc<TrustRootSpec>>,
    expiry: Option<Expiry>,
}

impl Book {
    /// Opens a ledger and reads it whole. `start` is the trust root that an empty ledger would begin with. `seen` is the
    /// checkpoint of the last time that all of it was verified on this machine, kept where nobody else can write: the
    /// same lines are as good as they were then.
    ///
    /// # Errors
    ///
    /// When anything in it is not to be believed.
    pub fn open(
        mut store: Box<dyn Store>,
        start: Option<&TrustRootSpec>,
        seen: Option<&[u8]>,
    ) -> Result<Self, BookError> {
        let first = first_root(store.as_mut())?;
        let root = first.as_ref().or(start).ok_or(BookError::NoRoot)?;
        let verifier: Verifier = root.ledger.key.parse()?;
        let log = Log::open_for_now(store, verifier)?;
        let verified = seen.map_or(0, |seen| covered(seen, &log));
        let mut book = Self {
            verified,
            log,
            entries: Vec::new(),
            state: State::default(),
            root: None,
            expiry: None,
        };
        book.fold()?;
        // Which key had to sign what was seen is known only now.
        let is_signed = seen.is_some_and(|seen| book.log.keys().open(seen).is_ok());
        if verified > 0 && !is_signed {
            book.verified = 0;
            (book.entries, book.state) = (Vec::new(), State::default());
            (book.root, book.expiry) = (None, None);
            book.fold()?;
        }
        Ok(book)
    }

    /// Reads what was appended since.
    ///
    /// # Errors
    ///
    /// When it is not to be believed, or what was read before is no longer there.
    pub fn refresh(&mut self) -> Result<(), BookError> {
        self.log.refresh_for_now()?;
        self.fold()
    }

    /// The log below.
    #[must_use]
    pub const fn log(&self) -> &Log {
        &self.log
    }

    /// The log below, to append to. [`Book::refresh`] takes in what was appended.
    pub const fn log_mut(&mut self) -> &mut Log {
        &mut self.log
    }

    /// All entries.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What follows from all entries.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// The trust root in force; `None` while the ledger is empty.
    #[must_use]
    pub const fn root(&self) -> Option<&Arc<TrustRootSpec>> {
        self.root.as_ref()
    }

    /// When what is in force ends; `None` while the ledger is empty.
    #[must_use]
    pub const fn expiry(&self) -> Option<Expiry> {
        self.expiry
    }

    /// A piece of evidence, checked against its hash.
    ///
    /// # Errors
    ///
    /// When it is not there or has other bytes.
    pub fn evidence(&self, index: u64, sha256: Sha256, path: &str) -> Result<Vec<u8>, BookError> {
        let bytes = self.log.evidence(path)?.ok_or(BookError::Evidence {
            index,
            what: "not there",
            sha256,
        })?;
        if Sha256::of(&bytes) == sha256 {
            Ok(bytes)
        } else {
            Err(BookError::Evidence {
                index,
                what: "something else",
                sha256,
            })
        }
    }

    /// The paths and hashes of the files of a registration that is recorded at an index.
    ///
    /// # Errors
    ///
    /// When they are not in the evidence, or cannot be read.
    pub fn checksums(
        &self,
        index: u64,
        registered: &Registration,
    ) -> Result<Checksums, EngineError> {
        let sha256 = registered.digest.sha256();
        let checksums = self.evidence(index, sha256, &record::evidence_path(sha256, "sha256"))?;
        let checksums = String::from_utf8(checksums)
            .ok()
            .and_then(|text| Checksums::parse(&text).ok());
        checksums.ok_or_else(|| {
            EngineError::Internal(format!(
                "the checksums of `{}` in the evidence cannot be read",
                registered.version
            ))
        })
    }

    /// Takes in the lines that are not folded yet. Signatures are checked in parallel under the root in force, and again
    /// for the rest when an entry brings another root.
    fn fold(&mut self) -> Result<(), BookError> {
        while self.entries.len() < self.log.entries().len() {
            let from = self.entries.len();
            let opened = self.open_lines(from)?;
            for entry in opened {
                let entry = entry?;
                let is_adoption = matches!(entry.event, Event::Adopted(_));
                self.take(entry)?;
                if is_adoption {
                    break;
                }
            }
        }
        Ok(self.log.settle()?)
    }

    fn open_lines(&self, from: usize) -> Result<Vec<Result<Entry, BookError>>, BookError> {
        let lines = self.log.entries().get(from..).unwrap_or(&[]);
        let root = match (&self.root, lines.first()) {
            (Some(root), _) => Arc::clone(root),
            (None, first) => Arc::new(self.announced_root(first)?),
        };
        let engines = trusted_engines(&root);
        let numbered: Vec<(u64, &Vec<u8>)> = (u64::try_from(from).unwrap_or(u64::MAX)..)
            .zip(lines)
            .collect();
        let verified = self.verified;
        let open = |(index, line): &(u64, &Vec<u8>)| {
            let entry = if *index < verified {
                record::peek(line)
            } else {
                record::open(line, &engines)
            };
            entry.map_err(|source| BookError::Record {
                index: *index,
                source,
            })
        };
        Ok(numbered.par_iter().map(open).collect())
    }

    /// The root that the first entry adopts: it is signed by an engine of that very root.
    fn announced_root(&self, first: Option<&Vec<u8>>) -> Result<TrustRootSpec, BookError> {
        let entry = record::peek(first.map_or(&[], Vec::as_slice))
            .map_err(|source| BookError::Record { index: 0, source })?;
        match &entry.event {
            Event::Adopted(adoption) => Ok(self.load_root(0, adoption.root)?.value.spec),
            other => Err(no_beginning(other)),
        }
    }

    fn take(&mut self, mut entry: Entry) -> Result<(), BookError> {
        let index = self.state.size;
        let expiry = self
            .expiry
            .filter(|expiry| !expiry.lets(&entry.event, entry.recorded_at));
        if let Some(expiry) = expiry {
            return Err(BookError::Expired { index, expiry });
        }
        if let Event::Adopted(adoption) = &mut entry.event {
            let (root, expiry) = self.check_adoption(index, adoption, entry.recorded_at)?;
            // The entry that brings a new key is the last one that the key before it signs the head of.
            self.log
                .follow_key(index.saturating_add(2), root.ledger.key.parse()?);
            self.root = Some(Arc::new(root));
            self.expiry = Some(expiry);
        }
        self.state.apply(&entry)?;
        self.entries.push(entry);
        Ok(())
    }
}

/// How many of the first entries a checkpoint covers that was kept, if the ledger goes on from it.
fn covered(seen: &[u8], log: &Log) -> u64 {
    let seen = Note::parse(seen).ok();
    let seen = seen.and_then(|note| Checkpoint::parse(note.text()).ok());
    let seen = seen.filter(|seen| log.check_pinned(seen).is_ok());
    seen.map_or(0, |seen| seen.size)
}

/// The engines that a trust root trusts; keys that cannot be read are nobody's.
#[must_use]
pub fn trusted_engines(root: &TrustRootSpec) -> Vec<TrustedEngine> {
    let engine = |(name, engine): (
        &crate::model::id::EngineName,
        &crate::manifest::trust_root::EngineSpec,
    )| {
        let key = EnginePublicKey::from_pem(&engine.key).ok()?;
        let environments: BTreeSet<_> = engine.environments.clone();
        Some(TrustedEngine {
            name: name.clone(),
            key,
            environments,
        })
    };
    root.engines.iter().filter_map(engine).collect()
}

/// The first entry says under which trust root all others are read.
fn no_beginning(event: &Event) -> BookError {
    BookError::Fold(FoldError {
        index: 0,
        event: event.word(),
        reason: "a ledger begins with the adoption of a trust root".to_owned(),
    })
}

/// The trust root that a ledger begins with; `None` when it is empty.
fn first_root(store: &mut dyn Store) -> Result<Option<TrustRootSpec>, BookError> {
    let head = store.head()?;
    if head.size == 0 {
        return Ok(None);
    }
    let first = Head {
        size: 1,
        ..head.clone()
    };
    let lines = store.read(&first, 0)?;
    let entry = record::peek(lines.first().map_or(&[], Vec::as_slice))
        .map_err(|source| BookError::Record { index: 0, source })?;
    let Event::Adopted(adoption) = entry.event else {
        return Err(no_beginning(&entry.event));
    };
    let what = |what| BookError::Evidence {
        index: 0,
        what,
        sha256: adoption.root,
    };
    let bytes = store
        .evidence(&head, &record::evidence_path(adoption.root, "yaml"))?
        .ok_or_else(|| what("not there"))?;
    if Sha256::of(&bytes) != adoption.root {
        return Err(what("something else"));
    }
    let document = parse_manifest::<TrustRoot>(&Place::TrustRoot, TRUST_ROOT_PATH, &bytes);
    let unreadable = |diagnostics| BookError::TrustFile {
        index: 0,
        diagnostics,
    };
    Ok(Some(document.map_err(unreadable)?.value.spec))
}
