//! What this machine has seen of the ledger: its newest checkpoint, kept outside the repository.
//!
//! A ledger that was cut short or begun afresh together with a good checkpoint of its own is right in itself. Only who
//! remembers more can tell, so that whoever can write to branches cannot take back what an engine has seen.

use std::io;
use std::path::{Path, PathBuf};

use crate::engine::Engine;
use crate::engine::book::Book;
use crate::engine::error::EngineError;
use crate::fs::durable;
use crate::ledger::checkpoint::{Checkpoint, CheckpointError};
use crate::ledger::log::LedgerError;
use crate::ledger::note::{MAX_NOTE_BYTES, Note};
use crate::model::digest::Sha256;

impl Engine {
    /// Checks that a ledger continues what was seen here. Read `seen` before the ledger: others on this machine go on
    /// meanwhile, and keep what only they have seen.
    ///
    /// # Errors
    ///
    /// When it does not, or what was kept is not a checkpoint.
    pub(crate) fn check_memory(&self, seen: Option<&[u8]>, book: &Book) -> Result<(), EngineError> {
        seen.map_or(Ok(()), |seen| check(&self.memory_path(), seen, book))
    }

    /// Checks that a ledger continues the checkpoint that was named, if one was.
    ///
    /// # Errors
    ///
    /// When it does not, or the file cannot be read or is not a checkpoint.
    pub(crate) fn check_pin(&self, book: &Book) -> Result<(), EngineError> {
        let Some(path) = &self.places.pinned else {
            return Ok(());
        };
        let pinned =
            durable::read_bounded(path, MAX_NOTE_BYTES).map_err(|source| EngineError::File {
                path: path.display().to_string(),
                source,
            })?;
        check(path, &pinned, book)
    }

    /// Keeps the newest checkpoint. That it cannot be kept stops nobody: the ledger itself is sound.
    pub(crate) fn remember(&self) {
        let Some(bytes) = self
            .book
            .as_ref()
            .and_then(|book| book.log().checkpoint_bytes())
        else {
            return;
        };
        let path = self.memory_path();
        let kept = match self.read_memory() {
            Ok(Some(known)) if known == bytes => Ok(()),
            _ => path
                .parent()
                .map_or(Ok(()), durable::create_dir_all)
                .and_then(|()| durable::write_atomic(&path, bytes)),
        };
        if let Err(error) = kept {
            let path = path.display();
            tracing::debug!(%path, %error, "what was seen of the ledger is not kept");
        }
    }

    /// The checkpoint that was kept; `None` at the first time.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub(crate) fn read_memory(&self) -> Result<Option<Vec<u8>>, EngineError> {
        let path = self.memory_path();
        match durable::read_bounded(&path, MAX_NOTE_BYTES) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(EngineError::File {
                path: path.display().to_string(),
                source,
            }),
        }
    }

    /// Whether what was kept also says that everything before it was verified: it is written once all signatures were
    /// checked, and counts as long as nobody else could have written it.
    pub(crate) fn may_trust_memory(&self) -> bool {
        self.trusts_memory && durable::is_private(&self.memory_path()).unwrap_or(false)
    }

    fn memory_path(&self) -> PathBuf {
        self.seen("checkpoint")
    }

    /// Where what is known of the commits of the repository is kept; `None` when nothing kept is to be believed.
    pub(crate) fn history_path(&self) -> Option<PathBuf> {
        self.trusts_memory.then(|| self.seen("history"))
    }

    /// Where what versions say is kept; `None` when nothing kept is to be believed.
    pub(crate) fn versions_path(&self) -> Option<PathBuf> {
        self.trusts_memory.then(|| self.seen("versions"))
    }

    /// One file of a kind for each repository, since several may share a state folder.
    fn seen(&self, kind: &str) -> PathBuf {
        let repository = self.repository.git_directory().as_os_str();
        let key = Sha256::of(repository.as_encoded_bytes()).to_string();
        self.places.state.join("seen").join(format!("{key}.{kind}"))
    }
}

fn check(path: &Path, seen: &[u8], book: &Book) -> Result<(), EngineError> {
    let seen = parse(seen).map_err(LedgerError::from);
    seen.and_then(|seen| book.log().check_pinned(&seen))
        .map_err(|source| EngineError::SetBack {
            path: path.display().to_string(),
            source,
        })
}

fn parse(bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
    Checkpoint::parse(Note::parse(bytes)?.text())
}
