//! `promote trust rotate`: another key for the ledger or for an engine.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::attest::engine_key::{EngineKey, EnginePublicKey};
use crate::context::{Context, LOCAL_FOLDER};
use crate::error::{Failure, FailureKind, OrFail as _, Result};
use crate::fs::durable;
use crate::ledger::key::Verifier;
use crate::ledger::signer::Signer;
use crate::manifest::trust_root::TrustRoot;
use crate::model::id::EngineName;
use crate::ops::trust::files::{cannot_use, read_root, work_tree, write_root};
use crate::redact::Secret;

/// The largest key file that is read, in bytes.
const MAX_KEY_BYTES: usize = 16 << 10;

/// Where a new key comes from.
#[derive(Debug, Clone)]
pub enum NewKeySource {
    /// It was made elsewhere: the public half.
    Public(String),
    /// It is made now, and its private half written to a new file; to the place where `promote init` puts keys when none
    /// is named.
    Generate(Option<PathBuf>),
}

/// What was replaced.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RotateReport {
    /// Whose key it is, in words.
    pub what: String,
    /// The public half of the new key.
    pub public: String,
    /// Where the private half is; nothing when it was made elsewhere.
    pub private: Option<String>,
    /// The files that were written; sign and commit them.
    pub written: Vec<String>,
    /// What is to be done then, in order.
    pub next: Vec<String>,
}

/// Gives the ledger another key, in the trust root of the work tree. The key before it signs up to the entry that adopts
/// the new one.
///
/// # Errors
///
/// When the key is not one or has another name than the ledger, or a file cannot be written.
pub fn rotate_log(context: &Context, source: NewKeySource) -> Result<RotateReport> {
    let tree = work_tree(context)?;
    let (mut root, _) = read_root(&tree)?;
    let before: Verifier = root.spec.ledger.key.parse().or_fail(FailureKind::Invalid)?;
    let (key, private) = match source {
        NewKeySource::Public(key) => {
            let key: Verifier = key.trim().parse().or_fail(FailureKind::Usage)?;
            (key, None)
        }
        NewKeySource::Generate(out) => {
            let signer = Signer::generate(before.name()).or_fail(FailureKind::Internal)?;
            let path = write_log_key(context, out, &signer)?;
            (signer.verifier().clone(), Some(path.display().to_string()))
        }
    };
    if key.name() != before.name() {
        let message = format!(
            "the key is named `{}`, and the ledger `{}`; its keys keep that name",
            key.name(),
            before.name()
        );
        return Err(Failure::new(FailureKind::Usage, message));
    }
    root.spec.ledger.key = key.to_string();
    let next = vec![
        "promote trust sign --commit".to_owned(),
        "promote apply, with the log key that it had so far: it adopts the new one".to_owned(),
        "give engines the new key; with both, one a line, they go on without a break".to_owned(),
    ];
    finish(
        &tree,
        root,
        "the ledger".to_owned(),
        (key.to_string(), private),
        next,
    )
}

/// Gives an engine another key, in the trust root of the work tree.
///
/// # Errors
///
/// When there is no such engine, the key is not one, or a file cannot be written.
pub fn rotate_engine(
    context: &Context,
    name: &EngineName,
    source: NewKeySource,
) -> Result<RotateReport> {
    let tree = work_tree(context)?;
    let (mut root, _) = read_root(&tree)?;
    if !root.spec.engines.contains_key(name) {
        let known: Vec<&str> = root.spec.engines.keys().map(EngineName::as_str).collect();
        return Err(crate::ops::plan::unknown("engine", name.as_str(), &known));
    }
    let (key, private) = match source {
        NewKeySource::Public(pem) => {
            let key = EnginePublicKey::from_pem(&pem).or_fail(FailureKind::Invalid)?;
            (key.to_pem(), None)
        }
        NewKeySource::Generate(out) => {
            let pem = EngineKey::generate().or_fail(FailureKind::Internal)?;
            let key = EngineKey::from_pem(&pem).or_fail(FailureKind::Internal)?;
            let path = match out {
                Some(path) => path,
                None => local_folder(context)?.join("engine-next.pem"),
            };
            write_new(&path, pem.expose())?;
            (key.public_key().to_pem(), Some(path.display().to_string()))
        }
    };
    if let Some(engine) = root.spec.engines.get_mut(name) {
        engine.key.clone_from(&key);
    }
    let next = vec![
        "promote trust sign --commit".to_owned(),
        "promote apply, with the engine key that it had so far: it adopts the new one".to_owned(),
        "give the engine the new key; what the old one signs from then on is refused".to_owned(),
    ];
    finish(
        &tree,
        root,
        format!("engine `{name}`"),
        (key, private),
        next,
    )
}

fn finish(
    tree: &Path,
    mut root: TrustRoot,
    what: String,
    (public, private): (String, Option<String>),
    next: Vec<String>,
) -> Result<RotateReport> {
    let written = write_root(tree, &mut root)?;
    Ok(RotateReport {
        what,
        public,
        private,
        written,
        next,
    })
}

/// Writes the new private key: to a file of its own, or below the one that is here, so that both are at hand.
fn write_log_key(context: &Context, out: Option<PathBuf>, signer: &Signer) -> Result<PathBuf> {
    let key = format!("{}\n", signer.private_key().expose());
    if let Some(path) = out {
        write_new(&path, key.as_bytes())?;
        return Ok(path);
    }
    let path = local_folder(context)?.join("log.key");
    if !durable::exists(&path) {
        let message = format!(
            "the log key is not at `{}`, so it is not known where to put another",
            path.display()
        );
        return Err(Failure::new(FailureKind::Usage, message)
            .hint("name a new file with `--out FILE`, or the public half of a key that you made with `--key KEY`"));
    }
    let bytes =
        durable::read_bounded(&path, MAX_KEY_BYTES).map_err(|error| cannot_use(&path, &error))?;
    let text = Secret::new(String::from_utf8(bytes).or_fail(FailureKind::Invalid)?);
    let both = Secret::new(format!("{}\n{key}", text.expose().trim_end()));
    Signer::parse_all(&both).or_fail(FailureKind::Invalid)?;
    durable::write_private(&path, both.expose().as_bytes())
        .map_err(|error| cannot_use(&path, &error))?;
    Ok(path)
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    if durable::exists(path) {
        let message = format!("`{}` is there already", path.display());
        return Err(
            Failure::new(FailureKind::Usage, message).hint("name another file with `--out FILE`")
        );
    }
    durable::write_private(path, bytes).map_err(|error| cannot_use(path, &error))
}

fn local_folder(context: &Context) -> Result<PathBuf> {
    let repository = context.repository()?;
    Ok(repository.git_directory().join(LOCAL_FOLDER))
}
