//! Why the engine stopped. Denials and waiting are not here: they are answers.

use crate::adapter::AdapterError;
use crate::attest::engine_key::EngineKeyError;
use crate::config::secret::SecretError;
use crate::diagnostic::Diagnostic;
use crate::engine::book::BookError;
use crate::engine::record::RecordError;
use crate::fs::versioned::VersionedError;
use crate::git::error::GitError;
use crate::ledger::log::LedgerError;
use crate::ledger::store::StoreError;
use crate::plan::state::FoldError;

/// Why the engine stopped.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The promotion repository cannot be read or written.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The ledger cannot be believed or read.
    #[error(transparent)]
    Book(#[from] BookError),
    /// The ledger cannot be appended to.
    #[error(transparent)]
    Log(#[from] LedgerError),
    /// The ledger's store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A branch cannot be read or written.
    #[error(transparent)]
    Versioned(#[from] VersionedError),
    /// An entry that was to be recorded cannot follow the ones before.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// An entry could not be signed.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A workspace cannot be reached.
    #[error(transparent)]
    Adapter(#[from] AdapterError),
    /// A key cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The engine key is not one.
    #[error(transparent)]
    EngineKey(#[from] EngineKeyError),
    /// Files of the machine cannot be read or written.
    #[error("`{path}`: {source}")]
    File {
        /// The file or folder.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The branch is not there.
    #[error("`{repository}` has no branch `{branch}`")]
    NoBranch {
        /// The repository.
        repository: String,
        /// The branch.
        branch: String,
    },
    /// The branch was rewritten.
    #[error(
        "the history of `{branch}` was rewritten: {seen}, which was accepted before, is no longer part of it"
    )]
    Rewritten {
        /// The branch.
        branch: String,
        /// The commit that was accepted.
        seen: String,
    },
    /// The ledger is another, or an older one, than was seen on this machine.
    #[error("the ledger is not the one that was seen here before, which `{path}` vouches for")]
    SetBack {
        /// The checkpoint that was kept.
        path: String,
        /// What is different.
        #[source]
        source: LedgerError,
    },
    /// Nothing is adopted yet, and nothing can be.
    #[error("no governed files are adopted, so nothing may be done: {}", .0.first().map_or_else(String::new, ToString::to_string))]
    NothingAdopted(Vec<crate::engine::trust::TrustProblem>),
    /// Governed files are not valid, so nothing can be decided under them.
    #[error("the governed files are not valid")]
    Invalid(Vec<Diagnostic>),
    /// A commit that an adoption names has other governed files than those that were signed.
    #[error(
        "`{path}` at commit {commit} is not what was signed, so what the ledger says of that commit is not to be believed"
    )]
    OtherThanAdopted {
        /// The file.
        path: String,
        /// The commit.
        commit: String,
    },
    /// The engine key is not in the trust root.
    #[error("the engine key {fingerprint} is not in `trust/root.yaml`")]
    UnknownEngine {
        /// The fingerprint of the public key.
        fingerprint: String,
    },
    /// The engine key is in a trust root that is about to be adopted, and not in the one in force.
    #[error("the engine key {fingerprint} is in `trust/root.yaml`, and that is not in force yet")]
    NotYetTrusted {
        /// The fingerprint of the public key.
        fingerprint: String,
    },
    /// What is in force has expired, and no other was signed.
    #[error("{0}, so nothing may be done")]
    Expired(crate::engine::trust::Expiry),
    /// The engine's key may not act for an environment that was asked for.
    #[error("engine `{engine}` may not act for environment `{environment}`")]
    NotAllowed {
        /// The engine.
        engine: String,
        /// The environment.
        environment: String,
    },
    /// An environment is asked for that there is not.
    #[error("there is no environment `{0}`")]
    NoEnvironment(String),
    /// A manifest names a place by a path that means nothing here.
    #[error(
        "{what} is at the relative path `{path}`, and `{repository}` has no folder that it could start from"
    )]
    RelativePath {
        /// What is there.
        what: String,
        /// The path.
        path: String,
        /// The repository's address.
        repository: String,
    },
    /// The engine has no keys, so it can only look.
    #[error("this needs the engine's key and the log's key")]
    NoKeys,
    /// The lease ran out before the attempt ended.
    #[error("the lease of promotion `{0}` ran out before the attempt ended")]
    LeaseOver(String),
    /// Another engine took the attempt over.
    #[error("another engine took promotion `{0}` over")]
    TakenOver(String),
    /// The repository has a ledger, and its head names another.
    #[error(
        "`promote.yaml` names `{path}` as the ledger, and the branch `promote-ledger` holds one already"
    )]
    OtherLedger {
        /// The directory that is named.
        path: String,
    },
    /// Bytes cannot be staged.
    #[error(transparent)]
    Staging(#[from] crate::fs::staging::StagingError),
    /// Anything that cannot happen, and did.
    #[error("{0}")]
    Internal(String),
}
